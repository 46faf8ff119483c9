"""List the timed jobs of a gateway: the one place where a job is registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from csenet.gateway.jobs import Job, Turn

if TYPE_CHECKING:
    from csenet.gateway.settings import Settings

LEDGER_CHECK = "ledger_check"


def timed_jobs(settings: Settings) -> tuple[Job, ...]:
    """Give the jobs as the settings want them."""
    return (
        Job(
            LEDGER_CHECK,
            settings.jobs.ledger_check_every,
            check_ledger,
            "add up that nothing was lost or doubled",
        ),
    )


async def check_ledger(turn: Turn) -> Mapping[str, Any]:
    """Take the sums of the ledger; the result is kept for whoever shows it, differences are logged by key."""
    import msgspec

    report = await turn.desk.ledger_check()
    for difference in report.differences:
        turn.desk.log.error("ledger.difference", problem=difference)
    found: dict[str, Any] = msgspec.to_builtins(report)
    return found
