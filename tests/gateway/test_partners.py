"""The table of partners is checked whole, changes without a restart, and a wrong new one changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs
from structlog.typing import EventDict

from csenet.codecs.envelope import fingerprint
from csenet.gateway.cli.partners import partners as command
from csenet.gateway.clock import ManualClock
from csenet.gateway.partners import EXCHANGE, PartnersError, check_partners, load_partners
from csenet.gateway.partners_book import PartnerBook
from csenet.handlers.policy.agreements import load_agreements

from ..codecs.envelope_people import NOON, YEAR, certificate_pem, certify, identity, usage
from .patience import BOUND

TODAY = NOON.date()
HEAD = "version = 1\nissued = 2026-11-21\n"
KANSAS = HEAD + '[[partner]]\njurisdiction = "20"\n'
ROW = '[[partner.certificate]]\nfile = "kansas.pem"\nuse = ["tls", "sign", "encrypt"]\n'
NO_COLLECTIONS = """\
[[agreement]]
partner = "20"
function = "COL"
direction = "send"
allowed = false
citation = "invented"
text = "No collections."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kansas.pem").write_bytes(certificate_pem(identity("p256", "kansas")))
    return tmp_path


def write(folder: Path, text: str) -> Path:
    """Put a whole table in place by renaming, as operators are told to."""
    draft, file = folder / "draft", folder / "partners.toml"
    draft.write_text(text, "utf-8")
    draft.rename(file)
    return file


def pem(folder: Path, name: str, key: Any = None, **more: Any) -> str:
    made = certify(name, key or ec.generate_private_key(ec.SECP256R1()), **more)
    # By renaming: one of the same length at the same tick of the clock would pass for the one before.
    (folder / "draft").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "draft").rename(folder / f"{name}.pem")
    return fingerprint(made)


def row(name: str, use: str = '"sign"', **days: str) -> str:
    lines = [f'[[partner.certificate]]\nfile = "{name}.pem"\nuse = [{use}]']
    return "\n".join([*lines, *(f"{key} = {day}" for key, day in days.items())]) + "\n"


