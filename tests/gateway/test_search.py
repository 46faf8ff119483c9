"""Transactions and cases are found by SSN, case ID and name, and the table that does it tells nothing."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from csenet.gateway.desk import Desk
from csenet.gateway.desk.indexing import index
from csenet.gateway.store import search
from csenet.gateway.store.engine import Store
from csenet.gateway.store.search import normal
from csenet.gateway.store.tables import inbound
from csenet.gateway.store.tables_search import search_case, search_key

from .conftest import LEDGER, arriving, contents, facts, lines

SSN = "900123456"


def person(**more: Any) -> dict[str, Any]:
    return facts(
        ledger=LEDGER,
        ncp_identification={
            "name_last": "EXAMPLESON",
            "name_first": "ROWAN",
            "ssn": SSN,
            "date_of_birth": "1984-02-29",
            "alias_ssn_1": "900765432",
        },
        ncp_locate={"alias_1_last": "SAMPLESON", "alias_1_first": "ROW"},
        participants=[
            {"name_last": "TESTDOTTIR", "name_first": "IDA", "ssn": "900111222", "relationship": "C"},
        ],
        **more,
    )


async def found(store: Store, kind: Any, value: str, **more: Any) -> list[str]:
    async with store.read() as conn:
        return await search.find(conn, kind, value, **more)


@pytest.mark.parametrize(
    ("kind", "value", "plain"),
    [
        ("ssn", "900-12-3456", SSN),
        ("ssn", " 900 12 3456 ", SSN),
        ("ssn", "90012345", ""),
        ("ssn", "000000000", ""),
        ("case_id", " 000mn12 ", "MN12"),
        ("case_id", "MN12", "MN12"),
        ("name", " exampleson,  rowan ", "EXAMPLESON ROWAN"),
        ("birth", search.birth_word("Exampleson", "Rowan", date(1984, 2, 29)), "EXAMPLESON ROWAN 19840229"),
    ],
)
def test_what_is_searched_for_has_one_form(kind: Any, value: str, plain: str) -> None:
    assert normal(kind, value) == plain


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("ssn", "900-12-3456"),
        ("ssn", "900765432"),
        ("ssn", "900111222"),
        ("name", "Exampleson"),
        ("name", "exampleson, rowan"),
        ("name", "Sampleson Row"),
        ("name", "TESTDOTTIR"),
        ("birth", "EXAMPLESON ROWAN 19840229"),
        ("case_id", "MN1"),
        ("case_id", "00MN1"),
        ("case_id", "KS1"),
    ],
)
async def test_a_case_is_found_by_its_people_and_its_ids(
    desk: Desk, store: Store, kind: Any, value: str
) -> None:
    await desk.put_case("MN1", person())
    assert await found(store, kind, value) == ["case-MN1"]


async def test_what_came_and_went_is_found_with_its_case_first_and_the_newest_before_older(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", person())
    receipt = await desk.accept(
        lines(arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2)), source="test", name="a"
    )
    await desk.settle(receipt.file_id)
    assert await found(store, "case_id", "MN1") == ["case-MN1", "in-2", "in-1", "out-2", "out-1"]
    assert await found(store, "case_id", "MN1", among=("out",)) == ["out-2", "out-1"]
    assert await found(store, "case_id", "MN1", limit=2) == ["case-MN1", "in-2"]


async def test_what_was_indexed_already_may_be_indexed_again(desk: Desk, store: Store) -> None:
    receipt = await desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
    await desk.settle(receipt.file_id)
    async with store.begin() as conn:
        await index(conn, inbound, await contents(store, inbound))
    assert await found(store, "case_id", "MN1", among=("in",)) == ["in-1"]


async def test_new_facts_are_found_and_old_ones_no_more(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", person())
    await desk.put_case("MN1", facts(ncp_identification={"name_last": "OTHERSON"}))
    assert await found(store, "ssn", SSN) == []
    assert await found(store, "name", "Otherson") == ["case-MN1"]


async def test_nothing_is_found_for_nothing(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", person())
    for value in ("", "  ", "12", "EXAMPLESON%"):
        assert await found(store, "ssn", value) == []
        assert await found(store, "name", value) == []


async def test_cases_that_share_a_word_are_told_with_the_words_they_have(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", person())
    await desk.put_case("MN2", facts(ncp_identification={"name_last": "EXAMPLESON"}))
    words: list[search.Word] = [("ssn", SSN), ("name", "EXAMPLESON")]
    async with store.read() as conn:
        shared = await search.cases_with(conn, words)
    assert shared == {"MN1": set(words), "MN2": {("name", "EXAMPLESON")}}


async def test_digests_cannot_be_made_without_the_key_and_do_not_repeat_across_kinds(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", person())
    async with store.read() as conn:
        stored = set((await conn.execute(select(search_case.c.digest))).scalars())
        assert search._digest(store.keyring.ring.search, "ssn", SSN) in stored
        assert search._digest(b"", "ssn", SSN) not in stored
        assert search._digest(store.keyring.ring.search, "name", SSN) not in stored


async def test_what_a_case_says_needs_no_key_of_a_transaction(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", person())
    known, unknown = arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2, case_id="MN2")
    receipt = await desk.accept(lines(known, unknown), source="test", name="a")
    await desk.settle(receipt.file_id)
    async with store.read() as conn:
        subjects = set((await conn.execute(select(search_key.c.subject))).scalars())
    assert 4 in subjects, "twice the number of what came"
    assert 2 not in subjects
    assert await found(store, "case_id", "MN2", among=("in",)) == ["in-2"]


async def test_transactions_are_found_by_what_their_case_said_when_they_came(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", facts(other_case_id="KS0000417"))
    receipt = await desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
    await desk.settle(receipt.file_id)
    before = await found(store, "case_id", "KS0000417")
    await desk.put_case("MN1", facts(other_case_id="KS9"))
    assert await found(store, "case_id", "KS0000417") == [each for each in before if each != "case-MN1"]
    await desk.put_case("MN1", facts(other_case_id="KS0000417"))
    assert await found(store, "case_id", "KS0000417") == before


async def test_a_transaction_that_does_not_name_a_person_of_its_case_is_not_found_by_it(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", person())
    receipt = await desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
    await desk.settle(receipt.file_id)
    assert "in-1" in await found(store, "case_id", "MN1")
    assert await found(store, "name", "TESTDOTTIR", among=("in",)) == []
