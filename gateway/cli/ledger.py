"""csenet ledger: does everything add up?"""

from __future__ import annotations

from pathlib import Path

import click

from csenet.gateway.cli.common import (
    Listing,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    progress,
    run,
)


@click.group(cls=Listing)
def ledger() -> None:
    """Add up what came in and what went out."""


@ledger.command(epilog=example("csenet ledger check --config gateway.toml"))
@config_option
@json_option
@click.pass_context
def check(ctx: click.Context, config: Path, as_json: bool) -> None:
    """Prove that each transaction received or made is in exactly one status.

    Works on a live store.  Exit 0 if it balances, 1 with the differences if not.
    """
    from csenet.gateway.cli.store import call

    with progress("Adding up"):
        report = run(call(config, lambda desk: desk.ledger_check()))
    if as_json:
        print_json(report)
    else:
        rows = [("in", status, count) for status, count in report.inbound.items()]
        rows += [("out", status, count) for status, count in report.outbound.items()]
        click.echo(f"Files: {report.files}, of them waiting: {report.files_waiting}")
        print_table("Transactions", ["direction", "status", "transactions"], rows)
        click.echo("ledger: balanced" if report.balanced else "ledger: does not add up")
    for difference in report.differences:
        click.echo(difference, err=True)
    ctx.exit(0 if report.balanced else 1)
