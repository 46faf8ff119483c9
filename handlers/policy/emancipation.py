"""Say when a child is emancipated, and when current support under an order ages out with its children.

The order's own words come first; then the law of the state: an age, a later age for a child in secondary
school, no end for a child that cannot support itself. That a child leaves the household ends nothing.
"""

from datetime import date, timedelta

import msgspec

from csenet.handlers.policy.arrears import Child, Order
from csenet.handlers.policy.interest_terms import Terms
from csenet.handlers.policy.rules import NotStated, Stated, Why

_FEBRUARY, _LEAP_DAY = 2, 29


class Emancipation(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the first day on which somebody is no longer a child; `on` is None where no such day is known."""

    child: str
    on: date | None
    why: Why


class AgeOut(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the day on which current support ends: what falls due on it or later is not owed."""

    order: str
    on: date | None
    children: tuple[Emancipation, ...] = ()
    reasons: tuple[Why, ...] = ()


def birthday(birth: date, age: int) -> date:
    """Give the day on which an age is reached: after a birth on 29 February, 1 March in a common year."""
    try:
        return birth.replace(year=birth.year + age)
    except ValueError:
        return date(birth.year + age, _FEBRUARY, _LEAP_DAY - 1) + timedelta(days=1)


def emancipation(
    child: Child, terms: Terms, as_of: date, issued: date | None = None
) -> Emancipation | NotStated:
    """Say when `child` is emancipated under an order `issued` on that day, as known on `as_of`.

    `NotStated` when the law of the state, the law at the date of the order, or, for a child past the age of
    majority, its school, is not known.
    """
    if child.order_ends is not None:
        return _told(child, child.order_ends, "The order sets this end for the child.", "the order")
    if child.emancipated is not None:
        text = "The child was emancipated before its age does it."
        return _told(child, child.emancipated, text, "the case system")
    older = _older_law(child, terms, issued)
    if older is not None:
        return older
    if child.incapable:
        supported = terms.ask("incapable_child_is_supported", as_of)
        if isinstance(supported, NotStated):
            return supported
        if supported.value:
            return Emancipation(child=child.id, on=None, why=supported.why)
    return _by_age(child, terms, as_of)


def _told(child: Child, on: date, text: str, source: str) -> Emancipation:
    why = Why(rule="emancipation", text=text, citation=source, value=on.isoformat())
    return Emancipation(child=child.id, on=on, why=why)


def _older_law(child: Child, terms: Terms, issued: date | None) -> NotStated | None:
    """Ask a person where the order may be older than the law: no order is older than its child."""
    since = terms.ask("emancipation_law_since", issued or child.birth)
    day = issued or child.birth
    if isinstance(since, NotStated) or not isinstance(since.value, date) or day >= since.value:
        return None
    text = f"at what age does an order entered before {since.value} end support for child {child.id}?"
    return terms.question("emancipation_law_since", day, text)


def _by_age(child: Child, terms: Terms, as_of: date) -> Emancipation | NotStated:
    majority = terms.ask("majority_age", as_of)
    school = terms.ask("secondary_school_age", as_of)
    if isinstance(majority, NotStated):
        return majority
    if isinstance(school, NotStated):
        return school
    adult = birthday(child.birth, int(str(majority.value)))
    limit = birthday(child.birth, int(str(school.value)))
    if child.in_school is False:
        return _aged(child, adult, majority)
    if child.school_ended is not None:
        on = max(adult, min(child.school_ended, limit))
        return _aged(child, on, majority if on == adult else school)
    if child.in_school:
        return _aged(child, limit, school)
    if as_of < adult:
        return Emancipation(child=child.id, on=None, why=majority.why)
    text = f"did child {child.id} attend secondary school on {adult} or later, and when did or will that end?"
    return terms.question("secondary_school_age", as_of, text)


def _aged(child: Child, on: date, said: Stated) -> Emancipation:
    return Emancipation(child=child.id, on=on, why=msgspec.structs.replace(said.why, value=on.isoformat()))


def age_out(order: Order, terms: Terms, as_of: date) -> AgeOut | NotStated:
    """Say when current support under `order` ends: as it says itself, else with its last child.

    An order without children and without an end of its own has no end that is known here. `NotStated` when
    that of one child is not known, or when support falls with each child and by how much is not said.
    """
    if order.support_ends is not None:
        why = Why(
            rule="emancipation",
            text="The order says itself when current support ends.",
            citation="the order",
            value=order.support_ends.isoformat(),
        )
        return AgeOut(order=order.id, on=order.support_ends, reasons=(why,))
    found = []
    for child in order.children:
        said = emancipation(child, terms, as_of, order.issued)
        if isinstance(said, NotStated):
            return said
        found.append(said)
    ends = [said.on for said in found if said.on is not None]
    last = max(ends) if ends and len(ends) == len(found) else None
    reasons = tuple(dict.fromkeys(said.why for said in found))
    passed = [day for day in ends if day <= as_of]
    if passed and len(found) > 1 and (last is None or min(passed) < last):
        lowered = terms.ask("support_falls_with_each_child", min(passed))
        if isinstance(lowered, NotStated):
            return lowered
        if lowered.value:
            text = f"what is current support under order {order.id} from {min(passed)} on?"
            return terms.question("support_falls_with_each_child", min(passed), text)
        reasons = (*reasons, lowered.why)
    return AgeOut(order=order.id, on=last, children=tuple(found), reasons=reasons)
