"""List the timed jobs of a gateway: the one place where a job is registered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csenet.gateway.jobs import Job, Turn
from csenet.gateway.store.timed_runs import LEDGER_CHECK as LEDGER_CHECK

if TYPE_CHECKING:
    from csenet.gateway.settings.jobs import DutiesSection
    from csenet.gateway.settings.loading import Settings
    from csenet.gateway.settings.notify import EmailSection
    from csenet.gateway.settings.work import WorkSection

DUTIES = "duties"
ANNUAL_INTEREST = "annual_interest"
SEALING = "sealing"
AUDIT_ANCHOR = "audit_anchor"
PURGE = "purge"
RECEIPTS = "receipts"
_NIGHT = time(3, 30)
_DEEP_NIGHT = time(1, 30)
WORK = "work_delivery"
NOTICES = "email_notices"


def timed_jobs(settings: Settings) -> tuple[Job, ...]:
    """Give the jobs as the settings want them."""
    jobs = [
        Job(
            LEDGER_CHECK,
            settings.jobs.ledger_check_every,
            check_ledger,
            "add up that nothing was lost or doubled",
        ),
        Job(
            DUTIES,
            settings.jobs.duties_every,
            partial(keep_duties, settings=settings.duties),
            "warn of duties, mark what is overdue, remind partners, act where a time has run",
        ),
        Job(
            RECEIPTS, timedelta(minutes=1), tell_missing_receipts, "tell of receipts that are due and missing"
        ),
        Job(
            AUDIT_ANCHOR,
            settings.audit.anchor_every,
            partial(anchor_audit, file=settings.audit_anchors),
            "write the head of the audit's chain outside the store",
        ),
    ]
    if settings.sealing.enabled:
        about = "seal what an older store holds unsealed; go on with a change of data keys"
        jobs.append(Job(SEALING, timedelta(minutes=1), seal_the_rest, about))
    if settings.retention.purge:
        about = "destroy content whose time is over, and certify it"
        jobs.append(Job(PURGE, _DEEP_NIGHT, partial(purge_old, settings=settings), about))
    if settings.jobs.annual_interest:
        about = "tell interest in each case whose last notice is a year old"
        jobs.append(Job(ANNUAL_INTEREST, _NIGHT, tell_annual_interest, about))
    if settings.work.webhook is not None or settings.work.file is not None:
        about = "deliver changed work items to the case system"
        run = partial(deliver_work, settings=settings.work)
        jobs.append(Job(WORK, settings.work.deliver_every, run, about))
    if settings.notify.email is not None:
        about = "tell offices and workers by e-mail how much work is new and overdue"
        run = partial(send_notices, settings=settings.notify.email)
        jobs.append(Job(NOTICES, timedelta(minutes=1), run, about))
    return tuple(jobs)


async def send_notices(turn: Turn, settings: EmailSection) -> Mapping[str, Any]:
    """Send notices where the settings say."""
    from csenet.gateway.notify.noticing import notify

    return await notify(turn, settings)


async def deliver_work(turn: Turn, settings: WorkSection) -> Mapping[str, Any]:
    """Deliver work items where the settings say."""
    from csenet.gateway.work_delivery import deliver

    return await deliver(turn, settings)


async def tell_annual_interest(turn: Turn) -> Mapping[str, Any]:
    """Tell interest where a notice has fallen due, a hundred cases to a commit."""
    looked, sent, work, after = 0, 0, 0, ""
    while True:
        page = await turn.desk.annual_interest(
            turn.desk.clock.today().year, after, actor=ANNUAL_INTEREST, hold=turn.hold
        )
        looked += page.looked
        sent += sum(line.outcome == "sent" for line in page.lines)
        work += sum(line.outcome == "work" for line in page.lines)
        if page.next is None:
            return {"looked": looked, "sent": sent, "work": work}
        after = page.next


async def keep_duties(turn: Turn, settings: DutiesSection) -> Mapping[str, Any]:
    """Look after the clocks of all duties."""
    from csenet.gateway.desk.duty_clock import DutyClock

    return await DutyClock(turn.desk, settings, turn.hold).run()


async def seal_the_rest(turn: Turn) -> Mapping[str, Any]:
    """Seal a few hundred rows to a commit until nothing is left; most days there is nothing."""
    from csenet.gateway.desk.indexing import index
    from csenet.gateway.store import resealing

    steps = await resealing.run(turn.desk.store, turn.desk.clock.now, index=index, hold=turn.hold)
    return {"count": steps}


async def purge_old(turn: Turn, settings: Settings) -> Mapping[str, Any]:
    """Destroy what has had its time, a little to a commit."""
    from csenet.gateway.retention.running import purge

    found = await purge(turn.desk, settings, actor=PURGE, hold=turn.hold)
    certified = None if found.certificate is None else found.certificate.name
    return {"cases": found.cases, "records": found.records, "kept": found.kept, "certificate": certified}


async def tell_missing_receipts(turn: Turn) -> Mapping[str, Any]:
    """Tell once of each receipt that has not come in its time."""
    return {"count": await turn.desk.note_missing_receipts()}


async def anchor_audit(turn: Turn, file: Path) -> Mapping[str, Any]:
    """Add the head of the audit's chain to the file of anchors, if the chain went on."""
    from csenet.gateway.people.anchors import write
    from csenet.gateway.store import audit

    async with turn.desk.store.read() as conn:
        head = await audit.head(conn)
    written = await asyncio.to_thread(write, file, head, turn.desk.clock.now())
    return {"record": head.id, "written": written}


async def check_ledger(turn: Turn) -> Mapping[str, Any]:
    """Take the sums of the ledger; the result is kept for whoever shows it, differences are logged by key."""
    import msgspec

    report = await turn.desk.ledger_check()
    for difference in report.differences:
        turn.desk.log.error("ledger.difference", problem=difference)
    found: dict[str, Any] = msgspec.to_builtins(report)
    return found
