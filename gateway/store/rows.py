"""Add and change one row of any table that numbers its rows by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection


async def add_row(conn: AsyncConnection, table: Table, values: Mapping[str, Any]) -> int:
    """Add a row and return the number that it got; content comes sealed, else ``TypeError``."""
    made = await conn.execute(insert(table).values(**values).returning(table.c.id))
    return int(made.scalar_one())


async def change_row(conn: AsyncConnection, table: Table, number: int, values: Mapping[str, Any]) -> None:
    """Change columns of the row of a number; content comes sealed, else ``TypeError``."""
    await conn.execute(update(table).where(table.c.id == number).values(**values))
