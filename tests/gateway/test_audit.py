"""The store's audit only grows, in one chain for all who write, and a change of it is named."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from csenet.gateway.observe.looking import _audit_takes
from csenet.gateway.people.anchors import AnchorError, Anchoring, read, write
from csenet.gateway.store import audit
from csenet.gateway.store.chain import START, Fault, Mark, check
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.errors import StoreError
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.tables_audit import audit as table
from csenet.gateway.store.tables_audit import audit_head
from csenet.gateway.store.wrapping import HeldKeys

from .conftest import KEYS, NOON, QUIET, tamper

AT = datetime(2026, 11, 20, 18, tzinfo=UTC)
LINE: dict[str, Any] = {"at": AT, "actor": "ada", "action": "case.read", "object": "case MN1"}


async def noted(store: Store, count: int) -> None:
    for number in range(count):
        async with store.begin() as conn:
            await audit.add(conn, [{**LINE, "detail": {"number": number}}])


async def verified(store: Store, anchors: list[Mark] | None = None) -> Fault | None:
    async with store.read() as conn:
        return (await audit.verify(conn, anchors or []))[1]


async def test_records_of_one_commit_and_of_many_form_one_chain(store: Store) -> None:
    async with store.begin() as conn:
        await audit.add(conn, [LINE, {**LINE, "detail": {"b": 1, "a": ["ü", None, 1.5]}}])
        await audit.add(conn, [LINE])
    await noted(store, 2)
    async with store.read() as conn:
        count, fault = await audit.verify(conn)
        assert (count, fault) == (5, None)
        assert [row["id"] for row in await audit.newest(conn)] == [5, 4, 3, 2, 1]


async def test_what_shares_a_commit_is_chained_and_what_was_undone_leaves_no_gap(store: Store) -> None:
    async def noting(conn: Any, number: int) -> None:
        await audit.add(conn, [{**LINE, "detail": {"number": number}}])
        if number % 3 == 0:
            raise ValueError("undone")

    async def work(number: int) -> None:
        await store.together(lambda conn: noting(conn, number))

    await asyncio.gather(*(work(number) for number in range(12)), return_exceptions=True)
    with pytest.raises(ValueError, match="undone"):
        async with store.begin() as conn:
            await noting(conn, 3)
    await noted(store, 1)
    async with store.read() as conn:
        assert await audit.verify(conn) == (9, None)


async def test_two_gateways_on_one_store_write_one_chain(store: Store, location: str | Path) -> None:
    other = await open_store(location, migrate=False, keyring=Keyring(HeldKeys(KEYS), lambda: NOON))

    async def many(writer: Store, alone: bool) -> None:
        for number in range(10):
            async with writer.begin(alone=alone) as conn:
                await audit.add(conn, [{**LINE, "detail": {"number": number}}] * 2)

    await asyncio.gather(many(store, True), many(other, True), many(store, False), many(other, False))
    await other.close()
    async with store.read() as conn:
        assert await audit.verify(conn) == (80, None)


async def test_a_record_can_neither_be_changed_nor_removed(store: Store) -> None:
    await noted(store, 2)
    for statement in (delete(table), update(table).values(actor="nobody")):
        with pytest.raises(DBAPIError, match="append-only"):
            async with store.begin() as conn:
                await conn.execute(statement)
    assert await verified(store) is None


@pytest.mark.parametrize(
    ("statement", "record"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE id = 2", 2),
        ("UPDATE audit SET detail = '[9]' WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id > 2", 3),
        ("UPDATE audit SET id = id + 10 WHERE id = 1", 1),
        ("UPDATE audit_head SET last = 3", 4),
        ("DELETE FROM audit_head", 4),
    ],
)
async def test_who_goes_past_that_is_found(
    store: Store, location: str | Path, statement: str, record: int
) -> None:
    await noted(store, 4)
    if isinstance(location, Path):
        connection = sqlite3.connect(location)
        for word in ("update", "delete"):
            connection.execute(f"DROP TRIGGER audit_keeps_{word}")
        connection.commit()
        connection.close()
    await tamper(location, statement)
    fault = await verified(store)
    assert fault is not None
    assert fault.record == record


async def test_outside_of_a_writing_transaction_nothing_is_taken(store: Store) -> None:
    async with store.read() as conn:
        with pytest.raises(StoreError):
            await audit.add(conn, [LINE])


async def test_without_a_head_nothing_is_written_any_more(store: Store) -> None:
    async with store.begin() as conn:
        await conn.execute(delete(audit_head))
    with pytest.raises(StoreError, match="head"):
        await noted(store, 1)


async def test_records_are_found_by_case_actor_kind_and_time(store: Store) -> None:
    later = datetime(2026, 11, 21, tzinfo=UTC)
    async with store.begin() as conn:
        await audit.add(conn, [{**LINE, "cases": ["MN1", "MN2"]}])
        await audit.add(conn, [{**LINE, "at": later, "actor": "bob", "cases": ["MN1"]}, LINE])
    async with store.read() as conn:

        async def ids(**wanted: Any) -> list[int]:
            return [row["id"] for row in await audit.found(conn, **wanted)]

        assert await ids(cases=["MN1"]) == [1, 2]
        assert await ids(cases=["MN2"]) == [1]
        assert await ids(actor="bob") == [2]
        assert await ids(cases=["MN1"], since=later) == [2]
        assert await ids(cases=["MN1"], until=later) == [1]
        assert await ids(action="case.write") == []


def test_anchors_are_added_only_when_the_chain_went_on(tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    assert read(file) == []
    assert write(file, Mark(3, "a" * 64), AT)
    assert not write(file, Mark(3, "a" * 64), AT)
    assert write(file, Mark(5, "b" * 64), AT)
    assert read(file) == [Mark(3, "a" * 64), Mark(5, "b" * 64)]
    file.write_text(file.read_text("utf-8").replace("{", "", 1), "utf-8")
    with pytest.raises(AnchorError, match=":1: is no anchor"):
        read(file)


async def test_an_end_that_was_cut_off_with_its_head_is_found_by_an_anchor(store: Store) -> None:
    await noted(store, 4)
    async with store.read() as conn:
        head = await audit.head(conn)
    assert await verified(store, [head]) is None
    fault = await verified(store, [Mark(9, "c" * 64)])
    assert fault == Fault(record=5, what="and all after it are missing")


def look(number: int, session: str = "sign-in 1") -> dict[str, Any]:
    return {**LINE, "detail": {"number": number, "unmasked": ["case.ssn"], "session": session}}


WEIGHTY = {
    2: {**LINE, "action": "account.roles"},
    5: look(5),
    8: {**LINE, "action": "transactions.export"},
}
"""What somebody might want gone, among records that are not, a program's look in clear among them."""


