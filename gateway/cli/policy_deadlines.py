"""csenet policy deadlines: which duties a transaction opens, and by when they are due."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import Unusable, example, json_option, print_json, print_table
from csenet.gateway.cli.policy_common import authority, fips_of

if TYPE_CHECKING:
    from csenet.handlers.policy.deadlines import Opened


@click.command(epilog=example('csenet policy deadlines --for "MSC P GSC17" --received 2026-12-23 --state MN'))
@click.option("--for", "far", metavar="CODE", required=True, help="The transaction that arrived.")
@click.option(
    "--received",
    metavar="MOMENT",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
    required=True,
    help="Day of receipt, or day and hour (2026-12-23T17:10) of the agency.",
)
@click.option(
    "--state",
    metavar="MN",
    default="MN",
    show_default=True,
    help="Whose working days count: the state that has to act.",
)
@click.option(
    "--closes",
    metavar="HH:MM",
    type=click.DateTime(["%H:%M"]),
    help="Close of business: what arrives later counts as received on the next working day.",
)
@json_option
def deadlines(far: str, received: datetime, state: str, closes: datetime | None, as_json: bool) -> None:
    """Say which duties a received transaction opens, under which paragraph, and when each is due.

    A duty whose clock starts later is listed without a day.  Exit 2 for a code that states cannot send.
    """
    from csenet.codecs.codes import VALID, FarCode
    from csenet.handlers.policy.deadlines import opened_by
    from csenet.handlers.policy.working_days import Calendar, received_on

    try:
        code = FarCode.parse(far)
    except ValueError:
        raise Unusable(f"{far!r} is not a code such as MSC P GSC17") from None
    if code not in VALID:
        raise Unusable(f"{code} is no combination that states can send")
    calendar = Calendar(fips_of(state))
    hour: time | None = closes.time() if closes is not None else None
    receipt = received_on(received, calendar, hour)
    opened = opened_by(str(code), receipt.date, calendar)
    if as_json:
        document = {"for": str(code), "title": VALID[code].title, "received_on": receipt.date}
        print_json({**document, "receipt": receipt.why, "opens": [_document(each) for each in opened]})
        return
    if hour is not None:
        click.echo(receipt.why.text)
    title = f"What {code} opens when received on {receipt.date}, counted in {calendar.jurisdiction.name}"
    print_table(title, ("duty", "who", "due", "limit", "citation", "what"), (_row(each) for each in opened))
    if not opened:
        click.echo("No duty of the tables starts with this transaction; a person looks at it.")


def _row(opened: Opened) -> tuple[Any, ...]:
    """Write one line of the table."""
    duty, due = opened.duty, opened.due
    if due is None:
        return duty.id, duty.who, "later", "", duty.citation, f"{duty.starts} {duty.text}"
    end: date = due.date
    return duty.id, duty.who, end, due.why.value, authority(due.why.citation, due.why.ours), duty.text


def _document(opened: Opened) -> dict[str, Any]:
    """Write one duty for programs."""
    duty, due = opened.duty, opened.due
    return {
        "duty": duty.id,
        "who": duty.who,
        "starts": duty.starts,
        "text": duty.text,
        "clock": duty.clock,
        "answered_by": duty.answered_by,
        "due": due.date if due is not None else None,
        "why": due.why if due is not None else None,
    }
