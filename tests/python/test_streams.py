"""Standard streams and threads: what is left locked at the end, what chunks of text become. Text in memory."""
import io
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest


class Shutdown(unittest.TestCase):
    def test_stream_held_by_a_daemon_thread(self):
        code = textwrap.dedent("""
            import resource, sys, threading, time
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            threading.Thread(target=sys.stdin.buffer.read, daemon=True).start()
            time.sleep(0.2)
            print("end", flush=True)
        """)
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.addCleanup(process.kill)
            self.assertEqual(process.stdout.read(), b"end\n")
            self.assertNotEqual(process.wait(30), 0)
            self.assertIn(b"could not acquire lock for <_io.BufferedReader name='<stdin>'> at interpreter shutdown", process.stderr.read())


class Recorder(io.RawIOBase):
    def __init__(self):
        self.writes = []

    def writable(self):
        return True

    def write(self, data):
        self.writes.append(bytes(data))
        return len(data)


class Chunks(unittest.TestCase):
    def text(self, **options):
        recorder = Recorder()
        return recorder.writes, io.TextIOWrapper(recorder, encoding="utf-8", newline="\n", **options)

    def test_text_waits_for_a_chunk(self):
        writes, text = self.text()
        text._CHUNK_SIZE = 10
        text.write("abc")
        text.write("d\u00e9f")
        self.assertEqual(writes, [])
        text.write("0123")
        self.assertEqual(writes, [b"abcd\xc3\xa9f"])
        text.write("x" * 20)
        self.assertEqual(writes[1:], [b"0123", b"x" * 20])
        text.write("")
        text.flush()
        self.assertEqual(writes[3:], [b""])

    def test_write_through_and_lines(self):
        writes, text = self.text(write_through=True)
        text.write("a")
        text.write("b\n")
        self.assertEqual(writes, [b"a", b"b\n"])
        writes, text = self.text(line_buffering=True)
        text.write("a")
        self.assertEqual(writes, [])
        text.write("b\nc")
        self.assertEqual(writes, [b"ab\nc"])

    def test_lines_across_chunks(self):
        lines = ["", "a", "b" * 5000, "\u00e9" * 3000, "c" * 20000, "\U0001f600" * 10, "last"]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "lines")
            for newline in ("\n", "\r\n", "\r"):
                with open(path, "w", encoding="utf-8", newline=newline) as file:
                    for line in lines:
                        file.write(line + "\n")
                with open(path, encoding="utf-8") as file:
                    self.assertEqual([line.rstrip("\n") for line in file], lines)
                with open(path, encoding="utf-8", newline=newline) as file:
                    self.assertEqual([file.readline() for _ in lines], [line + newline for line in lines])

    def test_closed_below(self):
        with tempfile.TemporaryFile("w+") as file:
            raw = file.buffer.raw
            file.write("text")
            file.flush()
            raw.close()
            for operation in (file.readline, file.flush, file.buffer.read):
                self.assertRaisesRegex(ValueError, "closed", operation)


class TextInMemory(unittest.TestCase):
    def test_wider_characters_later(self):
        stream = io.StringIO()
        expected = []
        for text in ("plain\n", "caf\xe9\n", "\u4e2d\n", "plain again\n", "\U0001F600\n"):
            stream.write(text)
            expected.append(text)
            self.assertEqual(stream.getvalue(), "".join(expected))
        stream.seek(0)
        self.assertEqual(list(stream), expected)
        stream.truncate(0)
        stream.seek(3)
        stream.write("x")
        self.assertEqual(stream.getvalue(), "\0\0\0x")
        stream.seek(6)
        stream.write("\u4e2d")
        self.assertEqual(stream.getvalue(), "\0\0\0x\0\0\u4e2d")


if __name__ == "__main__":
    unittest.main()
