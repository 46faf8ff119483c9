"""Write transactions as XML and read them back: feed bytes, take records, no IO.

The elements have the names and values of the JSON form; `xsd/transactions.xsd` describes them. The reader
trusts nothing: UTF-8 only, no document type and so no entities, no network, limits to depth and size. A
document that is not well-formed ends there; a transaction with wrong content is reported and the next one is
read.
"""

import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
from lxml import etree  # type: ignore[import-untyped]

from csenet.codecs import transaction
from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.framing import NEED_DATA, NeedData
from csenet.codecs.model import BLOCKS, REPEATING, Transaction

NAMESPACE = "urn:csenet-gateway:transactions:1"
VERSION = "1.0"
OPENING = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    + f'<transactions xmlns="{NAMESPACE}" version="{VERSION}">\n'.encode()
)
CLOSING = b"</transactions>\n"

DEPTH = 4
"""Levels of elements: the document, a transaction, a block, a field."""

TRANSACTION_LIMIT = 1 << 20
"""Bytes that one transaction may take; the longest there can be takes a tenth."""

PROLOG_LIMIT = 1 << 16
"""Bytes that may stand before the first element."""

_PIECE = 1 << 16
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_ELEMENTS = {"header": "header"} | {
    (codec.layout.name if name in REPEATING else name): name for name, codec in BLOCKS.items()
}
"""The JSON name of each block by its element: an element that repeats stands for the list."""

_NAMES = {name: element for element, name in _ELEMENTS.items()}
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?(?:[^?]|\?(?!>))*\?>|<!--(?:[^-]|-(?!->))*-->)*+")
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml\s[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_UTF8 = (b"utf-8", b"utf8", b"us-ascii", b"ascii")


class XmlRecord(msgspec.Struct, frozen=True):
    """Hold what one element of a document gave.

    `position` counts from 1, `line` is where the element begins. Either `transaction` or `error_record` is
    there, or neither if a problem stops it.
    """

    position: int
    line: int
    transaction: Transaction | None
    error_record: ErrorRecord | None
    problems: tuple[Problem, ...]


def dump(tx: Transaction) -> bytes:
    """Return the element of a transaction; the same transaction always gives the same bytes."""
    lines = ["  <transaction>\n"]
    for name, value in transaction.to_json(tx).items():
        for fields in value if isinstance(value, list) else (value,):
            lines += _element(_NAMES[name], fields, "    ")
    lines.append("  </transaction>\n")
    return "".join(lines).encode("utf-8")


def dump_error(record: ErrorRecord) -> bytes:
    """Return the element of a record of the exchange's error file."""
    filled = {name: value for name, value in msgspec.structs.asdict(record).items() if value is not None}
    return "".join(_element("error_record", filled, "  ")).encode("utf-8")


def _element(name: str, fields: dict[str, str], indent: str) -> Iterator[str]:
    yield f"{indent}<{name}>\n"
    for field, value in fields.items():
        yield f"{indent}  <{field}>{value.translate(_MARKUP)}</{field}>\n"
    yield f"{indent}</{name}>\n"


class _RefusalError(Exception):
    """Stop reading a document."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = _problem(code, message, Severity.FATAL)


def _problem(code: str, message: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(code=f"xml.{code}", severity=severity, message=message)


class Decoder:
    """Take a document apart; nothing is kept but the transaction at hand."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._prolog: bytes | None = b""
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
        )
        self._ready: deque[XmlRecord] = deque()
        self._position = 0
        self._depth = 0
        self._since = 0
        self._done = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the document."""
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            self._guarded(bytes(view[start : start + _PIECE]))

    def close(self) -> None:
        """Say that the document ends here."""
        if not self._done:
            self._guarded(None)
        self._done = True

    def next_record(self) -> XmlRecord | NeedData | None:
        """Return the next record, `NEED_DATA` if it is not all there, None at the end of the document."""
        if self._ready:
            return self._ready.popleft()
        return None if self._done else NEED_DATA

    def _guarded(self, piece: bytes | None) -> None:
        """Parse a piece, or the end; whatever stops the document becomes a record."""
        if self._done:
            return
        try:
            if piece is None:
                self._end()
            else:
                self._parse(self._past_prolog(piece))
        except etree.XMLSyntaxError as error:
            self._stop(error.lineno or 1, self._take_rest())
        except _RefusalError as refused:
            self._stop(1, refused.problem)

    def _take_rest(self) -> Problem:
        """Take what was whole before the place where the document breaks, and say how it does."""
        try:
            with suppress(etree.XMLSyntaxError):
                self._take_events()
        except _RefusalError as refused:
            return refused.problem
        # The parser's own words may quote the document: only the place is told.
        return _problem("form.syntax", "not well-formed from here on", Severity.FATAL)

    def _stop(self, line: int, problem: Problem) -> None:
        self._done = True
        self._position += 1
        self._ready.append(XmlRecord(self._position, line, None, None, (problem,)))

    def _past_prolog(self, piece: bytes) -> bytes:
        """Hold the beginning back until the first element is in sight, and look at what stands before it."""
        if self._prolog is None:
            return piece
        head = self._prolog + piece
        at = _BEFORE.match(head).end()  # type: ignore[union-attr]
        rest = head[at : at + 4]
        declared = _DECLARED.match(head)
        told = b"utf-8" if declared is None else declared[1].lower()
        if told not in _UTF8 or b"\0" in rest or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise _RefusalError("prolog.encoding", "only UTF-8 is read")
        if rest.startswith(b"<!") and not b"<!--".startswith(rest):
            raise _RefusalError("prolog.doctype", "a document type declaration is not read")
        begun = len(rest) > 1 and rest[:2] not in (b"<!", b"<?")
        if (at if begun else len(head)) > PROLOG_LIMIT:
            raise _RefusalError("prolog.limit", f"no element in the first {PROLOG_LIMIT} bytes")
        self._prolog = None if begun else head
        return head if begun else b""

    def _parse(self, piece: bytes) -> None:
        if not piece:
            return
        self._parser.feed(piece)
        self._since += len(piece)
        self._take_events()
        if self._since > TRANSACTION_LIMIT:
            raise _RefusalError(
                "transaction.limit", f"a transaction takes more than {TRANSACTION_LIMIT} bytes"
            )

    def _end(self) -> None:
        if self._prolog is not None:
            raise _RefusalError("form.empty", "holds no element")
        self._parser.close()
        self._take_events()

    def _take_events(self) -> None:
        for event, element in self._parser.read_events():
            if event == "start":
                self._depth += 1
                self._check_start(element)
                continue
            self._depth -= 1
            if self._depth == 1:
                self._since = 0
                self._take(element)

    def _check_start(self, element: Any) -> None:
        if self._depth > DEPTH:
            raise _RefusalError("form.depth", f"more than {DEPTH} levels of elements")
        if self._depth == 1 and element.tag != f"{{{NAMESPACE}}}transactions":
            raise _RefusalError("root.name", f"the document is no element transactions of {NAMESPACE}")
        if (
            self._depth == 1
            and element.get("version", VERSION).partition(".")[0] != VERSION.partition(".")[0]
        ):
            raise _RefusalError("root.version", f"only versions like {VERSION} are read")

    def _take(self, element: Any) -> None:
        """Turn a finished child of the document into a record and forget it."""
        self._position += 1
        problems: list[Problem] = []
        tx, refusal = _read(element, problems)
        line = element.sourceline or 1
        self._ready.append(XmlRecord(self._position, line, tx, refusal, tuple(problems)))
        element.clear()
        parent = element.getparent()
        while element.getprevious() is not None:
            del parent[0]


def _read(element: Any, problems: list[Problem]) -> tuple[Transaction | None, ErrorRecord | None]:
    name = _local(element)
    try:
        if name == "transaction":
            tx = transaction.from_json(_transaction(element, problems))
            return (None if problems else tx), None
        if name == "error_record":
            return None, _error_record(_fields(element, problems), problems)
        problems.append(_problem("element.name", "neither a transaction nor an error record"))
    except CodecError as error:
        problems += error.problems
    return None, None


def _error_record(fields: dict[str, str], problems: list[Problem]) -> ErrorRecord | None:
    if not fields.keys() <= set(ErrorRecord.__struct_fields__):
        problems.append(_problem("field.name", "no field of an error record"))
    filled = {name: text.strip() for name, text in fields.items() if text.strip()}
    return None if problems else ErrorRecord(**filled)


def _local(element: Any) -> str:
    """Return an element's name; of another namespace it keeps that, and so fits nothing."""
    tag = element.tag
    return tag.removeprefix(f"{{{NAMESPACE}}}") if isinstance(tag, str) else "?"


