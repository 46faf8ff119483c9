"""csenet jobs: what the gateway does by the clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.jobs import Jobs


@click.group(cls=Listing)
def jobs() -> None:
    """See what is done by the clock, and do it now."""


@jobs.command("list", epilog=example("csenet jobs list --config gateway.toml"))
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """List the timed jobs: how often, when last, what came of it, when next.

    A job without a last run, or one that fell due while no gateway ran, is done once at the next start.
    """
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: _rows(config, desk)))
    if as_json:
        print_json(found)
        return
    columns = ["job", "schedule", "last", "outcome", "seconds", "next", "purpose"]
    rows = [
        (
            each["name"],
            each["schedule"],
            each["ran_at"],
            each["error"] or each["outcome"],
            None if each["duration_ms"] is None else f"{each['duration_ms'] / 1000:.1f}",
            each["due_at"] or "at once",
            each["about"],
        )
        for each in found
    ]
    print_table("Timed jobs", columns, rows)


@jobs.command("run", epilog=example("csenet jobs run ledger_check --config gateway.toml"))
@click.argument("name")
@config_option
@json_option
@click.pass_context
def run_(ctx: click.Context, name: str, config: Path, as_json: bool) -> None:
    """Do the job NAME now, although it is not due; its next turn is counted from now.

    Exit 1 if it fails, or if a gateway is at it just now.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call
    from csenet.gateway.jobs import Busy

    async def now(desk: Desk) -> Any:
        return await _jobs(config, desk).run_now(name, actor=actor())

    try:
        ended = run(call(config, now))
    except Busy as error:
        raise Refused(str(error)) from None
    if as_json:
        print_json(ended)
    else:
        click.echo(f"{name}: {ended.outcome} in {(ended.duration_ms or 0) / 1000:.1f} s")
    if ended.error:
        click.echo(ended.error, err=True)
    ctx.exit(0 if ended.outcome == "done" else 1)


def _jobs(config: Path, desk: Desk) -> Jobs:
    """Put the jobs of a settings file together."""
    from csenet.gateway.jobs import Jobs
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.timed import timed_jobs

    return Jobs(desk, timed_jobs(load_settings(config)), desk.log)


async def _rows(config: Path, desk: Desk) -> list[dict[str, Any]]:
    """Put what is planned beside what was done."""
    from csenet.gateway.store import timed_runs

    async with desk.store.read() as conn:
        runs = await timed_runs.every(conn)
    rows = []
    for job in _jobs(config, desk).jobs:
        last = runs.get(job.name)
        rows.append(
            {
                "name": job.name,
                "about": job.about,
                "schedule": job.schedule,
                "begun_at": last and last.begun_at,
                "ran_at": last and last.ran_at,
                "outcome": last and last.outcome,
                "error": last and last.error,
                "duration_ms": last and last.duration_ms,
                "due_at": job.due_after(last, desk.agency.zone),
                "result": last and last.result,
                "result_at": last and last.result_at,
            }
        )
    return rows
