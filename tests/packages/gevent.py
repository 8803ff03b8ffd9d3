"""Cooperative threads with the standard library patched."""
from gevent import monkey
monkey.patch_all()

import queue
import socket
import subprocess
import threading
import time

import gevent
import gevent.event
import gevent.pool
import gevent.queue
from gevent.server import StreamServer


def work(n):
    gevent.sleep(0.01 * (5 - n))
    return n * n


jobs = [gevent.spawn(work, n) for n in range(5)]
gevent.joinall(jobs)
print([job.value for job in jobs], gevent.pool.Pool(2).map(work, range(4)), list(gevent.pool.Pool(3).imap_unordered(work, range(3))))


def echo(client, address):
    for line in client.makefile("rb"):
        client.sendall(line.upper())


server = StreamServer(("127.0.0.1", 0), echo)
server.start()
with socket.create_connection(server.address) as client:
    client.sendall(b"hello\nworld\n")
    client.shutdown(socket.SHUT_WR)
    print(client.makefile().read())
server.stop()
failing = gevent.spawn(lambda: [].pop())
failing.link_exception(lambda g: print("linked", repr(g.exception)))
import sys, io
sys.stderr = io.StringIO()
failing.join()
gevent.sleep(0)
print("IndexError: pop from empty list" in sys.stderr.getvalue())
sys.stderr = sys.__stderr__
with gevent.Timeout(0.05, False):
    gevent.sleep(5)
    print("not reached")
try:
    with gevent.Timeout(0.05):
        time.sleep(5)
except gevent.Timeout as timeout:
    print(timeout)
channel = queue.Queue()
thread = threading.Thread(target=lambda: [channel.put(i) for i in range(3)])
thread.start()
thread.join()
print([channel.get() for _ in range(3)], subprocess.run(["echo", "sub"], capture_output=True).stdout)
event = gevent.event.AsyncResult()
gevent.spawn_later(0.01, event.set, "value")
print(event.get())
lock = threading.Lock()
total = []


def locked(n):
    with lock:
        total.append(n)
        time.sleep(0.001)


threads = [threading.Thread(target=locked, args=(n,)) for n in range(10)]
[t.start() for t in threads], [t.join() for t in threads]
print(total, gevent.get_hub().threadpool.apply(lambda: threading.current_thread() is not threading.main_thread()))
victim = gevent.spawn(gevent.sleep, 100)
gevent.sleep(0)
victim.kill()
print(victim.dead, victim.value)
