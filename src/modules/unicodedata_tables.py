"""Writes the tables of modules/unicodedata.cpp from the running Python's own unicodedata.

Run by the reference interpreter at build time: unicodedata_tables.py OUTPUT.
"""
import ctypes
import sys
import unicodedata
from collections import Counter

NEW = unicodedata
OLD = unicodedata.ucd_3_2_0
FORMS = ("NFD", "NFKD", "NFC", "NFKC")
SINGLE = 196  # word codes of one byte; the others take two


def ucn_api():
    """getname of the name database, which also knows aliases and named sequences."""
    capsule = ctypes.pythonapi.PyCapsule_GetPointer
    capsule.restype = ctypes.c_void_p
    capsule.argtypes = [ctypes.py_object, ctypes.c_char_p]
    table = capsule(unicodedata._ucnhash_CAPI, b"unicodedata._ucnhash_CAPI")
    getname = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[0]
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)(getname)

    def name(code):
        buffer = ctypes.create_string_buffer(512)
        return buffer.value.decode() if call(code, buffer, 512, 1) else None

    return name


def split(table):
    best = None
    for shift in range(4, 10):
        size = 1 << shift
        blocks, index = {}, []
        for start in range(0, len(table), size):
            index.append(blocks.setdefault(tuple(table[start : start + size]), len(blocks)))
        flat = [x for block in blocks for x in block]
        cost = len(index) * 2 + len(flat) * (1 if max(flat) < 256 else 2)
        if best is None or cost < best[0]:
            best = (cost, shift, index, flat)
    return best[1:]


def array(out, kind, name, values):
    out.write(f"constexpr {kind} {name}[] = {{\n")
    values = list(values)
    for i in range(0, len(values), 24):
        out.write(",".join(map(str, values[i : i + 24])) + ",\n")
    out.write("};\n")


def two_stage(out, name, table):
    shift, index, flat = split(table)
    out.write(f"constexpr int k{name}Shift = {shift};\n")
    array(out, "uint16_t", f"k{name}Index", index)
    array(out, "uint8_t" if max(flat) < 256 else "uint16_t", f"k{name}Blocks", flat)


def strings(out, name, values):
    out.write(f"constexpr const char* {name}[] = {{{','.join(chr(34) + v + chr(34) for v in values)}}};\n")


def records(out, name, ucd, categories, bidirectionals, widths, last_of_pair):
    rows, table = {}, []
    for code in range(0x110000):
        c = chr(code)
        quick = 0
        if ucd is NEW and unicodedata.category(c) not in ("Cs", "Cn"):
            for i, form in enumerate(FORMS):
                if unicodedata.normalize(form, c) != c:
                    quick |= 2 << (2 * i)
                elif i >= 2 and code in last_of_pair:
                    quick |= 1 << (2 * i)
        row = (
            categories.setdefault(ucd.category(c), len(categories)),
            bidirectionals.setdefault(ucd.bidirectional(c), len(bidirectionals)),
            ucd.combining(c),
            widths.setdefault(ucd.east_asian_width(c), len(widths)),
            ucd.mirrored(c),
            quick,
        )
        table.append(rows.setdefault(row, len(rows)))
    out.write(f"constexpr Record k{name}Records[] = {{\n")
    for row in rows:
        out.write("{%d,%d,%d,%d,%d,%d},\n" % row)
    out.write("};\n")
    two_stage(out, name, table)


def decompositions(out):
    """Pairs that compose, and the table of single-step decompositions."""
    prefixes, entries, pool, table = {"": 0}, [(0, 0, 0)], [], [0] * 0x110000
    pairs = []
    for code in range(0x110000):
        text = unicodedata.decomposition(chr(code))
        if not text:
            continue
        parts = text.split()
        prefix = parts.pop(0) if parts[0].startswith("<") else ""
        codes = [int(p, 16) for p in parts]
        table[code] = len(entries)
        entries.append((prefixes.setdefault(prefix, len(prefixes)), len(pool), len(codes)))
        pool += codes
        if not prefix and len(codes) == 2 and unicodedata.normalize("NFC", "".join(map(chr, codes))) == chr(code):
            pairs.append((codes[0], codes[1], code))
    strings(out, "kPrefixes", prefixes)
    array(out, "uint32_t", "kDecompositionPool", pool)
    out.write("constexpr Decomposition kDecompositions[] = {\n")
    for entry in entries:
        out.write("{%d,%d,%d},\n" % entry)
    out.write("};\n")
    two_stage(out, "Decomposition", table)
    pairs.sort()
    out.write("constexpr Pair kPairs[] = {\n")
    for pair in pairs:
        out.write("{%d,%d,%d},\n" % pair)
    out.write("};\n")
    return pairs


