"""pytest, hypothesis, black, mypy, sphinx, cython, setuptools, pip as programs."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def run(*arguments, folder):
    done = subprocess.run([sys.executable, "-W", "ignore", *arguments], capture_output=True, text=True, cwd=folder)
    text = done.stdout + done.stderr
    text = re.sub(r"in \d+\.\d+s|\d+\.\d+ seconds", "in N s", text).replace(str(folder), "FOLDER").replace(sys.executable, "PYTHON")
    text = re.sub(r"0x[0-9a-f]{6,}", "0xN", text)
    print(" ".join(arguments), done.returncode, "\n".join(line for line in text.splitlines() if not line.startswith("platform ")), sep="\n")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name).resolve()
    (folder / "test_it.py").write_text('''
import pytest, dataclasses
from hypothesis import given, settings, strategies as st

@pytest.fixture(params=[1, 2])
def number(request):
    yield request.param

def test_number(number, capsys, tmp_path, monkeypatch):
    print("x"); monkeypatch.setenv("A", "b")
    assert capsys.readouterr().out == "x\\n" and number < 3

@pytest.mark.parametrize("a,b", [(1, 2), ("x", "y"), ([1, 2, 3], [1, 2, 4]), ({"a": 1}, {"a": 2})])
def test_equal(a, b):
    assert a == b, "told"

def test_raises():
    with pytest.raises(ValueError, match="inv.lid"):
        int("x")

@pytest.mark.xfail
def test_x(): assert sum([1, 2]) == len("ab") and not any(i for i in range(3))

@dataclasses.dataclass
class P:
    x: int
    y: list

def test_dataclass():
    left, right = P(1, [2]), P(1, [3])
    assert left == right

@settings(database=None, derandomize=True)
@given(st.lists(st.integers()))
def test_sorted(values):
    assert sorted(values) == values

@settings(database=None, derandomize=True)
@given(st.text(), st.dictionaries(st.floats(allow_nan=False), st.tuples(st.binary(), st.booleans())))
def test_round_trip(text, d):
    assert text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") == text and dict(d.items()) == d
''')
    run("-m", "pytest", "-p", "no:cacheprovider", "-vv", "test_it.py", folder=folder)
    (folder / "ugly.py").write_text("def f(a,b = 2,*c ,**d) :\n  x={'a':1,\n 'b':[1,2,3,]}\n  return lambda:x [ 1 ]\nmatch x:\n    case  [1,*r]  : pass\n")
    run("-m", "black", "-q", "ugly.py", folder=folder)
    print((folder / "ugly.py").read_text())
    (folder / "typed.py").write_text('''
from typing import Generic, TypeVar, Protocol, overload
T = TypeVar("T")
class Box(Generic[T]):
    def __init__(self, item: T) -> None: self.item = item
    def map(self, f: "Callable[[T], T]") -> "Box[T]": return Box(f(self.item))
def g(x: int | None) -> str:
    reveal_type(x)
    if x is None: return 3
    return x.upper()
reveal_type(Box([1, "a"]).item)
Box[int]("s")
''')
    run("-m", "mypy", "--no-incremental", "--cache-dir=/dev/null", "typed.py", folder=folder)
    docs = folder / "docs"
    docs.mkdir()
    (docs / "conf.py").write_text("project = 'p'\nextensions = ['sphinx.ext.autodoc']\nimport sys; sys.path.insert(0, '..')\n")
    (docs / "index.rst").write_text("Head\n====\n\n.. automodule:: typed_docs\n   :members:\n\n:ref:`nope`\n")
    (folder / "typed_docs.py").write_text('"""Module."""\ndef f(a: int, *, b: str = "x") -> None:\n    """Does *f*."""\nclass C:\n    """Is c."""\n    def m(self): "Does m."\n')
    run("-m", "sphinx", "-b", "text", "-q", "docs", "out", folder=folder)
    print((folder / "out" / "index.txt").read_text() if (folder / "out" / "index.txt").exists() else "no output")
