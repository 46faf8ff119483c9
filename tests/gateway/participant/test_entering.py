"""Participants sign in with what the agency gave them; who guesses learns nothing and is locked out."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.participant.enrolling import Enrolled, Enrolling, ParticipantError, plain_digits
from csenet.gateway.participant.entering import REFUSAL, Entering, EntryRefused
from csenet.gateway.participant.listening import participant_app
from csenet.gateway.participant.site import SITE, Site, caller_of
from csenet.gateway.people import passwords
from csenet.gateway.people.limits import Rate
from csenet.gateway.people.signing import Caller
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.store import audit
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables_participants import participant

from ..conftest import BOTH_STORES, contents, facts
from .conftest import Client, page, send, sign_in

NOBODY = "1234567890"


def _bytes_of(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.glob("gateway.db*"))


async def inside(client: Client) -> bool:
    status = (await client.get("/participant/cases")).status
    assert status in (200, 401)
    return bool(status == 200)


async def test_number_and_pin_lead_to_the_case_and_signing_out_ends_it(
    browser: Client, enrolled: Enrolled
) -> None:
    assert not await inside(browser)
    answer = await send(
        browser,
        "/participant/sign-in",
        number=f" {enrolled.number[:5]}-{enrolled.number[5:]}",
        pin=str(enrolled.pin),
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/participant/cases")
    assert "Case MN1" in await page(browser)
    await send(browser, "/participant/sign-out", "/participant/cases")
    assert not await inside(browser)


async def test_the_banner_stands_before_the_button_and_notices_have_pages(browser: Client) -> None:
    shown = await page(browser, "/participant")
    assert shown.index("may be prosecuted") < shown.index("I agree, sign in")
    for notice, words in (("privacy", "PIN"), ("disclaimers", "legal advice"), ("links", "other site")):
        assert words in await page(browser, f"/participant/about/{notice}")
    assert (await browser.get("/participant/about/nothing")).status == 404


async def test_a_wrong_number_and_a_wrong_pin_look_the_same_and_cost_the_same(
    browser: Client, enrolled: Enrolled, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bool] = []
    fits = passwords._fits
    monkeypatch.setattr(passwords, "_fits", lambda kept, pin: checked.append(True) or fits(kept, pin))
    pages = []
    for number, pin in ((enrolled.number, "00000000"), (NOBODY, "00000000"), (NOBODY, "x"), ("", "")):
        answer = await send(browser, "/participant/sign-in", number=number, pin=pin)
        assert answer.status == 401
        pages.append(re.sub(r'value="\w+"', "", await answer.text()))
    assert len(set(pages)) == 1
    assert REFUSAL in pages[0]
    assert len(checked) == 4
    async with store.read() as conn:
        tried = await audit.found(conn, action="participant.tried")
    assert [row["object"] for row in tried] == ["participant:1", *["participant:(unknown)"] * 3]
    assert "00000000" not in str([dict(row) for row in tried])
    assert NOBODY not in str([dict(row) for row in tried])


async def test_wrong_pins_lock_the_number_for_longer_each_time(
    browser: Client, enrolled: Enrolled, enrolling: Enrolling, clock: ManualClock
) -> None:
    for _ in range(3):
        assert await sign_in(browser, enrolled.number, "00000000") == 401
    assert await sign_in(browser, enrolled.number, enrolled.pin) == 401
    assert (await enrolling.list())[0].state == "locked"
    clock.advance(timedelta(minutes=15).total_seconds())
    assert await sign_in(browser, enrolled.number, "00000000") == 401
    clock.advance(timedelta(minutes=29).total_seconds())
    assert await sign_in(browser, enrolled.number, enrolled.pin) == 401
    clock.advance(timedelta(minutes=1).total_seconds())
    assert await sign_in(browser, enrolled.number, enrolled.pin) == 303
    assert (await enrolling.list())[0].failures == 0


async def test_guesses_made_at_the_same_moment_are_all_counted(
    store: Store, clock: ManualClock, settings: ParticipantSection, enrolled: Enrolled
) -> None:
    entering, caller = Entering(store, clock, settings), Caller("192.0.2.7", "test")
    guesses = [entering.enter(enrolled.number, f"{each:08d}", "page", caller) for each in range(20)]
    found = await asyncio.gather(*guesses, return_exceptions=True)
    assert all(isinstance(each, EntryRefused) for each in found)
    assert (await contents(store, participant))[0]["failures"] == 3


async def test_each_address_may_try_only_so_often_a_minute(
    aiohttp_client: Any, desk: Desk, store: Store, clock: ManualClock, enrolled: Enrolled
) -> None:
    few = ParticipantSection(enabled=True, tries_per_minute=2)
    client = await aiohttp_client(participant_app(Site(desk, store, clock, few, "Minnesota")))
    assert [await sign_in(client, NOBODY, "1") for _ in range(3)] == [401, 401, 429]
    told = await client.post("/participant/api/sessions", json={"number": NOBODY, "pin": "1"})
    assert (told.status, told.headers["Retry-After"]) == (429, "31")
    clock.advance(31)
    assert await sign_in(client, enrolled.number, enrolled.pin) == 303


def test_the_memory_of_who_tried_how_often_is_bounded(clock: ManualClock) -> None:
    rate = Rate(clock, 1)
    for each in range(10_500):
        assert rate.wait(str(each)) == 0
    assert len(rate._left) == 10_000
    assert rate.wait("10499") > 0


async def test_a_visit_ends_when_idle_and_at_the_latest_after_its_longest(
    browser: Client, enrolled: Enrolled, clock: ManualClock
) -> None:
    await sign_in(browser, enrolled.number, enrolled.pin)
    clock.advance(timedelta(minutes=10).total_seconds())
    assert not await inside(browser)
    await sign_in(browser, enrolled.number, enrolled.pin)
    for _ in range(6):
        assert await inside(browser)
        clock.advance(timedelta(minutes=9, seconds=59).total_seconds())
    assert await inside(browser)
    clock.advance(10)
    assert not await inside(browser)


@pytest.mark.parametrize("act", ["lock", "reset_pin", "revoke"])
async def test_what_the_agency_does_counts_at_once(
    browser: Client, enrolled: Enrolled, enrolling: Enrolling, act: str
) -> None:
    await sign_in(browser, enrolled.number, enrolled.pin)
    assert await inside(browser)
    await getattr(enrolling, act)(enrolled.number, actor="test")
    assert not await inside(browser)
    assert await sign_in(browser, enrolled.number, enrolled.pin) == 401
    if act == "lock":
        await enrolling.unlock(enrolled.number, actor="test")
        assert await sign_in(browser, enrolled.number, enrolled.pin) == 303
    if act == "reset_pin":
        again = await enrolling.reset_pin(enrolled.number, actor="test")
        assert await sign_in(browser, enrolled.number, again.pin) == 303


async def test_a_form_of_another_site_does_nothing(browser: Client, enrolled: Enrolled) -> None:
    fields = {"number": enrolled.number, "pin": str(enrolled.pin)}
    assert (await browser.post("/participant/sign-in", data=fields)).status == 403
    await sign_in(browser, enrolled.number, enrolled.pin)
    assert (await browser.post("/participant/sign-out", data={"csrf": "0" * 64})).status == 403
    assert await inside(browser)


async def test_the_cookie_is_their_own_and_kept_from_scripts_and_other_sites(
    browser: Client, enrolled: Enrolled
) -> None:
    before = (await browser.get("/participant")).headers
    answer = await send(browser, "/participant/sign-in", number=enrolled.number, pin=str(enrolled.pin))
    plain = answer.headers["Set-Cookie"]
    assert plain.startswith("csenet-participant=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(plain.split("; "))
    away = await browser.get("/participant", headers={"Host": "cases.example", "Cookie": ""})
    assert away.headers["Set-Cookie"].startswith("__Host-csenet-participant=")
    assert "Secure" in away.headers["Set-Cookie"].split("; ")
    policy = before["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert before["Cache-Control"] == "no-store"
    assert before["X-Content-Type-Options"] == "nosniff"


async def test_a_pin_is_given_once_and_only_its_sealed_hash_is_kept(
    store: Store, enrolled: Enrolled, enrolling: Enrolling, tmp_path: Path
) -> None:
    row = (await contents(store, participant))[0]
    assert row["pin"].startswith(b"$argon2id$")
    assert str(enrolled.pin) not in str(await enrolling.list())
    assert len(enrolled.number) == 10
    assert len(str(enrolled.pin)) == 8
    await store.close()
    kept = _bytes_of(tmp_path)
    assert enrolled.number.encode() in kept
    assert str(enrolled.pin).encode() not in kept
    assert b"$argon2id$" not in kept


async def test_enrolling_refuses_what_it_should_and_is_on_record(
    desk: Desk, store: Store, enrolled: Enrolled, enrolling: Enrolling
) -> None:
    with pytest.raises(ParticipantError, match="no such case"):
        await enrolling.enrol("NONE", "ncp", actor="test")
    with pytest.raises(ParticipantError, match=f"participant ••••••{enrolled.number[-4:]} is the ncp"):
        await enrolling.enrol("MN1", "ncp", actor="test")
    with pytest.raises(ParticipantError, match="another part"):
        await enrolling.enrol("MN1", "cp", number=enrolled.number, actor="test")
    with pytest.raises(ParticipantError, match="no such participant"):
        await enrolling.enrol("MN1", "cp", number=NOBODY, actor="test")
    await desk.put_case("MN2", facts())
    more = await enrolling.enrol("MN2", "cp", number=enrolled.number, actor="test")
    assert more.pin is None
    assert [each.case_id for each in (await enrolling.list("MN2"))[0].cases] == ["MN1", "MN2"]
    await enrolling.revoke(enrolled.number, case_id="MN2", actor="test")
    with pytest.raises(ParticipantError, match="does not see"):
        await enrolling.revoke(enrolled.number, case_id="MN2", actor="test")
    assert await enrolling.list("MN2") == []
    async with store.read() as conn:
        told = [row["action"] for row in await audit.found(conn, cases=["MN2"])]
    assert told == ["participant.case_added", "participant.case_taken"]


async def test_participants_of_another_office_do_not_exist_for_a_caseworker(
    desk: Desk, store: Store, clock: ManualClock, enrolled: Enrolled
) -> None:
    await desk.put_case("MN1", facts(office="HENNEPIN"))
    other, own = (Enrolling(store, clock, frozenset({office})) for office in ("RAMSEY", "HENNEPIN"))
    with pytest.raises(ParticipantError, match="no such case"):
        await other.enrol("MN1", "cp", actor="test")
    with pytest.raises(ParticipantError, match="no such participant"):
        await other.reset_pin(enrolled.number, actor="test")
    assert await other.list() == []
    assert [each.number for each in await own.list()] == [enrolled.number]
    await own.lock(enrolled.number, actor="test")


@pytest.mark.parametrize("location", BOTH_STORES, indirect=True)
async def test_the_whole_way_is_the_same_on_both_stores(
    desk: Desk, store: Store, clock: ManualClock, settings: ParticipantSection, enrolled: Enrolled
) -> None:
    site, caller = Site(desk, store, clock, settings, "Minnesota"), Caller("192.0.2.7", "test")
    with pytest.raises(EntryRefused):
        await site.enter(enrolled.number, "00000000", "api", caller)
    visit = await site.enter(enrolled.number, str(enrolled.pin), "api", caller)
    clock.advance(90)
    assert await site.entering.find(visit.secret, "page") is None
    found = await site.entering.find(visit.secret, "api")
    assert found is not None
    assert [each.case_id for each in (await site.seeing.cases(found, caller, "api")).cases] == ["MN1"]
    await site.entering.leave(found, caller)
    assert await site.entering.find(visit.secret, "api") is None


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if getattr(request, "param", "sqlite") == "sqlite":
        return tmp_path / "gateway.db"
    return request.getfixturevalue("postgres_url")


@pytest.mark.parametrize(
    ("typed", "digits"),
    [("123 456 7890", "1234567890"), ("123-456-7890", "1234567890"), ("12345678901", ""), ("١٢٣٤٥٦٧٨٩٠", "")],
)
def test_digits_are_typed_in_any_usual_way(typed: str, digits: str) -> None:
    assert plain_digits(typed, 10) == digits


@pytest.mark.parametrize(
    ("told", "found"), [("203.0.113.5", "203.0.113.5"), ("6.6.6.6, 203.0.113.9", "203.0.113.9"), ("x", "")]
)
async def test_only_a_named_proxy_may_say_where_somebody_comes_from(
    desk: Desk, store: Store, clock: ManualClock, told: str, found: str
) -> None:
    headers = {"X-Forwarded-For": told}
    for proxies, expected in (((), "192.0.2.1"), (("192.0.2.1",), found or "192.0.2.1")):
        app = participant_app(Site(desk, store, clock, ParticipantSection(proxies=proxies), "Minnesota"))
        request = make_mocked_request("GET", "/participant", headers=headers, app=app)
        request = request.clone(remote="192.0.2.1")
        assert request.app[SITE] is app[SITE]
        assert caller_of(request).source == expected
