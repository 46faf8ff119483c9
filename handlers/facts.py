"""Hold the facts of a case as the case system tells them, and read and write their JSON form.

The five kinds of block are read by the codecs, so a block has one JSON form everywhere. Everything wrong
is reported at once, each problem with the path of the value it is about; the value itself is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from csenet.codecs import jsonform
from csenet.codecs.blocks import Case, NcpIdentification, NcpLocate, Order, Participant
from csenet.codecs.edits_values import places, unknown_county
from csenet.codecs.errors import Problem
from csenet.codecs.layout import python_name
from csenet.handlers.policy.interest import Ledger, Obligation, Payment

T = TypeVar("T")

BLOCKS = ("case", "ncp_identification", "ncp_locate", "participants", "orders")
REPEATED = frozenset(("participants", "orders"))

_PLAIN = (
    "role",
    "other_fips",
    "other_case_id",
    "office",
    "our_fips",
    "withholding_active",
    "family_violence",
    "protected",
    "alternative_agreement",
    "parent_deceased",
    "balances",
    "ledger",
)
KEYS = _PLAIN + BLOCKS
"""All that facts may say."""
_FIPS = re.compile(r"\d{5}([ 0-9A-Z]{2})")
_MONEY = re.compile(r"\d{1,10}\.\d{2}")
_CASE_ID_LENGTH = 15
_OFFICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}")
_PROTECTED = re.compile(r"ncp|participants\[\d\]")
MOST_OF_A_BLOCK = 9
"""A block count is one digit."""


PARENT = "ncp"
"""The noncustodial parent in `CaseFacts.protected`."""


class Role(StrEnum):
    """Name the two parts a state can have in an interstate case."""

    INITIATING = "initiating"
    RESPONDING = "responding"

    @property
    def opposite(self) -> Role:
        """Give the part the other state has."""
        return Role.RESPONDING if self is Role.INITIATING else Role.INITIATING


class Balances(msgspec.Struct, frozen=True, kw_only=True):
    """Hold balances the case system worked out: dollars; `arrears` is the total and includes `interest`."""

    as_of: date
    arrears: Decimal
    interest: Decimal


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one snapshot of an interstate case. `None` means that the case system did not say.

    `family_violence` protects everybody of the case. `protected` names those at risk where the rest of the
    case may be told: `ncp`, and participants by their place in the list, such as `participants[0]`.
    `our_fips` is the code of the locality of ours that has the case, where it is not the whole agency.
    """

    case_id: str
    role: Role
    other_fips: str
    other_case_id: str | None = None
    office: str | None = None
    our_fips: str | None = None
    withholding_active: bool | None = None
    family_violence: bool = False
    protected: tuple[str, ...] = ()
    alternative_agreement: bool = False
    parent_deceased: bool = False
    case: Case | None = None
    ncp_identification: NcpIdentification | None = None
    ncp_locate: NcpLocate | None = None
    participants: tuple[Participant, ...] = ()
    orders: tuple[Order, ...] = ()
    balances: Balances | None = None
    ledger: Ledger | None = None

    @property
    def other_state(self) -> str:
        """Give the two-digit FIPS code of the other state."""
        return self.other_fips[:2]


class FactsError(ValueError):
    """Say that facts are not usable. `problems` holds (path, message) pairs, all of them."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        """Keep the problems and show their paths, which carry no personal data."""
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))
        self.problems = problems


class _Form:
    """Take values out of one JSON object and remember everything that is wrong with it."""

    def __init__(self, obj: Any, path: str, problems: list[tuple[str, str]]) -> None:
        self.path, self.problems = path, problems
        self.values: dict[str, Any] = obj if isinstance(obj, dict) else {}
        if not isinstance(obj, dict):
            problems.append((path or "(facts)", "must be a JSON object"))

    def at(self, key: object) -> str:
        """Give the path of a key in this object."""
        return f"{self.path}.{key}" if self.path else str(key)

    def wrong(self, key: str, message: str) -> None:
        """Remember a problem with one key."""
        self.problems.append((self.at(key), message))

    def only(self, known: tuple[str, ...]) -> None:
        """Report keys that nobody asked for: a misspelt key must not pass as an absent one."""
        for key in self.values:
            if key not in known:
                self.wrong(str(key), "is not a known field here")

    def take(self, key: str, read: Callable[[Any], T], *, required: bool = False) -> T | None:
        """Read one value. `read` raises `ValueError` with a message that does not repeat the value."""
        value = self.values.get(key)
        if value is None:
            if required:
                self.wrong(key, "is required")
            return None
        try:
            return read(value)
        except ValueError as wrong:
            self.wrong(key, str(wrong))
            return None

    def rows(self, key: str, known: tuple[str, ...]) -> list[_Form]:
        """Give the objects of a list, each with its own path."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, "must be a list")
            return []
        forms = [_Form(row, self.at(f"{key}[{n}]"), self.problems) for n, row in enumerate(value)]
        for form in forms:
            form.only(known)
        return forms


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _role(value: Any) -> Role:
    if value not in tuple(Role):
        raise ValueError("must be initiating or responding")
    return Role(value)


