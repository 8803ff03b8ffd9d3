"""The grammar, by family. Each file adds its rules to the one grammar; `make_grammar` puts them together."""
from ..grammar import Grammar
from . import classes, containers, control, exceptions, functions, generators, library, methods, numbers, objects, source, text, values


def make_grammar():
    grammar = Grammar()
    for family in (values, numbers, text, containers, methods, control, functions, exceptions, classes, generators, library, objects, source):
        family.add_to(grammar)
    grammar.close()
    return grammar
