"""Batches over HTTP: who sends them is known by certificate and signature, and one key is one batch."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog
import trustme
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from csenet.codecs import envelope, errorfile, flatfile, transaction, xmlform
from csenet.codecs.envelope import Identity, ReceiptOutcome
from csenet.codecs.flatfile import Framing
from csenet.codecs.transaction import Direction
from csenet.gateway.clock import ManualClock
from csenet.gateway.intake.http import PATH, add_exchange_routes
from csenet.gateway.intake.trust import StoreKeys, Trust
from csenet.gateway.partners import Partners, load_partners
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.tls import client_context, server_context

from ..codecs.envelope_people import NOON, certificate_pem, identity, pin
from .conftest import arriving, lines

OURS, KANSAS, STRANGER = identity("rsa"), identity("p256", "kansas"), identity("p256", "stranger")
OUR_NEXT = identity("p384", "next")
BATCH = lines(arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2))
CMS = {"Content-Type": "application/pkcs7-mime", "Idempotency-Key": "KS-1"}


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    sha256: str
    name: str
    duplicate: bool = False


class Desk:
    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.kept: dict[str, bytes] = {}
        self.sources: list[str] = []

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        self.sources.append(source)
        digest = hashlib.sha256(raw).hexdigest()
        known = digest in self.kept
        self.kept[digest] = raw
        return Receipt(sha256=digest, name=name, duplicate=known)

    async def settle(self, file_id: int) -> None:
        raise AssertionError("settling is not the caller's business")


def table(folder: Path, *rows: tuple[str, str, bytes], version: int = 1) -> Partners:
    """Write a table with one certificate each: jurisdiction, uses, PEM."""
    text = [f"version = {version}\nissued = 2026-11-21\n"]
    for number, (jurisdiction, uses, pem) in enumerate(rows):
        (folder / f"{number}.pem").write_bytes(pem)
        text.append(
            f'[[partner]]\njurisdiction = "{jurisdiction}"\n'
            f'[[partner.certificate]]\nfile = "{number}.pem"\nuse = [{uses}]\n'
        )
    (folder / "partners.toml").write_text("".join(text))
    return load_partners(folder / "partners.toml")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "keys.db")
    yield opened
    await opened.close()


@pytest.fixture
async def client(tmp_path: Path, desk: Desk, clock: ManualClock, store: Store, aiohttp_client: Any) -> Any:
    partners = table(tmp_path, ("20", '"sign"', certificate_pem(KANSAS)))
    trust = Trust(lambda: partners, clock, structlog.get_logger(), identities=(OURS, OUR_NEXT))
    app = web.Application()
    add_exchange_routes(app, desk, trust=trust, keys=StoreKeys(store, clock))
    made: TestClient[web.Request, web.Application] = await aiohttp_client(TestServer(app))
    return made


def as_xml(raw: bytes) -> bytes:
    found = transaction.read(raw, Direction.FROM_SERVER).transaction
    assert found is not None
    return xmlform.OPENING + xmlform.dump(found) + xmlform.CLOSING


class TestEnvelopes:
    @pytest.mark.parametrize("ours", [OURS, OUR_NEXT])
    @pytest.mark.parametrize("authenticated", [True, False])
    async def test_a_sealed_batch_is_opened_and_gets_a_signed_receipt(
        self, desk: Desk, client: Any, ours: Identity, authenticated: bool
    ) -> None:
        sealed = envelope.seal(BATCH, KANSAS, [pin(ours)], NOON, authenticated=authenticated)
        answer = await client.post(PATH, data=sealed, headers=CMS)
        assert answer.status == 202
        told = await answer.json()
        digest = hashlib.sha256(BATCH).hexdigest()
        assert (told["sha256"], list(desk.kept.values())) == (digest, [BATCH])
        signed = base64.b64decode(told["signed_receipt"])
        found = envelope.verify_receipt(signed, [pin(OURS)], NOON, key="KS-1", sha256=digest)
        assert (found.outcome, found.time) == (ReceiptOutcome.ACCEPTED, NOON)
        again = await (await client.post(PATH, data=sealed, headers=CMS)).json()
        signed = base64.b64decode(again["signed_receipt"])
        assert envelope.verify_receipt(signed, [pin(OURS)], NOON).outcome is ReceiptOutcome.DUPLICATE

    async def test_a_signed_batch_needs_no_encryption(self, desk: Desk, client: Any) -> None:
        answer = await client.post(PATH, data=envelope.sign(BATCH, KANSAS, NOON), headers=CMS)
        assert answer.status == 202
        assert list(desk.kept.values()) == [BATCH]
        assert desk.sources == ["http:20"]

    async def test_what_does_not_prove_its_sender_is_refused_without_saying_why(
        self, desk: Desk, client: Any, clock: ManualClock
    ) -> None:
        sealed = envelope.seal(BATCH, KANSAS, [pin(OURS)], NOON)
        flipped = sealed[:-9] + bytes((sealed[-9] ^ 1,)) + sealed[-8:]
        wrong = (
            envelope.seal(BATCH, STRANGER, [pin(OURS)], NOON),
            envelope.sign(BATCH, STRANGER, NOON),
            envelope.encrypt(BATCH, [pin(OURS)], NOON),
            envelope.seal(BATCH, KANSAS, [pin(STRANGER)], NOON),
            flipped,
            BATCH,
            b"",
        )
        texts = set()
        for body in wrong:
            answer = await client.post(PATH, data=body, headers=CMS)
            assert answer.status == 422
            texts.add(await answer.text())
        assert len(texts) == 1
        clock.advance(days=31 * 365)
        assert (await client.post(PATH, data=sealed, headers=CMS)).status == 422
        assert desk.kept == {}

    async def test_a_state_speaks_for_itself_only(self, desk: Desk, client: Any) -> None:
        mixed = lines(arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2, sender="19"))
        answer = await client.post(PATH, data=envelope.sign(mixed, KANSAS, NOON), headers=CMS)
        assert answer.status == 403
        assert desk.kept == {}

    @pytest.mark.parametrize("framing", list(Framing))
    async def test_a_state_cannot_speak_for_another_or_the_exchange_in_any_form(
        self, desk: Desk, client: Any, framing: Framing
    ) -> None:
        foreign = arriving("MSC R GRINT", 2, sender="19")
        refusal = errorfile.write(errorfile.ErrorRecord(txn_counter="1", serial="000000000001"))
        for raw in (foreign, refusal):
            batch = flatfile.encode([raw], framing, Direction.FROM_SERVER, flatfile.Encoding.CP037)
            answer = await client.post(PATH, data=envelope.sign(batch, KANSAS, NOON), headers=CMS)
            assert answer.status == 403
        assert desk.kept == {}

    async def test_the_flat_form_goes_on_as_before(self, desk: Desk, client: Any) -> None:
        answer = await client.post(PATH, data=BATCH)
        assert answer.status == 202
        assert "signed_receipt" not in await answer.json()

    @pytest.mark.parametrize("kind", ["multipart/form-data", "application/json"])
    async def test_other_forms_are_not_taken_for_flat_ones(self, client: Any, kind: str) -> None:
        assert (await client.post(PATH, data=BATCH, headers={"Content-Type": kind})).status == 415

    @pytest.mark.parametrize("kind", ["application/xml", "text/xml; charset=utf-8"])
    async def test_xml_is_kept_as_it_came(self, desk: Desk, client: Any, kind: str) -> None:
        data = as_xml(arriving("MSC R GRINT", 1))
        answer = await client.post(PATH, data=data, headers={"Content-Type": kind})
        assert (answer.status, list(desk.kept.values())) == (202, [data])

    async def test_what_is_called_xml_and_is_none_is_refused(self, desk: Desk, client: Any) -> None:
        answer = await client.post(PATH, data=BATCH, headers={"Content-Type": "application/xml"})
        assert (answer.status, desk.kept) == (400, {})

    async def test_a_state_speaks_for_itself_in_xml_as_well(self, desk: Desk, client: Any) -> None:
        for sender, status in (("19", 403), ("20", 202)):
            data = as_xml(arriving("MSC R GRINT", 2, sender=sender))
            answer = await client.post(PATH, data=envelope.sign(data, KANSAS, NOON), headers=CMS)
            assert answer.status == status
        assert list(desk.kept.values()) == [data]

    async def test_without_partners_there_are_no_envelopes(self, desk: Desk, aiohttp_client: Any) -> None:
        app = web.Application()
        add_exchange_routes(app, desk)
        client = await aiohttp_client(TestServer(app))
        sealed = envelope.sign(BATCH, KANSAS, NOON)
        assert (await client.post(PATH, data=sealed, headers=CMS)).status == 415
        assert (await client.post(PATH, data=BATCH)).status == 202


class TestKeys:
    async def test_one_key_is_one_batch_for_good(
        self, tmp_path: Path, client: Any, desk: Desk, clock: ManualClock, store: Store
    ) -> None:
        key = {"Idempotency-Key": "K-1"}
        first = await client.post(PATH, data=BATCH, headers=key)
        again = await client.post(PATH, data=BATCH, headers=key)
        other = await client.post(PATH, data=b"other\n", headers=key)
        assert (first.status, again.status, other.status) == (202, 200, 422)
        assert list(desk.kept.values()) == [BATCH]
        await store.close()
        reopened = await open_store(tmp_path / "keys.db")
        keys = StoreKeys(reopened, clock)
        assert await keys.claim("K-1", hashlib.sha256(BATCH).hexdigest())
        assert not await keys.claim("K-1", hashlib.sha256(b"other\n").hexdigest())
        await reopened.close()

    async def test_two_at_once_under_one_key_are_one(self, store: Store, clock: ManualClock) -> None:
        keys = StoreKeys(store, clock)
        answers = await asyncio.gather(*(keys.claim("K", digit * 64) for digit in "abab"))
        assert sum(answers) == 2

    async def test_batches_without_a_key_are_known_by_their_bytes(self, client: Any, desk: Desk) -> None:
        for data, status in ((BATCH, 202), (b"other\n", 202), (BATCH, 200)):
            assert (await client.post(PATH, data=data)).status == status


class TestCertificates:
    @asynccontextmanager
    async def running(self, folder: Path, desk: Desk, uses: str = '"tls"') -> AsyncIterator[Any]:
        """Run a server that knows Kansas and the exchange by certificates of one authority."""
        self.ca = trustme.CA()
        self.ca.cert_pem.write_to_path(folder / "ca.pem")
        self.made = {name: self.ca.issue_cert(f"{name}.example") for name in ("kansas", "exchange", "iowa")}
        rows = [
            (fips, uses, self.made[name].cert_chain_pems[0].bytes())
            for name, fips in (("kansas", "20"), ("exchange", "exchange"))
        ]
        partners = table(folder, *rows)
        after = pin(KANSAS).certificate.not_valid_before_utc
        assert after < NOON
        clock = ManualClock(self.valid_moment(folder))
        trust = Trust(lambda: partners, clock, structlog.get_logger(), certificates_needed=True)
        app = web.Application()
        add_exchange_routes(app, desk, trust=trust)
        ours = self.ca.issue_cert("localhost")
        ours.private_key_and_cert_chain_pem.write_to_path(folder / "ours.pem")
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        tls = server_context(folder / "ours.pem", folder / "ours.pem", folder / "ca.pem", optional=True)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        try:
            yield f"https://localhost:{runner.addresses[0][1]}{PATH}"
        finally:
            await runner.cleanup()

    def valid_moment(self, folder: Path) -> Any:
        """trustme's certificates begin in the past and end far away; take a moment in between."""
        certificate = envelope.load_certificates((folder / "0.pem").read_bytes())[0]
        return certificate.not_valid_before_utc + timedelta(days=1)

    async def post(self, folder: Path, url: str, name: str | None, data: bytes) -> int:
        pair: tuple[Path, ...] = ()
        if name is not None:
            file = folder / f"{name}.client.pem"
            self.made[name].private_key_and_cert_chain_pem.write_to_path(file)
            pair = file, file
        tls: ssl.SSLContext = client_context(folder / "ca.pem", *pair)
        async with aiohttp.ClientSession() as session, session.post(url, data=data, ssl=tls) as answer:
            return answer.status

    @pytest.mark.parametrize(
        ("name", "sender", "status"),
        [
            ("kansas", "20", 202),
            ("kansas", "19", 403),
            ("exchange", "20", 202),
            ("exchange", "19", 202),
            ("iowa", "19", 403),
            (None, "20", 403),
        ],
    )
    async def test_the_certificate_says_who_it_is(
        self, tmp_path: Path, desk: Desk, name: str | None, sender: str, status: int
    ) -> None:
        batch = lines(arriving("MSC R GRINT", 1, sender=sender))
        async with self.running(tmp_path, desk) as url:
            assert await self.post(tmp_path, url, name, batch) == status
        known = "exchange" if name == "exchange" else "20"
        assert desk.sources == ([f"http:{known}"] if status == 202 else [])

    async def test_a_certificate_for_something_else_opens_nothing(self, tmp_path: Path, desk: Desk) -> None:
        async with self.running(tmp_path, desk, uses='"sign"') as url:
            assert await self.post(tmp_path, url, "kansas", BATCH) == 403
