"""Building, searching, splitting and formatting of text."""


def main():
    parts = []
    for i in range(60_000):
        parts.append(f"{i:05d}:{i * 1.5:.2f}:{'even' if i % 2 == 0 else 'odd'}")
    text = ",".join(parts)
    total = len(text) + text.count("even") + text.find("59999")
    for piece in text.split(",")[:50_000]:
        left, _, right = piece.partition(":")
        total += int(left) + len(right.upper().strip().replace("EVEN", "x"))
    grown = ""
    for i in range(80_000):
        grown += chr(97 + i % 26)
    total += sum(1 for ch in grown if ch in "aeiou")
    for i in range(60_000):
        total += len("%s-%d" % ("key", i)) + len("{} {}".format(i, "v")) + ("ab" + str(i)).startswith("ab1")
    return total
