"""Old stores get sealed and keys get changed in service, and a stop in between loses nothing."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.desk.indexing import index
from csenet.gateway.store import resealing, sealing, search
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.errors import SealBroken
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.tables import case_file, inbound, timeline
from csenet.gateway.store.tables_sealing import data_key
from csenet.gateway.store.wrapping import HeldKeys, KeyFile

from .conftest import LEDGER, QUIET, arriving, contents, facts, lines, tamper


async def fill(store: Store, clock: ManualClock, first: int = 1, count: int = 3) -> None:
    desk = Desk(store, agency_of("27"), clock, QUIET)
    for number in range(first, first + count):
        await desk.put_case(f"MN{number}", facts(ledger=LEDGER))
    requests = [arriving("MSC R GRINT", n, case_id=f"MN{n}") for n in range(first, first + count)]
    receipt = await desk.accept(lines(*requests), source="test", name=f"from {first}")
    await desk.settle(receipt.file_id)
    assert (await desk.ledger_check()).balanced


async def until_done(store: Store, clock: ManualClock, limit: int = 2, at_most: int = 1000) -> int:
    steps = 0
    while steps < at_most and await resealing.step(store, clock.now(), limit, index):
        steps += 1
    return steps


async def numbers(store: Store) -> set[int]:
    """Return the data keys that content is sealed with."""
    found = set()
    for table in (case_file, inbound, timeline):
        column = sealing.shape_of(table).columns[0][0]
        async with store.read() as conn:
            found |= {
                sealing.key_number(each.data)
                for each in (await conn.execute(select(table.c[column]))).scalars()
            }
    return found


@pytest.fixture
def wrapping(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "wrapping.key")


@pytest.fixture
async def sealed_store(location: str | Path, clock: ManualClock, wrapping: KeyFile) -> AsyncIterator[Store]:
    store = await open_store(location, keyring=Keyring(wrapping, clock.now))
    await fill(store, clock)
    yield store
    await store.close()


async def test_a_store_from_before_is_read_at_once_and_sealed_step_by_step(
    location: str | Path, clock: ManualClock
) -> None:
    before = await open_store(location)
    await fill(before, clock)
    await before.close()
    keys = HeldKeys()
    store = await open_store(location, keyring=Keyring(keys, clock.now))
    assert store.keyring.made_key
    assert len(await contents(store, case_file)) == 3, "unsealed content is read as long as some is left"
    assert await until_done(store, clock, at_most=2) == 2
    await store.close()
    store = await open_store(location, keyring=Keyring(keys, clock.now))
    await until_done(store, clock)
    assert len(await contents(store, case_file)) == 3
    async with store.read() as conn:
        assert {each.sealed for each in await resealing.progress(conn)} == {True}
        named = await search.find(conn, "name", "Exampleson", among=("case",))
        assert named == ["case-MN1", "case-MN2", "case-MN3"]
        assert "in-2" in await search.find(conn, "case_id", "MN2")
    assert store.keyring.ring.strict
    await tamper(
        location, "UPDATE case_file SET facts = " + ("X'7B7D'" if isinstance(location, Path) else "'\\x7B7D'")
    )
    with pytest.raises(SealBroken, match="not sealed"):
        await contents(store, case_file)
    await store.close()


async def test_a_new_wrapping_key_wraps_all_and_content_stays(
    sealed_store: Store, location: str | Path, clock: ManualClock, wrapping: KeyFile
) -> None:
    first = wrapping.present()
    second, count = await resealing.rotate_wrapping(sealed_store)
    assert (second != first, count) == (True, len(sealed_store.keyring.kinds()))
    await fill(sealed_store, clock, first=10)
    again = await open_store(location, keyring=Keyring(KeyFile(wrapping.path), clock.now))
    assert len(await contents(again, case_file)) == 6
    async with again.read() as conn:
        assert set((await conn.execute(select(data_key.c.wrapped_by))).scalars()) == {second}
    await again.close()


async def test_a_stop_before_the_wrapping_is_gone_on_with(sealed_store: Store, wrapping: KeyFile) -> None:
    made = wrapping.make()
    assert await resealing.rotate_wrapping(sealed_store) == (made, len(sealed_store.keyring.kinds()))


async def test_new_data_keys_seal_everything_anew_and_the_old_ones_are_destroyed(
    sealed_store: Store, location: str | Path, clock: ManualClock, wrapping: KeyFile
) -> None:
    old = await numbers(sealed_store)
    assert await resealing.begin_rotation(sealed_store, clock.now()) > 0
    assert await resealing.begin_rotation(sealed_store, clock.now()) == 0, "one that has begun goes on"
    clock.advance(resealing.TAKEN_UP.total_seconds())
    assert await until_done(sealed_store, clock, at_most=3) == 3
    other = await open_store(location, keyring=Keyring(KeyFile(wrapping.path), clock.now))
    await fill(other, clock, first=10)
    await until_done(other, clock)
    assert not await numbers(other) & old
    async with other.read() as conn:
        left = (await conn.execute(select(func.count()).select_from(data_key))).scalar_one()
    assert left == len(other.keyring.kinds())
    assert len(await contents(other, case_file)) == 6
    assert {
        wrong for _, _, found in [each async for each in resealing.verify(other)] for wrong in found
    } == set()
    await other.close()


async def test_what_a_gateway_still_sealed_with_an_old_key_keeps_that_key(
    sealed_store: Store, location: str | Path, clock: ManualClock, wrapping: KeyFile
) -> None:
    async with sealed_store.read() as conn:
        assert await resealing.ready_at(conn) is None
    other = await open_store(location, keyring=Keyring(KeyFile(wrapping.path), clock.now))
    await resealing.begin_rotation(other, clock.now())
    async with other.read() as conn:
        assert await resealing.ready_at(conn) == clock.now() + resealing.TAKEN_UP
    while True:
        async with other.read() as conn:
            if not await resealing.pending(conn):
                break
        await resealing.step(other, clock.now(), 100)
    # This one has not looked for later keys yet.
    await fill(sealed_store, clock, first=20)
    await until_done(other, clock)
    assert len(await contents(other, case_file)) == 6
    await other.close()


async def test_verify_names_what_does_not_open(sealed_store: Store, location: str | Path) -> None:
    await tamper(location, "UPDATE inbound SET raw = (SELECT raw FROM inbound WHERE id = 1) WHERE id = 2")
    wrong = [each async for each in resealing.verify(sealed_store)]
    assert [found for _, _, found in wrong if found] == [
        ["inbound.raw of row 2 was changed or moved from elsewhere"]
    ]


def test_waiting_for_others_is_longer_than_they_take_to_look() -> None:
    assert timedelta(seconds=30) < resealing.TAKEN_UP
