"""Show a case as it is about whoever a quick locate asks for: its parent, or its custodial party.

The states look for custodial parties by the same request, and its answers have one place for the person: the
blocks of the noncustodial parent. Of the dependents nobody asks so; about them a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from csenet.codecs.blocks import NcpIdentification, NcpLocate, Participant
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import CaseRecord
from csenet.handlers.facts import PARENT, CaseFacts, participant_names
from csenet.handlers.matching import same_person

_CUSTODIAL_PARTY, _DEPENDENT = "C", "D"
_HOME = "participant_address"
_EMPLOYER = "participant_employer_info_emp"
_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "residential_address_line_1": f"{_HOME}_line_1",
        "residential_address_line_2": f"{_HOME}_line_2",
        "residential_city": "participant_city",
        "residential_state": "participant_state",
        "residential_zip_1": "participant_zip_1",
        "residential_zip_2": "participant_zip_2",
        "residential_address_effective_date": "date_address_confirmed",
        "residential_address_confirmed_ind": "address_confirmed",
        "employer_name": f"{_EMPLOYER}_name",
        "employer_address_line_1": f"{_EMPLOYER}_street_line_1",
        "employer_address_line_2": f"{_EMPLOYER}_street_line_2",
        "employer_city": f"{_EMPLOYER}_city",
        "employer_state": f"{_EMPLOYER}_state",
        "employer_zip_1": f"{_EMPLOYER}_zip_1",
        "employer_zip_2": f"{_EMPLOYER}_zip_2",
        "employer_ein": "emp_ein",
        "employer_phone_num": "work_phone",
        "employer_effective_date": "date_employer_confirmed",
        "employer_confirmed_ind": "employer_confirmed",
    }
)
"""What the locate block tells, and where it stands of a participant; what is confirmed was known that day."""


def views_of(asked: NcpIdentification, record: CaseRecord) -> Iterator[CaseRecord]:
    """Give a case once for each part in which the very person asked for stands in it."""
    if same_person(asked, record.facts.ncp_identification):
        yield record
    for number in _custodial_parties(record.facts):
        if same_person(asked, _identified(record.facts.participants[number])):
            yield CaseRecord(facts=_about(record.facts, number), state=record.state)


def is_answer_about_custodial_party(tx: Transaction, record: CaseRecord | None) -> bool:
    """Tell whether the answer to a quick locate is for certain of the custodial party and not the parent."""
    person = tx.ncp_identification
    if record is None or person is None or (tx.far.function, tx.far.action) != ("LO1", "P"):
        return False
    if same_person(person, record.facts.ncp_identification):
        return False
    found = (_identified(record.facts.participants[number]) for number in _custodial_parties(record.facts))
    return any(same_person(person, each) for each in found)


def _custodial_parties(facts: CaseFacts) -> list[int]:
    return [at for at, each in enumerate(facts.participants) if each.relationship == _CUSTODIAL_PARTY]


def _identified(person: Participant) -> NcpIdentification:
    names = set(NcpIdentification.__struct_fields__) & set(Participant.__struct_fields__)
    return NcpIdentification(**{name: getattr(person, name) for name in names})


def _about(facts: CaseFacts, number: int) -> CaseFacts:
    """Write the facts of a case with one of its participants in the place of the parent."""
    person = facts.participants[number]
    places = {ours: getattr(person, theirs) for ours, theirs in _PLACES.items()}
    return msgspec.structs.replace(
        facts,
        ncp_identification=_identified(person),
        ncp_locate=NcpLocate(**places) if any(places.values()) else None,
        participants=(),
        protected=(PARENT,) if _at_risk(facts, number) else (),
        parent_deceased=False,
    )


def _at_risk(facts: CaseFacts, number: int) -> bool:
    """Tell whether a participant may not be found: for the own sake, or that of a child who lives there."""
    children = [at for at, each in enumerate(facts.participants) if each.relationship == _DEPENDENT]
    names = participant_names(len(facts.participants))
    return any(names[at] in facts.protected for at in (number, *children))
