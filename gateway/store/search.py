"""Find transactions and cases by SSN, case ID or name, although what is kept of these is sealed.

Beside each record stand keyed digests (HMAC-SHA-256, cut to 64 bits) of what may be searched for, in one
common form: whoever has the tables alone can neither read them nor try SSNs out.  They are written in the
commit that writes the record.  Two words may share a digest once in billions: a hit is to be looked at.

What a transaction says of its case's people the case says as well.  So a transaction has keys only for what
its case has not, and for the rest is found through the case: the transactions of cases with a word, now or
formerly, are read, and those that have it are taken.  Keys of every transaction would be ten scattered rows
each, and the dearest part of keeping it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final, Literal, Protocol, get_args

from sqlalchemy import Table, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import transaction as codec
from csenet.codecs.transaction import Direction
from csenet.gateway.store.prepared import Prepared, adding, among
from csenet.gateway.store.sealing import keys_of, opened
from csenet.gateway.store.tables import case_file, inbound, outbound
from csenet.gateway.store.tables_search import search_case, search_key

Kind = Literal["ssn", "case_id", "name", "birth"]
"""What may be searched for: ``birth`` is a name with a birth date (``birth_word``), known of cases only."""

Way = Literal["in", "out", "case"]
"""Where it may stand: in a transaction that came, one of ours, or the facts of a case."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
WAYS: Final[tuple[Way, ...]] = get_args(Way)
Word = tuple[Kind, str]

# What has its keys already, such as one that came while an older store is gone through, keeps them.
_ADD: Final = Prepared(
    text("INSERT INTO search_key (digest, subject) VALUES (:digest, :subject) ON CONFLICT DO NOTHING")
)
_ADD_CASE: Final = adding(search_case)
_CASES_WITH: Final = Prepared(
    select(search_case.c.case_id, search_case.c.digest).where(
        among(search_case.c.digest, "digests"), ~search_case.c.former
    )
)
_MOST: Final = 1000
# What one request, its case and its answer have in common is digested once.
_REMEMBERED: Final = 4096
# The lowest bits of a subject's number.
_CODES: Final = {"in": 0, "out": 1}
_TABLES: Final[dict[Way, Table]] = {"in": inbound, "out": outbound}
_DIRECTIONS: Final[dict[Way, tuple[Direction, ...]]] = {
    "in": (Direction.FROM_SERVER, Direction.TO_SERVER),
    "out": (Direction.TO_SERVER,),
}
_NO_END: Final = 2**62
_DIGITS: Final = re.compile(r"\d")


class _Header(Protocol):
    case_id: str | None
    other_case_id: str | None


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
    return f"{last} {first} {born.year:04d}{born.month:02d}{born.day:02d}"


def words_of_transaction(tx: Any) -> set[Word]:
    """List what a transaction can be found by: a ``codecs`` transaction, whatever blocks it has."""
    found = words_of_header(tx)
    _add_people(found, tx)
    return found


def words_of_header(tx: Any) -> set[Word]:
    """List the IDs by which a transaction can be found; more has none that names only people of its case."""
    header: _Header = tx.header
    return {("case_id", each) for each in (header.case_id, header.other_case_id) if each}


def words_of_raw(way: Way, raw: bytes) -> set[Word]:
    """List what kept bytes can be found by, what came in either form; nothing if unreadable."""
    for direction in _DIRECTIONS[way]:
        tx = codec.read(raw, direction).transaction
        if tx is not None:
            return words_of_transaction(tx)
    return set()


def words_of_facts(facts: Any) -> set[Word]:
    """List what the facts of a case can be found by, but for births."""
    found: set[Word] = {("case_id", each) for each in (facts.case_id, facts.other_case_id) if each}
    _add_people(found, facts)
    return found


def births_of_facts(facts: Any) -> set[Word]:
    """List the names with birth dates by which the facts of a case can be found; transactions have none."""
    found: set[Word] = set()
    for person in (*facts.participants, facts.ncp_identification):
        if person is not None and person.name_last and person.name_first and person.date_of_birth:
            found.add(("birth", birth_word(person.name_last, person.name_first, person.date_of_birth)))
    return found


