"""Put duties to the cases and offices they belong to, also where these become known only later."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.transaction import Transaction
from csenet.gateway.desk.assigning import office_of
from csenet.gateway.desk.checking import reread
from csenet.gateway.desk.finding import candidates
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import duties, journal, search, work
from csenet.handlers.context import CaseRecord
from csenet.handlers.matching import identify, other_ids


async def put_to_case(
    conn: AsyncConnection, workset: WorkingSet, inbound_ids: Collection[int], case_id: str
) -> None:
    """Put what transactions opened to the case that a person found for them."""
    office = office_of(workset.agency, workset.cases.record(case_id), None)
    await duties.put_to_case(conn, inbound_ids, case_id, office)


async def became_known(conn: AsyncConnection, workset: WorkingSet, record: CaseRecord, actor: str) -> None:
    """Put duties to a case whose facts came: those that name it, and those of requests it turns out to fit.

    The work on such a request belongs to the case from then on, too.  The rules are those by which a request
    finds its case when it arrives: nothing is guessed here either.
    """
    office = office_of(workset.agency, record, None)
    await duties.give_office(conn, record.case_id, office)
    waiting = await duties.without_case(conn, record.facts.other_state)
    numbers = sorted(waiting & await _saying(conn, record)) if waiting else []
    if not numbers:
        return
    raws = {number: await journal.raw_of(conn, number) for number in numbers}
    came = {number: tx for number, raw in raws.items() if raw is not None and (tx := reread(raw)) is not None}
    await workset.load(conn, {record.case_id})
    found = await candidates(conn, list(came.values()), workset.cases.knows)
    await workset.load_more(conn, {each for ids in found.values() for each in ids})
    fitting = [
        number
        for place, (number, tx) in enumerate(came.items())
        if _case_of(workset, tx, found.get(place, ())) == record.case_id
    ]
    await duties.put_to_case(conn, fitting, record.case_id, office)
    for number in fitting:
        for item in await work.open_for(conn, number):
            if item["case_id"] is None:
                await work.put_to_case(conn, item["id"], record.case_id)
                await work.change(conn, item["id"], "case", at=workset.now, actor=actor)


async def _saying(conn: AsyncConnection, record: CaseRecord) -> set[int]:
    """Return the numbers of transactions that say something by which they could be about a case."""
    parent = record.facts.ncp_identification
    words: set[search.Word] = {("case_id", each) for each in other_ids(record)}
    words |= search.words_of_parent(record.facts)
    if parent is not None and parent.name_last and parent.name_first:
        words.add(("name", f"{parent.name_last} {parent.name_first}"))
    found = [await search.find(conn, kind, value, among=("in",)) for kind, value in sorted(words)]
    return {int(subject.removeprefix("in-")) for subjects in found for subject in subjects}


def _case_of(workset: WorkingSet, tx: Transaction, might: Collection[str]) -> str | None:
    record = identify(tx, workset.context(None, workset.today, candidates=might)).record
    return None if record is None else record.case_id
