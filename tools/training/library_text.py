"""Trains on the standard library's text work: parsing, unparsing, differences, wrapping, templates, tokens."""
import ast
import csv
import difflib
import io
import json
import pprint
import re
import shlex
import string
import textwrap
import tokenize
import xml.etree.ElementTree as ET

SOURCE = open(textwrap.__file__, encoding="utf-8").read()


def main():
    for _ in range(3):
        tree = ast.parse(SOURCE)
        text = ast.unparse(tree)
        compile(text, "text", "exec")
        names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
        tokens = list(tokenize.generate_tokens(io.StringIO(SOURCE).readline))
        left, right = SOURCE.splitlines(), text.splitlines()
        difference = list(difflib.unified_diff(left[:200], right[:200]))
        wrapped = textwrap.fill(SOURCE, 60)
        filled = string.Template("$a and ${b}").substitute(a=len(wrapped), b=len(tokens))
        table = io.StringIO()
        csv.writer(table).writerows(enumerate(names))
        rows = list(csv.reader(io.StringIO(table.getvalue())))
        json.loads(json.dumps({"names": names, "rows": rows, "difference": difference[:50]}, indent=1))
        pprint.pformat({"names": names, "filled": filled})
        shlex.split("a 'b c' \"d e\" f\\ g " * 50)
        words = re.findall(r"\w+", SOURCE)
        counts = {}
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        root = ET.Element("words")
        for word, count in counts.items():
            ET.SubElement(root, "word", text=word).text = str(count)
        ET.fromstring(ET.tostring(root))


main()
