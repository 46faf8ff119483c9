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
    """Write the search keys of opened rows that have none; tables that nobody searches get none."""
    if table is case_file:
        for row in rows:
            facts = kept_facts(row["case_id"], row["facts"])
            await search.put_case(conn, row["case_id"], search.words_of_facts(facts))
    elif table is inbound:
        await search.add(conn, "in", [(row["id"], words_in(row["raw"])) for row in rows])
    elif table is outbound:
        await search.add(conn, "out", [(row["id"], words_out(row["raw"])) for row in rows])


def words_in(raw: bytes) -> set[search.Word]:
    """List what a transaction that came can be found by; nothing for one that cannot be read."""
    tx = reread(raw)
    return set() if tx is None else search.words_of_transaction(tx)


def words_out(raw: bytes) -> set[search.Word]:
    """List what a transaction of ours can be found by."""
    tx = codec.read(raw, Direction.TO_SERVER).transaction
    return set() if tx is None else search.words_of_transaction(tx)
