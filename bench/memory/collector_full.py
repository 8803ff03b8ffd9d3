"""gc.collect() with two million live containers and nothing to find."""
import gc
import json
import time

MEASURES = {"gc.collect(), nothing to find": ("ms", "at most 110")}
CONTAINERS = 2_000_000


def main():
    kept = [[i] if i % 2 else {"i": i, "self": []} for i in range(CONTAINERS // 3 * 2)]
    gc.collect()
    times = []
    for _ in range(5):
        started = time.perf_counter()
        found = gc.collect()
        times.append(time.perf_counter() - started)
        assert found == 0
    del kept
    return {"gc.collect(), nothing to find": min(times) * 1e3}


if __name__ == "__main__":
    print(json.dumps(main()))
