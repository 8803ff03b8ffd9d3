"""What wrappers of system calls accept, and what their errors tell."""
import fcntl
import os
import pwd
import socket
import tempfile
import unittest


class NotAnIndex:
    def __index__(self):
        raise KeyError


class Arguments(unittest.TestCase):
    def test_special_files_are_not_named_in_errors(self):
        for make in (os.mkfifo, os.mknod):
            with self.assertRaises(FileNotFoundError) as caught:
                make("/nonexistent/path")
            self.assertIsNone(caught.exception.filename)

    def test_configuration_names(self):
        with tempfile.TemporaryFile() as file:
            self.assertEqual(os.fpathconf(file, "PC_NAME_MAX"), os.fpathconf(file.fileno(), "PC_NAME_MAX"))
        for name, number in os.sysconf_names.items():
            try:
                expected = os.sysconf(number)
            except OSError:
                self.assertRaises(OSError, os.sysconf, name)
            else:
                self.assertIs(type(os.sysconf(name)), type(expected))
        for wrong in ("SC_", "", "zz", "SC_ARG_MAX2"):
            with self.assertRaisesRegex(ValueError, "unrecognized configuration name"):
                os.sysconf(wrong)
        self.assertRaises(UnicodeEncodeError, os.confstr, "\udc80")

    def test_devices(self):
        self.assertEqual(os.makedev(-1, -1), -1)
        self.assertRaisesRegex(OverflowError, "can't convert negative int to unsigned", os.major, -1)

    def test_user_ids(self):
        self.assertRaisesRegex(TypeError, "uid should be integer, not NotAnIndex", pwd.getpwuid, NotAnIndex())

    def test_ioctl_number(self):
        self.assertRaises(OverflowError, fcntl.ioctl, 0, 0, 1 << 70)

    def test_host_names(self):
        for look_up in (socket.gethostbyname, socket.gethostbyname_ex, socket.gethostbyaddr):
            self.assertRaisesRegex(TypeError, "must be str, bytes or bytearray, not None", look_up, None)
            self.assertRaisesRegex(TypeError, "must be encoded string without null bytes, not str", look_up, "a\0b")
            self.assertRaises(UnicodeError, look_up, "\udc80")

    def test_socket_arguments(self):
        self.assertRaisesRegex(TypeError, "'domain' is an invalid keyword argument for socket", socket.socket.__base__, "x", domain=1)
        self.assertRaisesRegex(OverflowError, "too large to convert to C int", socket.socket.__base__, 1 << 31)
        with socket.socket() as s:
            s.settimeout(1 << 31)
            self.assertEqual(s.gettimeout(), 1 << 31)


if __name__ == "__main__":
    unittest.main()
