"""csenet delivery: how the way out fares, and an operator's orders about it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk


@click.group(cls=Listing)
def delivery() -> None:
    """See how the way out fares; hold it, release it, or let out what waits for a window."""


@delivery.command(epilog=example("csenet delivery status --config gateway.toml"))
@config_option
@json_option
def status(config: Path, as_json: bool) -> None:
    """Show the breaker, a hold, the windows, and how much waits.

    The breaker is "closed" while tries are made, "open" after too many failures in a row, and "half-open"
    while a probe is under way.
    """
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: _status(config, desk)))
    if as_json:
        print_json(found)
        return
    print_table(
        "Delivery", ["", ""], [(name.replace("_", " "), _told(value)) for name, value in found.items()]
    )


_PARTNER = click.option(
    "--partner", metavar="NAME", default="exchange", help="Only what goes to this state, such as 20 or KS."
)


@delivery.command(
    epilog=example(
        'csenet delivery hold --reason "exchange migrates" --config gateway.toml',
        'csenet delivery hold --partner KS --reason "Kansas moves" --config gateway.toml',
    )
)
@click.option("--reason", required=True, help="Why, for others to see; no names or numbers of persons.")
@_PARTNER
@config_option
def hold(reason: str, partner: str, config: Path) -> None:
    """Let nothing leave, or nothing to one partner, until csenet delivery release.

    A restart changes nothing about it.  A try under way is finished.  Transactions are taken and decided as
    ever, and wait.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    run(call(config, lambda desk: desk.hold_partner(partner, reason, actor=actor())))
    click.echo("held; csenet delivery release ends it")


@delivery.command(
    epilog=example(
        "csenet delivery release --config gateway.toml",
        "csenet delivery release --partner KS --config gateway.toml",
    )
)
@_PARTNER
@config_option
def release(partner: str, config: Path) -> None:
    """End a hold, and have a destination that failed tried again at once."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    held = run(call(config, lambda desk: desk.release_partner(partner, actor=actor())))
    click.echo("released" if held else "there was no hold")


@delivery.command(
    epilog=example('csenet delivery recall out-1 --reason "settled by telephone" --config gateway.toml')
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--reason", required=True, help="Why it need not leave; no names or numbers of persons.")
@config_option
@json_option
def recall(ids: tuple[str, ...], reason: str, config: Path, as_json: bool) -> None:
    """Take back transactions that have not set out: queued, held, or sealed into a batch that found nobody.

    Never one of which a try has begun that may have reached the exchange: nobody could tell whether the other
    state has it.  A batch file that lies in the exchange's folder counts as arrived: who reads it leaves no
    mark, so that a file taken away may have been read.  What shared a batch with it leaves in another one,
    later ones of its case go on without it, and a duty that it met is owed again.  Taking one back again
    changes nothing.  Exit 1 if one could not be taken back, each told with what to do instead; 2 if
    there is none of an ID.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.dead import number_of
    from csenet.gateway.cli.store import call
    from csenet.gateway.store.recalls import INSTEAD

    numbers = [number_of(each) for each in ids]
    found = run(call(config, lambda desk: desk.recall(numbers, reason, actor=actor())))
    gone = sorted(set(numbers) - {*found.taken, *found.already, *found.left})
    if as_json:
        print_json(found)
    else:
        click.echo(f"{len(found.taken)} taken back, {len(found.already)} before")
        if found.requeued:
            click.echo(f"{found.requeued} of the same batch leave in another one")
    left = [f"out-{number} is {status} and stays. {INSTEAD[status]}" for number, status in found.left.items()]
    if wrong := left + [f"out-{number}: there is none" for number in gone]:
        raise (Unusable if gone else Refused)("\n".join(wrong))


@delivery.command(epilog=example("csenet delivery flush --config gateway.toml"))
@config_option
def flush(config: Path) -> None:
    """Let what is queued now leave without waiting for a window; a hold stays in force."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    async def order(desk: Desk) -> int:
        from csenet.gateway.store import destinations

        async with desk.store.begin() as conn:
            return await destinations.flush(conn, actor=actor(), at=desk.clock.now())

    click.echo(f"{run(call(config, order))} may leave now")


@delivery.command(epilog=example("csenet delivery recheck --config gateway.toml"))
@config_option
def recheck(config: Path) -> None:
    """Ask anew about transactions held back by policy, once facts or agreements allow them to leave.

    What may still not leave is held again.  csenet outbox --status held lists them with their reasons, and
    csenet dead cancel withdraws one that need not leave any more.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    count = run(call(config, lambda desk: desk.release_held(actor=actor())))
    click.echo(f"{count} queued again, to be looked at before they leave")


@delivery.command(epilog=example("csenet delivery receipts --state missing --config gateway.toml"))
@click.option(
    "--state",
    type=click.Choice(["missing", "good", "late", "repeated", "contradicting"]),
    help="Only these; left out: all.",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@config_option
@json_option
def receipts(state: str | None, limit: int, config: Path, as_json: bool) -> None:
    """List the receipts for our batches: those that are missing first, then the newest.

    "late" came after its time; "repeated" had come before; "contradicting" names other bytes or another count
    than we sent, and a work item asks a person.
    """
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: desk.list_receipts(state, limit)))
    if as_json:
        print_json(found)
        return
    columns = ("batch", "state", "at", "way", "signed", "outcome", "count")
    print_table("Receipts", columns, [[getattr(each, column) for column in columns] for each in found])


async def _status(config: Path, desk: Desk) -> dict[str, Any]:
    """Put together what an operator asks first."""
    from csenet.gateway.delivery.gate import next_try
    from csenet.gateway.links import windows_of
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.store import destinations, outbox, partner_holds, receipts

    windows = windows_of(load_settings(config).delivery.windows, desk.agency.zone)
    now = desk.clock.now()
    async with desk.store.read() as conn:
        known = await destinations.load(conn)
        counts = await outbox.statuses(conn)
        batch = await outbox.open_batch(conn)
        holds = await partner_holds.load(conn)
        unusual = await receipts.counts(conn, now)
    waiting = {name: counts.get(name, 0) for name in ("queued", "sending", "held", "dead")}
    following = windows.next_window(now)
    due = None if batch is None else batch.next_attempt_at
    again = None if due is None else next_try(known, windows, max(due, now))
    return {
        "breaker": known.state,
        "failures_in_a_row": known.failures,
        "last_error": known.last_error,
        "next_probe": None if known.state == "closed" else known.probe_at,
        "on_hold_since": known.held_at,
        "on_hold_because": known.held_reason,
        "partners_on_hold": {each.partner: each.reason for each in holds},
        "window_open": windows.is_open(now),
        "next_window": None if following is None else following.astimezone(windows.zone),
        "batch_under_way": None if batch is None else batch.name,
        "attempts": 0 if batch is None else batch.attempts,
        "next_attempt": None if again is None else again.at,
        "next_attempt_waits_for": None if again is None else again.waits_for,
        **waiting,
        "receipts": unusual,
    }


def _told(value: object) -> object:
    """Write a yes or no as such, a local moment with its offset, what hangs together behind its name."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {reason}" for name, reason in value.items())
    if isinstance(value, datetime) and value.utcoffset():
        return value.isoformat(" ", "minutes")
    return value
