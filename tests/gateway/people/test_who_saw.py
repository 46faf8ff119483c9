"""Who saw a person is found by what is kept of them, in moments however long the record is."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.people import who_saw
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.rights import Role
from csenet.gateway.store import audit, search
from csenet.gateway.store.engine import Store

from ..conftest import NOON, arriving, facts, lines

PAT = Person(name="pat", kind=Kind.PERSON, roles=frozenset({Role.SUPERVISOR}))
SSN = "900123456"
PERSON = {"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": SSN}


async def seen(store: Store, kind: str, value: str) -> list[tuple[str, str]]:
    async with store.read() as conn:
        kept = await who_saw.kept_of(conn, "ssn" if kind == "ssn" else "name", value)
        return [(row["actor"], row["object"]) for row in await who_saw.looks(conn, kept)]


@pytest.fixture
async def known(desk: Desk) -> Desk:
    await desk.put_case("MN1", facts(ncp_identification=PERSON))
    await desk.put_case(
        "MN2", facts(ncp_identification={**PERSON, "name_first": "SOMEBODY", "ssn": "900765432"})
    )
    return desk


@pytest.mark.parametrize(
    ("kind", "value"), [("ssn", "900-12-3456"), ("name", "Exampleson, Rowan"), ("name", "exampleson rowan")]
)
async def test_who_saw_a_person_is_found_by_number_and_name(
    known: Desk, store: Store, clock: ManualClock, kind: str, value: str
) -> None:
    reader = Reader(known, store, clock)
    await reader.case(PAT, "MN1")
    await reader.case(PAT, "MN2")
    assert await seen(store, kind, value) == [("pat", "case MN1")]


async def test_a_transaction_without_a_case_counts_too(desk: Desk, store: Store, clock: ManualClock) -> None:
    await desk.accept(lines(arriving("MSC P GSC15", 7, "")), source="test", name="one")
    await desk.settle_pending()
    async with store.begin() as conn:
        await search.add(conn, "in", [(1, {("ssn", SSN)})])
    await Reader(desk, store, clock).transaction(PAT, "in-1")
    assert await seen(store, "ssn", SSN) == [("pat", "transaction in-1")]


async def test_somebody_of_whom_nothing_is_kept_was_seen_by_nobody(known: Desk, store: Store) -> None:
    assert await seen(store, "name", "nobody here") == []


@pytest.mark.slow
async def test_a_hundred_thousand_records_are_asked_within_seconds(
    known: Desk, store: Store, clock: ManualClock
) -> None:
    line = {"actor": "pat", "action": "case.read", "object": "case MN9"}
    for start in range(0, 100_000, 5_000):
        async with store.begin() as conn:
            rows = [
                {
                    **line,
                    "at": NOON + timedelta(seconds=n),
                    "detail": {"objects": ["case MN9"], "outcome": "shown"},
                    "cases": ["MN1" if n % 1000 == 0 else f"X{n % 5000}"],
                }
                for n in range(start, start + 5_000)
            ]
            await audit.add(conn, rows)
    began = time.process_time()  # ours alone, whatever else the machine does
    assert len(await seen(store, "ssn", SSN)) == 100
    async with store.read() as conn:
        loose = who_saw.Kept(frozenset(), frozenset({"in-1"}))
        assert await who_saw.looks(conn, loose) == []
    took = time.process_time() - began
    assert took < 3, f"{took:.2f} s"
