"""Our own case ID changes: whatever names an ID that the case had reaches the one case, on both stores."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Direction
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, TransactionFilter, WorkFilter
from csenet.gateway.desk.events import Told
from csenet.gateway.desk.indexing import record_of, words_of_case
from csenet.gateway.desk.results import CaseView, Conflict, Rejected
from csenet.gateway.store import aliases, audit, cases, holds, participants, search
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.tables import inbound
from csenet.gateway.store.tables_aliases import case_alias
from csenet.handlers import router

from .conftest import arriving, contents, facts, information_block, sent_on, take

CHANGED = {"id": "new-id", "kind": "case_id_changed", "new_case_id": "MN70"}
PARENT = {"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": "900112233"}
ANOTHER = {"name_last": "OTHERSON", "name_first": "ALEX", "ssn": "900445566"}


def test_each_table_that_names_a_case_follows_its_id_or_keeps_it_for_a_reason() -> None:
    naming = {table.name for table in every_table() if "case_id" in table.c}
    by_themselves = {"case_file", "case_alias", "search_case"}
    of_their_day = {"legal_hold", "audit_case"}
    assert naming == aliases.FOLLOWS | by_themselves | of_their_day


async def shown(desk: Desk, case_id: str) -> CaseView:
    view = await desk.get_case(case_id)
    assert view is not None
    return view


def asks(serial: int, case_id: str = "MN7") -> bytes:
    """Write a question of Kansas how the case stands, which a person has to answer."""
    text = information_block("WHEN WILL THE HEARING BE?")
    return arriving("MSC R GRUPD", serial, case_id, blocks="0000001", body=text)


async def told(desk: Desk, order: str) -> None:
    """Let the case system tell of the new ID in one order or another."""
    for each in order:
        if each == "e":
            await desk.happened("MN7", CHANGED)
        elif each == "E":
            await desk.happened("MN70", CHANGED)
        else:
            await desk.put_case("MN70", facts("responding", **({"formerly": "MN7"} if each == "p" else {})))


@pytest.mark.parametrize("order", ["ePeP", "pepE", "Pe"])
async def test_facts_and_event_make_one_case_in_either_order_however_often(
    desk: Desk, store: Store, order: str
) -> None:
    await desk.put_case("MN7", facts("responding"))
    await take(desk, asks(1))
    await told(desk, order)
    await take(desk, asks(2), asks(3, "0MN70"), asks(4, "00MN7"))
    view = await shown(desk, "mn7")
    assert (view.case_id, view.state["former_case_ids"]) == ("MN70", ["MN7"])
    assert [row["case_id"] for row in await contents(store, inbound)] == ["MN70"] * 4
    (notice,) = (await desk.list_transactions(TransactionFilter(far="MSC P GSCAS"))).items
    detail = await desk.transaction(notice.id)
    assert detail is not None
    header, information = detail.transaction["header"], detail.transaction["information"]
    assert (header["case_id"], information["new_case_id"]) == ("MN7", "MN70")
    assert len(view.work_items) == 1, "four questions about one thing are one item"
    assert {each.case_id for each in view.work_items} == {"MN70"}
    owed = (await desk.list_duties(DutyFilter(case_id="MN7"))).duties
    assert {each.case_id for each in owed} == {"MN70"}
    assert len(owed) == 4
    assert (await desk.ledger_check()).balanced


async def test_what_follows_in_the_same_commit_reaches_the_case_by_any_id(desk: Desk, store: Store) -> None:
    await desk.put_case("MN7", facts("responding"))
    worker = {"kind": "worker_changed", "case": {"contact_name_last": "NEWMAN"}}
    answers = await desk.happened_all(
        [
            Told("MN7", CHANGED),
            Told("MN7", worker | {"id": "w1"}),
            Told("MN70", worker | {"id": "w2"}),
            Told("MN70", CHANGED),
            Told("MN7", {"id": "x", "kind": "case_id_changed", "new_case_id": "MN700"}),
            Told("MN700", worker | {"id": "w3"}),
        ]
    )
    assert not [each for each in answers if isinstance(each, Exception)]
    assert [far for far, _ in await sent_on(desk)] == [
        *("MSC P GSCAS", "MSC P GSWKR", "MSC P GSWKR", "MSC P GSCAS", "MSC P GSWKR")
    ]
    assert {case_id for _, case_id in await sent_on(desk)} == {"MN700"}
    view = await shown(desk, "MN70")
    assert (view.case_id, view.state["former_case_ids"]) == ("MN700", ["MN7", "MN70"])
    result = await desk.submit({"case_id": "MN7", "far": "MSC R GRUPD"})
    assert result.transactions[0].case_id == "MN700"
    back = await desk.put_case("MN7", facts("responding", formerly=["MN700", "MN70"]))
    assert (back.case_id, back.state["former_case_ids"]) == ("MN7", ["MN70", "MN700"])
    assert (await shown(desk, "MN70")).case_id == "MN7"
    assert {row["alias"]: row["case_id"] for row in await contents(store, case_alias)} == {
        "MN70": "MN7",
        "MN700": "MN7",
    }


async def test_a_trial_of_the_event_changes_nothing(desk: Desk, store: Store) -> None:
    await desk.put_case("MN7", facts())
    result = await desk.happened("MN7", CHANGED, dry_run=True)
    assert [line.far for line in result.lines] == ["MSC P GSCAS"]
    assert (await shown(desk, "MN7")).case_id == "MN7"
    assert await desk.get_case("MN70") is None
    assert await contents(store, case_alias) == []


async def test_a_new_id_that_is_none_of_the_case_is_refused(desk: Desk) -> None:
    await desk.put_case("MN7", facts())
    await desk.put_case("MN8", facts(other_fips="4800000"))
    await desk.put_case("MN9", facts(other_case_id="KS9", formerly="MN90"))
    wrong = {
        "MN7": "already",
        "000": "not only zeros",
        "MN*7": "without",
        "MN8": "differ in other_fips",
        "MN90": "another case of ours had",
    }
    for new, why in wrong.items():
        with pytest.raises(Rejected, match=why) as refused:
            await desk.happened("MN7", CHANGED | {"new_case_id": new})
        assert [path for path, _ in refused.value.problems] == ["new_case_id"]
    assert await sent_on(desk) == []


async def test_former_ids_that_are_none_are_refused_with_all_else_wrong(desk: Desk) -> None:
    for wrong in (7, [], ["MN7", 3], "*", "MN70", ["MN8"] * 21):
        with pytest.raises(Rejected) as refused:
            await desk.put_case("MN70", facts(office="*", formerly=wrong))
        paths = [path for path, _ in refused.value.problems]
        assert paths[0] == "office"
        assert paths[1].startswith("formerly")
    assert await desk.get_case("MN70") is None


async def test_two_records_that_contradict_stay_two_until_a_person_joins_them(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN7", facts("responding", ncp_identification=PARENT))
    await take(desk, asks(1))
    other = facts("responding", ncp_identification=ANOTHER, formerly="MN7")
    for _ in range(2):
        await desk.put_case("MN70", other | {"office": "NORTH"})
        await desk.put_case("MN70", other)
    (item,) = (await desk.list_work_items(WorkFilter(kind="same_case"))).items
    assert (item.case_id, item.details) == ("MN70", {"former": "MN7", "differs": "ncp_identification"})
    assert (await shown(desk, "MN7")).case_id == "MN7"
    await desk.complete_work(item.id, clock.today(), "done")
    view = await shown(desk, "MN7")
    assert (view.case_id, view.facts["ncp_identification"]["ssn"]) == ("MN70", "900445566")
    (alias,) = await contents(store, case_alias)
    assert b"900112233" in alias["facts"], "nothing that was known is lost"
    assert [each.kind for each in view.work_items] == ["answer_status_request", "same_case"]
    async with store.read() as conn:
        assert await search.find(conn, "ssn", "900112233", among=("in",)) == []
        assert await search.find(conn, "case_id", "MN7", among=("in", "case")) == ["case-MN70", "in-1"]


async def test_an_id_given_to_another_case_is_its_own_from_then_on(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN70", facts("responding", ncp_identification=PARENT, formerly="MN7"))
    stranger = facts("responding", ncp_identification=ANOTHER, other_case_id="KS9")
    for _ in range(2):
        view = await desk.put_case("MN7", stranger)
    assert (view.case_id, view.facts["ncp_identification"]["ssn"]) == ("MN7", "900445566")
    assert (await shown(desk, "MN70")).state["former_case_ids"] == []
    await take(desk, arriving("MSC R GRUPD", 1, "MN7", "KS9"), arriving("MSC R GRUPD", 2, "0MN7", "KS9"))
    came = await desk.list_transactions(TransactionFilter(direction="inbound"))
    assert [each.case_id for each in came.items] == ["MN7", "MN7"]
    (item,) = (await desk.list_work_items(WorkFilter(kind="same_case"))).items
    assert (item.case_id, item.details["former"]) == ("MN70", "MN7")
    await desk.complete_work(item.id, clock.today(), "declined")
    await desk.put_case("MN7", stranger | {"office": "SOUTH"})
    assert len((await desk.list_work_items(WorkFilter(kind="same_case"))).items) == 1
    assert (await shown(desk, "MN7")).case_id == "MN7"


async def test_later_facts_under_the_old_id_are_facts_of_the_one_case(desk: Desk) -> None:
    await desk.put_case("MN7", facts())
    await desk.happened("MN7", CHANGED)
    view = await desk.put_case("MN7", facts(office="NORTH"))
    assert (view.case_id, view.created, view.facts["office"]) == ("MN70", False, "NORTH")
    with pytest.raises(Conflict, match="another event"):
        await desk.happened("MN70", {"id": "new-id", "kind": "worker_changed"})


async def test_an_id_announced_before_former_ids_were_kept_leads_to_the_case(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN7", facts("responding"))
    async with store.begin() as conn:
        row = (await cases.load(conn, ["MN7"]))["MN7"]
        record = record_of("MN7", row)
        state = msgspec.structs.replace(record.state, new_case_id="MN70")
        await cases.save(conn, [{"case_id": "MN7", "state": state}])
        await search.put_case(conn, "MN7", words_of_case(msgspec.structs.replace(record, state=state)))
    await take(desk, asks(1, "MN70"))
    assert [each.case_id for each in (await shown(desk, "MN7")).work_items] == ["MN7"]
    view = await desk.put_case("MN70", facts("responding"))
    assert (view.state["former_case_ids"], view.state["new_case_id"]) == (["MN7"], None)
    assert [each.case_id for each in view.work_items] == ["MN70"]


async def test_what_came_before_the_facts_goes_to_the_case_that_had_the_id(desk: Desk, store: Store) -> None:
    await take(desk, asks(1))
    assert [far for far, _ in await sent_on(desk)] == ["MSC P REJCT"]
    await desk.put_case("MN70", facts("responding", formerly=["MN7"]))
    await take(desk, asks(2))
    assert [row["case_id"] for row in await contents(store, inbound)] == ["MN70"] * 2
    # Kansas uses the former ID, and nobody had told it the new one.
    assert await sent_on(desk) == [("MSC P REJCT", "MN70"), ("MSC P GSCAS", "MN70")]


async def test_what_waits_behind_a_parked_message_waits_under_the_new_id_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.put_case("MN7", facts("responding"))
    dispatch = router.dispatch

    def fails(tx: Any, context: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(router, "dispatch", fails)
    await take(desk, asks(1))
    monkeypatch.setattr(router, "dispatch", dispatch)
    await desk.happened("MN7", CHANGED)
    await take(desk, arriving("MSC R GRUPD", 2, "MN70"))
    page = await desk.list_transactions(TransactionFilter(direction="inbound", case_id="MN7"))
    assert [each.status for each in page.items] == ["parked", "parked"]
    assert await desk.resume_parked("MN7") == 2
    assert {each.case_id for each in page.items} == {"MN70"}
    (item,) = (await desk.list_work_items(WorkFilter(case_id="MN7", status="open"))).items
    assert (item.kind, item.messages) == ("answer_status_request", 2)


async def test_holds_offices_and_the_record_follow(desk: Desk, store: Store) -> None:
    await desk.put_case("MN7", facts(office="NORTH"))
    await desk.hold_case("MN7", "Subpoena of last week", actor="sue")
    await desk.put_case("MN70", facts(office="SOUTH"))
    await desk.hold_case("MN70", "Subpoena of this week", actor="sue")
    await desk.happened("MN7", CHANGED)
    with pytest.raises(Conflict, match="is held"):
        await desk.hold_case("MN7", "And one more of them", actor="tom")
    for _ in range(2):
        async with store.read() as conn:
            assert await holds.of_case(conn, "MN70") is not None
            assert "MN70" in set((await conn.execute(holds.in_force())).scalars())
        await desk.release_case("MN7", "The court is done", actor="tom")
    async with store.read() as conn:
        assert await holds.of_case(conn, "MN70") is None
        assert await cases.offices(conn, ["MN7", "MN70"]) == {"MN7": "SOUTH", "MN70": "SOUTH"}
        seen = [row["action"] for row in await audit.found(conn, cases=["MN7"])]
        assert seen == [row["action"] for row in await audit.found(conn, cases=["MN70"])]
    assert seen.count("hold.added") == 2


async def test_participants_see_the_case_under_its_new_id_each_once(desk: Desk, store: Store) -> None:
    await desk.put_case("MN7", facts())
    await desk.put_case("MN70", facts())
    async with store.begin() as conn:
        made = {"pin": b"x", "created_at": desk.clock.now()}
        both, one = [await participants.add(conn, {"number": each, **made}) for each in ("1", "2")]
        for case_id, row_id in (("MN7", both), ("MN70", both), ("MN7", one)):
            await participants.give_case(conn, row_id, case_id, "ncp", desk.clock.now())
    await desk.happened("MN7", CHANGED)
    async with store.read() as conn:
        given = await participants.cases_of_all(conn, [both, one], None)
    assert {row_id: [each["case_id"] for each in theirs] for row_id, theirs in given.items()} == {
        both: ["MN70"],
        one: ["MN70"],
    }


async def test_transactions_are_found_by_what_their_case_said_before(desk: Desk, store: Store) -> None:
    await desk.put_case("MN7", facts(ncp_identification=PARENT))
    await desk.submit({"case_id": "MN7", "far": "MSC P GSWKR"})
    await take(desk, asks(1))
    await desk.put_case("MN70", facts(ncp_identification=PARENT | {"name_last": "NEWNAME"}, formerly="MN7"))
    async with store.read() as conn:
        assert await search.find(conn, "case_id", "MN7", among=("in", "out")) == ["in-1", "out-1"]
        assert await search.find(conn, "case_id", "MN7", among=("case",)) == ["case-MN70"]
    detail = await desk.transaction("out-1")
    assert detail is not None
    raw = codec.from_json(detail.transaction)
    assert raw.header.case_id == "MN7", "what left stays as it left"
    assert codec.write(raw, Direction.TO_SERVER)
    assert date(2026, 11, 20) == raw.header.transaction_date
