"""Keep the data keys of a store: make them before they are needed, load them, notice those of others.

A data key is committed before the first value is sealed with it; a key that were made within the commit that
uses it could be lost with a part of it that is undone.  So keys for the month are made when a commit begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.errors import SealingError
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.sealing import Ring, content_tables
from csenet.gateway.store.tables_sealing import data_key, sealing_progress
from csenet.gateway.store.wrapping import Wrapped, WrappingKeys

SEARCH: Final = "search"
"""The kind of the key that makes digests of what is searched for; it has no period."""

FILES: Final = "file"
"""The kind of the keys that seal files outside the database."""

LOOK_AGAIN: Final = timedelta(seconds=30)
"""How long a gateway may go on sealing with a key after another process has made a later one."""

_BYTES: Final = 32


def utc_now() -> datetime:
    """Read the machine's clock."""
    return datetime.now(UTC)


class Keyring:
    """Hold the data keys of one store; without a provider content is written as it is."""

    def __init__(self, provider: WrappingKeys | None = None, now: Callable[[], datetime] = utc_now) -> None:
        """Remember who wraps and which clock gives the month."""
        self.provider = provider
        self.ring = Ring()
        self.made_key = False
        """Says that this start made the first wrapping key, so that somebody has to be told."""
        self.later: dict[int, int] = {}
        """Names, for each key that a later generation has replaced, the newest of its period."""
        self._now = now
        self._period = ""
        self._look_again: datetime | None = None

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of content that have keys of their own."""
        kinds = {table.info["content"].kind for table in content_tables(every_table())}
        return (*sorted(kinds | {FILES}), SEARCH)

    def is_due(self) -> bool:
        """Tell whether keys have to be made or looked for before a commit; not before the start."""
        if self._look_again is None:
            return False
        now = self._now()
        return now >= self._look_again or _period(now) != self._period

    async def start(self, conn: AsyncConnection) -> None:
        """Load the keys of a store, or make them for one that has none; in a commit of its own.

        Raises ``SealingError`` when the wrapping key is missing or another one.
        """
        rows = await _rows(conn)
        if self.provider is None:
            if rows:
                raise SealingError(
                    "sealing: the store is sealed, but no key is set; set [sealing] as it was before"
                )
            return
        if self.provider.present() is None:
            if rows:
                raise SealingError(
                    f"sealing: the store is sealed with wrapping key {rows[-1]['wrapped_by']}, but "
                    f"{self.provider.where} is missing; put it back from its backup. A new key would not "
                    "open the store. Where the key moves, sealing.former names the place before"
                )
            self.provider.make()
            self.made_key = True
        await self.prepare(conn)

    async def prepare(self, conn: AsyncConnection) -> None:
        """Make what is missing of this month's keys and load all; in a commit of its own."""
        now = self._now()
        rows = await _rows(conn)
        if not self._period:
            await _mark_empty(conn, now)
        known = {(row["kind"], row["period"]) for row in rows}
        wanted = [(kind, "" if kind == SEARCH else _period(now)) for kind in self.kinds()]
        for kind, period in wanted:
            if (kind, period) not in known:
                await self.make(conn, kind, period, 1)
        await self.refresh(conn)
        rows = await _rows(conn)
        self.ring.keep_only({row["number"] for row in rows})
        self.ring.current = {
            row["kind"]: row["number"] for row in rows if (row["kind"], row["period"]) in wanted
        }
        self.ring.strict = await _is_whole(conn)
        self._period, self._look_again = _period(now), now + LOOK_AGAIN

    async def refresh(self, conn: AsyncConnection) -> None:
        """Load the keys not known yet; possible in any transaction, however old what it sees."""
        newest: dict[tuple[str, str], int] = {}
        rows = await _rows(conn)
        for row in rows:
            newest[row["kind"], row["period"]] = row["number"]
            if not self.ring.knows(row["number"]):
                key = self._unwrap(row)
                self.ring.add(row["number"], key)
                if row["kind"] == SEARCH:
                    self.ring.search = key
                    self.ring.digests.clear()

        successors = ((row["number"], newest[row["kind"], row["period"]]) for row in rows)
        self.later = {number: newer for number, newer in successors if newer != number}

    async def make(self, conn: AsyncConnection, kind: str, period: str, generation: int) -> int:
        """Make one data key and return its number."""
        if self.provider is None:
            raise SealingError("sealing: no key is set")
        wrapped = self.provider.wrap(os.urandom(_BYTES), about(kind, period, generation))
        values = {
            "kind": kind,
            "period": period,
            "generation": generation,
            "wrapped": wrapped.data,
            "wrapped_by": wrapped.by,
            "created_at": self._now(),
        }
        made = await conn.execute(insert(data_key).values(**values).returning(data_key.c.number))
        return int(made.scalar_one())

    def rewrap(self, row: RowMapping) -> Wrapped:
        """Wrap a data key with the key that wraps by now."""
        if self.provider is None:
            raise SealingError("sealing: no key is set")
        return self.provider.wrap(self._unwrap(row), about(row["kind"], row["period"], row["generation"]))

    def _unwrap(self, row: RowMapping) -> bytes:
        if self.provider is None:
            raise SealingError("sealing: no key is set")
        wrapped = Wrapped(row["wrapped_by"], row["wrapped"])
        return self.provider.unwrap(wrapped, about(row["kind"], row["period"], row["generation"]))


def about(kind: str, period: str, generation: int) -> bytes:
    """Write what a wrapped key is for, so that one cannot be put in another's place."""
    return f"csenet data key\x1f{kind}\x1f{period}\x1f{generation}".encode()


def _period(moment: datetime) -> str:
    return f"{moment.year:04d}-{moment.month:02d}"


async def _rows(conn: AsyncConnection) -> list[RowMapping]:
    """Return all data keys, a later generation of a period behind an earlier one."""
    query = select(data_key).order_by(data_key.c.generation, data_key.c.number)
    return list((await conn.execute(query)).mappings())


async def _mark_empty(conn: AsyncConnection, now: datetime) -> None:
    """Note of each table without rows that nothing in it is unsealed."""
    done: list[dict[str, Any]] = []
    known = set((await conn.execute(select(sealing_progress.c.table))).scalars())
    for table in content_tables(every_table()):
        if table.name in known:
            continue
        if (await conn.execute(select(literal(1)).select_from(table).limit(1))).first() is None:
            done.append({"table": table.name, "rows": 0, "started_at": now, "finished_at": now})
    if done:
        await conn.execute(insert(sealing_progress), done)


async def _is_whole(conn: AsyncConnection) -> bool:
    """Tell whether each table with content has been gone through to its end."""
    query = select(sealing_progress.c.table).where(sealing_progress.c.finished_at.is_not(None))
    finished = set((await conn.execute(query)).scalars())
    return all(table.name in finished for table in content_tables(every_table()))
