"""Say what becomes of a case when its ID with us changes, and of two records when they are of one case.

The record under the new ID wins: facts belong to the case system, and that is where it keeps the case now.
What the gateway learnt under either ID stays. Two records that cannot be of one case no machine joins.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from csenet.handlers.context import CaseRecord, CaseState
from csenet.handlers.facts import CaseFacts
from csenet.handlers.matching import bare, numbers, other_ids

SAME_CASE: Final = "same_case"
"""The kind of work by which a person says whether two records are of one case."""

_NEWS: Final = CaseState()


def renamed(record: CaseRecord, case_id: str) -> CaseRecord:
    """Give the record under another ID of ours; the one it had stays known."""
    state = _with_former(record.state, (*record.state.former_case_ids, record.case_id), case_id)
    facts = msgspec.structs.replace(record.facts, case_id=case_id)
    return msgspec.structs.replace(record, facts=facts, state=state)


def known_as(record: CaseRecord, former: str) -> CaseRecord:
    """Give the record with one more ID of ours that it had."""
    ids = (*record.state.former_case_ids, former)
    return msgspec.structs.replace(record, state=_with_former(record.state, ids, record.case_id))


def without_former(record: CaseRecord, former: str) -> CaseRecord:
    """Give the record without an ID that another case has now."""
    left = tuple(each for each in record.state.former_case_ids if each != former)
    return msgspec.structs.replace(record, state=msgspec.structs.replace(record.state, former_case_ids=left))


def joined(former: CaseRecord, record: CaseRecord) -> CaseRecord:
    """Give the record with what the gateway knows from the one under the former ID.

    What the new record leaves open comes from the former one; lists and milestones hold both.
    """
    old, new = former.state, record.state
    values: dict[str, Any] = {
        name: getattr(new, name) if getattr(new, name) != getattr(_NEWS, name) else getattr(old, name)
        for name in CaseState.__struct_fields__
    }
    seen = {each.serial for each in new.offsets}
    values |= {
        "status": new.status,
        "closed_on": new.closed_on,
        "milestones": {**old.milestones, **new.milestones},
        "offsets": (*(each for each in old.offsets if each.serial not in seen), *new.offsets),
        "earlier_other_case_ids": tuple(
            dict.fromkeys(each for each in (*other_ids(former), *other_ids(record)))
        ),
    }
    ids = (*old.former_case_ids, former.case_id, *new.former_case_ids)
    return msgspec.structs.replace(record, state=_with_former(CaseState(**values), ids, record.case_id))


def _with_former(state: CaseState, ids: tuple[str, ...], case_id: str) -> CaseState:
    former = tuple(each for each in dict.fromkeys(ids) if each != case_id)
    return msgspec.structs.replace(state, former_case_ids=former, new_case_id=None)


def differences(former: CaseRecord, record: CaseRecord) -> tuple[str, ...]:
    """Name what two records cannot both say of one case; no value is told."""
    old, new = former.facts, record.facts
    found = {
        "role": old.role != new.role,
        "other_fips": old.other_state != new.other_state,
        "other_case_id": _apart(_bare_ids(former), _bare_ids(record)),
        "ncp_identification": _is_another_parent(old, new),
        "protection": _less_protected(old, new),
    }
    return tuple(name for name, differs in found.items() if differs)


def _bare_ids(record: CaseRecord) -> frozenset[str]:
    return frozenset(map(bare, other_ids(record)))


def _apart(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether both are known and have nothing in common."""
    return bool(one and other) and one.isdisjoint(other)


def _is_another_parent(old: CaseFacts, new: CaseFacts) -> bool:
    """Tell whether two parents are two people: by numbers, else birth dates, else if no name is the same."""
    one, other = old.ncp_identification, new.ncp_identification
    if one is None or other is None:
        return False
    if numbers(one) and numbers(other):
        return numbers(one).isdisjoint(numbers(other))
    if one.date_of_birth is not None and other.date_of_birth is not None:
        return one.date_of_birth != other.date_of_birth
    names = [(getattr(one, name), getattr(other, name)) for name in ("name_last", "name_first")]
    return all(None not in pair and str(pair[0]).upper() != str(pair[1]).upper() for pair in names)


def _less_protected(old: CaseFacts, new: CaseFacts) -> bool:
    """Tell whether somebody at risk in the one record would be at none in the other."""
    if new.family_violence:
        return False
    found = (_is_found(old), bool(old.protected)), (_is_found(new), bool(new.protected))
    return old.family_violence or any(was and not now for was, now in zip(*found, strict=True))


def _is_found(facts: CaseFacts) -> bool:
    return facts.case is not None and facts.case.nondisclosure_finding == "Y"
