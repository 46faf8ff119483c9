"""csenet duties: what we owe other states, what they owe us, and how well it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Decorated,
    Listing,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk.duty_views import Compliance

_SIDES = ("we-owe", "they-owe")
_LONGEST = 3660


def _days(_ctx: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """Read a number of days, with or without a d behind it."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,4})d?", value)
    if found is None or int(found[1]) > _LONGEST:
        raise click.BadParameter(f"must be a number of days up to {_LONGEST}, such as 5d")
    return int(found[1])


def _partner(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Read a state by abbreviation, name or FIPS code."""
    if value is None:
        return None
    from csenet.codecs import codes

    for fips, known in codes.jurisdictions().items():
        if value.strip().upper() in (fips, known.abbreviation.upper(), known.name.upper()):
            return fips
    raise click.BadParameter("is no state that takes part; write KS, Kansas or 20")


def _month(_ctx: click.Context, _option: click.Parameter, value: str) -> date:
    """Read a month."""
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        raise click.BadParameter("must be a month such as 2026-10") from None


def side_option(**more: Any) -> Callable[[Decorated], Decorated]:
    """Add ``--side``."""
    return click.option("--side", type=click.Choice(_SIDES), **more)


@click.group(
    cls=Listing,
    invoke_without_command=True,
    epilog=example("csenet duties --due-within 5d --config gateway.toml", "csenet duties --overdue"),
)
@config_option
@side_option(help="What we owe, or what is owed to us; both if left out.")
@click.option("--due-within", callback=_days, metavar="DAYS", help="Due within so many calendar days, as 5d.")
@click.option("--overdue", is_flag=True, help="Only what is overdue.")
@click.option("--partner", callback=_partner, help="With this state, as KS or 20.")
@click.option("--office", help="Only what this office answers for.")
@click.option("--case", "case_id", help="Only this case.")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
@click.pass_context
def duties(
    ctx: click.Context,
    config: Path,
    side: str | None,
    due_within: int | None,
    overdue: bool,
    partner: str | None,
    office: str | None,
    case_id: str | None,
    everything: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List duties with their clocks, first due first."""
    if ctx.invoked_subcommand is not None:
        return
    from csenet.gateway.cli.store import call, own
    from csenet.gateway.store.duties import DutyFilter

    async def found(desk: Any) -> Any:
        today = desk.clock.today()
        wanted = DutyFilter(
            side=side,
            case_id=case_id,
            partner=partner,
            office=office,
            open_only=not everything,
            due_by=None if due_within is None else today + timedelta(days=due_within),
            overdue_on=today if overdue else None,
            limit=limit,
        )
        return await desk.list_duties(own(wanted))

    page = run(call(config, found))
    if as_json:
        print_json(page.duties)
        return
    columns = [
        "id",
        "duty",
        "side",
        "case",
        "state",
        "office",
        "opened by",
        "started",
        "due",
        "days left",
        "outcome",
    ]
    print_table("Duties", columns, [_row(each) for each in page.duties])


def _row(each: Any) -> tuple[Any, ...]:
    """Put a duty into one line; one that is overdue says so in words."""
    left = each.days_left
    told = f"overdue by {-left}" if left is not None and left < 0 else left
    outcome = f"{each.outcome} on {each.closed_on}" if each.outcome else None
    return (
        each.id,
        each.duty,
        each.side,
        each.case_id,
        each.partner,
        each.office,
        each.opened_by,
        each.started_on,
        each.due,
        told,
        outcome,
    )


@duties.command(epilog=example("csenet duties compliance --month 2026-10 --config gateway.toml"))
@click.option("--month", required=True, callback=_month, help="The month, such as 2026-10.")
@side_option(default="we-owe", show_default=True, help="What we owe, or what is owed to us.")
@click.option("--by", type=click.Choice(["duty", "partner", "office"]), help="Only these groups.")
@click.option("--cases", is_flag=True, help="List the cases behind the numbers too.")
@config_option
@json_option
def compliance(month: date, side: str, by: str | None, cases: bool, config: Path, as_json: bool) -> None:
    """Say how well duties were kept in a month: share in time, median days, and the cases.

    Each duty counts once: in the month in which it was fulfilled in time, or in which its time ran out.  The
    monthly lists of ten and of thirty days are what stands here under CR1 and IN3.
    """
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import call

    async def found(desk: Any) -> Compliance:
        figures: Compliance = await desk.compliance(month, side, acting().scope)
        return figures

    figures = run(call(config, found))
    if as_json:
        print_json(figures)
        return
    rows = [
        (each.by, each.name, each.in_time, each.late, f"{each.share:.0%}", each.median_days)
        for each in figures.groups
        if by in (None, each.by)
    ]
    share = "nothing to count" if figures.share is None else f"{figures.share:.1%} in time"
    title = f"{figures.month}, {side}: {figures.in_time} in time, {figures.late} late, {share}"
    print_table(title, ["by", "name", "in time", "late", "share", "median days"], rows)
    if cases:
        columns = ["duty", "case", "state", "started", "due", "closed", "in time"]
        lines = [
            (
                each.duty,
                each.case_id,
                each.partner,
                each.started_on,
                each.due,
                each.closed_on,
                "yes" if each.in_time else "no",
            )
            for each in figures.cases
        ]
        print_table("The cases behind the numbers", columns, lines)
