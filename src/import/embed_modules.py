"""Writes the table of import/frozen.cpp: embed_modules.py OUTPUT FILE..., run by the reference interpreter at build time.

The package's __init__.py comes first.
"""
import pathlib
import sys

LONGEST_LITERAL = 8000


def literals(text):
    """C++ allows only so much in one literal; adjacent ones become one text."""
    for start in range(0, len(text), LONGEST_LITERAL):
        yield f'R"~~~({text[start : start + LONGEST_LITERAL]})~~~"'


def main():
    output, *files = sys.argv[1:]
    with open(output, "w") as out:
        for path in sorted(map(pathlib.Path, files), key=lambda path: (path.stem != "__init__", path.stem)):
            package = path.stem == "__init__"
            name = path.parent.name if package else f"{path.parent.name}.{path.stem}"
            out.write(f'{{"{name}", "<frozen {name}>", {str(package).lower()},\n')
            text = "\n".join(literals(path.read_text()))
            out.write(f"GILL_DOC({text})}},\n")


main()
