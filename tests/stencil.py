"""Give new embedded stores their schema as one process read it once from a store that the steps built.

Going through all steps takes thirty times as long, and thousands of tests begin with a new store.  Whether
the steps do what they should is tried by tests that ask for ``by_the_steps``, as all of
tests/gateway/test_store_schema.py do.
"""

from __future__ import annotations

from sqlalchemy import Connection

from csenet.gateway.store import engine

by_the_steps = engine._upgrade
_drawn: list[str] = []


def upgrade(connection: Connection) -> None:
    """Draw the schema in a new file; leave a store that has tables, and one on a server, to the steps."""
    if connection.dialect.name != "sqlite" or _statements(connection):
        by_the_steps(connection)
    elif not _drawn:
        by_the_steps(connection)
        _drawn.extend([*_statements(connection), *_rows(connection)])
    else:
        for statement in _drawn:
            connection.exec_driver_sql(statement)


def _statements(connection: Connection) -> list[str]:
    found = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    return [sql for (sql,) in found]


def _rows(connection: Connection) -> list[str]:
    """Write the few rows that a new store begins with as statements."""
    tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    written = []
    for (table,) in tables.fetchall():
        columns = connection.exec_driver_sql(f"SELECT name FROM pragma_table_info('{table}')").scalars().all()
        values = " || ', ' || ".join(f'quote("{column}")' for column in columns)
        rows = connection.exec_driver_sql(f'SELECT {values} FROM "{table}"').scalars()
        written += [f'INSERT INTO "{table}" VALUES ({row})' for row in rows]
    return written
