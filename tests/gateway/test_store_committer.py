"""Those who wait at one moment share a commit, and only the commit."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk import Conflict, Desk, Rejected
from csenet.gateway.store import audit
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import outbound

from .conftest import LEDGER, arriving, facts, lines

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Gate:
    """Counts the transactions of a store, holds them at the door, and lets a commit fail on order."""

    def __init__(self, store: Store) -> None:
        self.begun = 0
        self.knocked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.broken: Exception | None = None
        self._begin = store.begin
        store.begin = self.begin  # type: ignore[method-assign]

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        self.begun += 1
        self.knocked.set()
        await self.open.wait()
        async with self._begin() as conn:
            yield conn
            if self.broken is not None:
                raise self.broken


@pytest.fixture
def gate(store: Store) -> Gate:
    return Gate(store)


def note(word: str) -> Any:
    async def work(conn: AsyncConnection) -> str:
        await audit.add(conn, [{"at": AT, "actor": "a", "action": word, "object": "o"}])
        return word

    return work


def refuse(word: str, error: Exception) -> Any:
    async def work(conn: AsyncConnection) -> str:
        await note(word)(conn)
        raise error

    return work


async def noted(store: Store) -> list[str]:
    async with store.read() as conn:
        return [row["action"] for row in reversed(await audit.newest(conn, 1000))]


async def all_of(store: Store, *work: Any) -> list[Any]:
    return await asyncio.gather(*(store.together(each) for each in work), return_exceptions=True)


async def test_a_crowd_shares_commits_in_the_order_of_its_coming(store: Store, gate: Gate) -> None:
    words = [f"w{number}" for number in range(150)]
    assert await all_of(store, *map(note, words)) == words
    assert await noted(store) == words
    assert gate.begun == 2, "a hundred to a commit"


async def test_a_single_caller_is_served_at_once(store: Store, gate: Gate) -> None:
    for number in range(3):
        await store.together(note(str(number)))
    assert gate.begun == 3


async def test_who_asks_while_a_commit_waits_for_its_turn_comes_along(store: Store, gate: Gate) -> None:
    gate.open.clear()
    first = asyncio.create_task(store.together(note("first")))
    await gate.knocked.wait()
    second = asyncio.create_task(store.together(note("second")))
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(first, second)
    assert gate.begun == 1


async def test_nobody_is_answered_before_the_commit(store: Store, gate: Gate) -> None:
    order: list[str] = []

    async def ask(word: str) -> None:
        await store.together(note(word))
        async with store.read() as conn:
            order.append(f"{word} sees {len(await audit.newest(conn))}")

    await asyncio.gather(ask("a"), ask("b"))
    assert sorted(order) == ["a sees 2", "b sees 2"]


async def test_one_that_is_refused_undoes_only_its_own(store: Store, gate: Gate) -> None:
    results = await all_of(store, note("a"), refuse("b", Conflict("no")), note("c"))
    assert [results[0], results[2]] == ["a", "c"]
    assert isinstance(results[1], Conflict)
    assert await noted(store) == ["a", "c"]
    assert gate.begun == 1


async def test_a_single_one_that_is_refused_leaves_nothing(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.together(refuse("b", Conflict("no")))
    assert await noted(store) == []


async def test_one_that_the_database_refuses_undoes_only_its_own(store: Store) -> None:
    async def wrong(conn: AsyncConnection) -> None:
        await conn.execute(text("INSERT INTO serial_counter (jurisdiction, next) VALUES ('27', NULL)"))

    results = await all_of(store, note("a"), wrong, note("c"))
    assert isinstance(results[1], IntegrityError)
    assert await noted(store) == ["a", "c"]


@pytest.mark.parametrize("broken", [OSError("no space"), OperationalError("COMMIT", {}, Exception())])
async def test_a_commit_that_fails_fails_all_who_shared_it(
    store: Store, gate: Gate, broken: Exception
) -> None:
    gate.broken = broken
    results = await all_of(store, note("a"), refuse("b", Conflict("no")), note("c"))
    assert results == [broken] * 3
    assert await noted(store) == []
    gate.broken = None
    assert await store.together(note("d")) == "d", "the next is not harmed"


async def test_a_failure_that_may_have_ended_the_transaction_fails_all(store: Store) -> None:
    error = OperationalError("INSERT", {}, Exception("disk full"))
    results = await all_of(store, note("a"), refuse("b", error), note("c"))
    assert results == [error] * 3
    assert await noted(store) == []


async def test_a_caller_that_left_before_its_turn_leaves_nothing(store: Store, gate: Gate) -> None:
    gate.open.clear()
    leaving = asyncio.create_task(store.together(note("left")))
    staying = asyncio.create_task(store.together(note("stayed")))
    await gate.knocked.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    gate.open.set()
    await staying
    assert await noted(store) == ["stayed"]


async def test_closing_waits_for_the_commit_under_way(store: Store) -> None:
    asking = asyncio.create_task(store.together(note("a")))
    await asyncio.sleep(0)
    await store.close()
    assert await asking == "a"


# ---- the desk's ways in


GSC17 = {"case_id": "MN1", "far": "MSC P GSC17"}


async def test_submissions_of_one_moment_are_numbered_without_gaps_in_one_commit(
    desk: Desk, store: Store, gate: Gate
) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    before = gate.begun
    wishes = [{"case_id": "MN1", "far": "MSC P GSTAI"} if number % 3 else {} for number in range(30)]
    results = await asyncio.gather(*map(desk.submit, wishes), return_exceptions=True)
    assert gate.begun == before + 1
    assert [isinstance(result, Rejected) for result in results] == [not wish for wish in wishes]
    async with store.read() as conn:
        found = await conn.execute(select(outbound.c.serial).order_by(outbound.c.serial))
        assert found.scalars().all() == list(range(1, 21))
    assert (await desk.ledger_check()).balanced


async def test_one_key_twice_in_one_commit_queues_once(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    wish = {"case_id": "MN1", "far": "MSC P GSTAI"}
    first, second, other = await asyncio.gather(
        desk.submit(wish, "key"), desk.submit(wish, "key"), desk.submit(GSC17, "key"), return_exceptions=True
    )
    assert not isinstance(first, BaseException)
    assert not isinstance(second, BaseException)
    assert (first.repeated, second.repeated) == (False, True)
    assert first.transactions == second.transactions
    assert isinstance(other, Conflict)
    async with store.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(outbound))).scalar_one() == 1


async def test_the_same_bytes_twice_in_one_commit_are_kept_once(desk: Desk) -> None:
    raw = lines(arriving("MSC R GRINT", 1))
    receipts = await asyncio.gather(*(desk.accept(raw, source="test", name="a") for _ in range(3)))
    assert [receipt.duplicate for receipt in receipts] == [False, True, True]
    assert {receipt.file_id for receipt in receipts} == {1}


async def test_cases_put_at_one_moment_are_all_kept_and_a_wrong_one_is_named(desk: Desk, gate: Gate) -> None:
    bodies = [facts(), {"role": "nobody"}, facts(), facts()]
    before = gate.begun
    results = await asyncio.gather(
        *(desk.put_case(f"MN{number}", body) for number, body in enumerate(bodies)), return_exceptions=True
    )
    assert gate.begun == before + 1
    assert isinstance(results[1], Rejected)
    assert [await desk.get_case(f"MN{number}") is not None for number in range(4)] == [
        True,
        False,
        True,
        True,
    ]
