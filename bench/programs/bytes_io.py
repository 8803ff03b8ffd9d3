"""bytes, bytearray, struct, io and zlib-free checksums."""
import io
import struct


def main():
    out = io.BytesIO()
    for i in range(40_000):
        out.write(struct.pack("<IHd", i, i & 0xFFFF, i * 0.25))
    data = out.getvalue()
    total = 0
    for a, b, c in struct.iter_unpack("<IHd", data):
        total += a + b + int(c)
    state = 0
    for byte in data[:200_000]:
        state = (state * 31 + byte) & 0xFFFFFFFF
    array = bytearray(50_000)
    for i in range(len(array)):
        array[i] = i & 0xFF
    text = io.StringIO()
    for i in range(40_000):
        print(i, "line", file=text)
    lines = text.getvalue().splitlines()
    return total + state + sum(array) + len(lines) + data.count(b"\x00") + len(bytes(array).hex())
