"""Write codecs/xsd/transactions.xsd, the XML Schema of the XML form, from the layouts.

Run it after a change of `codecs/layouts/` or of `codecs/xsd/niem.csv`; a test compares the file with what
this would write. `niem.csv` names the element of NIEM 6.0 (niem-core and the human services domain) that
means the same as one of our fields: few, and only where there is no doubt.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import msgspec

from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.layout import Field
from csenet.codecs.lexical import Place, always_given, block_structs, block_titles, places, shape
from csenet.codecs.model import BLOCKS, MOST_REPEATS, REPEATING
from csenet.codecs.xmlform import NAMESPACE, VERSION

FOLDER = Path(__file__).resolve().parent.parent / "codecs" / "xsd"
TARGET = FOLDER / "transactions.xsd"
BASES = {"date": "xs:date", "time": "xs:time", "money": "xs:decimal"}
NIEM_NAMESPACES = {
    "nc": "https://docs.oasis-open.org/niemopen/ns/model/niem-core/6.0/",
    "hs": "https://docs.oasis-open.org/niemopen/ns/model/domains/humanServices/6.0/",
}
LONGEST_ERROR_TEXT = 55
HEAD = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by ops/generate_xsd.py from codecs/layouts: change those, then run it again. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NAMESPACE}" targetNamespace="{NAMESPACE}"
    elementFormDefault="qualified" version="{VERSION}">
  <xs:annotation>
    <xs:documentation xml:lang="en">CSENet transactions as XML, version {VERSION}. Elements are named like the
      members of the JSON form; each tells its federal name, chart and positions. A blank field or an absent
      block has no element; the header's block counts follow from the blocks. Names with nc: and hs: are the
      elements of NIEM 6.0 that mean the same ({NIEM_NAMESPACES["nc"]} and
      {NIEM_NAMESPACES["hs"]}).</xs:documentation>
  </xs:annotation>
  <xs:element name="transactions">
    <xs:complexType>
      <xs:choice minOccurs="0" maxOccurs="unbounded">
        <xs:element ref="transaction"/>
        <xs:element ref="error_record"/>
      </xs:choice>
      <xs:attribute name="version" type="xs:string" fixed="{VERSION}"/>
    </xs:complexType>
  </xs:element>
"""


def niem() -> dict[tuple[str, str], str]:
    """Return the NIEM element of each field that has one, by block and field."""
    with (FOLDER / "niem.csv").open(encoding="utf-8", newline="") as file:
        return {(row["block"], row["field"]): row["element"] for row in csv.DictReader(file)}


def documentation(text: str, indent: str) -> str:
    """Write an annotation."""
    return f"{indent}<xs:annotation><xs:documentation>{escape(text)}</xs:documentation></xs:annotation>\n"


def transaction_element() -> Iterator[str]:
    """Write the element of a transaction."""
    yield '  <xs:element name="transaction">\n    <xs:complexType>\n      <xs:sequence>\n'
    for name, struct in block_structs().items():
        element = BLOCKS[name].layout.name if name in REPEATING else name
        most = MOST_REPEATS if name in REPEATING else 1
        least = 1 if name == "header" else 0
        occurs = f'minOccurs="{least}" maxOccurs="{most}"'
        yield f'        <xs:element name="{element}" type="{struct}" {occurs}/>\n'
    yield "      </xs:sequence>\n    </xs:complexType>\n  </xs:element>\n"


def block_type(name: str, struct: str) -> Iterator[str]:
    """Write the type of a block."""
    title, charts = block_titles(struct)
    words = "Header, of either direction" if struct == "Header" else title
    yield f'  <xs:complexType name="{struct}">\n'
    yield documentation(f"{words}. Chart {charts}.", "    ")
    yield "    <xs:sequence>\n"
    known = niem()
    for place in places(struct):
        required = struct == "Header" and always_given(place.field)
        yield from field_element(place, known.get((name, place.field.name)), required)
    yield "    </xs:sequence>\n  </xs:complexType>\n"


def field_element(place: Place, same: str | None, required: bool) -> Iterator[str]:
    """Write the element of a field with its simple type."""
    words = f"{place.words} NIEM: {same}." if same else place.words
    least = "" if required else ' minOccurs="0"'
    yield f'      <xs:element name="{place.field.name}"{least}>\n'
    yield documentation(words, "        ")
    yield "        <xs:simpleType>\n"
    yield from restriction(place.field)
    yield "        </xs:simpleType>\n      </xs:element>\n"


def restriction(field: Field) -> Iterator[str]:
    """Write what values a field may have."""
    looks = shape(field)
    yield f'          <xs:restriction base="{BASES.get(field.kind, "xs:string")}">\n'
    if looks.values:
        yield from (f'            <xs:enumeration value="{value}"/>\n' for value in looks.values)
    else:
        if field.kind not in BASES:
            yield f'            <xs:minLength value="{looks.least}"/>\n'
            yield f'            <xs:maxLength value="{looks.most}"/>\n'
        if field.kind == "time":
            yield '            <xs:minInclusive value="00:00:01"/>\n'
        yield f"            <xs:pattern value={quoteattr(looks.pattern)}/>\n"
    yield "          </xs:restriction>\n"


def error_record() -> Iterator[str]:
    """Write the element of a record of the exchange's error file."""
    yield '  <xs:element name="error_record">\n    <xs:complexType>\n'
    yield documentation(
        "Record of the exchange's error file. Chart C-12. Fields of the refused transaction stand as sent.",
        "      ",
    )
    yield "      <xs:sequence>\n"
    for field in msgspec.structs.fields(ErrorRecord):
        yield f'        <xs:element name="{field.name}" type="error_text" minOccurs="0"/>\n'
    yield "      </xs:sequence>\n    </xs:complexType>\n  </xs:element>\n"
    yield '  <xs:simpleType name="error_text">\n    <xs:restriction base="xs:string">\n'
    yield f'      <xs:minLength value="1"/>\n      <xs:maxLength value="{LONGEST_ERROR_TEXT}"/>\n'
    yield '      <xs:pattern value="[ -~]*"/>\n    </xs:restriction>\n  </xs:simpleType>\n'


def text() -> str:
    """Return the text of the schema."""
    parts = [HEAD, *transaction_element(), *error_record()]
    for name, struct in block_structs().items():
        parts += block_type(name, struct)
    return "".join([*parts, "</xs:schema>\n"])


def main() -> None:
    """Write the schema."""
    TARGET.write_text(text(), "utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
