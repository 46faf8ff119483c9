"""TLS on both sides: who may talk to whom, and the reason in one word where somebody may not."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import trustme
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from csenet.gateway import tls_revoked
from csenet.gateway.delivery.retry import DELIVERED, Outcome, Verdict
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.delivery.transports.http import HttpTransport
from csenet.gateway.tls import TlsError, client_context, peer_fingerprint, refusal, server_context

from .patience import BOUND

PAYLOAD = b"transaction 1\n"
PARCEL = Parcel(
    key="B-1", name="B-1.txt", payload=PAYLOAD, sha256=hashlib.sha256(PAYLOAD).hexdigest(), count=1
)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


class Files:
    """Certificates on disk, as operators have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.other = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca)
        self.other_ca = folder / "other-ca.pem"
        self.other.cert_pem.write_to_path(self.other_ca)

    def issue(self, name: str, *hosts: str, ca: trustme.CA | None = None, **more: Any) -> tuple[Path, Path]:
        made = (ca or self.authority).issue_cert(*(hosts or ("localhost",)), **more)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return certificate, key

    def by_hand(self, name: str, key: Any, digest: Any = None) -> tuple[Path, Path]:
        """Make a certificate for localhost that its own key signed."""
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        made = (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(who)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(YESTERDAY)
            .not_valid_after(YESTERDAY + timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, digest or hashes.SHA256())
        )
        certificate, file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, file


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


class Seen:
    """What a server has seen of its callers."""

    def __init__(self) -> None:
        self.fingerprints: list[str | None] = []
        self.connections: set[int] = set()
        self.versions: set[str] = set()


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None) -> AsyncIterator[tuple[str, Seen]]:
    """Run a server that gives good receipts."""
    seen = Seen()

    async def receive(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.fingerprints.append(peer_fingerprint(request.transport))
        seen.connections.add(request.transport.get_extra_info("peername")[1])
        connection = request.transport.get_extra_info("ssl_object")
        if connection is not None:
            seen.versions.add(connection.version())
        digest = hashlib.sha256(await request.read()).hexdigest()
        return web.json_response({"sha256": digest}, status=202)

    app = web.Application()
    app.router.add_post("/batches", receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}/batches", seen
    finally:
        await runner.cleanup()


async def deliver(url: str, tls: ssl.SSLContext, times: int = 1) -> list[Outcome]:
    async def nothing() -> None:
        raise AssertionError("HTTP has no spool")

    transport = HttpTransport(url, timeout_seconds=BOUND, connect_seconds=BOUND, read_seconds=BOUND, tls=tls)
    try:
        found = [await transport.deliver(PARCEL, nothing) for _ in range(times)]
        return [msgspec.structs.replace(each, receipt=None) for each in found]
    finally:
        await transport.close()


async def test_both_sides_show_certificates_and_keep_the_connection(files: Files) -> None:
    ours = files.issue("ours", "minnesota.example")
    server = server_context(*files.issue("server"), files.ca)
    async with serving(server) as (url, seen):
        assert await deliver(url, client_context(files.ca, *ours), 5) == [DELIVERED] * 5
    shown = ssl.PEM_cert_to_DER_cert(ours[0].read_text())
    assert set(seen.fingerprints) == {hashlib.sha256(shown).hexdigest()}
    assert len(seen.connections) == 1


async def test_a_caller_may_show_no_certificate_where_that_is_optional(files: Files) -> None:
    server = server_context(*files.issue("server"), files.ca, optional=True)
    async with serving(server) as (url, seen):
        assert await deliver(url, client_context(files.ca)) == [DELIVERED]
    assert seen.fingerprints == [None]


Make = Callable[[Files], tuple[Path, Path]]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda files: files.issue("s", not_after=YESTERDAY), "tls_expired"),
        (lambda files: files.issue("s", not_before=YESTERDAY + timedelta(days=9)), "tls_not_yet_valid"),
        (lambda files: files.issue("s", "elsewhere.example"), "tls_wrong_host"),
        (lambda files: files.issue("s", ca=files.other), "tls_untrusted"),
        (lambda files: files.by_hand("s", ec.generate_private_key(ec.SECP256R1())), "tls_self_signed"),
    ],
)
async def test_a_server_that_is_not_what_it_should_be_is_refused_with_the_reason(
    files: Files, make: Make, reason: str
) -> None:
    async with serving(server_context(*make(files))) as (url, seen):
        [outcome] = await deliver(url, client_context(files.ca))
    assert (outcome.verdict, outcome.error) == (Verdict.TRANSIENT, reason)
    assert seen.fingerprints == []