async def anchored(anchoring: Anchoring) -> None:
    while (running := anchoring._running) is not None:
        await asyncio.wait({running})


async def test_no_cut_reaches_behind_what_somebody_might_want_gone(store: Store, tmp_path: Path) -> None:
    anchoring = store.anchors = Anchoring(tmp_path / "anchors", lambda: AT, QUIET)
    for number in range(1, 11):
        async with store.begin() as conn:
            await audit.add(conn, [WEIGHTY.get(number, look(number, session="token 3"))])
        await anchored(anchoring)
    kept = read(tmp_path / "anchors")
    assert [mark.id for mark in kept] == [*WEIGHTY]
    async with store.read() as conn:
        rows = [row async for row in audit._all(conn)]
    ends = [Mark(0, START), *(Mark(row["id"], row["hash"]) for row in rows)]
    for left, end in enumerate(ends):
        # Whoever cuts the end off sets the head back as well.
        fault = check(rows[:left], end, kept)
        missing = Fault(record=left + 1, what="and all after it are missing")
        assert fault == (missing if left < max(WEIGHTY) else None)
    await store.close()
    assert read(tmp_path / "anchors") == [*kept, ends[-1]], "a clean stop leaves nothing out"
    assert check(rows[:9], ends[9], read(tmp_path / "anchors")) is not None


async def test_what_was_undone_is_never_anchored(store: Store, tmp_path: Path) -> None:
    store.anchors = Anchoring(tmp_path / "anchors", lambda: AT, QUIET)
    await noted(store, 2)
    async with store.begin() as conn:
        assert await _audit_takes(conn, AT)

    async def undone() -> None:
        async with store.begin() as conn:
            await audit.add(conn, [WEIGHTY[2]])
            raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await undone()
    await store.close()
    assert [mark.id for mark in read(tmp_path / "anchors")] == [2]


async def test_a_place_that_cannot_be_written_stops_nobody_and_is_told(store: Store, tmp_path: Path) -> None:
    with capture_logs() as lines:
        anchoring = store.anchors = Anchoring(tmp_path / "no" / "anchors", lambda: AT, structlog.get_logger())
        async with store.begin() as conn:
            await audit.add(conn, [WEIGHTY[2]])
        await anchored(anchoring)
    assert [line["event"] for line in lines] == ["audit.not_anchored"]
    assert await verified(store) is None


async def test_the_order_of_a_shared_store_is_read_in_pages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_STEP", 3)
    await noted(store, 7)
    async with store.read() as conn:
        assert await audit.verify(conn) == (7, None)
        assert (await conn.execute(select(text("count(*)")).select_from(table))).scalar_one() == 7
