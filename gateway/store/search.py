"""Find transactions and cases by SSN, case ID or name, although what is kept of these is sealed.

Beside each record stand keyed digests (HMAC-SHA-256, cut to 16 bytes) of what may be searched for, in one
common form: whoever has the table alone can neither read them nor try SSNs out.  They are written in the
commit that writes the record.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, Protocol, get_args

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store.prepared import adding
from csenet.gateway.store.sealing import keys_of
from csenet.gateway.store.tables import search_key

Kind = Literal["ssn", "case_id", "name", "birth"]
"""What may be searched for: ``birth`` is a name with a birth date, as ``birth_word`` writes it."""

Way = Literal["in", "out", "case"]
"""Where it may stand: in a transaction that came, one of ours, or the facts of a case."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
WAYS: Final[tuple[Way, ...]] = get_args(Way)
Word = tuple[Kind, str]

_ADD: Final = adding(search_key)
_ORDER: Final = ("case", "in", "out")
_LENGTH: Final = 16
_MOST: Final = 1000
_DIGITS: Final = re.compile(r"\d")


class _Header(Protocol):
    case_id: str | None
    other_case_id: str | None


class _Person(Protocol):
    name_last: str | None
    name_first: str | None
    ssn: str | None
    date_of_birth: date | None


def normal(kind: Kind, value: str) -> str:
    """Write what is searched for in the one form in which it was kept; empty if nothing is left of it.

    An SSN is its nine digits, a case ID is upper case without blanks and leading zeros, a name is
    ``LAST FIRST`` or ``LAST`` in upper case with single blanks.
    """
    if kind == "ssn":
        digits = "".join(_DIGITS.findall(value))
        return digits if len(digits) == 9 and digits.strip("0") else ""
    words = " ".join(value.upper().replace(",", " ").split())
    return words.lstrip("0") if kind == "case_id" else words


def birth_word(last: str, first: str, born: date) -> str:
    """Write a name with a birth date."""
    return f"{last} {first} {born:%Y%m%d}"


def words_of_transaction(tx: Any) -> set[Word]:
    """List what a transaction can be found by: a ``codecs`` transaction, whatever blocks it has."""
    header: _Header = tx.header
    found: set[Word] = {("case_id", each) for each in (header.case_id, header.other_case_id) if each}
    return found | _words_of_people(tx)


def words_of_facts(facts: Any) -> set[Word]:
    """List what the facts of a case can be found by."""
    found: set[Word] = {("case_id", each) for each in (facts.case_id, facts.other_case_id) if each}
    return found | _words_of_people(facts)


def _words_of_people(holder: Any) -> set[Word]:
    found: set[Word] = set()
    parent = holder.ncp_identification
    for person in ([parent] if parent is not None else []) + list(holder.participants or ()):
        found |= _words_of(person)
    if parent is not None:
        aliases = (parent.alias_ssn_1, parent.alias_ssn_2)
        found |= {("ssn", each) for each in aliases if each}
    if holder.ncp_locate is not None:
        found |= _aliases(holder.ncp_locate)
    return found


def _words_of(person: _Person) -> set[Word]:
    found: set[Word] = {("ssn", person.ssn)} if person.ssn else set()
    last, first = person.name_last, person.name_first
    if last:
        found.add(("name", last))
    if last and first:
        found.add(("name", f"{last} {first}"))
        if person.date_of_birth:
            found.add(("birth", birth_word(last, first, person.date_of_birth)))
    return found


def _aliases(locate: Any) -> set[Word]:
    found: set[Word] = set()
    for number in (1, 2, 3):
        last, first = (getattr(locate, f"alias_{number}_{part}") for part in ("last", "first"))
        if last:
            found.add(("name", last))
        if last and first:
            found.add(("name", f"{last} {first}"))
    return found


def digests(conn: AsyncConnection, words: Iterable[Word]) -> set[bytes]:
    """Return the keyed digests of words."""
    key = keys_of(conn).ring.search
    return {_digest(key, kind, plain) for kind, value in words if (plain := normal(kind, value))}


def _digest(key: bytes, kind: Kind, plain: str) -> bytes:
    return hmac.digest(key, f"{kind}\x1f{plain}".encode(), "sha256")[:_LENGTH]


async def add(conn: AsyncConnection, subjects: Mapping[str, Iterable[Word]]) -> None:
    """Make new records findable; a subject is ``in-12``, ``out-7`` or ``case-MN1``."""
    await _ADD.many(
        conn,
        [
            {"subject": subject, "digest": digest}
            for subject, words in subjects.items()
            for digest in sorted(digests(conn, words))
        ],
    )


async def replace(conn: AsyncConnection, subject: str, words: Iterable[Word]) -> None:
    """Make a record findable by these words and no others."""
    wanted = digests(conn, words)
    query = select(search_key.c.digest).where(search_key.c.subject == subject)
    known = {bytes(each) for each in (await conn.execute(query)).scalars()}
    if gone := known - wanted:
        await conn.execute(
            delete(search_key).where(search_key.c.subject == subject, search_key.c.digest.in_(sorted(gone)))
        )
    await _ADD.many(conn, [{"subject": subject, "digest": digest} for digest in sorted(wanted - known)])


async def remove(conn: AsyncConnection, subjects: Collection[str]) -> None:
    """Let records be found no more."""
    await conn.execute(delete(search_key).where(search_key.c.subject.in_(sorted(subjects))))


async def find(
    conn: AsyncConnection, kind: Kind, value: str, *, among: Sequence[Way] = WAYS, limit: int = _MOST
) -> list[str]:
    """Return the subjects that have a value: ``in-12``, ``out-7``, ``case-MN1``; cases first, newest first.

    The value may be written in any usual way; see ``normal``.
    """
    plain = normal(kind, value)
    if not plain:
        return []
    prefixes: list[ColumnElement[bool]] = [search_key.c.subject.startswith(f"{way}-") for way in among]
    query = select(search_key.c.subject).where(
        search_key.c.digest == _digest(keys_of(conn).ring.search, kind, plain), or_(*prefixes)
    )
    found = [str(each) for each in (await conn.execute(query)).scalars()]
    return sorted(found, key=_order)[:limit]


async def cases_with(conn: AsyncConnection, words: Iterable[Word]) -> dict[str, set[Word]]:
    """Return the IDs of the cases whose facts have any of these words, each with those it has."""
    found: dict[str, set[Word]] = {}
    for kind, value in words:
        for subject in await find(conn, kind, value, among=("case",)):
            found.setdefault(subject.removeprefix("case-"), set()).add((kind, value))
    return found


def _order(subject: str) -> tuple[int, int, str]:
    way, _, number = subject.partition("-")
    return _ORDER.index(way), -int(number) if way != "case" else 0, subject
