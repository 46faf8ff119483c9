"""Read and write one field: what each kind of field means, and every way in which it can be wrong.

This is the thorough way, taken for fields that are not in canonical form, for the JSON form and for values
that cannot be written. Canonical records take the short way of `compiler`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from csenet.codecs.layout import Field

Value: TypeAlias = str | date | time | Decimal

MONEY_LIMIT = Decimal(10) ** 10
"""Twelve positions with two implied decimals end below this amount; a sign takes one position more."""

_CENT = Decimal("0.01")
_STRANGE = re.compile(r"[^ -~]")
_SIGNED_AMOUNT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]{2}))?")
_JSON_MONEY = re.compile(r"-?[0-9]{1,10}\.[0-9]{2}")
_JSON_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}")
_JSON_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Finding(NamedTuple):
    """Name one departure from the chart; a readable one costs a warning, any other the value."""

    rule: str
    message: str
    readable: bool = False


class FieldError(ValueError):
    """Refuse a value that has no place in a field."""

    def __init__(self, rule: str, message: str) -> None:
        """Keep the rule's name, the last part of a problem's code, beside the message."""
        self.rule = rule
        super().__init__(message)


_CASE = Finding("case", "lower case read as upper case", readable=True)
_LEFT = Finding("justification", "not left-justified", readable=True)
_RIGHT = Finding("justification", "not right-justified and zero-filled", readable=True)
_ZERO = Finding("zero", "zero-filled where an unused field is blank", readable=True)
_CHARACTERS = Finding("characters", "holds characters outside printable ASCII")

Outcome: TypeAlias = tuple[Value | None, list[Finding]]


def read_field(field: Field, text: str) -> Outcome:
    """Read the positions of one field, returning the value (None if blank or unreadable) and what was odd."""
    if _STRANGE.search(text):
        return None, [_CHARACTERS]
    stripped = text.strip()
    if not stripped:
        return None, []
    if not field.zero_is_value and field.kind in _ZERO_MEANS_UNUSED and not stripped.strip("0"):
        return None, [_ZERO]
    return _READERS[field.kind](field, text, stripped)


def _read_text(field: Field, text: str, stripped: str) -> Outcome:
    findings: list[Finding] = []
    if text[0] == " ":
        if field.identifier:
            return None, [Finding("position", "the first position is blank")]
        findings.append(_LEFT)
    if field.upper and stripped.upper() != stripped:
        findings.append(_CASE)
        stripped = stripped.upper()
    return stripped, findings


def _read_code(field: Field, text: str, stripped: str) -> Outcome:
    value, findings = _read_text(field, text, stripped)
    if value not in (field.values or ()):
        return None, [Finding("value", f"not one of {', '.join(field.values or ())}")]
    return value, findings


def _read_digits(field: Field, text: str, stripped: str) -> Outcome:
    if not stripped.isdigit():
        return None, [Finding("digits", "holds something other than digits")]
    return stripped, [_LEFT] if text[0] == " " else []


def _read_number(field: Field, text: str, stripped: str) -> Outcome:
    if not stripped.isdigit():
        return None, [Finding("digits", "holds something other than digits")]
    return stripped.zfill(field.width), [] if stripped == text else [_RIGHT]


def _read_date(field: Field, text: str, stripped: str) -> Outcome:
    try:
        return parse_date(text), []
    except ValueError:
        return None, [Finding("date", "not a calendar date in the form CCYYMMDD")]


def _read_time(field: Field, text: str, stripped: str) -> Outcome:
    try:
        return parse_time(text), []
    except ValueError:
        return None, [Finding("time", "not a time of day in the form HHMMSS")]


def _read_money(field: Field, text: str, stripped: str) -> Outcome:
    try:
        return parse_money(text), []
    except ValueError:
        pass
    match = _SIGNED_AMOUNT.fullmatch(stripped)
    if match is None:
        return None, [Finding("money", "not an amount of twelve positions with two implied decimals")]
    sign, whole, cents = match.groups()
    amount = Decimal(f"{whole}.{cents}") if cents else Decimal(whole).scaleb(-2)
    return (-amount if sign == "-" and amount else amount), [
        Finding("form", "an amount in another form than twelve zero-filled positions", readable=True)
    ]


def _read_filler(field: Field, text: str, stripped: str) -> Outcome:
    return None, [Finding("filler", "not blank", readable=True)]


_ZERO_MEANS_UNUSED = frozenset(("digits", "number", "date", "time", "code"))
_READERS: Mapping[str, Callable[[Field, str, str], Outcome]] = {
    "text": _read_text,
    "code": _read_code,
    "digits": _read_digits,
    "number": _read_number,
    "date": _read_date,
    "time": _read_time,
    "money": _read_money,
    "filler": _read_filler,
}


def parse_date(text: str) -> date:
    """Read CCYYMMDD; ValueError if it is no date of the calendar."""
    if len(text) != 8 or not text.isdigit():
        raise ValueError("not CCYYMMDD")
    return date.fromisoformat(text)


def parse_time(text: str) -> time:
    """Read HHMMSS on a 24-hour clock; ValueError if no clock shows it or if all is zero.

    Six zeros fill an unused field (rule 5a), so midnight cannot be told from no time at all.
    """
    if len(text) != 6 or not text.isdigit() or text == "000000":
        raise ValueError("not HHMMSS")
    return time(int(text[:2]), int(text[2:4]), int(text[4:]))


def parse_money(text: str) -> Decimal:
    """Read twelve positions in canonical form: digits, two decimals implied, a leading `-` when negative."""
    digits = text[1:] if text[:1] == "-" else text
    if len(text) != 12 or not digits.isdigit():
        raise ValueError("not an amount")
    amount = Decimal(f"{text[:10]}.{text[10:]}")
    if not amount and digits is not text:
        raise ValueError("a negative zero")
    return amount


def format_date(value: object) -> str:
    """Write a date as CCYYMMDD; FieldError for anything else."""
    if type(value) is not date:
        raise FieldError("type", "must be a date")
    return f"{value.year:04}{value.month:02}{value.day:02}"


def format_time(value: object) -> str:
    """Write a time of day as HHMMSS; fractions of a second and zones have no place in it."""
    if not isinstance(value, time):
        raise FieldError("type", "must be a time of day")
    return f"{value.hour:02}{value.minute:02}{value.second:02}"


def format_money(value: object) -> str:
    """Write an amount right-justified and zero-filled with two implied decimals, `-` first when negative."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise FieldError("type", "must be an amount")
    whole, _, cents = str(value).partition(".")
    if len(cents) == 2 and whole.isdigit() and len(whole) <= 10:
        # Nearly every amount is written so, and no arithmetic is needed.
        return f"{whole}{cents}".zfill(12)
    if abs(value) >= MONEY_LIMIT or value <= -MONEY_LIMIT / 10:
        raise FieldError("length", "the amount takes more than twelve positions")
    if value != value.quantize(_CENT):
        raise FieldError("decimals", "the amount has more than two decimals")
    return f"{int(value.scaleb(2)):012}"


