"""Runs programs in forked children of one interpreter that has imported the support already; run by both interpreters.

Reads requests from standard input, a line of JSON each: the text of a program. The child runs it as `__main__` from the file
`program.py` of the current directory, its output in files; the answer is a line of JSON: exit code (or minus the signal), output, error
output. What a child does to its interpreter ends with it.
"""
import builtins
import gc
import json
import os
import resource
import signal
import sys
import types

import support  # noqa: F401  (imported once for all children)

SECONDS = 10  # of processor time; a program normally takes some milliseconds
MEMORY = 4 << 30


def serve():
    """Answers requests; returns the program to run in a child, None in the parent at the end."""
    answers = os.fdopen(os.dup(1), "w")
    output = os.open("output", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    errors = os.open("errors", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for request in iter(sys.stdin.buffer.readline, b""):
        text = json.loads(request)
        with open("program.py", "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        for file in (output, errors):
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
        child = os.fork()
        if not child:
            os.dup2(output, 1)
            os.dup2(errors, 2)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            # Not RLIMIT_AS: below the address space that Gill reserves at its start not even the stack could grow any more.
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
            signal.alarm(SECONDS * 3)
            return text
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        answers.write(json.dumps([code, *(os.pread(file, 1 << 24, 0).decode("latin-1") for file in (output, errors))]) + "\n")
        answers.flush()
    return None


def run(text):
    main = types.ModuleType("__main__")
    main.__file__ = "program.py"
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    sys.argv = ["program.py"]
    code = 0
    try:
        exec(compile(text, "program.py", "exec", dont_inherit=True), main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        # The reports of the interpreter begin at the program's own frame.
        error.__traceback__ = error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    # Taking down all the imported modules would cost more than most programs; those that run as commands do it.
    main.__dict__.clear()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


gc.collect()
gc.freeze()  # what was imported is no concern of the children's collections
try:
    program = serve()
except BrokenPipeError:  # nobody asks any more
    os._exit(0)
if program is not None:
    run(program)
