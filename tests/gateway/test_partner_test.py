"""Test messages go the way that a batch would go, and say plainly how far they came."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from aiohttp import web

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.probing import Probed, ProbeReport, Question
from csenet.gateway.delivery.transports.folder import FolderTransport
from csenet.gateway.delivery.transports.http import HttpTransport
from csenet.gateway.delivery.transports.sftp import SftpPlace, SftpTransport
from csenet.gateway.desk import Desk
from csenet.gateway.errors import NotFound
from csenet.gateway.exchange.routes import Route
from csenet.gateway.exchange.simulated import SimulatedExchange
from csenet.gateway.intake.http import PATH, add_exchange_routes
from csenet.gateway.store import audit, destinations
from csenet.gateway.store.engine import Store
from csenet.gateway.tls import client_context

from .conftest import QUIET
from .test_cli_examples import folder, invoke, seat
from .test_sftp import Server

__all__ = ["folder"]


def states(report: ProbeReport) -> dict[str, str]:
    return {each.step: each.state for each in report.steps}


@pytest.fixture
async def exchange(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SimulatedExchange]:
    routes = {fips: Route(url="", token="", client_token=f"from-{fips}") for fips in ("27", "20")}
    made = SimulatedExchange(tmp_path / "exchange.db", "127.0.0.1", 0, clock, routes, QUIET)
    await made.start()
    yield made
    await made.stop()


async def asked(desk: Desk, way: Probed, name: str = "exchange") -> ProbeReport:
    desk.way_out = lambda: way
    return await desk.test_partner(name, actor="pat")


async def test_the_exchange_knows_us_and_the_partners_behind_it(
    desk: Desk, store: Store, exchange: SimulatedExchange
) -> None:
    report = await asked(desk, HttpTransport(exchange.url, "from-27"), "KS")
    assert (report.partner, report.way, report.well) == ("20", "http", True)
    assert states(report) == {
        "agreement": "well",
        "connection": "well",
        "tls": "look",
        "authentication": "well",
        "answer": "well",
        "partner": "well",
    }
    assert "as 27" in str(report.steps)
    nobody = await asked(desk, HttpTransport(exchange.url, "from-27"), "Iowa")
    assert (nobody.well, states(nobody)["partner"]) == (False, "failed")
    assert (await exchange.counts()).batches == 0
    async with store.read() as conn:
        rows = await audit.found(conn)
    assert [(row["actor"], row["object"], row["detail"]["well"]) for row in rows] == [
        ("pat", "20", True),
        ("pat", "19", False),
    ]
    with pytest.raises(NotFound):
        await asked(desk, HttpTransport(exchange.url, "from-27"), "Minnesota")


async def test_a_wrong_secret_a_closed_port_and_a_stranger_are_told_apart(
    desk: Desk, exchange: SimulatedExchange
) -> None:
    refused = await asked(desk, HttpTransport(exchange.url, "nobody"))
    assert (refused.well, states(refused)["authentication"]) == (False, "failed")
    elsewhere = await asked(desk, HttpTransport(exchange.url + "/elsewhere", "from-27"))
    assert (elsewhere.well, states(elsewhere)["answer"]) == (True, "look")
    await exchange.stop()
    gone = await asked(desk, HttpTransport(exchange.url, "from-27"))
    assert states(gone) == {"connection": "failed"}
    async with desk.store.read() as conn:
        # A test message counts for nothing: the breaker belongs to batches.
        assert (await destinations.load(conn)).failures == 0


async def test_a_hold_and_a_clock_that_differs_are_told(
    desk: Desk, exchange: SimulatedExchange, clock: ManualClock
) -> None:
    await desk.hold_delivery("exchange migrates", actor="pat")
    exchange._clock = ManualClock(clock.now() + timedelta(minutes=3))
    report = await asked(desk, HttpTransport(exchange.url, "from-27"))
    assert report.well
    assert (states(report)["hold"], states(report)["clock"]) == ("look", "look")
    assert "+180 s" in str(report.steps)


class Echo:
    """An address with TLS that gives another word back."""

    def __init__(self, tls: ssl.SSLContext, word: str | None) -> None:
        self.tls, self.word = tls, word

    async def __aenter__(self) -> str:
        app = web.Application()
        if self.word is None:
            add_exchange_routes(app, None, own="20")  # type: ignore[arg-type]
        else:
            app.router.add_get(PATH, self.answer)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        return f"https://localhost:{self.runner.addresses[0][1]}{PATH}"

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()

    async def answer(self, _request: web.Request) -> web.Response:
        return web.json_response({"probe": self.word, "at": "2026-11-20T18:00:00Z"})


async def test_over_tls_the_certificate_is_checked_and_the_word_has_to_be_ours(
    desk: Desk, tmp_path: Path, clock: ManualClock
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    for name, each in (("ca", authority), ("stranger", stranger)):
        each.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    async with Echo(server, None) as url:
        good = await asked(desk, HttpTransport(url, tls=client_context(tmp_path / "ca.pem")), "20")
        wrong = await asked(desk, HttpTransport(url, tls=client_context(tmp_path / "stranger.pem")))
    assert good.well
    assert states(good)["tls"] == states(good)["partner"] == "well"
    assert states(wrong) == {"connection": "well", "tls": "failed"}
    assert "delivery.http.ca" in str(wrong.steps)
    async with Echo(server, "somebodyelses") as url:
        other = await asked(desk, HttpTransport(url, tls=client_context(tmp_path / "ca.pem")))
    assert (other.well, states(other)["answer"]) == (False, "failed")


async def test_a_folder_is_written_and_left_as_it_was(tmp_path: Path, clock: ManualClock) -> None:
    question = Question(word="0123456789abcdef", at=clock.now())
    steps = await FolderTransport(tmp_path / "out").probe(question)
    assert [each.state for each in steps] == ["well"]
    assert [each.name for each in (tmp_path / "out").rglob("*")] == [".spool"]
    (tmp_path / "file").write_text("")
    assert [each.state for each in await FolderTransport(tmp_path / "file").probe(question)] == ["failed"]


async def test_a_server_is_asked_over_sftp(tmp_path: Path, clock: ManualClock) -> None:
    server = Server(tmp_path)
    await server.start()
    question = Question(word="0123456789abcdef", at=clock.now())

    def place(**more: Any) -> SftpPlace:
        return msgspec.structs.replace(server.place, **more)

    try:
        good = await SftpTransport(place()).probe(question)
        assert [each.state for each in good] == ["well", "well", "well"], good
        assert list(server.root.iterdir()) == []
        nowhere = await SftpTransport(place(folder="nowhere")).probe(question)
        assert nowhere[-1].state == "failed"
        (tmp_path / "others").write_text("")
        stranger = await SftpTransport(place(known_hosts=tmp_path / "others")).probe(question)
        assert [each.step for each in stranger] == ["connection"]
        assert "another key" in stranger[0].text
    finally:
        await server.stop()


def test_the_command_says_what_worked_and_ends_with_1_if_a_batch_would_not_get_through(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    good = invoke("partners", "test")
    assert good.exit_code == 0
    assert "a batch would get through" in good.stdout
    (folder / "out" / ".spool").rmdir()
    (folder / "out" / ".spool").write_text("")
    bad = invoke("partners", "test", "--json")
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["well"] is False
    assert invoke("partners", "test", "nobody").exit_code == 2
