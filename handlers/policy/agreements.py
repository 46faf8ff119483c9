"""Say what may be exchanged with a partner, and what may be sent now.

Two tables answer together. Agreements: partner x functional type x direction, dated; the default (with every
partner, everything) stands in `parameters/agreements.toml`, and an agency's own file goes before it, the more
particular row first. Sending rules: transactions that the state's own profile switches on or off.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, Dated, PolicyError, read_table, row_problems, unique
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.profile import Profile, questions
from csenet.handlers.policy.rules import NotStated, Stated, Why, plain, why

Direction = Literal["send", "receive"]
ANY = "*"


class Permission(msgspec.Struct, frozen=True):
    """Say whether something is allowed, and why; `also` holds further reasons met on the way."""

    allowed: bool
    why: Why
    also: tuple[Why, ...] = ()


class AgreementRow(Dated, frozen=True, kw_only=True):
    """Hold one dated agreement; `*` stands for every partner or every functional type."""

    allowed: bool
    partner: str = ANY
    function: str = ANY
    direction: Literal["send", "receive", "*"] = "*"

    def matches(self, partner: str, function: str, direction: str, day: date) -> bool:
        """Tell whether the row speaks about this exchange on this day."""
        asked = ((self.partner, partner), (self.function, function), (self.direction, direction))
        return self.covers(day) and all(mine in (ANY, theirs) for mine, theirs in asked)

    def weight(self) -> tuple[bool, bool, bool]:
        """Rank how particular a row is: a named partner before a named type before a direction."""
        return self.partner != ANY, self.function != ANY, self.direction != ANY


class Agreements(msgspec.Struct, frozen=True):
    """Hold the agreements in force: the agency's own rows, then the defaults."""

    own: tuple[AgreementRow, ...]
    default: tuple[AgreementRow, ...]
    functional_types: tuple[str, ...]

    def may_exchange(
        self, partner: str, function: str, direction: Direction, day: date
    ) -> Stated | NotStated:
        """Say whether `function` may go in `direction` with `partner` (two-digit FIPS code) on `day`."""
        for rows in (self.own, self.default):
            found = [row for row in rows if row.matches(partner, function, direction, day)]
            if found:
                row = max(found, key=AgreementRow.weight)
                return Stated(row.allowed, why("exchange_agreement", row, value=plain(row.allowed)))
        text = f"No agreement says on {day} whether {function} may be exchanged ({direction}) with {partner}."
        return NotStated(
            Why(rule="exchange_agreement", text=text, citation="the exchange agreements", value="not stated")
        )


class SendingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tie a transaction to the profile's question about it, and say what each answer, or none, leads to."""

    far: str
    question: str
    citation: str
    when_no: str
    allowed_when_not_stated: bool
    when_not_stated: str
    ours: bool = False


class _AgreementTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    agreement: tuple[AgreementRow, ...]
    functional_types: tuple[str, ...] = ()


class _SendingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sending: tuple[SendingRule, ...]


def may_exchange(
    partner_fips2: str,
    function: str,
    direction: Direction,
    day: date,
    agreements: Agreements | None = None,
) -> Stated | NotStated:
    """Ask `agreements` (the defaults where None) whether a type may be exchanged with a partner."""
    return (agreements or load_agreements()).may_exchange(partner_fips2, function, direction, day)


def may_send(far: str, partner: str, day: date, profile: Profile, agreements: Agreements) -> Permission:
    """Say whether we may send `far` ("MSC P GSC17") to `partner` on `day`.

    The exchange agreement is asked first, then our own profile. Where no agreement speaks, nothing is
    sent. Where the profile is silent, the sending rule decides, and says so in its reason.
    """
    agreed = agreements.may_exchange(partner, far[:3], "send", day)
    if isinstance(agreed, NotStated) or not agreed.value:
        return Permission(False, agreed.why)
    rule = next((row for row in sending_rules() if row.far == far), None)
    if rule is None:
        return Permission(True, agreed.why)
    answer = profile.answer(rule.question, day)
    if isinstance(answer, Stated) and answer.value:
        return Permission(True, answer.why, (agreed.why,))
    return _unsure(rule, answer, agreed.why)


def _unsure(rule: SendingRule, answer: Stated | NotStated, agreed: Why) -> Permission:
    stated = isinstance(answer, Stated)
    allowed = not stated and rule.allowed_when_not_stated
    reason = Why(
        rule=rule.question,
        text=rule.when_no if stated else rule.when_not_stated,
        citation=f"{rule.citation}; {answer.why.citation}",
        value=answer.why.value,
        ours=rule.ours and not stated,
    )
    return Permission(allowed, reason, (answer.why, agreed))


def load_agreements(path: Path | None = None) -> Agreements:
    """Load the default agreements, and before them the agency's own from `path`.

    Raise `PolicyError` naming file and key for everything wrong in them.
    """
    default = _default_table()
    types = default.functional_types
    if path is None:
        return Agreements((), default.agreement, types)
    return Agreements(_read(path, types).agreement, default.agreement, types)


@cache
def _default_table() -> _AgreementTable:
    return _read(PARAMETERS / "agreements.toml", None)


def _read(path: Path, types: tuple[str, ...] | None) -> _AgreementTable:
    table = read_table(path, _AgreementTable)
    problems = _agreement_problems(table.agreement, types or table.functional_types)
    if problems:
        raise PolicyError(path.name, problems)
    return table


def _agreement_problems(rows: Sequence[AgreementRow], types: Sequence[str]) -> list[str]:
    problems = []
    groups: dict[tuple[str, str, str], list[AgreementRow]] = {}
    for number, row in enumerate(rows, 1):
        key = f"agreement[{number}]"
        groups.setdefault((row.partner, row.function, row.direction), []).append(row)
        if row.partner != ANY and row.partner not in jurisdictions():
            problems.append(f"{key}.partner: {row.partner!r} is not the FIPS code of a jurisdiction")
        if row.function not in (ANY, *types):
            problems.append(f"{key}.function: {row.function!r} is not a functional type")
    for name, group in groups.items():
        problems += row_problems(group, f"agreement {' '.join(name)}", gaps=True)
    return problems


@cache
def sending_rules() -> tuple[SendingRule, ...]:
    """Load the sending rules once."""
    return load_sending_rules(PARAMETERS / "sending.toml")


def load_sending_rules(path: Path) -> tuple[SendingRule, ...]:
    """Read and check a table of sending rules; raise `PolicyError` naming file and key."""
    rows = read_table(path, _SendingTable).sending
    problems = unique(path.name, "sending", (row.far for row in rows))
    for row in rows:
        if row.question not in questions():
            problems.append(f"sending {row.far!r}.question: no such question in questions.toml")
        if not row.citation.strip():
            problems.append(f"sending {row.far!r}.citation: is missing")
    if problems:
        raise PolicyError(path.name, problems)
    return rows
