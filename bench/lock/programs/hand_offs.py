"""Two threads that pass a token to each other: hand-offs a second by locks, Queue and SimpleQueue."""
import json
import queue
import sys
import threading
import time


def rate(receive_here, send_there, receive_there, send_here, count):
    def other():
        for _ in range(count):
            receive_there()
            send_here()

    thread = threading.Thread(target=other)
    thread.start()
    begin = time.perf_counter()
    for _ in range(count):
        send_there()
        receive_here()
    seconds = time.perf_counter() - begin
    thread.join()
    return 2 * count / seconds


def main(count):
    here, there = threading.Lock(), threading.Lock()
    here.acquire()
    there.acquire()
    figures = {"lock": rate(here.acquire, there.release, there.acquire, here.release, count)}
    for name, kind in ("queue", queue.Queue), ("simple_queue", queue.SimpleQueue):
        here, there = kind(), kind()
        figures[name] = rate(here.get, lambda there=there: there.put(None), there.get, lambda here=here: here.put(None), count)
    return figures


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
