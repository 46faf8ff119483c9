"""Make a reader and a writer for each record from its layout, once, when the package is loaded.

A canonical record is recognised by one regular expression, which at the same time cuts it into fields, and
is turned into a struct by one generated expression: no Python call for most fields. Whatever the expression
does not recognise goes field by field through `fields`, which finds every problem. The expression therefore
only has to know canonical records, never wrong ones, and both ways agree on these.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from csenet.codecs import fields
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.layout import Field, Layout

T = TypeVar("T", bound=msgspec.Struct)
K = TypeVar("K")
V = TypeVar("V")

CACHE_LIMIT = 20_000
"""Values remembered per kind: dates and amounts repeat, yet a hostile file must not fill the memory."""

RUN = 8
"""Neighbouring fields that are skipped with one comparison when all of them are blank."""


class _Cache(dict[K, V]):
    """Remember conversions up to a limit; a value that cannot be converted raises ValueError."""

    def __init__(self, convert: Callable[[K], V], known: dict[K, V]) -> None:
        super().__init__(known)
        self._convert = convert

    def __missing__(self, key: K) -> V:
        value = self._convert(key)
        if len(self) < CACHE_LIMIT:
            self[key] = value
        return value


_PARSED: dict[str, _Cache[Any, Any]] = {
    "date": _Cache[str | None, date | None](fields.parse_date, {None: None}),  # type: ignore[arg-type]
    "time": _Cache[str | None, time | None](fields.parse_time, {None: None}),  # type: ignore[arg-type]
    "money": _Cache[str | None, Decimal | None](fields.parse_money, {None: None}),  # type: ignore[arg-type]
}
_WRITTEN: dict[str, _Cache[Any, str]] = {
    "date": _Cache[Any, str](fields.format_date, {None: " " * 8}),
    "time": _Cache[Any, str](fields.format_time, {None: " " * 6}),
    "money": _Cache[Any, str](fields.format_money, {None: " " * 12}),
}


def _pattern(field: Field) -> str:
    """Write the expression of a filled field in canonical form, in a group of its own."""
    width = field.width
    some_digit = "" if field.zero_is_value else f"(?!0{{{width}}})"
    if field.kind == "text":
        small = "" if field.upper else "a-z"
        tail = f"[ -`{small}{{-~]{{{width - 1}}}" if width > 1 else ""
        return f"([!-`{small}{{-~]{tail})"
    if field.kind == "code":
        values = field.values or ()
        return f"([{''.join(values)}])" if width == 1 else f"({'|'.join(values)})"
    if field.kind in ("digits", "number"):
        return f"({some_digit}[0-9]{{{width}}})"
    if field.kind == "money":
        return "([0-9]{12}|-[0-9]{11})"
    return f"([0-9]{{{width}}})"


def _blank(width: int) -> str:
    # A literal first character lets the engine leave this alternative at once.
    return " " + f" {{{width - 1}}}" * (width > 1)


def _part(field: Field, strict: bool) -> str:
    if field.kind == "filler":
        return _blank(field.width)
    if strict and field.required:
        return _pattern(field)
    return f"(?:{_blank(field.width)}|{_pattern(field)})"


def _runs(layout: Layout, strict: bool) -> Iterator[list[Field]]:
    run: list[Field] = []
    for field in layout.fields:
        if strict and field.required:
            yield from filter(None, (run, [field]))
            run = []
            continue
        run.append(field)
        if len(run) == RUN:
            yield run
            run = []
    if run:
        yield run


def record_pattern(layout: Layout, strict: bool) -> str:
    """Write the expression that recognises and cuts a canonical record; `strict` demands required fields."""
    parts: list[str] = []
    for run in _runs(layout, strict):
        inner = "".join(_part(field, strict) for field in run)
        width = run[-1].end - run[0].start + 1
        parts.append(inner if len(run) == 1 else f"(?:{_blank(width)}|{inner})")
    return "".join(parts)


def _read_expression(field: Field) -> str:
    if field.kind == "text":
        return f"{field.name} and {field.name}.rstrip()"
    return f"_{field.kind}[{field.name}]" if field.kind in _PARSED else field.name


def _write_expression(field: Field, counted: Sequence[str]) -> str:
    if field.name in counted:
        return f"counts[{counted.index(field.name)}]"
    if field.kind in _WRITTEN:
        return f"_{field.kind}[record.{field.name}]"
    return f"record.{field.name} or {field.default!r}"


class Codec(Generic[T]):
    """Read and write one kind of record.

    `counted` names the fields that stand in the record but not in the struct: the header's block counts.
    They must be neighbours; `counts_at` is their place as a slice of the record. A `strict` codec neither
    reads nor writes a record without its required fields; elsewhere that is left to validation.
    """

    def __init__(
        self, layout: Layout, struct: type[T], counted: Sequence[str] = (), *, strict: bool = False
    ) -> None:
        """Compile reader and writer; `struct` has the layout's fields, and may have more."""
        self.layout = layout
        self.struct = struct
        self.length = layout.length
        self._strict = strict
        self._counted = tuple(counted)
        self._fields = tuple(field for field in layout.fields if field.kind != "filler")
        self.json_names = {field.name: field for field in self._fields if field.name not in counted}
        places = [field for field in layout.fields if field.name in counted]
        self.counts_at = slice(places[0].start - 1, places[-1].end) if places else slice(0, 0)
        self.pattern = re.compile(record_pattern(layout, self._strict))
        scope: dict[str, Any] = {"_struct": struct, "_match": self.pattern.match}
        exec(self._reader_source(), {**scope, **{f"_{kind}": _PARSED[kind] for kind in _PARSED}}, scope)  # noqa: S102
        exec(self._writer_source(), {**scope, **{f"_{kind}": _WRITTEN[kind] for kind in _WRITTEN}}, scope)  # noqa: S102
        self._fast_read: Callable[[str, int], T | None] = scope["read"]
        self._fast_write: Callable[[T, str], str] = scope["write"]

    def _reader_source(self) -> str:
        held = {field.name: field for field in self._fields}
        names = ", ".join(held)
        values = ", ".join(
            _read_expression(held[name]) if name in held else "None" for name in self.struct.__struct_fields__
        )
        return (
            "def read(text, at):\n"
            "    found = _match(text, at)\n"
            "    if found is None:\n"
            "        return None\n"
            f"    {names}, = found.groups()\n"
            f"    return _struct({values})\n"
        )

    def _writer_source(self) -> str:
        form = "".join(
            " " * field.width if field.kind == "filler" else f"%-{field.width}s"
            for field in self.layout.fields
        )
        values = "".join(f"{_write_expression(field, self._counted)}, " for field in self._fields)
        return f"def write(record, counts):\n    return {form!r} % ({values})\n"

    def read(self, text: str, at: int, occurrence: int, problems: list[Problem]) -> T:
        """Read the record that begins at index `at`, adding to `problems` whatever is wrong with it."""
        try:
            record = self._fast_read(text, at)
            if record is not None:
                return record
        except ValueError:
            pass
        return self._read_slowly(text, at, occurrence, problems)

    def _read_slowly(self, text: str, at: int, occurrence: int, problems: list[Problem]) -> T:
        values: dict[str, Any] = {}
        for field in self.layout.fields:
            part = text[at + field.start - 1 : at + field.end]
            value, findings = fields.read_field(field, part)
            problems += (self._problem(field, finding, occurrence) for finding in findings)
            if value is None and self._strict and field.required and not findings:
                problems.append(self._problem(field, _MISSING, occurrence))
            values[field.name] = value
        known = self.struct.__struct_fields__
        return self.struct(**{name: value for name, value in values.items() if name in known})

    def write(self, record: T, counts: str, occurrence: int, problems: list[Problem]) -> str:
        """Write the record in canonical form, adding to `problems` every field that cannot be written."""
        try:
            text = self._fast_write(record, counts)
            if self.pattern.fullmatch(text):
                return text
        except (ValueError, TypeError):
            pass
        return self._write_slowly(record, counts, occurrence, problems)

    def _write_slowly(self, record: T, counts: str, occurrence: int, problems: list[Problem]) -> str:
        parts: list[str] = []
        for field in self.layout.fields:
            if field.name in self._counted:
                parts.append(counts[self._counted.index(field.name)])
                continue
            value = None if field.kind == "filler" else getattr(record, field.name)
            try:
                parts.append(fields.write_field(field, value))
            except fields.FieldError as error:
                finding = fields.Finding(error.rule, str(error))
                problems.append(self._problem(field, finding, occurrence))
                continue
            if self._strict and field.required and parts[-1].isspace():
                problems.append(self._problem(field, _MISSING, occurrence))
        return "".join(parts)

    def from_json(self, obj: dict[Any, Any], occurrence: int, problems: list[Problem]) -> T:
        """Read the record's JSON form, adding wrong fields to `problems` and passing over unknown ones."""
        values: dict[str, Any] = {}
        for name, value in obj.items():
            field = self.json_names.get(name)
            if field is None:
                continue
            try:
                values[name] = fields.from_json_value(field, value)
            except fields.FieldError as error:
                finding = fields.Finding(error.rule, str(error))
                problems.append(self._problem(field, finding, occurrence))
        return self.struct(**values)

    def _problem(self, field: Field, finding: fields.Finding, occurrence: int) -> Problem:
        return field_problem(self.layout, field, finding, occurrence)


_MISSING = fields.Finding("missing", "must be filled in every transaction")


def field_problem(layout: Layout, field: Field, finding: fields.Finding, occurrence: int = 1) -> Problem:
    """Turn a finding into a problem: a warning if readable, fatal in a header, an error elsewhere."""
    severity = Severity.FATAL if layout.block == "header" else Severity.ERROR
    if finding.readable or field.reserved:
        severity = Severity.WARNING
    return Problem(
        code=f"{layout.block}.{field.name}.{finding.rule}",
        severity=severity,
        message=finding.message,
        block=layout.block,
        occurrence=occurrence,
        field=field.federal,
        columns=(field.start, field.end),
        citation=f"Chart {layout.chart}",
    )
