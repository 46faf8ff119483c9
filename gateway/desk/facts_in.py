"""Take in the facts of a case, under the ID that the case system gives it, and find which case that is.

An ID that the case had still means it.  Where the facts say which IDs the case had, its records become one;
where two records cannot be of one case, both stay, and a person says what is true.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.blocks import Header
from csenet.codecs.errors import Problem
from csenet.codecs.transaction import Transaction
from csenet.codecs.validation import judge_values
from csenet.gateway.desk import duty_cases
from csenet.gateway.desk.indexing import record_of
from csenet.gateway.desk.names import case_key
from csenet.gateway.desk.plan import Cause
from csenet.gateway.desk.results import CaseView, NotFound, Rejected
from csenet.gateway.desk.views import case_view
from csenet.gateway.desk.workset import WorkingSet
from csenet.gateway.store import aliases, cases, search, work
from csenet.gateway.store.sealing import Row
from csenet.handlers.context import CaseRecord, CaseState, facts_from_json, facts_to_json, initial_state
from csenet.handlers.decision import WorkItem
from csenet.handlers.facts import BLOCKS, CaseFacts, FactsError, check_other_agency, check_own_locality
from csenet.handlers.joining import SAME_CASE, differences, without_former
from csenet.handlers.policy.rules import reason

FORMERLY: Final = "formerly"
_MOST: Final = 20
_CASE_ID: Final = re.compile(r"(?=.*[^ 0])[!-~][ -~]{0,14}")


async def put_case(
    conn: AsyncConnection, workset: WorkingSet, case_id: str, obj: Any, actor: str
) -> CaseView:
    """Replace the facts of a case; what was learnt from transactions stays."""
    key = case_key(case_id)
    facts, formerly = _read(key, obj, workset.agency.state)
    await workset.load(conn, {key, *formerly})
    cause = Cause(f"case-{workset.next_serial}", workset.now, actor)
    if not workset.cases.knows(key):
        formerly = (*formerly, *await _announced(conn, workset, key))
    key = await _meant(conn, workset, key, facts, formerly, cause)
    facts, before = msgspec.structs.replace(facts, case_id=key), workset.cases.record(key)
    moved = workset.cases.names.waiting
    if before is not None and not moved and facts_to_json(before.facts) == facts_to_json(facts):
        return await _shown(conn, facts, workset.today)
    state = initial_state(
        facts, None if before is None else before.state, None if before is None else before.facts.other_fips
    )
    workset.cases.put(CaseRecord(facts=facts, state=state))
    for each in formerly:
        if workset.cases.record(each) is None:
            # Nothing but its messages was known of it.
            workset.rename(each, key, cause)
    await _ask(conn, workset, key, formerly, cause)
    detail = {"version": workset.cases.version(key)}
    workset.chronicle.note(key, "facts.received", detail, cause)
    workset.chronicle.record("case.put", f"case {key}", cause, detail)
    await workset.flush(conn)
    record = workset.cases.record(key)
    if record is not None:
        await duty_cases.became_known(conn, workset, record, actor)
    return await _shown(conn, facts, workset.today, created=before is None)


def _plain(obj: Any) -> Any:
    """Leave out of a snapshot what is not fact."""
    return {name: value for name, value in obj.items() if name != FORMERLY} if isinstance(obj, dict) else obj


def _read(key: str, obj: Any, state: str) -> tuple[CaseFacts, tuple[str, ...]]:
    """Read facts and former IDs; raises ``Rejected`` naming all that is wrong with either."""
    problems: list[tuple[str, str]] = []
    formerly = _former_ids(key, obj.get(FORMERLY) if isinstance(obj, dict) else None, problems)
    try:
        facts = facts_from_json(key, _plain(obj))
        check_own_locality(facts, state)
        check_other_agency(facts)
    except FactsError as error:
        raise Rejected([*error.problems, *problems]) from None
    if problems:
        raise Rejected(problems)
    return facts, formerly


def _former_ids(key: str, said: Any, problems: list[tuple[str, str]]) -> tuple[str, ...]:
    if said is None:
        return ()
    listed = [said] if isinstance(said, str) else said
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST:
        problems.append((FORMERLY, f"must be a case ID, or a list of 1 to {_MOST}"))
        return ()
    found = []
    for number, each in enumerate(listed):
        place = FORMERLY if isinstance(said, str) else f"{FORMERLY}[{number}]"
        plain = case_key(each) if isinstance(each, str) else ""
        if _CASE_ID.fullmatch(plain) is None or set(plain) & {"*", "\\"}:
            problems.append((place, "must be a case ID of 1 to 15 characters, no * or \\, not only zeros"))
        elif plain == key:
            problems.append((place, "is the ID that the case has"))
        else:
            found.append(plain)
    return tuple(dict.fromkeys(found))


async def _announced(conn: AsyncConnection, workset: WorkingSet, key: str) -> list[str]:
    """Find a case whose new ID was told to the other state before former IDs were kept."""
    found = await cases.load(conn, await search.cases_with(conn, {("case_id", key)}))
    ids = [case_id for case_id, row in found.items() if record_of(case_id, row).state.new_case_id == key]
    await workset.load_more(conn, ids)
    return ids


async def _meant(
    conn: AsyncConnection,
    workset: WorkingSet,
    key: str,
    facts: CaseFacts,
    formerly: Collection[str],
    cause: Cause,
) -> str:
    """Give the ID under which facts are kept, once records that are of one case are one."""
    now = workset.cases.case_of(key) or key
    holder = workset.cases.record(now)
    if now != key and holder is not None:
        differs = _differing(facts, holder)
        if not differs and now not in formerly:
            return now
        if differs:
            # Other facts than those of the case that had this ID: it has been given to another case.
            await aliases.give_up(conn, key)
            workset.cases.names.give_up(key)
            workset.cases.tell(without_former(holder, key))
            await _ask_whether(conn, workset, now, key, differs, cause)
    for each in formerly:
        former = workset.cases.record(each)
        if former is not None and former.case_id != key and not _differing(facts, former):
            workset.rename(former.case_id, key, cause)
    return key


def _differing(facts: CaseFacts, former: CaseRecord) -> tuple[str, ...]:
    return differences(former, CaseRecord(facts=facts, state=CaseState()))


async def _ask(
    conn: AsyncConnection, workset: WorkingSet, key: str, formerly: Collection[str], cause: Cause
) -> None:
    """Have a person look at the former IDs whose records cannot be of this case."""
    record = workset.cases.record(key)
    for each in formerly:
        former = workset.cases.record(each)
        if former is not None and record is not None and former.case_id != key:
            differs = differences(former, record)
            await _ask_whether(conn, workset, key, former.case_id, differs, cause)


async def _ask_whether(
    conn: AsyncConnection,
    workset: WorkingSet,
    case_id: str,
    former: str,
    differs: Collection[str],
    cause: Cause,
) -> None:
    """Open work on two records that are said to be of one case, but once for what differs in them."""
    about = {"former": former, "differs": ", ".join(differs)}
    for row in await work.of_case(conn, case_id):
        same = row["kind"] == SAME_CASE and row["details"].get("former") == former
        if same and (row["status"] == "open" or row["details"] == about):
            return
    title = "Two case IDs are said to be of one case, but their facts differ: say whether they are"
    why = reason("case_ids.differ")
    workset.work.open(
        WorkItem(kind=SAME_CASE, title=title, case_id=case_id, reasons=(why,), details=about), cause
    )


async def are_one(conn: AsyncConnection, workset: WorkingSet, item: Row, cause: Cause, *, done: bool) -> None:
    """Join two records where that is the work that a person says is done."""
    if item["kind"] != SAME_CASE or not done:
        return
    case_id, former = item["case_id"], str(item["details"].get("former", ""))
    await workset.load_more(conn, {former})
    known = workset.cases
    if known.knows(case_id) and known.record(former) is not None and known.case_of(former) == former:
        workset.rename(former, case_id, cause)


async def _shown(conn: AsyncConnection, facts: CaseFacts, today: date, *, created: bool = False) -> CaseView:
    view = await case_view(conn, facts.case_id, created=created)
    if view is None:
        raise NotFound("no such case")
    return msgspec.structs.replace(view, warnings=list(minded(facts, today)))


def minded(facts: CaseFacts, today: date, blocks: Collection[str] = BLOCKS) -> tuple[Problem, ...]:
    """Name what the exchange would mind in facts, in these blocks of them."""
    held = {name: getattr(facts, name) for name in BLOCKS}
    return tuple(
        each for each in judge_values(Transaction(header=Header(), **held), today) if each.block in blocks
    )
