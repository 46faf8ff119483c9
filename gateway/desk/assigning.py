"""Give work to an office and a worker, and decide whether a message is an item of its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from csenet.gateway.desk.agency import Agency
from csenet.handlers.context import CaseRecord, WorkView
from csenet.handlers.decision import WorkItem
from csenet.handlers.policy.work_kinds import kind_of
from csenet.handlers.policy.work_rules import Matter, WorkRule, assigned

_WHOLE_STATE = "000"


def assignment(agency: Agency, record: CaseRecord | None, partner: str | None, kind: str) -> WorkRule | None:
    """Find the rule of the agency that says whose work this is."""
    if not agency.work_rules:
        return None
    person = record.facts.ncp_identification if record is not None else None
    matter = Matter(
        kind=kind,
        partner=record.facts.other_state if record is not None else partner,
        county=_county(agency, record),
        name=person.name_last if person is not None else None,
    )
    return assigned(agency.work_rules, matter)


def office_of(agency: Agency, record: CaseRecord | None, partner: str | None) -> str | None:
    """Find the office that answers for a case: the one the case system named, else the one of the rules."""
    if record is not None and record.facts.office is not None:
        return record.facts.office
    rule = assignment(agency, record, partner, "")
    return None if rule is None else rule.office


def given_to(record: CaseRecord | None, rule: WorkRule | None) -> tuple[str | None, str | None]:
    """Say which office and worker get an item: those of the rule, in the office of the case where it has one.

    Only a rule for this very kind of work takes it out of the office that the case system named.
    """
    named = record.facts.office if record is not None else None
    if named is None or (rule is not None and rule.kind):
        return (None, None) if rule is None else (rule.office, rule.worker)
    same = rule is not None and rule.office.upper() == named
    return named, rule.worker if rule is not None and same else None


def _county(agency: Agency, record: CaseRecord | None) -> str:
    """Give our county of a case: its own, else of its order, else of its payments, else the agency's."""
    facts = record.facts if record is not None else None
    if facts is not None and facts.our_fips is not None and facts.our_fips[2:5] != _WHOLE_STATE:
        return facts.our_fips[2:5]
    for order in facts.orders if facts is not None else ():
        if order.order_fips_state == agency.state and order.order_fips_county:
            return order.order_fips_county
    case = facts.case if facts is not None else None
    if case is not None and case.payment_fips_state == agency.state and case.payment_fips_county:
        return case.payment_fips_county
    return agency.fips[2:5]


def due_of(agency: Agency, item: WorkItem, today: date, owed: date | None) -> date | None:
    """Give the day an item is due: its duty's, else what its kind gives.

    ``owed`` is when the first duty ends that opened with it: whoever has to look at a request that a check
    stopped must do so while it can still be answered in time.
    """
    if item.due is not None:
        return item.due
    days = kind_of(item.kind).days
    usual = None if days is None else agency.calendar.add_working_days(today, days)
    return min((day for day in (usual, owed) if day is not None), default=None)


def same_thing(item: WorkItem, waiting: Iterable[WorkView]) -> WorkView | None:
    """Find the open item of the case that a new one is about as well; None if it stands by itself."""
    joins = kind_of(item.kind).joins
    if joins == "never" or item.case_id is None:
        return None
    names = ("from", "to", "far") if joins == "code" else ("from", "to")
    about = {name: item.details.get(name) for name in names}
    for view in waiting:
        alike = (view.kind, view.case_id, view.duty) == (item.kind, item.case_id, item.duty)
        if alike and all(view.details.get(name) == value for name, value in about.items()):
            return view
    return None
