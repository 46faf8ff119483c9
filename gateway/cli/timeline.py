"""csenet timeline: everything that happened to a transaction or on a case, with the reasons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.cells import cell
from csenet.gateway.cli.common import (
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)


@click.command(epilog=example("csenet timeline in-1 --config gateway.toml", "csenet timeline 2701"))
@click.argument("what", metavar="ID|CASE")
@config_option
@json_option
def timeline(what: str, config: Path, as_json: bool) -> None:
    """Tell what happened to a transaction (in-12, out-7) from its first byte to its receipt, or on a case.

    Each decision comes with its rules and citations, each try to deliver with what came of it.  Nothing
    personal is shown; that you looked is written into the audit trail.
    """
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: _events(desk, what)))
    if found is None:
        raise Unusable(f"{what}: no such transaction (in-12, out-7), and no such case")
    if as_json:
        print_json(found)
        return
    rows = [(each["at"], each["about"], each["event"], each["detail"]) for each in found]
    print_table(f"Timeline of {what}", ["at", "about", "event", "detail"], rows)


async def _events(desk: Any, what: str) -> list[dict[str, Any]] | None:
    """Read a transaction's way, or a case's."""
    import msgspec

    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at
    from csenet.gateway.desk.ways import way_of
    from csenet.gateway.people.looks import Look

    reader, person, look = reader_at(desk), acting(), Look(channel="cli")
    if re.fullmatch(r"(in|out)-\d+", what):
        detail = await reader.transaction(person, what, look)
        if detail is None:
            return None
        async with desk.store.read() as conn:
            return [msgspec.structs.asdict(step) for step in await way_of(conn, detail)]
    case = await reader.case(person, what, look)
    if case is None:
        return None
    return [
        {
            "at": each.at,
            "about": each.transaction or case.case_id,
            "event": each.event,
            "detail": _told(each.detail),
        }
        for each in case.timeline
    ]


def _told(detail: dict[str, Any]) -> str:
    return ", ".join(
        f"{key.replace('_', ' ')} {_told(value) if isinstance(value, dict) else cell(value) or 'nothing'}"
        for key, value in detail.items()
    )
