"""Measure how fast batches are acknowledged over HTTP, with the journal and without."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from time import perf_counter
from typing import Any

from csenet.gateway.bench import figures, traffic
from csenet.gateway.bench.bed import Bed, bed, served
from csenet.gateway.bench.figures import Figure, Pair, Size, figure
from csenet.gateway.casework.api import build_app
from csenet.gateway.desk import Receipt, SettleCount
from csenet.gateway.intake.desk import IntakeDesk
from csenet.gateway.intake.http import PATH, add_exchange_routes
from csenet.gateway.people import tokens

CONNECTIONS = 64


class Forgetful:
    """Answer like the desk, and keep nothing."""

    def __init__(self, place: Bed) -> None:
        """Take the clock."""
        self._clock = place.clock
        self.arrived = asyncio.Event()

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        """Return a receipt that proves nothing but that the bytes came."""
        return Receipt(
            receipt_id="R00000001",
            file_id=1,
            name=name,
            source=source,
            kind="transactions",
            sha256=hashlib.sha256(raw).hexdigest(),
            bytes=len(raw),
            received_at=self._clock.now(),
        )

    async def settle(self, file_id: int) -> SettleCount:
        """Do nothing: there is nothing to settle."""
        return SettleCount()


async def acknowledged(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure durable answers a second from 64 connections, and the same server's without a journal.

    Both check the token.  The callers are in another process and spare what they can: requests are written
    beforehand and of an answer only the status is looked at.
    """
    async with bed(folder, log) as place:
        async with place.store.begin() as connection:
            token = await tokens.create(connection, "bench", "exchange", place.clock.now())
        templates = traffic.requests(size.transactions, place.clock.today())
        rounds = []
        serial = 1
        for _ in range(size.rounds + 1):
            raws = traffic.numbered(templates, serial)
            serial += len(raws)
            plain = await _rate(place, Forgetful(place), token, raws)
            rounds.append(Pair(await _rate(place, place.desk, token, raws), plain))
        return [figure(figures.ACKNOWLEDGED, rounds[1:], "a second")]


async def grouped(folder: Path, size: Size, log: Any) -> list[Figure]:
    """Measure durable answers a second from 64 connections, and one call after the other, a commit each."""
    async with bed(folder, log) as place:
        async with place.store.begin() as connection:
            token = await tokens.create(connection, "bench", "exchange", place.clock.now())
        templates = traffic.requests(size.transactions, place.clock.today())
        rounds = []
        for number in range(size.rounds):
            first = 1 + 2 * number * len(templates)
            each = traffic.numbered(templates[: size.transactions // 5], first)
            start = perf_counter()
            for raw in each:
                await place.desk.accept(raw, source="bench", name="request")
            plain = len(each) / (perf_counter() - start)
            raws = traffic.numbered(templates, first + len(templates))
            rounds.append(Pair(await _rate(place, place.desk, token, raws), plain))
        return [figure(figures.GROUPED, rounds, "a second")]


async def _rate(place: Bed, desk: IntakeDesk, token: str, raws: list[bytes]) -> float:
    """Post the batches over all connections; answers a second."""
    application = build_app(place.desk, place.store, clock=place.clock, jurisdiction_name="Minnesota")
    add_exchange_routes(application, desk)
    async with served(application) as port:
        requests = [_request(raw, token) for raw in raws]
        return len(raws) / await place.others.post(port, requests, CONNECTIONS, place.folder)


def _request(raw: bytes, token: str) -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw
