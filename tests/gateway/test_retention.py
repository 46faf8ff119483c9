"""What has had its time is destroyed and certified; what is held, open or under way stays."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.desk.results import Conflict
from csenet.gateway.errors import NotFound, SettingsError
from csenet.gateway.retention import certificate, destroying, running, servers, space, tracing
from csenet.gateway.retention.destroying import TREATMENT
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.settings.model import Settings
from csenet.gateway.store import audit, resealing, search
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.keyring import Keyring
from csenet.gateway.store.server_log import kept_in_log
from csenet.gateway.store.tables import inbound, outbound
from csenet.gateway.store.tables_retention import purged
from csenet.gateway.store.tables_sealing import data_key
from csenet.gateway.store.wrapping import HeldKeys

from .conftest import KEYS, LEDGER, QUIET, arriving, contents, facts, lines, tamper
from .test_desk_refusals import deliver

LONG_AGO = datetime(2021, 3, 10, 18, 0, tzinfo=UTC)
YEARS = timedelta(days=6 * 365)
NAME = "GONEWITHTHEWIND"
sqlite_only = pytest.mark.parametrize("location", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(LONG_AGO, "America/Chicago")


@pytest.fixture
async def store(location: str | Path, clock: ManualClock) -> AsyncIterator[Store]:
    opened = await open_store(location, keyring=Keyring(HeldKeys(KEYS), clock.now))
    yield opened
    await opened.close()


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, agency_of("27"), clock, QUIET)


@pytest.fixture
def settings(tmp_path: Path, location: str | Path) -> Settings:
    where = f'[store]\nurl = "{location}"\n' if isinstance(location, str) else ""
    return settings_at(tmp_path, f"purge = true\n{where}")


def settings_at(folder: Path, more: str = "purge = true") -> Settings:
    (folder / "gateway.toml").write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "."\n[delivery.folder]\npath = "out"\n'
        f'[intake.folder]\npath = "in"\n[retention]\n{more}\n'
    )
    return load_settings(folder / "gateway.toml", {})


def closed(**more: Any) -> dict[str, Any]:
    case = {"case_type": "N", "case_status": "C"}
    return facts(case=case, ncp_identification={"name_last": NAME, "name_first": "ROWAN"}, **more)


async def ask(desk: Desk, numbers: range) -> None:
    raw = lines(*(arriving("MSC R GRINT", n, case_id=f"MN{n}") for n in numbers))
    await desk.settle((await desk.accept(raw, source="test", name=f"from {numbers}")).file_id)


async def long_ago(desk: Desk, store: Store, clock: ManualClock, count: int = 3) -> None:
    """Let cases be asked about, answer, and be closed; then years go by, and a case of today comes."""
    for number in range(1, count + 1):
        await desk.put_case(f"MN{number}", facts(ledger=LEDGER))
    await ask(desk, range(1, count + 1))
    await desk.settle((await desk.accept(b"NO TRANSACTION\n", source="test", name="damaged")).file_id)
    for item in (await desk.list_work_items()).items:
        await desk.complete_work(item.id, clock.today())
    await deliver(store, clock)
    for number in range(1, count + 1):
        await desk.put_case(f"MN{number}", closed())
    clock.advance(YEARS.total_seconds())
    await desk.put_case("MN90", facts(ledger=LEDGER))
    await ask(desk, range(90, 91))
    await desk.settle((await desk.accept(b"NONE EITHER\n", source="test", name="damaged")).file_id)


async def purge(desk: Desk, settings: Settings) -> running.Result:
    return await running.purge(desk, settings, actor="test")


async def test_a_closed_case_goes_whole_and_the_sums_hold(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings
) -> None:
    await long_ago(desk, store, clock)
    before = await desk.ledger_check()
    found = await running.look(desk, settings)
    assert (found.cases, found.kept) == (["MN1", "MN2", "MN3"], {})
    done = await purge(desk, settings)
    assert (done.cases, done.kept) == (3, {})
    assert done.records["inbound"] == 4
    assert await desk.ledger_check() == before
    for number in (1, 2, 3):
        assert await desk.get_case(f"MN{number}") is None
    assert (await desk.get_case("MN90")) is not None
    async with store.read() as conn:
        assert await search.find(conn, "name", NAME) == []
        assert await search.find(conn, "case_id", "MN1") == []
        assert (await audit.verify(conn))[1] is None
    for view_id in ("in-1", "out-1"):
        shown = await desk.transaction(view_id)
        assert shown is not None
        assert NAME not in str(shown)
    assert [row["raw"] for row in await contents(store, inbound)][:3] == [b"", b"", b""]
    again = await purge(desk, settings)
    assert (again.cases, again.records, again.certificate) == (0, {}, None)


async def test_an_old_number_that_comes_again_does_nothing(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings
) -> None:
    await long_ago(desk, store, clock)
    await purge(desk, settings)
    await ask(desk, range(1, 2))
    report = await desk.ledger_check()
    assert report.balanced
    assert report.inbound.get("conflict", 0) + report.inbound.get("duplicate", 0) == 1


@sqlite_only
async def test_what_must_stay_stays(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings, location: Path
) -> None:
    await long_ago(desk, store, clock, count=7)
    await desk.hold_case("mn1 ", "Subpoena of last week", actor="sue")
    await tamper(location, "UPDATE outbound SET status = 'held', batch_id = NULL WHERE case_id = 'MN2'")
    await tamper(location, "UPDATE inbound SET status = 'parked' WHERE case_id = 'MN3'")
    await tamper(
        location,
        "INSERT INTO duty (kind, side, case_id, partner, opened_by, started_on, due, opened_at) "
        "VALUES ('CR1', 'we-owe', 'MN4', '20', 'test', '2021-01-01', '2021-01-01', '2021-01-01 00:00:00')",
    )
    await tamper(
        location,
        'INSERT INTO work_item (kind, title, case_id, "group", status, reasons, details, opened_at) '
        "VALUES ('review', 'x', 'MN5', 'g', 'open', '[]', '{}', '2021-01-01 00:00:00')",
    )
    await tamper(location, "UPDATE outbound SET delivered_at = '2027-01-01 00:00:00' WHERE case_id = 'MN6'")
    found = await running.look(desk, settings)
    assert found.cases == ["MN7"]
    assert found.kept == {
        "held": 1,
        "not delivered": 1,
        "not decided": 1,
        "open duty": 1,
        "open work": 1,
        "recent": 1,
    }
    assert (await purge(desk, settings)).cases == 1
    kept = {row["id"]: row["raw"] for row in await contents(store, inbound)}
    assert kept[1].startswith(b"27000")
    await desk.release_case("MN1", "The court is done", actor="sue")
    assert (await purge(desk, settings)).cases == 1


async def test_holds_are_told_sealed_and_audited(desk: Desk, store: Store, clock: ManualClock) -> None:
    made = await desk.hold_case("MN1", "Subpoena of NORDQUIST", actor="sue")
    with pytest.raises(Conflict, match="held since"):
        await desk.hold_case("MN1", "another reason", actor="sue")
    assert await desk.list_holds() == [made]
    ended = await desk.release_case("mn1", "The court is done", actor="tom")
    assert (ended.id, ended.released_by) == (made.id, "tom")
    with pytest.raises(NotFound):
        await desk.release_case("MN1", "The court is done", actor="tom")
    assert await desk.list_holds() == []
    assert await desk.list_holds(ended=True) == [ended]
    await desk.hold_case("MN1", "Another subpoena", actor="sue")
    async with store.read() as conn:
        rows = await audit.found(conn, cases=["MN1"])
    assert [row["action"] for row in rows] == ["hold.added", "hold.released", "hold.added"]
    assert "NORDQUIST" not in str([dict(row) for row in rows])


@sqlite_only
async def test_no_byte_of_it_is_left_in_the_files(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings, location: Path
) -> None:
    """Looked for are the beginnings of all sealed values, and a line of a file that lay in the archive.

    Not a case ID alone: the record of who looked keeps it, and what stands beside it there is any byte.
    """
    await long_ago(desk, store, clock)
    archive = location.parent / "in" / "archive"
    archive.mkdir(parents=True)
    line = b"27000 MN1 in clear"
    (archive / "old.txt").write_bytes(line)
    heads: set[bytes] = set()
    destroyed = destroying.destroy_case

    async def watched(*args: Any) -> Any:
        gone = await destroyed(*args)
        heads.update(gone.heads)
        return gone

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(destroying, "destroy_case", watched)
        every_head = await _heads_of(store, ("MN1", "MN2", "MN3"))
        before = _bytes(location.parent)
        assert all(looked_for in before for looked_for in (line, *every_head))
        os.utime(archive / "old.txt", (0, 0))
        done = await purge(desk, settings)
    assert every_head <= heads
    assert done.space is not None
    assert (done.space.found, done.space.rewritten, done.space.log_emptied) == (0, True, True)
    assert done.space.looked_for > len(every_head)
    assert done.archived_files == 1
    after = _bytes(location.parent)
    assert not [looked_for for looked_for in (line, *every_head) if looked_for in after]
    async with store.read() as conn:
        kept = select(data_key.c.kind).where(data_key.c.period == "2021-03")
        left = set((await conn.execute(kept)).scalars())
    assert not left & {"case", "inbound", "outbound", "work", "request"}
    assert done.keys_destroyed > 0
    assert [found async for _, _, found in resealing.verify(store) if found] == []
    connection = sqlite3.connect(location)
    assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("location", ["postgresql"], indirect=True)
async def test_on_a_server_columns_and_its_own_files_are_searched_and_the_certificate_says_where(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings, location: str
) -> None:
    await long_ago(desk, store, clock)
    heads = await _heads_of(store, ("MN1", "MN2", "MN3"))
    async with store.read() as conn:
        digests = set((await conn.execute(select(inbound.c.fingerprint))).scalars()) - {None}
        before = await tracing.in_columns(conn, heads, digests)
    assert [each.found for each in before] == [len(heads), 2 * len(digests)], "also as keys of transactions"
    async with store.apart() as conn:
        there = await servers.files_of(conn)
    assert not isinstance(there, str)
    assert tracing.in_files(there.data, heads) >= len(heads)
    done = await purge(desk, settings)
    assert done.space is not None
    assert done.certificate is not None
    assert (done.space.found, done.space.rewritten, done.space.why_not) == (0, True, "")
    async with store.apart() as conn:
        there = await servers.files_of(conn)
    assert not isinstance(there, str)
    assert tracing.in_files(there.data, heads) == 0
    proof = certificate.check(done.certificate.read_bytes())["proof"]
    places = [each["what"] for each in proof["searched"]]
    assert [place.rpartition(" ")[2] for place in places] == ["bytes", "text", "database", "log"]
    kept = proof["not_searched"]
    what = ["archived logs, standbys and backups", "the server's log of statements and errors"]
    assert [each["what"] for each in kept] == what
    assert "log_error_verbosity" in kept[1]["why"]
    quiet = ("log_error_verbosity = terse", "log_statement = 'all'", "log_parameter_max_length = 0")
    async with store.apart() as conn:
        assert await kept_in_log(conn) == ["keys of rows that break a constraint (log_error_verbosity)"]
        for word in quiet[:2]:
            await conn.execute(text(f"SET {word}"))
        assert await kept_in_log(conn) == ["values of statements (log_parameter_max_length)"]
        await conn.execute(text(f"SET {quiet[2]}"))
        assert await kept_in_log(conn) == []
        on_error = "SELECT setting FROM pg_settings WHERE name = 'log_parameter_max_length_on_error'"
        assert (await conn.execute(text(on_error))).scalar_one() == "0"


@pytest.mark.slow
@pytest.mark.parametrize("location", ["postgresql"], indirect=True)
async def test_where_nobody_may_look_the_certificate_says_so_and_what_is_left_is_found(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings, location: str
) -> None:
    await long_ago(desk, store, clock)
    await tamper(location, "CREATE TABLE copied AS SELECT 'x'::bytea || raw AS was FROM inbound WHERE id = 1")

    async def hidden(_conn: Any) -> str:
        return "they are not on this machine"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "files_of", hidden)
        patch.setattr(space, "_LARGEST", 0)
        done = await purge(desk, settings)
    assert done.space is not None
    assert done.certificate is not None
    assert (done.space.found, done.space.rewritten) == (1, False)
    assert "inbound: has" in done.space.why_not
    proof = certificate.check(done.certificate.read_bytes())["proof"]
    assert [each["why"] for each in proof["not_searched"]][:2] == ["they are not on this machine"] * 2


async def _heads_of(store: Store, case_ids: tuple[str, ...]) -> set[bytes]:
    async with store.read() as conn:
        values = []
        for table, column in ((inbound, inbound.c.raw), (outbound, outbound.c.raw)):
            values += (await conn.execute(select(column).where(table.c.case_id.in_(case_ids)))).scalars()
        return {value.data[:20] for value in values}


def _bytes(folder: Path) -> bytes:
    return b"\n".join(
        file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".toml"
    )


@sqlite_only
async def test_a_run_that_is_cut_off_is_gone_on_with_and_certified_whole(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings
) -> None:
    await long_ago(desk, store, clock, count=5)
    calls = iter(range(100))

    async def cut(_conn: Any) -> None:
        if next(calls) == 6:
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        await running.purge(desk, settings, actor="test", hold=cut)
    assert (await desk.ledger_check()).balanced
    async with store.read() as conn:
        half = (await conn.execute(select(func.count()).where(purged.c.kind == "case"))).scalar_one()
    assert 0 < half < 5
    done = await purge(desk, settings)
    assert done.cases == 5 - half
    assert done.certificate is not None
    document = certificate.check(done.certificate.read_bytes())
    assert document["cases"] == 5
    (missing,) = document["proof"]["not_searched"]
    assert missing["what"].endswith("steps of a run that was cut off")


async def test_the_certificate_proves_itself(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings
) -> None:
    await long_ago(desk, store, clock)
    done = await purge(desk, settings)
    assert done.certificate is not None
    data = done.certificate.read_bytes()
    document = certificate.check(data)
    assert (document["cases"], document["jurisdiction"], document["by"]) == (3, "27", "test")
    assert document["records"] == done.records
    # As a word: keys and signatures in base64 have any three letters in them now and then.
    assert not re.search(rb"\bMN1\b", data)
    async with store.read() as conn:
        (line,) = await audit.found(conn, action="purge.certified")
    assert line["detail"]["sha256"] == certificate.digest_of(data)
    for wrong in (
        data.replace(b'"cases": 3', b'"cases": 2'),
        b"{}",
        b"x",
        data.replace(b"signature", b"sign"),
    ):
        with pytest.raises(certificate.CertificateError):
            certificate.check(wrong)
    key = settings.gateway.data_dir / "keys" / "certificates.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_text("no key")
    with pytest.raises(certificate.CertificateError, match="cannot be read as a key"):
        certificate.Signer(key)


def test_each_table_that_holds_content_or_names_a_case_has_a_treatment() -> None:
    wanted = {str(each.name) for each in every_table() if "content" in each.info or "case_id" in each.c}
    assert wanted == set(TREATMENT)


@pytest.mark.parametrize("name", ["closed_years", "other_years"])
def test_less_than_the_law_wants_is_refused_with_its_paragraph(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"at least 3 years: 45 CFR 303\.11\(e\); 75\.361"):
        settings_at(tmp_path, f"{name} = 2")
    assert getattr(settings_at(tmp_path, f"{name} = 7").retention, name) == 7


async def test_a_hold_on_a_former_id_keeps_the_case_and_a_purge_takes_all_its_ids(
    desk: Desk, store: Store, clock: ManualClock, settings: Settings
) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await ask(desk, range(1, 2))
    await deliver(store, clock)
    await desk.hold_case("MN1", "Subpoena of last week", actor="sue")
    await desk.put_case("MN10", closed(formerly="MN1"))
    clock.advance(YEARS.total_seconds())
    await desk.put_case("MN90", facts(ledger=LEDGER))
    await ask(desk, range(90, 91))
    assert (await running.look(desk, settings)).kept == {"held": 1}
    assert (await purge(desk, settings)).cases == 0
    await desk.release_case("MN10", "The court is done", actor="sue")
    done = await purge(desk, settings)
    assert (done.cases, done.records["case_alias"]) == (1, 1)
    assert done.certificate is not None
    document = certificate.check(done.certificate.read_bytes())
    assert (document["cases"], len(document["subjects"])) == (1, 2)
    for case_id in ("MN1", "MN10"):
        assert await desk.get_case(case_id) is None
        async with store.read() as conn:
            assert await search.find(conn, "case_id", case_id) == []
