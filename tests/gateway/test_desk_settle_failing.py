"""What fails while it is decided loses nothing: one case waits, and a new start gives the same end."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of, service
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store.engine import Store, open_store
from csenet.handlers import router

from .conftest import LEDGER, QUIET, arriving, facts, lines
from .settled import open_kinds, sent, settle, statuses


async def test_what_fails_to_be_decided_with_its_receipt_is_kept_and_decided_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    flush = WorkingSet.flush

    async def fails_after_writing(self: WorkingSet, conn: AsyncConnection) -> None:
        await flush(self, conn)
        raise ArithmeticError

    monkeypatch.setattr(WorkingSet, "flush", fails_after_writing)
    desk.at_once = True
    raw = arriving("MSC R GRINT", 41)
    receipt = await desk.accept(raw, source="test", name="a")
    assert not receipt.duplicate
    assert await statuses(desk) == []
    monkeypatch.undo()
    assert (await desk.settle(receipt.file_id)).replies == 1
    assert await statuses(desk) == ["decided"]
    assert (await desk.accept(raw, source="test", name="a")).receipt_id == receipt.receipt_id
    assert (await desk.ledger_check()).balanced


# ---- parking


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Make the handlers fail for every case named in the set."""
    cases: set[str] = set()
    dispatch = router.dispatch

    def fail(transaction: Any, context: Any) -> Any:
        if transaction.header.case_id in cases:
            raise ZeroDivisionError("EXAMPLESON 900112233")
        return dispatch(transaction, context)

    monkeypatch.setattr(router, "dispatch", fail)
    return cases


async def test_a_handler_that_fails_stops_only_its_case(desk: Desk, broken: set[str]) -> None:
    broken.add("MN1")
    for case_id in ("MN1", "MN2"):
        await desk.put_case(case_id, facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1, "MN1"), arriving("MSC R GRINT", 2, "MN2"))
    broken.clear()
    await settle(desk, arriving("MSC R GRINT", 3, "MN1"), arriving("MSC R GRINT", 4, "MN2"))
    assert await statuses(desk) == ["parked", "decided", "parked", "decided"]
    assert await open_kinds(desk) == ["parked"]
    assert (await desk.ledger_check()).balanced


async def test_a_parked_transaction_says_what_failed_and_where_but_quotes_nothing(
    desk: Desk, broken: set[str]
) -> None:
    broken.add("MN1")
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1))
    item = (await desk.list_work_items()).items[0]
    assert item.details["error"] == "ZeroDivisionError"
    assert item.details["place"].startswith("gateway/desk/settling.py:"), "the last place that is ours"
    view = await desk.transaction("in-1")
    assert "900112233" not in str(item) + str(view.decision if view else "")


async def test_parked_transactions_go_on_in_order_once_the_program_is_mended(
    desk: Desk, broken: set[str]
) -> None:
    broken.add("MN1")
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2))
    assert await desk.resume_parked() == 0, "it fails again"
    assert await open_kinds(desk) == ["parked"], "and opens no second work item"
    broken.clear()
    assert await desk.resume_parked("mn1") == 2
    assert await statuses(desk) == ["decided", "decided"]
    assert [reply for _, _, reply in await sent(desk)] == ["in-1", "in-2"]
    assert await open_kinds(desk) == []
    assert await desk.resume_parked() == 0
    assert (await desk.ledger_check()).differences == []


# ---- crashes


class CrashError(Exception):
    """Stands for the power going off."""


def crash_before_commit(store: Store, number: int) -> None:
    """Let the ``number``-th commit of a store not come about."""
    begin, seen = store.begin, 0

    def crashing() -> Any:
        @contextlib.asynccontextmanager
        async def block() -> Any:
            nonlocal seen
            seen += 1
            async with begin() as conn:
                yield conn
                if seen >= number:
                    raise CrashError

        return block()

    store.begin = crashing  # type: ignore[method-assign]


@pytest.mark.parametrize("lost", range(1, 7))
async def test_a_crash_at_any_commit_and_a_new_start_give_the_same_end(
    lost: int, location: str | Path, clock: ManualClock, monkeypatch: Any
) -> None:
    monkeypatch.setattr(service, "CHUNK", 2)
    raw = lines(
        arriving("MSC R GRINT", 1),
        b"damaged",
        arriving("MSC R GRINT", 1),
        arriving("MSC R GRINT", 2),
        arriving("MSC R GRINT", 3, "NOSUCH"),
    )
    store = await open_store(location, holder="the same machine")
    await Desk(store, agency_of("27"), clock, QUIET).put_case("MN1", facts(ledger=LEDGER))
    crash_before_commit(store, lost)
    desk = Desk(store, agency_of("27"), clock, QUIET)
    with contextlib.suppress(CrashError):
        await desk.settle((await desk.accept(raw, source="test", name="a")).file_id)
    await store.close()

    store = await open_store(location, holder="the same machine")
    desk = Desk(store, agency_of("27"), clock, QUIET)
    assert (await desk.ledger_check()).differences == [], "true also in the middle"
    await desk.settle((await desk.accept(raw, source="test", name="a")).file_id)
    assert await statuses(desk) == ["decided", "malformed", "duplicate", "decided", "decided"]
    assert [(far, serial) for far, serial, _ in await sent(desk)] == [
        ("MSC P GSTAI", "000000000001"),
        ("MSC P GSTAI", "000000000002"),
        ("MSC P REJCT", "000000000003"),
    ]
    report = await desk.ledger_check()
    assert (report.balanced, report.files_waiting) == (True, 0)
    await store.close()


async def test_the_ledger_balances_at_every_moment_of_a_busy_store(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "CHUNK", 2)
    await desk.put_case("MN1", facts(ledger=LEDGER))
    working = True

    async def watch() -> int:
        seen = 0
        while working:
            assert (await desk.ledger_check()).differences == []
            seen += 1
        return seen

    watcher = asyncio.create_task(watch())
    batches = [[arriving("MSC R GRINT", 10 * batch + n) for n in range(5)] for batch in range(1, 9)]
    await asyncio.gather(*(settle(desk, *batch, name=str(number)) for number, batch in enumerate(batches)))
    working = False
    assert await watcher > 0
    assert [serial for _, serial, _ in await sent(desk)] == [f"{n:012d}" for n in range(1, 41)]
