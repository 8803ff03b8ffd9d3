"""Runs CPython's own tests in the reference interpreter with our parser, `_ast` classes and tree validator in
the place of its own: compile() and `ast` go through them, and the reference only makes the code objects.

usage: run_with_parser.py MODULE.so test_name [unittest arguments]
"""
import builtins
import ctypes
import importlib.machinery
import importlib.util
import os
import sys


def load(path):
    loader = importlib.machinery.ExtensionFileLoader('gill_syntax', path)
    spec = importlib.util.spec_from_loader('gill_syntax', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    ast_loader = importlib.machinery.ExtensionFileLoader('_ast', path)
    ast_spec = importlib.util.spec_from_loader('_ast', ast_loader)
    ast_module = importlib.util.module_from_spec(ast_spec)
    ast_loader.exec_module(ast_module)
    return module, ast_module


ours, our_ast = load(os.path.abspath(sys.argv[1]))
import _ast as reference_ast
reference_compile = builtins.compile
ONLY_AST = our_ast.PyCF_ONLY_AST


def to_reference(node):
    if isinstance(node, list):
        return [to_reference(n) for n in node]
    if isinstance(node, our_ast.AST):
        result = getattr(reference_ast, type(node).__name__)()
        for name in node._fields + node._attributes:
            if hasattr(node, name):
                setattr(result, name, to_reference(getattr(node, name)))
        return result
    return node


MODES = ('exec', 'eval', 'single', 'func_type')


def compile(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1):
    if mode not in MODES or not isinstance(source, (str, bytes, bytearray, our_ast.AST)):
        return reference_compile(source, filename, mode, flags, dont_inherit, optimize, _feature_version=_feature_version)
    if isinstance(source, our_ast.AST):
        if flags & ONLY_AST:
            return source
        tree = ours.check(source, mode)
    else:
        if isinstance(source, bytearray):
            source = bytes(source)
        if ('\0' if isinstance(source, str) else b'\0') in source:
            raise ValueError('source code string cannot contain null bytes')
        if isinstance(source, str):
            source.encode()
        name = os.fsdecode(filename)
        if _feature_version < 0 or not flags & ONLY_AST:
            _feature_version = sys.version_info[1]
        if not dont_inherit:
            flags |= sys._getframe(1).f_code.co_flags & 0x1ff0000
        tree = ours.parse(source, name, mode, flags, _feature_version)
        if flags & ONLY_AST:
            return tree
    return reference_compile(to_reference(tree), filename, mode, flags, dont_inherit=True, optimize=optimize)


sys.modules['_ast'] = our_ast
sys.modules.pop('ast', None)
builtins.compile = compile
name, *rest = sys.argv[2:]
import unittest
unittest.main(module=f'test.{name}', argv=[name] + rest)
