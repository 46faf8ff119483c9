"""csenet dead: transactions that could not be delivered."""

from __future__ import annotations

from pathlib import Path

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


@click.group(cls=Listing)
def dead() -> None:
    """See, resend and withdraw transactions that could not be delivered."""


@dead.command("list", epilog=example("csenet dead list --config gateway.toml"))
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """List transactions that were refused or given up, in order of their serial numbers."""
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: desk.dead_list()))
    if as_json:
        print_json(found)
        return
    rows = [
        (f"out-{each.id}", each.serial, each.far, each.partner, each.attempts, each.reason, each.created_at)
        for each in found
    ]
    columns = ["id", "serial", "transaction", "to", "attempts", "reason", "since"]
    print_table("Dead transactions", columns, rows)


@dead.command(epilog=example("csenet dead resend --all --config gateway.toml"))
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Send all of them.")
@config_option
def resend(ids: tuple[str, ...], everything: bool, config: Path) -> None:
    """Queue dead transactions again, under their own serial numbers.

    What they block in their cases follows in order.  A transaction that is not dead is left as it is, so
    resending twice is harmless.
    """
    if bool(ids) == everything:
        raise Unusable("give the IDs that csenet dead list shows, or --all")
    from csenet.gateway.cli.store import ACTOR, call

    chosen = None if everything else [_number(each) for each in ids]
    count = run(call(config, lambda desk: desk.dead_resend(chosen, actor=ACTOR)))
    click.echo(f"{count} queued again")


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
    from csenet.gateway.cli.store import ACTOR, call

    chosen = [_number(each) for each in ids]
    count = run(call(config, lambda desk: desk.dead_cancel(chosen, reason, actor=ACTOR)))
    click.echo(f"{count} withdrawn")


def _number(identifier: str) -> int:
    """Read out-7, or plain 7."""
    digits = identifier.removeprefix("out-")
    if not digits.isdigit():
        raise Unusable(f"{identifier}: is no ID of an outgoing transaction; it reads like out-7")
    return int(digits)
