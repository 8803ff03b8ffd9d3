"""msgpack, ujson, simplejson: packing, streaming, hooks and errors."""
import datetime
import decimal
import io
import math

import msgpack
import simplejson
import ujson

data = {"a": [1, -2, 2**40, 1.5, None, True], "b": b"\x00\xff", "s": "ä€", "d": {"n": []}}
packed = msgpack.packb(data)
print(packed.hex(), msgpack.unpackb(packed), msgpack.unpackb(packed, use_list=False))
print(msgpack.Packer.__module__, msgpack.packb(datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc), datetime=True).hex())
print(msgpack.packb(1 + 2j, default=lambda z: msgpack.ExtType(1, repr(z).encode())), msgpack.Timestamp(1, 2))
unpacker = msgpack.Unpacker(io.BytesIO(packed * 2 + b"\x93\x01\x02\x03"), object_pairs_hook=list)
print(list(unpacker))
for wrong in (lambda: msgpack.unpackb(packed[:-3]), lambda: msgpack.packb(object()), lambda: msgpack.unpackb(b"\xc1"), lambda: msgpack.unpackb(b"\x01\x02"),
              lambda: msgpack.packb(2**64)):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
for value in (data["a"], {"k": "</x>ä\u2028"}, [1e16, 0.1, -0.0, 1e-7], {"1": {"2": [3, {}]}}, {1: 2, None: 3}, "😀"):
    print(ujson.dumps(value), ujson.dumps(value, ensure_ascii=False, indent=2, escape_forward_slashes=False), simplejson.dumps(value), simplejson.dumps(value, indent=1, ensure_ascii=False))
print(simplejson.loads('{"x": 1.10, "y": [NaN, 1e3]}', use_decimal=True), simplejson.dumps([decimal.Decimal("1.10")]), simplejson.dumps(math.nan, ignore_nan=True))
print(ujson.loads('[1, 2.5, "\\u00e4\\ud83d\\ude00", {"a": null}, 123456789012345678901234567890]'))
for text in ("[1, 2", "{'a': 1}", '"\\x"', "[1,]", "", "nul", '{"a":}', "[1e]"):
    for loads in (ujson.loads, simplejson.loads):
        try:
            print(loads(text))
        except ValueError as error:
            print(type(error).__name__, error)


class Point:
    def __json__(self):
        return '{"p": 1}'

    def _asdict(self):
        return {"p": 2}

    def for_json(self):
        return ["p"]


print(ujson.dumps([Point()]), simplejson.dumps([Point()], for_json=True), simplejson.dumps({"b": 1, "a": [(), {}]}, sort_keys=True, separators=(",", ":")))
