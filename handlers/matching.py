"""Find the case a transaction is about where it does not name one of ours as we write it.

Every rule is exact, and nothing is guessed: one case that fits is taken, several are put before a person, and
where none fits the transaction is new. The gateway looks the candidates up; here it is decided among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from csenet.codecs.blocks import NcpIdentification
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import CaseRecord, Context
from csenet.handlers.facts import Role
from csenet.handlers.policy.rules import reason
from csenet.handlers.work import sender_state

REQUESTS = frozenset({"ENF", "EST", "PAT"})
_NAMES = ("name_last", "name_first", "date_of_birth")


def identify(tx: Transaction, context: Context) -> Context:
    """Give the context with the one candidate that fits as its case, or with the IDs of all that fit."""
    if context.record is not None or not context.candidates or tx.far.function == "LO1":
        return context
    if asks_by_id_alone(tx):
        return context
    for rule, fitting in _rules(tx, context):
        fits = tuple(fitting)
        if len(fits) == 1:
            return msgspec.structs.replace(context, record=fits[0], matched_by=reason(rule))
        if fits:
            ids = tuple(sorted(each.case_id for each in fits))
            return msgspec.structs.replace(context, fits=ids, matched_by=reason("match.several"))
    return _related(tx, context)


def asks_by_id_alone(tx: Transaction) -> bool:
    """Tell whether case information is asked for with our case ID blank: no other ID may stand for it."""
    return tx.far.function == "CSI" and tx.far.action == "R" and tx.header.case_id is None


def _rules(tx: Transaction, context: Context) -> Iterator[tuple[str, Iterable[CaseRecord]]]:
    """Give the rules in order, the surest first, each with the candidates it takes."""
    head = tx.header
    theirs = [each for each in context.candidates if each.facts.other_state == sender_state(tx)]
    if head.case_id is not None:
        yield "match.own_id", _where(context, lambda each: is_ours(each, head.case_id))
        # A sender that names a case means that one, unless it is none and all else it says names another.
        if tx.far.function != "CSI":
            yield "match.their_id_and_person", (each for each in theirs if is_theirs(tx, each))
        return
    if head.other_case_id is not None:
        wanted = bare(head.other_case_id)
        yield "match.their_id", (each for each in theirs if wanted in set(map(bare, other_ids(each))))
    asked = tx.ncp_identification
    if asked is None or tx.far.function not in REQUESTS:
        return
    open_to = [each for each in theirs if not _contradicts(tx, each)]
    yield "match.number", (each for each in open_to if same_number(asked, each.facts.ncp_identification))
    yield (
        "match.name_and_birth",
        (each for each in open_to if same_name(asked, each.facts.ncp_identification)),
    )


def _where(context: Context, fits: Callable[[CaseRecord], bool]) -> Iterable[CaseRecord]:
    return (each for each in context.candidates if fits(each))


def _contradicts(tx: Transaction, record: CaseRecord) -> bool:
    """Tell whether a case cannot be meant: another case ID there, or we are the state that asks in it."""
    named, known = tx.header.other_case_id, other_ids(record)
    other = named is not None and bool(known) and bare(named) not in set(map(bare, known))
    return other or (tx.far.action == "R" and record.facts.role is not Role.RESPONDING)


def _related(tx: Transaction, context: Context) -> Context:
    """Name other cases of the same parent to whoever decides on a new request."""
    asked = tx.ncp_identification
    if asked is None or tx.header.case_id is not None or tx.far.function not in REQUESTS:
        return context
    found = [each.case_id for each in context.candidates if same_person(asked, each.facts.ncp_identification)]
    return msgspec.structs.replace(context, fits=tuple(sorted(found)))


def is_ours(record: CaseRecord, case_id: str | None) -> bool:
    """Tell whether an ID is that of a case of ours, or one that it had."""
    wanted = bare(case_id)
    return wanted != "" and wanted in map(bare, own_ids(record))


def is_theirs(tx: Transaction, record: CaseRecord) -> bool:
    """Tell whether a case has the sender's own case ID and the very parent that a transaction names."""
    wanted, asked = bare(tx.header.other_case_id), tx.ncp_identification
    by_id = wanted != "" and wanted in map(bare, other_ids(record))
    return by_id and asked is not None and same_person(asked, record.facts.ncp_identification)


def own_ids(record: CaseRecord) -> tuple[str, ...]:
    """List our own case IDs of a case: the one in use, all former ones, and one that was announced."""
    state = record.state
    named = (record.case_id, state.new_case_id, *state.former_case_ids)
    return tuple(dict.fromkeys(each for each in named if each is not None))


def other_ids(record: CaseRecord) -> tuple[str, ...]:
    """List the other state's case IDs of a case: the one in use and all earlier ones."""
    state = record.state
    named = (record.other_case_id, record.facts.other_case_id, state.former_other_case_id)
    return tuple(dict.fromkeys(each for each in (*named, *state.earlier_other_case_ids) if each is not None))


def bare(case_id: str | None) -> str:
    """Write a case ID without what pads it: blanks around it, zeros before it."""
    return (case_id or "").strip().upper().lstrip("0")


def variants(case_id: str, longest: int) -> tuple[str, ...]:
    """List the ways in which a case ID may be padded, for a search that only knows exact values."""
    plain = bare(case_id)
    padded = (plain.zfill(length) for length in range(len(plain), longest + 1))
    return tuple(dict.fromkeys((case_id.strip().upper(), *padded))) if plain else ()


def numbers(person: NcpIdentification) -> frozenset[str]:
    """Give all social security numbers of a person, alias numbers included."""
    given = (person.ssn, person.alias_ssn_1, person.alias_ssn_2)
    return frozenset(number for number in given if number is not None)


def same_number(asked: NcpIdentification, ours: NcpIdentification | None) -> bool:
    """Tell whether two entries share a social security number."""
    return ours is not None and bool(numbers(asked) & numbers(ours))


def same_name(asked: NcpIdentification, ours: NcpIdentification | None) -> bool:
    """Tell whether two entries have the same name and birth date, where not both have a number to compare."""
    if ours is None or (numbers(asked) and numbers(ours)):
        return False
    pairs = [(getattr(asked, name), getattr(ours, name)) for name in _NAMES]
    return all(one is not None and str(one).upper() == str(other).upper() for one, other in pairs)


def same_person(asked: NcpIdentification, ours: NcpIdentification | None) -> bool:
    """Tell whether two entries are of one person for certain: numbers decide where both have them."""
    return same_number(asked, ours) or same_name(asked, ours)
