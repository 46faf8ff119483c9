"""Seal what an older store holds unsealed, and seal content anew under later keys, beside a running gateway.

A table is gone through by its key, a few rows to a commit, and how far is kept in the same commit: a kill
loses nothing and the next run goes on.  Old keys are destroyed when nothing refers to them any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Column, LargeBinary, Table, delete, func, insert, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.engine import Store
from csenet.gateway.store.errors import SealBroken
from csenet.gateway.store.every_table import every_table
from csenet.gateway.store.keyring import LOOK_AGAIN, SEARCH
from csenet.gateway.store.sealing import (
    MARK,
    content_tables,
    is_sealed,
    key_number,
    opened,
    seal_row,
    shape_of,
)
from csenet.gateway.store.tables_sealing import data_key, sealing_progress

Hold = Callable[[AsyncConnection], Awaitable[None]]
Index = Callable[[AsyncConnection, Table, Sequence[dict[str, Any]]], Awaitable[None]]

AT_ONCE: Final = 200
TAKEN_UP: Final = LOOK_AGAIN + timedelta(seconds=15)
"""After so long each gateway seals with the keys that were made; only then is it worth sealing anew."""

_START: Final = "null"


class Progress(msgspec.Struct, frozen=True):
    """Tell how far a table is; ``waiting`` rows are not counted, they can be many."""

    table: str
    rows: int
    sealed: bool
    under_way: bool


async def begin_rotation(store: Store, now: datetime) -> int:
    """Make a later generation of each data key and mark all tables to be gone through; return how many.

    A rotation that has begun is not begun again: 0 then.
    """
    async with store.begin() as conn:
        if await _older(conn):
            return 0
        made = 0
        newest = func.max(data_key.c.generation).label("generation")
        query = (
            select(data_key.c.kind, data_key.c.period, newest)
            .where(data_key.c.kind != SEARCH)
            .group_by(data_key.c.kind, data_key.c.period)
        )
        for kind, period, generation in (await conn.execute(query)).all():
            await store.keyring.make(conn, kind, period, generation + 1)
            made += 1
        await conn.execute(update(sealing_progress).values(after=_START, rows=0, started_at=now))
        return made


async def pending(conn: AsyncConnection) -> list[Table]:
    """Return the tables that are not gone through to their end."""
    query = select(sealing_progress.c.table).where(
        sealing_progress.c.finished_at.is_not(None), sealing_progress.c.after.is_(None)
    )
    done = set((await conn.execute(query)).scalars())
    return [table for table in content_tables(every_table()) if table.name not in done]


async def ready_at(conn: AsyncConnection) -> datetime | None:
    """Return the moment from which on every gateway seals with the newest keys; None if they are not late."""
    if not await _older(conn):
        return None
    made: datetime = (await conn.execute(select(func.max(data_key.c.created_at)))).scalar_one()
    return made + TAKEN_UP


async def run(
    store: Store,
    now: Callable[[], datetime],
    *,
    limit: int = AT_ONCE,
    index: Index | None = None,
    hold: Hold | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Do what there is to do, step by step, and return how many steps it took; may be cut off at any time.

    Content is sealed anew only once every gateway has taken up the keys that were made; until then nothing
    is done.  ``hold`` is asked in each commit whether it is still ours to do; ``told`` hears after each step
    about how many records were gone through.
    """
    async with store.read() as conn:
        ready, waiting = await ready_at(conn), await pending(conn)
    if ready is None and not waiting:
        return 0
    count = 0
    while ready is None or now() >= ready:
        if not await step(store, now(), limit, index, hold):
            break
        count += 1
        told(count * limit, 0)
    return count


async def step(
    store: Store, now: datetime, limit: int = AT_ONCE, index: Index | None = None, hold: Hold | None = None
) -> bool:
    """Seal the next few rows in one commit; False when nothing is left to do.

    ``index`` makes rows findable that were never sealed before.
    """
    if store.keyring.provider is None:
        return False
    async with store.begin() as conn:
        if hold is not None:
            await hold(conn)
        await store.keyring.prepare(conn)
        tables = await pending(conn)
        if tables:
            await _some_rows(conn, store, tables[0], now, limit, index)
            return True
        return await _destroy_old(conn, store)


async def _some_rows(
    conn: AsyncConnection, store: Store, table: Table, now: datetime, limit: int, index: Index | None
) -> None:
    (key,) = table.primary_key
    found = (
        (await conn.execute(select(sealing_progress).where(sealing_progress.c.table == table.name)))
        .mappings()
        .one_or_none()
    )
    after = msgspec.json.decode(found["after"]) if found and found["after"] else None
    shape = shape_of(table)
    columns = [each[0] for each in shape.columns]
    names = dict.fromkeys((key.name, *shape.name, *columns))
    query = select(*(table.c[name] for name in names)).order_by(key).limit(limit)
    if after is not None:
        query = query.where(key > after)
    rows = list((await conn.execute(query)).mappings())
    late = [row for row in rows if _is_late(store, columns, row)]
    for before, row in zip(late, await opened(conn, table, late), strict=True):
        done = seal_row(store.keyring.ring, shape, row, _target(store, shape.kind, columns, before))
        values = {name: done[name] for name in columns}
        await conn.execute(update(table).where(key == row[key.name]).values(**values))
    if index is not None and (found is None or found["finished_at"] is None):
        await index(conn, table, await opened(conn, table, rows))
    over = len(rows) < limit
    values = {
        "after": None if over else msgspec.json.encode(rows[-1][key.name]).decode(),
        "rows": (found["rows"] if found else 0) + len(late),
        "finished_at": now if over else (found["finished_at"] if found else None),
    }
    if found is None:
        await conn.execute(insert(sealing_progress).values(table=table.name, started_at=now, **values))
    else:
        chosen = sealing_progress.c.table == table.name
        await conn.execute(update(sealing_progress).where(chosen).values(**values))


