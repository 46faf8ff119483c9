"""The yearly notices of interest: to whom, when, once, and on through a kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
import time as machine
from pathlib import Path
from typing import Any

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.desk.results import Rejected, TransactionFilter, WorkFilter
from csenet.gateway.jobs import Jobs
from csenet.gateway.settings.jobs import JobsSection
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.timed import ANNUAL_INTEREST, timed_jobs
from csenet.gateway.wiring import desk_of

from .conftest import QUIET, facts
from .patience import BOUND

ORDER = {
    "order_fips_state": "27",
    "order_fips_county": "000",
    "order_id": "MNO1",
    "order_filing_date": "2020-01-01",
    "order_type": "J",
    "debt_type": "CS",
    "order_freq": "M",
    "order_freq_amount": "300.00",
}
SETTINGS = """\
[gateway]
jurisdiction = "27"
data_dir = "data"
[delivery.folder]
path = "out"
"""
BALANCES = {"as_of": "2026-11-01", "arrears": "100.00", "interest": "4.00"}


def owing(**more: Any) -> dict[str, Any]:
    return facts(orders=[ORDER], balances=BALANCES) | more


async def run(desk: Desk, year: int = 2026, limit: int = 2, **more: Any) -> list[tuple[str, str]]:
    lines, after = [], ""
    while True:
        page = await desk.annual_interest(year, after, limit=limit, **more)
        lines += page.lines
        if page.next is None:
            return [(line.case_id, line.outcome) for line in lines]
        after = page.next


async def test_whoever_owes_a_notice_gives_one_and_only_one(desk: Desk) -> None:
    await desk.put_case("A1", owing())
    await desk.put_case("A2", owing(balances=None))
    await desk.put_case("A3", owing(orders=[ORDER | {"order_fips_state": "20"}]))
    await desk.put_case("A4", owing(role="responding"))
    await desk.put_case("A5", owing(case={"case_type": "N", "case_status": "C"}))
    await desk.put_case("A6", owing())
    assert await desk.annual_count() == 5
    assert await run(desk, dry_run=True) == [("A1", "sent"), ("A2", "work"), ("A6", "sent")]
    assert await run(desk) == [("A1", "sent"), ("A2", "work"), ("A6", "sent")]
    assert await run(desk) == []
    page = await desk.list_transactions(TransactionFilter(far="MSC P GSTAI"))
    assert [each.case_id for each in page.items] == ["A1", "A6"]
    (item,) = (await desk.list_work_items(WorkFilter(kind="annual_interest"))).items
    assert (item.case_id, item.duty, "total arrears" in item.details["missing"]) == (
        "A2",
        "IN5",
        True,
    )
    stated = {"id": "E", "kind": "balances_stated", "balances": BALANCES}
    await desk.happened("A2", stated)
    assert (await desk.list_work_items(WorkFilter(kind="annual_interest", status="open"))).items == []
    assert (await desk.ledger_check()).balanced


async def test_a_case_that_gets_another_id_meanwhile_is_told_once(desk: Desk) -> None:
    for case_id in ("A4", "A5", "A6"):
        await desk.put_case(case_id, owing(balances=None) if case_id == "A5" else owing())
    page = await desk.annual_interest(2026, "", limit=2)
    assert [(line.case_id, line.outcome) for line in page.lines] == [("A4", "sent"), ("A5", "work")]
    for number, (former, case_id) in enumerate((("A6", "A1"), ("A4", "A8"), ("A5", "A9")), 1):
        renamed = {"id": f"E{number}", "kind": "case_id_changed", "new_case_id": case_id}
        await desk.happened(former, renamed)
    told, after = [], page.next
    while after is not None:
        page = await desk.annual_interest(2026, after, limit=2)
        told, after = told + page.lines, page.next
    assert [(line.case_id, line.outcome) for line in told] == [("A1", "sent")]
    assert await run(desk) == []


async def test_a_notice_is_due_when_the_last_one_is_a_year_old(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("A1", owing())
    await desk.submit({"case_id": "A1", "far": "MSC P GSTAI"})
    clock.advance(days=364)
    assert await run(desk, 2027) == []
    clock.advance(days=1)
    assert await run(desk, 2026) == []
    assert await run(desk, 2027) == [("A1", "sent")]
    for year, why in ((2028, "has not begun"), (2025, "long over: ask for 2027 or 2026")):
        with pytest.raises(Rejected, match=why):
            await run(desk, year)


async def test_the_job_is_off_until_it_is_switched_on(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(SETTINGS)
    settings = load_settings(tmp_path / "gateway.toml", {})
    assert ANNUAL_INTEREST not in [job.name for job in timed_jobs(settings)]
    on = settings.model_copy(update={"jobs": JobsSection(annual_interest=True)})
    await desk.put_case("A1", owing())
    jobs = Jobs(desk, timed_jobs(on), QUIET)
    ended = await jobs.run_now(ANNUAL_INTEREST, actor="test")
    assert (ended.outcome, ended.result) == ("done", {"looked": 1, "sent": 1, "work": 0})


CASES = 900
LEASHED = """
import time
from csenet.gateway.cli import main
from csenet.gateway.desk import Desk
tell, pages = Desk.annual_interest, iter(range(3))
async def held(*given, **more):
    return await tell(*given, **more) if next(pages, None) is not None else time.sleep(600)
Desk.annual_interest = held
main()
"""
"""Comes to three of nine commits at the most before it is killed, on however slow a machine."""


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(SETTINGS)

    async def seat() -> None:
        store, desk, _ = await desk_of(load_settings(config, {}), clock=None, log=QUIET)
        # Together, so that they share commits.
        await asyncio.gather(*(desk.put_case(f"A{number:04d}", owing()) for number in range(CASES)))
        await store.close()

    asyncio.run(seat())
    words = ["run", "annual-interest", "--json", "-c", str(config)]
    killed = subprocess.Popen([sys.executable, "-c", LEASHED, *words], stdout=subprocess.DEVNULL)
    deadline = machine.monotonic() + BOUND
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "gateway.db", timeout=BOUND)) as store:
        count = "SELECT count(*), count(DISTINCT case_id) FROM outbound"
        while killed.poll() is None and store.execute(count).fetchone()[0] == 0:
            assert machine.monotonic() < deadline
            machine.sleep(0.005)
        killed.kill()
        killed.wait()
        before = store.execute(count).fetchone()
        assert 0 < before[0] < CASES, "it was over before it could be killed"
        again = [sys.executable, "-m", "csenet.gateway", *words]
        ended = subprocess.run(again, capture_output=True, text=True, timeout=2 * BOUND, check=True)
        assert json.loads(ended.stdout)["counts"] == {"sent": CASES - before[0]}
        assert store.execute(count).fetchone() == (CASES, CASES)
