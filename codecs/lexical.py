"""Say what a field's value looks like where it is written as text with a meaning: in JSON and in XML.

Both schemas are generated from this, so they refuse the same values. The expressions keep to what XML Schema
and JSON Schema have in common and are to match the whole value.
"""

from collections.abc import Sequence

import msgspec

from csenet.codecs import blocks
from csenet.codecs.layout import Field, Layout, load_layouts
from csenet.codecs.model import BLOCKS


class Shape(msgspec.Struct, frozen=True):
    """Describe the values of a field: one of `values`, or text of some length that fits `pattern`."""

    pattern: str
    least: int
    most: int
    values: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """Hold where a field is printed: federal name, chart and positions, and our note on it."""

    field: Field
    charts: tuple[str, ...]
    columns: tuple[tuple[int, int], ...]

    @property
    def words(self) -> str:
        """Write all of it as one line."""
        places = " and ".join(
            f"{chart}, position {first}" if first == last else f"{chart}, positions {first}-{last}"
            for chart, (first, last) in zip(self.charts, self.columns, strict=True)
        )
        note = f" {self.field.note}" if self.field.note else ""
        return f"{self.field.federal}. Chart {places}.{note}"


_DIGIT = "[0-9]"
_SOME_DIGIT = "0*[1-9][0-9]*"
_MONEY = r"[0-9]{1,10}\.[0-9]{2}|-[0-9]{1,9}\.[0-9]{2}"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_FIXED = {"money": Shape(_MONEY, 4, 13), "time": Shape(_TIME, 8, 8), "date": Shape(_DATE, 10, 10)}


def shape(field: Field) -> Shape:
    """Return what a field's values look like in canonical form."""
    if field.kind in _FIXED:
        return _FIXED[field.kind]
    if field.kind == "code":
        return Shape("|".join(field.values or ()), field.width, field.width, field.values or ())
    if field.kind in ("digits", "number"):
        least = field.width if field.kind == "number" else 1
        return Shape(f"{_DIGIT}*" if field.zero_is_value else _SOME_DIGIT, least, field.width)
    end, inner = ("[!-`{-~]", "[ -`{-~]") if field.upper else ("[!-~]", "[ -~]")
    return Shape(f"{end}({inner}*{end})?", 1, field.width)


def places(struct: str) -> list[Place]:
    """List where the fields of a block's struct are printed, in printed order."""
    layouts = [load_layouts()[source] for source in blocks.SOURCES[struct]]
    return [_place(field, layouts) for field in blocks.struct_fields(struct).values()]


def _place(field: Field, layouts: Sequence[Layout]) -> Place:
    found = [(layout, each) for layout in layouts for each in layout.fields if each.name == field.name]
    return Place(
        field,
        tuple(layout.chart for layout, _ in found),
        tuple((each.start, each.end) for _, each in found),
    )


def block_structs() -> dict[str, str]:
    """Name the struct of each part of a transaction, header first."""
    return {"header": "Header"} | {name: codec.struct.__name__ for name, codec in BLOCKS.items()}


def block_titles(struct: str) -> tuple[str, str]:
    """Return title and charts of a block."""
    layouts = [load_layouts()[source] for source in blocks.SOURCES[struct]]
    return layouts[0].title, " and ".join(layout.chart for layout in layouts)


def always_given(field: Field) -> bool:
    """Tell whether a header without this field cannot be written."""
    return field.required and not field.default
