"""Notices leave by e-mail over TLS, with numbers and nothing else, once; a file encrypted or not at all."""

from __future__ import annotations

import asyncio
import csv
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.errors import SettingsError
from csenet.gateway.jobs import Job, Jobs
from csenet.gateway.notify import listing, writing
from csenet.gateway.notify.noticing import NAME, Noticing
from csenet.gateway.notify.posting import Fate, MailServer, Post, Posted
from csenet.gateway.notify.writing import NoticeError
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.settings.notify import EmailSection
from csenet.gateway.store import audit, notices
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables_notices import notice

from . import test_tls
from .conftest import BOTH_STORES, QUIET, arriving, contents, facts, lines
from .test_tls import Files

ON_SQLITE = pytest.mark.parametrize("location", ["sqlite"], indirect=True)


class Mailbox:
    """Take what a server is handed, or answer as told."""

    def __init__(self) -> None:
        self.took: list[EmailMessage] = []
        self.answers: list[str] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer == "silence":
            server.transport.close()
            return "250 never heard"
        if answer.startswith("2"):
            found = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(found, EmailMessage)
            self.took.append(found)
            self.encrypted.append(session.ssl is not None or server.transport.get_extra_info("sslcontext"))
        return answer


@asynccontextmanager
async def server(
    box: Mailbox, tls: ssl.SSLContext | None, *, begins: bool = False, **more: Any
) -> AsyncIterator[int]:
    """Run a mail server on this machine."""

    def made() -> SMTP:
        starttls = {} if begins or tls is None else {"tls_context": tls, "require_starttls": True}
        return SMTP(box, **starttls, **more)

    loop = asyncio.get_running_loop()
    running = await loop.create_server(made, "127.0.0.1", 0, ssl=tls if begins else None)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def theirs(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files.issue("mail", "localhost"))
    return context


def settings(files: Files, port: int = 25, **more: Any) -> EmailSection:
    values: dict[str, Any] = {
        "host": "localhost",
        "port": port,
        "ca": files.ca,
        "sender": "gateway@agency.example",
        "console": "https://gateway.agency.example/console/work",
        "offices": {"HENNEPIN": "hennepin@agency.example"},
    }
    return EmailSection(**{**values, **more})


def to_send() -> EmailMessage:
    return writing.words().message(
        {"agency": "Minnesota", "name": "HENNEPIN", "new": "1", "overdue": "0", "console": ""},
        sender="gateway@agency.example",
        to="hennepin@agency.example",
        at=datetime(2026, 11, 20, 18, tzinfo=UTC),
        id_="csenet-1",
    )


class Recorder:
    """Stand in for a mail server, with fates in order; keeps what it was handed."""

    def __init__(self, *fates: Posted) -> None:
        self.fates, self.took = list(fates), list[EmailMessage]()

    async def send(self, message: EmailMessage) -> Posted:
        self.took.append(message)
        return self.fates.pop(0) if self.fates else Posted(Fate.SENT)


async def run(desk: Desk, post: Post, told: EmailSection) -> dict[str, Any]:
    async def work(turn: Any) -> Any:
        return await Noticing(turn, told, post).run()

    ended = await Jobs(desk, [Job(NAME, timedelta(minutes=1), work)], QUIET).run_now(NAME, actor="test")
    assert ended.outcome == "done", ended.error
    return dict(ended.result or {})


async def work_for(desk: Desk, serial: int, office: str = "HENNEPIN") -> None:
    """Open a work item and give it to an office."""
    await desk.put_case(f"MN{serial}", facts("responding"))
    told = arriving("MSC R GRPOC", serial, f"MN{serial}")
    receipt = await desk.accept(lines(told), source="test", name=f"in{serial}")
    await desk.settle(receipt.file_id)
    newest = (await desk.list_work_items()).items[-1]
    await desk.assign_work(newest.id, worker=None, office=office, actor="test")


def text_of(message: EmailMessage) -> str:
    body = message.get_body()
    assert body is not None
    return f"{message['Subject']} {body.get_content()}"


