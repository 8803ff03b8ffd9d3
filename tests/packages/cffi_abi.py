"""cffi in ABI mode: calls, callbacks, structs, memory, errors."""
import cffi

ffi = cffi.FFI()
ffi.cdef("""
    typedef struct { int quot; int rem; } div_t;
    div_t div(int, int);
    size_t strlen(const char *);
    void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
    double strtod(const char *, char **);
    int snprintf(char *, size_t, const char *, ...);
    struct node { struct node *next; int value; char name[8]; unsigned flags : 3; };
    enum colour { RED, GREEN = 5, BLUE };
    union word { uint32_t n; uint8_t b[4]; };
""")
library = ffi.dlopen(None)
print(library.strlen(b"hello"), library.div(17, 5).rem)


@ffi.callback("int(const void *, const void *)")
def compare(a, b):
    x, y = ffi.cast("int *", a)[0], ffi.cast("int *", b)[0]
    return (x > y) - (x < y)


array = ffi.new("int[]", [5, 2, 9, -1])
library.qsort(array, 4, ffi.sizeof("int"), compare)
print(list(array), ffi.string(ffi.new("char[]", b"text")), ffi.unpack(array, 2))
buffer = ffi.new("char[32]")
print(library.snprintf(buffer, 32, b"%d-%s-%.2f", ffi.cast("int", 7), ffi.new("char[]", b"x"), ffi.cast("double", 1.5)), ffi.string(buffer))
tail = ffi.new("struct node *", {"value": 2, "name": b"tail"})
head = ffi.new("struct node *", {"value": 1, "next": tail, "flags": 5})
print(head.next.value, ffi.string(head.next.name), head.flags, ffi.sizeof("struct node"), ffi.offsetof("struct node", "name"), ffi.typeof(head))
print(ffi.typeof("enum colour").elements, ffi.cast("enum colour", 5), int(ffi.cast("uint8_t", 300)), ffi.new("union word *", {"n": 0x01020304}).b[0])
handle = ffi.new_handle({"k": 1})
print(ffi.from_handle(handle), bytes(ffi.buffer(array, 8)), ffi.from_buffer(bytearray(b"abc"))[1])
memory = ffi.gc(ffi.new("int *", 3), lambda p: print("freed", p[0]))
del memory
for wrong in (lambda: array[4], lambda: ffi.new("nope *"), lambda: head.missing, lambda: ffi.new("int8_t *", 200), lambda: library.strlen("text"), lambda: ffi.cdef("int f(")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, str(error).split("\n")[0].replace(__file__, ""))


@ffi.callback("int(int)", onerror=lambda kind, value, trace: print("onerror", kind.__name__, value), error=-7)
def fails(n):
    return 1 // n


print(fails(0), fails(1))
