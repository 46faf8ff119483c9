"""A lease is one gateway's until it runs out, and who lost it can change nothing more."""

from datetime import UTC, datetime, timedelta

import pytest

from csenet.gateway.store import leases
from csenet.gateway.store.engine import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def take(store: Store, holder: str, now: datetime = NOW) -> int | None:
    async with store.begin() as conn:
        return await leases.take(conn, "batch", 1, holder, now=now, seconds=10)


async def prolong(store: Store, holder: str, fence: int, now: datetime) -> None:
    async with store.begin() as conn:
        await leases.prolong(conn, "batch", 1, holder, fence, now=now, seconds=10)


async def holder(store: Store, now: datetime) -> str | None:
    async with store.read() as conn:
        return await leases.holder_of(conn, "batch", 1, now)


async def test_of_two_one_gets_it_until_it_runs_out(store: Store) -> None:
    assert await take(store, "a") == 1
    assert await take(store, "b", later(9.9)) is None
    assert await holder(store, later(9.9)) == "a"
    assert await take(store, "b", later(10)) == 2


async def test_after_a_restart_the_same_one_gets_it_at_once_and_its_past_is_fenced_off(store: Store) -> None:
    assert await take(store, "a") == 1
    assert await take(store, "a", later(1)) == 2
    with pytest.raises(leases.Fenced, match="batch 1"):
        await prolong(store, "a", 1, later(2))


async def test_who_was_overtaken_is_refused_by_the_token(store: Store) -> None:
    first = await take(store, "a")
    assert first is not None
    assert await take(store, "b", later(11)) is not None
    with pytest.raises(leases.Fenced):
        await prolong(store, "a", first, later(12))
    assert await holder(store, later(12)) == "b"


async def test_who_is_late_but_was_not_overtaken_goes_on(store: Store) -> None:
    fence = await take(store, "a")
    assert fence is not None
    await prolong(store, "a", fence, later(60))
    assert await take(store, "b", later(69)) is None


async def test_a_lease_let_go_is_free_at_once_and_the_token_grows_on(store: Store) -> None:
    fence = await take(store, "a")
    assert fence is not None
    async with store.begin() as conn:
        await leases.release(conn, "batch", 1, "b", fence)
    assert await holder(store, later(1)) == "a", "only its holder can let it go"
    async with store.begin() as conn:
        await leases.release(conn, "batch", 1, "a", fence)
    assert await holder(store, later(1)) is None
    assert await take(store, "b", later(1)) == fence + 1


async def test_what_is_done_for_good_leaves_no_lease(store: Store) -> None:
    fence = await take(store, "a")
    assert fence is not None
    async with store.begin() as conn:
        await leases.finish(conn, "batch", 1, "a", fence)
    with pytest.raises(leases.Fenced):
        await prolong(store, "a", fence, later(1))
    assert await take(store, "b", later(1)) == 1
    with pytest.raises(leases.Fenced):
        await prolong(store, "a", 1, later(2))


async def test_what_was_undone_was_not_taken(store: Store) -> None:
    async def undone() -> None:
        async with store.begin() as conn:
            await leases.take(conn, "batch", 1, "a", now=NOW, seconds=10)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await undone()
    assert await take(store, "b") == 1


async def test_a_timed_job_has_one_runner_at_a_time_and_its_interval(store: Store) -> None:
    async def due(who: str, seconds: float) -> bool:
        async with store.begin() as conn:
            return await leases.is_due(conn, "check", who, now=later(seconds), every=60)

    moments = [("a", 0.0), ("b", 0.0), ("a", 59.0), ("b", 60.0), ("a", 61.0), ("a", 120.0)]
    assert [await due(*moment) for moment in moments] == [True, False, False, True, False, True]
