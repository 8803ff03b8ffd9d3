"""How long a thread that waits for an Event or a Condition takes to run once it is set, idle and beside one computing thread."""
import json
import sys
import threading
import time

from load import Computing, percentile


def waits_of_event(count):
    taken = []
    event, ready = threading.Event(), threading.Event()
    moment = 0.0

    def waiter():
        for _ in range(count):
            ready.set()
            event.wait()
            taken.append(time.perf_counter() - moment)
            event.clear()

    thread = threading.Thread(target=waiter)
    thread.start()
    for _ in range(count):
        ready.wait()
        ready.clear()
        time.sleep(0.002)
        moment = time.perf_counter()
        event.set()
    thread.join()
    return taken


def waits_of_condition(count):
    taken = []
    condition, waiting = threading.Condition(), threading.Event()
    moment = 0.0

    def waiter():
        for _ in range(count):
            with condition:
                waiting.set()
                condition.wait()
                taken.append(time.perf_counter() - moment)

    thread = threading.Thread(target=waiter)
    thread.start()
    for _ in range(count):
        waiting.wait()
        waiting.clear()
        time.sleep(0.002)
        with condition:
            moment = time.perf_counter()
            condition.notify()
    thread.join()
    return taken


def main(count):
    kinds = {"event": waits_of_event, "condition": waits_of_condition}
    # Idle ones first: after computing the system keeps the threads together on one processor for a while.
    figures = {name + "_idle_median_us": percentile(waits(count), 0.5) * 1e6 for name, waits in kinds.items()}
    with Computing(1):
        figures |= {name + "_beside_p90_ms": percentile(waits(count), 0.9) * 1e3 for name, waits in kinds.items()}
    return figures


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
