"""The outbox's own promises that no transport can show."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from csenet.gateway.store import claims, dead, outbox, outcomes
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import sealed
from csenet.gateway.store.tables import case_file, outbound, timeline, work_item
from csenet.gateway.store.tables_audit import audit

from .conftest import contents

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


async def queue(store: Store, *serials: int, case_id: str | None = "A") -> None:
    rows = [
        {
            "serial": serial,
            "partner": "20",
            "case_id": case_id,
            "far": "MSC P GSTAI",
            "status": "queued",
            "raw": b"x%d" % serial,
            "correlation": "c",
            "intake_at": NOW,
            "created_at": NOW,
        }
        for serial in serials
    ]
    async with store.begin() as conn:
        await conn.execute(insert(outbound), sealed(conn, outbound, rows))


async def seal(store: Store, limit: int = 100) -> outbox.OpenBatch:
    async with store.begin() as conn:
        rows = await claims.claimable(conn, limit)
        return await outbox.add_batch(
            conn, jurisdiction="27", framing="lines", payload=b"x", rows=rows, at=NOW
        )


async def test_rows_are_claimed_by_serial_not_by_the_order_of_their_coming(store: Store) -> None:
    await queue(store, 7, 5, 6)
    async with store.begin() as conn:
        assert [row.serial for row in await claims.claimable(conn, 2)] == [5, 6]


async def test_a_row_in_an_open_batch_keeps_its_case_waiting(store: Store) -> None:
    await queue(store, 1)
    await seal(store)
    await queue(store, 2)
    await queue(store, 3, case_id="B")
    async with store.begin() as conn:
        assert [row.serial for row in await claims.claimable(conn, 10)] == [3]


async def test_a_thousand_rows_make_one_batch(store: Store) -> None:
    await queue(store, *range(1, 1201))
    batch = await seal(store, 2000)
    assert batch.count == 1200
    async with store.read() as conn:
        assert await outbox.statuses(conn) == {"sending": 1200}


async def test_what_left_can_be_refused_and_what_did_not_cannot(store: Store) -> None:
    await queue(store, 1, 2)
    await seal(store, 1)
    async with store.begin() as conn:
        for serial in (1, 2, 99):
            await outbox.mark_refused(conn, serial, reason="INVALID", at=NOW)
        assert await outbox.statuses(conn) == {"refused": 1, "queued": 1}


async def test_a_batch_leaves_its_trace_in_the_audit(store: Store) -> None:
    await queue(store, 1)
    batch = await seal(store)
    async with store.begin() as conn:
        attempt_id = await outcomes.begin_attempt(conn, batch.id, NOW)
        (left,) = await outcomes.settle_delivered(conn, batch, attempt_id, NOW)
    async with store.read() as conn:
        row = (await conn.execute(select(audit))).mappings().one()
    assert (left.serial, left.correlation) == (1, "c")
    assert (row["actor"], row["action"], row["object"]) == ("courier", "delivery.delivered", batch.name)


@pytest.mark.parametrize("ids", [[], [99]])
async def test_sending_nothing_again_changes_nothing(store: Store, ids: list[int]) -> None:
    async with store.begin() as conn:
        assert await dead.resend_dead(conn, ids, at=NOW, today=date(2026, 11, 21)) == 0
        assert await dead.dead_rows(conn) == []


async def give_up(store: Store) -> outbox.OpenBatch:
    batch = await seal(store)
    async with store.begin() as conn:
        attempt_id = await outcomes.begin_attempt(conn, batch.id, NOW)
        await outcomes.settle_dead(conn, batch.id, attempt_id, outcome="permanent", error="http_403", at=NOW)
    return batch


async def test_a_withdrawn_transaction_lets_the_next_of_its_case_go(store: Store) -> None:
    await queue(store, 1)
    await give_up(store)
    await queue(store, 2)
    async with store.begin() as conn:
        assert await claims.claimable(conn, 10) == []
        assert await dead.cancel_dead(conn, [1, 2], reason="told", at=NOW, today=NOW.date()) == 1
        assert [row.serial for row in await claims.claimable(conn, 10)] == [2]
        assert await outbox.statuses(conn) == {"cancelled": 1, "queued": 1}
        assert set((await conn.execute(select(work_item.c.status))).scalars()) == {"completed"}


@pytest.mark.parametrize(("known", "events"), [("A", ["transaction.dead"]), ("B", [])])
async def test_the_timeline_of_a_known_case_tells_what_became_of_a_transaction(
    store: Store, known: str, events: list[str]
) -> None:
    case = {"case_id": known, "role": "initiating", "other_fips": "2000000", "facts": {}, "state": {}}
    async with store.begin() as conn:
        await conn.execute(
            insert(case_file), sealed(conn, case_file, [{**case, "version": 1, "updated_at": NOW}])
        )
    await queue(store, 1)
    batch = await give_up(store)
    rows = await contents(store, timeline)
    assert [row["event"] for row in rows] == events
    assert [row["detail"] for row in rows] == [{"batch": batch.id} for _ in events]


async def test_dead_ones_are_chosen_by_partner_code_reason_and_age(store: Store) -> None:
    await queue(store, 1, 2, case_id=None)
    second = update(outbound).where(outbound.c.serial == 2)
    async with store.begin() as conn:
        await conn.execute(update(outbound).values(status="dead", reason="http_422"))
        await conn.execute(second.values(partner="06", reason="withdrawn"))
    async with store.read() as conn:

        async def found(**wanted: Any) -> list[int]:
            return [row.serial for row in await dead.dead_rows(conn, dead.DeadFilter(**wanted))]

        assert await found() == [1, 2]
        assert await found(partner="06") == [2]
        assert await found(reason="http_") == [1]
        assert await found(far="MSC P GSC01") == []
        assert await found(before=NOW) == []
        assert await found(before=NOW + timedelta(seconds=1), partner="20") == [1]
