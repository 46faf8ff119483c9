"""Keep accounts of people and their sign-ins; what they mean is decided in `csenet.gateway.people`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, case, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.rows import add_row, change_row
from csenet.gateway.store.sealing import opened_one, sealed_one
from csenet.gateway.store.tables_people import account, sign_in


async def add(conn: AsyncConnection, values: dict[str, Any]) -> int:
    """Make an account and return its number."""
    return await add_row(conn, account, {"failures": 0, **values})


async def by_name(conn: AsyncConnection, name: str) -> dict[str, Any] | None:
    """Find an account by its name."""
    return await _one(conn, account.c.name == name)


async def by_number(conn: AsyncConnection, number: int) -> dict[str, Any] | None:
    """Find an account by its number."""
    return await _one(conn, account.c.id == number)


async def by_subject(conn: AsyncConnection, subject: str) -> dict[str, Any] | None:
    """Find an account by what an issuer of identities calls its holder."""
    return await _one(conn, account.c.subject == subject)


async def _one(conn: AsyncConnection, which: ColumnElement[bool]) -> dict[str, Any] | None:
    row = (await conn.execute(select(account).where(which))).mappings().first()
    return await opened_one(conn, account, row)


async def everybody(conn: AsyncConnection) -> list[RowMapping]:
    """List all accounts, the disabled ones too, by name."""
    return list((await conn.execute(select(account).order_by(account.c.name))).mappings())


async def keep_code_secret(conn: AsyncConnection, name: str, secret: str) -> None:
    """Keep what an account's telephone and we share, sealed."""
    row = sealed_one(conn, account, {"name": name, "code_secret": secret})
    kept = update(account).where(account.c.name == name).values(code_secret=row["code_secret"])
    await conn.execute(kept)


async def change(conn: AsyncConnection, number: int, **values: Any) -> None:
    """Change columns of an account, of those that are not sealed."""
    await change_row(conn, account, number, values)


async def count_try(conn: AsyncConnection, number: int, now: datetime) -> int | None:
    """Count a try and return how many there were since the last success; None where nobody is let in now.

    Question and count are one statement, so that gateways that share a database count each other's.
    """
    free = account.c.locked_until.is_(None) | (account.c.locked_until <= now)
    query = update(account).where(account.c.id == number, account.c.disabled_at.is_(None), free)
    counted = query.values(failures=account.c.failures + 1).returning(account.c.failures)
    found: int | None = (await conn.execute(counted)).scalar()
    return found


async def take_back_try(conn: AsyncConnection, number: int, lock_after: int) -> None:
    """Count a try less, because it was right but not the last step; a lock that it made goes with it."""
    fewer = account.c.failures - 1
    until = case((fewer >= lock_after, account.c.locked_until), else_=null())
    query = update(account).where(account.c.id == number, account.c.failures > 0)
    await conn.execute(query.values(failures=fewer, locked_until=until))


async def use_code(conn: AsyncConnection, number: int, period: int) -> bool:
    """Use the code of a period up; false if it, or a later one, was used before."""
    unused = account.c.code_used.is_(None) | (account.c.code_used < period)
    query = update(account).where(account.c.id == number, unused).values(code_used=period)
    return bool((await conn.execute(query)).rowcount)


async def begin(conn: AsyncConnection, values: dict[str, Any]) -> int:
    """Keep a sign-in and return its number."""
    return await add_row(conn, sign_in, values)


async def signed_in(conn: AsyncConnection, sha256: str) -> RowMapping | None:
    """Find a sign-in that nobody has ended by the digest of its secret, with the account's columns.

    Those of the sign-in are called ``sign_in_…``.
    """
    columns = [column.label(f"sign_in_{column.name}") for column in sign_in.c]
    query = select(*columns, account).join(account, account.c.id == sign_in.c.account_id)
    found = await conn.execute(query.where(sign_in.c.sha256 == sha256, sign_in.c.ended_at.is_(None)))
    return found.mappings().first()


async def open_sign_ins(conn: AsyncConnection, account_id: int | None = None) -> list[RowMapping]:
    """List sign-ins that nobody has ended, with the name of their account, oldest first."""
    query = select(sign_in, account.c.name).join(account, account.c.id == sign_in.c.account_id)
    query = query.where(sign_in.c.ended_at.is_(None)).order_by(sign_in.c.id)
    if account_id is not None:
        query = query.where(sign_in.c.account_id == account_id)
    return list((await conn.execute(query)).mappings())


async def change_sign_in(conn: AsyncConnection, number: int, **values: Any) -> None:
    """Change columns of a sign-in."""
    await change_row(conn, sign_in, number, values)


async def end(
    conn: AsyncConnection, at: datetime, *, number: int | None = None, account_id: int | None = None
) -> int:
    """End one sign-in, or all of an account, at once; return how many were ended."""
    query = update(sign_in).where(sign_in.c.ended_at.is_(None)).values(ended_at=at)
    if number is not None:
        query = query.where(sign_in.c.id == number)
    if account_id is not None:
        query = query.where(sign_in.c.account_id == account_id)
    if number is None and account_id is None:
        raise ValueError("name a sign-in or an account")
    return (await conn.execute(query)).rowcount