def write_field(field: Field, value: Value | None) -> str:
    """Write one field with its padding; FieldError if the value cannot stand there."""
    if value is None or value == "":
        return field.default or " " * field.width
    if field.kind in _FORMATS:
        return _FORMATS[field.kind](value)
    if not isinstance(value, str):
        raise FieldError("type", "must be text")
    text = value.rjust(field.width, "0") if field.kind == "number" else value.ljust(field.width)
    if len(text) > field.width:
        raise FieldError("length", f"longer than {field.width} positions")
    _, findings = read_field(field, text)
    if findings == [_ZERO]:
        return " " * field.width
    if findings:
        raise FieldError(findings[0].rule, findings[0].message)
    return text


_FORMATS: Mapping[str, Callable[[object], str]] = {
    "date": format_date,
    "time": format_time,
    "money": format_money,
}


def to_json_value(value: Value) -> str:
    """Write a value as the JSON form has it: ISO dates and times, amounts with two decimals."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat()


def from_json_value(field: Field, value: object) -> Value | None:
    """Read a value of the JSON form; blank text is None; FieldError says what is wrong.

    Text is put in canonical form (upper case, no blanks around it), since every system pads differently.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise FieldError("type", "must be a JSON string")
    stripped = value.strip()
    if not stripped:
        return None
    if field.kind in _JSON_READERS:
        parsed = _JSON_READERS[field.kind](stripped)
        write_field(field, parsed)
        return parsed
    text = stripped.upper() if field.upper else stripped
    return write_field(field, text).rstrip() or None


def _json_date(text: str) -> date:
    try:
        if _JSON_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise FieldError("date", "must be a date like 2026-11-20")


def _json_time(text: str) -> time:
    try:
        if _JSON_TIME.fullmatch(text):
            return time.fromisoformat(text)
    except ValueError:
        pass
    raise FieldError("time", "must be a time like 14:25:30")


def _json_money(text: str) -> Decimal:
    if not _JSON_MONEY.fullmatch(text):
        raise FieldError("money", "must be an amount like 1234.56")
    return Decimal(text) + 0


_JSON_READERS: Mapping[str, Callable[[str], Value]] = {
    "date": _json_date,
    "time": _json_time,
    "money": _json_money,
}
