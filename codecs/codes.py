"""Know the valid transactions, what each must hold, and the jurisdictions that may send them.

Sources: the valid transactions table and the element lists of the CSENet Interface Guidance Document, 8.0;
FIPS state codes as published by the census. Where the printed lists contradict themselves, chart C-3
decides.
"""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

Role = Literal["initiating", "responding", "either"]
Level = Literal["required", "recommended"]


class FarCode(msgspec.Struct, frozen=True, order=True):
    """Name a transaction by function, action and reason; a blank reason is the empty text."""

    function: str
    action: str
    reason: str = ""

    def __str__(self) -> str:
        """Write the code as people do: `MSC P GSC17`, `LO1 R BLANK`."""
        return f"{self.function} {self.action} {self.reason or 'BLANK'}"

    @classmethod
    def parse(cls, text: str) -> "FarCode":
        """Read what `str` writes; ValueError unless it has a function, an action and perhaps a reason.

        Whether such a transaction exists is another question: look it up in `VALID`.
        """
        parts = text.split()
        if len(parts) not in (2, 3):
            raise ValueError("a code is written as function, action and reason, like MSC P GSC17")
        function, action, *reason = (part.upper() for part in parts)
        return cls(function, action, "" if reason in ([], ["BLANK"]) else reason[0])


class FarRow(msgspec.Struct, frozen=True):
    """Tell what a valid transaction is for, who sends it, and whether the states agreed to use it (core)."""

    code: FarCode
    core: bool
    title: str
    sent_by: Role


class Element(msgspec.Struct, frozen=True):
    """Name a block (`field` empty) or a field of a transaction, how much it is wanted, its fixed value."""

    block: str
    field: str
    level: Level
    fixed: str | None = None


class Jurisdiction(msgspec.Struct, frozen=True):
    """Name a state, district or territory by FIPS code, postal abbreviation and name."""

    fips: str
    abbreviation: str
    name: str


def rows(table: str) -> Iterator[dict[str, str]]:
    """Read one of the package's tables, row by row."""
    text = (files("csenet.codecs") / "tables" / f"{table}.csv").read_text("utf-8")
    return csv.DictReader(text.splitlines())


def _code(row: Mapping[str, str]) -> FarCode:
    return FarCode(row["function"], row["action"], row["reason"].replace("BLANK", ""))


def _valid() -> Iterator[tuple[FarCode, FarRow]]:
    for row in rows("far_codes"):
        values = {"core": row["core"] == "yes", "title": row["title"], "sent_by": row["sent_by"]}
        far = msgspec.convert({"code": _code(row), **values}, FarRow)
        yield far.code, far


VALID: Mapping[FarCode, FarRow] = MappingProxyType(dict(_valid()))
"""The 186 valid transactions."""

_EVERYWHERE = (
    "local_fips_state",
    "local_fips_county",
    "other_fips_state",
    "other_fips_county",
    "csenet_version_number=003",
    "transaction_serial_number",
    "action_code={action}",
    "functional_type_code={function}",
    "transaction_date",
    "attachments_ind=N",
    "overdue_ind=0",
)


def elements(code: FarCode) -> tuple[Element, ...]:
    """List what a transaction of this code holds, header first, each block before its fields.

    Codes outside the core set have no printed list: only what every header needs is given. The block counts
    do not appear: a listed block is sent, any other is not asked for.
    """
    return _every_header(code) + _printed().get(code, ())


@cache
def _every_header(code: FarCode) -> tuple[Element, ...]:
    names = [name.format(action=code.action, function=code.function) for name in _EVERYWHERE]
    if code.reason:
        names.append(f"action_reason={code.reason}")
    return Element("header", "", "required"), *(_element("header", name, "required") for name in names)


def _element(block: str, word: str, level: Level) -> Element:
    name, _, fixed = word.partition("=")
    return Element(block, name, level, fixed or None)


@cache
def _printed() -> Mapping[FarCode, tuple[Element, ...]]:
    listed: dict[FarCode, list[Element]] = {}
    for row in rows("transaction_elements"):
        mine = listed.setdefault(_code(row), [])
        block = row["block"]
        if block != "header":
            mine.append(msgspec.convert({"block": block, "field": "", "level": row["level"]}, Element))
        mine += (_element(block, word, "required") for word in row["required"].split())
        mine += (_element(block, word, "recommended") for word in row["recommended"].split())
    return {code: tuple(found) for code, found in listed.items()}


@cache
def jurisdictions() -> Mapping[str, Jurisdiction]:
    """Return the 54 jurisdictions by the two digits of their FIPS code."""
    found = (Jurisdiction(row["fips"], row["abbreviation"], row["name"]) for row in rows("jurisdictions"))
    return MappingProxyType({jurisdiction.fips: jurisdiction for jurisdiction in found})
