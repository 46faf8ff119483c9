"""Keep statements that run again and again in the form the driver takes, for both databases.

Putting a statement together and finding its compiled form again takes SQLAlchemy ten times as long as the
database takes to run it.  A prepared one is put together once, compiled once for each kind of database, and
then costs what the driver costs.  Types convert values both ways as they do elsewhere, and content is sealed
on its way in and opened on its way out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Date,
    Dialect,
    Insert,
    Select,
    Table,
    Text,
    bindparam,
    insert,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.types import TypeDecorator, TypeEngine

from csenet.gateway.store.columns import Sealed, UtcDateTime
from csenet.gateway.store.embedded import InPlaceConnection
from csenet.gateway.store.sealing import Ring, Sealer, keys_of, opened
from csenet.gateway.store.turns import SLICE, give_way

_T = TypeVar("_T")
_Convert = Callable[[Any], Any]
_Row = tuple[Any, ...]

_MOMENTS: Final = 128


class _Form:
    """Hold a statement as one kind of database takes it."""

    def __init__(
        self, statement: Executable, dialect: Dialect, columns: Sequence[str] | None, content: Table | None
    ) -> None:
        compiled: Any = statement.compile(  # type: ignore[attr-defined]
            dialect=dialect, column_keys=columns, compile_kwargs={"render_postcompile": True}
        )
        self.sql: str = compiled.string
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        # What has to be given is not in here; a column that a row lacks is empty.
        self.given: dict[str, Any] = {
            name: None if each.required else each.value
            for name, each in compiled.binds.items()
            if columns is not None or not each.required
        }
        found: Mapping[str, _Convert] = compiled._bind_processors
        self._sealer = Sealer(content, self.names) if content is not None else None
        self.convert: list[tuple[int, _Convert]] = [
            (place, _remembering(compiled.binds[name].type, found[name], dialect.name))
            for place, name in enumerate(self.names)
            # What the sealer makes are bytes, which either database takes.
            if name in found and not (content is not None and isinstance(content.c[name].type, Sealed))
        ]
        self._pick = _picking(self.names)
        self.keys: tuple[str, ...] = tuple(each.keyname for each in compiled._result_columns)
        self.read: list[tuple[int, _Convert]] = [
            (place, _remembering(each.type, processor, f"{dialect.name} read"))
            for place, each in enumerate(compiled._result_columns)
            if (processor := each.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]

    def ring(self, conn: AsyncConnection) -> Ring | None:
        """Give the keys if the statement adds content."""
        return None if self._sealer is None else keys_of(conn).ring

    def values(self, row: Mapping[str, Any], ring: Ring | None) -> _Row:
        """Put the values into the driver's order and form; what a row lacks stays as the statement has it.

        Content that a statement adds is sealed.
        """
        try:
            picked = self._pick(row)
        except KeyError:
            picked = self._pick({**self.given, **row})
        if not self.convert and self._sealer is None:
            return picked
        values = list(picked)
        if self._sealer is not None:
            self._sealer.seal(ring, self._sealer.name(picked), values)
        for place, convert in self.convert:
            values[place] = convert(values[place])
        return tuple(values)

    def result(self, rows: Iterable[Sequence[Any]]) -> list[_Row]:
        """Read what the driver gave."""
        if not self.read:
            return [tuple(row) for row in rows]
        found = []
        for row in rows:
            values = list(row)
            for place, convert in self.read:
                values[place] = convert(values[place])
            found.append(tuple(values))
        return found


def _picking(names: Sequence[str]) -> Callable[[Mapping[str, Any]], _Row]:
    """Make what takes values in order out of a row."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple([row[name] for name in names])


_KNOWN: Final[dict[tuple[type, str], _Convert]] = {}


def _remembering(kind: TypeEngine[Any], convert: _Convert, way: str) -> _Convert:
    """Convert a moment or a day once: what is written together, in whatever table, has the same."""
    if not isinstance(kind, UtcDateTime | Date):
        return convert
    return _KNOWN.setdefault((type(kind), way), lru_cache(maxsize=_MOMENTS)(convert))