class TestTheTable:
    def test_a_certificate_says_whose_it_is_in_its_window(self, folder: Path) -> None:
        text = KANSAS + row("kansas", '"tls", "sign"', since="2026-11-01", until="2026-11-30")
        found = load_partners(write(folder, text))
        shown = fingerprint(identity("p256", "kansas").certificate)
        for day, whose in ((1, "20"), (21, "20"), (30, "20")):
            late = datetime(2026, 11, day, 23, 59, tzinfo=UTC)
            assert found.whose(shown, "tls", late) == whose
        assert found.whose(shown, "tls", datetime(2026, 12, 1, tzinfo=UTC)) is None
        assert found.whose(shown, "tls", datetime(2026, 10, 31, 23, 59, tzinfo=UTC)) is None
        assert found.whose(shown, "encrypt", NOON) is None
        assert found.whose("00" * 32, "tls", NOON) is None
        assert [pin.certificate for pin in found.pins("sign", NOON, "20")] == [
            identity("p256", "kansas").certificate
        ]
        assert found.pins("sign", NOON, "19") == ()
        assert found.names == {"20": "Kansas"}
        assert (found.version, found.issued) == (1, date(2026, 11, 21))

    def test_agreements_go_before_the_default_ones(self, folder: Path) -> None:
        agreements = load_partners(write(folder, KANSAS + NO_COLLECTIONS)).before(load_agreements(None))

        def allowed(partner: str, function: str) -> Any:
            answer = agreements.may_exchange(partner, function, "send", TODAY)
            return answer.value  # type: ignore[union-attr]

        assert (allowed("20", "COL"), allowed("20", "ENF"), allowed("19", "COL")) == (False, True, True)

    def test_the_exchange_is_a_partner_too(self, folder: Path) -> None:
        text = HEAD + f'[[partner]]\njurisdiction = "{EXCHANGE}"\n' + ROW
        assert load_partners(write(folder, text)).names == {"exchange": "exchange"}

    def test_the_sample_is_right(self) -> None:
        sample = Path(__file__).parents[2] / "ops" / "partners.toml.example"
        checked = check_partners(sample, TODAY)
        assert (checked.problems, checked.warnings) == ((), ())
        assert checked.partners is not None
        assert checked.partners.names == {"20": "Kansas"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version = ", "line 1: not valid TOML"),
        ("issued = 2026-11-21\n", "version: must be a whole number from 1 on"),
        ("version = true\nissued = 2026-11-21\n", "version: must be a whole number"),
        ("version = 0\nissued = 2026-11-21\n", "version: must be a whole number"),
        ("version = 1\n", "issued: must be a date"),
        ('version = 1\nissued = "2026-11-21"\n', "issued: must be a date"),
        ("version = 1\nissued = 2026-11-21T10:00:00Z\n", "issued: must be a date"),
        (HEAD + "[partner]\n", "partner: must be written as [[partner]]"),
        (HEAD + "[[partners]]\n", "partners: unknown key"),
        (HEAD + '[[partner]]\njurisdiction = "KS"\n', "partner[1].jurisdiction: is neither a two-digit FIPS"),
        (KANSAS + '[[partner]]\njurisdiction = "20"\n', "partner[2].jurisdiction: 20 stands twice"),
        (KANSAS + "nmae = 1\n", "partner[1]: Object contains unknown field `nmae`"),
        (KANSAS + row("nowhere"), "partner[1].certificate[1].file: nowhere.pem cannot be read"),
        (KANSAS + row("rubbish"), "partner[1].certificate[1].file: rubbish.pem holds no certificate"),
        (KANSAS + row("two"), "partner[1].certificate[1].file: two.pem holds 2 certificates"),
        (KANSAS + row("kansas", ""), "partner[1].certificate[1].use: must name at least one"),
        (KANSAS + row("weak"), "partner[1].certificate[1].use: weak.pem cannot be used for sign: weak_key"),
        (
            KANSAS + row("hides"),
            "partner[1].certificate[1].use: hides.pem cannot be used for sign: key_usage",
        ),
        (KANSAS + row("kansas", since="2026-11-02", until="2026-11-01"), "until: is before since"),
        (KANSAS + row("kansas", since="2090-01-01"), "certificate's own dates leave nothing of the window"),
        (
            KANSAS + ROW + '[[partner]]\njurisdiction = "19"\n' + ROW,
            "kansas.pem: stands with 20 and with 19",
        ),
        (KANSAS + row("kansas") + row("a") + row("b"), "20: more than 2 certificates for sign on 2026-11-20"),
        (KANSAS + NO_COLLECTIONS.replace('"20"', '"99"'), "agreement[1].partner: is not the FIPS code"),
        (KANSAS + NO_COLLECTIONS.replace("COL", "XYZ"), "agreement[1].function: is not a functional type"),
        (KANSAS + NO_COLLECTIONS.replace("invented", ""), "agreement 20 COL send[1].citation: is missing"),
        (KANSAS + NO_COLLECTIONS * 2, "agreement 20 COL send: the row since None overlaps"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(folder: Path, text: str, problem: str) -> None:
    (folder / "rubbish.pem").write_text("rubbish")
    (folder / "two.pem").write_bytes(certificate_pem(identity("p256", "kansas")) * 2)
    pem(folder, "weak", rsa.generate_private_key(65537, 1024))
    hides = rsa.generate_private_key(65537, 2048)
    pem(folder, "hides", hides, usage=usage(key_encipherment=True))
    for name, days in (("a", 2), ("b", 1)):
        pem(folder, name, since=NOON - timedelta(days=days))
    with pytest.raises(PartnersError) as told:
        load_partners(write(folder, text))
    assert len(told.value.problems) == 1
    assert told.value.problems[0].startswith(f"{folder}/partners.toml: ")
    assert problem in told.value.problems[0]


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    text = 'version = 0\n[[partner]]\njurisdiction = "KS"\n' + row("nowhere") + "[[agreement]]\n"
    assert len(check_partners(write(folder, text)).problems) == 5


def test_a_table_that_is_not_there_or_no_text_is_told(folder: Path) -> None:
    assert "cannot be read" in check_partners(folder / "none.toml").problems[0]
    (folder / "bytes.toml").write_bytes(b"\xff")
    assert check_partners(folder / "bytes.toml").problems == (f"{folder}/bytes.toml: is not UTF-8 text",)


def test_gaps_and_ends_are_warned_of(folder: Path) -> None:
    pem(folder, "first", until=NOON + timedelta(days=5))
    pem(folder, "second", since=NOON + timedelta(days=8), until=NOON + timedelta(days=20))
    checked = check_partners(write(folder, KANSAS + row("first") + row("second")), TODAY)
    assert checked.partners is not None
    assert [line.rpartition("toml: ")[2] for line in checked.warnings] == [
        "20: no certificate for sign from 2026-11-26 to 2026-11-29",
        "20: the last certificate for sign ends on 2026-12-11",
    ]
    pem(folder, "first", until=NOON + YEAR)
    assert check_partners(folder / "partners.toml", TODAY).warnings == ()


class TestTheCommand:
    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(command, ["check", *arguments, "--today", "2026-11-21"])

    def test_a_right_table_is_shown(self, folder: Path) -> None:
        file = str(write(folder, KANSAS + ROW + NO_COLLECTIONS))
        done = self.run(file)
        assert done.exit_code == 0
        assert "version 1 can be used; partners 1, agreements 1" in done.stdout
        assert "encrypt sign tls" in done.stdout
        shown = json.loads(self.run(file, "--json").stdout)
        sha256 = fingerprint(identity("p256", "kansas").certificate)
        assert shown["certificates"][0]["sha256"] == sha256

    def test_a_wrong_table_is_exit_1_with_every_problem(self, folder: Path) -> None:
        done = self.run(str(write(folder, 'version = 0\n[[partner]]\njurisdiction = "KS"\n')))
        assert done.exit_code == 1
        assert len(done.stderr.splitlines()) == 3

    def test_warnings_are_shown_and_are_no_mistakes(self, folder: Path) -> None:
        pem(folder, "kansas", until=NOON + timedelta(days=5))
        done = self.run(str(write(folder, KANSAS + ROW)))
        assert done.exit_code == 0
        assert done.stderr.count("warning: ") == 3


class TestTheBook:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock(NOON)

    @pytest.fixture
    def logged(self) -> Iterator[list[EventDict]]:
        with capture_logs() as lines:
            yield lines

    def book(self, folder: Path, clock: ManualClock, text: str = KANSAS + ROW) -> PartnerBook:
        self.changes: list[int] = []
        file = write(folder, text)
        log = structlog.get_logger()
        return PartnerBook(file, clock, log, changed=lambda new: self.changes.append(new.version))

    async def test_a_wrong_first_table_stops_the_start(self, folder: Path, clock: ManualClock) -> None:
        with pytest.raises(PartnersError):
            self.book(folder, clock, "version = 0")

    async def test_a_newer_table_comes_into_force(
        self, folder: Path, clock: ManualClock, logged: list[EventDict]
    ) -> None:
        book = self.book(folder, clock)
        assert not await book.look()
        write(folder, KANSAS.replace("version = 1", "version = 2") + ROW + NO_COLLECTIONS)
        assert await book.look()
        assert (book.current.version, len(book.current.agreements)) == (2, 1)
        assert self.changes == [2]
        assert [line["event"] for line in logged] == ["partners.changed"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "rubbish",
            HEAD.replace("1", "0", 1),
            KANSAS,
            KANSAS.replace("version = 1", "version = 2") + row("no"),
        ],
    )
    async def test_a_wrong_new_table_keeps_the_old_one_and_is_told_once(
        self, folder: Path, clock: ManualClock, logged: list[EventDict], text: str
    ) -> None:
        book = self.book(folder, clock)
        old = book.current
        write(folder, text)
        for _ in range(3):
            assert not await book.look()
        assert book.current is old
        assert self.changes == []
        assert [line["event"] for line in logged] == ["partners.refused"]
        assert logged[0]["problems"]
        write(folder, KANSAS.replace("version = 1", "version = 3") + ROW)
        assert await book.look()
        assert book.current.version == 3

    async def test_a_table_that_is_gone_keeps_the_old_one(self, folder: Path, clock: ManualClock) -> None:
        book = self.book(folder, clock)
        (folder / "partners.toml").unlink()
        assert not await book.look()
        assert book.current.version == 1

    async def test_the_same_table_saved_again_is_no_change(
        self, folder: Path, clock: ManualClock, logged: list[EventDict]
    ) -> None:
        book = self.book(folder, clock)
        write(folder, KANSAS + ROW)
        assert not await book.look()
        assert logged == []

    async def test_a_certificate_replaced_under_the_same_version_is_refused(
        self, folder: Path, clock: ManualClock, logged: list[EventDict]
    ) -> None:
        book = self.book(folder, clock)
        pem(folder, "kansas")
        assert not await book.look()
        assert "version: must be more than 1" in logged[0]["problems"][0]

    async def test_a_missing_certificate_that_comes_later_completes_the_table(
        self, folder: Path, clock: ManualClock
    ) -> None:
        book = self.book(folder, clock)
        write(folder, KANSAS.replace("version = 1", "version = 2") + ROW + row("later", '"tls"'))
        assert not await book.look()
        pem(folder, "later")
        assert await book.look()
        assert book.current.version == 2

    async def test_it_looks_by_the_clock_and_stops_when_told(self, folder: Path, clock: ManualClock) -> None:
        book, stop = self.book(folder, clock), asyncio.Event()
        task = asyncio.create_task(book.run(stop))
        write(folder, KANSAS.replace("version = 1", "version = 2") + ROW)
        async with asyncio.timeout(BOUND):
            while not clock.sleeping:  # noqa: ASYNC110 - nothing else tells that it waits
                await asyncio.sleep(0)
            assert book.current.version == 1
            clock.advance(5)
            while not self.changes:  # noqa: ASYNC110 - the change itself is what is waited for
                await asyncio.sleep(0)
        stop.set()
        await task
        assert self.changes == [2]