def _transaction(element: Any, problems: list[Problem]) -> dict[str, Any]:
    """Give the JSON form of a transaction's element."""
    _check_plain(element, problems)
    found: dict[str, Any] = {}
    for block in element:
        name = _local(block)
        key = _ELEMENTS.get(name, name)
        fields = _fields(block, problems)
        if key in REPEATING and name in _ELEMENTS:
            found.setdefault(key, []).append(fields)
        elif key in found:
            problems.append(_problem("block.twice", "a block that comes once comes again"))
        else:
            found[key] = fields
    return found


def _fields(block: Any, problems: list[Problem]) -> dict[str, str]:
    _check_plain(block, problems)
    found: dict[str, str] = {}
    for field in block:
        name = _local(field)
        if len(field) or _strange_attributes(field):
            problems.append(_problem("field.content", "a field holds text and nothing else"))
        if name in found:
            problems.append(_problem("field.twice", "a field is given twice"))
        found[name] = field.text or ""
    return found


def _check_plain(element: Any, problems: list[Problem]) -> None:
    """Find what has no place in an element that holds others: text between them, attributes."""
    texts = (element.text, *(child.tail for child in element))
    if any(text is not None and text.strip() for text in texts) or _strange_attributes(element):
        problems.append(_problem("block.content", "text or attributes where only elements may stand"))


def _strange_attributes(element: Any) -> bool:
    return any(not name.startswith(_XSI) for name in element.attrib)


def read_all(data: bytes) -> Iterator[XmlRecord]:
    """Read a whole document, record by record."""
    decoder = Decoder()
    for start in range(0, len(data), _PIECE):
        decoder.feed(data[start : start + _PIECE])
        yield from _drain(decoder)
    decoder.close()
    yield from _drain(decoder)


def _drain(decoder: Decoder) -> Iterator[XmlRecord]:
    while isinstance(record := decoder.next_record(), XmlRecord):
        yield record
