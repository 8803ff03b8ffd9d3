"""Threads with a queue and a lock: hand-over between a producer and workers."""
import queue
import threading


def main():
    jobs, lock, total = queue.Queue(100), threading.Lock(), 0

    def work():
        nonlocal total
        while (job := jobs.get()) is not None:
            part = sum(range(job % 50))
            with lock:
                total += part

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for i in range(20_000):
        jobs.put(i)
    for _ in workers:
        jobs.put(None)
    for worker in workers:
        worker.join()
    return total
