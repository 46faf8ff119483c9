"""People sign in step by step; who fails waits, who is idle is out; no page of another site acts for them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from multidict import CIMultiDict
from sqlalchemy import select

from csenet.gateway.clock import ManualClock
from csenet.gateway.people.accounts import AccountError, Accounts
from csenet.gateway.people.limits import holder_of
from csenet.gateway.people.person import PROXIES
from csenet.gateway.people.signing import Caller, Signing, SignInRefused
from csenet.gateway.store import audit
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables_people import account, sign_in

from .conftest import PASSWORD, Client, enrolled, enter, send

GUARDED = "/v1/ledger"


async def inside(client: Client) -> bool:
    status = (await client.get(GUARDED)).status
    assert status in (200, 401)
    return bool(status == 200)


async def lines(store: Store) -> list[tuple[str, str]]:
    async with store.read() as conn:
        return [(row["action"], row["object"]) for row in reversed(await audit.newest(conn))]


async def test_the_banner_stands_before_the_form_and_notices_have_pages(browser: Client) -> None:
    page = await (await browser.get("/sign-in")).text()
    assert page.index("Only people whom the agency has authorized") < page.index("<form method")
    for notice, words in (
        ("privacy", "who you are"),
        ("disclaimers", "not legal advice"),
        ("links", "other site"),
    ):
        assert words in await (await browser.get(f"/about/{notice}")).text()
    assert (await browser.get("/about/nothing")).status == 404


async def test_a_first_password_leads_to_one_s_own_and_is_good_once(
    browser: Client, accounts: Accounts, clock: ManualClock
) -> None:
    first = await accounts.add("Ada", ["viewer"], actor="test")
    assert (await send(browser, "/sign-in", name="ada", password=first)).status == 303
    assert not await inside(browser)
    refused = await send(browser, "/sign-in/password", password=first, again=first)
    assert refused.status == 422
    assert (await send(browser, "/sign-in/password", password="short", again="short")).status == 422
    assert (await send(browser, "/sign-in/password", password=PASSWORD, again="other")).status == 422
    assert (await send(browser, "/sign-in/password", password=PASSWORD, again=PASSWORD)).status == 303
    assert await inside(browser)
    assert "ada" in await (await browser.get("/")).text()
    assert (await send(browser, "/sign-in", name="ada", password=first)).status == 401


async def test_a_first_password_that_was_not_used_in_time_opens_nothing(
    browser: Client, accounts: Accounts, clock: ManualClock
) -> None:
    first = await accounts.add("ada", ["viewer"], actor="test")
    clock.advance(timedelta(hours=24).total_seconds())
    assert (await send(browser, "/sign-in", name="ada", password=first)).status == 401


async def test_each_step_gives_the_browser_a_new_secret_and_ends_the_old(
    browser: Client, accounts: Accounts, store: Store
) -> None:
    await browser.get("/sign-in")
    before = {cookie.value for cookie in browser.session.cookie_jar}
    await enter(browser, accounts, "ada", "viewer")
    after = {cookie.value for cookie in browser.session.cookie_jar}
    assert not before & after
    async with store.read() as conn:
        kept = (await conn.execute(select(sign_in.c.sha256))).scalars().all()
    assert len(kept) == 1
    assert not set(kept) & after


async def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: Client, accounts: Accounts) -> None:
    first = await accounts.add("ada", ["viewer"], actor="test")
    plain = (await send(browser, "/sign-in", name="ada", password=first)).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain
    away = await browser.get("/sign-in", headers={"Host": "gateway.example"})
    cookie = away.headers["Set-Cookie"]
    assert cookie.startswith("__Host-csenet=")
    assert "Secure" in cookie.split("; ")


async def test_codes_are_asked_of_roles_that_need_them_and_none_twice(
    browser: Client, accounts: Accounts, clock: ManualClock
) -> None:
    await enter(browser, accounts, "sue", "supervisor")
    assert not await inside(browser)
    secret = await enrolled(browser, clock)
    assert await inside(browser)
    used = pyotp.TOTP(secret).at(clock.now())
    assert (await send(browser, "/sign-in", name="sue", password=PASSWORD)).headers[
        "Location"
    ] == "/sign-in/code"
    assert not await inside(browser)
    assert (await send(browser, "/sign-in/code", code=used)).status == 401
    clock.advance(30)
    code = pyotp.TOTP(secret).at(clock.now())
    assert (await send(browser, "/sign-in/code", code=f"{code[:3]} {code[3:]}")).headers["Location"] == "/"
    assert await inside(browser)


async def test_failures_lock_the_account_for_longer_each_time(
    browser: Client, accounts: Accounts, clock: ManualClock, store: Store
) -> None:
    await enter(browser, accounts, "ada", "viewer")

    async def tried(password: str) -> int:
        return int((await send(browser, "/sign-in", name="ada", password=password)).status)

    assert [await tried("wrong") for _ in range(3)] == [401] * 3
    assert await tried(PASSWORD) == 401
    clock.advance(60)
    assert await tried("wrong") == 401
    clock.advance(119)
    assert await tried(PASSWORD) == 401
    clock.advance(1)
    assert await tried(PASSWORD) == 303
    assert (await accounts.list())[0].failures == 0
    assert ("signin.refused", "account ada") in await lines(store)


async def test_guesses_made_at_the_same_moment_are_all_counted(
    browser: Client, accounts: Accounts, store: Store, clock: ManualClock, settings: Any
) -> None:
    await enter(browser, accounts, "ada", "viewer")
    signing, caller = Signing(store, clock, settings), Caller("192.0.2.1", "test")
    guesses = [signing.password("ada", word, caller) for word in ("one", "two", "three", PASSWORD)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert [type(each) for each in outcomes] == [SignInRefused] * 4
    assert (await accounts.list())[0].failures == 3


async def test_a_code_that_is_typed_twice_at_the_same_moment_is_good_once(
    browser: Client, accounts: Accounts, store: Store, clock: ManualClock, settings: Any
) -> None:
    await enter(browser, accounts, "sue", "supervisor")
    secret = await enrolled(browser, clock)
    clock.advance(60)
    signing, caller = Signing(store, clock, settings), Caller("192.0.2.1", "test")
    entries = [await signing.password("sue", PASSWORD, caller) for _ in range(2)]
    assert (await accounts.list())[0].failures == 0
    code = pyotp.TOTP(secret).at(clock.now())
    tries = (signing.code(entry, code, caller) for entry in entries)
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["Entry", "SignInRefused"]


async def test_one_address_cannot_lock_out_everybody(
    browser: Client, accounts: Accounts, clock: ManualClock, settings: Any
) -> None:
    await enter(browser, accounts, "ada", "viewer")
    for number in range(settings.wrong_per_hour):
        assert (await send(browser, "/sign-in", name=f"n{number}", password="wrong")).status == 401
    for name in ("ada", "n0"):
        assert (await send(browser, "/sign-in", name=name, password="wrong")).status == 429
    assert (await accounts.list())[0].failures == 0
    clock.advance(3600 / settings.wrong_per_hour)
    assert (await send(browser, "/sign-in", name="ada", password=PASSWORD)).status == 303


def test_one_holder_of_a_network_is_one_caller() -> None:
    assert holder_of("2001:db8:1:2:3::4") == holder_of("2001:db8:1:2:ffff::1%eth0")
    assert holder_of("2001:db8:1:3::4") != holder_of("2001:db8:1:2::4")
    assert holder_of("::ffff:192.0.2.7") == holder_of("192.0.2.7")


async def test_a_named_proxy_says_from_where_somebody_comes_and_nobody_else_does(
    browser: Client, accounts: Accounts, store: Store
) -> None:
    told = CIMultiDict([("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-For", "192.0.2.7")])
    for proxies, source in (((), "127.0.0.1"), (("127.0.0.1",), "192.0.2.7")):
        browser.app._state[PROXIES] = proxies  # type: ignore[union-attr]
        await browser.get("/sign-in")
        page = await (await browser.get("/sign-in")).text()
        form = {"csrf": page.split('name="csrf" value="')[1].split('"')[0], "name": "ada", "password": "x"}
        await browser.post("/sign-in", data=form, headers=told)
        async with store.read() as conn:
            assert (await audit.newest(conn, 1))[0]["detail"]["source"] == source


async def test_an_unknown_name_is_answered_alike_and_not_written_down(browser: Client, store: Store) -> None:
    answer = await send(browser, "/sign-in", name="my secret password", password="x")
    assert answer.status == 401
    assert "Name or password is wrong" in await answer.text()
    assert await lines(store) == [("signin.refused", "account (unknown)")]


async def test_wrong_codes_lock_too(browser: Client, accounts: Accounts, clock: ManualClock) -> None:
    await enter(browser, accounts, "sue", "supervisor")
    secret = await enrolled(browser, clock)
    clock.advance(60)
    await send(browser, "/sign-in", name="sue", password=PASSWORD)
    for _ in range(3):
        assert (await send(browser, "/sign-in/code", code="000000")).status == 401
    code = pyotp.TOTP(secret).at(clock.now())
    assert (await send(browser, "/sign-in/code", code=code)).status == 401


@pytest.mark.parametrize("idle", [True, False])
async def test_a_sign_in_ends_when_idle_and_at_the_latest_after_its_longest(
    browser: Client, accounts: Accounts, clock: ManualClock, settings: Any, idle: bool
) -> None:
    await enter(browser, accounts, "ada", "viewer")
    if idle:
        clock.advance(settings.idle.total_seconds() - 1)
        assert await inside(browser)
        clock.advance(settings.idle.total_seconds())
    else:
        for _ in range(4):
            clock.advance(14 * 60)
            assert await inside(browser)
        clock.advance(4 * 60)
    assert not await inside(browser)
    answer = await browser.get("/v1/ledger", allow_redirects=False)
    assert answer.status == 401


async def test_what_an_administrator_does_counts_at_once(browser: Client, accounts: Accounts) -> None:
    await enter(browser, accounts, "ada", "viewer")
    await accounts.give("ada", ["auditor"], actor="test")
    assert (await browser.get(GUARDED)).status == 403
    await accounts.give("ada", ["viewer"], actor="test")
    assert await accounts.revoke(name="ada", actor="test") == 1
    assert not await inside(browser)
    assert (await send(browser, "/sign-in", name="ada", password=PASSWORD)).status == 303
    assert len(await accounts.sessions()) == 1
    await accounts.disable("ada", actor="test")
    assert not await inside(browser)
    assert (await send(browser, "/sign-in", name="ada", password=PASSWORD)).status == 401
    await accounts.enable("ada", actor="test")
    assert (await send(browser, "/sign-in", name="ada", password=PASSWORD)).status == 303


async def test_a_reset_gives_a_new_first_password_and_forgets_codes(
    browser: Client, accounts: Accounts, clock: ManualClock, store: Store
) -> None:
    await enter(browser, accounts, "sue", "supervisor")
    await enrolled(browser, clock)
    again = await accounts.reset("sue", actor="test")
    assert not await inside(browser)
    answer = await send(browser, "/sign-in", name="sue", password=again)
    assert answer.headers["Location"] == "/sign-in/password"
    async with store.read() as conn:
        assert (await conn.execute(select(account.c.code_secret))).scalar_one() is None


async def test_a_form_of_another_site_does_nothing(browser: Client, accounts: Accounts) -> None:
    await enter(browser, accounts, "ada", "operator")
    asked = {"path": "/v1/dead/resend", "json": {"all": True}}
    assert (await browser.post(**asked)).status == 403
    assert (await browser.post(**asked, headers={"X-CSRF-Token": "0" * 64})).status == 403
    await browser.post("/sign-out", data={"csrf": "0" * 64}, allow_redirects=False)
    assert await inside(browser)
    page = await (await browser.get("/")).text()
    token = page.split('name="csrf" value="')[1].split('"')[0]
    cross = {"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"}
    assert (await browser.post(**asked, headers=cross)).status == 403
    assert (await browser.post(**asked, headers={"X-CSRF-Token": token})).status == 200
    assert (await send(browser, "/sign-out", "/")).headers["Location"] == "/sign-in"
    assert not await inside(browser)


@pytest.mark.parametrize(
    ("told", "onward"),
    [("/console/x", "/console/x"), ("//evil.example", "/"), ("https://x", "/"), ("/\\x", "/")],
)
async def test_the_way_on_stays_on_this_site(
    browser: Client, accounts: Accounts, told: str, onward: str
) -> None:
    await enter(browser, accounts, "ada", "viewer")
    answer = await send(browser, "/sign-in", name="ada", password=PASSWORD, next=told)
    assert answer.headers["Location"] == onward


async def test_steps_cannot_be_skipped(browser: Client, accounts: Accounts) -> None:
    for path in ("/sign-in/code", "/sign-in/password", "/sign-in/enrol"):
        assert (await browser.get(path, allow_redirects=False)).headers["Location"] == "/sign-in"
    first = await accounts.add("sue", ["supervisor"], actor="test")
    await send(browser, "/sign-in", name="sue", password=first)
    assert (await browser.get("/sign-in/enrol", allow_redirects=False)).headers[
        "Location"
    ] == "/sign-in/password"


@pytest.mark.parametrize(
    ("name", "roles", "offices"),
    [
        ("", ["viewer"], ()),
        ("a b", ["viewer"], ()),
        ("a", [], ()),
        ("a", ["casesystem"], ()),
        ("a", ["viewer"], ("",)),
    ],
)
async def test_an_account_that_would_mean_nothing_is_refused(
    accounts: Accounts, name: str, roles: list[str], offices: tuple[str, ...]
) -> None:
    with pytest.raises(AccountError):
        await accounts.add(name, roles, offices, actor="test")


async def test_two_accounts_cannot_have_one_name(accounts: Accounts) -> None:
    await accounts.add("ada", ["viewer"], actor="test")
    with pytest.raises(AccountError, match="already"):
        await accounts.add("ADA", ["viewer"], actor="test")