def _is_late(store: Store, columns: list[str], row: Mapping[Any, Any]) -> bool:
    for name in columns:
        value = row[name]
        if value is None:
            continue
        if not is_sealed(value.data) or key_number(value.data) in store.keyring.later:
            return True
    return False


def _target(store: Store, kind: str, columns: list[str], row: Mapping[Any, Any]) -> int:
    """Return the newest key of the period in which a row was sealed, so that it still goes with its month."""
    for name in columns:
        value = row[name]
        if value is not None and is_sealed(value.data):
            number = key_number(value.data)
            return store.keyring.later.get(number, number)
    return store.keyring.ring.current[kind]


async def _older(conn: AsyncConnection) -> list[int]:
    """Return the numbers of the keys of which there is a later generation."""
    later = data_key.alias("later")
    query = select(data_key.c.number).where(
        select(later.c.number)
        .where(
            later.c.kind == data_key.c.kind,
            later.c.period == data_key.c.period,
            later.c.generation > data_key.c.generation,
        )
        .exists()
    )
    return [int(each) for each in (await conn.execute(query)).scalars()]


async def _destroy_old(conn: AsyncConnection, store: Store) -> bool:
    """Destroy the keys that a later generation replaced, once no value names them; always returns False."""
    older = await _older(conn)
    if not older:
        return False
    used = await keys_in_use(conn, older)
    if used:
        # Somebody sealed with an old key after the walk: go through once more.
        await conn.execute(update(sealing_progress).values(after=_START))
        return True
    await conn.execute(delete(data_key).where(data_key.c.number.in_(older)))
    return False


async def keys_in_use(conn: AsyncConnection, numbers: list[int]) -> set[int]:
    """Return those of the data keys that some value is sealed with."""
    heads = {MARK + number.to_bytes(4): number for number in numbers}
    used: set[int] = set()
    for table in content_tables(every_table()):
        for name, *_ in shape_of(table).columns:
            used |= {heads[head] for head in await _heads(conn, table.c[name]) if head in heads}
    return used


async def _heads(conn: AsyncConnection, column: Column[Any]) -> set[bytes]:
    head = type_coerce(func.substr(column, 1, 8), LargeBinary)
    found = (await conn.execute(select(head).where(column.is_not(None)).distinct())).scalars()
    return {each.encode() if isinstance(each, str) else bytes(each) for each in found}


async def rotate_wrapping(store: Store) -> tuple[str, int]:
    """Make the next wrapping key and wrap all data keys with it, in one commit; return its name and how many.

    After a kill between the two the next run only wraps: a key that wraps nothing yet is not made again.
    """
    keyring = store.keyring
    if keyring.provider is None:
        raise SealBroken("the store is not sealed")
    async with store.begin() as conn:
        rows = list((await conn.execute(select(data_key))).mappings())
        present = keyring.provider.present()
        if present is None or all(row["wrapped_by"] == present for row in rows):
            present = keyring.provider.make()
        count = 0
        for row in rows:
            if row["wrapped_by"] != present:
                wrapped = keyring.rewrap(row)
                await conn.execute(
                    update(data_key)
                    .where(data_key.c.number == row["number"])
                    .values(wrapped=wrapped.data, wrapped_by=wrapped.by)
                )
                count += 1
        return present, count


async def verify(
    store: Store, limit: int = AT_ONCE, told: Callable[[int, int], None] = lambda done, total: None
) -> AsyncIterator[tuple[str, int, list[str]]]:
    """Open everything, table by table; gives its name, how many records, and what does not open.

    ``told`` hears how many records were opened so far; how many there are would take as long to count.
    """
    opened_so_far = 0
    for table in content_tables(every_table()):
        (key,) = table.primary_key
        count, wrong, after = 0, [], None
        while True:
            query = select(table).order_by(key).limit(limit)
            async with store.read() as conn:
                rows = list(
                    (await conn.execute(query if after is None else query.where(key > after))).mappings()
                )
                for row in rows:
                    try:
                        await opened(conn, table, [row])
                    except (SealBroken, msgspec.DecodeError) as error:
                        wrong.append(str(error))
            count += len(rows)
            opened_so_far += len(rows)
            told(opened_so_far, 0)
            if len(rows) < limit:
                break
            after = rows[-1][key.name]
        yield table.name, count, wrong


async def progress(conn: AsyncConnection) -> list[Progress]:
    """Tell how far each table is."""
    rows = {row["table"]: row for row in (await conn.execute(select(sealing_progress))).mappings()}
    return [
        Progress(
            table=str(table.name),
            rows=rows[table.name]["rows"] if table.name in rows else 0,
            sealed=table.name in rows and rows[table.name]["finished_at"] is not None,
            under_way=table.name not in rows
            or rows[table.name]["finished_at"] is None
            or rows[table.name]["after"] is not None,
        )
        for table in content_tables(every_table())
    ]
