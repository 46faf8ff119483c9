"""Find the files of a PostgreSQL server where they are on this machine and may be read.

That they are this server's is proved by the number that each server has in its control file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

_NUMBER_BYTES: Final = 8
_ASKED: Final = text(
    "SELECT current_setting('data_directory'), current_setting('wal_compression'),"
    " (SELECT system_identifier FROM pg_control_system()),"
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class ServerFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Name the files of one database, and those of the server's log; ``packed`` if the log is compressed."""

    data: list[Path]
    log: list[Path]
    packed: bool


async def files_of(conn: AsyncConnection) -> ServerFiles | str:
    """Name the files of the database we are on, written out just now; or say why they cannot be searched."""
    try:
        folder, packing, number, database = (await conn.execute(_ASKED)).one()
    except SQLAlchemyError:
        return "the role of the gateway may not ask where they are (pg_read_all_settings)"
    place = Path(folder)
    try:
        control = (place / "global" / "pg_control").read_bytes()[:_NUMBER_BYTES]
    except PermissionError:
        return "the user of the gateway may not read them"
    except OSError:
        return "they are not on this machine"
    if int.from_bytes(control, "little") != int(number):
        return "they are not on this machine"
    try:
        await conn.execute(text("CHECKPOINT"))
    except SQLAlchemyError:
        return "the role of the gateway may not have them written out (pg_checkpoint)"
    data = sorted(_of_database(place, int(database)))
    log = sorted(each for each in (place / "pg_wal").iterdir() if each.is_file())
    return ServerFiles(data=data, log=log, packed=packing != "off")


def _of_database(place: Path, database: int) -> Iterator[Path]:
    folders = [place / "base" / str(database), *place.glob(f"pg_tblspc/*/PG_*/{database}")]
    for folder in folders:
        yield from (each for each in folder.rglob("*") if each.is_file())
