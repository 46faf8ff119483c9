"""csenet parked: transactions that wait because they could not be handled."""

from __future__ import annotations

from pathlib import Path

import click

from csenet.gateway.cli.common import Listing, config_option, example, run


@click.group(cls=Listing)
def parked() -> None:
    """Take parked transactions up again."""


@parked.command(epilog=example("csenet parked resume --config gateway.toml"))
@click.option("--case", "case_id", help="Only this case.")
@config_option
def resume(case_id: str | None, config: Path) -> None:
    """Decide parked transactions again, oldest first, after what stopped them was mended.

    One that fails again is parked again, with its new reason; it stops only its own case.
    """
    from csenet.gateway.cli.store import call

    count = run(call(config, lambda desk: desk.resume_parked(case_id)))
    click.echo(f"{count} taken up again")
