"""Regular expressions: search, findall, sub, split, groups, alternatives."""
import re


def main():
    text = " ".join(f"user{i}@example{i % 7}.org [{i:04d}] 10.0.{i % 256}.{i * 7 % 256} status={200 + i % 5}" for i in range(4000))
    total = len(re.findall(r"\b[\w.]+@[\w.]+\.org\b", text))
    total += sum(int(m.group(1)) for m in re.finditer(r"\[(\d{4})\]", text))
    total += len(re.sub(r"(\d+)\.(\d+)\.(\d+)\.(\d+)", r"\4.\3.\2.\1", text))
    total += len(re.split(r"\s+|=", text))
    pattern = re.compile(r"(?P<key>[a-z]+)=(?P<value>\d+)|user(\d+)")
    for match in pattern.finditer(text):
        total += int(match.group("value") or 0)
    total += len(re.findall(r"(?i)STATUS=20[0-3]", text)) + bool(re.search(r"(a|b|u)+ser3999@", text))
    return total
