"""Keep accounts of people: add, disable, reset, give roles; each change leaves a line in the audit."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import Clock
from csenet.gateway.errors import GatewayError
from csenet.gateway.people import passwords
from csenet.gateway.people.rights import Role, table
from csenet.gateway.settings.people import PeopleSection
from csenet.gateway.store import accounts, audit
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import Row

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,59}")
_OFFICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}")


class AccountError(GatewayError):
    """Report an account that cannot be made or changed, and why."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Describe an account without its secrets."""

    id: int
    name: str
    roles: frozenset[Role]
    offices: frozenset[str]
    has_password: bool
    has_codes: bool
    subject: str | None
    failures: int
    locked_until: datetime | None
    created_at: datetime
    signed_in_at: datetime | None
    disabled_at: datetime | None


def account_of(row: Row) -> Account:
    """Read a row; hashes and secrets stay behind."""
    return Account(
        id=row["id"],
        name=row["name"],
        roles=frozenset(Role(each) for each in row["roles"].split()),
        offices=frozenset(row["offices"]),
        has_password=row["password"] is not None,
        has_codes=row["code_since"] is not None,
        subject=row["subject"],
        failures=row["failures"],
        locked_until=row["locked_until"],
        created_at=row["created_at"],
        signed_in_at=row["signed_in_at"],
        disabled_at=row["disabled_at"],
    )


def plain_name(name: str) -> str:
    """Write a name the one way in which it is kept; raises AccountError for one that is none."""
    written = name.strip().casefold()
    if _NAME.fullmatch(written) is None:
        raise AccountError("a name is 1 to 60 letters, digits, dots, dashes, underscores or @")
    return written


def checked_roles(roles: Collection[str]) -> str:
    """Write roles the way they are kept; raises AccountError for one that people cannot have."""
    known = table().of_kind("person")
    if not roles or not set(roles) <= set(known):
        raise AccountError(f"give one or more of the roles of people: {', '.join(known)}")
    return " ".join(sorted(set(roles)))


def checked_offices(offices: Collection[str]) -> list[str]:
    """Check names of offices; raises AccountError."""
    if not all(_OFFICE.fullmatch(each) for each in offices):
        raise AccountError("an office is 1 to 32 letters, digits, blanks, dots, dashes or underscores")
    return sorted({each.upper() for each in offices})


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a sign-in that is valid, or half-way."""

    id: int
    name: str
    way: str
    stage: str
    source: str
    agent: str
    begun_at: datetime
    seen_at: datetime


class Accounts:
    """Change accounts on somebody's behalf, each change in one commit with its line in the audit."""

    def __init__(self, store: Store, clock: Clock, settings: PeopleSection) -> None:
        """Take the store; nothing is read yet."""
        self._store, self._clock, self._settings = store, clock, settings

    async def add(self, name: str, roles: Collection[str], offices: Sequence[str] = (), *, actor: str) -> str:
        """Make an account and return its first password, which can never be shown again."""
        written, first = plain_name(name), passwords.first_password()
        now = self._clock.now()
        values = {
            "name": written,
            "roles": checked_roles(roles),
            "offices": checked_offices(offices),
            "password": await passwords.hashed(first),
            "password_until": now + self._settings.first_password,
            "created_at": now,
        }
        async with self._store.begin() as conn:
            if await accounts.by_name(conn, written) is not None:
                raise AccountError("there is an account of this name already")
            await accounts.add(conn, values)
            detail = {"roles": values["roles"], "offices": values["offices"]}
            await self._note(conn, "account.added", written, actor, detail)
        return first

    async def reset(self, name: str, *, actor: str) -> str:
        """Give an account a new first password, forget its codes and failures, and end its sign-ins."""
        first = passwords.first_password()
        hashed = await passwords.hashed(first)
        async with self._store.begin() as conn:
            row = await self._row(conn, name)
            now = self._clock.now()
            await accounts.change(
                conn,
                row["id"],
                password=hashed,
                password_until=now + self._settings.first_password,
                code_secret=None,
                code_since=None,
                code_used=None,
                failures=0,
                locked_until=None,
            )
            await accounts.end(conn, now, account_id=row["id"])
            await self._note(conn, "account.reset", row["name"], actor)
        return first

    async def disable(self, name: str, *, actor: str) -> None:
        """Let nobody in by an account any more, and end its sign-ins at once."""
        async with self._store.begin() as conn:
            row = await self._row(conn, name)
            now = self._clock.now()
            await accounts.change(conn, row["id"], disabled_at=row["disabled_at"] or now)
            await accounts.end(conn, now, account_id=row["id"])
            await self._note(conn, "account.disabled", row["name"], actor)

    async def enable(self, name: str, *, actor: str) -> None:
        """Let somebody in again, with the password and codes they had."""
        async with self._store.begin() as conn:
            row = await self._row(conn, name)
            await accounts.change(conn, row["id"], disabled_at=None, failures=0, locked_until=None)
            await self._note(conn, "account.enabled", row["name"], actor)

    async def give(
        self, name: str, roles: Collection[str], offices: Sequence[str] | None = None, *, actor: str
    ) -> None:
        """Set the roles of an account, and its offices unless they are None; effective at once."""
        written = checked_roles(roles)
        async with self._store.begin() as conn:
            row = await self._row(conn, name)
            kept = row["offices"] if offices is None else checked_offices(offices)
            await accounts.change(conn, row["id"], roles=written, offices=kept)
            detail = {"roles": written, "offices": kept, "before": row["roles"]}
            await self._note(conn, "account.roles", row["name"], actor, detail)

    async def list(self) -> list[Account]:
        """List all accounts by name."""
        async with self._store.read() as conn:
            return [account_of(row) for row in await accounts.everybody(conn)]

    async def sessions(self) -> Sequence[SignedIn]:
        """List the sign-ins that are neither ended nor expired, oldest first."""
        now, limits = self._clock.now(), self._settings
        async with self._store.read() as conn:
            rows = await accounts.open_sign_ins(conn)
        return [
            SignedIn(**{name: row[name] for name in SignedIn.__struct_fields__})
            for row in rows
            if now - row["seen_at"] < limits.idle and now - row["begun_at"] < limits.longest
        ]

    async def revoke(self, *, name: str | None = None, number: int | None = None, actor: str) -> int:
        """End one sign-in or all of an account; return how many were ended."""
        async with self._store.begin() as conn:
            row = None if name is None else await self._row(conn, name)
            account_id = None if row is None else row["id"]
            count = await accounts.end(conn, self._clock.now(), number=number, account_id=account_id)
            about = f"sign-in {number}" if row is None else f"account {row['name']}"
            line = {"at": self._clock.now(), "actor": actor, "action": "signin.revoked", "object": about}
            await audit.add(conn, [{**line, "detail": {"count": count}}])
        return count

    async def _row(self, conn: AsyncConnection, name: str) -> Row:
        row = await accounts.by_name(conn, plain_name(name))
        if row is None:
            raise AccountError("there is no account of this name; see csenet people list")
        return row

    async def _note(
        self, conn: AsyncConnection, action: str, name: str, actor: str, detail: object = None
    ) -> None:
        line = {"at": self._clock.now(), "actor": actor, "action": action, "object": f"account {name}"}
        await audit.add(conn, [{**line, "detail": detail}])
