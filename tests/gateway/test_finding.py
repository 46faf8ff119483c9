"""What the pages find is the same on both stores, filter by filter, and no page reads a table whole."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from csenet.gateway.desk import Desk, views_queues, views_search, views_today
from csenet.gateway.desk.views_search import Search
from csenet.gateway.observe import looking
from csenet.gateway.store.engine import Store

from .conftest import LEDGER, NOON, arriving, case_block, facts, lines
from .planned import Planned

TODAY = date(2026, 11, 20)
NORTH = frozenset(("NORTH",))


@pytest.fixture
async def world(desk: Desk, clock: Any) -> Desk:
    """Let two states write about three cases of two offices; one line is no transaction, one is parked."""
    await desk.put_case("MN1", facts("responding", withholding_active=True, office="NORTH"))
    await desk.put_case("MN20", facts(ledger=LEDGER, office="SOUTH"))
    await desk.put_case("MN21", facts(other_fips="1900000", other_case_id="IA1", ledger=LEDGER))
    came = lines(
        arriving("MSC P GSC17", 77, "MN1", blocks="1000000", body=case_block()),
        arriving("MSC R GRINT", 78, "MN20"),
        arriving("MSC R GRINT", 79, "MN9"),
        arriving("MSC R GRINT", 80, "MN21", "IA1", sender="19"),
        b"no transaction",
    )
    await desk.settle((await desk.accept(came, source="test", name="one.txt")).file_id)
    clock.advance(days=1)
    later = lines(arriving("MSC R GRINT", 81, "MN20"))
    await desk.settle((await desk.accept(later, source="test", name="two.txt")).file_id)
    return desk


TRANSACTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all": ({}, ["out-4", "in-6", "out-3", "out-2", "out-1", "in-5", "in-4", "in-3", "in-2", "in-1"]),
    "case": ({"case_id": "MN20"}, ["out-4", "in-6", "out-1", "in-2"]),
    "way": ({"direction": "in", "partner": "19"}, ["in-4"]),
    "partner": ({"partner": "19"}, ["out-3", "in-4"]),
    "code": ({"code": "MSC R GRINT"}, ["in-6", "in-4", "in-3", "in-2"]),
    "family": ({"code": "MSC P"}, ["out-4", "out-3", "out-2", "out-1", "in-1"]),
    "status": ({"status": "malformed"}, ["in-5"]),
    "usual status": ({"status": "decided", "partner": "20"}, ["in-6", "in-3", "in-2", "in-1"]),
    "since": ({"since": TODAY + timedelta(days=1)}, ["out-4", "in-6"]),
    "until": ({"until": TODAY, "direction": "out"}, ["out-3", "out-2", "out-1"]),
    "a day": ({"since": TODAY, "until": TODAY, "direction": "in", "code": "MSC R"}, ["in-4", "in-3", "in-2"]),
    "no day": ({"since": TODAY + timedelta(days=2)}, []),
    "serial": ({"serial": "78"}, ["in-2"]),
    "serial of one": ({"serial": "80", "partner": "19"}, ["in-4"]),
    "problem": ({"problem": "transaction.length.total"}, ["in-5"]),
    "office": ({"offices": NORTH, "direction": "in"}, ["in-5", "in-4", "in-3", "in-1"]),
    "numbers": ({"numbers": {0: (1, 3), 1: (2,)}}, ["out-2", "in-3", "in-1"]),
}


async def test_transactions_are_found_by_each_filter(world: Desk, store: Store) -> None:
    zone = world.agency.zone
    async with store.read() as conn:
        for name, (wanted, expected) in TRANSACTIONS.items():
            found = await views_search.search(conn, Search(**wanted), state="27", zone=zone)
            assert [each.id for each in found.items] == expected, name
        paged, before = [], None
        while before is not None or not paged:
            page = await views_search.search(conn, Search(limit=3, before=before), state="27", zone=zone)
            paged, before = paged + [each.id for each in page.items], page.next
        assert paged == TRANSACTIONS["all"][1]


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all": ({}, ["MN1", "MN20", "MN21"]),
    "beginning": ({"starts": "MN2"}, ["MN20", "MN21"]),
    "whole": ({"starts": "MN21"}, ["MN21"]),
    "none": ({"starts": "N2"}, []),
    "partner": ({"partner": "19"}, ["MN21"]),
    "role": ({"role": "responding"}, ["MN1"]),
    "after": ({"after": "MN1"}, ["MN20", "MN21"]),
    "office": ({"offices": NORTH}, ["MN1", "MN21"]),
}


async def test_cases_and_work_are_found_by_each_filter(world: Desk, store: Store) -> None:
    nothing = {"starts": None, "partner": None, "role": None, "after": None}
    async with store.read() as conn:
        for name, (wanted, expected) in CASES.items():
            rows, following = await views_queues.case_list(conn, **{**nothing, **wanted})
            assert ([row["case_id"] for row in rows], following) == (expected, None), name
        rows, following = await views_queues.case_list(conn, **nothing, limit=2)
        assert ([row["case_id"] for row in rows], following) == (["MN1", "MN20"], "MN20")
        for wanted, expected in (
            ({}, ["malformed", "stop_withholding", "close_case"]),
            ({"kind": "close_case"}, ["close_case"]),
            ({"case_id": "MN1"}, ["stop_withholding", "close_case"]),
            ({"partner": "20"}, ["stop_withholding", "close_case"]),
            ({"partner": "19"}, []),
            ({"due": "overdue"}, ["malformed", "stop_withholding", "close_case"]),
            ({"due": "today"}, []),
            ({"due": "none"}, []),
            ({"offices": frozenset(("SOUTH",))}, ["malformed"]),
            ({"status": "completed"}, []),
        ):
            queue = await views_queues.work_queue(conn, date(2026, 12, 8), **wanted)
            kinds = sorted(item.kind for item in queue.items if item.kind in ("malformed", *_OWED))
            assert kinds == sorted(set(expected)), wanted
            assert queue.total == (None if "status" in wanted else len(queue.items))


_OWED = ("stop_withholding", "close_case")


async def test_the_record_is_found_by_each_filter(world: Desk, store: Store) -> None:
    async with store.read() as conn:
        everything = await views_queues.audit_list(conn)
        assert everything == sorted(everything, key=lambda row: -row["id"])
        some = everything[len(everything) // 2]
        for name, key in (("actor", "actor"), ("action", "action"), ("about", "object")):
            found = await views_queues.audit_list(conn, **{name: some[key]})
            assert [row["id"] for row in found] == [r["id"] for r in everything if r[key] == some[key]]
        for begins in ("", "transaction", "transaction.d", "file", "work.", "nothing"):
            begun = await views_queues.audit_list(conn, action=begins)
            assert begun == [row for row in everything if row["action"].startswith(begins)]
        names = {row["object"] for row in everything}
        assert any(name.startswith("in-") for name in names)
        for name in sorted(names):
            about = await views_queues.audit_list(conn, about=name, actor="exchange")
            assert about == [r for r in everything if (r["object"], r["actor"]) == (name, "exchange")]
        since = NOON + timedelta(hours=12)
        later = await views_queues.audit_list(conn, since=since)
        earlier = await views_queues.audit_list(conn, until=since)
        assert later
        assert later + earlier == everything
        assert await views_queues.audit_list(conn, before=some["id"], limit=1) == [
            row for row in everything if row["id"] == some["id"] - 1
        ]


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
async def test_what_is_over_long_ago_is_not_read_again(world: Desk, store: Store) -> None:
    async with store.read() as real:
        conn: Any = Planned(real, "inbound", "outbound", "work_item", "duty", "case_file")
        await views_today.today(conn, NOON, TODAY)
        counted = [step for step in conn.steps if re.search("outbound_waiting|inbound_unusual", step)]
        assert {"COVERING" in step for step in counted} == {True}
        await looking.look(conn, TODAY)
        await views_queues.partner_traffic(conn, NOON)
        await views_queues.reasons(conn)
        for status in ("dead", "held", "parked"):
            await views_queues.stuck(conn, status, partner="20")
        await views_queues.work_queue(conn, TODAY, partner="20")
        await views_queues.work_queue(conn, TODAY, offices=frozenset(["NORTH"]))
        for wanted in ({"case_id": "MN1"}, {"partner": "19"}, {"code": "MSC R"}, {"serial": "78"}):
            await views_search.search(conn, Search(**wanted), state="27", zone=world.agency.zone)
    assert conn.read == []
    # Whose case something is stands in an index, or the facts of each were read.
    assert {"COVERING" in step for step in conn.steps if "_of_an_office" in step} == {True}
