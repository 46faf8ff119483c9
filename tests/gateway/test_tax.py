"""Federal tax information is marked, hidden from whom it is not for, and each handling of it is on record."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from csenet.gateway.clock import ManualClock
from csenet.gateway.console import content
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.desk.taxing import mark_older
from csenet.gateway.people.looks import Look
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.rights import Role
from csenet.gateway.store import audit, tax
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables_tax import tax_mark

from .conftest import BOTH_STORES, QUIET, arriving, case_block, contents, facts, lines
from .test_desk_refusals import deliver
from .test_desk_requests import agreed, citax

WHY = Look(unmask=True, purpose="the parent asks about the offset", channel="console")
AMOUNT = "123.45"
ON_SQLITE = pytest.mark.parametrize("location", ["sqlite"], indirect=True)


def person(*roles: Role) -> Person:
    return Person(name="pat", kind=Kind.PERSON, roles=frozenset(roles), source="192.0.2.7")


def paid(serial: int, source: str = "I") -> bytes:
    """Write a CITAX of Kansas with one collection after chart C-10."""
    collection = f"2026110120261105000000012345{source}O".ljust(70)
    return arriving("COL P CITAX", serial, blocks="1000010", body=case_block() + collection)


async def arrive(desk: Desk, *transactions: bytes) -> None:
    receipt = await desk.accept(lines(*transactions), source="test", name="today.dat")
    await desk.settle(receipt.file_id)


async def logged(store: Store) -> list[tuple[str, str]]:
    async with store.read() as conn:
        return [(tax.KINDS[row["action"]], row["object"]) for row in await tax.log(conn)]


@pytest.fixture
async def marked(desk: Desk) -> Desk:
    """Let Kansas tell of one federal and one state offset."""
    await desk.put_case("MN1", facts("responding"))
    await arrive(desk, paid(1), paid(2, "S"), arriving("MSC R GRUPD", 3))
    return desk


@pytest.mark.parametrize("location", BOTH_STORES, indirect=True)
async def test_what_arrives_is_marked_in_the_commit_that_keeps_it(marked: Desk, store: Store) -> None:
    (row,) = await contents(store, tax_mark)
    assert (row["subject"], row["far"], row["blocks"]) == ("in-1", "COL P CITAX", "collections")
    async with store.read() as conn:
        (line,) = await tax.log(conn)
        assert (await audit.verify(conn))[1] is None
    assert (line["actor"], line["object"]) == ("exchange", "transaction in-1")
    assert (line["detail"]["from"], line["detail"]["case"]) == ("state 20", "MN1")
    assert AMOUNT not in str(dict(line))


@ON_SQLITE
async def test_what_cannot_be_read_into_blocks_is_taken_for_tax_information(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", facts("responding"))
    await arrive(desk, paid(1, " "), arriving("ENF R ERTXR", 2), paid(1, " "))
    assert [row["subject"] for row in await contents(store, tax_mark)] == ["in-1", "in-3"]


@ON_SQLITE
@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.CASEWORKER, Role.SUPERVISOR])
async def test_a_masked_view_shows_neither_amount_nor_source_nor_days(
    marked: Desk, store: Store, clock: ManualClock, role: Role
) -> None:
    view = await Reader(marked, store, clock).transaction(person(role), "in-1")
    assert view is not None
    assert view.transaction is not None
    assert set(view.transaction["collections"][0].values()) == {"***"}
    assert AMOUNT not in str(view)
    other = await Reader(marked, store, clock).transaction(person(role), "in-2")
    assert AMOUNT in str(other)
    assert await logged(store) == [("receipt", "transaction in-1")]


@ON_SQLITE
async def test_who_may_and_says_why_sees_it_and_is_on_the_log(
    marked: Desk, store: Store, clock: ManualClock
) -> None:
    view = await Reader(marked, store, clock).transaction(person(Role.SUPERVISOR), "in-1", WHY)
    assert AMOUNT in str(view)
    async with store.read() as conn:
        line = (await tax.log(conn))[-1]
    assert (line["action"], line["actor"]) == (tax.ACCESSED, "pat")
    assert line["detail"]["reason"] == WHY.purpose
    assert line["detail"]["to"] == "pat"
    assert "collections.payment_amount" in line["detail"]["blocks"]
    assert AMOUNT not in str(dict(line))
    async with store.read() as conn:
        seen = await audit.found(conn, cases=["MN1"])
    assert [row["action"] for row in seen][-2:] == ["transaction.read", "tax.accessed"]


@ON_SQLITE
async def test_without_the_right_it_stays_hidden_although_all_else_is_in_clear(
    marked: Desk, store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from csenet.gateway.people import reading

    monkeypatch.setattr(reading, "_may_see_tax", lambda person, *, clear: False)
    reader = Reader(marked, store, clock)
    view, words = await reader.described(person(Role.CASEWORKER), "in-1", WHY) or (None, "")
    assert view is not None
    assert view.transaction is not None
    assert AMOUNT not in str(view) + words
    case = await reader.case(person(Role.CASEWORKER), "MN1", WHY)
    assert case is not None
    assert case.facts["ncp_identification"]["name_last"] == "EXAMPLESON"
    federal, state = case.state["offsets"]
    assert set(federal.values()) == {"***"}
    assert state["source"] == "S"
    assert await logged(store) == [("receipt", "transaction in-1")]


@ON_SQLITE
async def test_the_columns_of_the_file_are_veiled_as_well(
    marked: Desk, store: Store, clock: ManualClock
) -> None:
    from csenet.codecs.model import Direction

    view = await Reader(marked, store, clock).transaction(person(Role.VIEWER), "in-1")
    assert view is not None
    raw, shown = paid(1), view.transaction or {}
    for clear in (False, True):
        strips = content.strips(raw, shown, Direction.FROM_SERVER, clear=clear)
        assert "12345" not in str([each.lines for each in strips if each.title.startswith("Collection")])


@ON_SQLITE
async def test_work_about_an_offset_says_its_source_to_those_who_may_see_it_alone(
    marked: Desk, store: Store, clock: ManualClock
) -> None:
    reader = Reader(marked, store, clock)
    from csenet.gateway.desk import WorkFilter

    for role in (Role.VIEWER, Role.CASEWORKER):
        page = await reader.work_items(person(role), WorkFilter())
        (item,) = [each for each in page.items if "sources" in each.details and each.transaction == "in-1"]
        assert item.details["sources"] == item.details["federal_tax_information"] == "***"
    hidden = await reader.work_item(person(Role.VIEWER), item.id)
    assert hidden is not None
    assert hidden.details["sources"] == "***"
    shown = await reader.work_item(person(Role.CASEWORKER), item.id)
    assert shown is not None
    assert "I" in shown.details["sources"]
    assert (await logged(store))[-1] == ("access", f"work {item.id}")


@pytest.mark.parametrize("location", BOTH_STORES, indirect=True)
async def test_what_leaves_by_agreement_is_a_disclosure_and_its_end_a_destruction(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    desk = Desk(store, agency_of("27", agreements=agreed(tmp_path, True)), clock, QUIET)
    await desk.put_case("MN1", facts())
    await desk.submit(citax("I"))
    assert await logged(store) == [("receipt", "transaction out-1")]
    await deliver(store, clock)
    async with store.read() as conn:
        line = (await tax.log(conn))[-1]
    assert (line["action"], line["actor"], line["detail"]["to"]) == (tax.DISCLOSED, "courier", "state 20")
    async with store.begin() as conn:
        count = await tax.record_destruction(
            conn,
            ["out-1", "out-2", "in-9"],
            actor="purge",
            reason="retention has ended",
            method="key destroyed",
            at=clock.now(),
            certificate="P-1",
        )
    assert count == 1
    assert await contents(store, tax_mark) == []
    kinds = [kind for kind, _ in await logged(store)]
    assert kinds == ["receipt", "disclosure", "destruction"]
    async with store.read() as conn:
        assert await tax.log(conn, since=clock.now() + timedelta(seconds=1)) == []
        assert await tax.log(conn, until=clock.now()) == []


@ON_SQLITE
async def test_an_older_store_is_gone_through_once(marked: Desk, store: Store, clock: ManualClock) -> None:
    async with store.begin() as conn:
        await conn.execute(delete(tax_mark))
    for expected in (1, 0):
        async with store.begin() as conn:
            assert await mark_older(conn, clock.now(), "os:test") == expected
    assert [row["subject"] for row in await contents(store, tax_mark)] == ["in-1"]


def test_the_log_is_printed_for_people_and_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import desk_of

    from .test_cli_examples import SETTINGS, invoke

    (tmp_path / "gateway.toml").write_text(SETTINGS, "utf-8")
    monkeypatch.chdir(tmp_path)

    async def fill() -> None:
        store, desk, _ = await desk_of(load_settings(tmp_path / "gateway.toml", {}), clock=None, log=QUIET)
        await desk.put_case("MN1", facts("responding"))
        await arrive(desk, paid(1))
        await store.close()

    asyncio.run(fill())
    told: Any = json.loads(invoke("fti", "log", "--json").stdout)
    assert [(each["kind"], each["what"], each["case"]) for each in told] == [
        ("receipt", "transaction in-1", "MN1")
    ]
    (row,) = csv.DictReader(io.StringIO(invoke("fti", "log", "--csv", "--kind", "receipt").stdout))
    assert (row["from"], row["to"], row["handler"]) == ("state 20", "gateway", "exchange")
    assert "kept sealed" in invoke("fti", "log").stdout
    assert invoke("fti", "log", "--to", "2020-01-01").stdout.strip().endswith("none")
    assert json.loads(invoke("fti", "log", "--kind", "access", "--json").stdout) == []
    assert invoke("fti", "log", "--csv", "--json").exit_code == 2
    assert invoke("fti", "mark").stdout == "0 marked\n"