async def test_a_server_with_a_weak_key_is_refused(files: Files) -> None:
    weak = files.by_hand("weak", rsa.generate_private_key(65537, 1024))
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    careless.set_ciphers("DEFAULT:@SECLEVEL=0")
    careless.load_cert_chain(*weak)
    async with serving(careless) as (url, seen):
        [outcome] = await deliver(url, client_context(weak[0]))
    assert outcome.error == "tls_weak"
    assert seen.fingerprints == []


async def heard(url: str, tls: ssl.SSLContext) -> str:
    """Try to deliver where that cannot succeed, and say what the caller heard of it.

    The event loop may drop the connection before its last word is out; then there is only the failure.
    """
    try:
        [outcome] = await deliver(url, tls)
    except aiohttp.ClientError:
        return "nothing"
    assert outcome.verdict is Verdict.TRANSIENT
    return outcome.error


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (None, "tls_no_certificate"),
        (lambda files: files.issue("c", not_after=YESTERDAY), "tls_expired"),
        (lambda files: files.issue("c", not_before=YESTERDAY + timedelta(days=9)), "tls_not_yet_valid"),
        (lambda files: files.issue("c", ca=files.other), "tls_untrusted"),
        (lambda files: files.by_hand("c", ec.generate_private_key(ec.SECP256R1())), "tls_self_signed"),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_caller_that_is_not_who_it_should_be_is_refused_with_the_reason(
    files: Files, make: Make | None, reason: str, version: ssl.TLSVersion
) -> None:
    reasons: list[str] = []
    server = server_context(*files.issue("server"), files.ca, refused=reasons.append)
    server.maximum_version = version
    client = client_context(files.ca, *(make(files) if make else ()))
    async with serving(server) as (url, seen):
        word = await heard(url, client)
    assert word == "nothing" or word.startswith("tls_ours_")
    assert set(reasons) == {reason}
    assert seen.fingerprints == []


async def test_a_caller_with_a_weak_key_is_refused(files: Files) -> None:
    reasons: list[str] = []
    weak = files.by_hand("weak", rsa.generate_private_key(65537, 1024))
    server = server_context(*files.issue("server"), weak[0], refused=reasons.append)
    client = client_context(files.ca)
    client.set_ciphers("DEFAULT:@SECLEVEL=0")
    client.load_cert_chain(*weak)
    async with serving(server) as (url, seen):
        await heard(url, client)
    assert set(reasons) == {"tls_weak"}
    assert seen.fingerprints == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_nothing_older_than_tls_1_2_is_spoken(files: Files) -> None:
    reasons: list[str] = []
    old = client_context(files.ca)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(server_context(*files.issue("server"), refused=reasons.append)) as (url, seen):
        await heard(url, old)
    assert set(reasons) == {"tls_version"}
    assert seen.fingerprints == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_of_today_are_spoken(files: Files, version: ssl.TLSVersion) -> None:
    client = client_context(files.ca)
    client.maximum_version = version
    async with serving(server_context(*files.issue("server"))) as (url, seen):
        assert await deliver(url, client) == [DELIVERED]
    assert seen.versions == {version.name.replace("_", ".")}


async def test_a_server_that_speaks_no_tls_gets_nothing(files: Files) -> None:
    async with serving(None) as (url, seen):
        [outcome] = await deliver(url, client_context(files.ca))
    assert outcome.error in {"tls_not_spoken", "tls_failed"}
    assert seen.fingerprints == []


async def test_an_answer_that_does_not_come_is_given_up_in_time(files: Files) -> None:
    held = asyncio.Event()

    async def hold(request: web.Request) -> web.Response:
        await held.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/batches", hold)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/batches"
    for limits in ({"read_seconds": 0.05}, {"timeout_seconds": 0.05}):
        transport = HttpTransport(url, **limits)  # type: ignore[arg-type]
        with pytest.raises(TimeoutError):
            await transport.deliver(PARCEL, held.wait)  # type: ignore[arg-type]
        await transport.close()
    held.set()
    await runner.cleanup()


