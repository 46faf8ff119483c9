"""Open the pages on a store with accounts, and sign people in as a browser would."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from aiohttp.test_utils import TestClient
from argon2 import PasswordHasher

from csenet.gateway.casework import build_app
from csenet.gateway.clock import ManualClock
from csenet.gateway.console.part import add_pages
from csenet.gateway.console.sources import Sources
from csenet.gateway.desk import Desk
from csenet.gateway.people import passwords
from csenet.gateway.people.accounts import Accounts
from csenet.gateway.people.reading import Reader
from csenet.gateway.settings.people import PeopleSection
from csenet.gateway.store.engine import Store

PASSWORD = "seven green umbrellas"

Client = TestClient[Any, Any]


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """People are tried on the embedded store; modules whose queries differ ask for both."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return tmp_path / "gateway.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def settings() -> PeopleSection:
    return PeopleSection(
        codes_for=frozenset(("supervisor",)),
        lock_after=3,
        lock_for=timedelta(minutes=1),
        longest=timedelta(hours=1),
    )


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work: what is tried here is not how slow the hash is."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)


@pytest.fixture
def accounts(store: Store, clock: ManualClock, settings: PeopleSection) -> Accounts:
    return Accounts(store, clock, settings)


@pytest.fixture
async def browser(
    aiohttp_client: Any, desk: Desk, store: Store, clock: ManualClock, settings: PeopleSection
) -> Client:
    app = build_app(desk, store, clock=clock, jurisdiction_name="Minnesota", people=settings)
    add_pages(app, Sources(desk=desk, store=store, clock=clock, reader=Reader(desk, store, clock)))
    client: Client = await aiohttp_client(app, headers={"Accept": "text/html"})
    return client


Sent = Callable[..., Awaitable[Any]]


async def send(client: Client, path: str, place: str | None = None, **fields: str) -> Any:
    """Fill in the form of a page and send it, without following where it leads."""
    page = await (await client.get(place or path)).text()
    token = re.search(r'name="csrf" value="(\w+)"', page)
    assert token is not None, page
    return await client.post(path, data={"csrf": token[1], **fields}, allow_redirects=False)


async def enter(
    client: Client, accounts: Accounts, name: str, *roles: str, offices: tuple[str, ...] = ()
) -> None:
    """Make an account and sign in with it, up to the point where codes would be asked for."""
    first = await accounts.add(name, roles, offices, actor="test")
    answer = await send(client, "/sign-in", name=name, password=first)
    assert answer.headers["Location"] == "/sign-in/password"
    answer = await send(client, "/sign-in/password", password=PASSWORD, again=PASSWORD)
    assert answer.status == 303


async def enrolled(client: Client, clock: ManualClock) -> str:
    """Set up codes as a telephone would, and give the secret."""
    page = await (await client.get("/sign-in/enrol")).text()
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    token = re.search(r'name="csrf" value="(\w+)"', page)
    assert found is not None
    assert token is not None
    secret = found[1].replace(" ", "")
    code = pyotp.TOTP(secret).at(clock.now())
    answer = await client.post("/sign-in/enrol", data={"csrf": token[1], "code": code}, allow_redirects=False)
    assert answer.headers["Location"] == "/"
    return secret
