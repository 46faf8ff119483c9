"""csenet event: say what has happened on cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Unusable,
    config_option,
    example,
    json_option,
    open_binary,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.desk.event_results import EventResult

_CHUNK = 100


@click.group(cls=Listing)
def event() -> None:
    """Say what has happened on cases, and see which transactions follow."""


@event.command(epilog=example("csenet event kinds", "csenet event kinds --json"))
@json_option
def kinds(as_json: bool) -> None:
    """List the kinds of events: what each may say, and what leaves for it in which role."""
    from csenet.handlers.event_table import kinds as table

    if as_json:
        print_json(list(table().values()))
        return
    rows = []
    for row in table().values():
        for send in row.sends or (None,):
            far = "nothing" if send is None else "as the ground says" if send.closure else send.far
            role = "" if send is None else send.role
            sorts = "" if send is None else ", ".join((*send.of, send.place)).strip(", ")
            rows.append((row.kind, sorts, role, far, row.title))
    print_table("Kinds of events", ["kind", "sort", "our role", "what leaves", "what has happened"], rows)


@event.command(
    epilog=example(
        """echo '{"case_id": "2701", "id": "E1", "kind": "services_no_longer_needed"}'"""
        " | csenet event send - --dry-run --config gateway.toml",
    )
)
@click.argument("file", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Show what would leave and why; keep and send nothing.")
@config_option
@json_option
@click.pass_context
def send(ctx: click.Context, file: str, dry_run: bool, config: Path, as_json: bool) -> None:
    """Take in the events of FILE, one JSON object a line, in order.

    Each line holds what POST /v1/cases/{case_id}/events takes, and its "case_id".  An event counts once, by
    its id: a file may be sent again after it was mended.  A refused event keeps later ones of its case
    waiting.  "-" is standard input.  Exit 1 if an event was refused, with every reason; a line that is no
    JSON object with a case ID stops the file, exit 2, before anything of it is taken in.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import GatewayError

    lines = list(_lines(file))
    answers: list[Any] = run(call(config, lambda desk: _send(desk, lines, dry_run)))
    good = [answer for answer in answers if not isinstance(answer, GatewayError)]
    if as_json:
        print_json(good)
    else:
        title = "Would happen" if dry_run else "Events taken in"
        columns = ["case", "event", "kind", "transaction", "outcome", "serial", "why, or what is missing"]
        print_table(title, columns, [row for each in good for row in _rows(each)])
    for (number, _), answer in zip(lines, answers, strict=True):
        if isinstance(answer, GatewayError):
            click.echo(_refusal(file, number, answer), err=True)
    ctx.exit(0 if len(good) == len(answers) else 1)


def _lines(file: str) -> Iterator[tuple[int, Any]]:
    """Read each line; one that is no JSON object with a case ID stops the command before anything is kept."""
    import json

    with open_binary(file) as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.strip():
                continue
            try:
                found = json.loads(raw)
            except ValueError:
                raise Unusable(f"{file}:{number}: is not valid JSON in UTF-8") from None
            if not isinstance(found, dict) or not isinstance(found.get("case_id"), str):
                raise Unusable(f'{file}:{number}: must be a JSON object with a "case_id"')
            yield number, found


async def _send(desk: Desk, lines: list[tuple[int, Any]], dry_run: bool) -> list[Any]:
    """Take events in, a hundred to a commit; in a dry run all together, to see what earlier ones change."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.desk.events import Told, refused_before

    told = [
        Told(found["case_id"], {name: value for name, value in found.items() if name != "case_id"})
        for _, found in lines
    ]
    size = max(len(told), 1) if dry_run else _CHUNK
    answers: list[Any] = []
    for start in range(0, len(told), size):
        chunk = told[start : start + size]
        stuck = refused_before(told[:start], answers)
        answers += await desk.happened_all(chunk, dry_run=dry_run, actor=actor(), stuck=stuck)
    return answers


def _rows(result: EventResult) -> Iterator[tuple[Any, ...]]:
    for line in result.lines:
        serial = line.transaction.serial if line.transaction is not None else None
        outcome = "repeated" if result.repeated else line.outcome
        told = f"missing: {', '.join(line.missing)}" if line.missing else _why(line.why)
        yield result.case_id, result.event_id, result.kind, line.far or "nothing", outcome, serial, told


def _why(reasons: list[dict[str, Any]]) -> str:
    return "; ".join(f"{why['rule']}: {why['text']} [{why['citation']}]" for why in reasons)


def _refusal(file: str, number: int, error: Any) -> str:
    from csenet.gateway.cli.submit import sentence

    problems = getattr(error, "problems", None)
    reasons = [sentence(problem) for problem in problems] if problems else [str(error)]
    return "\n".join(f"{file}:{number}: {reason}" for reason in reasons)
