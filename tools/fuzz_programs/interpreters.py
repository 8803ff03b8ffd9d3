"""Runs the text of a program under an interpreter: in a child of its server, or as a command of its own."""
import json
import os
import re
import resource
import shutil
import subprocess
import sys

REFERENCE = "/usr/bin/python3.11"
HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
COMMAND_SECONDS = 60
COMMAND_MEMORY = 4 << 30


# Where exactly an endless recursion meets the limit depends on how many C functions lie between two calls.
RECURSION = re.compile(r"maximum recursion depth exceeded[a-zA-Z ]*")
# Gill names who holds an exported buffer.
HOLDER = re.compile(r" \(held by [^)]*\)")
# The documentation of what is built in is our own.
DOCUMENTATION = re.compile(r"""'__doc__': ("([^"\\]|\\.)*"|'([^'\\]|\\.)*')""")
REPEATED = re.compile(r"\[Previous line repeated 9\d\d more times\]")


class Outcome:
    """What a program did, comparable."""

    def __init__(self, interpreter, code, output, errors):
        self.code = code
        self.output = interpreter.comparable(output)
        self.errors = interpreter.comparable(errors)

    def __eq__(self, other):
        return (self.code, self.output, self.errors) == (other.code, other.output, other.errors)

    @property
    def crashed(self):
        """Ended by a signal other than those of the limits of time."""
        return self.code < 0 and self.code not in (-9, -14, -24)

    @property
    def too_long(self):
        return self.code in (-9, -14, -24, -25)


class Interpreter:
    def __init__(self, path, directory):
        self.path = path
        self.directory = directory
        self.server = None
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        # The support is copied, so that both see it at the same path and nothing else lies beside it.
        shutil.copy(os.path.join(HERE, "support.py"), directory)
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            "PYTHONPATH": ".",
            "PYTHONSAFEPATH": "1",
        }

        # The addresses of what the executable itself holds are the same in each process.
        told = subprocess.run([path, "-c", "print(hash(None), hash(...), hash(NotImplemented))"], capture_output=True, text=True, check=True).stdout
        self.hashes = re.compile(r"(?<![\d-])(" + "|".join(told.split()) + r")(?!\d)")

    def comparable(self, text):
        text = ADDRESS.sub("0xADDRESS", text.replace(self.directory, "DIRECTORY"))
        text = self.hashes.sub("HASH", HOLDER.sub("", DOCUMENTATION.sub("'__doc__': DOCUMENTATION", text)))
        return REPEATED.sub("[repeated]", RECURSION.sub("recursion", text))

    def start(self):
        self.server = subprocess.Popen(
            [self.path, os.path.join(HERE, "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.directory, env=self.environment
        )

    def send(self, text):
        if self.server is None:
            self.start()
        self.server.stdin.write(json.dumps(text).encode() + b"\n")
        self.server.stdin.flush()

    def receive(self):
        answer = self.server.stdout.readline()
        if not answer:
            sys.exit(f"the server of {self.path} ended: {self.server.wait()}")
        return Outcome(self, *json.loads(answer))

    def serve(self, text):
        self.send(text)
        return self.receive()

    def command(self, text, options=(), allocator="pymalloc"):
        """Runs `interpreter [options] program.py`; `allocator` as PYTHONMALLOC names it."""
        with open(os.path.join(self.directory, "program.py"), "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        try:
            done = subprocess.run(
                [self.path, *options, "program.py"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd=self.directory,
                env={**self.environment, "PYTHONMALLOC": allocator},
                timeout=COMMAND_SECONDS,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (COMMAND_MEMORY, COMMAND_MEMORY)),
            )
        except subprocess.TimeoutExpired:
            return Outcome(self, -9, "", "")
        return Outcome(self, done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1"))

    def close(self):
        if self.server is not None:
            self.server.stdin.close()
            self.server.wait()
            self.server.stdout.close()
