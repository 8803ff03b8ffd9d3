"""Parsing, XPath, XSLT, objectify, validation and errors."""
from lxml import etree, html, objectify

root = etree.fromstring("<r><a n='1'>x<b/>y</a><a n='2'/><!-- c --></r>")
print(root.xpath("//a/@n"), root.xpath("count(//a)"), [e.tag for e in root.iter() if isinstance(e.tag, str)])
child = etree.SubElement(root, "{urn:n}q", nsmap={"n": "urn:n"})
child.text = "ä & <"
print(etree.tostring(root, pretty_print=True).decode(), etree.tostring(root, encoding="unicode"))
transform = etree.XSLT(etree.XML("""<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><out><xsl:for-each select="//a"><i><xsl:value-of select="@n"/></i></xsl:for-each></out></xsl:template></xsl:stylesheet>"""))
print(str(transform(root)))
for wrong in (lambda: etree.fromstring("<a><b></a>"), lambda: root.xpath("//["), lambda: etree.Element("a b")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
page = html.fromstring("<html><body><p class=c>one<p>two<a href='/x'>link</a></body>")
page.make_links_absolute("http://h/")
print([p.text_content() for p in page.findall(".//p")], list(page.iterlinks())[0][2])
thing = objectify.fromstring("<t><n>3</n><s>text</s><f>1.5</f></t>")
print(thing.n + 1, thing.s, thing.f * 2, objectify.dump(thing))
schema = etree.XMLSchema(etree.XML('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="n" type="xs:int"/></xs:schema>'))
print(schema.validate(etree.XML("<n>3</n>")), schema.validate(etree.XML("<n>x</n>")), schema.error_log.last_error.message)


class Target:
    def __init__(self):
        self.seen = []

    def start(self, tag, attributes):
        self.seen.append(("start", tag, dict(attributes)))

    def data(self, data):
        self.seen.append(data)

    def end(self, tag):
        self.seen.append(("end", tag))

    def close(self):
        return self.seen


print(etree.fromstring("<a k='v'>t</a>", etree.XMLParser(target=Target())))
functions = etree.FunctionNamespace("urn:f")
functions["twice"] = lambda context, value: value * 2
functions.prefix = "f"
print(root.xpath("f:twice(2)"))
for event, element in etree.iterparse(__import__("io").BytesIO(b"<a><b/><c/></a>"), events=("start", "end")):
    print(event, element.tag)
