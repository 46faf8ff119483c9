"""The service listens with TLS, knows its partners, and does not start in the clear on a network."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from pydantic import ValidationError

from csenet.gateway.app import GatewayApp
from csenet.gateway.clock import SystemClock
from csenet.gateway.delivery.transports.folder import FolderTransport
from csenet.gateway.delivery.transports.http import HttpTransport
from csenet.gateway.delivery.transports.sftp import SftpTransport
from csenet.gateway.errors import GatewayError
from csenet.gateway.links import identities_of, sftp_intakes_of, transport_of, trust_of
from csenet.gateway.partners import PartnersError
from csenet.gateway.people import tokens
from csenet.gateway.settings.model import EnvelopeSection, HttpSection, Settings
from csenet.gateway.tls import TlsError, client_context

from ..codecs.envelope_people import certificate_pem, identity, key_pem
from .conftest import QUIET, arriving, lines

BATCH = lines(arriving("MSC R GRINT", 1))


class Files:
    """Certificates and keys on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        self.server = self.write(authority.issue_cert("localhost"), "server")
        self.kansas = self.write(authority.issue_cert("kansas.example"), "kansas")
        (folder / "known_hosts").write_text("")
        self.table(1)

    def write(self, made: trustme.LeafCert, name: str) -> tuple[Path, Path]:
        pair = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        pair[0].write_bytes(made.cert_chain_pems[0].bytes())
        made.private_key_pem.write_to_path(pair[1])
        return pair

    def table(self, version: int, more: str = "") -> Path:
        file = self.folder / "partners.toml"
        file.write_text(
            f'version = {version}\nissued = 2026-11-21\n[[partner]]\njurisdiction = "20"\n'
            f'[[partner.certificate]]\nfile = "kansas.pem"\nuse = ["tls"]\n{more}'
        )
        return file

    def settings(self, **more: Any) -> Settings:
        tree: dict[str, Any] = {
            "gateway": {"jurisdiction": "27", "data_dir": self.folder / "data"},
            "delivery": {"folder": {"path": self.folder / "out"}},
            "http": {"port": 0},
        }
        return Settings(**{**tree, **more})

    def tls(self, **more: Any) -> dict[str, Any]:
        return {"certificate": self.server[0], "key": self.server[1], "client_ca": self.ca, **more}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[GatewayApp]:
    app = GatewayApp(settings)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def token(app: GatewayApp, role: str) -> dict[str, str]:
    assert app.store is not None
    assert app.clock is not None
    async with app.store.begin() as conn:
        secret = await tokens.create(conn, role, role, app.clock.now())
    return {"Authorization": f"Bearer {secret}"}


async def test_a_partner_posts_with_certificate_and_token(files: Files) -> None:
    settings = files.settings(
        http={"port": 0, "tls": files.tls(client_certificates="optional")},
        partners={"file": files.folder / "partners.toml"},
    )
    bare = client_context(files.ca)
    shown: ssl.SSLContext = client_context(files.ca, *files.kansas)
    async with running(settings) as app, aiohttp.ClientSession() as session:
        url = f"https://localhost:{app.port}"
        async with session.get(f"{url}/healthz", ssl=bare) as answer:
            assert answer.status == 200
        headers = await token(app, "exchange")
        statuses = []
        for tls, more in ((bare, headers), (shown, {}), (shown, headers), (shown, headers)):
            async with session.post(
                f"{url}/v1/exchange/batches", data=BATCH, headers=more, ssl=tls
            ) as answer:
                statuses.append(answer.status)
        assert statuses == [403, 401, 202, 200]


async def test_where_certificates_are_required_nothing_is_answered_without_one(files: Files) -> None:
    settings = files.settings(
        http={"port": 0, "tls": files.tls()}, partners={"file": files.folder / "partners.toml"}
    )
    async with running(settings) as app, aiohttp.ClientSession() as session:
        url = f"https://localhost:{app.port}/healthz"
        with pytest.raises(aiohttp.ClientError):
            await session.get(url, ssl=client_context(files.ca))
        async with session.get(url, ssl=client_context(files.ca, *files.kansas)) as answer:
            assert answer.status == 200


async def test_changed_agreements_count_without_a_restart(files: Files) -> None:
    settings = files.settings(partners={"file": files.folder / "partners.toml"})
    async with running(settings) as app:
        assert app.desk is not None
        assert app.partners is not None
        today = app.desk.clock.today()

        def allowed() -> Any:
            assert app.desk is not None
            return app.desk.agency.agreements.may_exchange("20", "COL", "send", today).value  # type: ignore[union-attr]

        assert allowed() is True
        row = 'partner = "20"\nfunction = "COL"\nallowed = false\ncitation = "c"\ntext = "t"\n'
        files.table(2, f"[[agreement]]\n{row}")
        assert await app.partners.look()
        assert allowed() is False
        files.table(3, "[[agreement]]\n")
        assert not await app.partners.look()
        assert allowed() is False


