"""The Python and the libyaml loaders and dumpers."""
import yaml

text = """
a: [1, 2.5, true, null, 2024-01-02]
b: &x {k: v, "q": 'it''s'}
c: *x
d: |
  lines
  kept
e: !!python/tuple [1, 2]
f: 0x1F
"""
for loader in (yaml.SafeLoader, yaml.CSafeLoader, yaml.FullLoader, yaml.CFullLoader):
    try:
        print(loader.__name__, yaml.load(text, loader))
    except yaml.YAMLError as error:
        print(type(error).__name__, error)
data = {"z": [1, {"y": (1, 2)}], "s": "ä\n", "n": None, "f": 1e300}
for dumper in (yaml.Dumper, yaml.CDumper):
    print(yaml.dump(data, Dumper=dumper, allow_unicode=True))
for dumper in (yaml.SafeDumper, yaml.CSafeDumper):
    try:
        yaml.dump(object(), Dumper=dumper)
    except yaml.YAMLError as error:
        print(type(error).__name__, str(error)[:40])
for broken in ("a: [1", "a: b: c", "\t- x", "*nope"):
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        try:
            yaml.load(broken, loader)
        except yaml.YAMLError as error:
            print(type(error).__name__, error)
print([type(event).__name__ for event in yaml.parse("[a, {b: c}]", Loader=yaml.CLoader)])


class Point(yaml.YAMLObject):
    yaml_tag = "!point"
    yaml_loader = yaml.CSafeLoader

    def __init__(self, x):
        self.x = x


print(yaml.dump(Point(3)), yaml.load("!point {x: 4}", yaml.CSafeLoader).x)