class TestFilesThatCannotBeUsed:
    def test_a_key_of_another_certificate(self, files: Files) -> None:
        certificate, key = files.issue("a")[0], files.issue("b")[1]
        with pytest.raises(TlsError, match="the key does not belong to the certificate"):
            server_context(certificate, key)

    def test_a_short_key(self, files: Files) -> None:
        pair = files.by_hand("weak", rsa.generate_private_key(65537, 1024))
        with pytest.raises(TlsError, match="key is too short; use RSA with 2,048 bits"):
            server_context(*pair)
        with pytest.raises(TlsError, match="key is too short"):
            client_context(files.ca, *pair)

    def test_no_pem_at_all(self, files: Files) -> None:
        rubbish = files.folder / "rubbish"
        rubbish.write_text("rubbish")
        with pytest.raises(TlsError, match="no certificate and unencrypted key in PEM form"):
            server_context(rubbish, rubbish)
        with pytest.raises(TlsError, match="holds no certificate in PEM form"):
            client_context(rubbish)

    def test_a_key_with_a_passphrase_asks_nobody(self, files: Files) -> None:
        certificate, key = files.by_hand("locked", ec.generate_private_key(ec.SECP256R1()))
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        key.write_bytes(
            loaded.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"word"),
            )
        )
        with pytest.raises(TlsError, match="unencrypted key"):
            server_context(certificate, key)

    def test_no_file(self, files: Files) -> None:
        missing = files.folder / "missing"
        with pytest.raises(TlsError, match="cannot be read"):
            server_context(missing, missing)


def test_other_failures_are_no_refusals() -> None:
    assert refusal(OSError("disk")) is None
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = ssl.SSLError(1, "x")
    wrapped.__cause__.__context__ = wrapped
    assert refusal(wrapped) == "tls_failed"


def revoking(files: Files, *certificates: Path, until: datetime | None = None, days: int = 2) -> Path:
    """Write the authority's list of what it revoked."""
    key = serialization.load_pem_private_key(files.authority.private_key_pem.bytes(), None)
    issuer = x509.load_pem_x509_certificate(files.authority.cert_pem.bytes()).subject
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(now - timedelta(days=days))
    )
    builder = builder.next_update(until or now + timedelta(days=1))
    for each in certificates:
        number = x509.load_pem_x509_certificate(each.read_bytes()).serial_number
        gone = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
        builder = builder.add_revoked_certificate(gone)
    file = files.folder / "crl.pem"
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


async def test_a_caller_whose_certificate_was_revoked_is_refused(files: Files) -> None:
    good, bad = files.issue("good"), files.issue("bad")
    reasons: list[str] = []
    crl = revoking(files, bad[0])
    server = server_context(*files.issue("server"), files.ca, crl=crl, refused=reasons.append)
    async with serving(server) as (url, seen):
        word = await heard(url, client_context(files.ca, *bad))
        assert word == "nothing" or word.startswith("tls_ours_")
        await deliver(url, client_context(files.ca, *good))
    assert (set(reasons), len(seen.fingerprints)) == ({"tls_revoked"}, 1)


async def test_a_server_whose_certificate_was_revoked_is_refused(files: Files) -> None:
    server = files.issue("server")
    async with serving(server_context(*server)) as (url, seen):
        revoked = client_context(files.ca, crl=revoking(files, server[0]))
        assert await heard(url, revoked) == "tls_revoked"
        old = client_context(files.ca, crl=revoking(files, until=YESTERDAY))
        assert await heard(url, old) == "tls_crl_expired"
        await deliver(url, client_context(files.ca, crl=revoking(files)))
    assert len(seen.fingerprints) == 1


def test_a_list_of_revoked_certificates_must_be_one(files: Files) -> None:
    for file in (files.ca, files.folder / "none.pem"):
        with pytest.raises(TlsError, match="list of revoked certificates"):
            client_context(files.ca, crl=file)


async def test_what_is_revoked_later_is_refused_without_a_restart(files: Files) -> None:
    ours, theirs = files.issue("ours"), files.issue("server")
    crl = revoking(files)
    reasons: list[str] = []
    server = server_context(*theirs, files.ca, crl=crl, refused=reasons.append)
    client = client_context(files.ca, *ours)
    async with serving(server) as (url, seen):
        assert await deliver(url, client) == [DELIVERED]
        revoking(files, ours[0], days=1)
        await heard(url, client)
    assert (set(reasons), len(seen.fingerprints)) == ({"tls_revoked"}, 1)
    client = client_context(files.ca, crl=revoking(files))
    async with serving(server_context(*theirs)) as (url, seen):
        assert await deliver(url, client) == [DELIVERED]
        revoking(files, theirs[0], days=1)
        assert await heard(url, client) == "tls_revoked"
    assert len(seen.fingerprints) == 1