def _fips(value: Any) -> str:
    if not isinstance(value, str) or _FIPS.fullmatch(value) is None:
        raise ValueError("must be 7 characters: state (2 digits), county (3), sub (2, blanks or zeros)")
    return value


def _persons(value: Any) -> tuple[str, ...]:
    named = value if isinstance(value, list) else [None]
    if not all(isinstance(each, str) and _PROTECTED.fullmatch(each) for each in named):
        raise ValueError('must be a list of "ncp" and of participants such as "participants[0]"')
    if len(set(named)) < len(named):
        raise ValueError("names somebody twice")
    return tuple(named)


def _case_id(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _CASE_ID_LENGTH:
        raise ValueError(f"must be a text of 1 to {_CASE_ID_LENGTH} characters")
    return value


def _office(value: Any) -> str:
    if not isinstance(value, str) or _OFFICE.fullmatch(value) is None:
        raise ValueError("must be 1 to 32 letters, digits, blanks, dots, dashes or underscores")
    return value.upper()


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(value) if len(value) == len("2026-01-31") else _no_day()
    except (TypeError, ValueError):
        return _no_day()


def _no_day() -> date:
    raise ValueError("must be a date such as 2026-01-31") from None


def _money(value: Any) -> Decimal:
    if not isinstance(value, str) or _MONEY.fullmatch(value) is None:
        raise ValueError('must be an amount such as "1234.56": a text, two decimals, not negative')
    return Decimal(value)


def _positive(value: Any) -> Decimal:
    amount = _money(value)
    if not amount:
        raise ValueError("must be more than zero")
    return amount


def _balances(form: _Form) -> Balances | None:
    form.only(("as_of", "arrears", "interest"))
    as_of = form.take("as_of", _day, required=True)
    arrears = form.take("arrears", _money, required=True)
    interest = form.take("interest", _money, required=True)
    if as_of is None or arrears is None or interest is None:
        return None
    return Balances(as_of=as_of, arrears=arrears, interest=interest)


def _dated(form: _Form, key: str, day_name: str) -> list[tuple[date, Decimal]]:
    found = []
    for row in form.rows(key, (day_name, "amount")):
        day = row.take(day_name, _day, required=True)
        amount = row.take("amount", _positive, required=True)
        if day is not None and amount is not None:
            found.append((day, amount))
    return found


def _ledger(form: _Form) -> Ledger:
    form.only(("obligations", "payments"))
    return Ledger(
        obligations=tuple(Obligation(due=day, amount=n) for day, n in _dated(form, "obligations", "due")),
        payments=tuple(Payment(date=day, amount=n) for day, n in _dated(form, "payments", "date")),
    )


def problem_path(problem: Problem) -> str:
    """Give the path of a block problem in JSON words, such as `participants[1].ssn`."""
    block = f"{problem.block}[{problem.occurrence - 1}]" if problem.block in REPEATED else problem.block
    return f"{block}.{python_name(problem.field)}" if problem.field else block


def _blocks(form: _Form) -> dict[str, Any]:
    """Read the blocks the way a transaction's blocks are read."""
    read: dict[str, Any] = {}
    for name in BLOCKS:
        value = form.values.get(name)
        if value is None:
            continue
        if name in REPEATED and not (isinstance(value, list) and len(value) <= MOST_OF_A_BLOCK):
            form.wrong(name, f"must be a list of at most {MOST_OF_A_BLOCK}")
            continue
        found: list[Problem] = []
        read[name] = jsonform.load_block(name, value, found)
        form.problems.extend((problem_path(problem), problem.message) for problem in found if problem.stops)
    return read


@lru_cache(maxsize=MOST_OF_A_BLOCK + 1)
def participant_names(count: int) -> tuple[str, ...]:
    """Name the first participants of a case the way `CaseFacts.protected` names them."""
    return tuple(f"participants[{number}]" for number in range(count))


def facts_from_json(case_id: str, obj: Any) -> CaseFacts:
    """Read the facts of a case from their JSON form.

    Raises `FactsError` with every wrong, missing or unknown field, such as `ledger.payments[2].amount`.
    """
    problems: list[tuple[str, str]] = []
    form = _Form(obj, "", problems)
    form.only(KEYS)
    facts = CaseFacts(
        case_id=case_id,
        role=form.take("role", _role, required=True) or Role.INITIATING,
        other_fips=form.take("other_fips", _fips, required=True) or "",
        other_case_id=form.take("other_case_id", _case_id),
        office=form.take("office", _office),
        our_fips=form.take("our_fips", _fips),
        withholding_active=form.take("withholding_active", _flag),
        family_violence=form.take("family_violence", _flag) or False,
        protected=form.take("protected", _persons) or (),
        alternative_agreement=form.take("alternative_agreement", _flag) or False,
        parent_deceased=form.take("parent_deceased", _flag) or False,
        balances=form.take("balances", lambda obj: _balances(_Form(obj, "balances", problems))),
        ledger=form.take("ledger", lambda obj: _ledger(_Form(obj, "ledger", problems))),
        **_blocks(form),
    )
    if form.values.get("balances") is not None and form.values.get("ledger") is not None:
        form.wrong("balances", "must not be given together with a ledger: one of them is enough")
    known = {PARENT, *participant_names(len(facts.participants))}
    if not known.issuperset(facts.protected):
        # Somebody at risk who is not found would go unprotected.
        form.wrong("protected", "names a participant that the facts do not have")
    if problems:
        raise FactsError(problems)
    return facts


def facts_to_json(facts: CaseFacts) -> dict[str, Any]:
    """Write facts in the JSON form `facts_from_json` reads; what is not said is left out."""
    written: dict[str, Any] = {"role": facts.role.value, "other_fips": facts.other_fips}
    for name in ("other_case_id", "office", "our_fips", "withholding_active"):
        if getattr(facts, name) is not None:
            written[name] = getattr(facts, name)
    written["family_violence"] = facts.family_violence
    if facts.protected:
        written["protected"] = list(facts.protected)
    written["alternative_agreement"] = facts.alternative_agreement
    if facts.parent_deceased:
        written["parent_deceased"] = True
    for name in BLOCKS:
        held = getattr(facts, name)
        if name in REPEATED and held:
            written[name] = [jsonform.dump_block(each) for each in held]
        elif name not in REPEATED and held is not None:
            written[name] = jsonform.dump_block(held)
    if facts.balances is not None:
        written["balances"] = {
            "as_of": facts.balances.as_of.isoformat(),
            "arrears": f"{facts.balances.arrears:.2f}",
            "interest": f"{facts.balances.interest:.2f}",
        }
    if facts.ledger is not None:
        written["ledger"] = {
            "obligations": [_row("due", each.due, each.amount) for each in facts.ledger.obligations],
            "payments": [_row("date", each.date, each.amount) for each in facts.ledger.payments],
        }
    return written


def _row(day_name: str, day: date, amount: Decimal) -> dict[str, str]:
    return {day_name: day.isoformat(), "amount": f"{amount:.2f}"}


def check_own_locality(facts: CaseFacts, our_state: str) -> None:
    """Raise `FactsError` for a locality that is none of ours: all transactions on the case would name it."""
    ours = facts.our_fips
    if ours is not None and (ours[:2] != our_state or unknown_county(ours[:2], ours[2:5])):
        raise FactsError([("our_fips", "must be a locality of our own state")])


def check_other_agency(facts: CaseFacts) -> None:
    """Raise `FactsError` for an other agency, or case ID there, to which nothing could ever be sent."""
    problems = []
    if facts.other_fips[:2] not in places():
        problems.append(("other_fips", "no jurisdiction, territory, tribe or country has this code"))
    named = facts.other_case_id
    if named is not None and (named.startswith(" ") or set(named) & {"*", "\\"} or not named.strip(" 0")):
        problems.append(("other_case_id", "must not begin blank, hold * or \\, or be only zeros"))
    if problems:
        raise FactsError(problems)
