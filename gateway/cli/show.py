"""csenet show: one transaction, readable by a person."""

from __future__ import annotations

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


@click.command(epilog=example("csenet show in-1 --config gateway.toml"))
@click.argument("transaction", metavar="ID")
@config_option
@click.option("--unmask", is_flag=True, help="Show personal data in clear; needs --reason.")
@click.option("--reason", default="", help="Why; the audit trail keeps it.")
@click.option(
    "--pdf",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this new file, to be printed; needs the extra pdf.",
)
@json_option
def show(transaction: str, config: Path, unmask: bool, reason: str, pdf: Path | None, as_json: bool) -> None:
    """Show the stored transaction ID (in-12 came in, out-7 goes out).

    Who sent it and what became of it, its timeline, and the transaction in words: what it asks for or tells
    in a sentence, then its data blocks with the meanings of codes. Names, numbers, looks, birth dates and
    addresses are masked. That you looked is written into the audit trail before anything is shown.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import NotFound

    if unmask and not reason.strip():
        raise Unusable("--unmask needs --reason: say why personal data is to be seen")
    if pdf is not None:
        _to_pdf(transaction, config, Path(pdf), unmask=unmask, reason=reason)
        return
    try:
        found = run(call(config, lambda desk: _find(desk, transaction, unmask, reason)))
    except NotFound:
        found = None
    if found is None:
        raise Unusable(f"{transaction}: there is no such transaction; it reads like in-12 or out-7")
    detail, words, timeline = found
    if as_json:
        import msgspec

        print_json({"sentence": sentence(detail), "timeline": timeline, **msgspec.to_builtins(detail)})
        return
    _print(detail, words, timeline)


def _to_pdf(transaction: str, config: Path, file: Path, *, unmask: bool, reason: str) -> None:
    """Write a transaction to a file that only its owner can read."""
    import os

    from csenet.gateway.cli.store import call
    from csenet.gateway.console import paper

    try:
        paper.need()
    except paper.NoPaper as missing:
        raise Unusable(str(missing)) from None
    if file.exists():
        raise Unusable(f"{file}: is there already; nothing is written over it")
    content = run(call(config, lambda desk: _paper(desk, transaction, unmask, reason)))
    if content is None:
        raise Unusable(f"{transaction}: there is no such transaction; it reads like in-12 or out-7")
    with open(file, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        out.write(content)
    click.echo(f"{file}: {len(content):,} bytes; that it was taken out is on record")


async def _paper(desk: Any, identifier: str, unmask: bool, reason: str) -> bytes | None:
    """Make the PDF; that it was taken out is on record first."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at
    from csenet.gateway.console import detail as page
    from csenet.gateway.console import paper
    from csenet.gateway.desk import views, views_story
    from csenet.gateway.people.looks import SHOWN, Look

    reader, person = reader_at(desk), acting()
    look = Look(unmask=unmask, purpose=reason, channel="export pdf")
    found = await reader.transaction(person, identifier, look)
    if found is None:
        return None
    await reader.record(person, "transaction.export", [f"transaction {identifier}"], look, outcome=SHOWN)
    async with desk.store.read() as conn:
        story = await views_story.story(conn, found, desk.agency.state)
        whole = await views.transaction(conn, identifier, desk.agency.state)
    return paper.transmittal(
        found,
        page.direction_of(found),
        sentence=page.sentence(whole),
        moments=story.moments,
        by=person.name,
        at=desk.clock.now(),
        zone=desk.agency.zone,
    )


async def _find(desk: Any, identifier: str, unmask: bool, reason: str) -> tuple[Any, str, list[Any]] | None:
    """Read the transaction, and what happened on its case because of it."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at
    from csenet.gateway.people import masking, tax_masking
    from csenet.gateway.people.looks import Look

    look = Look(unmask=unmask, purpose=reason, channel="cli")
    found = await reader_at(desk).described(acting(), identifier, look)
    if found is None:
        return None
    detail, words = found
    case = await desk.get_case(detail.case_id) if detail.case_id else None
    shown = None if case is None else case if unmask else masking.case_view(case)
    events = [] if shown is None else tax_masking.hidden(shown).timeline
    about = {detail.id, detail.in_reply_to or detail.id}
    return detail, words, [event for event in events if event.transaction in about]


def sentence(detail: Any) -> str:
    """Say who sent whom what, and what became of it."""
    from csenet.codecs.describe import state

    what = detail.far or "something unreadable"
    case = f" on case {detail.case_id}" if detail.case_id else ""
    verb = "sent" if detail.id.startswith("in") or detail.status == "delivered" else "is to send"
    sender, receiver = state(detail.from_fips), state(detail.to_fips)
    return f"{sender[:1].upper()}{sender[1:]} {verb} {receiver} {what}{case}: {detail.status}."


def _print(detail: Any, words: str, timeline: list[Any]) -> None:
    """Print for a person: the sentence, the facts about it, the timeline, the transaction."""
    click.echo(sentence(detail))
    facts = ["id", "serial", "received_at", "settled_at", "milliseconds", "in_reply_to", "attempts", "reason"]
    came = detail.id.startswith("in")
    for name in facts:
        if getattr(detail, name):
            label = "queued at" if name == "received_at" and not came else name.replace("_", " ")
            told = cell(getattr(detail, name))
            label, told = ("took", f"{told} ms") if name == "milliseconds" else (label, told)
            click.echo(f"  {label:<14}{told}")
    click.echo("")
    if timeline:
        rows = [(event.at, event.event, _detail(event.detail)) for event in timeline]
        print_table("Timeline", ["at", "event", "detail"], rows)
    for problem in detail.problems:
        click.echo(_problem(problem))
    if detail.problems:
        click.echo("")
    if words:
        click.echo(words, nl=False)


def _problem(problem: dict[str, Any]) -> str:
    """Write a problem on one line; the value stays out."""
    field = f" {problem['field']}" if problem.get("field") else ""
    citation = f" [{problem['citation']}]" if problem.get("citation") else ""
    return f"{problem.get('severity')} {problem.get('code')}{field}: {problem.get('message')}{citation}"


def _detail(detail: dict[str, Any]) -> str:
    """Write an event's keys in one cell."""
    return ", ".join(f"{key} {value}" for key, value in detail.items())
