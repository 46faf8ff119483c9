"""The courier: order, immutability, persisted tries, exactly once from every state a kill can leave."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.dialects import sqlite

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import Outcome, permanent, transient
from csenet.gateway.delivery.transports import FolderTransport, Parcel
from csenet.gateway.store import claims, dead, outbox, outcomes
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import attempt, delivery_batch, outbound, work_item

from .couriers import NOW, Scripted, courier, forbidding, queue, resend, statuses, table, until
from .patience import BOUND


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW, "America/Chicago")


# -- composing ------------------------------------------------------------------------------------


async def test_batches_leave_in_order_of_serial_named_after_state_and_number(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B", "A", None, "C")
    transport = Scripted()
    assert await courier(store, transport, clock, batch_size=2).deliver_waiting() == 3
    assert [parcel.name for parcel in transport.got] == [
        "CSENET-27-000000000001.txt",
        "CSENET-27-000000000002.txt",
        "CSENET-27-000000000003.txt",
    ]
    assert [parcel.payload for parcel in transport.got] == [
        b"transaction 1\ntransaction 2\n",
        b"transaction 3\ntransaction 4\n",
        b"transaction 5\n",
    ]
    assert transport.got[0].key == "CSENET-27-000000000001"
    assert set((await statuses(store)).values()) == {"delivered"}


async def test_a_stream_has_no_line_ends(store: Store, clock: ManualClock) -> None:
    await queue(store, "A", "B")
    transport = Scripted()
    await courier(store, transport, clock, framing="stream").deliver_waiting()
    assert transport.got[0].payload == b"transaction 1transaction 2"


async def test_a_mainframe_gets_its_character_set_and_descriptor_words(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A")
    transport = Scripted()
    await courier(store, transport, clock, framing="bdw", encoding="cp037").deliver_waiting()
    # "transaction 1" in code page 037, behind its block's and its own length with 4 bytes for each word.
    text = bytes.fromhex("a3998195a28183a389969540f1")
    assert transport.got[0].payload == bytes([0, 21, 0, 0, 0, 17, 0, 0]) + text


@pytest.mark.parametrize("status", ["held", "dead"])
async def test_nothing_overtakes_an_earlier_transaction_of_its_case(
    store: Store, clock: ManualClock, status: str
) -> None:
    await queue(store, "A", status=status)
    await queue(store, "A", "B", "A", None, first=2)
    transport = Scripted()
    await courier(store, transport, clock).deliver_waiting()
    assert await statuses(store) == {1: status, 2: "queued", 3: "delivered", 4: "queued", 5: "delivered"}


async def test_what_was_refused_or_cancelled_blocks_nobody(store: Store, clock: ManualClock) -> None:
    await queue(store, "A", status="refused")
    await queue(store, "A", status="cancelled", first=2)
    await queue(store, "A", first=3)
    await courier(store, Scripted(), clock).deliver_waiting()
    assert (await statuses(store))[3] == "delivered"


async def test_policy_is_asked_once_more_and_a_refusal_holds_the_case(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "A", "B")

    transport = Scripted()
    await courier(store, transport, clock, refusals=forbidding({1})).deliver_waiting()
    assert await statuses(store) == {1: "held", 2: "queued", 3: "delivered"}
    (item,) = await table(store, work_item)
    assert item["kind"] == "held"
    assert item["case_id"] == "A"
    assert item["reasons"] == [
        {
            "rule": "agreement.partner",
            "text": "No exchange agreement for this function.",
            "citation": "45 CFR 303.7(a)(5)",
        }
    ]


async def test_a_held_transaction_leaves_after_its_release_and_before_its_followers(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "A")
    forbidden = {1}

    transport = Scripted()
    carrier = courier(store, transport, clock, refusals=forbidding(forbidden))
    assert await carrier.deliver_waiting() == 0
    forbidden.clear()
    async with store.begin() as conn:
        assert await dead.release_held(conn, None, at=NOW, today=date(2026, 11, 21)) == 1
    await carrier.deliver_waiting()
    assert [parcel.payload for parcel in transport.got] == [b"transaction 1\ntransaction 2\n"]
    assert (await table(store, work_item))[0]["status"] == "completed"


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
async def test_claiming_uses_the_index_of_waiting_rows(store: Store) -> None:
    async with store.read() as conn:
        found = await conn.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM outbound WHERE "
            "outbound.status IN ('held', 'queued', 'sending', 'dead') AND outbound.status = 'queued' "
            "ORDER BY outbound.serial LIMIT 100"
        )
        plan = " ".join(str(row) for row in found)
        asked = str(claims._claim().compile(dialect=sqlite.dialect()))
        given = (0, 1, 100, 0)
        claim = str([tuple(row) for row in await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", given)])
    assert "outbound_waiting" in plan
    assert "TEMP B-TREE" not in plan
    # What waits before a row is not looked for among all that ever left for its case.
    assert "USING INDEX outbound_blocking (case_id=? AND serial<?)" in claim


# -- tries ----------------------------------------------------------------------------------------


async def test_a_try_is_written_down_before_it_is_made(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    seen: list[tuple[int, str]] = []

    class Watching(Scripted):
        async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
            (batch,) = await table(store, delivery_batch)
            (made,) = await table(store, attempt)
            seen.append((batch["attempts"], made["outcome"]))
            return await super().deliver(parcel, spooled)

    await courier(store, Watching(), clock).deliver_waiting()
    assert seen == [(1, "started")]
    assert [made["outcome"] for made in await table(store, attempt)] == ["delivered"]


async def test_the_same_bytes_are_tried_until_they_arrive(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    await queue(store, "A")
    transport = Scripted(transient("http_503"), ConnectionResetError(), ValueError("odd"))
    task = asyncio.create_task(courier(store, transport, clock).deliver_waiting())
    for seconds in (1, 2, 4):
        await until(lambda: clock.sleeping == 1)
        (batch,) = await table(store, delivery_batch)
        assert batch["next_attempt_at"] == clock.now() + timedelta(seconds=seconds)
        await queue(store, "B", first=100 + seconds)
        clock.advance(seconds)
        await until(lambda: clock.sleeping == 0)
    assert await task == 2
    assert [parcel.payload for parcel in transport.got[:4]] == [b"transaction 1\n"] * 4
    assert len({parcel.key for parcel in transport.got[:4]}) == 1
    outcomes = [(made["outcome"], made["detail"]) for made in await table(store, attempt)][:4]
    assert outcomes == [
        ("transient", "http_503"),
        ("transient", "ConnectionResetError"),
        ("transient", "ValueError"),
        ("delivered", None),
    ]


async def test_the_limit_makes_the_rows_dead_with_a_work_item_each(store: Store, clock: ManualClock) -> None:
    await queue(store, "A", "B")
    transport = Scripted(*[transient("http_500")] * 3)
    carrier = courier(store, transport, clock, first_delay_seconds=0.0, attempt_limit=3)
    await carrier.deliver_waiting()
    assert await statuses(store) == {1: "dead", 2: "dead"}
    assert (await table(store, delivery_batch))[0]["state"] == "dead"
    items = await table(store, work_item)
    assert [(item["kind"], item["case_id"], item["details"]["serial"]) for item in items] == [
        ("dead", "A", "1"),
        ("dead", "B", "2"),
    ]


async def test_a_permanent_error_is_dead_at_once_and_others_go_on(store: Store, clock: ManualClock) -> None:
    await queue(store, "A", "B", "A")
    transport = Scripted(permanent("http_400"))
    await courier(store, transport, clock, batch_size=1).deliver_waiting()
    assert await statuses(store) == {1: "dead", 2: "delivered", 3: "queued"}


async def test_tries_that_a_kill_cut_short_are_counted(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    transport = Scripted(asyncio.CancelledError())  # type: ignore[arg-type]
    task = asyncio.create_task(courier(store, transport, clock).deliver_waiting())
    await asyncio.gather(task, return_exceptions=True)
    await courier(store, transport, clock).deliver_waiting()
    assert (await table(store, delivery_batch))[0]["attempts"] == 2
    assert [made["outcome"] for made in await table(store, attempt)] == ["started", "delivered"]


async def test_a_restart_keeps_the_wait_and_the_count(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    await queue(store, "A")
    stop = asyncio.Event()
    first = asyncio.create_task(courier(store, Scripted(transient("http_503")), clock).run(stop))
    await until(lambda: clock.sleeping == 1)
    stop.set()
    await first
    transport = Scripted(transient("http_503"))
    second = asyncio.create_task(courier(store, transport, clock).deliver_waiting())
    await until(lambda: clock.sleeping == 1)
    assert transport.got == []
    clock.advance(1)
    await until(lambda: clock.sleeping == 1)
    (batch,) = await table(store, delivery_batch)
    assert batch["attempts"] == 2
    assert batch["next_attempt_at"] == clock.now() + timedelta(seconds=2)
    clock.advance(2)
    assert await second == 1


async def test_a_refusal_that_came_back_first_is_not_overwritten(store: Store, clock: ManualClock) -> None:
    await queue(store, "A", "B")

    class Refusing(Scripted):
        async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
            async with store.begin() as conn:
                await conn.execute(update(outbound).where(outbound.c.serial == 1).values(status="refused"))
            return await super().deliver(parcel, spooled)

    await courier(store, Refusing(), clock).deliver_waiting()
    assert await statuses(store) == {1: "refused", 2: "delivered"}


# -- sending dead ones again ----------------------------------------------------------------------


async def test_a_whole_dead_batch_goes_again_under_its_own_name(store: Store, clock: ManualClock) -> None:
    await queue(store, "A", "B")
    transport = Scripted(permanent("http_400"))
    carrier = courier(store, transport, clock)
    await carrier.deliver_waiting()
    await queue(store, "A", first=3)
    assert await resend(store) == 2
    assert await resend(store) == 0
    assert await carrier.deliver_waiting() == 2
    first, again, last = transport.got
    assert (again.key, again.payload) == (first.key, first.payload)
    assert last.payload == b"transaction 3\n"
    assert set((await statuses(store)).values()) == {"delivered"}
    assert {item["status"] for item in await table(store, work_item)} == {"completed"}


async def test_part_of_a_dead_batch_goes_in_a_new_one_with_the_same_serial(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B")
    transport = Scripted(permanent("http_400"))
    carrier = courier(store, transport, clock)
    await carrier.deliver_waiting()
    assert await resend(store, [2]) == 1
    await carrier.deliver_waiting()
    assert transport.got[1].payload == b"transaction 2\n"
    assert transport.got[1].key != transport.got[0].key
    assert await statuses(store) == {1: "dead", 2: "delivered"}
    # The rest, sent again later, does not take along what has arrived by now.
    assert await resend(store, [1]) == 1
    await carrier.deliver_waiting()
    assert transport.got[2].payload == b"transaction 1\n"
    assert len({parcel.key for parcel in transport.got}) == 3
    assert await statuses(store) == {1: "delivered", 2: "delivered"}


async def test_a_later_row_alone_does_not_overtake_its_dead_predecessor(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "A")
    carrier = courier(store, Scripted(permanent("http_400")), clock)
    await carrier.deliver_waiting()
    await resend(store, [2])
    assert await carrier.deliver_waiting() == 0
    assert await statuses(store) == {1: "dead", 2: "queued"}


async def test_a_delivered_transaction_cannot_be_sent_again(store: Store, clock: ManualClock) -> None:
    await queue(store, "A")
    await courier(store, Scripted(), clock).deliver_waiting()
    assert await resend(store, [1]) == 0
    assert await statuses(store) == {1: "delivered"}


# -- the loop -------------------------------------------------------------------------------------


async def test_new_rows_wake_the_courier_without_any_time_passing(store: Store, clock: ManualClock) -> None:
    ready, stop, delivered = asyncio.Event(), asyncio.Event(), asyncio.Event()
    carrier = courier(store, Scripted(), clock, ready=ready, delivered=delivered.set)
    task = asyncio.create_task(carrier.run(stop))
    await until(lambda: clock.sleeping == 1)
    await queue(store, "A")
    ready.set()
    async with asyncio.timeout(BOUND):
        await delivered.wait()
    assert await statuses(store) == {1: "delivered"}
    stop.set()
    await task


async def test_rows_queued_by_another_process_are_found_too(store: Store, clock: ManualClock) -> None:
    stop, delivered = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(courier(store, Scripted(), clock, delivered=delivered.set).run(stop))
    await until(lambda: clock.sleeping == 1)
    await queue(store, "A")
    clock.advance(5)
    async with asyncio.timeout(BOUND):
        await delivered.wait()
    stop.set()
    await task


async def test_a_stop_ends_the_longest_wait_at_once_and_leaves_the_batch_open(
    store: Store, clock: ManualClock
) -> None:
    await queue(store, "A")
    stop = asyncio.Event()
    transport = Scripted(transient("http_503", retry_after=3600))
    task = asyncio.create_task(courier(store, transport, clock).run(stop))
    await until(lambda: clock.sleeping == 1)
    stop.set()
    async with asyncio.timeout(BOUND):
        await task
    assert await statuses(store) == {1: "sending"}


async def test_a_stop_lets_the_try_in_flight_finish(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csenet.gateway.delivery.courier._GRACE", BOUND)
    await queue(store, "A", "B")
    stop, started, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Scripted):
        async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
            started.set()
            await go_on.wait()
            return await super().deliver(parcel, spooled)

    task = asyncio.create_task(courier(store, Slow(), clock, batch_size=1).run(stop))
    await started.wait()
    stop.set()
    go_on.set()
    await task
    assert await statuses(store) == {1: "delivered", 2: "queued"}


async def test_a_destination_that_never_answers_does_not_hold_up_a_stop(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csenet.gateway.delivery.courier._GRACE", 0.01)
    await queue(store, "A")
    stop, started = asyncio.Event(), asyncio.Event()

    class Mute(Scripted):
        async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

    task = asyncio.create_task(courier(store, Mute(), clock).run(stop))
    await started.wait()
    stop.set()
    async with asyncio.timeout(BOUND):
        await task
    assert await statuses(store) == {1: "sending"}
    assert [made["outcome"] for made in await table(store, attempt)] == ["started"]


async def test_a_failing_store_stalls_the_courier_but_does_not_end_it(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "A")
    stop, delivered = asyncio.Event(), asyncio.Event()
    real = outcomes.settle_delivered
    failures = iter([OSError("disk full")])

    async def settle(*args: Any) -> Any:
        for failure in failures:
            raise failure
        return await real(*args)

    monkeypatch.setattr(outcomes, "settle_delivered", settle)
    transport = Scripted()
    carrier = courier(store, transport, clock, first_delay_seconds=0.0, delivered=delivered.set)
    task = asyncio.create_task(carrier.run(stop))
    async with asyncio.timeout(BOUND):
        await delivered.wait()
    stop.set()
    await task
    assert len({parcel.key for parcel in transport.got}) == 1
    assert await statuses(store) == {1: "delivered"}


# -- folder: exactly once from every state --------------------------------------------------------


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


async def seed(store: Store, state: str) -> str:
    """Leave the store as a kill would: one row sealed into a batch in ``state``, one try begun."""
    await queue(store, "A")
    async with store.begin() as conn:
        rows = await claims.claimable(conn, 100)
        batch = await outbox.add_batch(
            conn, jurisdiction="27", framing="lines", payload=b"transaction 1\n", rows=rows, at=NOW
        )
        await outcomes.begin_attempt(conn, batch.id, NOW)
        if state == "spooled":
            await outcomes.mark_spooled(conn, batch.id)
    return batch.name


def visible(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("*.txt")}


@pytest.mark.parametrize("left_behind", [None, b"", b"transac"])
async def test_a_kill_before_the_spool_was_committed_writes_it_anew(
    store: Store, clock: ManualClock, out: Path, left_behind: bytes | None
) -> None:
    name = await seed(store, "composed")
    if left_behind is not None:
        (out / ".spool").mkdir(parents=True)
        (out / ".spool" / name).write_bytes(left_behind)
    transport = FolderTransport(out)
    await transport.open()
    await courier(store, transport, clock).deliver_waiting()
    assert visible(out) == {name: b"transaction 1\n"}
    assert list((out / ".spool").iterdir()) == []
    assert await statuses(store) == {1: "delivered"}


async def test_a_kill_before_the_rename_renames(store: Store, clock: ManualClock, out: Path) -> None:
    name = await seed(store, "spooled")
    (out / ".spool").mkdir(parents=True)
    (out / ".spool" / name).write_bytes(b"transaction 1\n")
    transport = FolderTransport(out)
    await transport.open()
    await courier(store, transport, clock).deliver_waiting()
    assert visible(out) == {name: b"transaction 1\n"}
    assert await statuses(store) == {1: "delivered"}


@pytest.mark.parametrize("collected", [False, True])
async def test_a_kill_after_the_rename_delivers_no_second_copy(
    store: Store, clock: ManualClock, out: Path, collected: bool
) -> None:
    name = await seed(store, "spooled")
    (out / ".spool").mkdir(parents=True)
    if not collected:
        (out / name).write_bytes(b"transaction 1\n")
    transport = FolderTransport(out)
    await transport.open()
    await courier(store, transport, clock).deliver_waiting()
    assert visible(out) == ({} if collected else {name: b"transaction 1\n"})
    assert await statuses(store) == {1: "delivered"}


async def test_a_file_of_the_same_name_is_never_overwritten(
    store: Store, clock: ManualClock, out: Path
) -> None:
    name = await seed(store, "composed")
    (out / ".spool").mkdir(parents=True)
    (out / name).write_bytes(b"somebody's mail\n")
    transport = FolderTransport(out)
    await transport.open()
    await courier(store, transport, clock).deliver_waiting()
    assert visible(out) == {name: b"somebody's mail\n"}
    assert await statuses(store) == {1: "dead"}


async def test_a_folder_that_went_away_is_waited_for(store: Store, clock: ManualClock, out: Path) -> None:
    await queue(store, "A")
    transport = FolderTransport(out)
    carrier = courier(store, transport, clock, first_delay_seconds=10.0)
    task = asyncio.create_task(carrier.deliver_waiting())
    await until(lambda: clock.sleeping == 1)
    assert [made["outcome"] for made in await table(store, attempt)] == ["transient"]
    await transport.open()
    clock.advance(3600)
    assert await task == 1
    assert visible(out) == {"CSENET-27-000000000001.txt": b"transaction 1\n"}


async def test_a_manifest_with_control_totals_lies_beside_each_file(
    store: Store, clock: ManualClock, out: Path
) -> None:
    await queue(store, "A", "B", first=41)
    transport = FolderTransport(out)
    await transport.open()
    await courier(store, transport, clock).deliver_waiting()
    told = json.loads((out / "CSENET-27-000000000001.txt.manifest.json").read_text("utf-8"))
    assert told == {
        "file": "CSENET-27-000000000001.txt",
        "count": 2,
        "size": 30,
        "sha256": hashlib.sha256(b"transaction 41\ntransaction 42\n").hexdigest(),
        "first_serial": "000000000041",
        "last_serial": "000000000042",
    }
    assert list((out / ".spool").iterdir()) == []


async def test_the_manifest_is_there_before_its_file(
    store: Store, clock: ManualClock, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "A")
    transport = FolderTransport(out)
    await transport.open()
    real, order = Path.replace, []

    def replace(self: Path, target: Path) -> Path:
        order.append(Path(target).suffix)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    await courier(store, transport, clock).deliver_waiting()
    assert order == [".json", ".txt"]
