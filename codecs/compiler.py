"""Make a reader and a writer for each record from its layout, once, when the package is loaded.

Canonical records go the short way of `canonical`. Whatever that does not recognise goes field by field
through `fields`, which finds every problem.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from csenet.codecs import canonical, fields
from csenet.codecs.canonical import GIVES_UP
from csenet.codecs.errors import Problem, Severity
from csenet.codecs.layout import Field, Layout

T = TypeVar("T", bound=msgspec.Struct)


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
        self.strict = strict
        self._counted = tuple(counted)
        self._fields = tuple(field for field in layout.fields if field.kind != "filler")
        self.json_names = {field.name: field for field in self._fields if field.name not in counted}
        places = [field for field in layout.fields if field.name in counted]
        self.counts_at = slice(places[0].start - 1, places[-1].end) if places else slice(0, 0)
        self.pattern = re.compile(canonical.record_pattern(layout, strict, uncut=counted))
        self.fast_read = canonical.reader(layout, struct, self.pattern, counted)
        self.fast_write = canonical.writer(layout, struct, counted, strict)

    @cached_property
    def check(self) -> re.Pattern[str]:
        """Recognise a canonical record, dates included, without cutting it."""
        return re.compile(canonical.record_pattern(self.layout, self.strict, "(?:"))

    def read(self, text: str, at: int, occurrence: int, problems: list[Problem]) -> T:
        """Read the record that begins at index `at`, adding to `problems` whatever is wrong with it."""
        try:
            record: T = self.fast_read(text, at)
        except GIVES_UP:
            return self._read_slowly(text, at, occurrence, problems)
        return record

    def _read_slowly(self, text: str, at: int, occurrence: int, problems: list[Problem]) -> T:
        values: dict[str, Any] = {}
        for field in self.layout.fields:
            part = text[at + field.start - 1 : at + field.end]
            value, findings = fields.read_field(field, part)
            problems += (self._problem(field, finding, occurrence) for finding in findings)
            # Zeros stand for "unused" in many fields; one that every transaction must fill is then missing.
            unsaid = value is None and all(finding.readable for finding in findings)
            if unsaid and self.strict and field.required:
                problems.append(self._problem(field, _MISSING, occurrence))
            values[field.name] = value
        known = self.struct.__struct_fields__
        return self.struct(**{name: value for name, value in values.items() if name in known})

    def write(self, record: T, counts: str, occurrence: int, problems: list[Problem]) -> str:
        """Write the record in canonical form, adding to `problems` every field that cannot be written."""
        try:
            text = self.fast_write(record, counts)
            if self.pattern.fullmatch(text):
                return text
        except GIVES_UP:
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
            if self.strict and field.required and parts[-1].isspace():
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
