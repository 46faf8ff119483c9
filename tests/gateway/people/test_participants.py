"""The agency's own people let participants in and keep them out, on a page and by programs of theirs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.participant.enrolling import Enrolling
from csenet.gateway.participant.entering import Entering, EntryRefused
from csenet.gateway.people.accounts import Accounts
from csenet.gateway.people.signing import Caller
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.store import audit
from csenet.gateway.store.engine import Store

from ..conftest import facts
from .conftest import Client, enter, send

PLACE = "/console/participants"


@pytest.fixture
async def north(browser: Client, accounts: Accounts, desk: Desk) -> Client:
    for case_id, office in (("MN1", "north"), ("MN2", "south")):
        await desk.put_case(case_id, facts("responding", office=office))
    await enter(browser, accounts, "ada", "caseworker", offices=("North",))
    return browser


async def last(store: Store, count: int = 1) -> list[tuple[str, str, str]]:
    async with store.read() as conn:
        rows = await audit.newest(conn, count)
    return [(row["actor"], row["action"], (row["detail"] or {}).get("outcome", "")) for row in rows]


def given(page: str) -> tuple[str, str]:
    """Read number and PIN, which are written in groups."""
    number = re.search(r"\d{3} \d{3} \d{4}", page)
    pin = re.search(r"\b\d{4} \d{4}\b", page)
    assert number is not None
    assert pin is not None
    return number[0], pin[0]


async def test_a_page_lets_somebody_in_resets_locks_and_revokes(
    north: Client, store: Store, clock: ManualClock
) -> None:
    entering = Entering(store, clock, ParticipantSection(enabled=True))

    async def enters(number: str, pin: str) -> bool:
        try:
            await entering.enter(number, pin, "page", Caller("192.0.2.1", "test"))
        except EntryRefused:
            return False
        return True

    async def act(action: str, **more: str) -> Any:
        return await send(north, f"{PLACE}/1/act", PLACE, action=action, **more)

    page = await (await send(north, f"{PLACE}/enrol", PLACE, case_id="mn1", role="ncp")).text()
    number, pin = given(page)
    assert await last(store) == [("ada", "participant.enrolled", "")]
    assert await enters(number, pin)
    listed = await (await north.get(PLACE)).text()
    assert number not in listed
    assert f"••••••{number[-4:]}" in listed
    assert (await act("reset")).status == 422
    again = given(await (await act("reset", sure="yes")).text())
    assert again[0] == number
    assert [await enters(number, each) for each in (pin, again[1])] == [False, True]
    await act("lock")
    assert not await enters(*again)
    await act("unlock")
    assert await enters(*again)
    assert (await act("revoke", sure="yes")).status == 200
    assert not await enters(*again)
    assert "revoked" in await (await north.get(PLACE)).text()
    assert [action for _, action, _ in await last(store, 1)] == ["participant.tried"]


async def test_a_program_of_theirs_does_the_same(north: Client, store: Store) -> None:
    page = await (await north.get("/")).text()
    token = {"X-CSRF-Token": page.split('name="csrf" value="')[1].split('"')[0]}

    async def post(path: str, **body: Any) -> tuple[int, Any]:
        answer = await north.post(path, json=body, headers=token)
        return answer.status, await answer.json() if answer.content_length else None

    status, made = await post("/v1/participants", case_id="MN1", role="cp")
    assert (status, len(made["number"]), len(made["pin"])) == (201, 10, 8)
    assert (await post("/v1/participants", case_id="MN1", role="cp"))[0] == 409
    (line,) = (await (await north.get("/v1/participants?case_id=MN1")).json())["participants"]
    assert line["number"] == "••••••" + made["number"][-4:]
    assert line["cases"] == [{"case_id": "MN1", "role": "cp"}]
    place = f"/v1/participants/{line['id']}"
    assert (await post(f"{place}/pin"))[1]["pin"] != made["pin"]
    assert [(await post(f"{place}/{word}"))[0] for word in ("lock", "unlock")] == [204, 204]
    assert (await post(f"{place}/revoke"))[0] == 422
    assert (await post(f"{place}/revoke", whole=True))[0] == 204
    assert (await post(f"{place}/lock"))[0] == 404


async def test_another_office_s_participants_are_not_there_and_the_try_is_recorded(
    north: Client, store: Store, clock: ManualClock
) -> None:
    theirs = await Enrolling(store, clock).enrol("MN2", "ncp", actor="test")
    page = await (await north.get("/")).text()
    token = {"X-CSRF-Token": page.split('name="csrf" value="')[1].split('"')[0]}

    async def told(path: str, **body: Any) -> Any:
        answer = await north.post(path, json=body, headers=token)
        document = await answer.json()
        return answer.status, document.pop("instance") and document

    assert (await (await north.get("/v1/participants")).json())["participants"] == []
    for body in ({"case_id": "MN2", "role": "cp"}, {"case_id": "MN1", "role": "cp", "number": theirs.number}):
        found = await told("/v1/participants", **body)
        assert await last(store) == [("ada", "participant.enrol", "out of scope")]
        assert found == await told("/v1/participants", case_id="MN9", role="cp")
    for act in ("pin", "lock", "unlock"):
        found = await told(f"/v1/participants/1/{act}")
        assert (found[0], (await last(store))[0][2]) == (404, "out of scope")
        assert found == await told(f"/v1/participants/99/{act}")
    # With the dots before it: four figures stand somewhere in a page by chance.
    assert f"••••••{theirs.number[-4:]}" not in await (await north.get(PLACE)).text()
    refused = await send(north, f"{PLACE}/1/act", PLACE, action="revoke", sure="yes")
    assert "there is no such participant" in await refused.text()
    # A number that they share is ended by neither alone.
    mine = await Enrolling(store, clock).enrol("MN1", "ncp", number=theirs.number, actor="test")
    assert (await told("/v1/participants/1/pin"))[0] == 403
    assert (await (await north.get("/v1/participants")).json())["participants"][0]["cases"] == [
        {"case_id": mine.case_id, "role": "ncp"}
    ]
