"""Who saw a person is found by what is kept of them, without walking through the record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.people import who_saw
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.rights import Role
from csenet.gateway.store import search
from csenet.gateway.store.engine import Store

from ..conftest import NOON, arriving, facts, lines
from ..planned import Planned

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


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
async def test_who_saw_follows_an_index_however_long_the_record_is(
    known: Desk, store: Store, clock: ManualClock
) -> None:
    reader = Reader(known, store, clock)
    for case in ("MN1", "MN2"):
        await reader.case(PAT, case)
    async with store.read() as real:
        conn: Any = Planned(real, "audit", "audit_case", "case_file", "inbound", "outbound")
        kept = await who_saw.kept_of(conn, "ssn", SSN)
        found = await who_saw.looks(conn, kept, since=NOON - timedelta(days=1))
        assert await who_saw.looks(conn, who_saw.Kept(frozenset(), frozenset({"in-1"}))) == []
    assert [row["object"] for row in found] == ["case MN1"]
    assert conn.read == []