def old_differences(out):
    out.write("constexpr OldNumber kOldNumbers[] = {\n")
    for code in range(0x110000):
        c = chr(code)
        new = (unicodedata.decimal(c, -1), unicodedata.numeric(c, -1.0))
        old = (OLD.decimal(c, -1), OLD.numeric(c, -1.0))
        if new != old:
            out.write("{%d,%d,%r},\n" % (code, old[0], float(old[1])))
    out.write("};\n")
    out.write("constexpr OldMapping kOldMappings[] = {\n")
    found = 0
    for code in range(0x10000, 0x110000):
        c = chr(code)
        if OLD.category(c) in ("Cn", "Cs") or not unicodedata.decomposition(c):
            continue
        new, old = unicodedata.normalize("NFD", c), OLD.normalize("NFD", c)
        if new != old:
            assert len(old) == 1
            out.write("{%d,%d},\n" % (code, ord(old)))
            found += 1
    assert found
    out.write("};\n")


def hash_of(text):
    h = 2166136261
    for b in text.encode():
        h = (h ^ b) * 16777619 & 0xFFFFFFFF
    return h


def names(out):
    getname = ucn_api()
    found, unified = [], []
    for code in range(0x110000):
        name = unicodedata.name(chr(code), None)
        if not name or name.startswith("HANGUL SYLLABLE "):
            continue
        if name.startswith("CJK UNIFIED IDEOGRAPH-"):
            if unified and unified[-1][1] == code - 1:
                unified[-1][1] = code
            else:
                unified.append([code, code])
            continue
        found.append((name, code))
    own = len(found)
    aliases, sequences = [], []
    code = 0xF0000
    while name := getname(code):
        aliases.append((name, ord(unicodedata.lookup(name))))
        code += 1
    code = 0xF0200
    while name := getname(code):
        sequences.append((name, unicodedata.lookup(name)))
        code += 1
    found += aliases
    every = [n for n, _ in found] + [n for n, _ in sequences]
    counts = Counter(w for n in every for w in n.split(" "))
    words = [w for w, _ in counts.most_common()]
    assert len(words) <= SINGLE + (256 - SINGLE) * 256
    number = {w: i for i, w in enumerate(words)}
    pool, starts = [], []
    for w in words:
        starts.append(len(pool))
        pool += w.encode()
    starts.append(len(pool))
    array(out, "char", "kWordPool", pool)
    array(out, "uint32_t", "kWordStarts", starts)
    text, begin = [], []
    for n in every:
        begin.append(len(text))
        for w in n.split(" "):
            i = number[w]
            if i < SINGLE:
                text.append(i)
            else:
                text += [SINGLE + ((i - SINGLE) >> 8), (i - SINGLE) & 255]
    begin.append(len(text))
    array(out, "uint8_t", "kNameText", text)
    array(out, "uint32_t", "kNameStarts", begin)
    array(out, "uint32_t", "kNameCodes", [c for _, c in found] + [0x110000 + i for i in range(len(sequences))])
    out.write(f"constexpr unsigned kOwnNames = {own};\nconstexpr int kSingleCodes = {SINGLE};\n")
    size = 1 << 17
    slots = [0] * size
    for i, n in enumerate(every):
        at = hash_of(n) & (size - 1)
        while slots[at]:
            at = (at + 1) & (size - 1)
        slots[at] = i + 1
    array(out, "uint16_t", "kNameSlots", slots)
    sequence_pool, rows = [], []
    for _, value in sequences:
        rows.append((len(sequence_pool), len(value)))
        sequence_pool += map(ord, value)
    array(out, "uint16_t", "kSequencePool", sequence_pool)
    out.write("constexpr Sequence kSequences[] = {\n" + "".join("{%d,%d},\n" % r for r in rows) + "};\n")
    out.write("constexpr Range kUnifiedIdeographs[] = {\n" + "".join("{%d,%d},\n" % tuple(r) for r in unified) + "};\n")
    syllables = [[], [], []]
    for i in range(19):
        syllables[0].append(unicodedata.name(chr(0xAC00 + i * 588 + 28 * 18))[16:-2])
    for i in range(21):
        syllables[1].append(unicodedata.name(chr(0xAC00 + 11 * 588 + i * 28))[16:])
    for i in range(28):
        syllables[2].append(unicodedata.name(chr(0xAC00 + 11 * 588 + i))[17:])
    for label, values in zip(("Leads", "Vowels", "Tails"), syllables):
        strings(out, f"kHangul{label}", values)


def main():
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write(f'constexpr const char* kUnidataVersion = "{unicodedata.unidata_version}";\n')
        pairs = decompositions(out)
        last = {p[1] for p in pairs} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
        categories, bidirectionals, widths = {}, {}, {}
        records(out, "New", NEW, categories, bidirectionals, widths, last)
        records(out, "Old", OLD, categories, bidirectionals, widths, last)
        strings(out, "kCategories", categories)
        strings(out, "kBidirectionals", bidirectionals)
        strings(out, "kWidths", widths)
        out.write(f"constexpr int kUnassigned = {categories['Cn']};\n")
        old_differences(out)
        names(out)


main()
