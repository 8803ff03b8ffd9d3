"""The engine of the generator: alternatives written as Python text with holes.

    <rule>    a hole, filled by an alternative of that rule; on a line of its own it may become several lines, indented like the hole
    <rule*3>  up to three of them, one below the other (statements) or separated by commas
    $i $s2    a name of the pool `i` or `s`: the same letter and digit is the same name within one alternative
    $$        a dollar

A line `@5` in front of an alternative gives it the weight 5 (else 1). Alternatives are separated by line ends in `Grammar.lines` and by
lines `---` in `Grammar.blocks`. A rule that is a Python function is added by `Grammar.hook`.
"""
import re

HOLE = re.compile(r"<([a-z_]+)(\*[0-9])?>|\$([A-Za-z][0-9]?)|(\$\$)")

# Few names, so that programs shadow, rebind and delete what other parts of them use. What a letter stands for is what it
# starts as (`writer.PROLOGUE`); nothing keeps a program from giving it another type.
POOLS = {
    "i": ["i", "j", "k", "n"],
    "f": ["f", "g", "h"],
    "s": ["s", "t", "text"],
    "b": ["raw", "data"],
    "l": ["items", "rows"],
    "d": ["table", "names"],
    "x": ["x", "y", "z", "value", "other"],
    "e": ["error", "problem"],
    "a": ["alpha", "beta", "gamma", "_private", "__secret", "size"],
    "C": [],  # classes, functions: a new name each time
    "F": [],
}
FRESH = {"C": "Class", "F": "function_"}


class Alternative:
    def __init__(self, text, weight):
        self.weight = weight
        self.parts = []  # str, or (kind, name, count, indentation)
        position = 0
        for match in HOLE.finditer(text):
            self.parts.append(text[position : match.start()])
            line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            indentation = line[: len(line) - len(line.lstrip())]
            rule, count, name, dollar = match.groups()
            if rule:
                alone = not line.strip() and text[match.end() : match.end() + 1] in ("", "\n")
                self.parts.append(("rule", rule, int(count[1:]) if count else 0, indentation, alone))
            elif dollar:
                self.parts.append("$")
            else:
                self.parts.append(("name", name, 0, indentation, False))
            position = match.end()
        self.parts.append(text[position:])

    def needed(self):
        return [part[1] for part in self.parts if not isinstance(part, str) and part[0] == "rule"]


class Grammar:
    def __init__(self):
        self.rules = {}
        self.hooks = {}
        self.heights = None

    def lines(self, name, text):
        """Adds one alternative for each line."""
        weight = 1
        for line in text.strip("\n").split("\n"):
            line = line.strip()
            if re.fullmatch("@[0-9]+", line):
                weight = int(line[1:])
            elif line:
                self.rules.setdefault(name, []).append(Alternative(line, weight))
                weight = 1

    def blocks(self, name, text, weight=1):
        """Adds one alternative for each run of lines between lines `---`."""
        for block in re.split(r"^---\n", text.strip("\n") + "\n", flags=re.MULTILINE):
            chosen = weight
            if match := re.match(r"@([0-9]+)\n", block):
                chosen, block = int(match[1]), block[match.end() :]
            self.rules.setdefault(name, []).append(Alternative(block.rstrip("\n"), chosen))

    def hook(self, name):
        def add(function):
            self.hooks[name] = function
            return function

        return add

    def close(self):
        """Computes how deep each alternative goes at least: what is chosen when a program is to come to an end."""
        unknown = 1000
        heights = dict.fromkeys(self.rules, unknown) | dict.fromkeys(self.hooks, 0)
        changed = True
        while changed:
            changed = False
            for name, alternatives in self.rules.items():
                for alternative in alternatives:
                    alternative.height = 1 + max((self.height_of(heights, hole, name) for hole in alternative.needed()), default=0)
                height = min(alternative.height for alternative in alternatives)
                if height < heights[name]:
                    heights[name], changed = height, True
        endless = [name for name, height in heights.items() if height >= unknown]
        assert not endless, f"rules without an end: {endless}"
        self.heights = heights
        self.weights = {name: [a.weight for a in alternatives] for name, alternatives in self.rules.items()}
        self.shallow = {
            name: [a for a in alternatives if a.height == heights[name]] for name, alternatives in self.rules.items()
        }

    @staticmethod
    def height_of(heights, hole, name):
        if hole not in heights:
            raise KeyError(f"<{hole}> in <{name}> is no rule")
        return heights[hole]


class Expansion:
    """Writes the text of one program from a grammar and a random generator."""

    def __init__(self, grammar, random):
        self.grammar = grammar
        self.random = random
        self.made = 0
        self.left = 0  # how many more holes may be filled at will; set for each part of a program

    def expand(self, name, depth):
        self.left -= 1
        if self.left < 0:
            depth = 0
        hook = self.grammar.hooks.get(name)
        if hook is not None:
            return hook(self, depth)
        if depth <= self.grammar.heights[name]:
            alternative = self.random.choice(self.grammar.shallow[name])
        else:
            alternative = self.random.choices(self.grammar.rules[name], self.grammar.weights[name])[0]
        return self.fill(alternative, depth)

    def fill(self, alternative, depth):
        bound = {}
        pieces = []
        for part in alternative.parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            kind, name, count, indentation, alone = part
            if kind == "name":
                if name not in bound:
                    bound[name] = self.choose_name(name[0], bound.values())
                pieces.append(bound[name])
                continue
            if count:
                times = self.random.randint(1 if alone else 0, count)
                text = ("\n" if alone else ", ").join(self.expand(name, depth - 1) for _ in range(times))
            else:
                text = self.expand(name, depth - 1)
            if "\n" in text and indentation:
                text = text.replace("\n", "\n" + indentation)
            pieces.append(text)
        return "".join(pieces)

    def choose_name(self, pool, taken):
        if pool in FRESH:
            self.made += 1
            return f"{FRESH[pool]}{self.made}"
        names = [name for name in POOLS[pool] if name not in taken]
        return self.random.choice(names or POOLS[pool])
