"""Requests find their case in the store by exact rules, come twice without doubling work."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Direction
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, TransactionFilter, TransactionRejected, WorkFilter, agency_of
from csenet.gateway.desk.indexing import index_cases
from csenet.gateway.desk.results import Rejected
from csenet.gateway.store import search
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store
from csenet.handlers.policy.profile import load_profile

from .conftest import QUIET, facts, sent_on, take

GOLDEN = Path(__file__).parents[2] / "fixtures" / "transactions"
PERSON = {"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": "900112233", "date_of_birth": "1984-02-29"}
DAY = date(2026, 11, 20)
LIVES = {
    "residential_address_line_1": "1 NOWHERE LANE",
    "residential_city": "NOWHERE",
    "residential_state": "MN",
    "residential_zip_1": "55101",
    "residential_address_confirmed_ind": "Y",
    "residential_address_effective_date": "2026-01-02",
}


def request(serial: int, name: str = "enf-r-erall", **header: Any) -> bytes:
    """Write a request of Kansas to Minnesota about the person of the cases here."""
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    golden["ncp_identification"] = PERSON
    values = {
        "local_fips_state": "27",
        "local_fips_county": "000",
        "other_fips_state": "20",
        "other_fips_county": "000",
        "transaction_serial_number": f"{serial:012d}",
        "transaction_date": "2026-11-19",
        "other_case_id": "KS1",
        "case_id": None,
        "date_received": "2026-11-20",
        "time_received": "12:00:00",
    } | header
    tx = codec.from_json(golden | {"header": golden["header"] | {n: v for n, v in values.items() if v}})
    blank = {name: None for name, value in values.items() if value is None}
    tx = msgspec.structs.replace(tx, header=msgspec.structs.replace(tx.header, **blank))
    return codec.write(tx, Direction.FROM_SERVER)


@pytest.fixture
def willing(store: Store, clock: ManualClock) -> Desk:
    """Give a desk that acknowledges by itself."""
    profile = load_profile("27").with_switches({"acknowledges_referrals": True})
    return Desk(store, agency_of("27", profile=profile), clock, QUIET)


async def work(desk: Desk, kind: str = "acknowledge_referral") -> list[Any]:
    return list((await desk.list_work_items(WorkFilter(kind=kind))).items)


@pytest.mark.parametrize(
    ("known", "header"),
    [
        ({"MN7": facts("responding")}, {"case_id": "MN7"}),
        ({"0000451": facts("responding")}, {"case_id": "451"}),
        ({"451": facts("responding")}, {"case_id": "000000000000451"}),
        ({"MN7": facts("responding")}, {}),
        (
            {"MN7": facts("responding", other_case_id=None, ncp_identification=PERSON)},
            {"other_case_id": "KS900"},
        ),
    ],
)
async def test_a_request_finds_its_case(willing: Desk, known: dict[str, Any], header: dict[str, Any]) -> None:
    for case_id, body in known.items():
        await willing.put_case(case_id, {name: value for name, value in body.items() if value is not None})
    await take(willing, request(1, **header))
    (case_id,) = known
    assert await sent_on(willing) == [("ENF A ANOAD", case_id)]
    view = await willing.get_case(case_id)
    assert view is not None
    assert "transaction.received" in [event.event for event in view.timeline]


async def test_two_cases_that_fit_are_put_before_a_person(willing: Desk) -> None:
    for case_id in ("MN7", "MN8"):
        await willing.put_case(case_id, facts("responding"))
    await take(willing, request(1))
    (item,) = await work(willing)
    assert (item.details["candidates"], item.case_id, await sent_on(willing)) == ("MN7, MN8", None, [])


async def test_a_case_with_another_state_is_not_meant(willing: Desk) -> None:
    await willing.put_case("MN7", facts("responding", other_fips="4800000", ncp_identification=PERSON))
    await take(willing, request(1))
    (item,) = await work(willing)
    assert "candidates" not in item.details


async def test_the_same_request_again_opens_no_second_work(desk: Desk) -> None:
    await take(desk, request(1), request(2))
    await take(desk, request(3, transaction_date="2026-11-20"))
    (item,) = await work(desk)
    assert item.details["serial"] == "000000000001"
    again = await desk.transaction("in-3")
    assert again is not None
    assert again.decision is not None
    assert again.decision["notes"] == ["the same request came before under serial number 000000000001"]


async def test_a_request_of_other_content_is_another_request(desk: Desk) -> None:
    await take(desk, request(1), request(2, other_case_id="KS2"))
    assert len(await work(desk)) == 2


async def test_once_acknowledged_it_is_acknowledged_again(desk: Desk) -> None:
    await take(desk, request(1))
    (item,) = await work(desk)
    await desk.put_case("MN7", facts("responding"))
    await desk.complete_work(item.id, DAY, case_id="mn7")
    assert await sent_on(desk) == [("ENF A ANOAD", "MN7")]
    await take(desk, request(2))
    again = (await work(desk))[-1]
    assert (again.details["earlier_serial"], again.case_id) == ("000000000001", "MN7")


async def test_work_without_a_case_names_it_when_it_is_done(desk: Desk) -> None:
    await take(desk, request(1))
    (item,) = await work(desk)
    with pytest.raises(TransactionRejected, match="name the case of ours"):
        await desk.complete_work(item.id, DAY)
    with pytest.raises(Rejected, match="there is no such case"):
        await desk.complete_work(item.id, DAY, case_id="MN7")
    await desk.put_case("MN7", facts("responding"))
    with pytest.raises(TransactionRejected, match="no room in 5 lines"):
        await desk.complete_work(item.id, DAY, case_id="MN7", text="X" * 401)
    done = await desk.complete_work(item.id, DAY, case_id="MN7", text="please send the order")
    assert (done.status, done.case_id) == ("completed", "MN7")
    (detail,) = [await desk.transaction("out-1")]
    assert detail is not None
    assert detail.transaction is not None
    assert detail.far == "ENF A AADIN"
    assert detail.transaction["information"]["information_text_line_1"] == "PLEASE SEND THE ORDER"
    assert detail.in_reply_to == "in-1"
    report = await desk.ledger_check()
    assert report.differences == []


async def test_work_of_one_case_is_not_put_to_another(desk: Desk) -> None:
    for case_id, other in (("MN7", "KS1"), ("MN8", "KS8")):
        await desk.put_case(case_id, facts("responding", other_case_id=other))
    await take(desk, request(1))
    (item,) = await work(desk)
    with pytest.raises(Rejected, match="belongs to another case"):
        await desk.complete_work(item.id, DAY, case_id="MN8")


async def test_what_follows_a_parked_request_of_the_matched_case_waits_behind_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from csenet.handlers import router

    await desk.put_case("MN7", facts("responding"))
    whole = router.dispatch

    def broken(tx: Any, context: Any) -> Any:
        if tx.far.action == "R":
            raise RuntimeError
        return whole(tx, context)

    monkeypatch.setattr(router, "dispatch", broken)
    await take(desk, request(1), request(2, case_id="MN7", other_case_id="KS1"))
    parked = (await desk.list_transactions(TransactionFilter(status="parked"))).items
    assert [each.case_id for each in parked] == ["MN7", "MN7"]
    monkeypatch.setattr(router, "dispatch", whole)
    assert await desk.resume_parked("MN7") == 2
    assert [item.case_id for item in await work(desk)] == ["MN7", "MN7"]


async def test_a_request_with_an_id_that_was_replaced_finds_its_case(willing: Desk) -> None:
    await willing.put_case("MN7", facts("responding"))
    await take(willing, request(1, "msc-p-gscas", case_id="MN7", other_case_id="KS1"))
    view = await willing.get_case("MN7")
    assert view is not None
    new = view.state["other_case_id"]
    for serial, other in enumerate((new, "KS1"), 2):
        await take(willing, request(serial, other_case_id=other, date_received=f"2026-11-{serial + 15}"))
    assert [case_id for far, case_id in await sent_on(willing) if far == "ENF A ANOAD"] == ["MN7", "MN7"]


@pytest.mark.parametrize(
    ("named", "known"),
    [(None, {"ssn": "900112299", "alias_ssn_1": "900112233"}), ("MN404", {"ssn": None}), ("MN7", {})],
)
async def test_a_locate_request_is_answered_from_all_cases_of_the_person(
    desk: Desk, known: dict[str, Any], named: str | None
) -> None:
    person = {name: value for name, value in (PERSON | known).items() if value is not None}
    texas = {"other_fips": "4800000", "ncp_identification": person, "ncp_locate": LIVES}
    await desk.put_case("MN7", facts("responding"))
    await desk.put_case("MN8", facts("initiating", **texas))
    await take(desk, request(1, "lo1-r-blank", case_id=named))
    assert [far for far, _ in await sent_on(desk)] == ["LO1 P LSADR"]
    await desk.put_case("MN9", facts("initiating", **(texas | {"ncp_locate": {}}), family_violence=True))
    await take(desk, request(2, "lo1-r-blank", case_id=named))
    assert [far for far, _ in await sent_on(desk)][1:] == ["LO1 P LUALL"]


async def test_cases_kept_before_the_search_are_found_once_they_are_indexed(
    willing: Desk, store: Store
) -> None:
    await willing.put_case("MN7", facts("responding"))
    async with store.begin() as conn:
        await search.put_case(conn, "MN7", [])
    await take(willing, request(1))
    assert await sent_on(willing) == []
    assert (await index_cases(store), await index_cases(store)) == (1, 0)
    await take(willing, request(2, other_case_id="0KS1"))
    assert await sent_on(willing) == [("ENF A ANOAD", "MN7")]


async def test_a_duty_of_a_request_gets_its_case_when_the_facts_of_that_case_come(desk: Desk) -> None:
    await take(desk, request(1))
    unlike = facts("responding", other_case_id="KS5")
    elsewhere = facts("responding", other_fips="4800000", ncp_identification=PERSON)
    known = facts("responding", office="Hennepin", other_case_id=None, ncp_identification=PERSON)
    seen = []
    for case_id, body in (("MN5", unlike), ("MN6", elsewhere), ("MN7", known)):
        await desk.put_case(case_id, {name: value for name, value in body.items() if value is not None})
        (duty,) = (await desk.list_duties(DutyFilter(kind="CR1"))).duties
        seen.append((duty.case_id, duty.office))
    assert seen == [(None, None), (None, None), ("MN7", "HENNEPIN")]
    (item,) = await work(desk)
    assert item.case_id == "MN7"
    done = {"id": "a", "kind": "referral_acknowledged", "of": "enforcement", "other_case_id": "KS1"}
    await desk.happened("MN7", done)
    assert await sent_on(desk) == [("ENF A ANOAD", "MN7")]
    assert [each.status for each in await work(desk)] == ["completed"]
    assert (await desk.list_duties(DutyFilter(kind="CR1"))).duties == []


async def test_what_names_our_new_case_id_finds_the_case_before_its_facts_come_under_it(desk: Desk) -> None:
    await desk.put_case("MN7", facts("initiating"))
    await desk.happened("MN7", {"id": "1", "kind": "case_id_changed", "new_case_id": "MN70"})
    await take(desk, request(1, "msc-p-gspud", case_id="00MN70", other_case_id="KS1"))
    assert [far for far, _ in await sent_on(desk)] == ["MSC P GSCAS"]
    view = await desk.get_case("MN7")
    assert view is not None
    assert "transaction.received" in [event.event for event in view.timeline]
