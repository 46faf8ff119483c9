"""Make an example of a transaction that passes every edit, for people to fill in."""

from datetime import date, timedelta
from fnmatch import fnmatchcase
from functools import cache
from random import Random
from types import MappingProxyType
from typing import Any, Final

import msgspec

from csenet.codecs import codes, infoline, validation
from csenet.codecs.codes import FarCode
from csenet.codecs.invented import Inventor, Place, Values
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction, Transaction

EXAMPLE_DAY = date(2026, 11, 20)
"""The transaction date of examples, so that the same command always writes the same."""

_COMING = frozenset(("GIHER", "SICHS", "PICHS", "PIBTS"))
"""Reasons whose action resolution date lies ahead: hearings and tests."""

_ALWAYS = frozenset(("debt_type", "case_type", "case_status"))
"""Fields that charts C-5 and C-9 demand of every block: they alone make no example."""

_NOTICE = timedelta(days=60)
"""What GSC14 must leave the other state before the case is closed (45 CFR 303.11(d)(2))."""

_COMPANIONS: Final = MappingProxyType(
    {
        "residential_address_line_1": (
            "residential_address_effective_date",
            "residential_address_confirmed_ind",
        ),
        "mailing_address_line_1": ("mailing_address_effective_date", "mailing_address_confirmed_ind"),
        "employer_name": (
            "employer_address_line_1",
            "employer_effective_date",
            "employer_confirmed_ind",
        ),
        "wage_amount": ("wage_qtr", "wage_year"),
        "order_freq_amount": ("order_freq", "order_effective_date", "medical_ordered"),
        "payment_amount": ("interstate_payment_method",),
        "name_last": ("relationship", "participant_status"),
        "relationship": ("participant_status", "dependent_relation_cp"),
        "dependent_relation_cp": ("date_of_birth",),
    }
)
"""Fields that the charts demand beside another one (charts C-7 to C-10), wherever a block has both."""


_DEMANDED: Final = (
    ("* [PRU] *", "ncp_identification", frozenset(("ssn",))),
    ("PAT [RU] *", "case", frozenset(("payment_mail_address_line_1",))),
)
"""Fields that charts C-5 and C-6 demand unless something else is there; these are the ones examples have."""


class Wanted(msgspec.Struct, frozen=True):
    """Tell what a transaction holds of one block: how often at least, which fields, and which values."""

    least: int
    required: frozenset[str]
    listed: frozenset[str]
    fixed: tuple[tuple[str, str], ...]


@cache
def plan(code: FarCode) -> MappingProxyType[str, Wanted]:
    """Gather what the element list and the block rules say about a code, by block.

    A block only recommended has `least` zero.
    """
    listed: dict[str, list[codes.Element]] = {}
    for element in codes.elements(code):
        listed.setdefault(element.block, []).append(element)
    for rule in validation.block_rules():
        if rule.applies(code):
            listed.setdefault(rule.block, [])
    return MappingProxyType({block: _wanted(code, block, found) for block, found in listed.items()})


def _wanted(code: FarCode, block: str, elements: list[codes.Element]) -> Wanted:
    fields = [element for element in elements if element.field]
    ruled = [rule.least for rule in validation.block_rules() if rule.block == block and rule.applies(code)]
    demanded = any(not element.field and element.level == "required" for element in elements)
    required = {element.field for element in fields if element.level == "required"}
    if block in BLOCKS:
        required |= {field.name for field in BLOCKS[block].layout.fields if field.required}
    for pattern, where, names in _DEMANDED:
        if where == block and fields and fnmatchcase(str(code), pattern):
            required |= names
    return Wanted(
        least=max([int(demanded), *ruled]),
        required=_with_companions(block, required),
        listed=_with_companions(block, required | {element.field for element in fields}),
        fixed=tuple((element.field, element.fixed) for element in fields if element.fixed is not None),
    )


def _with_companions(block: str, names: set[str]) -> frozenset[str]:
    known = BLOCKS[block].json_names if block in BLOCKS else {}
    while more := {each for name in names for each in _COMPANIONS.get(name, ()) if each in known} - names:
        names = names | more
    return frozenset(names)


def status(code: FarCode) -> str:
    """Give the case status that a code's element list fixes; open where it fixes none."""
    wanted = plan(code).get("case")
    return dict(wanted.fixed).get("case_status", "O") if wanted else "O"


def resolution_date(code: FarCode, day: date) -> date:
    """Give a fitting action resolution date: of closing, of a hearing to come, or of intended closing."""
    if code.reason == "GSC14":
        return day + _NOTICE + timedelta(days=10)
    return day + timedelta(days=30) if code.reason in _COMING else day


