"""regex, Levenshtein, pygments, docutils, jinja2, markupsafe, dateutil, pytz, attrs."""
import datetime

import attr
import dateutil.parser
import dateutil.relativedelta
import dateutil.rrule
import dateutil.tz
import docutils.core
import jinja2
import Levenshtein
import markupsafe
import pygments
import pygments.formatters
import pygments.lexers
import pytz
import regex

print(regex.findall(r"(?r)\p{Lu}\w+", "Ab cd Éf"), regex.match(r"(?P<n>\d)+", "123").captures("n"), regex.search(r"(?:cat|dog){e<=1}", "the cot"))
print(regex.sub(r"(?<=\b)(\w)", lambda m: m[1].upper(), "some words"), regex.split(r"(?V1)(?=[A-Z])", "aBcD"), regex.fullmatch(r"\((?:[^()]|(?R))*\)", "(a(b)c)"))
try:
    regex.compile("(a")
except regex.error as error:
    print(error)
print(Levenshtein.distance("kitten", "sitting"), Levenshtein.ratio("ab", "ac"), Levenshtein.editops("ab", "ba"), Levenshtein.jaro_winkler("dixon", "dickson"))
print(pygments.highlight("def f(x: int) -> str:\n    return f'{x!r}'  # c\n", pygments.lexers.PythonLexer(), pygments.formatters.HtmlFormatter()))
print(docutils.core.publish_string("Title\n=====\n\n*em* ``code``\n\n- a\n- b\n\n.. note:: n\n\n====  ===\na     b\n====  ===\n1     2\n====  ===\n", writer_name="html5", settings_overrides={"embed_stylesheet": False}).decode()[-600:])
environment = jinja2.Environment(autoescape=True, loader=jinja2.DictLoader({
    "base": "<{% block b %}{% endblock %}>", "page": "{% extends 'base' %}{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{% block b %}{{ m(x) }}{% for k, v in d|dictsort %}{{ loop.index }}{{ k }}={{ v|join(',') }};{% else %}none{% endfor %}{% endblock %}"}))
print(environment.get_template("page").render(x="<&>", d={"b": [1, 2], "a": []}))
for broken in ("{% if %}", "{{ a.b.c }}", "{{ x|nope }}"):
    try:
        print(environment.from_string(broken).render())
    except jinja2.TemplateError as error:
        print(type(error).__name__, error)
print(markupsafe.escape("<'\"&ä>"), markupsafe.Markup("<b>%s</b>") % "<i>", markupsafe.escape.__module__)
print(dateutil.parser.parse("3rd March 2024 5pm UTC"), dateutil.parser.isoparse("2024-W10-2T01:02+03:00"), datetime.date(2024, 2, 29) + dateutil.relativedelta.relativedelta(years=1, weekday=0))
print(list(dateutil.rrule.rrulestr("FREQ=MONTHLY;COUNT=3;BYDAY=-1FR", dtstart=datetime.datetime(2024, 1, 1))))
print(pytz.timezone("Europe/Oslo").localize(datetime.datetime(2024, 7, 1)).isoformat(), datetime.datetime(2024, 1, 1, tzinfo=dateutil.tz.gettz("America/New_York")).utcoffset())


@attr.s(slots=True, order=True, frozen=True)
class Point:
    x = attr.ib(converter=int, validator=attr.validators.ge(0))
    y = attr.ib(factory=list, repr=False, eq=False)


@attr.define
class Derived(Point.__base__):
    a: int
    b: str = attr.field(default="b", on_setattr=attr.setters.frozen)


print(Point("3"), Point(1) < Point(2), attr.asdict(Point(1)), attr.evolve(Point(1), x=5), Derived(1), hash(Point(1)) == hash(Point(1)))
for wrong in (lambda: Point(-1), lambda: Point(), lambda: setattr(Point(1), "x", 2), lambda: setattr(Derived(1), "b", ""), lambda: setattr(Derived(1), "c", "")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
