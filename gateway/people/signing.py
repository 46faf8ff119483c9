"""Let people sign in step by step, and know them again by a secret that only their browser keeps.

Password, one-time code, a password of one's own, enrolment of codes: whichever of these is wanted, in that
order, and full rights only after the last.  Each step that succeeds gives the browser a new secret.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import Clock
from csenet.gateway.errors import GatewayError
from csenet.gateway.people import codes, passwords
from csenet.gateway.people.accounts import Account, AccountError, account_of, plain_name
from csenet.gateway.people.limits import Rate, locked_until
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.settings.people import PeopleSection
from csenet.gateway.store import accounts, audit
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import Row

FULL: Final = "full"
CODE: Final = "code"
PASSWORD: Final = "password"  # noqa: S105 - names a step
ENROL: Final = "enrol"

_TOUCH: Final = timedelta(minutes=1)
"""How old the note of the last request may get: not every request has to write."""

_LONGEST_SOURCE: Final = 64


class SignInRefused(GatewayError):  # noqa: N818 - read as an outcome
    """Report that somebody did not prove who they are; the text tells nothing about the account."""


class TooManyWrong(SignInRefused):
    """Report that too many tries from one place were wrong."""


class Caller(msgspec.Struct, frozen=True):
    """Say from where somebody signs in."""

    source: str
    agent: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a sign-in: its secret for the browser where that is new, and the step that is next."""

    id: int
    account: Account
    stage: str
    secret: str = ""
    begun_at: datetime

    def person(self, caller: Caller) -> Person:
        """Give the person whom the sign-in stands for."""
        return Person(
            name=self.account.name,
            kind=Kind.PERSON,
            roles=self.account.roles,
            offices=self.account.offices,
            source=caller.source,
            agent=caller.agent,
            session=f"sign-in {self.id}",
        )


def new_secret() -> str:
    """Make what a browser keeps."""
    return secrets.token_urlsafe(32)


def token_of(secret: str) -> str:
    """Derive what each form of a browser must carry; who can read the form cannot get back to the secret."""
    return hmac.new(secret.encode("utf-8", "replace"), b"csenet form", hashlib.sha256).hexdigest()


