"""Make cases findable by all that may be asked for, and what was kept before there were search keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import cases, search
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import case_file, inbound, outbound
from csenet.handlers.context import CaseRecord
from csenet.handlers.kept import kept_record
from csenet.handlers.matching import other_ids, own_ids

_AT_ONCE: Final = 500


def words_of_case(record: CaseRecord) -> set[search.Word]:
    """List what a case can be found by; IDs, ours and the other state's, stay good when they are replaced."""
    return words_as_told(record) | search.births_of_facts(record.facts)


def words_as_told(record: CaseRecord) -> set[search.Word]:
    """List those words of a case that a transaction can have as well."""
    ids: set[search.Word] = {("case_id", each) for each in (*other_ids(record), *own_ids(record))}
    return search.words_of_facts(record.facts) | ids


def record_of(case_id: str, row: Mapping[str, Any]) -> CaseRecord:
    """Read a case from its row."""
    return kept_record(case_id, row["facts"], row["state"])


async def index_cases(store: Store) -> int:
    """Make findable the cases that are not yet, a few hundred to a commit; return how many they were.

    Requests are put to their cases by this search, so it is done before the first is decided.
    """
    count = 0
    async with store.read() as conn:
        left = await search.unfindable(conn, 1)
    while left:
        async with store.begin() as conn:
            left = await search.unfindable(conn, _AT_ONCE)
            for case_id, row in (await cases.load(conn, left)).items():
                await search.put_case(conn, case_id, words_of_case(record_of(case_id, row)))
        count += len(left)
    return count


async def index(conn: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write the search keys of opened rows that have none; tables that nobody searches get none."""
    if table is case_file:
        for row in rows:
            await search.put_case(conn, row["case_id"], words_of_case(record_of(row["case_id"], row)))
    elif table is inbound:
        await search.add(conn, "in", [(row["id"], search.words_of_raw("in", row["raw"])) for row in rows])
    elif table is outbound:
        await search.add(conn, "out", [(row["id"], search.words_of_raw("out", row["raw"])) for row in rows])
