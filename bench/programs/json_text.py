"""json.dumps and json.loads of nested data."""
import json


def main():
    data = [{"id": i, "name": f"name {i}", "tags": ["a", "b", str(i)], "score": i / 7, "nested": {"ok": i % 2 == 0, "none": None}}
            for i in range(3000)]
    total = 0
    for _ in range(4):
        text = json.dumps(data)
        back = json.loads(text)
        total += len(text) + back[-1]["id"]
    return total + len(json.dumps(data[:300], indent=2, sort_keys=True))
