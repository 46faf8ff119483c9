"""csenet search: find transactions by what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Decorated,
    Unusable,
    config_option,
    day_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.desk.views_search import Found

FIELDS = ("id", "received_at", "far", "from_fips", "to_fips", "case_id", "serial", "status", "problems")
_TITLES = ("id", "since", "code", "from", "to", "case", "serial", "status", "problems")
_MOST_PERSONS = 1000


def filters(function: Decorated) -> Decorated:
    """Add the options that narrow a search down."""
    for option in reversed(
        (
            click.option("--case", "case_id", help="Our case ID."),
            click.option("--partner", help="The other state: KS, Kansas or 20."),
            click.option("--code", help='A code or its first parts: "MSC P GSC17", "MSC P", MSC.'),
            click.option("--status", help="Such as parked, dead or delivered."),
            click.option(
                "--direction", type=click.Choice(["in", "out"]), help="What came in, or what goes out."
            ),
            click.option("--serial", help="Serial number, with or without leading zeros."),
            click.option("--problem", help="Code of a problem found on the way in."),
            day_option("--since", help="Not before this day."),
            day_option("--until", help="Not after this day."),
        )
    ):
        function = option(function)
    return function


def chosen(given: dict[str, Any]) -> dict[str, Any]:
    """Read what was given, and refuse what means nothing."""
    from csenet.gateway.desk.names import case_key

    wanted = {**given, "partner": state(given["partner"]), "code": code(given["code"])}
    if (serial := given["serial"]) is not None and not serial.isdecimal():
        raise click.BadParameter("is a number", param_hint="--serial")
    if given["case_id"] is not None:
        wanted["case_id"] = case_key(given["case_id"])
    return wanted


@click.command(
    epilog=example(
        "csenet search --status malformed --config gateway.toml", "csenet search --direction in --json"
    )
)
@config_option
@filters
@click.option("--by", type=click.Choice(["ssn", "name"]), help="Of a person; asked for, never typed here.")
@click.option("--before", help="Go on behind an earlier answer: its last line says with what.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def search(
    config: Path,
    by: str | None,
    as_json: bool,
    **known: Any,
) -> None:
    """Find transactions, newest first; every option narrows it down.

    Lists show keys and statuses, never content; csenet show and csenet timeline tell more.  With --by the
    number or name is asked for, or read from a pipe, because arguments stand in histories; that somebody
    looked by it is written into the audit trail.  Exit 0 if something was found, 1 if not.
    """
    from csenet.gateway.cli.store import call

    person = None if by is None else (by, asked_person(by))
    wanted = chosen(known)
    found = run(call(config, lambda desk: _find(desk, wanted, person)))
    if as_json:
        print_json({"transactions": found.items, "next": found.next})
    else:
        rows = [[_shown(each, field) for field in FIELDS] for each in found.items]
        print_table("Transactions", _TITLES, rows)
        if found.next:
            click.echo(f"there are more: --before {found.next}")
    click.get_current_context().exit(0 if found.items else 1)


async def _find(desk: Desk, wanted: dict[str, Any], person: tuple[str, str] | None) -> Found:
    from csenet.gateway.cli.store import own
    from csenet.gateway.desk import views_search

    numbers = None if person is None else await _of_person(desk, *person)
    chosen = own(views_search.Search(**wanted, numbers=numbers))
    async with desk.store.read() as conn:
        return await views_search.search(conn, chosen, state=desk.agency.state, zone=desk.agency.zone)


async def _of_person(desk: Desk, by: Any, value: str) -> dict[int, tuple[int, ...]]:
    """Find where a person stands, with a record of it that does not name the person."""
    from sqlalchemy import select

    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at
    from csenet.gateway.desk.views_search import IN, OUT
    from csenet.gateway.people.looks import SHOWN, Look
    from csenet.gateway.store import search as keyed
    from csenet.gateway.store.tables import inbound, outbound

    async with desk.store.read() as conn:
        subjects = await keyed.find(conn, by, value, limit=_MOST_PERSONS)
        cases = [each.removeprefix("case-") for each in subjects if each.startswith("case-")]
        numbers: dict[int, tuple[int, ...]] = {}
        for way, word, table in ((IN, "in-", inbound), (OUT, "out-", outbound)):
            # A transaction without a name in it is about the person of its case all the same.
            query = select(table.c.id).where(table.c.case_id.in_(cases)).limit(_MOST_PERSONS)
            named = {int(each.removeprefix(word)) for each in subjects if each.startswith(word)}
            numbers[way] = tuple(sorted(named | set((await conn.execute(query)).scalars())))
    objects = [f"transactions by {by}", *(f"case {case_id}" for case_id in cases)]
    look = Look(channel="cli")
    await reader_at(desk).record(acting(), "transactions.searched", objects, look, outcome=SHOWN)
    return numbers


def asked_person(by: str) -> str:
    """Ask for what must not stand in a history; a Social Security number is not shown either."""
    wording = "Social Security number" if by == "ssn" else "Name (LAST FIRST)"
    told: str = click.prompt(wording, hide_input=by == "ssn", err=True)
    from csenet.gateway.store.search import normal

    if not normal("ssn" if by == "ssn" else "name", told):
        raise Unusable("that is no Social Security number" if by == "ssn" else "that is no name")
    return told


def state(told: str | None) -> str | None:
    """Read a state by abbreviation, name or FIPS code."""
    if told is None:
        return None
    from csenet.codecs import codes

    for fips, known in codes.jurisdictions().items():
        if told.strip().upper() in (fips, known.abbreviation.upper(), known.name.upper()):
            return fips
    raise click.BadParameter(
        f"{told} is no state that takes part; write KS, Kansas or 20", param_hint="state"
    )


def code(told: str | None) -> str | None:
    """Write a code, or the first parts of one, as it is stored."""
    return None if told is None else " ".join(told.upper().split())


def _shown(each: Any, field: str) -> Any:
    value = getattr(each, field)
    return " ".join(problem["code"] for problem in value) if field == "problems" else value
