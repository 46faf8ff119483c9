"""csenet search: find transactions by what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import config_option, example, json_option, print_json, print_table, run

FIELDS = ("id", "received_at", "far", "from_fips", "to_fips", "case_id", "serial", "status", "problems")
_TITLES = ("id", "since", "transaction", "from", "to", "case", "serial", "status", "problems")


@click.command(
    epilog=example(
        "csenet search --status malformed --config gateway.toml", "csenet search --direction in --json"
    )
)
@config_option
@click.option("--case", "case_id", help="Our case ID.")
@click.option("--partner", help="The other state: KS, Kansas or 20.")
@click.option("--code", "far", help='Function, action and reason, such as "MSC P GSC17".')
@click.option("--status", help="Such as parked, dead or delivered.")
@click.option("--direction", type=click.Choice(["in", "out"]), help="What came in, or what goes out.")
@click.option("--serial", help="Serial number, with or without leading zeros.")
@click.option("--after", help="Go on behind an earlier answer: its last line says with what.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def search(config: Path, limit: int, as_json: bool, **known: str | None) -> None:
    """Find transactions, oldest first; every option narrows it down.

    Lists show keys and statuses, never content; csenet show and csenet timeline tell more.  Exit 0 if
    something was found, 1 if not.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.desk.results import TransactionFilter

    wanted = TransactionFilter(
        limit=limit, **{**known, "far": code(known["far"]), "partner": state(known["partner"])}
    )
    page: Any = run(call(config, lambda desk: desk.list_transactions(wanted)))
    if as_json:
        print_json({"transactions": page.items, "next": page.next})
    else:
        rows = [[_shown(each, field) for field in FIELDS] for each in page.items]
        print_table("Transactions", _TITLES, rows)
        if page.next:
            click.echo(f"there are more: --after {page.next}")
    click.get_current_context().exit(0 if page.items else 1)


def state(told: str | None) -> str | None:
    """Read a state by abbreviation, name or FIPS code."""
    if told is None:
        return None
    from csenet.codecs import codes

    for fips, known in codes.jurisdictions().items():
        if told.strip().upper() in (fips, known.abbreviation.upper(), known.name.upper()):
            return fips
    raise click.BadParameter("is no state that takes part; write KS, Kansas or 20", param_hint="--partner")


def code(told: str | None) -> str | None:
    """Read a code the way it is stored."""
    if told is None:
        return None
    from csenet.codecs.codes import FarCode

    try:
        return str(FarCode.parse(told))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--code") from None


def _shown(each: Any, field: str) -> Any:
    value = getattr(each, field)
    return " ".join(problem["code"] for problem in value) if field == "problems" else value