def words_of_parent(holder: Any) -> set[Word]:
    """List what sets the noncustodial parent apart from others: each number, and the name with birth date."""
    person = holder.ncp_identification
    if person is None:
        return set()
    numbers = (person.ssn, person.alias_ssn_1, person.alias_ssn_2)
    found: set[Word] = {("ssn", each) for each in numbers if each}
    if person.name_last and person.name_first and person.date_of_birth:
        found.add(("birth", birth_word(person.name_last, person.name_first, person.date_of_birth)))
    return found


def _add_people(found: set[Word], holder: Any) -> None:
    """Add the words of everybody named."""
    parent, locate = holder.ncp_identification, holder.ncp_locate
    for person in holder.participants:
        if person.ssn:
            found.add(("ssn", person.ssn))
        _add_name(found, person.name_last, person.name_first)
    if parent is not None:
        found.update([("ssn", each) for each in (parent.ssn, parent.alias_ssn_1, parent.alias_ssn_2) if each])
        _add_name(found, parent.name_last, parent.name_first)
    if locate is not None:
        _add_name(found, locate.alias_1_last, locate.alias_1_first)
        _add_name(found, locate.alias_2_last, locate.alias_2_first)
        _add_name(found, locate.alias_3_last, locate.alias_3_first)


def _add_name(found: set[Word], last: str | None, first: str | None) -> None:
    if last:
        found.add(("name", last))
        if first:
            found.add(("name", f"{last} {first}"))


def digests(conn: AsyncConnection, words: Iterable[Word]) -> set[int]:
    """Return the keyed digests of words."""
    ring = keys_of(conn).ring
    known, found = ring.digests, set()
    for word in words:
        digest = known.get(word)
        if digest is None:
            plain = normal(*word)
            digest = _digest(ring.search, word[0], plain) if plain else 0
            if len(known) >= _REMEMBERED:
                known.clear()
            known[word] = digest
        if digest:
            found.add(digest)
    return found


def _digest(key: bytes, kind: Kind, plain: str) -> int:
    made = hmac.digest(key, f"{kind}\x1f{plain}".encode(), "sha256")
    return int.from_bytes(made[:8], signed=True) or 1


async def add(
    conn: AsyncConnection, way: Literal["in", "out"], found: Iterable[tuple[int, Iterable[Word]]]
) -> None:
    """Make new transactions findable, each by its number and words."""
    if not keys_of(conn).ring.searchable:
        return
    code = _CODES[way]
    rows = [(digest, number * 2 + code) for number, words in found for digest in digests(conn, words)]
    await _ADD.tuples(conn, rows)


async def replace_transaction(
    conn: AsyncConnection, way: Literal["in", "out"], number: int, old: Iterable[Word], new: Iterable[Word]
) -> None:
    """Make a transaction findable by other words than before."""
    subject, had, has = number * 2 + _CODES[way], digests(conn, old), digests(conn, new)
    chosen = search_key.c.digest.in_(sorted(had - has))
    await conn.execute(delete(search_key).where(search_key.c.subject == subject, chosen))
    await _ADD.tuples(conn, [(digest, subject) for digest in has - had])


async def put_case(conn: AsyncConnection, case_id: str, words: Iterable[Word]) -> None:
    """Make a case findable by these words and no others; by former ones its transactions still are."""
    has = digests(conn, words)
    query = select(search_case.c.digest, search_case.c.former).where(search_case.c.case_id == case_id)
    had = {int(digest): bool(former) for digest, former in await conn.execute(query)}
    for former in (True, False):
        changed = sorted(each for each in had if (each not in has) is former is not had[each])
        if changed:
            chosen = (search_case.c.case_id == case_id, search_case.c.digest.in_(changed))
            await conn.execute(update(search_case).where(*chosen).values(former=former))
    new = has - had.keys()
    await _ADD_CASE.many(conn, [{"case_id": case_id, "digest": each, "former": False} for each in new])


