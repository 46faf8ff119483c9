"""csenet show: one transaction, readable by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .common import Unusable, config_option, example, json_option, print_json, print_table, run

MASK = "***"
_SHOWN_KINDS = frozenset({"code", "money", "number", "date"})
_SHOWN_PARTS = ("fips", "cej")


@click.command(epilog=example("csenet show in-1 --config gateway.toml"))
@click.argument("transaction", metavar="ID")
@config_option
@click.option("--unmask", is_flag=True, help="Show personal data in clear; the audit trail notes it.")
@json_option
def show(transaction: str, config: Path, unmask: bool, as_json: bool) -> None:
    """Show the stored transaction ID (in-12 came in, out-7 goes out).

    What it says in a sentence, its status and timeline, and its data blocks with names, numbers, birth dates
    and addresses masked.
    """
    from csenet.gateway.errors import NotFound

    from .store import call

    try:
        detail, timeline = run(call(config, lambda desk: _find(desk, transaction, unmask)))
    except NotFound:
        detail = None
    if detail is None:
        raise Unusable(f"{transaction}: there is no such transaction; it reads like in-12 or out-7")
    blocks = detail.transaction or {}
    if not unmask:
        blocks = masked(blocks)
    if as_json:
        import msgspec

        shown = msgspec.structs.replace(detail, transaction=blocks)
        print_json({"sentence": sentence(detail), "timeline": timeline, **msgspec.to_builtins(shown)})
        return
    _print(detail, timeline, blocks)


async def _find(desk: Any, identifier: str, unmask: bool) -> tuple[Any, list[Any]]:
    """Read the transaction, and what happened on its case because of it; note a look at personal data."""
    detail = await desk.transaction(identifier)
    if detail is not None and unmask:
        await _note(desk, identifier)
    if detail is None or not detail.case_id:
        return detail, []
    case = await desk.get_case(detail.case_id)
    events = [] if case is None else case.timeline
    about = {detail.id, detail.in_reply_to or detail.id}
    return detail, [event for event in events if event.transaction in about]


async def _note(desk: Any, identifier: str) -> None:
    """Write into the audit trail that somebody saw the content, before it is shown."""
    from csenet.gateway.store import audit

    from .store import ACTOR

    about = {"at": desk.clock.now(), "actor": ACTOR, "action": "transaction.unmasked"}
    async with desk.store.begin() as conn:
        await audit.add(conn, [{**about, "object": f"transaction {identifier}"}])


def masked(blocks: dict[str, Any]) -> dict[str, Any]:
    """Hide what tells who somebody is: shown are codes, amounts, dates but those of birth, and FIPS codes.

    The kinds of the fields decide, so that a field added to the charts is hidden until somebody thinks of it.
    The header names no person and stays.
    """
    return {name: value if name == "header" else _masked_block(name, value) for name, value in blocks.items()}


def _masked_block(name: str, value: Any) -> Any:
    """Mask one block, or each block of a list."""
    if isinstance(value, list):
        return [_masked_block(name, each) for each in value]
    kinds = _kinds(name)
    return {field: text if _harmless(field, kinds.get(field, "")) else MASK for field, text in value.items()}


def _kinds(block: str) -> dict[str, str]:
    """Look up the kind of each field of a block."""
    from csenet.codecs.layout import load_layouts

    layout = load_layouts().get(block) or load_layouts().get(block.removesuffix("s"))
    return {} if layout is None else {field.name: field.kind for field in layout.fields}


def _harmless(field: str, kind: str) -> bool:
    """Say whether a field may be shown to anybody who may list transactions."""
    if "birth" in field:
        return False
    return kind in _SHOWN_KINDS or any(part in field for part in _SHOWN_PARTS)


def sentence(detail: Any) -> str:
    """Say who sent whom what, and what became of it."""
    from csenet.codecs.codes import VALID, FarCode

    try:
        row = VALID.get(FarCode.parse(detail.far or ""))
    except ValueError:
        row = None
    what = f"{detail.far} ({row.title})" if row else detail.far or "something unreadable"
    case = f" on case {detail.case_id}" if detail.case_id else ""
    verb = "sent" if detail.id.startswith("in") or detail.status == "delivered" else "is to send"
    return f"{_state(detail.from_fips)} {verb} {_state(detail.to_fips)} {what}{case}: {detail.status}."


def _state(fips: str | None) -> str:
    """Name a state by its code."""
    from csenet.codecs.codes import jurisdictions

    known = jurisdictions().get((fips or "")[:2])
    return known.name if known else "An unknown state"


def _print(detail: Any, timeline: list[Any], blocks: dict[str, Any]) -> None:
    """Print for a person: the sentence, the facts about it, the timeline, the blocks."""
    click.echo(sentence(detail))
    facts = ["id", "serial", "received_at", "settled_at", "milliseconds", "in_reply_to", "attempts", "reason"]
    print_table("", ["", ""], [(name, getattr(detail, name)) for name in facts if getattr(detail, name)])
    if timeline:
        rows = [(event.at, event.event, _detail(event.detail)) for event in timeline]
        print_table("Timeline", ["at", "event", "detail"], rows)
    for problem in detail.problems:
        click.echo(f"{problem.get('severity')} {problem.get('code')}: {problem.get('message')}")
    for name, value in blocks.items():
        for number, block in enumerate(value if isinstance(value, list) else [value], start=1):
            title = f"{name} {number}" if isinstance(value, list) else name
            print_table(title, ["field", "value"], block.items())


def _detail(detail: dict[str, Any]) -> str:
    """Write an event's keys in one cell."""
    return ", ".join(f"{key} {value}" for key, value in detail.items())
