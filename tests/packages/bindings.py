"""Bindings of system libraries: compressors, crypto, GObject, Qt, cairo, git, curl, shapely, Berkeley-style tables, SWIG."""
import os
import tempfile

os.environ["QT_QPA_PLATFORM"] = "offscreen"
import bcrypt
import brotli
import cairo
import lz4.frame
import nacl.secret
import nacl.signing
import pycurl
import pygit2
import shapely.geometry
import shapely.ops
import snappy
import swiglpk
import xxhash
import zstandard
from Cryptodome.Cipher import AES
from Cryptodome.Hash import keccak
from gi.repository import Gio, GLib, GObject
from PyQt5 import QtCore, QtGui, QtWidgets

data = b"some text " * 500
for name, pack, unpack in (("brotli", brotli.compress, brotli.decompress), ("lz4", lz4.frame.compress, lz4.frame.decompress), ("snappy", snappy.compress, snappy.decompress),
                           ("zstd", zstandard.compress, zstandard.decompress)):
    print(name, len(pack(data)), unpack(pack(data)) == data)
    try:
        unpack(b"not packed")
    except Exception as error:
        print(type(error).__name__, error)
print(xxhash.xxh64(data, seed=3).hexdigest(), bcrypt.hashpw(b"pw", b"$2b$04$abcdefghijklmnopqrstuu"), keccak.new(digest_bits=256, data=b"a").hexdigest(), AES.new(b"k" * 16, AES.MODE_GCM, nonce=b"n" * 12).encrypt_and_digest(b"m")[1].hex())
print(nacl.signing.SigningKey(b"s" * 32).sign(b"m").signature.hex()[:20], nacl.secret.SecretBox(b"k" * 32).decrypt(nacl.secret.SecretBox(b"k" * 32).encrypt(b"x")))


class Thing(GObject.Object):
    __gsignals__ = {"went": (GObject.SignalFlags.RUN_FIRST, int, (int, str))}
    size = GObject.Property(type=int, default=4)

    def do_went(self, number, text):
        print("went", number, text)
        return 7


thing = Thing(size=5)
thing.connect("notify::size", lambda o, p: print("size is", o.size, p.name))
thing.size = 9
print(thing.emit("went", 1, "x"), thing.props.size, GLib.Variant("(sai)", ("a", [1, 2])).unpack(), Gio.File.new_for_path("/usr").get_basename())
try:
    thing.emit("nothing")
except TypeError as error:
    print("TypeError")
loop = GLib.MainLoop()
GLib.timeout_add(5, lambda: loop.quit())
loop.run()

app = QtWidgets.QApplication(["app"])


class Counter(QtCore.QObject):
    changed = QtCore.pyqtSignal(int, str)

    @QtCore.pyqtSlot(int)
    def count(self, n):
        self.changed.emit(n * 2, "text")


counter, seen = Counter(), []
counter.changed.connect(lambda *values: seen.append(values))
counter.count(4)
timer = QtCore.QTimer(singleShot=True, interval=5)
timer.timeout.connect(app.quit)
timer.start()
app.exec_()


class Button(QtWidgets.QPushButton):
    def sizeHint(self):
        return QtCore.QSize(77, 20)

    def event(self, event):
        return super().event(event)


button = Button("b")
button.clicked.connect(lambda: seen.append("clicked"))
button.click()
print(seen, button.sizeHint(), QtCore.QRect(0, 0, 3, 4) & QtCore.QRect(1, 1, 9, 9), QtGui.QColor("red").name(), QtCore.QVariant([1, "a"]).value(), int(QtCore.Qt.AlignLeft | QtCore.Qt.AlignTop))
worker = QtCore.QThread()
worker.run = lambda: seen.append("ran")
worker.start()
worker.wait()
print(seen[-1])
try:
    QtCore.QRect("x")
except TypeError as error:
    print(error)

surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, 20, 20)
context = cairo.Context(surface)
context.arc(10, 10, 5, 0, 6.3)
context.fill()
print(xxhash.xxh64(bytes(surface.get_data())).hexdigest(), context.get_matrix(), cairo.FORMAT_ARGB32)
with tempfile.TemporaryDirectory() as folder:
    repository = pygit2.init_repository(folder)
    blob = repository.create_blob(b"content")
    builder = repository.TreeBuilder()
    builder.insert("file", blob, pygit2.GIT_FILEMODE_BLOB)
    author = pygit2.Signature("A", "a@b", 1000, 0)
    commit = repository.create_commit("refs/heads/main", author, author, "message", builder.write(), [])
    print(commit, repository[commit].tree["file"].data, [c.message for c in repository.walk(commit)])
    try:
        repository["0" * 40]
    except KeyError as error:
        print("KeyError", error)
shape = shapely.geometry.Point(0, 0).buffer(1, 2).union(shapely.geometry.box(0, 0, 2, 1))
print(round(shape.area, 6), shape.is_valid, shapely.ops.unary_union([shapely.geometry.box(0, 0, 1, 1), shapely.geometry.box(1, 0, 2, 1)]).wkt, shape.contains(shapely.geometry.Point(0.5, 0.5)))
problem = swiglpk.glp_create_prob()
swiglpk.glp_add_cols(problem, 2)
print(swiglpk.glp_get_num_cols(problem), type(problem).__name__)
swiglpk.glp_delete_prob(problem)
try:
    swiglpk.glp_add_cols("x", 1)
except TypeError as error:
    print(error)
curl = pycurl.Curl()
curl.setopt(pycurl.URL, "file:///etc/hostname")
parts = []
curl.setopt(pycurl.WRITEFUNCTION, parts.append)
curl.perform()
print(b"".join(parts) == open("/etc/hostname", "rb").read(), curl.getinfo(pycurl.EFFECTIVE_URL))
try:
    curl.setopt(pycurl.URL, "nowhere:///x")
    curl.perform()
except pycurl.error as error:
    print(error)
