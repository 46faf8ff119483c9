"""Keep participants, their cases and sign-ins; what they mean is decided in `csenet.gateway.participant`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.cases import in_scope
from csenet.gateway.store.rows import add_row, change_row
from csenet.gateway.store.sealing import opened, opened_one, sealed_one
from csenet.gateway.store.tables_participants import participant, participant_case, participant_session

Values = dict[str, Any]
_AT_ONCE: Final = 500


async def add(conn: AsyncConnection, values: Values) -> int:
    """Make a participant and return its row number."""
    row = sealed_one(conn, participant, {"failures": 0, **values})
    return await add_row(conn, participant, row)


async def by_number(conn: AsyncConnection, number: str) -> Values | None:
    """Find a participant by the number that was given out."""
    return await _one(conn, participant.c.number == number)


async def by_id(conn: AsyncConnection, row_id: int) -> Values | None:
    """Find a participant by its row number."""
    return await _one(conn, participant.c.id == row_id)


async def _one(conn: AsyncConnection, which: ColumnElement[bool]) -> Values | None:
    found = (await conn.execute(select(participant).where(which))).mappings().first()
    return await opened_one(conn, participant, found)


async def page(
    conn: AsyncConnection,
    case_id: str | None,
    offices: Collection[str] | None,
    *,
    after: int,
    limit: int | None,
) -> list[Values]:
    """List participants, the revoked ones too, without their PINs, in the order of their making.

    Those of one case, if it is named; those with a case of these offices, or of none, if they are not None.
    """
    columns = [column for column in participant.c if column.name != "pin"]
    query = select(*columns).where(participant.c.id > after).order_by(participant.c.id).limit(limit)
    if case_id is not None or offices is not None:
        theirs = select(participant_case.c.case_id).where(
            participant_case.c.participant_id == participant.c.id
        )
        if case_id is not None:
            theirs = theirs.where(participant_case.c.case_id == case_id)
        if offices is not None:
            theirs = theirs.where(in_scope(participant_case.c.case_id, offices))
        query = query.where(theirs.exists())
    return [dict(row) for row in (await conn.execute(query)).mappings()]


async def change(conn: AsyncConnection, row_id: int, **values: Any) -> None:
    """Change columns of a participant, but not the PIN."""
    await change_row(conn, participant, row_id, values)


async def change_pin(conn: AsyncConnection, row: Values, pin: bytes) -> None:
    """Keep another PIN's hash."""
    kept = sealed_one(conn, participant, {"number": row["number"], "pin": pin})
    await change_row(conn, participant, row["id"], {"pin": kept["pin"]})


async def cases_of(conn: AsyncConnection, row_id: int) -> list[Values]:
    """List the cases of a participant, first the one that was added first."""
    query = select(participant_case).where(participant_case.c.participant_id == row_id)
    found = await conn.execute(query.order_by(participant_case.c.since, participant_case.c.case_id))
    return [dict(row) for row in found.mappings()]


async def cases_of_all(
    conn: AsyncConnection, row_ids: Sequence[int], offices: Collection[str] | None
) -> dict[int, list[Values]]:
    """List the cases of each of these participants, those of these offices, or of none, if not None."""
    query = select(participant_case).order_by(participant_case.c.since, participant_case.c.case_id)
    if offices is not None:
        query = query.where(in_scope(participant_case.c.case_id, offices))
    found: dict[int, list[Values]] = {}
    for begin in range(0, len(row_ids), _AT_ONCE):
        chosen = query.where(participant_case.c.participant_id.in_(row_ids[begin : begin + _AT_ONCE]))
        for row in (await conn.execute(chosen)).mappings():
            found.setdefault(row["participant_id"], []).append(dict(row))
    return found


async def of_case(conn: AsyncConnection, case_id: str) -> list[Values]:
    """List the participants of a case who are not revoked, with their part in it."""
    columns = [column for column in participant.c if column.name != "pin"]
    query = (
        select(*columns, participant_case.c.role)
        .join(participant_case, participant_case.c.participant_id == participant.c.id)
        .where(participant_case.c.case_id == case_id, participant.c.revoked_at.is_(None))
    )
    return [dict(row) for row in (await conn.execute(query.order_by(participant.c.id))).mappings()]


async def give_case(conn: AsyncConnection, row_id: int, case_id: str, role: str, since: datetime) -> None:
    """Let a participant see a case."""
    values = {"participant_id": row_id, "case_id": case_id, "role": role, "since": since}
    await conn.execute(insert(participant_case).values(**values))


async def take_case(conn: AsyncConnection, row_id: int, case_id: str) -> bool:
    """Let a participant see a case no more; say whether they did."""
    which = (participant_case.c.participant_id == row_id) & (participant_case.c.case_id == case_id)
    return bool((await conn.execute(delete(participant_case).where(which))).rowcount)


async def begin(conn: AsyncConnection, values: Values) -> int:
    """Keep a sign-in and return its number."""
    return await add_row(conn, participant_session, values)


async def signed_in(conn: AsyncConnection, sha256: str) -> Values | None:
    """Find a sign-in that nobody has ended by the digest of its secret, with its participant's columns.

    Those of the sign-in are called ``session_…``.
    """
    columns = [column.label(f"session_{column.name}") for column in participant_session.c]
    joined = participant.c.id == participant_session.c.participant_id
    query = select(*columns, participant).join(participant, joined)
    query = query.where(participant_session.c.sha256 == sha256, participant_session.c.ended_at.is_(None))
    found: Sequence[Any] = list((await conn.execute(query)).mappings())
    return (await opened(conn, participant, found))[0] if found else None


async def change_session(conn: AsyncConnection, number: int, **values: Any) -> None:
    """Change columns of a sign-in."""
    await change_row(conn, participant_session, number, values)


async def end(
    conn: AsyncConnection, at: datetime, *, number: int | None = None, row_id: int | None = None
) -> int:
    """End one sign-in, or all of a participant; return how many were ended."""
    if (number is None) == (row_id is None):
        raise ValueError("name a sign-in or a participant")
    query = update(participant_session).where(participant_session.c.ended_at.is_(None)).values(ended_at=at)
    if number is not None:
        query = query.where(participant_session.c.id == number)
    else:
        query = query.where(participant_session.c.participant_id == row_id)
    return (await conn.execute(query)).rowcount
