"""Tell a transaction in words: its title, who writes to whom, one sentence, and its blocks with meanings.

The words stand in tables: `meanings.csv` for the values of codes, `sentences.csv` for what a transaction
says, `far_notes.csv` for what its receiver does. Rows of the last two may name groups (`ENF R *`); the
first one that fits counts.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import msgspec

from csenet.codecs import codes, infoline
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import CodecError
from csenet.codecs.fields import to_json_value
from csenet.codecs.layout import Field
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction, Transaction

MASK: Final = "***"
"""What stands for personal data."""

_SHOWN_KINDS = frozenset(("code", "money", "number", "date", "time"))
_SHOWN_PARTS = ("fips", "cej")
_HIDDEN_PARTS = ("birth", "race", "height", "weight", "hair", "eye")
_UNKNOWN = "not given"

_TITLES: Final = MappingProxyType(
    {
        "case": "Case",
        "ncp_identification": "Noncustodial parent",
        "ncp_locate": "Where the noncustodial parent is",
        "participants": "Participant",
        "orders": "Order",
        "collections": "Collection",
        "information": "Information",
    }
)


class Note(msgspec.Struct, frozen=True):
    """Tell what a receiver does, which transactions answer, and the federal rule, as cited then and now.

    `duty` is the id of the receiver's time limit, empty where none runs.
    """

    receiver: str
    answer: tuple[FarCode, ...]
    cited: str
    current: str
    duty: str


@cache
def meanings() -> Mapping[tuple[str, str], str]:
    """Load the meanings of codes by field name and value."""
    return MappingProxyType({(row["field"], row["value"]): row["meaning"] for row in codes.rows("meanings")})


CLOCKS: Final = {"time_received": "by the exchange's clock"}
"""Times that no clock of ours gave; the charts do not say in which zone."""


@cache
def note(code: FarCode) -> Note:
    """Find what is known about handling a code; LookupError for a code that is not valid."""
    for row in codes.rows("far_notes"):
        if _fits(row["far"], code):
            answer = tuple(FarCode.parse(each) for each in row["answer"].split("|") if each.strip())
            return Note(row["receiver"], answer, row["cited"], row["current"], row["duty"])
    raise LookupError(f"no note fits {code}")


@cache
def sentence_form(code: FarCode) -> str:
    """Find the sentence of a code, with names in braces where values go; any code has one."""
    found = (row["sentence"] for row in codes.rows("sentences") if _fits(row["far"], code))
    return next(found, "{from} sends {to} a transaction that does not exist, about case {case}.")


def _fits(pattern: str, code: FarCode) -> bool:
    parts = zip(str(code).split(), pattern.split(), strict=True)
    return all(fnmatchcase(word, wanted) for word, wanted in parts)


def state(fips: str | None) -> str:
    """Name a state by the first two digits of its FIPS code."""
    known = codes.jurisdictions().get((fips or "")[:2])
    return known.name if known else f"FIPS {fips}" if fips else "an unknown state"


def title(code: FarCode) -> str:
    """Give a code and what it is for; only the code if it is not valid."""
    row = codes.VALID.get(code)
    return f"{code} – {row.title}" if row else f"{code} – no valid transaction"


def direction_of(tx: Transaction) -> Direction:
    """Tell which way a transaction goes: only the exchange stamps the date of receipt."""
    head = tx.header
    stamped = head.date_received is not None or head.time_received is not None
    return Direction.FROM_SERVER if stamped else Direction.TO_SERVER


def sentence(tx: Transaction, direction: Direction | None = None) -> str:
    """Say in one sentence what a transaction asks for or tells; it names no person."""
    head = tx.header
    parties = state(head.local_fips_state), state(head.other_fips_state)
    cases = head.case_id or head.other_case_id, head.other_case_id or head.case_id
    if (direction or direction_of(tx)) is Direction.FROM_SERVER:
        parties, cases = parties[::-1], cases[::-1]
    values = {
        "from": parties[0],
        "to": parties[1],
        "case": cases[0] or "(no case ID)",
        "other_case": cases[1] or "(no case ID)",
        "date": str(head.action_resolution_date or "a day not given"),
        "new_case": (tx.information and tx.information.new_case_id) or _UNKNOWN,
        **_line_values(tx),
    }
    said = sentence_form(tx.far).format_map(values)
    return said[:1].upper() + said[1:]


def _line_values(tx: Transaction) -> dict[str, str]:
    """Read the fixed forms of the first information line, as far as it has one."""
    line = (tx.information and tx.information.information_text_line_1) or ""
    known = dict.fromkeys(("arrears", "interest", "as_of"), _UNKNOWN) | {"rejected": "a transaction"}
    try:
        if tx.far.reason == "GSTAI":
            balance = infoline.parse_interest_line(line)
            known["arrears"] = money(balance.total_arrears_owed_amount)
            known["interest"] = money(balance.total_interest_owed_amount)
            known["as_of"] = balance.as_of_date.isoformat()
        elif tx.far.reason == "REJCT":
            named = infoline.parse_reject_line(line)
            code = FarCode(named.functional_type_code, named.action_code, named.action_reason or "")
            known["rejected"] = f"{code} number {named.transaction_serial_number.lstrip('0') or '0'}"
    except CodecError:
        pass
    return known


def money(amount: Decimal) -> str:
    """Write an amount for people: $1,234.56, with a leading minus."""
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def is_personal(block: str, field: Field) -> bool:
    """Tell whether a field may tell who somebody is; the header names no person.

    The kind decides, so a field that is added to the charts is hidden until somebody thinks of it.
    """
    if block == "header":
        return False
    if any(part in field.name for part in _HIDDEN_PARTS):
        return True
    return field.kind not in _SHOWN_KINDS and not any(part in field.name for part in _SHOWN_PARTS)


def value_text(block: str, field: Field, value: Any, *, unmask: bool = False) -> str:
    """Write a value for people, with its meaning if it is a code and masked if it is personal."""
    if not unmask and is_personal(block, field):
        return MASK
    if isinstance(value, Decimal):
        return money(value)
    written = value.isoformat() if isinstance(value, date) else to_json_value(value)
    meaning = meanings().get((field.name, written)) or CLOCKS.get(field.name)
    if meaning is None and field.name.endswith("fips_state") and written in codes.jurisdictions():
        meaning = state(written)
    return f"{written} – {meaning}" if meaning else written


def text(tx: Transaction, unmask: bool = False, *, direction: Direction | None = None) -> str:
    """Write a transaction as a person wants to read it; personal data only with `unmask`.

    Without `direction` the stamps of the exchange tell it. Whoever unmasks answers for the audit trail.
    """
    way = direction or direction_of(tx)
    lines = [title(tx.far), *_envelope(tx, way), "", sentence(tx, way)]
    for heading, rows in _blocks(tx, unmask=unmask):
        width = max((len(name) for name, _ in rows), default=0)
        lines += ["", heading, *(f"  {name:<{width}}  {value}".rstrip() for name, value in rows)]
    return "\n".join(lines) + "\n"


def _envelope(tx: Transaction, direction: Direction) -> Iterator[str]:
    """Say who wrote to whom, about which cases, when."""
    head = tx.header
    local, other = state(head.local_fips_state), state(head.other_fips_state)
    sender, receiver = (local, other) if direction is Direction.TO_SERVER else (other, local)
    yield f"From {sender} to {receiver}"
    yield f"Case {head.case_id or _UNKNOWN} in {local}, {head.other_case_id or _UNKNOWN} in {other}"
    when = head.transaction_date.isoformat() if head.transaction_date else _UNKNOWN
    yield f"Serial number {tx.serial or _UNKNOWN}, written {when}"
    more = []
    if head.action_resolution_date:
        more.append(f"action resolution date {head.action_resolution_date.isoformat()}")
    if head.attachments_ind == "Y":
        more.append("attachments follow")
    if head.date_received:
        more.append(f"delivered {head.date_received.isoformat()}")
    if more:
        said = ", ".join(more)
        yield said[0].upper() + said[1:]


def _blocks(tx: Transaction, *, unmask: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Give each block's heading and its filled fields."""
    for name, codec in BLOCKS.items():
        value = getattr(tx, name)
        records = value if name in REPEATING else () if value is None else (value,)
        for number, record in enumerate(records, start=1):
            heading = f"{_TITLES[name]} {number}" if name in REPEATING else _TITLES[name]
            filled = ((field, getattr(record, field.name)) for field in codec.json_names.values())
            yield (
                heading,
                [
                    (field.federal, value_text(name, field, held, unmask=unmask))
                    for field, held in filled
                    if held is not None
                ],
            )


def block_title(block: str) -> str:
    """Name a block for people, by its JSON name."""
    return "Header" if block == "header" else _TITLES[block]


def field_of(block: str, name: str) -> Field | None:
    """Find a field by block and Python name, in either header; None if there is none."""
    codecs = HEADERS.values() if block == "header" else (BLOCKS.get(block),)
    return next((codec.json_names[name] for codec in codecs if codec and name in codec.json_names), None)
