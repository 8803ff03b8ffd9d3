"""A TCP echo server of asyncio in the main thread, asked by another process, beside `computing` threads that only compute."""
import asyncio
import json
import sys

from load import Computing

CLIENT = """
import json, socket, sys, time
asking = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
asking.settimeout(10)
seconds, clock, count = float(sys.argv[2]), time.perf_counter, 0
begin = clock()
while clock() - begin < seconds:
    asking.sendall(b"ping")
    asking.recv(16)
    count += 1
print(json.dumps({"rate": count / (clock() - begin)}))
"""


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def serve(client, seconds):
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    async with server:
        asking = await asyncio.create_subprocess_exec(client, "-c", CLIENT, str(server.sockets[0].getsockname()[1]), str(seconds),
                                                      stdout=asyncio.subprocess.PIPE)
        output, _ = await asking.communicate()
    return json.loads(output)


def main(client, computing, seconds):
    with Computing(computing):
        return asyncio.run(serve(client, seconds))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