def digest_of(secret: str) -> str:
    """Give what the store keeps of such a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Signing:
    """Sign people in and out."""

    def __init__(self, store: Store, clock: Clock, settings: PeopleSection) -> None:
        """Take the store and what is set about people."""
        self._store, self._clock, self.settings = store, clock, settings
        self.wrong = Rate(clock, settings.wrong_per_hour, seconds=3600)
        """How many wrong tries an address still has."""

    async def find(self, secret: str) -> Entry | None:
        """Find a valid sign-in by its secret; None when it ended, expired, or the account is disabled."""
        async with self._store.read() as conn:
            row = await accounts.signed_in(conn, digest_of(secret))
        now = self._clock.now()
        if row is None or row["disabled_at"] is not None or self._is_over(row, now):
            return None
        if now - row["sign_in_seen_at"] >= _TOUCH:
            number = row["sign_in_id"]

            async def touch(conn: AsyncConnection) -> None:
                await accounts.change_sign_in(conn, number, seen_at=now)

            await self._store.together(touch)
        return _entry(row)

    def _is_over(self, row: Row, now: datetime) -> bool:
        idle, longest = now - row["sign_in_seen_at"], now - row["sign_in_begun_at"]
        return bool(idle >= self.settings.idle or longest >= self.settings.longest)

    async def password(self, name: str, password: str, caller: Caller) -> Entry:
        """Take the first step; raises SignInRefused."""
        try:
            written = plain_name(name)
        except AccountError:
            written = ""
        now = self._clock.now()

        async def count(conn: AsyncConnection) -> tuple[Row | None, bool]:
            row = await accounts.by_name(conn, written)
            return row, row is not None and await self._counted(conn, row)

        # Counted before the password is looked at: tries at the same moment are as many tries.
        row, usable = await self._store.together(count)
        stale = row is not None and row["password_until"] is not None and row["password_until"] <= now
        kept = row["password"] if row is not None and usable and not stale else None
        right = await passwords.fits(kept, password)
        if row is None or not right:
            await self._failed(row, caller)
            raise SignInRefused(
                "Name or password is wrong, or there were too many attempts: then wait a while and try again."
            )
        account = account_of(row)
        first = CODE if account.has_codes else self._after_code(row)
        return await self._begin(row, first, "password", caller)

    async def known_elsewhere(self, row: Row, caller: Caller) -> Entry:
        """Sign somebody in whom an issuer of identities vouches for."""
        if row["disabled_at"] is not None:
            await self._failed(row, caller)
            raise SignInRefused("This account is disabled.")
        return await self._begin(row, FULL, "openid", caller)

    async def code(self, entry: Entry, code: str, caller: Caller) -> Entry:
        """Take the step of the one-time code; raises SignInRefused."""
        secret = new_secret()

        async def look(conn: AsyncConnection) -> str | None:
            row = await accounts.by_number(conn, entry.account.id)
            if row is None or entry.stage != CODE or not await self._counted(conn, row):
                return None
            period = codes.period_of(row["code_secret"] or "", code, self._clock.now(), row["code_used"])
            # Looked at and used up in one commit: a code that comes twice at the same moment is good once.
            if period is None or not await accounts.use_code(conn, row["id"], period):
                return None
            stage = self._after_code(row)
            await self._go_on(conn, entry, row, secret, stage, caller)
            return stage

        stage = await self._store.together(look)
        if stage is None:
            await self._failed(await self._account(entry), caller)
            raise SignInRefused("This code is wrong or was used before; wait for the next one.")
        return msgspec.structs.replace(entry, stage=stage, secret=secret)

    async def own_password(self, entry: Entry, password: str, caller: Caller) -> Entry:
        """Take the step of choosing one's own password; raises SignInRefused with what is wrong about it."""
        row = await self._account(entry)
        wrong = passwords.complaint(password, row["name"], self.settings.password_length)
        if not wrong and await passwords.fits(row["password"], password):
            wrong = "Choose another password than the one you were given."
        if entry.stage != PASSWORD or wrong:
            raise SignInRefused(wrong or "No password is to be chosen now.")
        changed: dict[str, Any] = {"password": await passwords.hashed(password), "password_until": None}
        return await self._advance(entry, row, self._after_password(row), caller, **changed)

    async def offered_secret(self, entry: Entry) -> str:
        """Give the secret for a telephone, a new one each time until a code made with it was typed."""
        row = await self._account(entry)
        if entry.stage != ENROL or row["code_since"] is not None:
            raise SignInRefused("Codes are set up already.")
        secret = codes.new_secret()

        async def keep(conn: AsyncConnection) -> None:
            await accounts.keep_code_secret(conn, row["name"], secret)

        await self._store.together(keep)
        return secret

    async def enrol(self, entry: Entry, code: str, caller: Caller) -> Entry:
        """Take the last step: show that the telephone makes the right codes; raises SignInRefused."""
        row = await self._account(entry)
        now = self._clock.now()
        period = None
        if entry.stage == ENROL and row["code_secret"]:
            period = codes.period_of(row["code_secret"], code, now, row["code_used"])
        if period is None:
            raise SignInRefused(
                "This code is wrong: check the clock of the telephone, and type the next one."
            )
        return await self._advance(entry, row, FULL, caller, code_used=period, code_since=now)

    async def out(self, entry: Entry, caller: Caller) -> None:
        """End a sign-in."""
        now = self._clock.now()

        async def end(conn: AsyncConnection) -> None:
            await accounts.end(conn, now, number=entry.id)
            await audit.add(conn, [self._line("signin.ended", entry.account.name, caller, entry.id)])

        await self._store.together(end)

    def _after_code(self, row: Row) -> str:
        return PASSWORD if row["password_until"] is not None else self._after_password(row)

    def _after_password(self, row: Row) -> str:
        account = account_of(row)
        return ENROL if self.settings.needs_code(account.roles) and not account.has_codes else FULL

    async def _account(self, entry: Entry) -> Row:
        async with self._store.read() as conn:
            row = await accounts.by_number(conn, entry.account.id)
        if row is None:
            raise SignInRefused("There is no such account any more.")
        return row

    async def _begin(self, row: Row, stage: str, way: str, caller: Caller) -> Entry:
        secret, now = new_secret(), self._clock.now()
        values = {
            "account_id": row["id"],
            "sha256": digest_of(secret),
            "stage": stage,
            "way": way,
            "source": caller.source[:_LONGEST_SOURCE],
            "agent": caller.agent,
            "begun_at": now,
            "seen_at": now,
        }

        async def begin(conn: AsyncConnection) -> int:
            number = await accounts.begin(conn, values)
            if stage == FULL:
                await self._let_in(conn, row, caller, number)
            else:
                await accounts.take_back_try(conn, row["id"], self.settings.lock_after)
            return number

        number = await self._store.together(begin)
        return Entry(id=number, account=account_of(row), stage=stage, secret=secret, begun_at=now)

    async def _advance(self, entry: Entry, row: Row, stage: str, caller: Caller, **changed: Any) -> Entry:
        """Go one step on, under a new secret."""
        secret = new_secret()

        async def go_on(conn: AsyncConnection) -> None:
            await accounts.change(conn, row["id"], **changed)
            await self._go_on(conn, entry, row, secret, stage, caller)

        await self._store.together(go_on)
        return msgspec.structs.replace(entry, stage=stage, secret=secret)

    async def _go_on(
        self, conn: AsyncConnection, entry: Entry, row: Row, secret: str, stage: str, caller: Caller
    ) -> None:
        await accounts.change_sign_in(conn, entry.id, sha256=digest_of(secret), stage=stage)
        if stage == FULL:
            await self._let_in(conn, row, caller, entry.id)

    async def _let_in(self, conn: AsyncConnection, row: Row, caller: Caller, number: int) -> None:
        now = self._clock.now()
        await accounts.change(conn, row["id"], failures=0, locked_until=None, signed_in_at=now)
        await audit.add(conn, [self._line("signin.done", row["name"], caller, number)])

    async def _counted(self, conn: AsyncConnection, row: Row) -> bool:
        """Count a try, and lock the account for longer with each; false where nobody is let in now."""
        failures = await accounts.count_try(conn, row["id"], self._clock.now())
        if failures is not None:
            until = locked_until(failures, self.settings, self._clock.now())
            await accounts.change(conn, row["id"], locked_until=until)
        return failures is not None

    async def _failed(self, row: Row | None, caller: Caller) -> None:
        """Write a failure down, but no unknown name: people type their password where the name belongs."""

        async def note(conn: AsyncConnection) -> None:
            name = "(unknown)" if row is None else row["name"]
            await audit.add(conn, [self._line("signin.refused", name, caller, None)])

        await self._store.together(note)

    def _line(self, action: str, name: str, caller: Caller, number: int | None) -> dict[str, Any]:
        detail: dict[str, Any] = {"source": caller.source, "agent": caller.agent}
        if number is not None:
            detail["session"] = f"sign-in {number}"
        about = f"account {name}"
        return {"at": self._clock.now(), "actor": name, "action": action, "object": about, "detail": detail}


def _entry(row: Row) -> Entry:
    return Entry(
        id=row["sign_in_id"],
        account=account_of(row),
        stage=row["sign_in_stage"],
        begun_at=row["sign_in_begun_at"],
    )
