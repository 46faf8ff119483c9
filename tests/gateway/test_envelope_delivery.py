"""Batches leave in the envelope that the exchange demands, through a roll-over of all certificates."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from csenet.codecs.envelope import Identity, Pin, ReceiptOutcome, fingerprint
from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import DELIVERED, Outcome
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.delivery.transports.http import HttpTransport
from csenet.gateway.delivery.wrapping import Wrapper
from csenet.gateway.exchange.opening import Opener
from csenet.gateway.exchange.routes import Route
from csenet.gateway.exchange.simulated import SimulatedExchange
from csenet.gateway.partners import EXCHANGE, Credential, Demand, Partners, check_partners

from ..codecs.envelope_people import certificate_pem, certify
from .conftest import NOON, QUIET
from .test_exchange import grint

DAY = timedelta(days=1)


def made(name: str, since: int, until: int) -> Identity:
    """Make an identity that counts from one day to another, told from noon of the clock."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Identity(certify(name, key, since=NOON + since * DAY, until=NOON + until * DAY), key)


def table(demand: Demand, *theirs: Identity) -> Partners:
    return Partners(
        version=1,
        issued=date(2026, 11, 20),
        names={EXCHANGE: "exchange"},
        credentials=tuple(
            Credential(
                jurisdiction=EXCHANGE,
                use=frozenset({"sign", "encrypt"}),
                pin=Pin(each.certificate),
                fingerprint=fingerprint(each.certificate),
                file="x.pem",
            )
            for each in theirs
        ),
        agreements=(),
        digest="",
        demands={EXCHANGE: demand},
    )


def parcel(serial: int) -> Parcel:
    payload = grint(serial, sender="27000", to="20000") + b"\n"
    sha256 = hashlib.sha256(payload).hexdigest()
    return Parcel(key=f"B-{serial}", name=f"B-{serial}.txt", payload=payload, sha256=sha256, count=1)


async def nothing() -> None:
    raise AssertionError("HTTP has no spool")


class Scene:
    """A simulated exchange that opens envelopes, and a way to it."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.ours = (made("ours old", -100, 10), made("ours new", 5, 400))
        self.theirs = (made("theirs old", -100, 10), made("theirs new", 5, 400))
        states = {"27": [Pin(each.certificate) for each in self.ours]}
        self.opener = Opener(identities=self.theirs, states=states)
        route = Route(url="", token="", client_token="from-27")
        routes = {"27": route, "20": route}
        self.exchange = SimulatedExchange(path, "127.0.0.1", 0, clock, routes, QUIET, opener=self.opener)
        self.table = table(Demand(), *self.theirs)

    async def send(self, serial: int, **more: Any) -> Outcome:
        wrapper = Wrapper(lambda: self.table, more.pop("ours", self.ours))
        way = HttpTransport(self.exchange.url, "from-27", now=self.clock.now, wrapper=wrapper)
        try:
            return await way.deliver(parcel(serial), nothing)
        finally:
            await way.close()


@pytest.fixture
async def scene(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Scene]:
    found = Scene(tmp_path / "exchange.db", clock)
    await found.exchange.start()
    yield found
    await found.exchange.stop()


def arrived(outcome: Outcome, *, signed: bool) -> bool:
    assert outcome.receipt is not None
    assert outcome.receipt.signed is signed
    return msgspec.structs.replace(outcome, receipt=None) == DELIVERED


@pytest.mark.parametrize("kind", ["signed", "encrypted", "sealed"])
async def test_what_leaves_in_each_envelope_arrives_and_its_signed_receipt_is_believed(
    scene: Scene, kind: Any
) -> None:
    scene.table = table(Demand(envelope=kind, signed_receipts=True), *scene.theirs)
    assert arrived(await scene.send(1), signed=True)
    again = await scene.send(1)
    assert arrived(again, signed=True)
    assert again.receipt is not None
    assert again.receipt.outcome == "duplicate"
    counts = await scene.exchange.counts()
    assert (counts.batches, counts.accepted) == (1, 1)


async def test_a_roll_over_of_both_sides_loses_nothing(scene: Scene) -> None:
    scene.table = table(Demand(envelope="sealed", signed_receipts=True), *scene.theirs)
    for serial in range(1, 16):
        assert arrived(await scene.send(serial), signed=True), serial
        scene.clock.advance(days=1)
    assert (await scene.exchange.counts()).accepted == 15


async def test_a_demand_that_our_keys_cannot_meet_is_for_a_person(scene: Scene) -> None:
    scene.table = table(Demand(envelope="sealed"), *scene.theirs)
    without = await scene.send(1, ours=())
    assert (without.mistaken, without.error) == (True, "envelope_no_key")
    scene.table = table(Demand(envelope="encrypted"))
    nobody = await scene.send(1)
    assert (nobody.mistaken, nobody.error) == (True, "envelope_no_recipient")
    scene.clock.advance(days=500)
    scene.table = table(Demand(envelope="signed"), *scene.theirs)
    assert (await scene.send(1)).mistaken
    assert (await scene.exchange.counts()).batches == 0


async def test_a_receipt_without_the_exchange_s_signature_proves_nothing(scene: Scene) -> None:
    scene.table = table(Demand(envelope="none", signed_receipts=True), *scene.theirs)
    assert (await scene.send(1)).error == "receipt_unsigned"
    stranger = made("stranger", -1, 1)
    scene.table = table(Demand(envelope="signed", signed_receipts=True), stranger)
    assert (await scene.send(2)).error == "receipt_signature"
    scene.table = table(Demand(envelope="signed", signed_receipts=True), *scene.theirs)
    assert arrived(await scene.send(2), signed=True)


async def test_a_signed_refusal_is_final(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = Opener.receipt

    def refusing(self: Opener, key: str, sha256: str, _outcome: Any, at: Any) -> bytes:
        return sign(self, key, sha256, ReceiptOutcome.REFUSED, at)

    monkeypatch.setattr(Opener, "receipt", refusing)
    scene.table = table(Demand(envelope="signed", signed_receipts=True), *scene.theirs)
    outcome = await scene.send(1)
    assert (outcome.error, outcome.verdict.value) == ("receipt_refused", "permanent")
    assert outcome.receipt is not None
    assert outcome.receipt.outcome == "refused"


async def test_the_exchange_takes_no_envelope_that_somebody_else_signed(scene: Scene) -> None:
    scene.table = table(Demand(envelope="sealed"), *scene.theirs)
    outcome = await scene.send(1, ours=(made("stranger", -1, 1),))
    assert outcome.error == "http_422"
    assert (await scene.exchange.counts()).batches == 0


def test_a_demand_without_the_certificate_for_it_is_a_mistake_in_the_table(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_bytes(certificate_pem(made("x", -1, 400)))
    head = 'version = 1\nissued = 2026-11-20\n[[partner]]\njurisdiction = "exchange"\n'
    certificate = '[[partner.certificate]]\nfile = "x.pem"\nuse = ["tls"]\n'
    file = tmp_path / "partners.toml"
    file.write_text(head + 'envelope = "sealed"\nsigned_receipts = true\n' + certificate)
    problems = "\n".join(check_partners(file).problems)
    assert "needs a certificate of theirs for encrypt" in problems
    assert "needs a certificate of theirs for sign" in problems
    file.write_text(head + 'envelope = "parcel"\n' + certificate)
    assert check_partners(file).problems
    file.write_text(head + 'envelope = "signed"\n' + certificate)
    found = check_partners(file)
    assert found.partners is not None
    assert found.partners.demand(EXCHANGE) == Demand(envelope="signed")
    assert found.partners.demand("20") == Demand()
