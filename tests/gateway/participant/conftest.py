"""Open the participants' pages on a store with cases, and sign in as a browser would."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from argon2 import PasswordHasher

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.participant.enrolling import Enrolled, Enrolling
from csenet.gateway.participant.listening import participant_app
from csenet.gateway.participant.site import Site
from csenet.gateway.people import passwords
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.store.engine import Store

from ..conftest import facts

Client = TestClient[Any, Any]


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """Participants are tried on the embedded store; one test goes the whole way on both."""
    return tmp_path / "gateway.db"


@pytest.fixture
def settings() -> ParticipantSection:
    return ParticipantSection(enabled=True, lock_after=3, tries_per_minute=100, idle=timedelta(minutes=10))


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work: what is tried here is not how slow the hash is."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    passwords._nobodys.cache_clear()


@pytest.fixture
def enrolling(store: Store, clock: ManualClock) -> Enrolling:
    return Enrolling(store, clock)


@pytest.fixture
async def enrolled(desk: Desk, enrolling: Enrolling) -> Enrolled:
    """Let the noncustodial parent of case MN1 in."""
    await desk.put_case("MN1", facts())
    return await enrolling.enrol("MN1", "ncp", actor="test")


@pytest.fixture
async def browser(
    aiohttp_client: Any, desk: Desk, store: Store, clock: ManualClock, settings: ParticipantSection
) -> Client:
    app = participant_app(Site(desk, store, clock, settings, "Minnesota"))
    client: Client = await aiohttp_client(app, headers={"Accept": "text/html"})
    return client


async def send(client: Client, path: str, place: str = "/participant", **fields: str) -> Any:
    """Fill in the form of a page and send it, without following where it leads."""
    page = await (await client.get(place)).text()
    token = re.search(r'name="csrf" value="(\w+)"', page)
    assert token is not None, page
    return await client.post(path, data={"csrf": token[1], **fields}, allow_redirects=False)


async def sign_in(client: Client, number: str, pin: str | None) -> int:
    answer = await send(client, "/participant/sign-in", number=number, pin=pin or "")
    return int(answer.status)


async def page(client: Client, path: str = "/participant/cases") -> str:
    """Read a page that is there."""
    answer = await client.get(path)
    assert answer.status == 200
    return await text_of(answer)


async def text_of(answer: Any) -> str:
    """Read an answer without the token of its form, in which any three letters may stand."""
    return re.sub(r'(name="csrf" value=")[^"]*', r"\1", await answer.text())
