"""Dictionary work: counting, grouping, lookups with tuple and text keys, views, merging."""


def main():
    counts, groups, total = {}, {}, 0
    for i in range(250_000):
        key = i * 7919 % 5003
        counts[key] = counts.get(key, 0) + 1
    for i in range(120_000):
        groups.setdefault(i % 97, []).append(i)
    pairs = {(i, i + 1): i for i in range(40_000)}
    for i in range(40_000):
        total += pairs[i, i + 1]
    words = {f"word{i}": i for i in range(20_000)}
    for i in range(100_000):
        total += words[f"word{i % 20_000}"]
    for key, value in counts.items():
        total += key ^ value
    merged = {**counts, **groups}
    total += len(merged) + len(counts.keys() & groups.keys())
    for key in list(counts):
        del counts[key]
    return total + len(counts)
