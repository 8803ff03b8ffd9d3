"""Makes a program smaller as long as it still differs: drops runs of statements, wherever they stand, then simplifies compound ones.

Works on lines, so that what remains keeps its text and columns (tracebacks mark them).
"""
import ast

MOST_ATTEMPTS = 400


def reduce(text, differs):
    attempts = 0

    def still(candidate):
        nonlocal attempts
        attempts += 1
        return attempts <= MOST_ATTEMPTS and differs(candidate)

    smaller = True
    while smaller and attempts < MOST_ATTEMPTS:
        smaller = False
        for candidate in candidates(text):
            if still(candidate):
                text, smaller = candidate, True
                break
    return text


def candidates(text):
    """Smaller programs, the smallest first."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    lines = text.split("\n")
    ranges = []
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and hasattr(block[0], "lineno") or name == "cases" and isinstance(block, list):
                ranges += dropped_ranges(node, name, block)
    for first, last, filler in sorted(ranges, key=lambda each: each[0] - each[1]):
        if first == 1:  # the import of the support
            continue
        indentation = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
        yield "\n".join(lines[: first - 1] + ([indentation + filler] if filler else []) + lines[last:])
    # A compound statement gives way to its body.
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.For, ast.While, ast.With, ast.Try)) and node.body[0].lineno > node.lineno:
            first, last = node.body[0].lineno, node.body[-1].end_lineno
            shift = node.body[0].col_offset - node.col_offset
            body = [line[shift:] for line in lines[first - 1 : last]]
            yield "\n".join(lines[: node.lineno - 1] + body + lines[node.end_lineno :])


def dropped_ranges(node, name, block):
    if name in ("handlers", "cases"):
        spans = [(each.lineno if name == "handlers" else each.pattern.lineno, each.body[-1].end_lineno) for each in block]
        return [(*span, "") for span in spans] if len(spans) > 1 else []
    spans = [(min([each.lineno] + [d.lineno for d in getattr(each, "decorator_list", [])]), each.end_lineno) for each in block]
    whole = (spans[0][0], spans[-1][1])
    found = []
    for size in (len(spans) // 2, len(spans) // 4, 1):
        if size:
            for start in range(0, len(spans), size):
                part = spans[start : start + size]
                span = (part[0][0], part[-1][1])
                is_module = isinstance(node, ast.Module)
                found.append((*span, "" if is_module or span != whole else "pass"))
    if name == "body" and len(spans) == 1 and isinstance(block[0], ast.Pass):
        return []
    return found
