"""Make findable what was kept before there were search keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Direction
from csenet.gateway.desk.checking import reread
from csenet.gateway.store import search
from csenet.gateway.store.tables import case_file, inbound, outbound
from csenet.handlers.kept import kept_facts


async def index(conn: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write the search keys of opened rows; tables that nobody searches have none."""
    for row in rows:
        found = _words(table, row)
        if found is not None:
            await search.replace(conn, *found)


def _words(table: Table, row: dict[str, Any]) -> tuple[str, set[search.Word]] | None:
    if table is case_file:
        return f"case-{row['case_id']}", search.words_of_facts(kept_facts(row["case_id"], row["facts"]))
    if table is inbound:
        tx, way = reread(row["raw"]), "in"
    elif table is outbound:
        tx, way = codec.read(row["raw"], Direction.TO_SERVER).transaction, "out"
    else:
        return None
    return None if tx is None else (f"{way}-{row['id']}", search.words_of_transaction(tx))
