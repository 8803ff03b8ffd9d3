"""Writes the program of a number: some parts of random families, each as independent of the others as their common names allow."""
import random
import warnings

from .grammar import Expansion

PROLOGUE = "from support import *\n"

# How often each kind of part is written, and how many holes it may fill at will.
PARTS = [
    ("show_expression", 10, 60),
    ("statements", 5, 90),
    ("function_piece", 3, 110),
    ("exception_piece", 3, 110),
    ("class_piece", 4, 130),
    ("generator_piece", 3, 110),
    ("async_piece", 2, 110),
    ("library_piece", 3, 60),
    ("object_piece", 5, 70),
    ("source_piece", 3, 80),
]
EXPRESSIONS = ["number_expression", "text_expression", "container_expression", "method_call", "method_call", "built_in_call", "any", "condition", "fstring"]


def program(grammar, number, parts=None):
    """The text of program `number`: the same each time."""
    chosen = random.Random(number)
    expansion = Expansion(grammar, chosen)
    made = [valid(part, expansion) for _ in range(parts or chosen.randint(3, 8))]
    if chosen.random() < 0.15:
        made.append(valid(ending, expansion))
    return PROLOGUE + "\n".join(made) + "\n"


def valid(write, expansion):
    """A part that compiles: what the grammar cannot know (a name both parameter and global, a pattern that binds one twice) is written anew."""
    while True:
        text = write(expansion)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, "part", "exec")
            return text
        except (SyntaxError, ValueError):
            pass


def part(expansion):
    kinds, weights, budgets = zip(*PARTS)
    index = expansion.random.choices(range(len(kinds)), weights)[0]
    depth = expansion.random.choice((3, 4, 5, 6, 7))
    if kinds[index] == "show_expression":
        lines = []
        for _ in range(8):
            expansion.left = expansion.random.choice((6, 12, 20, 40))
            lines.append(f"show(lambda: ({expansion.expand(expansion.random.choice(EXPRESSIONS), depth)}))")
        return "\n".join(lines)
    expansion.left = budgets[index]
    if kinds[index] == "statements":
        text = "\n".join(expansion.expand("stmt", depth) for _ in range(3))
    else:
        text = expansion.expand(kinds[index], depth)
    # What comes after it runs even if it raises.
    body = text.replace("\n", "\n    ")
    return f"try:\n    {body}\nexcept BaseException as error:\n    describe(error)\n"


def ending(expansion):
    """Ends a program by an error, or with an exit code."""
    expansion.left = 60
    kind = expansion.random.randrange(5)
    if kind == 0:
        return f"sys.exit({expansion.expand('any', 3)})"
    if kind == 1:
        return f"raise {expansion.expand('exception', 4)}"
    if kind == 2:
        return f"raise SystemExit({expansion.expand('any', 3)}) from {expansion.expand('cause', 3)}"
    return expansion.expand("exception_maker" if kind == 3 else "stmt", 4)
