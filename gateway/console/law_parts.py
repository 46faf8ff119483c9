"""Put what the law page lists under chapters and headings, each with a name that addresses can point to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from csenet.handlers.policy.explain import Entry, Version
from csenet.handlers.policy.profile import Profile
from csenet.handlers.policy.questionnaire import questionnaires

Row = tuple[Entry, Version | None]
"""An entry, and what it states on the day that was asked for."""

_FEDERAL: Final = "Federal law and practice"
_DUTIES: Final = "Duties and their time limits"
_REASONS: Final = "Reasons that decisions give"

_KINDS: Final = {
    "federal rule": ("rules", _FEDERAL, "Rules of the exchange"),
    "closure": ("grounds", _FEDERAL, "Grounds for closing a case"),
    "sending": ("sending", _FEDERAL, "What is sent, and what goes another way"),
    "agreement": ("sending", _FEDERAL, "What is sent, and what goes another way"),
    "disclosure": ("disclosure", _FEDERAL, "What is kept back"),
    "interest": ("interest", "", "Interest, payments and majority"),
}
# By the letters that a duty's name begins with.
_DUTY_NAMES: Final = {
    "CR": "Central registry",
    "RS": "Responding state",
    "IN": "Initiating state",
    "AN": "Any agency",
    "LO": "Locate",
    "CSI": "Case information",
    "ES": "Establishment",
    "EN": "Enforcement",
    "RV": "Review and adjustment",
    "IW": "Income withholding",
    "TX": "Federal tax offset",
    "CL": "Closing a case",
    "IT": "Applications for services",
    "FC": "Federal case registry",
    "KS": "Practice of Kansas",
}
# By the word before the point of a reason's name; several may share a heading.
_REASON_NAMES: Final = {
    "match": ("match", "Which case is meant"),
    "case_ids": ("match", "Which case is meant"),
    "check": ("check", "What cannot be taken"),
    "rejection": ("check", "What cannot be taken"),
    "referral": ("referral", "Requests and acknowledgments"),
    "locate": ("locate", "Locate"),
    "case_status": ("case-status", "Case information"),
    "interest": ("reasons-interest", "Interest and arrears"),
    "emancipation": ("reasons-interest", "Interest and arrears"),
    "collection": ("reasons-interest", "Interest and arrears"),
    "closure": ("reasons-closing", "Closing a case"),
    "progress": ("progress", "How a case stands"),
    "news": ("news", "News of a case"),
    "events": ("events", "Events told by the case system"),
    "advance": ("advance", "Steps told by the other state"),
}
_REASON_ORDER: Final = list(dict.fromkeys(anchor for anchor, _ in _REASON_NAMES.values()))
_LAST: Final = ("answers", "interest", "reasons")
_PLACE: Final = re.compile(r"[A-Z]+")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the entries under one heading; ``id`` is the anchor of the page, and stays."""

    id: str
    name: str
    rows: list[Row]


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """Hold parts that belong together, in the order in which their entries came."""

    name: str
    parts: list[Part]

    @property
    def count(self) -> int:
        """Count the entries."""
        return sum(len(part.rows) for part in self.parts)


def chapters(rows: Iterable[Row], state: Profile) -> list[Chapter]:
    """Put rows under their headings, without changing their order within one."""
    answers = f"What {state.name} answers"
    found: dict[str, dict[str, Part]] = {name: {} for name in (_FEDERAL, _DUTIES, answers, _REASONS)}
    for row in rows:
        anchor, chapter, name = _place(row[0])
        part = Part(id=anchor, name=name, rows=[])
        found[chapter or answers].setdefault(anchor, part).rows.append(row)
    return [
        Chapter(name=name, parts=sorted(parts.values(), key=_order)) for name, parts in found.items() if parts
    ]


def _order(part: Part) -> tuple[int, str]:
    """Put sections in the order of their letters, reasons in that of their table, the rest as it comes."""
    if part.id.startswith("answers-"):
        return 0, part.id
    if part.id in _REASON_ORDER:
        return _REASON_ORDER.index(part.id), ""
    return (len(_REASON_ORDER) if part.id in _LAST else 0), ""


def _place(entry: Entry) -> tuple[str, str, str]:
    """Give anchor, chapter and heading of an entry; the chapter of a state's answers has no name here."""
    if entry.kind in _KINDS:
        return _KINDS[entry.kind]
    if entry.kind == "duty":
        letters = _letters(entry.id)
        return f"duties-{letters.lower()}", _DUTIES, _DUTY_NAMES.get(letters, "Other duties")
    if entry.kind == "reason":
        anchor, name = _REASON_NAMES.get(entry.id.partition(".")[0], ("reasons", "Other reasons"))
        return anchor, _REASONS, name
    letter = _letters(entry.places[0]) if entry.places else ""
    if letter in _sections():
        return f"answers-{letter.lower()}", "", f"{letter}. {_sections()[letter]}"
    return "answers", "", "Beside the questionnaire"


def _letters(name: str) -> str:
    found = _PLACE.match(name)
    return found[0] if found else ""


@lru_cache(maxsize=1)
def _sections() -> dict[str, str]:
    """Name the sections by the letters with which places in the questionnaire begin."""
    return {section.id: section.name for version in questionnaires().values() for section in version.section}
