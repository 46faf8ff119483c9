"""People sign in at an issuer; what is not signed, not for us or not for this browser is refused."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from csenet.gateway.casework import build_app
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.people.accounts import Accounts
from csenet.gateway.settings.people import OpenIdSection, PeopleSection
from csenet.gateway.store.engine import Store

from .conftest import Client

KEY, OTHER = RSAKey.generate_key(2048, {"kid": "1"}), RSAKey.generate_key(2048, {"kid": "1"})


class Issuer:
    """Answer as an issuer does; `claims` and `key` may be changed to answer wrongly."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.claims: dict[str, Any] = {}
        self.key = KEY
        self.challenge = self.nonce = ""
        self.url = ""
        self.name = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.told)
        app.router.add_get("/keys", self.keys)
        app.router.add_post("/token", self.token)
        return app

    async def told(self, _: web.Request) -> web.Response:
        places = {"authorization_endpoint": "/go", "token_endpoint": "/token", "jwks_uri": "/keys"}
        named = {name: self.url + path for name, path in places.items()}
        return web.json_response({"issuer": self.name or self.url, **named})

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([KEY]).as_dict(private=False))

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenge
        if form["code"] != "good" or not proved or not request.headers["Authorization"].startswith("Basic "):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.url,
            "aud": "gateway",
            "sub": "4711",
            "iat": now,
            "exp": now + 60,
            "nonce": self.nonce,
            "preferred_username": "Ada",
            "roles": ["CSENet viewers", "something else"],
            "offices": ["north"],
            **self.claims,
        }
        return web.json_response({"id_token": jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)})


@pytest.fixture
async def issuer(clock: ManualClock) -> AsyncIterator[Issuer]:
    found = Issuer(clock)
    server = TestServer(found.app())
    await server.start_server()
    found.url = str(server.make_url("/")).rstrip("/")
    yield found
    await server.close()


@pytest.fixture
def settings(issuer: Issuer, tmp_path: Any) -> PeopleSection:
    (tmp_path / "secret").write_text("s3cret\n")
    openid = OpenIdSection(
        issuer=issuer.url,
        client_id="gateway",
        secret_file=tmp_path / "secret",
        public_url="http://127.0.0.1",
        roles={"CSENet viewers": "viewer", "CSENet supervisors": "supervisor"},
    )
    return PeopleSection(openid=openid)


@pytest.fixture
async def browser(
    aiohttp_client: Any, desk: Desk, store: Store, clock: ManualClock, settings: PeopleSection
) -> Client:
    app = build_app(desk, store, clock=clock, jurisdiction_name="Minnesota", people=settings)
    client: TestClient[Any, Any] = await aiohttp_client(app, headers={"Accept": "text/html"})
    return client


async def led(browser: Client, issuer: Issuer) -> str:
    """Go to the issuer and give the state with which it sends back."""
    page = await (await browser.get("/sign-in")).text()
    token = re.search(r'name="csrf" value="(\w+)"', page)
    assert token is not None
    answer = await browser.post("/sign-in/openid", data={"csrf": token[1]}, allow_redirects=False)
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    issuer.challenge, issuer.nonce = asked["code_challenge"][0], asked["nonce"][0]
    return asked["state"][0]


async def back(browser: Client, state: str, code: str = "good") -> int:
    return (await browser.get("/sign-in/openid/callback", params={"state": state, "code": code})).status


async def inside(browser: Client) -> bool:
    return (await browser.get("/v1/ledger")).status == 200


async def test_whom_the_issuer_vouches_for_is_signed_in_with_the_roles_it_names(
    browser: Client, issuer: Issuer, accounts: Accounts
) -> None:
    assert await back(browser, await led(browser, issuer)) == 200
    assert await inside(browser)
    (ada,) = await accounts.list()
    assert (ada.name, set(ada.roles), set(ada.offices)) == ("ada", {"viewer"}, {"NORTH"})
    issuer.claims = {"roles": "CSENet supervisors"}
    assert await back(browser, await led(browser, issuer)) == 200
    (ada,) = await accounts.list()
    assert set(ada.roles) == {"supervisor"}


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "https://elsewhere.example"},
        {"nonce": "of another browser"},
        {"exp": 1},
        {"sub": None},
        {"roles": ["something else"]},
        {"roles": []},
        {"preferred_username": ""},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_claims_that_are_not_meant_like_this_let_nobody_in(
    browser: Client, issuer: Issuer, claims: dict[str, Any]
) -> None:
    issuer.claims = claims
    assert await back(browser, await led(browser, issuer)) == 401
    assert not await inside(browser)


async def test_a_token_that_somebody_else_signed_lets_nobody_in(browser: Client, issuer: Issuer) -> None:
    issuer.key = OTHER
    assert await back(browser, await led(browser, issuer)) == 401


async def test_a_way_back_that_this_browser_did_not_begin_leads_nowhere(
    browser: Client, issuer: Issuer
) -> None:
    assert await back(browser, "made up") == 401
    await led(browser, issuer)
    assert await back(browser, "made up") == 401
    assert await back(browser, await led(browser, issuer), code="bad") == 401
    state = await led(browser, issuer)
    assert await back(browser, state) == 200
    assert await back(browser, state) == 401


async def test_a_local_account_of_the_same_name_is_not_taken_over(
    browser: Client, issuer: Issuer, accounts: Accounts
) -> None:
    await accounts.add("ada", ["administrator"], actor="test")
    assert await back(browser, await led(browser, issuer)) == 401


async def test_a_disabled_account_stays_out(browser: Client, issuer: Issuer, accounts: Accounts) -> None:
    await back(browser, await led(browser, issuer))
    await accounts.disable("ada", actor="test")
    assert await back(browser, await led(browser, issuer)) == 401


async def test_an_issuer_that_calls_itself_something_else_is_not_believed(
    browser: Client, issuer: Issuer
) -> None:
    issuer.name = "https://elsewhere.example"
    page = await (await browser.get("/sign-in")).text()
    token = re.search(r'name="csrf" value="(\w+)"', page)
    assert token is not None
    answer = await browser.post("/sign-in/openid", data={"csrf": token[1]}, allow_redirects=False)
    assert answer.status == 502
