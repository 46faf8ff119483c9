"""Lay a transaction out for people: blocks with meanings, columns under a ruler, XML, and two side by side.

Everything here is made from the JSON form as reading handed it out, masked or in clear, so that nothing can
be shown that reading did not let through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

import msgspec

from csenet.codecs import codes, describe
from csenet.codecs.layout import Field
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction
from csenet.gateway.people.masking import MASK, is_personal

WIDTH: Final = 80
_VEIL: Final = "▒"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one field: its federal name, what stands there, its meaning, and its columns in the block."""

    name: str
    federal: str
    value: str
    meaning: str
    columns: str
    hidden: bool = False


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one block with its filled fields."""

    key: str
    title: str
    chart: str
    rows: list[Row]


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one block as it stands in the file, cut into lines, each with the column it begins at."""

    title: str
    lines: list[tuple[int, str]]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one field of two transactions."""

    block: str
    federal: str
    left: str
    right: str
    same: bool


def blocks(tx: Mapping[str, Any], direction: Direction) -> list[Block]:
    """Give the blocks of a transaction in the order of the charts, empty fields left out."""
    return [
        Block(key=key, title=title, chart=codec.layout.chart, rows=list(_rows(name, codec, values)))
        for key, name, title, codec, values in _parts(tx, direction)
    ]


def _parts(
    tx: Mapping[str, Any], direction: Direction
) -> Iterator[tuple[str, str, str, Any, Mapping[str, Any]]]:
    yield "header", "header", "Header", HEADERS[direction], tx.get("header", {})
    for name, codec in BLOCKS.items():
        held = tx.get(name)
        if held is None:
            continue
        for number, values in enumerate(held if name in REPEATING else [held], 1):
            title = describe.block_title(name)
            if name in REPEATING:
                yield f"{name}-{number}", name, f"{title} {number}", codec, values
            else:
                yield name, name, title, codec, values


def _rows(block: str, codec: Any, values: Mapping[str, Any]) -> Iterator[Row]:
    known: Mapping[str, Field] = codec.json_names
    for name, value in values.items():
        field = known.get(name) or describe.field_of(block, name)
        text = "" if value is None else str(value)
        hidden = text == MASK
        yield Row(
            name=name,
            federal=field.federal if field else name,
            value=_written(field, text),
            meaning="" if hidden else _meaning(name, text),
            columns=_columns(field) if field and name in known else "",
            hidden=hidden,
        )


def _columns(field: Field) -> str:
    return str(field.start) if field.start == field.end else f"{field.start}–{field.end}"


def _written(field: Field | None, text: str) -> str:
    if field is not None and field.kind == "money" and text != MASK:
        return f"${float(text):,.2f}" if text.lstrip("-").replace(".", "").isdigit() else text
    return text


def _meaning(name: str, text: str) -> str:
    meaning = describe.meanings().get((name, text)) or describe.CLOCKS.get(name)
    if meaning is None and name.endswith("fips_state") and text in codes.jurisdictions():
        return describe.state(text)
    return meaning or ""


def strips(raw: bytes, tx: Mapping[str, Any], direction: Direction, *, clear: bool) -> list[Strip]:
    """Cut kept bytes into blocks and lines; columns of personal fields are veiled unless ``clear``,
    and what reading did not hand out is veiled in any case."""
    text = raw.decode("ascii", "replace").rstrip("\r\n")
    found, start = [], 0
    for _, name, title, codec, values in _parts(tx, direction):
        length = codec.layout.length
        piece = text[start : start + length]
        start += length
        guarded = {key for key, value in values.items() if value == MASK}
        fields = [each for key, each in codec.json_names.items() if key in guarded]
        if not clear:
            fields += [each for each in codec.layout.fields if is_personal(name, each.name)]
        piece = _veiled(fields, piece)
        found.append(Strip(title=title, lines=_lines(piece)))
    if text[start:].strip():
        rest = text[start:] if clear else _VEIL * len(text[start:])
        found.append(Strip(title="Beyond the last block", lines=_lines(rest)))
    return found


def whole(raw: bytes) -> list[Strip]:
    """Cut bytes that are no transaction into lines; only for those who may see them in clear."""
    return [Strip(title="As it came", lines=_lines(raw.decode("ascii", "replace")))]


def _veiled(fields: Sequence[Field], piece: str) -> str:
    """Cover what fields hold; blanks stay blank, which tells only that nothing is there."""
    letters = list(piece)
    for field in fields:
        if field.kind == "filler":
            continue
        span = slice(field.start - 1, field.end)
        if "".join(letters[span]).strip():
            letters[span] = _VEIL * len(letters[span])
    return "".join(letters)


def _lines(piece: str) -> list[tuple[int, str]]:
    return [(at + 1, piece[at : at + WIDTH]) for at in range(0, len(piece), WIDTH)]


def ruler() -> tuple[str, str]:
    """Write the two lines of a ruler: tens over ones."""
    tens = "".join(f"{column // 10:>10}" for column in range(10, WIDTH + 1, 10))
    return tens, ("1234567890" * (WIDTH // 10))[:WIDTH]


def xml(tx: Mapping[str, Any]) -> str:
    """Write the XML form of what was handed out."""
    lines = ["<transaction>"]
    for name, held in tx.items():
        element = BLOCKS[name].layout.name if name in REPEATING else name
        for values in held if isinstance(held, list) else [held]:
            lines.append(f"  <{element}>")
            lines += [f"    <{key}>{escape(str(value))}</{key}>" for key, value in values.items()]
            lines.append(f"  </{element}>")
    return "\n".join([*lines, "</transaction>"])


def json(tx: Mapping[str, Any]) -> str:
    """Write the JSON form of what was handed out."""
    return msgspec.json.format(msgspec.json.encode(tx), indent=2).decode()


def differences(
    left: Mapping[str, Any], right: Mapping[str, Any], directions: tuple[Direction, Direction]
) -> list[Difference]:
    """Lay two transactions side by side, field by field, in the order of the charts.

    Two masked values cannot be compared and count as the same.
    """
    sides = [_flat(tx, way) for tx, way in zip((left, right), directions, strict=True)]
    keys = list(dict.fromkeys([*sides[0], *sides[1]]))
    order = {
        key: place for place, key in enumerate([*sides[0], *(key for key in sides[1] if key not in sides[0])])
    }
    found = []
    for key in sorted(keys, key=lambda each: (_block_order(each[0]), order[each])):
        one, other = (side.get(key, ("", ""))[1] for side in sides)
        federal = (sides[0].get(key) or sides[1][key])[0]
        found.append(Difference(block=key[0], federal=federal, left=one, right=other, same=one == other))
    return found


def _flat(tx: Mapping[str, Any], direction: Direction) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (block.title, row.name): (row.federal, row.value)
        for block in blocks(tx, direction)
        for row in block.rows
    }


def _block_order(title: str) -> tuple[int, str]:
    titles = ["Header", *(describe.block_title(name) for name in BLOCKS)]
    name = title.rstrip(" 0123456789")
    return (titles.index(name) if name in titles else len(titles), title)
