"""The sqlite3 extension, whose own test files Debian does not package."""
import datetime
import gc
import sqlite3
import threading
import unittest
import weakref


class SqliteTest(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)

    def test_values_come_back(self):
        self.db.execute("create table t(v)")
        values = [None, 0, -1, 2**63 - 1, -(2**63), 1.5, float("inf"), "", "text \N{SNOWMAN} \U0001f600", b"", b"\x00\xff"]
        self.db.executemany("insert into t values (?)", [(value,) for value in values])
        found = [row[0] for row in self.db.execute("select v from t order by rowid")]
        self.assertEqual(found, values)
        self.assertEqual([type(value) for value in found], [type(value) for value in values])
        with self.assertRaisesRegex(OverflowError, "Python int too large to convert to SQLite INTEGER"):
            self.db.execute("insert into t values (?)", (2**63,))
        with self.assertRaisesRegex(sqlite3.ProgrammingError, "Error binding parameter 1: type 'object' is not supported"):
            self.db.execute("insert into t values (?)", (object(),))

    def test_parameters_and_rows(self):
        self.db.row_factory = sqlite3.Row
        row = self.db.execute("select :a as one, :b as Two", {"a": 1, "b": "x"}).fetchone()
        self.assertEqual((row["ONE"], row["two"], row[-1], row.keys(), len(row)), (1, "x", "x", ["one", "Two"], 2))
        self.assertEqual(row, self.db.execute("select 1 as one, 'x' as Two").fetchone())
        self.assertEqual(hash(row), hash(self.db.execute("select 1 as one, 'x' as Two").fetchone()))
        with self.assertRaisesRegex(IndexError, "No item with that key"):
            row["three"]
        with self.assertRaises(sqlite3.ProgrammingError):
            self.db.execute("select ?, ?", (1,))

    def test_transactions(self):
        self.db.execute("create table t(v unique)")
        with self.assertRaises(sqlite3.IntegrityError) as caught:
            with self.db:
                self.db.execute("insert into t values (1)")
                self.db.execute("insert into t values (1)")
        self.assertEqual(caught.exception.sqlite_errorname, "SQLITE_CONSTRAINT_UNIQUE")
        self.assertEqual(self.db.execute("select count(*) from t").fetchone(), (0,))
        with self.db:
            self.db.execute("insert into t values (1)")
        self.assertFalse(self.db.in_transaction)
        self.assertEqual(self.db.total_changes, 2)

    def test_functions_aggregates_and_collations(self):
        class Product:
            def __init__(self):
                self.value = 1

            def step(self, value):
                self.value *= value

            def finalize(self):
                return self.value

        self.db.create_function("twice", 1, lambda value: value * 2, deterministic=True)
        self.db.create_function("fails", 0, lambda: 1 / 0)
        self.db.create_aggregate("product", 1, Product)
        self.db.create_collation("backwards", lambda a, b: (a < b) - (a > b))
        self.db.executescript("create table t(v); insert into t values ('a'), ('c'), ('b');")
        self.assertEqual(self.db.execute("select twice('ab'), twice(4)").fetchone(), ("abab", 8))
        self.assertEqual(self.db.execute("select product(value) from (select 2 as value union select 3 union select 7)").fetchone(), (42,))
        self.assertEqual([v for v, in self.db.execute("select v from t order by v collate backwards")], ["c", "b", "a"])
        with self.assertRaisesRegex(sqlite3.OperationalError, "user-defined function raised exception"):
            self.db.execute("select fails()").fetchone()

    def test_adapters_and_converters(self):
        class Point:
            def __init__(self, x, y):
                self.x, self.y = x, y

            def __conform__(self, protocol):
                return f"{self.x};{self.y}" if protocol is sqlite3.PrepareProtocol else None

        sqlite3.register_converter("point", lambda data: tuple(map(int, data.split(b";"))))
        db = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES)
        self.addCleanup(db.close)
        db.execute("create table t(p point, d date, s timestamp)")
        moment = datetime.datetime(2023, 4, 5, 6, 7, 8, 9)
        db.execute("insert into t values (?, ?, ?)", (Point(3, 4), moment.date(), moment))
        self.assertEqual(db.execute("select * from t").fetchone(), ((3, 4), moment.date(), moment))
        self.assertEqual(db.execute("select '5;6' as 'x [point]'").fetchone(), ((5, 6),))

    def test_hooks(self):
        seen = []
        self.db.set_trace_callback(seen.append)
        self.db.execute("select 1").fetchall()
        self.db.set_trace_callback(None)
        self.assertEqual(seen, ["select 1"])
        self.db.set_authorizer(lambda *args: sqlite3.SQLITE_DENY)
        with self.assertRaisesRegex(sqlite3.DatabaseError, "not authorized"):
            self.db.execute("select 1")
        self.db.set_authorizer(None)
        self.db.set_progress_handler(lambda: 1, 1)
        with self.assertRaisesRegex(sqlite3.OperationalError, "interrupted"):
            self.db.execute("with recursive c(x) as (select 1 union all select x + 1 from c limit 1000) select sum(x) from c").fetchone()

    def test_blob_backup_and_dump(self):
        self.db.execute("create table t(v)")
        self.db.execute("insert into t values (zeroblob(8))")
        with self.db.blobopen("t", "v", 1) as blob:
            blob.write(b"abcd")
            blob[-1] = 255
            self.assertEqual(len(blob), 8)
            blob.seek(0)
            self.assertEqual(blob.read(), b"abcd\x00\x00\x00\xff")
        self.db.commit()
        with sqlite3.connect(":memory:") as copy:
            steps = []
            self.db.backup(copy, pages=1, progress=lambda *step: steps.append(step))
            self.assertEqual(copy.execute("select v from t").fetchone(), (b"abcd\x00\x00\x00\xff",))
        copy.close()
        self.assertTrue(steps)
        self.assertIn("CREATE TABLE t(v);", list(self.db.iterdump()))
        again = sqlite3.connect(":memory:")
        self.addCleanup(again.close)
        again.deserialize(self.db.serialize())
        self.assertEqual(again.execute("select count(*) from t").fetchone(), (1,))

    def test_threads(self):
        problems = []

        def other():
            try:
                self.db.execute("select 1")
            except sqlite3.ProgrammingError as error:
                problems.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        self.assertIn("SQLite objects created in a thread can only be used in that same thread.", problems[0])
        shared = sqlite3.connect("file:shared?mode=memory&cache=shared", uri=True, check_same_thread=False)
        self.addCleanup(shared.close)
        shared.execute("create table t(v)")
        lock = threading.Lock()

        def insert(n):
            for i in range(50):
                with lock:
                    shared.execute("insert into t values (?)", (n * 50 + i,))

        threads = [threading.Thread(target=insert, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(shared.execute("select count(*), sum(v) from t").fetchone(), (200, sum(range(200))))

    def test_lifetime(self):
        class Connection(sqlite3.Connection):
            pass

        db = sqlite3.connect(":memory:", factory=Connection)
        cursor = db.execute("select 1 union select 2")
        watched = weakref.ref(cursor)
        db.cycle = lambda: cursor
        db.close()
        with self.assertRaisesRegex(sqlite3.ProgrammingError, "Cannot operate on a closed database."):
            cursor.fetchone()
        del cursor, db
        gc.collect()
        self.assertIsNone(watched())


if __name__ == "__main__":
    unittest.main()
