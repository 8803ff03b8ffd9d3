"""Files and sockets that one thread closes while others use them."""
import os
import select
import socket
import threading
import time
import unittest


class Closing(unittest.TestCase):
    def use_and_close(self, make, *uses):
        for _ in range(25):
            shared = make()
            errors = []

            def work(use):
                try:
                    for _ in range(2000):
                        use(shared)
                except (OSError, ValueError):
                    pass  # closed
                except BaseException as error:
                    errors.append(error)

            threads = [threading.Thread(target=work, args=(use,)) for use in uses]
            for thread in threads:
                thread.start()
            time.sleep(0.001)
            shared.close()
            for thread in threads:
                thread.join()
            self.assertEqual(errors, [])

    def test_datagrams(self):
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind(("127.0.0.1", 0))
            made.settimeout(0.01)
            return made

        def send(shared):
            shared.sendto(b"x", shared.getsockname())

        self.use_and_close(make, send, send, lambda shared: shared.recvfrom(10), lambda shared: shared.recv(10))

    def test_listening(self):
        def make():
            made = socket.create_server(("127.0.0.1", 0))
            made.settimeout(0.01)
            return made

        def connect(shared):
            socket.create_connection(shared.getsockname(), timeout=0.01).close()

        self.use_and_close(make, connect, lambda shared: shared.accept()[0].close())

    def test_polls(self):
        def poll(shared):
            read, write = os.pipe()
            try:
                shared.register(read, select.EPOLLIN)
                os.write(write, b"x")
                shared.poll(0.001)
                shared.unregister(read)
            finally:
                os.close(read)
                os.close(write)

        self.use_and_close(select.epoll, poll, poll)

    def test_files(self):
        def write(shared):
            shared.write(b"x" * 100)
            shared.flush()

        for buffering in (-1, 0):
            with self.subTest(buffering=buffering):
                self.use_and_close(lambda: open(os.devnull, "wb", buffering), write, write)


if __name__ == "__main__":
    unittest.main()
