"""csenet case: the cases that the case system told of, listed, and one at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)
from csenet.gateway.cli.search import state

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.desk.results import CaseView

_MASK = "***"


@click.group(cls=Listing)
def case() -> None:
    """List cases, and see one at a glance."""


@case.command(
    "list", epilog=example("csenet case list --config gateway.toml", "csenet case list --begins 27 --json")
)
@config_option
@click.option("--begins", help="Only IDs that begin so.")
@click.option("--partner", help="With this state: KS, Kansas or 20.")
@click.option("--role", type=click.Choice(["initiating", "responding"]), help="Where we are this side.")
@click.option("--after", help="Go on behind this case ID.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(config: Path, as_json: bool, **given: Any) -> None:
    """List cases by their ID, each with its open work; no content."""
    from csenet.gateway.cli.store import call

    rows, following = run(call(config, lambda desk: _list(desk, given)))
    if as_json:
        print_json({"cases": rows, "next": following})
        return
    from csenet.codecs.describe import state as name_of

    columns = ("case", "role", "other state", "their case", "open work", "version", "facts told")
    names = ("case_id", "role", "other_state", "other_case_id", "work", "version", "updated_at")
    told = [{**row, "other_state": name_of(row["other_fips"][:2])} for row in rows]
    print_table("Cases", columns, [[row[name] for name in names] for row in told])
    if following:
        click.echo(f"there are more: --after {following}")


async def _list(desk: Desk, given: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.desk import views_queues
    from csenet.gateway.desk.names import case_key

    async with desk.store.read() as conn:
        rows, following = await views_queues.case_list(
            conn,
            starts=case_key(given["begins"]) if given["begins"] else None,
            partner=state(given["partner"]),
            role=given["role"],
            after=given["after"],
            offices=acting().scope,
            limit=given["limit"],
        )
    return [dict(row) for row in rows], following


@case.command(epilog=example("csenet case show 2701 --config gateway.toml"))
@click.argument("case_id", metavar="CASE")
@config_option
@json_option
def show(case_id: str, config: Path, as_json: bool) -> None:
    """Show one case at a glance: both sides, what is owed, transactions, duties and work.

    Personal fields are masked; that you looked is written into the audit trail.  csenet timeline CASE tells
    what happened.  Exit 2 if there is no such case.
    """
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: _found(desk, case_id)))
    if found is None:
        raise Unusable(f"{case_id}: no such case; csenet case list shows them")
    if as_json:
        print_json(found)
    else:
        _print(found)


async def _found(desk: Desk, case_id: str) -> dict[str, Any] | None:
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import own, reader_at
    from csenet.gateway.console.owing import owed
    from csenet.gateway.desk import views_search
    from csenet.gateway.people.looks import Look
    from csenet.gateway.store.duties import DutyFilter

    found: CaseView | None = await reader_at(desk).case(acting(), case_id, Look(channel="cli"))
    if found is None:
        return None
    async with desk.store.read() as conn:
        wanted = views_search.Search(case_id=found.case_id, limit=100)
        page = await views_search.search(conn, wanted, state=desk.agency.state, zone=desk.agency.zone)
    duties = await desk.list_duties(own(DutyFilter(case_id=found.case_id, open_only=False)))
    statement, question = owed(found.facts, desk.agency.state, desk.clock.today())
    return {
        "case": found,
        "owed": statement,
        "question": question,
        "transactions": page.items,
        "duties": duties.duties,
    }


def _print(found: dict[str, Any]) -> None:
    """Print for a person."""
    from csenet.codecs.describe import state as name_of

    told: CaseView = found["case"]
    facts = told.facts
    rows: list[tuple[str, Any]] = [
        ("our role", facts.get("role")),
        ("other state", name_of(str(facts.get("other_fips", ""))[:2])),
        ("their case", facts.get("other_case_id")),
        ("facts told", told.updated_at),
        ("version", told.version),
    ]
    rows += [(name.replace("_", " "), value) for name, value in told.state.items() if _says(value)]
    if found["owed"] is not None:
        owing = found["owed"]
        rows.append(("owed", f"{owing.balance} as of {owing.as_of}, {owing.interest} of it interest"))
    elif found["question"]:
        rows.append(("owed", found["question"]))
    print_table(f"Case {told.case_id}", ["", ""], rows)
    print_table(
        "Transactions",
        ["id", "since", "code", "status"],
        [(each.id, each.received_at, each.far, each.status) for each in found["transactions"]],
    )
    print_table(
        "Duties",
        ["duty", "side", "due", "closed", "outcome", "what"],
        [
            (each.duty, each.side, each.due, each.closed_on, each.outcome, each.text)
            for each in found["duties"]
        ],
    )
    print_table(
        "Work",
        ["id", "kind", "due", "status", "outcome", "title"],
        [(each.id, each.kind, each.due, each.status, each.outcome, each.title) for each in told.work_items],
    )


def _says(value: Any) -> bool:
    """Leave out what is not known, hidden, or no single value."""
    return value not in (None, "", _MASK) and not isinstance(value, dict | list)
