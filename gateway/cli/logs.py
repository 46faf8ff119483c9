"""csenet logs: the gateway's log in words, chosen and followed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import Unusable, config_option, example, run

if TYPE_CHECKING:
    from csenet.gateway.observe.logbook import Chosen, Line

_MARKS = {"debug": " ", "info": " ", "warning": "!", "error": "E", "critical": "C"}


@click.command(
    epilog=example(
        "csenet logs --log fixtures/logs/gateway.log",
        "csenet logs --log fixtures/logs/gateway.log --event delivery --partner KS",
    )
)
@config_option
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), help="Log file; else that of the settings."
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written; Ctrl-C ends it.")
@click.option("--transaction", help="Only what happened to this transaction (in-12, out-7).")
@click.option("--case", "case_id", help="Only what happened on this case.")
@click.option("--partner", help="Only what is about this state: KS, Kansas or 20.")
@click.option("--event", help="Only this event, or events that begin so: delivery, or delivery.failed.")
@click.option(
    "--level", type=click.Choice(["debug", "info", "warning", "error"]), help="At least this grave."
)
@click.option("--since", type=click.IntRange(1), metavar="HOURS", help="Only the last so many hours.")
@click.option("--last", type=click.IntRange(1), help="Only the last so many lines.")
@click.option("--json", "as_json", is_flag=True, help="Print the lines as they stand in the log.")
def logs(
    config: Path,
    log: Path | None,
    follow: bool,
    last: int | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Tell the log in sentences, rotated and compressed files included.

    A transaction or a case is found in the log by the correlation IDs that the store knows; the log itself
    names no case and no person.
    """
    from csenet.gateway.observe import logbook

    file = log or _file_of(config)
    chosen = _chosen(config, **wanted)
    files = logbook.files_of(file)
    if not files:
        raise Unusable(f"{file}: no such log; name one with --log, or set [log] file")
    tail = logbook.Tail(file)
    found: Iterable[Line] = (line for each in files for line in logbook.lines_of(each) if chosen.has(line))
    if last is not None:
        from collections import deque

        found = deque(found, maxlen=last)
    for line in found:
        click.echo(_shown(line, as_json))
    if follow:
        _follow(tail, chosen, as_json)


def _follow(tail: Any, chosen: Chosen, as_json: bool) -> None:
    async def watch() -> None:
        while True:
            for line in tail.new():
                if chosen.has(line):
                    click.echo(_shown(line, as_json))
            await asyncio.sleep(0.5)

    try:
        run(watch())
    except KeyboardInterrupt:
        raise click.exceptions.Exit(0) from None


def _file_of(config: Path) -> Path:
    from csenet.gateway.settings.loading import load_settings

    file = load_settings(config).log.file
    if file is None:
        raise Unusable(
            f"{config}: [log] file is not set, the log goes to standard error; name a file with --log"
        )
    return file


def _chosen(
    config: Path,
    transaction: str | None,
    case_id: str | None,
    partner: str | None,
    event: str | None,
    level: str | None,
    since: int | None,
) -> Chosen:
    """Turn the options into what is chosen."""
    from csenet.gateway.cli.search import state
    from csenet.gateway.cli.store import call
    from csenet.gateway.observe.logbook import Chosen

    known = None
    if transaction or case_id:
        known = run(call(config, lambda desk: _correlations(desk, transaction, case_id)))
    begun = None if since is None else datetime.now(UTC) - timedelta(hours=since)
    return Chosen(correlations=known, partner=state(partner), event=event, level=level, since=begun)


async def _correlations(desk: Any, transaction: str | None, case_id: str | None) -> frozenset[str]:
    """Ask the store for the correlation IDs of a transaction, or of all of a case."""
    found = set()
    if transaction:
        detail = await desk.transaction(transaction)
        if detail is None:
            raise Unusable(f"{transaction}: there is no such transaction; it reads like in-12 or out-7")
        found.add(detail.correlation)
    if case_id:
        found |= {each.correlation async for each in _of_case(desk, case_id)}
    return frozenset(found)


async def _of_case(desk: Any, case_id: str) -> Any:
    from csenet.gateway.desk.results import TransactionFilter

    after = None
    while True:
        page = await desk.list_transactions(TransactionFilter(case_id=case_id, after=after, limit=1000))
        for each in page.items:
            yield each
        if (after := page.next) is None:
            return


def _shown(line: Line, as_json: bool) -> str:
    """Write a line: as it is, or time, gravity, sentence and correlation ID."""
    if as_json:
        import json

        return json.dumps(line, ensure_ascii=False)
    from csenet.gateway.observe.logbook import sentence

    about = line.get("correlation_id")
    end = f"  [{about}]" if about else ""
    return (
        f"{str(line.get('timestamp'))[:19]}Z {_MARKS.get(str(line.get('level')), '?')} {sentence(line)}{end}"
    )
