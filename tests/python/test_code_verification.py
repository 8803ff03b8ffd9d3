"""Code objects that a program builds itself: sound ones run, others raise SystemError that says what is wrong."""
import glob
import marshal
import opcode
import os
import sys
import types
import unittest
import warnings

IS_GILL = hasattr(sys.implementation, "gill_version")


def assemble(*instructions):
    code = bytearray()
    for name, *operand in instructions:
        number = opcode.opmap[name] if isinstance(name, str) else name
        code += bytes((number, *(operand or (0,))))
        code += bytes(2 * opcode._inline_cache_entries[number])
    return bytes(code)


def function(*instructions, stack=4, template=lambda x=None: x, closure=None, **fields):
    code = template.__code__.replace(co_code=assemble(*instructions), co_stacksize=stack, **fields)
    return types.FunctionType(code, {}, "f", (None,), closure)


class SoundCode(unittest.TestCase):
    def test_values_left_on_the_stack(self):
        self.assertEqual(function(("RESUME",), ("LOAD_CONST", 0), ("LOAD_CONST", 1), ("RETURN_VALUE",), co_consts=(1, 2))(), 2)

    def test_unreachable_instructions(self):
        self.assertIsNone(function(("RESUME",), ("LOAD_FAST", 0), ("RETURN_VALUE",), (254, 0), ("POP_TOP",))())

    def test_adaptive_form(self):
        def add(a, b):
            return [a + b for _ in range(3)]
        for _ in range(20):
            add(1, 2)
        again = types.FunctionType(add.__code__.replace(co_code=add.__code__._co_code_adaptive), {"range": range})
        self.assertEqual(again(3, 4), [7, 7, 7])

    def test_deep_stack(self):
        names = [f"v{i}" for i in range(300)]
        source = f"def f(t):\n  {', '.join(names)} = t\n  return {', '.join(reversed(names))}"
        namespace = {}
        exec(marshal.loads(marshal.dumps(compile(source, "s", "exec"))), namespace)
        self.assertEqual(namespace["f"](range(300)), tuple(reversed(range(300))))

    def test_code_shows_what_was_given(self):
        code = assemble(("RESUME",), ("LOAD_FAST", 0), ("RETURN_VALUE",))
        made = (lambda x=None: x).__code__.replace(co_code=code)
        self.assertEqual(made.co_code, code)
        self.assertEqual(made._co_code_adaptive, code)
        self.assertEqual(made, made.replace())

    def test_the_standard_library(self):
        class Stop(Exception):
            pass

        def stop(frame, event, argument):
            raise Stop

        def codes(code):
            yield code
            for constant in code.co_consts:
                if isinstance(constant, types.CodeType):
                    yield from codes(constant)

        def enter(code):
            cells = tuple(types.CellType() for _ in code.co_freevars)
            function = types.FunctionType(code, {}, "f", None, cells or None)
            keywords = dict.fromkeys(code.co_varnames[code.co_argcount:code.co_argcount + code.co_kwonlyargcount])
            sys.settrace(stop)
            try:
                made = function(*[None] * code.co_argcount, **keywords)
            except Stop:
                return
            finally:
                sys.settrace(None)
            if hasattr(made, "close"):
                made.close()

        folder = os.path.dirname(os.__file__)
        for path in sorted(glob.glob(f"{folder}/**/*.py", recursive=True)):
            with open(path, "rb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    code = compile(file.read(), path, "exec", dont_inherit=True)
                except (SyntaxError, UnicodeDecodeError, ValueError):
                    continue
            for part in codes(marshal.loads(marshal.dumps(code))):
                with self.subTest(path=path, name=part.co_qualname):
                    enter(part)


@unittest.skipUnless(IS_GILL, "the reference trusts code objects")
class UnsoundCode(unittest.TestCase):
    def refused(self, reason, *instructions, **fields):
        with self.assertRaisesRegex(SystemError, reason):
            function(*instructions, **fields)()

    def test_ends(self):
        self.refused("no instructions")
        self.refused("no end", ("RESUME",), ("LOAD_FAST", 0))
        self.refused("unknown opcode", ("RESUME",), (200,))
        self.refused("unknown opcode", ("RESUME",), ("CACHE",))

    def test_operands(self):
        for name in ("LOAD_FAST", "LOAD_CONST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_CLOSURE"):
            self.refused("operand out of range", ("RESUME",), (name, 50), ("RETURN_VALUE",))
        self.refused("operand out of range", ("LOAD_FAST", 0), ("LOAD_FAST", 0), ("BINARY_OP", 26), ("RETURN_VALUE",))
        self.refused("without a cell", ("RESUME",), ("LOAD_DEREF", 0), ("RETURN_VALUE",))
        self.refused("plain variable", ("LOAD_FAST", 0), ("STORE_FAST", 0), ("LOAD_FAST", 0), ("RETURN_VALUE",), co_cellvars=("x",))
        self.refused("KW_NAMES", ("PUSH_NULL",), ("LOAD_FAST", 0), ("KW_NAMES", 0), ("PRECALL", 0), ("CALL", 0), ("RETURN_VALUE",), co_consts=(("a",),))

    def test_stack(self):
        self.refused("no object", ("RESUME",), ("POP_TOP",))
        self.refused("no object", ("RESUME",), ("PUSH_NULL",), ("RETURN_VALUE",))
        self.refused("overflow", ("LOAD_FAST", 0), ("LOAD_FAST", 0), ("RETURN_VALUE",), stack=1)
        self.refused("different depths", ("LOAD_FAST", 0), ("POP_JUMP_FORWARD_IF_NONE", 1), ("LOAD_FAST", 0), ("LOAD_FAST", 0), ("RETURN_VALUE",))
        self.refused("no container", ("LOAD_FAST", 0), ("LIST_APPEND", 1), ("LOAD_FAST", 0), ("RETURN_VALUE",))

    def test_jumps(self):
        self.refused("middle of an instruction", ("JUMP_FORWARD", 2), ("LOAD_FAST", 0), ("LOAD_ATTR", 0), ("RETURN_VALUE",), co_names=("a",))
        self.refused("out of the code", ("JUMP_FORWARD", 200),)
        self.refused("out of the code", ("JUMP_BACKWARD", 9),)

    def test_exception_table(self):
        body = (("RESUME",), ("LOAD_FAST", 0), ("RETURN_VALUE",))
        self.refused("exception table", *body, co_exceptiontable=b"\x00")
        self.refused("exception table", *body, co_exceptiontable=bytes((0x80, 9, 0, 0)))
        self.refused("out of the code", *body, co_exceptiontable=bytes((0x80, 3, 9, 0)))
        self.refused("too deep", *body, co_exceptiontable=bytes((0x80, 3, 1, 40)))

    def test_generators(self):
        self.refused("outside of a generator", ("LOAD_FAST", 0), ("YIELD_VALUE",), ("RETURN_VALUE",))
        self.refused("misplaced", ("RETURN_GENERATOR",), ("RETURN_VALUE",))

    def test_kinds_are_looked_at(self):
        load = ("LOAD_FAST", 0)
        for error, *instructions in (
            (SystemError, load, ("PUSH_EXC_INFO",), ("RETURN_VALUE",)),
            (SystemError, load, ("LOAD_CONST", 0), ("POP_EXCEPT",), ("RETURN_VALUE",)),
            (SystemError, load, ("RERAISE", 0)),
            (SystemError, load, ("MAKE_FUNCTION", 0), ("RETURN_VALUE",)),
            (SystemError, load, load, ("LIST_APPEND", 1), ("RETURN_VALUE",)),
            (SystemError, load, load, ("SET_ADD", 1), ("RETURN_VALUE",)),
            (SystemError, load, load, load, ("MAP_ADD", 1), ("RETURN_VALUE",)),
            (TypeError, load, ("FOR_ITER", 2), ("RETURN_VALUE",), ("NOP",), load, ("RETURN_VALUE",)),
        ):
            with self.subTest(instructions=instructions), self.assertRaises(error):
                function(*instructions, co_consts=(1,))()

    def test_jump_of_another_frame(self):
        def callee(x):
            return x

        def caller():
            return sorted([2, 1], key=callee)

        refused = []

        def trace(frame, event, argument):
            if frame.f_code is callee.__code__ and event == "line":
                frame.f_back.f_trace = trace
                try:
                    frame.f_back.f_lineno = frame.f_back.f_code.co_firstlineno + 1
                except ValueError as error:
                    refused.append(error)
            return trace

        sys.settrace(trace)
        try:
            caller()
        finally:
            sys.settrace(None)
        self.assertTrue(refused)


if __name__ == "__main__":
    unittest.main()