@pytest.mark.parametrize("wrong", ["rubbish", "", "certificate", None])
async def test_a_wrong_list_leaves_the_earlier_one_in_force(files: Files, wrong: str | None) -> None:
    good, bad, stranger = files.issue("good"), files.issue("bad"), files.issue("c", ca=files.other)
    crl = revoking(files, bad[0])
    reasons: list[str] = []
    server = server_context(*files.issue("server"), files.ca, crl=crl, refused=reasons.append)
    if wrong is None:
        crl.unlink()
    else:
        crl.write_text(files.other_ca.read_text() + crl.read_text() if wrong == "certificate" else wrong)
    with capture_logs() as lines:
        async with serving(server) as (url, seen):
            assert await deliver(url, client_context(files.ca, *good)) == [DELIVERED]
            await heard(url, client_context(files.ca, *bad))
            await heard(url, client_context(files.ca, *stranger))
    assert [line["event"] for line in lines] == ["tls.crl_refused"]
    assert set(reasons) == {"tls_revoked", "tls_untrusted"}
    assert len(seen.fingerprints) == 1


def taken_up(
    url: str, client: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[bool, Any, bool]:
    """Ask once; give whether an answer came, the session, and whether it is the one given."""
    ask = b"POST /batches HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
    port = int(url.rpartition(":")[2].partition("/")[0])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=BOUND) as plain,
        client.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
    ):
        try:
            connection.sendall(ask)
            answered = b" 202 " in connection.recv(100)
        except OSError:
            answered = False
        return answered, connection.session, connection.session_reused


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("optional", [False, True])
async def test_who_is_revoked_does_not_come_back_by_an_earlier_session(
    files: Files, version: ssl.TLSVersion, optional: bool
) -> None:
    ours, theirs, reasons = files.issue("ours"), files.issue("server"), list[str]()
    crl = revoking(files)
    server = server_context(*theirs, files.ca, crl=crl, optional=optional, refused=reasons.append)
    client = client_context(files.ca, *ours)
    client.minimum_version = client.maximum_version = version
    async with serving(server) as (url, seen):
        answered, session, _ = await asyncio.to_thread(taken_up, url, client)
        assert (answered, session.has_ticket) == (True, False)
        answered, _, again = await asyncio.to_thread(taken_up, url, client, session)
        assert (answered, again) == (True, version is ssl.TLSVersion.TLSv1_2)
        assert len(set(seen.fingerprints)) == 1
        revoking(files, ours[0], days=1)
        answered, _, _ = await asyncio.to_thread(taken_up, url, client, session)
        assert (answered, reasons, len(seen.fingerprints)) == (False, ["tls_revoked"], 2)


async def test_an_open_connection_ends_once_its_certificate_is_revoked(files: Files) -> None:
    ours, other, theirs = files.issue("ours"), files.issue("other"), files.issue("server")
    crl, reasons = revoking(files), list[str]()
    server = server_context(*theirs, files.ca, crl=crl, refused=reasons.append)
    async with serving(server) as (url, seen), aiohttp.ClientSession() as session:

        async def asked(pair: tuple[Path, Path]) -> int:
            async with session.post(url, data=PAYLOAD, ssl=contexts[pair]) as answer:
                return answer.status

        contexts = {pair: client_context(files.ca, *pair) for pair in (ours, other)}
        assert [await asked(ours), await asked(other)] == [202, 202]
        revoking(files, ours[0], days=1)
        with pytest.raises(aiohttp.ClientError):
            await asked(ours)
        assert await asked(other) == 202
    assert set(reasons) == {"tls_revoked"}
    assert (len(seen.fingerprints), len(seen.connections)) == (3, 2)


async def test_an_expired_certificate_does_not_come_back_by_an_earlier_session(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    server = server_context(*files.issue("server"), files.ca, refused=(reasons := list[str]()).append)
    client = client_context(files.ca, *files.issue("ours", not_after=soon))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(server) as (url, _):
        _, session, _ = await asyncio.to_thread(taken_up, url, client)
        monkeypatch.setattr(tls_revoked, "now", lambda: soon + timedelta(hours=1))
        answered, _, _ = await asyncio.to_thread(taken_up, url, client, session)
    assert (answered, reasons) == (False, ["tls_expired"])