async def take_over(conn: AsyncConnection, former: str, case_id: str) -> None:
    """Let the transactions that were found through one case be found through another."""
    theirs = select(search_case.c.digest).where(search_case.c.case_id == former)
    ours = select(search_case.c.digest).where(search_case.c.case_id == case_id)
    had = set((await conn.execute(theirs)).scalars()) - set((await conn.execute(ours)).scalars())
    await conn.execute(delete(search_case).where(search_case.c.case_id == former))
    rows = [{"case_id": case_id, "digest": each, "former": True} for each in sorted(had)]
    await _ADD_CASE.many(conn, rows)


async def find(
    conn: AsyncConnection, kind: Kind, value: str, *, among: Sequence[Way] = WAYS, limit: int = _MOST
) -> list[str]:
    """Return what has a value, newest first: ``case-MN1``, then ``in-12``, then ``out-7``.

    The value may be written in any usual way; see ``normal``.
    """
    plain = normal(kind, value)
    if not plain:
        return []
    digest = _digest(keys_of(conn).ring.search, kind, plain)
    found: list[str] = []
    if "case" in among:
        of_cases = select(search_case.c.case_id).where(search_case.c.digest == digest, ~search_case.c.former)
        of_cases = of_cases.order_by(search_case.c.case_id).limit(limit)
        found += [f"case-{each}" for each in (await conn.execute(of_cases)).scalars()]
    # Births are known of cases only.
    ways: tuple[Way, ...] = () if kind == "birth" else ("in", "out")
    for way in ways:
        if way in among and len(found) < limit:
            most = limit - len(found)
            numbers = await _by_keys(conn, way, digest, most) | await _by_cases(conn, way, digest, most)
            found += [f"{way}-{each}" for each in sorted(numbers, reverse=True)[:most]]
    return found


async def _by_keys(conn: AsyncConnection, way: Way, digest: int, most: int) -> set[int]:
    """Return the newest transactions with a key of their own."""
    query = (
        select(search_key.c.subject)
        .where(search_key.c.digest == digest, search_key.c.subject % 2 == _CODES[way])
        .order_by(search_key.c.subject.desc())
        .limit(most)
    )
    return {each // 2 for each in (await conn.execute(query)).scalars()}


async def _by_cases(conn: AsyncConnection, way: Way, digest: int, most: int) -> set[int]:
    """Return the newest transactions of cases with a word that have it themselves."""
    table = _TABLES[way]
    of_cases = select(search_case.c.case_id).where(search_case.c.digest == digest)
    columns = [table.c[name] for name in ("id", "raw", *table.info["content"].name)]
    query = select(*columns).where(table.c.case_id.in_(of_cases)).order_by(table.c.id.desc()).limit(_MOST)
    found: set[int] = set()
    below = _NO_END
    while len(found) < most:
        rows = (await conn.execute(query.where(table.c.id < below))).mappings().all()
        for row in await opened(conn, table, rows):
            if digest in digests(conn, words_of_raw(way, row["raw"])):
                found.add(row["id"])
        if len(rows) < _MOST:
            break
        below = rows[-1]["id"]
    return found


async def cases_with(conn: AsyncConnection, words: Iterable[Word]) -> dict[str, set[Word]]:
    """Return the IDs of the cases that have any of these words, each with those it has, by one query."""
    by_digest: dict[int, set[Word]] = {}
    for word in words:
        for digest in digests(conn, (word,)):
            by_digest.setdefault(digest, set()).add(word)
    found: dict[str, set[Word]] = {}
    if by_digest:
        for case_id, digest in await _CASES_WITH.all(conn, digests=sorted(by_digest)):
            found.setdefault(case_id, set()).update(by_digest[digest])
    return found


async def unfindable(conn: AsyncConnection, limit: int) -> list[str]:
    """Return the IDs of cases without any word, as an upgrade of the search leaves them."""
    has = select(search_case.c.case_id).where(
        search_case.c.case_id == case_file.c.case_id, ~search_case.c.former
    )
    query = select(case_file.c.case_id).where(~has.exists()).order_by(case_file.c.case_id).limit(limit)
    return list((await conn.execute(query)).scalars())
