"""Withheld data leaves when one person asks and another one approves, in time, as it was asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.desk.disclosing import refused_now
from csenet.gateway.desk.results import Conflict, NotFound
from csenet.gateway.errors import Rejected
from csenet.gateway.people.accounts import Accounts
from csenet.gateway.store import audit, releases
from csenet.gateway.store.engine import Store
from csenet.gateway.store.outbox import OutboundRow
from csenet.gateway.store.sealing import is_sealed, opened_one
from csenet.gateway.store.tables import outbound
from csenet.gateway.store.tables_release import release

from ..conftest import BOTH_STORES, facts
from .conftest import Client, enrolled, enter

# The lists ask the two databases differently.
pytestmark = pytest.mark.parametrize("location", BOTH_STORES, indirect=True)

WHY = "The court ordered that the address be told."


@pytest.fixture
def wish() -> dict[str, Any]:
    """Write a transaction that tells where somebody at risk lives."""
    return {
        "header": {
            "case_id": "MN1",
            "other_case_id": "KS1",
            "other_fips_state": "20",
            "other_fips_county": "000",
            "functional_type_code": "MSC",
            "action_code": "P",
            "action_reason": "LSADR",
        },
        "case": {"case_type": "N", "case_status": "O"},
        "ncp_identification": {"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": "900123456"},
        "ncp_locate": {
            "residential_address_line_1": "1 INVENTED STREET",
            "residential_city": "DULUTH",
            "residential_state": "MN",
            "residential_zip_1": "55802",
            "residential_address_confirmed_ind": "Y",
            "residential_address_effective_date": "2026-11-01",
        },
    }


@pytest.fixture
async def at_risk(desk: Desk) -> Desk:
    await desk.put_case("MN1", facts(protected=["ncp"]))
    return desk


async def still_refused(desk: Desk, store: Store, clock: ManualClock, number: int) -> bool:
    """Ask as delivery does, just before anything leaves."""
    async with store.read() as conn:
        found = (await conn.execute(select(outbound).where(outbound.c.id == number))).mappings().one()
        row = await opened_one(conn, outbound, found)
        assert row is not None
        known = {name: row[name] for name in OutboundRow.__struct_fields__ if name in row}
        return number in await refused_now(conn, [OutboundRow(**known)], clock.today(), desk.agency)


async def test_without_a_release_it_is_refused(at_risk: Desk, wish: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        await at_risk.submit(wish)


async def test_what_the_exchange_would_refuse_is_refused_when_it_is_asked_for(
    at_risk: Desk, wish: dict[str, Any]
) -> None:
    del wish["ncp_locate"]["residential_address_effective_date"]
    with pytest.raises(Rejected) as refused:
        await at_risk.ask_release(wish, WHY, actor="ada")
    assert {each.code for each in refused.value.problems} == {  # type: ignore[attr-defined]
        "ncp_locate.residential_address_effective_date.missing"
    }


async def test_one_asks_another_approves_and_it_leaves(
    at_risk: Desk, store: Store, clock: ManualClock, wish: dict[str, Any]
) -> None:
    asked = await at_risk.ask_release(wish, WHY, actor="ada")
    assert (asked.state, asked.far, asked.partner) == ("asked", "MSC P LSADR", "20")
    assert asked.withheld
    sent = await at_risk.approve_release(asked.id, actor="sue")
    assert (sent.state, sent.decided_by) == ("sent", "sue")
    assert sent.transaction is not None
    detail = await at_risk.transaction(sent.transaction)
    assert detail is not None
    assert detail.transaction is not None
    assert detail.transaction["ncp_locate"]["residential_city"] == "DULUTH"
    assert not await still_refused(at_risk, store, clock, int(sent.transaction.removeprefix("out-")))
    async with store.read() as conn:
        actions = [(row["action"], row["actor"]) for row in await audit.found(conn, cases=["MN1"])]
    assert actions == [("release.asked", "ada"), ("release.approved", "sue")]
    with pytest.raises(Conflict):
        await at_risk.approve_release(asked.id, actor="sue")


async def test_what_came_to_be_withheld_later_is_not_released(
    at_risk: Desk, store: Store, clock: ManualClock, wish: dict[str, Any]
) -> None:
    participant = {
        "relationship": "C",
        "name_last": "SAMPLE",
        "name_first": "KIM",
        "participant_status": "O",
        "work_phone": "2185550100",
    }
    wish["participants"] = [participant]
    asked = await at_risk.ask_release(wish, WHY, actor="ada")
    sent = await at_risk.approve_release(asked.id, actor="sue")
    assert sent.transaction is not None
    number = int(sent.transaction.removeprefix("out-"))
    assert not await still_refused(at_risk, store, clock, number)
    again = await at_risk.ask_release(wish, WHY, actor="ada")
    await at_risk.put_case("MN1", facts(family_violence=True))
    assert await still_refused(at_risk, store, clock, number)
    with pytest.raises(Rejected):
        await at_risk.approve_release(again.id, actor="sue")


async def test_a_decision_is_made_once(at_risk: Desk, store: Store, wish: dict[str, Any]) -> None:
    asked = await at_risk.ask_release(wish, WHY, actor="ada")
    async with store.begin() as conn:
        assert await releases.decide(conn, asked.id, state="refused")
        assert not await releases.decide(conn, asked.id, state="sent")


async def test_what_people_write_about_it_is_sealed(
    at_risk: Desk, store: Store, wish: dict[str, Any]
) -> None:
    asked = await at_risk.ask_release(wish, WHY, actor="ada")
    await at_risk.refuse_release(asked.id, "Rowan lives elsewhere", actor="sue")
    async with store.read() as conn:
        (row,) = (await conn.execute(select(release))).mappings()
    for name in ("content", "reason", "refusal"):
        assert is_sealed(row[name].data)


@pytest.mark.parametrize("same", ["ada", "ADA", " ada "])
async def test_nobody_approves_their_own(at_risk: Desk, wish: dict[str, Any], same: str) -> None:
    asked = await at_risk.ask_release(wish, WHY, actor="ada")
    with pytest.raises(Rejected, match="another"):
        await at_risk.approve_release(asked.id, actor=same)


async def test_what_nobody_approves_in_time_is_over(
    at_risk: Desk, clock: ManualClock, wish: dict[str, Any]
) -> None:
    asked = await at_risk.ask_release(wish, WHY, actor="ada", lasts=timedelta(hours=1))
    clock.advance(3600)
    with pytest.raises(Conflict, match="in time"):
        await at_risk.approve_release(asked.id, actor="sue")


async def test_what_is_refused_stays(at_risk: Desk, wish: dict[str, Any]) -> None:
    asked = await at_risk.ask_release(wish, WHY, actor="ada")
    refused = await at_risk.refuse_release(asked.id, "not in the order", actor="sue")
    assert (refused.state, refused.refusal) == ("refused", "not in the order")
    with pytest.raises(Conflict):
        await at_risk.approve_release(asked.id, actor="sue")
    with pytest.raises(NotFound):
        await at_risk.approve_release(99, actor="sue")


async def test_only_what_is_withheld_and_written_whole_can_be_asked_for(
    desk: Desk, wish: dict[str, Any]
) -> None:
    await desk.put_case("MN1", facts())
    with pytest.raises(Rejected, match="nothing that is withheld"):
        await desk.ask_release(wish, WHY, actor="ada")
    with pytest.raises(Rejected, match="whole transaction"):
        await desk.ask_release({"case_id": "MN1", "far": "MSC P LSADR"}, WHY, actor="ada")
    with pytest.raises(Rejected, match="reason"):
        await desk.ask_release(wish, "  why ", actor="ada")


async def called(client: Client, method: str, path: str, status: int, body: Any = None, **more: str) -> Any:
    page = await (await client.get("/")).text()
    token = page.split('name="csrf" value="')[1].split('"')[0]
    answer = await client.request(method, path, json=body, headers={"X-CSRF-Token": token, **more})
    assert answer.status == status, await answer.text()
    return await answer.json()


async def test_two_people_do_it_over_the_api(
    browser: Client, accounts: Accounts, clock: ManualClock, at_risk: Desk, wish: dict[str, Any]
) -> None:
    await enter(browser, accounts, "ada", "caseworker")
    asked = await called(browser, "POST", "/v1/releases", 201, {"transaction": wish, "reason": WHY})
    path = f"/v1/releases/{asked['id']}"
    await called(browser, "POST", f"{path}/approve", 403)
    await enter(browser, accounts, "sue", "supervisor")
    await enrolled(browser, clock)
    masked = await called(browser, "GET", path, 200)
    assert masked["content"]["ncp_locate"]["residential_city"] == "***"
    clear = await called(browser, "GET", path, 200, **{"X-Purpose": "to decide on the release"})
    assert clear["content"]["ncp_locate"]["residential_city"] == "DULUTH"
    assert (await called(browser, "GET", "/v1/releases", 200))["releases"] == [asked]
    assert (await called(browser, "POST", f"{path}/approve", 200))["state"] == "sent"
    await called(browser, "POST", f"{path}/refuse", 409, {"reason": "too late now"})
    await called(browser, "GET", "/v1/releases/99", 404)
