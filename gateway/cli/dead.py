"""csenet dead: transactions that could not be delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    from csenet.gateway.cli.store import call, own

    wanted = _wanted(given)
    found = run(call(config, lambda desk: desk.dead_list(own(wanted))))
    if as_json:
        print_json(found)
        return
    rows = [
        (f"out-{each.id}", each.serial, each.far, each.partner, each.attempts, each.reason, each.created_at)
        for each in found
    ]
    columns = ["id", "serial", "transaction", "to", "attempts", "reason", "since"]
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
    resending twice is harmless, and a resend that was stopped half-way goes on where it was when it is given
    once more.
    """
    if bool(ids) == everything or (ids and any(given.values())):
        raise Unusable("give the IDs that csenet dead list shows, or --all, with or without other options")
    from csenet.gateway.cli.store import call

    numbers = [number_of(each) for each in ids]
    wanted = _wanted(given)

    async def order(desk: Desk) -> int:
        chosen = numbers or [each.id for each in await desk.dead_list(wanted, None)]
        return len(chosen) if dry_run else await _resend_slowly(desk, chosen, per_minute)

    count = run(call(config, order))
    click.echo(f"{count} would be queued again" if dry_run else f"{count} queued again")


async def _resend_slowly(desk: Desk, chosen: Sequence[int], per_minute: int | None) -> int:
    """Resend a few at a time, each part in a commit of its own."""
    from csenet.gateway.cli.acting import actor

    part = len(chosen) if per_minute is None else max(1, per_minute // 60)
    count = 0
    for start in range(0, len(chosen), max(part, 1)):
        if start and per_minute is not None:
            await desk.clock.sleep(60 * part / per_minute)
        count += await desk.dead_resend(chosen[start : start + part], actor=actor())
    return count


@dead.command(epilog=example('csenet dead cancel out-7 --reason "told by telephone" --config gateway.toml'))
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--reason", required=True, help="Why it need not leave any more; no names or numbers of persons."
)
@config_option
def cancel(ids: tuple[str, ...], reason: str, config: Path) -> None:
    """Withdraw dead or held transactions for good; what waited behind them in their cases then leaves.

    Any other transaction is left as it is.  csenet outbox --status held lists the held ones.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    chosen = [number_of(each) for each in ids]
    count = run(call(config, lambda desk: desk.dead_cancel(chosen, reason, actor=actor())))
    click.echo(f"{count} withdrawn")


def number_of(identifier: str) -> int:
    """Read out-7, or plain 7."""
    digits = identifier.removeprefix("out-")
    if not digits.isdigit():
        raise Unusable(f"{identifier}: is no ID of an outgoing transaction; it reads like out-7")
    return int(digits)
