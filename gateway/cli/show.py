"""csenet show: one transaction, readable by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import (
    Unusable,
    cell,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)


@click.command(epilog=example("csenet show in-1 --config gateway.toml"))
@click.argument("transaction", metavar="ID")
@config_option
@click.option("--unmask", is_flag=True, help="Show personal data in clear; the audit trail notes it.")
@json_option
def show(transaction: str, config: Path, unmask: bool, as_json: bool) -> None:
    """Show the stored transaction ID (in-12 came in, out-7 goes out).

    Who sent it and what became of it, its timeline, and the transaction in words: what it asks for or tells
    in a sentence, then its data blocks with the meanings of codes. Names, numbers, looks, birth dates and
    addresses are masked.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import NotFound

    try:
        detail, timeline = run(call(config, lambda desk: _find(desk, transaction, unmask)))
    except NotFound:
        detail = None
    if detail is None:
        raise Unusable(f"{transaction}: there is no such transaction; it reads like in-12 or out-7")
    if as_json:
        import msgspec

        blocks = detail.transaction or {}
        if not unmask:
            blocks = masked(blocks)
        shown = msgspec.structs.replace(detail, transaction=blocks)
        print_json({"sentence": sentence(detail), "timeline": timeline, **msgspec.to_builtins(shown)})
        return
    _print(detail, timeline, unmask=unmask)


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
    from csenet.gateway.cli.store import ACTOR
    from csenet.gateway.store import audit

    about = {"at": desk.clock.now(), "actor": ACTOR, "action": "transaction.unmasked"}
    async with desk.store.begin() as conn:
        await audit.add(conn, [{**about, "object": f"transaction {identifier}"}])


def masked(blocks: dict[str, Any]) -> dict[str, Any]:
    """Hide what tells who somebody is; codes, amounts, FIPS codes and dates but those of birth are shown.

    The kinds of the fields decide, so that a field added to the charts is hidden until somebody thinks of it.
    The header names no person and stays.
    """
    return {name: value if name == "header" else _masked_block(name, value) for name, value in blocks.items()}


def _masked_block(name: str, value: Any) -> Any:
    """Mask one block, or each block of a list; a field nobody knows is hidden."""
    from csenet.codecs import describe

    if isinstance(value, list):
        return [_masked_block(name, each) for each in value]
    shown = {}
    for key, text in value.items():
        field = describe.field_of(name, key)
        shown[key] = describe.MASK if field is None or describe.is_personal(name, field) else text
    return shown


def sentence(detail: Any) -> str:
    """Say who sent whom what, and what became of it."""
    from csenet.codecs.describe import state

    what = detail.far or "something unreadable"
    case = f" on case {detail.case_id}" if detail.case_id else ""
    verb = "sent" if detail.id.startswith("in") or detail.status == "delivered" else "is to send"
    sender, receiver = state(detail.from_fips), state(detail.to_fips)
    return f"{sender[:1].upper()}{sender[1:]} {verb} {receiver} {what}{case}: {detail.status}."


def _print(detail: Any, timeline: list[Any], *, unmask: bool) -> None:
    """Print for a person: the sentence, the facts about it, the timeline, the transaction."""
    click.echo(sentence(detail))
    facts = ["id", "serial", "received_at", "settled_at", "milliseconds", "in_reply_to", "attempts", "reason"]
    came = detail.id.startswith("in")
    for name in facts:
        if getattr(detail, name):
            label = "queued at" if name == "received_at" and not came else name.replace("_", " ")
            click.echo(f"  {label:<14}{cell(getattr(detail, name))}")
    click.echo("")
    if timeline:
        rows = [(event.at, event.event, _detail(event.detail)) for event in timeline]
        print_table("Timeline", ["at", "event", "detail"], rows)
    for problem in detail.problems:
        click.echo(_problem(problem))
    if detail.problems:
        click.echo("")
    if detail.transaction:
        click.echo(_described(detail, unmask=unmask), nl=False)


def _problem(problem: dict[str, Any]) -> str:
    """Write a problem on one line; the value stays out."""
    field = f" {problem['field']}" if problem.get("field") else ""
    citation = f" [{problem['citation']}]" if problem.get("citation") else ""
    return f"{problem.get('severity')} {problem.get('code')}{field}: {problem.get('message')}{citation}"


def _described(detail: Any, *, unmask: bool) -> str:
    """Write the transaction in words."""
    from csenet.codecs import describe, transaction

    way = transaction.Direction.FROM_SERVER if detail.id.startswith("in") else transaction.Direction.TO_SERVER
    return describe.text(transaction.from_json(detail.transaction), unmask, direction=way)


def _detail(detail: dict[str, Any]) -> str:
    """Write an event's keys in one cell."""
    return ", ".join(f"{key} {value}" for key, value in detail.items())