@pytest.mark.parametrize("location", BOTH_STORES, indirect=True)
async def test_a_notice_tells_numbers_and_is_sent_once(
    desk: Desk, store: Store, clock: ManualClock, files: Files
) -> None:
    post, told = Recorder(), settings(files)
    assert await run(desk, post, told) == {"made": 0, "sent": 0}
    await work_for(desk, 1)
    assert await run(desk, post, told) == {"made": 1, "sent": 1}
    assert await run(desk, post, told) == {"made": 0, "sent": 0}
    (message,) = post.took
    assert message["To"] == "hennepin@agency.example"
    assert message["Subject"] == "Minnesota: 1 new work items, 0 overdue"
    assert "https://gateway.agency.example/console/work" in text_of(message)
    for word in ("MN1", "KS1", "EXAMPLESON", "ROWAN", "NORDQUIST", "GRPOC", "Kansas", "document"):
        assert word.casefold() not in text_of(message).casefold().replace("documents are", "")
    clock.advance(timedelta(minutes=15).total_seconds())
    assert (await run(desk, post, told))["made"] == 0
    clock.advance(days=60)
    assert await run(desk, post, told) == {"made": 1, "sent": 1}
    assert "overdue work items: 1" in text_of(post.took[1]).casefold()
    assert post.took[0]["Message-ID"] != post.took[1]["Message-ID"]
    assert (await run(desk, post, told))["made"] == 0
    async with store.read() as conn:
        sent = await audit.found(conn, action="notice.sent")
    assert [row["detail"]["to"] for row in sent] == ["office HENNEPIN"] * 2


@ON_SQLITE
async def test_what_fails_is_tried_later_and_later_and_not_for_ever(
    desk: Desk, store: Store, clock: ManualClock, files: Files
) -> None:
    await work_for(desk, 1)
    post, told = Recorder(*[Posted(Fate.LATER, "smtp_451")] * 3), settings(files, attempt_limit=3)
    for advance, tries, state in ((0, 1, "waiting"), (59, 1, "waiting"), (1, 2, "waiting"), (120, 3, "dead")):
        clock.advance(advance)
        await run(desk, post, told)
        (row,) = await contents(store, notice)
        assert (len(post.took), row["state"], row["last_error"]) == (tries, state, "smtp_451")
    assert len({message["Message-ID"] for message in post.took}) == 1
    clock.advance(days=1)
    assert (await run(desk, post, told))["sent"] == 0


@ON_SQLITE
@pytest.mark.parametrize("interrupted", [True, False])
async def test_what_may_have_arrived_is_not_sent_again(
    desk: Desk, store: Store, clock: ManualClock, files: Files, interrupted: bool
) -> None:
    await work_for(desk, 1)
    post, told = Recorder(Posted(Fate.UNKNOWN, "SMTPServerDisconnected")), settings(files)
    await run(desk, post, told)
    if interrupted:
        async with store.begin() as conn:
            await notices.change(conn, 1, state="sending")
    clock.advance(days=1)
    await run(desk, post, told)
    assert [row["state"] for row in await contents(store, notice)] == ["unknown"]
    assert len(post.took) == 1
    await work_for(desk, 2)
    await run(desk, post, told)
    assert len(post.took) == 2


@ON_SQLITE
async def test_whoever_has_no_address_any_more_gets_nothing(
    desk: Desk, store: Store, clock: ManualClock, files: Files
) -> None:
    await work_for(desk, 1)
    post = Recorder(Posted(Fate.LATER, "smtp_451"))
    await run(desk, post, settings(files))
    clock.advance(60)
    await run(desk, post, settings(files, offices={}))
    assert [row["state"] for row in await contents(store, notice)] == ["dead"]
    assert len(post.took) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_server_takes_it_encrypted(files: Files, theirs: ssl.SSLContext, security: str) -> None:
    box = Mailbox()
    async with server(box, theirs, begins=security == "tls") as port:
        posted = await MailServer(settings(files, port, security=security)).send(to_send())
    assert posted == Posted(Fate.SENT)
    assert box.took[0]["Subject"] == "Minnesota: 1 new work items, 0 overdue"
    assert all(box.encrypted)