class Prepared:
    """Run one statement; values go by the names of its parameters."""

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        """Take the statement; it is compiled when a kind of database first needs it."""
        self._statement = statement
        self._columns = columns
        self._content = _content_of(statement)
        self._forms: dict[str, _Form] = {}

    async def all(self, conn: AsyncConnection, **values: Any) -> list[_Row]:
        """Return the rows."""
        form = self._form(conn)
        given = form.values(values, form.ring(conn))
        if isinstance(conn, InPlaceConnection):
            await give_way(conn)
            return form.result(conn.run(form.sql, given).fetchall())
        return form.result(await conn.exec_driver_sql(form.sql, given))

    async def first(self, conn: AsyncConnection, **values: Any) -> _Row | None:
        """Return the first row, if there is any."""
        found = await self.all(conn, **values)
        return found[0] if found else None

    async def scalar(self, conn: AsyncConnection, **values: Any) -> Any:
        """Return the first value of the first row, or None."""
        found = await self.all(conn, **values)
        return found[0][0] if found else None

    async def mappings(self, conn: AsyncConnection, **values: Any) -> list[dict[str, Any]]:
        """Return the rows by the names of their columns."""
        keys = self._form(conn).keys
        rows = [dict(zip(keys, row, strict=True)) for row in await self.all(conn, **values)]
        return rows if self._content is None else await opened(conn, self._content, rows)

    async def structs(self, conn: AsyncConnection, kind: type[_T], **values: Any) -> list[_T]:
        """Return the rows as values of a class whose fields are the columns."""
        return [kind(**row) for row in await self.mappings(conn, **values)]

    async def run(self, conn: AsyncConnection, **values: Any) -> int:
        """Run it and return how many rows it touched."""
        form = self._form(conn)
        given = form.values(values, form.ring(conn))
        if isinstance(conn, InPlaceConnection):
            await give_way(conn)
            return conn.run(form.sql, given).rowcount
        return (await conn.exec_driver_sql(form.sql, given)).rowcount

    async def numbered(self, conn: InPlaceConnection, row: Mapping[str, Any]) -> int:
        """Add a row and return the number that the database gives it."""
        form = self._form(conn)
        await give_way(conn)
        return conn.run(form.sql, form.values({**row, "id": None}, form.ring(conn))).lastrowid or 0

    async def many(self, conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each row, in one go; others have their turn while the rows are sealed."""
        if not rows:
            return
        form, values = self._form(conn), list[_Row]()
        ring = form.ring(conn)
        for start in range(0, len(rows), SLICE):
            part = [form.values(row, ring) for row in rows[start : start + SLICE]]
            await give_way(conn)
            if isinstance(conn, InPlaceConnection):
                conn.run_many(form.sql, part)
                await give_way(conn)
            else:
                values += part
        if values:
            # Over the network it is one message for all of them.
            await conn.exec_driver_sql(form.sql, values)

    async def tuples(self, conn: AsyncConnection, rows: list[_Row]) -> None:
        """Run it once for each row, whose values stand in order and need no conversion."""
        if not rows:
            return
        sql = self._form(conn).sql
        if isinstance(conn, InPlaceConnection):
            await give_way(conn)
            conn.run_many(sql, rows)
        else:
            await conn.exec_driver_sql(sql, rows)

    def _form(self, conn: AsyncConnection) -> _Form:
        name = "sqlite" if isinstance(conn, InPlaceConnection) else conn.dialect.name
        form = self._forms.get(name)
        if form is None:
            content = self._content if isinstance(self._statement, Insert) else None
            form = self._forms[name] = _Form(self._statement, conn.dialect, self._columns, content)
        return form


def _content_of(statement: Executable) -> Table | None:
    """Return the table whose content a statement adds or reads, if it does."""
    if isinstance(statement, Insert):
        into = statement.table
        return into if isinstance(into, Table) and "content" in into.info else None
    if not isinstance(statement, Select):
        return None
    for column in statement.selected_columns:
        if isinstance(column.type, Sealed) and isinstance(found := getattr(column, "table", None), Table):
            return found
    return None


def adding(table: Table, *, left_out: Sequence[str] = ()) -> Prepared:
    """Prepare to add rows to a table, each with all columns but those ``left_out``; others may be None."""
    columns = [column.name for column in table.c if column.name not in left_out]
    return Prepared(insert(table).inline(), columns)


class _List(TypeDecorator[Sequence[Any]]):
    """Hand a list to the database as one value."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(self.item))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return list(value) if dialect.name == "postgresql" else msgspec.json.encode(value).decode()


class among(ColumnElement[bool]):  # noqa: N801 - reads as what it says in a query
    """Compare a column with a list given as one value, so that the statement is the same for any length."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        """Take the column and the name of the parameter."""
        self.column = column
        self.listed: BindParameter[Any] = bindparam(name, type_=_List(column.type))


@compiles(among, "postgresql")
def _any(element: among, compiler: Any, **given: Any) -> str:
    return f"{compiler.process(element.column, **given)} = ANY ({compiler.process(element.listed, **given)})"


@compiles(among)
def _each(element: among, compiler: Any, **given: Any) -> str:
    column, listed = compiler.process(element.column, **given), compiler.process(element.listed, **given)
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - both are SQLAlchemy's


class pair_among(ColumnElement[bool]):  # noqa: N801 - reads as what it says in a query
    """Compare two columns of text with a list of pairs, written as JSON and given as one value."""

    inherit_cache = False

    def __init__(self, first: ColumnElement[Any], second: ColumnElement[Any], name: str) -> None:
        """Take the columns and the name of the parameter."""
        self.columns = (first, second)
        self.listed: BindParameter[Any] = bindparam(name, type_=Text())


@compiles(pair_among, "postgresql")
def _any_pair(element: pair_among, compiler: Any, **given: Any) -> str:
    first, second = (compiler.process(each, **given) for each in element.columns)
    listed = f"json_array_elements(CAST({compiler.process(element.listed, **given)} AS JSON))"
    return f"({first}, {second}) IN (SELECT pair.value ->> 0, pair.value ->> 1 FROM {listed} AS pair)"  # noqa: S608 - both are SQLAlchemy's


@compiles(pair_among)
def _each_pair(element: pair_among, compiler: Any, **given: Any) -> str:
    first, second = (compiler.process(each, **given) for each in element.columns)
    listed = f"json_each({compiler.process(element.listed, **given)})"
    pair = "json_extract(value, '$[0]'), json_extract(value, '$[1]')"
    return f"({first}, {second}) IN (SELECT {pair} FROM {listed})"  # noqa: S608 - both are SQLAlchemy's


async def add_numbered(
    conn: AsyncConnection, table: Table, adding: Prepared, rows: Sequence[Mapping[str, Any]]
) -> Sequence[int]:
    """Add rows that have no numbers yet, and return those they get, in order; only for who writes alone."""
    if isinstance(conn, InPlaceConnection) and len(rows) == 1:
        return (await adding.numbered(conn, rows[0]),)
    ids = await new_ids(conn, table, len(rows))
    await adding.many(conn, [{**row, "id": each} for each, row in zip(ids, rows, strict=True)])
    return ids


_SEQUENCES: Final = "SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, $1::int)"


async def new_ids(conn: AsyncConnection, table: Table, count: int) -> Sequence[int]:
    """Give the numbers of the next ``count`` rows of a table, in order.

    Only for the one who writes alone: so rows can be added in one go, and others name them at once.
    """
    if isinstance(conn, InPlaceConnection):
        highest = conn.run(f'SELECT max(id) FROM "{table.name}"', ()).fetchone()[0]  # noqa: S608
        return range((highest or 0) + 1, (highest or 0) + 1 + count)
    found = await conn.exec_driver_sql(_SEQUENCES.format(table=table.name), (count,))
    return [int(row[0]) for row in found]
