"""Makes the C++ nodes and the tables of the `_ast` classes from nodes.schema.

usage: generate_nodes.py nodes.schema ast_nodes.h ast_nodes.cpp
"""
import re
import sys

CPP_NAMES = {
    'mod': 'Mod', 'stmt': 'Stmt', 'expr': 'Expr', 'expr_context': 'Context', 'boolop': 'BoolOperator',
    'operator': 'Operator', 'unaryop': 'UnaryOperator', 'cmpop': 'CmpOp', 'comprehension': 'Comprehension',
    'excepthandler': 'ExceptHandler', 'arguments': 'Arguments', 'arg': 'Arg', 'keyword': 'Keyword',
    'alias': 'Alias', 'withitem': 'WithItem', 'match_case': 'MatchCase', 'pattern': 'Pattern',
    'type_ignore': 'TypeIgnore',
}
BUILT_IN = {'identifier': 'PyObject*', 'string': 'PyObject*', 'constant': 'PyObject*', 'int': 'int'}


class Field:
    def __init__(self, text):
        self.type, self.quantity, self.name = re.fullmatch(r'(\w+)([?*]?) (\w+)', text.strip()).groups()


class Constructor:
    def __init__(self, name, fields):
        self.name = name
        self.fields = [Field(f) for f in fields.split(',')] if fields else []
        listed = ', '.join(f'{f.type}{f.quantity} {f.name}' for f in self.fields)
        self.doc = f'{name}({listed})' if self.fields else name


class Type:
    def __init__(self, name, body):
        self.name = name
        self.cpp = CPP_NAMES[name]
        body, _, attributes = body.partition('attributes')
        self.attributes = bool(attributes)
        self.end_is_optional = 'int? end_lineno' in attributes
        body = body.strip()
        if body.startswith('('):
            self.shape = 'product'
            self.constructors = [Constructor(name, body[1:-1])]
            self.doc = self.constructors[0].doc
            return
        self.constructors = [Constructor(*m.groups()) for m in re.finditer(r'(\w+)(?:\(([^)]*)\))?', body)]
        simple = not any(c.fields for c in self.constructors)
        self.shape = 'simple' if simple else 'sum'
        separator = ' | ' if simple else '\n' + ' ' * (len(name) + 1) + '| '
        self.doc = f'{name} = ' + separator.join(c.doc for c in self.constructors)

    # A choice of one needs no kind.
    @property
    def has_kind(self):
        return self.shape == 'sum' and len(self.constructors) > 1

    def struct_of(self, constructor):
        if not self.has_kind:
            return self.cpp
        # The statement that is an expression would share its name with all expressions.
        return 'ExprStmt' if constructor.name == 'Expr' else constructor.name


def read_schema(path):
    text = re.sub(r'#.*', '', open(path, encoding='utf-8').read())
    parts = re.split(r'^(\w+) = ', text, flags=re.M)[1:]
    return [Type(name, ' '.join(body.split())) for name, body in zip(parts[::2], parts[1::2])]


def member_name(field):
    # `kind` already says which node it is.
    return 'kind_' if field.name == 'kind' else field.name


def header(types):
    by_name = {t.name: t for t in types}

    def cpp_type(field):
        if field.type in BUILT_IN:
            one = BUILT_IN[field.type]
            many = 'NameList'
        else:
            t = by_name[field.type]
            one = t.cpp if t.shape == 'simple' else t.cpp + '*'
            many = t.cpp + 'List'
        return many if field.quantity == '*' else one

    out = ['// Generated from src/syntax/nodes.schema by generate_nodes.py.', '#pragma once', '',
           '#include "syntax/arena.h"', '#include "syntax/node_table.h"', '', 'namespace gill::ast {', '']
    for t in types:
        if t.shape == 'simple':
            out += [f'enum class {t.cpp} : int {{ ' + ', '.join(c.name for c in t.constructors) + ' };']
        elif t.has_kind:
            out += [f'enum class {t.cpp}Kind : int {{', *(f'  {c.name},' for c in t.constructors), '};']
    out += ['']
    out += [f'struct {t.cpp};' for t in types if t.shape != 'simple']
    out += ['']
    for t in types:
        out += [f'using {t.cpp}List = Sequence<{t.cpp}{"" if t.shape == "simple" else "*"}>;']
    out += ['using NameList = Sequence<PyObject*>;', '']
    out += ['// Lines count from 1, columns from 0 in bytes of UTF-8.', 'struct Located {',
            '  int lineno;', '  int col_offset;', '  int end_lineno;', '  int end_col_offset;', '};', '']
    for t in types:
        if t.has_kind:
            out += [f'struct {t.cpp}{" : Located" if t.attributes else ""} {{', f'  {t.cpp}Kind kind;', '};', '']
    for t in types:
        if t.shape == 'simple':
            continue
        for c in t.constructors:
            base = f' : {t.cpp}' if t.has_kind else ' : Located' if t.attributes else ''
            out += [f'struct {t.struct_of(c)}{base} {{']
            if t.has_kind:
                out += [f'  static constexpr {t.cpp}Kind kKind = {t.cpp}Kind::{c.name};']
            out += [f'  {cpp_type(f)} {member_name(f)};' for f in c.fields]
            out += ['};', '']
    out += ['// Downcasts; the caller has looked at the kind.',
            'template <class Node, class Base>', 'Node* as(Base* node) { return static_cast<Node*>(node); }',
            'template <class Node, class Base>',
            'const Node* as(const Base* node) { return static_cast<const Node*>(node); }', '',
            '}  // namespace gill::ast', '']
    return '\n'.join(out)


