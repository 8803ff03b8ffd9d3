"""Writes the character tables of base/unicode.cpp from what the running Python knows about characters.

Run by the reference interpreter at build time: unicode_tables.py OUTPUT.
"""
import ctypes
import sys
import unicodedata

ALPHA, DECIMAL, DIGIT, LOWER, LINEBREAK, SPACE, TITLE, UPPER = (1 << i for i in range(8))
XID_START, XID_CONTINUE, PRINTABLE, NUMERIC, CASE_IGNORABLE, CASED, FULL_CASE = (1 << i for i in range(8, 15))

api = ctypes.pythonapi
for function in ("_PyUnicode_ToUppercase", "_PyUnicode_ToLowercase", "_PyUnicode_ToTitlecase"):
    getattr(api, function).restype = ctypes.c_uint32


def record(code):
    c = chr(code)
    flags = 0
    for flag, holds in (
        (ALPHA, c.isalpha()),
        (DECIMAL, c.isdecimal()),
        (DIGIT, c.isdigit()),
        (LOWER, bool(api._PyUnicode_IsLowercase(code))),
        (UPPER, bool(api._PyUnicode_IsUppercase(code))),
        (TITLE, bool(api._PyUnicode_IsTitlecase(code))),
        (LINEBREAK, len((c + "x").splitlines()) == 2),
        (SPACE, c.isspace()),
        (XID_START, bool(api._PyUnicode_IsXidStart(code))),
        (XID_CONTINUE, bool(api._PyUnicode_IsXidContinue(code))),
        (PRINTABLE, c.isprintable()),
        (NUMERIC, c.isnumeric()),
        (CASE_IGNORABLE, bool(api._PyUnicode_IsCaseIgnorable(code))),
        (CASED, bool(api._PyUnicode_IsCased(code))),
    ):
        if holds:
            flags |= flag
    upper = api._PyUnicode_ToUppercase(code)
    lower = api._PyUnicode_ToLowercase(code)
    title = api._PyUnicode_ToTitlecase(code)
    full = None
    surrogate = 0xD800 <= code <= 0xDFFF
    if not surrogate:
        # A final sigma depends on its surroundings, which the caller looks at: ask with none.
        mappings = [c.lower(), c.title(), c.upper(), c.casefold()]
        if code == 0x3A3:
            mappings[0] = "\u03c3"
        if mappings != [chr(lower), chr(title), chr(upper), chr(lower)]:
            flags |= FULL_CASE
            full = [list(map(ord, m)) for m in mappings]
    return (
        (upper - code, lower - code, title - code, unicodedata.decimal(c, -1) + 1, unicodedata.digit(c, -1) + 1, flags),
        full,
    )


def split(table):
    """The two-stage form of a list: the smallest of the block sizes tried."""
    best = None
    for shift in range(4, 10):
        size = 1 << shift
        blocks, index = {}, []
        for start in range(0, len(table), size):
            block = tuple(table[start : start + size])
            index.append(blocks.setdefault(block, len(blocks)))
        flat = [x for block in blocks for x in block]
        cost = len(index) * (1 if len(blocks) < 256 else 2) + len(flat) * (1 if max(flat) < 256 else 2)
        if best is None or cost < best[0]:
            best = (cost, shift, index, flat)
    return best[1:]


def array(out, kind, name, values):
    out.write(f"static constexpr {kind} {name}[] = {{\n")
    values = list(values)
    for i in range(0, len(values), 20):
        out.write(",".join(map(str, values[i : i + 20])) + ",\n")
    out.write("};\n")


def main():
    records, codes, full, numeric = {}, [], [], []
    unassigned = None
    for code in range(0x110000):
        c = chr(code)
        if unassigned is not None and unicodedata.category(c) == "Cn":
            codes.append(unassigned)
            continue
        row, mappings = record(code)
        codes.append(records.setdefault(row, len(records)))
        if unassigned is None and unicodedata.category(c) == "Cn":
            unassigned = codes[-1]
        if mappings:
            full.append((code, mappings))
        value = unicodedata.numeric(c, None)
        if value is not None:
            numeric.append((code, value))
    shift, index, flat = split(codes)
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write(f"// Unicode {unicodedata.unidata_version}; generated.\n")
        out.write("static constexpr Record kRecords[] = {\n")
        for row in records:
            out.write("{%d,%d,%d,%d,%d,%d},\n" % row)
        out.write("};\n")
        out.write(f"static constexpr int kShift = {shift};\n")
        array(out, "uint16_t", "kIndex", index)
        array(out, "uint16_t" if max(flat) > 255 else "uint8_t", "kBlocks", flat)
        pool, rows = [], []
        for code, mappings in full:
            row = [code]
            for m in mappings:
                row += [len(pool), len(m)]
                pool += m
            rows.append(row)
        array(out, "uint32_t", "kCasePool", pool)
        out.write("static constexpr FullCase kFullCases[] = {\n")
        for row in rows:
            out.write("{%d,{{%d,%d},{%d,%d},{%d,%d},{%d,%d}}},\n" % tuple(row))
        out.write("};\n")
        out.write("static constexpr NumericValue kNumericValues[] = {\n")
        for code, value in numeric:
            out.write("{%d,%r},\n" % (code, value))
        out.write("};\n")


main()
