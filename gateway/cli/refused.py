"""csenet refused: what the exchange refused, why, and sending it again once it is corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

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
    read_json,
    run,
)

_NONE: Final = "there is no such transaction of ours; it reads like out-7"


@click.group(cls=Listing)
def refused() -> None:
    """See what the exchange refused, correct it and send it again."""


@refused.command("list", epilog=example("csenet refused list --config gateway.toml"))
@config_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(config: Path, limit: int, as_json: bool) -> None:
    """List what the exchange refused and nobody has sent again yet, the oldest first."""
    from csenet.gateway.cli.store import call, own
    from csenet.gateway.desk.results import TransactionFilter

    chosen = TransactionFilter(direction="out", status="refused", limit=limit)
    found: Any = run(call(config, lambda desk: desk.list_transactions(own(chosen))))
    if as_json:
        print_json(found.items)
        return
    fields = ("id", "serial", "far", "to_fips", "case_id", "settled_at", "reason")
    columns = ["id", "serial", "code", "to", "case", "refused", "reason"]
    print_table("Refused", columns, [[getattr(each, field) for field in fields] for each in found.items])


@refused.command(epilog=example("csenet refused show out-1 --config gateway.toml"))
@click.argument("transaction", metavar="ID")
@config_option
@json_option
def show(transaction: str, config: Path, as_json: bool) -> None:
    """Show why transaction ID (out-7) was refused and what was corrected in it so far; no content.

    csenet show has the content.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import NotFound

    async def look(desk: Any) -> Any:
        await _must_see(desk, transaction, "transaction.read")
        return await desk.transaction(transaction)

    try:
        found: Any = run(call(config, look))
    except NotFound:
        found = None
    if found is None or found.direction != "outbound":
        raise Unusable(f"{transaction}: {_NONE}")
    told = {
        "id": found.id,
        "transaction": found.far,
        "serial": found.serial,
        "status": found.status,
        "reason": found.reason,
        "corrections": found.corrections,
    }
    if as_json:
        print_json(told)
        return
    click.echo(f"{found.id} {found.far} number {found.serial}: {found.status}")
    if found.reason:
        click.echo(f"Refused for: {found.reason}")
    rows = [
        (each.at, each.actor, ", ".join(each.fields) or "nothing", each.reason) for each in found.corrections
    ]
    print_table("Corrections", ["at", "by", "changed", "had been refused for"], rows)


@refused.command(
    epilog=example(
        "csenet refused correct out-1 --set header.other_fips_county=173 --config gateway.toml",
        'echo \'{"header": {"other_fips_county": "173"}}\''
        " | csenet refused correct out-1 --changes - --config gateway.toml",
    )
)
@click.argument("transaction", metavar="ID")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="A value; may be repeated.")
@click.option("--changes", metavar="FILE", help='Changes as JSON, such as {"orders": [...]}; "-" is input.')
@config_option
@json_option
def correct(
    transaction: str, settings: tuple[str, ...], changes: str | None, config: Path, as_json: bool
) -> None:
    """Send transaction ID (out-7) again with these changes.

    What the exchange refused goes under its own serial number, for 180 days; what the other state rejected
    for its case ID goes as a new transaction.  An empty VALUE removes what is there.  Doing it twice is
    harmless.  Exit 1 if it is refused, with every reason.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call
    from csenet.gateway.cli.submit import sentence
    from csenet.gateway.desk.results import Conflict
    from csenet.gateway.errors import NotFound, Rejected

    whole = read_json(changes) if changes is not None else {}
    if not isinstance(whole, dict):
        raise Unusable(f"{changes}: must be one object")
    for each in settings:
        _put(whole, each)
    body = {"changes": whole}

    async def order(desk: Any) -> Any:
        await _must_see(desk, transaction, "transaction.correct")
        return await desk.correct(transaction, body, actor=actor())

    try:
        result: Any = run(call(config, order))
    except Rejected as error:
        raise Refused("\n".join(sentence(problem) for problem in error.problems)) from None
    except NotFound:
        raise Unusable(f"{transaction}: {_NONE}") from None
    except Conflict as error:
        raise Refused(f"{transaction}: {error}") from None
    if as_json:
        print_json(result)
        return
    for sent in result.transactions:
        done = "had been corrected so before" if result.repeated else "queued"
        click.echo(f"{sent.id} {sent.far} number {sent.serial}: {done}")


def _put(changes: dict[str, Any], setting: str) -> None:
    """Put one PATH=VALUE into the changes."""
    path, separator, value = setting.partition("=")
    *outer, last = path.split(".")
    if not separator or not outer or not all((*outer, last)):
        raise Unusable(f"--set {path}: write it as block.field=value")
    for name in outer:
        changes = changes.setdefault(name, {})
        if not isinstance(changes, dict):
            raise Unusable(f"--set {path}: give lists with --changes")
    changes[last] = value or None


async def _must_see(desk: Any, transaction: str, action: str) -> None:
    """Let nobody at a transaction of another office's case."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at

    await reader_at(desk).must_see_transaction(acting(), transaction, action)
