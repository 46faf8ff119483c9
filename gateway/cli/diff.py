"""csenet diff: two transactions side by side, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import (
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

ABSENT = ""


@click.command(epilog=example("csenet diff in-1 in-1 --config gateway.toml"))
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--all", "everything", is_flag=True, help="Show fields that are the same as well.")
@config_option
@json_option
@click.pass_context
def diff(ctx: click.Context, first: str, second: str, everything: bool, config: Path, as_json: bool) -> None:
    """Compare the stored transactions A and B, field by field (in-12 came in, out-7 goes out).

    Personal fields are masked: that they differ is told, what they hold is not.  That you looked is written
    into the audit trail.  Exit 0 if they are the same, 1 if they differ.
    """
    from csenet.gateway.cli.store import call

    one, other = run(call(config, lambda desk: _both(desk, first, second)))
    rows = list(compared(one, other))
    changed = [row for row in rows if row["differs"]]
    shown = rows if everything else changed
    if as_json:
        print_json(shown)
    else:
        columns = ("field", "differs", first, second)
        told = [(r["field"], "*" if r["differs"] else "", r["first"], r["second"]) for r in shown]
        print_table(f"{first} and {second}: fields that differ: {len(changed)}", columns, told)
    ctx.exit(1 if changed else 0)


async def _both(desk: Any, first: str, second: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read both, in clear to compare and masked to show, with a record of it."""
    found = []
    for identifier in (first, second):
        clear = await desk.transaction(identifier)
        masked = await _masked(desk, identifier)
        if clear is None or masked is None:
            raise Unusable(f"{identifier}: there is no such transaction; it reads like in-12 or out-7")
        found.append({"clear": clear.transaction or {}, "masked": masked.transaction or {}})
    return found[0], found[1]


async def _masked(desk: Any, identifier: str) -> Any:
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at
    from csenet.gateway.people.looks import Look

    return await reader_at(desk).transaction(acting(), identifier, Look(channel="cli"))


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Put the fields of two transactions beside each other, in the order of the charts."""
    sides = [(dict(_fields(side["clear"])), dict(_fields(side["masked"]))) for side in (first, second)]
    (one, shown), (other, told) = sides
    for name in dict.fromkeys([*one, *other]):
        yield {
            "field": name,
            "differs": one.get(name) != other.get(name),
            "first": shown.get(name, ABSENT),
            "second": told.get(name, ABSENT),
        }


def _fields(blocks: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name each field by its block, and by its number in a list of blocks."""
    for block, content in blocks.items():
        several = isinstance(content, list)
        for number, each in enumerate(content if several else [content], 1):
            place = f"{block}[{number}]" if several else block
            for field, value in each.items() if isinstance(each, Mapping) else [("", each)]:
                yield f"{place}.{field}".rstrip("."), value
