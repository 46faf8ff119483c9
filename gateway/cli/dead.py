"""csenet dead: transactions that could not be delivered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
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

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.store.dead import DeadFilter
    from csenet.gateway.store.resends import ResendRun


@click.group(cls=Listing)
def dead() -> None:
    """See, resend and withdraw transactions that could not be delivered."""


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose among dead transactions."""
    for option in (
        click.option("--partner", metavar="FIPS", help="To this state only, by its two digits."),
        click.option("--far", metavar="CODE", help='Of this code only, such as "MSC P GSTAI".'),
        click.option("--reason", metavar="WORD", help="Given up for this reason only, such as http_422."),
        click.option("--batch", type=int, metavar="NUMBER", help="Of this batch only."),
        click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="Queued before this day (UTC)."),
    ):
        command = option(command)
    return command


def _wanted(given: dict[str, Any]) -> DeadFilter:
    from csenet.gateway.store.dead import DeadFilter

    before = given["before"]
    return DeadFilter(
        partner=given["partner"],
        far=given["far"],
        reason=given["reason"],
        batch_id=given["batch"],
        before=None if before is None else before.replace(tzinfo=UTC),
    )


@dead.command("list", epilog=example("csenet dead list --partner 20 --config gateway.toml"))
@_filters
@config_option
@json_option
def list_(config: Path, as_json: bool, **given: Any) -> None:
    """List transactions that were refused or given up, in order of their serial numbers."""
    import msgspec

    from csenet.gateway.cli.store import call, own

    wanted = _wanted(given)
    found = run(call(config, lambda desk: desk.dead_list(own(wanted))))
    lines = [msgspec.structs.asdict(each) | {"serial": f"{each.serial:012d}"} for each in found]
    if as_json:
        print_json(lines)
        return
    fields = ("serial", "far", "partner", "attempts", "reason", "created_at")
    rows = [[f"out-{line['id']}", *(line[field] for field in fields)] for line in lines]
    columns = ["id", "serial", "code", "to", "tries", "reason", "since"]
    print_table("Dead transactions", columns, rows)


@dead.command(epilog=example("csenet dead resend --all --per-minute 600 --config gateway.toml"))
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Send all of them, or all that the options choose.")
@click.option("--dry-run", is_flag=True, help="Only say how many that would be.")
@click.option("--per-minute", type=click.IntRange(1), help="So many in a minute, at most.")
@_filters
@config_option
def resend(
    *,
    ids: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    per_minute: int | None,
    config: Path,
    **given: Any,
) -> None:
    """Queue dead transactions again, under their own serial numbers.

    What they block in their cases follows in order.  A transaction that is not dead is left as it is, so
    resending twice is harmless; where there is none of an ID, nothing is done, exit 2.  csenet dead pause
    stops a resend that is under way; csenet dead resume has it go on where it was, also after it was killed.
    """
    if bool(ids) == everything or (ids and any(given.values())):
        raise Unusable("give the IDs that csenet dead list shows, or --all, with or without other options")
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    numbers = [number_of(each) for each in ids]
    wanted = _wanted(given)

    async def order(desk: Desk) -> ResendRun | int:
        await _must_be_there(desk, numbers)
        if dry_run:
            return len(numbers or await desk.dead_list(wanted, None))
        begun = await desk.begin_resend(wanted, numbers or None, per_minute, actor=actor())
        return await desk.go_on_resending(begun.id)

    done = run(call(config, order))
    click.echo(f"{done} would be queued again" if isinstance(done, int) else _told(done))


def _told(found: ResendRun) -> str:
    if found.state == "paused":
        return f"paused after {found.count} of {found.total}; csenet dead resume goes on"
    return f"{found.count} queued again"


@dead.command(epilog=example("csenet dead pause --config gateway.toml"))
@config_option
def pause(config: Path) -> None:
    """Have the resend that is under way stop after its next part, wherever it runs."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import NotFound

    async def order(desk: Desk) -> str:
        try:
            return _told(await desk.set_resend("paused", actor=actor()))
        except NotFound:
            return "no resend is under way"

    click.echo(run(call(config, order)))


@dead.command(epilog=example("csenet dead resume --config gateway.toml"))
@config_option
def resume(config: Path) -> None:
    """Have a resend go on that was paused or killed, at its pace, and stay until it is done."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import NotFound

    async def order(desk: Desk) -> str:
        try:
            going = await desk.set_resend("running", actor=actor())
        except NotFound:
            return "no resend is under way"
        return _told(await desk.go_on_resending(going.id))

    click.echo(run(call(config, order)))


@dead.command(epilog=example("csenet dead show out-1 --config gateway.toml"))
@click.argument("key", metavar="KEY")
@config_option
@json_option
def show(key: str, config: Path, as_json: bool) -> None:
    """Tell all about one dead transaction, KEY being its ID (out-7) or serial number.

    Why it could not leave and what to do about it, each try, the batch it was in, what it answers, which work
    is open about it and how much of its case waits behind it; nothing of its content.
    """
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: desk.dead_letter(key, acting().scope)))
    if as_json:
        print_json(found)
        return
    rows = [
        ("transaction", f"{found.far} to {found.partner}, serial {found.serial}"),
        ("case", found.case_id),
        ("why", found.reason),
        ("what to do", found.what_to_do),
        ("answers", found.reply_to),
        ("batch", None if found.batch is None else f"{found.batch}, {found.batch_count} transactions"),
        ("left before in", ", ".join(found.earlier)),
        ("open work", ", ".join(map(str, found.work))),
        ("waiting behind it", found.behind),
        ("since", found.created_at),
    ]
    print_table(found.id, ["", ""], rows)
    tries = [(number, each.at, each.outcome, each.error) for number, each in enumerate(found.tries, 1)]
    print_table("Tries", ["", "at", "outcome", "error"], tries)


@dead.command(epilog=example('csenet dead cancel out-1 --reason "told by telephone" --config gateway.toml'))
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--reason", required=True, help="Why it need not leave any more; no names or numbers of persons."
)
@config_option
def cancel(ids: tuple[str, ...], reason: str, config: Path) -> None:
    """Withdraw dead or held transactions for good; what waited behind them in their cases then leaves.

    Any other transaction is left as it is; where there is none of an ID, nothing is done, exit 2.
    csenet outbox --status held lists the held ones.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    chosen = [number_of(each) for each in ids]

    async def order(desk: Desk) -> int:
        await _must_be_there(desk, chosen)
        return await desk.dead_cancel(chosen, reason, actor=actor())

    click.echo(f"{run(call(config, order))} withdrawn")


async def _must_be_there(desk: Desk, numbers: list[int]) -> None:
    """Stop before anything is done where a number is that of no transaction of ours."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.desk.views_queues import statuses_of

    async with desk.store.read() as conn:
        found = {row[0] for row in await statuses_of(conn, numbers, acting().scope)}
    if absent := sorted(set(numbers) - found):
        raise Unusable("\n".join(f"out-{each}: there is no such transaction of ours" for each in absent))


def number_of(identifier: str) -> int:
    """Read out-7, or plain 7."""
    digits = identifier.removeprefix("out-")
    if not digits.isdigit():
        raise Unusable(f"{identifier}: is no ID of an outgoing transaction; it reads like out-7")
    return int(digits)