def literal(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n"\n    "') + '"'


def source(types):
    index = {t.name: i for i, t in enumerate(types)}
    out = ['// Generated from src/syntax/nodes.schema by generate_nodes.py.', '#include "syntax/ast_nodes.h"', '',
           '#include <cstddef>', '', 'namespace gill::ast {', 'namespace {', '']
    kinds = {'identifier': 'identifier', 'string': 'string', 'constant': 'constant', 'int': 'integer'}
    quantities = {'': 'one', '?': 'optional', '*': 'many'}
    for t in types:
        for c in t.constructors:
            if not c.fields:
                continue
            struct = t.struct_of(c)
            out += [f'constexpr FieldInfo k{c.name}Of{t.cpp}[] = {{']
            for f in c.fields:
                value = kinds.get(f.type) or ('choice' if types[index[f.type]].shape == 'simple' else 'node')
                of = index.get(f.type, -1)
                out += [f'    {{"{f.name}", FieldKind::{value}, Quantity::{quantities[f.quantity]}, '
                        f'offsetof({struct}, {member_name(f)}), {of}}},']
            out += ['};']
    out += ['', '}  // namespace', '', 'const ClassInfo kClasses[] = {']
    first = []
    position = 0
    for t in types:
        first.append(position)
        position += len(t.constructors)
        for c in t.constructors:
            fields = f'k{c.name}Of{t.cpp}, {len(c.fields)}' if c.fields else 'nullptr, 0'
            size = f'sizeof({t.struct_of(c)})' if t.shape != 'simple' else '0'
            out += [f'    {{"{c.name}", {literal(c.doc)}, {fields}, {size}}},']
    out += ['};', 'const TypeInfo kTypes[] = {']
    for t, start in zip(types, first):
        place = f'offsetof({t.cpp}, lineno)' if t.attributes else '-1'
        kind = f'offsetof({t.cpp}, kind)' if t.has_kind else '-1'
        out += [f'    {{"{t.name}", {literal(t.doc)}, Shape::{t.shape}, {start}, {len(t.constructors)}, {kind}, {place}, '
                f'{"true" if t.end_is_optional else "false"}}},']
    out += ['};', f'static_assert(sizeof kTypes / sizeof kTypes[0] == kTypeCount);',
            f'static_assert(sizeof kClasses / sizeof kClasses[0] == kClassCount);', '',
            '}  // namespace gill::ast', '']
    return '\n'.join(out)


def main():
    schema, header_path, source_path = sys.argv[1:]
    types = read_schema(schema)
    counts = (f'\ninline constexpr int kTypeCount = {len(types)};\n'
              f'inline constexpr int kClassCount = {sum(len(t.constructors) for t in types)};\n'
              'extern const TypeInfo kTypes[kTypeCount];\nextern const ClassInfo kClasses[kClassCount];\n')
    ids = '\nenum class TypeId : int { ' + ', '.join(t.cpp for t in types) + ' };\n'
    text = header(types).replace('\n// Lines count', ids + counts + '\n// Lines count', 1)
    open(header_path, 'w', encoding='utf-8').write(text)
    open(source_path, 'w', encoding='utf-8').write(source(types))


main()
