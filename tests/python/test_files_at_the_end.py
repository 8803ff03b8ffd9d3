"""Files that only the collector or the end of the program closes keep what was written to them."""
import gc
import io
import os
import subprocess
import sys
import tempfile
import unittest


class Raw(io.RawIOBase):
    written = b""

    def writable(self):
        return True

    def write(self, data):
        type(self).written += bytes(data)
        return len(data)


class FilesAtTheEnd(unittest.TestCase):
    def test_global_of_a_program(self):
        with tempfile.TemporaryDirectory() as folder:
            program, output = os.path.join(folder, "program.py"), os.path.join(folder, "output")
            with open(program, "w") as file:
                file.write("import sys\n"
                           "out = open(sys.argv[1], 'w')\n"
                           "def use(): out.write('')\n"
                           "for i in range(5000): out.write(f'line {i}\\n')\n")
            subprocess.run([sys.executable, program, output], check=True)
            with open(output) as file:
                self.assertEqual(file.readlines()[-1:], ["line 4999\n"])

    @unittest.skipIf("Gill" not in sys.version, "the reference closes the raw file first")
    def test_cycle(self):
        class Holder:
            pass

        holder = Holder()
        holder.itself = holder
        holder.file = io.TextIOWrapper(io.BufferedWriter(Raw()))
        holder.file.write("text" * 1000)
        del holder
        gc.collect()
        self.assertEqual(Raw.written, b"text" * 1000)


if __name__ == "__main__":
    unittest.main()
