"""csenet layout: the charts of the header, the data blocks and the error file."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import click

from csenet.gateway.cli.common import Unusable, example, json_option, print_json, print_table

PLACES = ("positions", "kind", "required")
_WIDTHS = (11, 10, 11)
_REQUIRED = {True: "always", False: ""}


@click.command(epilog=example("csenet layout order", "csenet layout"))
@click.argument("block", required=False, metavar="[BLOCK]")
@json_option
def layout(block: str | None, as_json: bool) -> None:
    """Print the chart of a BLOCK, or list the charts.

    Positions count from 1 and include both ends. Fields required "sometimes" depend on the transaction:
    csenet far tells on which.
    """
    from csenet.codecs.layout import load_layouts

    layouts = load_layouts()
    if block is None:
        _list(layouts, as_json=as_json)
        return
    found = layouts.get(block.lower().replace("-", "_")) or layouts.get(block.lower().removesuffix("s"))
    if found is None:
        raise Unusable(f"{block}: no such chart; there are {', '.join(layouts)}")
    if as_json:
        print_json(
            {"name": found.name, "chart": found.chart, "length": found.length, "fields": fields(found)}
        )
        return
    click.echo(f"{found.title} (chart {found.chart}), {found.length} positions\n")
    click.echo(_cells(PLACES) + "field, its values and notes")
    for field in fields(found):
        click.echo("\n".join(_told(field)))


def _cells(cells: tuple[str, ...]) -> str:
    """Write the narrow columns; the widest, which has the names, comes behind them."""
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))


def _told(field: dict[str, Any]) -> Iterator[str]:
    """Write a field for people, its values and its note below its name."""
    first, last = field["first"], field["last"]
    place = str(first) if first == last else f"{first}-{last}"
    yield _cells((place, field["kind"], field["required"])) + field["field"]
    values = field["values"].split("; ") if field["values"] else []
    plain = [] if any("–" in value for value in values) or not values else [" ".join(values)]
    width = min(shutil.get_terminal_size((100, 24)).columns, 100) - sum(_WIDTHS) - 2
    for told in (*(plain or values), field["note"]):
        for line in textwrap.wrap(told, max(width, 30)):
            yield f"{'':{sum(_WIDTHS)}}  {line}"


def _list(layouts: Any, *, as_json: bool) -> None:
    """List the charts in printed order."""
    rows = sorted(layouts.values(), key=lambda each: int(each.chart.partition("-")[2]))
    if as_json:
        about = ("name", "chart", "title", "length")
        print_json([{name: getattr(each, name) for name in about} for each in rows])
        return
    table = [(each.name, each.chart, each.title, each.length) for each in rows]
    print_table("Charts", ["name", "chart", "title", "positions"], table)


def fields(chart: Any) -> list[dict[str, Any]]:
    """Describe each field of a chart for people and for the reference page."""
    return [
        {
            "field": field.federal,
            "name": field.name,
            "first": field.start,
            "last": field.end,
            "kind": "reserved" if field.reserved else field.kind,
            "required": "sometimes" if field.conditional else _REQUIRED[field.required],
            "values": _values(field),
            "note": field.note,
        }
        for field in chart.fields
    ]


def _values(field: Any) -> str:
    """List the values of a code with their meanings."""
    from csenet.codecs.describe import meanings

    told = []
    for value in field.values or ():
        meaning = meanings().get((field.name, value))
        told.append(f"{value} – {meaning}" if meaning else value)
    return "; ".join(told)