async def test_a_wrong_table_of_partners_stops_the_start(files: Files) -> None:
    files.table(0)
    settings = files.settings(partners={"file": files.folder / "partners.toml"})
    with pytest.raises(PartnersError, match="version"):
        await GatewayApp(settings).start()


async def test_client_certificates_need_a_table_that_says_whose_they_are(files: Files) -> None:
    settings = files.settings(http={"port": 0, "tls": files.tls()})
    with pytest.raises(GatewayError, match=r"needs \[partners\] file"):
        await GatewayApp(settings).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "gateway.example", ""])
def test_plaintext_on_a_network_is_refused(files: Files, host: str) -> None:
    with pytest.raises(ValidationError):
        HttpSection(host=host)
    if host:
        assert HttpSection.model_validate({"host": host, "tls": files.tls()}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.0.1", "::1", "localhost"])
def test_plaintext_on_the_machine_itself_is_fine(host: str) -> None:
    assert HttpSection(host=host).tls is None


class TestWaysOut:
    def test_plaintext_to_a_network_is_refused(self, files: Files) -> None:
        settings = files.settings(delivery={"http": {"url": "http://exchange.example/v1"}})
        with pytest.raises(TlsError, match=r"delivery.http.url: plaintext to exchange.example"):
            transport_of(settings, None)  # type: ignore[arg-type]

    async def test_each_way_is_built_from_its_section(self, files: Files) -> None:
        clock = SystemClock()
        sftp = {
            "host": "sftp.example",
            "user": "minnesota",
            "key": files.kansas[1],
            "known_hosts": files.folder / "known_hosts",
        }
        https = {
            "url": "https://exchange.example/v1",
            "ca": files.ca,
            "certificate": files.kansas[0],
            "key": files.kansas[1],
        }
        for section, kind in (
            ({"folder": {"path": files.folder}}, FolderTransport),
            ({"http": {"url": "http://127.0.0.1:1/v1"}}, HttpTransport),
            ({"http": https}, HttpTransport),
            ({"sftp": sftp}, SftpTransport),
        ):
            assert isinstance(transport_of(files.settings(delivery=section), clock), kind)
        with pytest.raises(GatewayError, match="no way out"):
            transport_of(files.settings(delivery={}), clock)
        desk: Any = None

        def fetching(**sections: Any) -> list[str]:
            return list(sftp_intakes_of(files.settings(**sections), desk, clock, QUIET, lambda: False, desk))

        assert fetching() == []
        assert fetching(intake={"sftp": sftp}) == ["fetching"]
        # Where our batches go, receipts lie beside them; once is enough if that is where files come from.
        out = {"sftp": sftp, "receipts_within": "4h"}
        assert fetching(delivery={"sftp": sftp}) == []
        assert fetching(delivery=out) == ["receipts"]
        assert fetching(delivery=out, intake={"sftp": sftp}) == ["fetching"]
        assert fetching(delivery=out, intake={"sftp": {**sftp, "folder": "from"}}) == ["fetching", "receipts"]

    @pytest.mark.parametrize(
        "http",
        [
            {"url": "https://x.example", "certificate": "server.pem"},
            {"url": "https://x.example", "key": "server.key"},
            {"url": "http://127.0.0.1", "ca": "ca.pem"},
            {"url": "https://x.example", "ca": "nowhere.pem"},
        ],
    )
    def test_half_a_pair_and_files_without_use_are_refused(self, files: Files, http: dict[str, str]) -> None:
        made = {name: value if name == "url" else files.folder / value for name, value in http.items()}
        with pytest.raises(ValidationError):
            files.settings(delivery={"http": made})


class TestOurOwnKeys:
    def pair(self, files: Files, prefix: str, kind: str) -> dict[str, Path]:
        us = identity(kind)
        certificate, key = files.folder / f"{kind}.pem", files.folder / f"{kind}.key"
        certificate.write_bytes(certificate_pem(us))
        key.write_bytes(key_pem(us))
        return {f"{prefix}certificate": certificate, f"{prefix}key": key}

    def test_the_pair_in_use_and_the_one_that_follows_are_read(self, files: Files) -> None:
        both = {**self.pair(files, "", "rsa"), **self.pair(files, "next_", "p256")}
        found = identities_of(EnvelopeSection(**both))
        assert [each.certificate for each in found] == [
            identity("rsa").certificate,
            identity("p256").certificate,
        ]
        assert identities_of(EnvelopeSection()) == ()
        with pytest.raises(ValidationError):
            EnvelopeSection(**self.pair(files, "next_", "p256"))
        with pytest.raises(ValidationError):
            EnvelopeSection(certificate=files.ca)

    def test_a_pair_that_does_not_fit_stops_the_start(self, files: Files) -> None:
        wrong = {**self.pair(files, "", "rsa"), "key": self.pair(files, "", "p256")["key"]}
        with pytest.raises(GatewayError, match="cannot be used: key_mismatch"):
            identities_of(EnvelopeSection(**wrong))
        with pytest.raises(GatewayError, match="cannot be used: key_mismatch"):
            trust_of(files.settings(envelope=wrong), None, SystemClock(), QUIET)
