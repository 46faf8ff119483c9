"""Do a whole purge: destroy, clear away copies, give the space back, look for traces, certify."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import update

from csenet.gateway.durable import replace_durably
from csenet.gateway.intake.archive import RECEIPT
from csenet.gateway.retention import certificate, space
from csenet.gateway.retention.choosing import Rules, rules_of
from csenet.gateway.retention.purging import Hold, Outcome, Purge, Told, uncertified
from csenet.gateway.retention.space import Gone, Space
from csenet.gateway.retention.tracing import NotSearched
from csenet.gateway.store import audit
from csenet.gateway.store.tables_retention import purged

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.settings.model import Settings

KEY: Final = "certificates.key"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what a purge did; ``certificate`` is None where nothing went."""

    cases: int
    records: dict[str, int]
    kept: dict[str, int]
    keys_destroyed: int
    archived_files: int
    space: Space | None
    certificate: Path | None


async def purge(
    desk: Desk,
    settings: Settings,
    *,
    actor: str,
    hold: Hold | None = None,
    rewrite: bool = True,
    told: Told = lambda what, done: None,
) -> Result:
    """Destroy what has had its time by the settings, and certify it."""
    rules = rules_of(settings.retention, desk.clock.now(), desk.clock.today())
    outcome = await Purge(desk, rules, actor=actor, hold=hold, told=told).run()
    files = await asyncio.to_thread(clear_archive, archive_of(settings), rules.spent_before)
    async with desk.store.read() as conn:
        rows = await uncertified(conn)
    place, file = None, None
    if rows or files:
        path = settings.store_location if isinstance(settings.store_location, Path) else None
        if path is not None or desk.store.shared:
            place = await _settled(desk, rows, outcome, rewrite=rewrite, path=path)
        file = await _certify(desk, settings, rules, rows, outcome, files, place, actor)
    return Result(
        cases=len(outcome.cases),
        records=outcome.records,
        kept=outcome.kept,
        keys_destroyed=outcome.keys_destroyed,
        archived_files=files,
        space=place,
        certificate=file,
    )


async def _settled(
    desk: Desk, rows: list[dict[str, Any]], outcome: Outcome, *, rewrite: bool, path: Path | None
) -> Space:
    gone = Gone(
        heads=frozenset(outcome.heads),
        digests=frozenset(outcome.digests),
        tables=frozenset(name for row in rows for name in row["records"]),
    )
    place = await space.settle(desk.store, gone, rewrite=rewrite, path=path)
    earlier = len(rows) - outcome.steps
    if not earlier:
        return place
    what = f"values that went in {earlier} steps of a run that was cut off"
    missing = NotSearched(what=what, why="how they began is kept nowhere")
    return msgspec.structs.replace(place, not_searched=[*place.not_searched, missing])


async def look(desk: Desk, settings: Settings, told: Told = lambda what, done: None) -> Outcome:
    """Say what a purge would destroy now."""
    rules = rules_of(settings.retention, desk.clock.now(), desk.clock.today())
    return await Purge(desk, rules, actor="", told=told).look()


def archive_of(settings: Settings) -> Path | None:
    """Name the folder of the intake's archive, None where files do not come by a folder."""
    folder = settings.intake.folder
    return None if folder is None else folder.archive or folder.path / "archive"


def clear_archive(folder: Path | None, before: datetime) -> int:
    """Delete the archive's copies of files that came before; each file's receipt stays as long as it."""
    if folder is None or not folder.is_dir():
        return 0
    count = 0
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.is_symlink() and file.stat().st_mtime < before.timestamp():
            file.unlink()
            count += not file.name.endswith(RECEIPT)
    return count


async def _certify(
    desk: Desk,
    settings: Settings,
    rules: Rules,
    rows: list[dict[str, Any]],
    outcome: Outcome,
    files: int,
    place: Space | None,
    actor: str,
) -> Path:
    """Write the certificate, then note it in the store; after a kill between the two it is written anew."""
    now = desk.clock.now()
    signer = certificate.Signer(settings.gateway.data_dir / "keys" / KEY)
    document = certificate.build(
        rows,
        made_at=now,
        jurisdiction=settings.gateway.jurisdiction,
        by=actor,
        rules=msgspec.to_builtins(rules),
        archived_files=files,
        data_keys_destroyed=outcome.keys_destroyed,
        proof=None if place is None else msgspec.to_builtins(place),
        note="Backups made before hold what is named here until they are deleted themselves.",
    )
    data = signer.sign(document)
    digest = certificate.digest_of(data)
    file = settings.certificates / f"purge-{now:%Y%m%dT%H%M%SZ}-{digest[:8]}.json"
    await asyncio.to_thread(_put, file, data)
    async with desk.store.begin() as conn:
        ids = [row["id"] for row in rows]
        await conn.execute(update(purged).where(purged.c.id.in_(ids)).values(certificate=digest))
        detail: Mapping[str, Any] = {"sha256": digest, "public_key": signer.public, "steps": len(ids)}
        line = {"at": now, "actor": actor, "action": "purge.certified", "object": file.name}
        await audit.add(conn, [{**line, "detail": detail}])
    desk.log.info("purge.certified", sha256=digest, count=len(outcome.cases), path=str(file))
    return file


def _put(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    replace_durably(file, data, 0o640)
