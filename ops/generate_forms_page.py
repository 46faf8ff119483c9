"""Write ops/reference/forms.md, the page on the forms a transaction travels in, from the code's own tables.

Run it after a change of a framing, an encoding, a kind of field or `codecs/xsd/niem.csv`; a test compares the
file with what this would write.
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from csenet.codecs import ebcdic, flatfile, framing, jsonschema, xmlform
from csenet.codecs.ebcdic import Encoding
from csenet.codecs.layout import Field, load_layouts
from csenet.codecs.lexical import shape
from csenet.codecs.model import BLOCKS, HEADERS, LONGEST, MOST_REPEATS, REPEATING

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "ops" / "reference" / "forms.md"

FRAMINGS = {
    flatfile.Framing.LINES: "one transaction a line; LF or CRLF, in EBCDIC NEL (0x15), LF (0x25) or CRLF",
    flatfile.Framing.STREAM: "nothing between transactions: the block counts tell where the next begins",
    flatfile.Framing.BLOCKS: "the header and each data block on a line of its own",
    flatfile.Framing.RDW: "records with descriptor words (RECFM=V), each a transaction or each a block",
    flatfile.Framing.BDW: "the same in blocks with descriptor words (RECFM=VB), also spanned (VS, VBS)",
}
KINDS = {
    "text": "left-justified, blank-filled, upper case unless the chart leaves it open",
    "code": "one of the chart's values",
    "digits": "digits used as an identifier, left-justified",
    "number": "digits, right-justified and zero-filled",
    "date": "CCYYMMDD",
    "time": "HHMMSS on a 24-hour clock",
    "money": "12 positions, zero-filled, two decimals implied, a leading - when negative",
}
PROBLEMS = {
    "transaction.length.total": "the block counts call for another length",
    "transaction.length.line": "a line longer than any transaction",
    "transaction.length.padding": "blanks behind a transaction or a block: read without them",
    "transaction.length.separator": "a damaged line end between two transactions: both are read",
    "transaction.blocks.sequence": "records that are not the blocks their header announces",
    "transaction.descriptor.value": "a descriptor word that does not fit the records around it",
    "transaction.descriptor.segment": "segments of a spanned record out of order",
    "transaction.descriptor.block": "a block of another length than its descriptor word says: read",
    "transaction.descriptor.end": "the file ends within a record",
    "xml.prolog.encoding": "a document in anything but UTF-8",
    "xml.prolog.doctype": "a document type declaration",
    "xml.prolog.limit": "no element in the first part of the document",
    "xml.root.name": "another document than one of transactions",
    "xml.root.version": "another major version",
    "xml.form.empty": "no element at all",
    "xml.form.syntax": "not well-formed: what follows cannot be read",
    "xml.form.depth": "more levels of elements than a transaction has",
    "xml.transaction.limit": "a transaction longer than any can be",
    "xml.element.name": "neither a transaction nor an error record",
    "xml.block.content": "text or attributes where only elements may stand",
    "xml.block.twice": "a block that comes once, twice",
    "xml.field.content": "elements or attributes in a field",
    "xml.field.twice": "a field twice in one block",
    "xml.field.name": "no field of an error record",
}
WARNINGS = ("transaction.length.padding", "transaction.length.separator", "transaction.descriptor.block")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Write a table."""
    names = list(heads)
    yield "| " + " | ".join(names) + " |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def flat() -> Iterator[str]:
    """Tell what the flat form is made of."""
    yield from ("## Flat", "")
    yield "A transaction is a header and the data blocks that its counts announce, in this order:"
    yield ""
    headers = [(f"header, {direction.value}", codec) for direction, codec in HEADERS.items()]
    yield from table(
        ("part", "chart", "positions", "times"),
        [
            *((name, codec.layout.chart, str(codec.length), "1") for name, codec in headers),
            *(
                (
                    name,
                    codec.layout.chart,
                    str(codec.length),
                    f"0-{MOST_REPEATS}" if name in REPEATING else "0-1",
                )
                for name, codec in BLOCKS.items()
            ),
        ],
    )
    yield f"The longest has {LONGEST} positions. How transactions follow each other (`--framing`):"
    yield ""
    yield from table(("framing", "means"), [(f"`{each.value}`", words) for each, words in FRAMINGS.items()])
    yield "Framing, character set and direction are recognised from the first transaction, even from a"
    yield "damaged one if the next is whole; `--framing`, `--encoding` and `--direction` tell them where a"
    yield "file is worse than that. A block descriptor word is read wherever one stands, long ones (first bit"
    yield f"set) too. What is written has blocks of at most {framing.LONGEST_RECORD} bytes (`--block-size`)"
    yield "and spans a record only if no block can hold it. `csenet validate`, `replay` and `generate` take"
    yield "the same options. Files that reach the daemon are recognised likewise, the exchange's error files"
    yield "among them, and so is XML; batches leave flat, as `delivery.framing` and `delivery.encoding` say."
    yield ""


