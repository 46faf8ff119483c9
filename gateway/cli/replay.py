"""csenet replay: what a file would cause, without causing it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Unusable,
    as_json_bytes,
    direction_option,
    example,
    machine_today,
    open_binary,
    progress,
    read_json,
    stdout_bytes,
    today_option,
)
from csenet.gateway.cli.forms import encoding_option, framing_option

if TYPE_CHECKING:
    from csenet.codecs.transaction import Transaction
    from csenet.handlers.context import CaseRecord
    from csenet.handlers.decision import Decision


@click.command(
    epilog=example(
        "csenet replay fixtures/transactions/msc-r-grint.from-server.txt"
        " --facts fixtures/facts/minnesota.json --today 2026-11-21",
        "csenet replay fixtures/stories/collections.toml",
    )
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--facts",
    metavar="FACTS.json",
    help="One object: each case ID with the body that PUT /v1/cases/{case_id} takes. Stories have their own.",
)
@today_option
@click.option("--jurisdiction", metavar="FIPS", help="Two digits; the receiver's in each header if left out.")
@click.option(
    "--agreements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The agency's table of exchange agreements.",
)
@direction_option(help="Whose header the file has; recognised by itself if left out.")
@framing_option(help="How transactions follow each other; recognised by itself if left out.")
@encoding_option(help="Character set of the file; recognised by itself if left out.")
@click.option("--quiet", is_flag=True, help="Of stories, show only those that do not go as told.")
@click.pass_context
def replay(
    ctx: click.Context,
    files: tuple[str, ...],
    facts: str | None,
    today: date | None,
    jurisdiction: str | None,
    agreements: Path | None,
    direction: str | None,
    framing: str | None,
    encoding: str | None,
    quiet: bool,
) -> None:
    """Print what the transactions of FILE... would cause, without causing it.

    One JSON object a transaction holds the decision; nothing is stored or sent. A later transaction sees
    the changes that earlier ones made to their case, also in a file before its own. "-" is standard input.
    What they add up to is told on standard error. Exit 1 if a transaction cannot be read.

    Of a file of stories (.toml), or a folder of them, each story is told with what follows and why; the last
    line counts them. Exit 1 if one does not go as told.
    """
    if any(_tells(file) for file in files):
        from csenet.gateway.cli.replay_stories import tell_stories

        if not all(_tells(file) for file in files):
            raise click.UsageError("Stories are replayed by themselves: they bring their own facts.")
        ctx.exit(tell_stories([Path(file) for file in files], quiet=quiet))
    if facts is None:
        raise click.UsageError("Missing option '--facts': transactions are about cases.")
    player = _Player(_records_of(facts), today or machine_today(), jurisdiction, agreements)
    sums: Counter[str] = Counter()
    bad = _play(player, files, (direction, framing, encoding), sums)
    told = ", ".join(f"{count:,} {word}" for word, count in sorted(sums.items())) or "none"
    click.echo(f"{sum(sums.values()):,} transactions replayed: {told}", err=True)
    ctx.exit(1 if bad else 0)


def _tells(file: str) -> bool:
    """Say whether a file or folder holds stories."""
    return file.endswith(".toml") or Path(file).is_dir()


def _play(
    player: _Player, files: Sequence[str], form: tuple[str | None, str | None, str | None], sums: Counter[str]
) -> bool:
    """Play file after file, count what would become of each transaction, and say whether one is bad."""
    from csenet.gateway.cli.reading import records, tell

    out, bad = stdout_bytes(), False
    sizes = [Path(file).stat().st_size if Path(file).is_file() else 0 for file in files]
    # What is printed on a terminal shows by itself how far it is.
    with nullcontext(_hear_nothing) if sys.stdout.isatty() else progress("Replaying", "bytes") as bar:
        for number, file in enumerate(files):
            with open_binary(file) as stream:
                for record in records(stream, *form):
                    bad = tell(file, record.position, record.offset, record.problems) or bad
                    bar(sum(sizes[:number]) + record.offset, sum(sizes) if all(sizes) else 0)
                    if record.transaction is None:
                        sums["unreadable"] += 1
                        continue
                    played = player.play(record.position, record.transaction)
                    sums[_becomes(played["decision"])] += 1
                    out.write(as_json_bytes(played if len(files) == 1 else {"file": file, **played}) + b"\n")
                    out.flush()
    return bad


def _hear_nothing(done: int, total: int) -> None:
    """Show no bar."""


def _becomes(decision: dict[str, Any]) -> str:
    """Say in a word what a decision comes to."""
    if decision.get("replies"):
        return "answered"
    return "to be worked on" if decision.get("work_items") else "noted"


def _records_of(name: str) -> dict[str, CaseRecord]:
    """Read the facts of all cases; every wrong field is told at once."""
    from csenet.handlers.context import CaseRecord, initial_state
    from csenet.handlers.facts import FactsError, facts_from_json

    given = read_json(name)
    if not isinstance(given, dict):
        raise Unusable(f"{name}: must be one object that maps case IDs to facts")
    known, wrong = {}, []
    for case_id, body in given.items():
        try:
            facts = facts_from_json(case_id, body)
        except FactsError as error:
            wrong += [f"{name}: {case_id}: {path}: {message}" for path, message in error.problems]
        else:
            known[case_id] = CaseRecord(facts=facts, state=initial_state(facts, None))
    if wrong:
        raise Unusable("\n".join(wrong))
    return known


class _Player:
    """Play transactions against cases that live only in memory."""

    def __init__(
        self, cases: dict[str, CaseRecord], today: date, jurisdiction: str | None, agreements: Path | None
    ) -> None:
        """Load the policy tables once."""
        from csenet.handlers.policy.agreements import load_agreements

        self._cases = cases
        self._today = today
        self._fixed = jurisdiction
        self._agreements = load_agreements(agreements)
        self._policy: dict[str, tuple[Any, Any]] = {}

    def play(self, position: int, transaction: Transaction) -> dict[str, Any]:
        """Decide one transaction and let its changes stand for the next."""
        from csenet.handlers.context import Context, apply
        from csenet.handlers.decision import to_json
        from csenet.handlers.router import dispatch

        header = transaction.header
        state = self._fixed or header.local_fips_state or ""
        profile, calendar = self._policy_of(state)
        context = Context(
            jurisdiction=f"{state}{header.local_fips_county or '000'}".ljust(7),
            profile=profile,
            agreements=self._agreements,
            calendar=calendar,
            record=self._cases.get(header.case_id or ""),
            today=self._today,
            received_on=self._today,
        )
        decision: Decision = dispatch(transaction, context)
        for change in decision.case_changes:
            if change.case_id in self._cases:
                self._cases[change.case_id] = apply(self._cases[change.case_id], change)
        return {"position": position, "far": str(transaction.far), "decision": to_json(decision)}

    def _policy_of(self, fips: str) -> tuple[Any, Any]:
        """Load a jurisdiction's profile and calendar, once."""
        from csenet.codecs.codes import jurisdictions
        from csenet.handlers.policy.profile import load_profile
        from csenet.handlers.policy.working_days import Calendar

        if fips not in jurisdictions():
            raise Unusable(f"{fips!r} is not the FIPS code of a state or territory; give --jurisdiction")
        if fips not in self._policy:
            self._policy[fips] = load_profile(fips), Calendar(fips)
        return self._policy[fips]