async def test_user_and_password_are_shown_over_tls_alone(
    files: Files, theirs: ssl.SSLContext, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("invented\n")
    seen: list[tuple[bytes, bytes]] = []

    def check(_server: Any, _session: Any, _envelope: Any, _way: str, told: Any) -> AuthResult:
        seen.append((told.login, told.password))
        return AuthResult(success=True)

    signed = {"user": "gateway", "password_file": tmp_path / "password"}
    box = Mailbox()
    async with server(box, theirs, authenticator=check, auth_required=True) as port:
        posted = await MailServer(settings(files, port, **signed)).send(to_send())
    assert (posted.fate, seen) == (Fate.SENT, [(b"gateway", b"invented")])


@pytest.mark.parametrize(
    ("answer", "fate", "why"),
    [
        ("451 later", Fate.LATER, "smtp_451"),
        ("550 no", Fate.NEVER, "smtp_550"),
        ("silence", Fate.UNKNOWN, "SMTPServerDisconnected"),
    ],
)
async def test_what_the_server_says_decides_what_becomes_of_it(
    files: Files, theirs: ssl.SSLContext, answer: str, fate: Fate, why: str
) -> None:
    box = Mailbox()
    box.answers = [answer]
    async with server(box, theirs) as port:
        assert await MailServer(settings(files, port)).send(to_send()) == Posted(fate, why)


@pytest.mark.parametrize("wrong", ["plain", "untrusted", "name", "nobody"])
async def test_nothing_leaves_in_the_clear_or_to_somebody_else(files: Files, wrong: str) -> None:
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if wrong == "untrusted":
        other.load_cert_chain(*files.issue("strange", "localhost", ca=files.other))
    else:
        other.load_cert_chain(*files.issue("named", "mail.example"))
    box = Mailbox()
    async with server(box, None if wrong == "plain" else other) as port:
        told = settings(files, 1 if wrong == "nobody" else port)
        posted = await MailServer(told).send(to_send())
    assert posted.fate is Fate.LATER
    assert box.took == []
    if wrong in ("untrusted", "name"):
        assert posted.why == {"untrusted": "tls_untrusted", "name": "tls_wrong_host"}[wrong]


def opened(message: EmailMessage, key: Path, folder: Path) -> EmailMessage:
    """Open a mail the way its recipient does, with OpenSSL from the mail as it came."""
    (folder / "mail").write_bytes(message.as_bytes())
    command = ["openssl", "cms", "-decrypt", "-in", "mail", "-inkey", str(key), "-out", "plain"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    found = message_from_bytes((folder / "plain").read_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("location", BOTH_STORES, indirect=True)
@pytest.mark.parametrize("kind", ["rsa", "ec"])
async def test_who_has_a_certificate_gets_the_list_and_nobody_else_can_open_it(
    desk: Desk,
    store: Store,
    files: Files,
    theirs: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    if kind == "rsa":
        certificate, key = files.issue("clerk", "clerk.example", key_type=trustme.KeyType.RSA)
    else:
        monkeypatch.setattr(test_tls, "YESTERDAY", desk.clock.now() - timedelta(days=1))
        certificate, key = files.by_hand("clerk", ec.generate_private_key(ec.SECP256R1()))
    await work_for(desk, 1)
    await work_for(desk, 2)
    await work_for(desk, 3, office="RAMSEY")
    addresses = {"HENNEPIN": "hennepin@agency.example", "RAMSEY": "ramsey@agency.example"}
    box = Mailbox()
    async with server(box, theirs) as port:
        told = settings(files, port, offices=addresses, certificates={"hennepin@agency.example": certificate})
        assert await run(desk, MailServer(told), told) == {"made": 2, "sent": 2}
    sealed, plain = sorted(box.took, key=lambda each: str(each["To"]))
    assert (sealed.get_content_type(), plain.get_content_type()) == ("application/pkcs7-mime", "text/plain")
    assert sealed["Subject"] == plain["Subject"].replace("1 new", "2 new")
    # Not the sealed part itself: three letters stand somewhere in its base64 by chance.
    readable = (str(sealed.items()), str(plain))
    assert not any(word in each for each in readable for word in ("MN1", "MN2", "MN3"))
    found = opened(sealed, key, tmp_path)
    assert "New work items since the last notice: 2" in text_of(found)
    (listed,) = found.iter_attachments()
    rows = list(csv.reader(listed.get_content().splitlines()))
    assert rows[0] == ["# for", "hennepin@agency.example"]
    assert rows[2] == ["# complete", "True"]
    assert rows[4] == list(listing.COLUMNS)
    assert [row[1] for row in rows[5:]] == ["MN1", "MN2"]
    async with store.read() as conn:
        seen = {
            each: await audit.found(conn, cases=[each], action="notice.list_sent") for each in ("MN1", "MN3")
        }
    assert [row["detail"]["to"] for row in seen["MN1"]] == ["office HENNEPIN"]
    assert seen["MN3"] == []


@ON_SQLITE
@pytest.mark.parametrize(
    ("wrong", "why"), [("text", "unreadable"), ("expired", "expired"), ("signing", "key_usage")]
)
async def test_without_a_certificate_that_counts_the_notice_goes_alone(
    desk: Desk, store: Store, files: Files, wrong: str, why: str
) -> None:
    certificate = files.folder / "wrong.pem"
    certificate.write_text("no certificate at all")
    if wrong == "expired":
        certificate, _ = files.issue("old", "clerk.example", not_after=datetime(2026, 1, 2, tzinfo=UTC))
    elif wrong == "signing":
        certificate, _ = files.issue("signing", "clerk.example", key_type=trustme.KeyType.ECDSA)
    await work_for(desk, 1)
    post, told = Recorder(), settings(files, certificates={"hennepin@agency.example": certificate})
    with capture_logs() as logged:
        desk.log = structlog.get_logger()
        assert await run(desk, post, told) == {"made": 1, "sent": 1}
    assert post.took[0].get_content_type() == "text/plain"
    assert [line["reason"] for line in logged if line["event"] == "notice.list_left_out"] == [why]
    async with store.read() as conn:
        assert await audit.found(conn, action="notice.list_sent") == []


def test_words_may_ask_for_numbers_and_nothing_else(tmp_path: Path) -> None:
    own = tmp_path / "words.toml"
    own.write_text('subject = "{new}"\nbody = "For {ncp_name}"\n')
    with pytest.raises(NoticeError, match="knows agency"):
        writing.words(own)
    own = tmp_path / "others.toml"
    own.write_text('subject = "{new} new"\nbody = "{overdue} late"\n')
    assert writing.words(own).subject == "{new} new"


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ('security = "none"', "starttls"),
        ('offices = { A = "Ada <ada@agency.example>" }', "e-mail address"),
        ('offices = { A = "a@agency.example\\nBcc: x@y.example" }', "e-mail address"),
        ('password_file = "gateway.toml"', "needs user"),
        ('certificates = { "x@agency.example" = "gateway.toml" }', "neither offices nor workers"),
    ],
)
def test_settings_that_would_not_hold_refuse_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[delivery.folder]\npath = "out"\n'
        f'[notify.email]\nhost = "mail.example"\nsender = "gateway@agency.example"\n{told}\n'
    )
    with pytest.raises(SettingsError, match=problem):
        load_settings(file, {})


@ON_SQLITE
async def test_counts_are_those_of_open_work_alone(desk: Desk, store: Store, clock: ManualClock) -> None:
    await work_for(desk, 1)
    async with store.read() as conn:
        found = await notices.counts(conn, "office", "HENNEPIN", after=0, since=None, today=date(2030, 1, 1))
        nobody = await notices.counts(conn, "worker", "W1", after=0, since=None, today=date(2030, 1, 1))
    assert (found.new, found.overdue, found.newly_overdue) == (1, 1, 1)
    assert (nobody.new, nobody.overdue) == (0, 0)
