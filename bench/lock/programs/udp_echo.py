"""A UDP echo server in one thread, asked by another process, beside `computing` threads that only compute.

The process that asks is always python3.11, so that what is compared is the server. With `pace` it asks that many times a second,
otherwise as soon as it was answered.
"""
import json
import socket
import subprocess
import sys
import threading
import time

from load import Computing

CLIENT = """
import json, socket, sys, time
port, seconds, pace = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.connect(("127.0.0.1", port))
asking.settimeout(10)
clock = time.perf_counter
waits = []
begin = clock()
next_time = begin
while (now := clock()) - begin < seconds:
    if pace:
        next_time += 1 / pace
        if next_time > now:
            time.sleep(next_time - now)
        now = clock()
    asking.send(b"ping")
    asking.recv(16)
    waits.append(clock() - now)
waits.sort()
print(json.dumps({"rate": len(waits) / (clock() - begin), "median_ms": waits[len(waits) // 2] * 1e3, "p99_ms": waits[int(len(waits) * 0.99)] * 1e3}))
"""


def serve(server):
    while True:
        data, address = server.recvfrom(16)
        if data == b"stop":
            return
        server.sendto(data, address)


def main(client, computing, seconds, pace):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    serving = threading.Thread(target=serve, args=(server,))
    serving.start()
    with Computing(computing) as load:
        asked = subprocess.run([client, "-c", CLIENT, str(server.getsockname()[1]), str(seconds), str(pace)], check=True, capture_output=True, text=True)
    measured = json.loads(asked.stdout)
    server_address = server.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
        stop.sendto(b"stop", server_address)
    serving.join()
    if computing and pace:
        with Computing(computing) as alone:
            time.sleep(seconds)
        measured["computing_share"] = load.rate() / alone.rate()
    return measured


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))))
