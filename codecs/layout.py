"""Load the record layouts and refuse tables that do not add up.

The TOML files under `layouts/` are the only place where a column number stands: parser, writer, error
positions and type stubs all follow from them. Source: charts C-3 to C-12 of the CSENet Interface Guidance
Document.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Literal

import msgspec

Kind = Literal["text", "code", "digits", "number", "date", "time", "money", "filler"]

FIXED_WIDTHS: Mapping[str, int] = {"date": 8, "time": 6, "money": 12}
"""Widths that follow from the form: CCYYMMDD, HHMMSS and the twelve positions of an amount."""


class LayoutError(ValueError):
    """Refuse a layout file, naming the file, the row and what is wrong with it."""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold one field as the TOML file writes it."""

    federal: str
    start: int
    end: int
    kind: Kind
    required: Literal["always", "sometimes", "never"] = "never"
    upper: bool = True
    values: str = ""
    zero: Literal["unused", "value"] = "unused"
    default: str = ""
    reserved: bool = False
    identifier: bool = False
    note: str = ""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold one layout as the TOML file writes it."""

    name: str
    chart: str
    title: str
    block: str
    direction: Literal["to-server", "from-server", "both"]
    length: int
    fields: tuple[_Row, ...]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one field of a layout.

    `name` is the Python and JSON name, `federal` the printed one. `start` and `end` count from 1 and
    include both ends. `required` means filled in every transaction, `conditional` in some. `zero_is_value`
    separates a real zero (FIPS county, inches) from a zero-filled unused field. `default` is written where
    no value is given. `reserved` fields are kept for a future version: what stands there never spoils a
    transaction. An `identifier` must begin in its first position.
    """

    name: str
    federal: str
    start: int
    end: int
    kind: Kind
    required: bool = False
    conditional: bool = False
    upper: bool = True
    values: tuple[str, ...] | None = None
    zero_is_value: bool = False
    default: str = ""
    reserved: bool = False
    identifier: bool = False
    note: str = ""

    @property
    def width(self) -> int:
        """Count the positions the field takes."""
        return self.end - self.start + 1


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one record: its chart, its length in positions and its fields in printed order."""

    name: str
    chart: str
    title: str
    block: str
    direction: str
    length: int
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """Find a field by its Python name; KeyError if the chart has none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


def python_name(federal: str) -> str:
    """Turn a federal field name into its Python and JSON name.

    Apostrophes and full stops go, any other run of signs becomes one underscore:
    `Order-Arrears-Freq.-Amount` is `order_arrears_freq_amount`.
    """
    kept = re.sub(r"['.]", "", federal.lower())
    return re.sub(r"[^a-z0-9]+", "_", kept).strip("_")


@cache
def load_layouts() -> Mapping[str, Layout]:
    """Load the ten layouts of charts C-3 to C-12 by name; LayoutError if a table does not add up."""
    return MappingProxyType(dict(_load(files("csenet.codecs") / "layouts")))


@cache
def load_line_layouts() -> Mapping[str, Layout]:
    """Load the layouts of text fields that have a fixed inner form, by name."""
    return MappingProxyType(dict(_load(files("csenet.codecs") / "layouts" / "lines")))


def _load(folder: Traversable) -> Iterator[tuple[str, Layout]]:
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            layout = parse_layout(file.read_text("utf-8"), file.name)
            yield layout.name, layout


def parse_layout(text: str, file: str) -> Layout:
    """Check one layout table and return it; LayoutError names `file` and the row that is wrong."""
    try:
        table = msgspec.convert(tomllib.loads(text), _Table)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LayoutError(f"{file}: {error}") from error
    fields: list[Field] = []
    seen: set[str] = set()
    after = 0
    for number, row in enumerate(table.fields, start=1):
        place = f"{file}: row {number} ({row.federal})"
        field = _field(row)
        _check_place(row, after, place)
        _check_kind(row, place)
        if field.name in seen:
            raise LayoutError(f"{place}: the name {field.name} is used twice")
        if row.kind != "filler":
            seen.add(field.name)
        fields.append(field)
        after = row.end
    if after != table.length:
        raise LayoutError(f"{file}: the fields end at {after}, the record is {table.length} long")
    return Layout(
        name=table.name,
        chart=table.chart,
        title=table.title,
        block=table.block,
        direction=table.direction,
        length=table.length,
        fields=tuple(fields),
    )


def _field(row: _Row) -> Field:
    return Field(
        name=python_name(row.federal),
        federal=row.federal,
        start=row.start,
        end=row.end,
        kind=row.kind,
        required=row.required == "always",
        conditional=row.required == "sometimes",
        upper=row.upper,
        values=tuple(row.values.split()) or None,
        zero_is_value=row.zero == "value",
        default=row.default,
        reserved=row.reserved,
        identifier=row.identifier,
        note=row.note,
    )


def _check_place(row: _Row, after: int, place: str) -> None:
    if row.start > after + 1:
        raise LayoutError(f"{place}: gap, starts at {row.start} where {after + 1} is next")
    if row.start <= after:
        raise LayoutError(f"{place}: overlap, starts at {row.start} where {after + 1} is next")
    if row.end < row.start:
        raise LayoutError(f"{place}: ends at {row.end}, before it starts")


def _check_kind(row: _Row, place: str) -> None:
    width = row.end - row.start + 1
    if width != FIXED_WIDTHS.get(row.kind, width):
        raise LayoutError(f"{place}: {row.kind} takes {FIXED_WIDTHS[row.kind]} positions, not {width}")
    values = row.values.split()
    if (row.kind == "code") != bool(values):
        raise LayoutError(f"{place}: a code, and nothing else, lists its values")
    if any(len(value) != width for value in values):
        raise LayoutError(f"{place}: every value must be {width} long")