def information(code: FarCode, inventor: Inventor) -> Values:
    """Invent the information block, with the fixed forms of its first line (chart C-11)."""
    values: Values = {"status_change_code": status(code), "information_text_line_1": inventor.sample("text")}
    if code.reason == "REJCT":
        serial, when = inventor.digits(12), inventor.ago(1, 9)
        values = {"information_text_line_1": infoline.reject_line(serial, "R", "MSC", when, "GRINT")}
    elif code.reason == "GSTAI":
        interest = inventor.amount(900)
        arrears = interest + inventor.amount(9_000)
        values["information_text_line_1"] = infoline.interest_line(arrears, interest, inventor.day)
    elif code.reason == "GSCAS":
        values |= {"new_case_id": f"N{inventor.digits(9)}"}
        del values["information_text_line_1"]
    return values


def template(code: FarCode, *, day: date = EXAMPLE_DAY, recommended: bool = False) -> Transaction:
    """Make the smallest transaction of a code that passes validation; invented values show the form.

    With `recommended`, also everything that the element list recommends. ValueError for a code that is not
    valid.
    """
    if code not in codes.VALID:
        raise ValueError(f"{code} is no valid transaction")
    inventor = Inventor(Random(0), day)  # noqa: S311
    sender, receiver = inventor.place("27"), inventor.place("20")
    held: dict[str, Any] = {}
    for block, codec in BLOCKS.items():
        wanted = plan(code).get(block)
        if wanted is None or not (wanted.least or recommended):
            continue
        keep = _kept(wanted, recommended)
        records = [
            codec.struct(**{name: value for name, value in values.items() if not keep or name in keep})
            for values in _records(code, block, max(1, wanted.least), inventor, sender, receiver)
        ]
        held[block] = tuple(records) if block in REPEATING else records[0]
    return Transaction(header=_header(code, day, sender, receiver, recommended=recommended), **held)


def _kept(wanted: Wanted, recommended: bool) -> frozenset[str]:
    """Choose the fields that stay; none named means all, for a demanded block without an element list."""
    if recommended or wanted.required <= _ALWAYS:
        return frozenset() if wanted.listed <= _ALWAYS else wanted.listed
    return wanted.required


def _records(
    code: FarCode, block: str, number: int, inventor: Inventor, sender: Place, receiver: Place
) -> list[Values]:
    """Invent the records of one block, with the values that the code fixes."""
    state = status(code)
    family = "EXAMPLE"
    if block == "case":
        found = [inventor.case(sender, state)]
    elif block == "ncp_identification":
        found = [inventor.parent(family)]
    elif block == "ncp_locate":
        found = [inventor.locate(receiver) | inventor.insurance()]
    elif block == "participants":
        children = [inventor.child(family, sender, state) for _ in range(number - 1)]
        found = [inventor.custodian(sender, state), *children]
    elif block == "orders":
        found = [inventor.order(sender) for _ in range(number)]
    elif block == "collections":
        found = [inventor.collection() for _ in range(number)]
    else:
        found = [information(code, inventor)]
    return [with_fixed(plan(code)[block], values) for values in found]


def with_fixed(wanted: Wanted, values: Values) -> Values:
    """Put in the values that a code fixes for one block."""
    for name, fixed in wanted.fixed:
        values[name] = type(values[name])(fixed) if values.get(name) is not None else fixed
    if values.get("order_type") == "P":
        # A paternity order says nothing about money.
        for name in [name for name in values if "freq" in name and not name.endswith("freq_amount")]:
            del values[name]
        for name in [name for name in values if "arrears" in name]:
            del values[name]
    return values


def _header(code: FarCode, day: date, sender: Place, receiver: Place, *, recommended: bool) -> Any:
    wanted = plan(code)["header"]
    names = wanted.listed if recommended else wanted.required
    values: Values = {
        "local_fips_state": sender.fips,
        "local_fips_county": "000",
        "other_fips_state": receiver.fips,
        "other_fips_county": "000",
        "csenet_version_number": "003",
        "transaction_serial_number": f"{1:012}",
        "action_code": code.action,
        "functional_type_code": code.function,
        "transaction_date": day,
        "case_id": "0012345678" if "case_id" in names or code.function != "LO1" else None,
        "other_case_id": "KS00112233" if "other_case_id" in names or code.action in "PA" else None,
        "action_reason": code.reason or None,
        "action_resolution_date": resolution_date(code, day) if "action_resolution_date" in names else None,
        "attachments_ind": "N",
        "overdue_ind": "0",
    }
    return HEADERS[Direction.TO_SERVER].struct(**values)