def encodings() -> Iterator[str]:
    """Tell how the code pages differ."""
    yield from ("### Character sets", "")
    yield "`ascii`, and EBCDIC in code page 037 (`cp037`) or 1047 (`cp1047`). Both pages hold the characters"
    yield "of Latin-1, each byte one, so nothing is lost. They differ in six places:"
    yield ""
    everything = bytes(range(256))
    pages = [ebcdic.decode(everything, page).decode("latin-1") for page in (Encoding.CP037, Encoding.CP1047)]
    yield from table(
        ("byte", "037", "1047"),
        [
            (f"0x{n:02X}", f"`{pages[0][n]}`", f"`{pages[1][n]}`")
            for n in everything
            if pages[0][n] != pages[1][n]
        ],
    )
    yield "Where the page is not told, `[`, `]` and `^` are read from either place."
    yield ""


def descriptors() -> Iterator[str]:
    """Tell how descriptor words are made."""
    yield from ("### Descriptor words", "")
    yield from table(
        ("bytes", "record (RDW)", "block (BDW)"),
        [
            (
                "1-2",
                "length, these four bytes included",
                "length likewise; with the first bit set, 31 bits in 1-4",
            ),
            ("3", "segment: 0 whole, 1 first, 2 last, 3 middle", "0"),
            ("4", "0", "0"),
        ],
    )
    yield "After a damaged word, reading goes on at the next one whose record ends where another word stands."
    yield ""


def sample(kind: str) -> Field:
    """Return a field of a kind, for its shape."""
    return next(field for layout in load_layouts().values() for field in layout.fields if field.kind == kind)


def other_forms() -> Iterator[str]:
    """Tell how values stand in JSON and XML."""
    yield from ("## JSON and XML", "")
    yield "Names are the federal ones in lower case with underscores, the same in both. Blank fields and"
    yield "absent blocks are absent; the header's block counts follow from the blocks. Values are text:"
    yield ""
    patterns = {"text": "upper case, no blanks around", "code": "as in the chart"}
    yield from table(
        ("kind", "flat", "JSON and XML"),
        [
            (kind, words, patterns.get(kind) or f"`{shape(sample(kind)).pattern}`")
            for kind, words in KINDS.items()
        ],
    )
    yield "* **JSON**: one object a line, lists for participants, orders and collections. Its JSON Schema is"
    yield f"  `codecs/schemas/transaction.schema.json` (`{jsonschema.IDENTIFIER}`)."
    yield f"* **XML**: one document, namespace `{xmlform.NAMESPACE}`, version {xmlform.VERSION},"
    yield "  `codecs/xsd/transactions.xsd`. Elements that repeat stand side by side. The reader takes UTF-8"
    yield f"  only, no document type, {xmlform.DEPTH} levels of elements, {xmlform.TRANSACTION_LIMIT} bytes a"
    yield "  transaction."
    yield "* Both schemas refuse bad codes, dates and counts; what a transaction needs is the matter of"
    yield "  `csenet validate`. `decode` and `encode` look at the form only."
    yield ""


def niem() -> Iterator[str]:
    """List the elements of NIEM that mean the same."""
    yield from ("## NIEM 6.0", "")
    yield "Fields that have an element of the same meaning in niem-core (nc) or human services (hs); the XML"
    yield "Schema repeats it in the element's documentation."
    yield ""
    with (ROOT / "codecs" / "xsd" / "niem.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    grouped: dict[str, list[str]] = {}
    for row in rows:
        grouped.setdefault(row["element"], []).append(f"{row['block']}.{row['field']}")
    yield from table(("NIEM", "fields"), [(f"`{name}`", ", ".join(where)) for name, where in grouped.items()])


def problems() -> Iterator[str]:
    """List the problems of the form, those of single fields aside."""
    yield from ("## Problems of the form", "")
    yield from table(
        ("code", "severity", "means"),
        [
            (f"`{code}`", "warning" if code in WARNINGS else "fatal or error", words)
            for code, words in PROBLEMS.items()
        ],
    )


def text() -> str:
    """Return the text of the page."""
    head = (
        "# The forms of a transaction",
        "",
        "Written by `ops/generate_forms_page.py`: change what that reads, then run it again.",
        "",
        "`csenet decode` reads a flat file and writes JSON, XML or text; `csenet encode` writes a flat file",
        "from JSON or XML. `fixtures/forms/` holds the same three transactions in each physical form.",
        "",
    )
    parts = (head, flat(), encodings(), descriptors(), other_forms(), niem(), problems())
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def main() -> None:
    """Write the page."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text(), "utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
