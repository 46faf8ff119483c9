"""Say what may be exchanged with a partner, and what may be sent now.

Two tables answer together. Agreements: partner x functional type x direction, dated; the default (with every
partner that takes part, everything) stands in `parameters/agreements.toml`, and an agency's own file goes
before it, the more particular row first. Sending rules: transactions that the state's own profile switches on
or off, and those that a partner's profile says it does not exchange. What may not go never just stays away:
the permission names the alternative by which it is told instead.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, Dated, PolicyError, read_table, row_problems, unique
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.profile import Profile, load_profile, questions
from csenet.handlers.policy.rules import NotStated, Stated, Why, plain, why

Direction = Literal["send", "receive"]
ANY = "*"
_REMEMBERED = 4096


class Permission(msgspec.Struct, frozen=True):
    """Say whether something is allowed, and why; `also` holds further reasons met on the way.

    `instead` is set where a transaction may not go: the other way, which becomes work for a person.
    """

    allowed: bool
    why: Why
    also: tuple[Why, ...] = ()
    instead: "Alternative | None" = None

    @property
    def reasons(self) -> tuple[Why, ...]:
        """Give all reasons, the other way at the end."""
        way = (self.instead.why(),) if self.instead is not None else ()
        return (self.why, *self.also, *way)

    @property
    def told(self) -> str:
        """Say why in one text, with what a person does instead."""
        return f"{self.why.text} Instead: {self.instead.text}" if self.instead is not None else self.why.text


class Alternative(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name another way to tell something: `id` ("paper", "person"), and what a person has to do."""

    id: str
    text: str
    citation: str

    @property
    def task(self) -> str:
        """Give what has to be done, to follow a colon."""
        return f"{self.text[:1].lower()}{self.text[1:].rstrip('.')}"

    def why(self) -> Why:
        """Give the alternative as a reason."""
        return Why(rule=f"alternative.{self.id}", text=self.text, citation=self.citation, value=self.id)


class AgreementRow(Dated, frozen=True, kw_only=True):
    """Hold one dated agreement; `*` stands for every partner or every functional type.

    `tax_information` says whether federal tax information may go along; unset means that the agreement does
    not speak of it.
    """

    allowed: bool
    tax_information: bool | None = None
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


class ProfileDefault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let a partner's own no to a question of its profile stand where the agency has no agreement."""

    question: str
    citation: str
    when_no: str


class Agreements(msgspec.Struct, frozen=True, cache_hash=True):
    """Hold the agreements in force: the agency's own rows, partners' profiles, then the defaults."""

    own: tuple[AgreementRow, ...]
    default: tuple[AgreementRow, ...]
    functional_types: tuple[str, ...]
    from_profiles: tuple[ProfileDefault, ...] = ()

    def may_exchange(
        self, partner: str, function: str, direction: Direction, day: date, known: Profile | None = None
    ) -> Stated | NotStated:
        """Say whether `function` may go in `direction` with `partner` (two-digit FIPS code) on `day`.

        `known` is the partner's profile; the published one is taken where none is given.
        """
        if known is None:
            return _as_published(self, partner, function, direction, day)
        return self.weighed(partner, function, direction, day, known)

    def weighed(
        self, partner: str, function: str, direction: Direction, day: date, known: Profile | None
    ) -> Stated | NotStated:
        """Answer `may_exchange` from the rows, each time anew."""
        own = _most_particular(self.own, partner, function, direction, day)
        refused = _partner_stays_out(self.from_profiles, partner, day, known) if own is None else None
        if refused is not None:
            return Stated(False, refused)
        row = own or _most_particular(self.default, partner, function, direction, day)
        if row is not None:
            return Stated(row.allowed, why("exchange_agreement", row, value=plain(row.allowed)))
        text = f"No agreement says on {day} whether {function} may be exchanged ({direction}) with {partner}."
        return NotStated(
            Why(rule="exchange_agreement", text=text, citation="the exchange agreements", value="not stated")
        )

    def may_carry_tax_information(self, partner: str, function: str, day: date) -> Stated | NotStated:
        """Say whether an agreement lets federal tax information go to a partner; no agreement, no leave."""
        rule = "tax_information_agreement"
        for rows in (self.own, self.default):
            spoken = [row for row in rows if row.tax_information is not None]
            row = _most_particular(spoken, partner, function, "send", day)
            if row is not None:
                value = bool(row.tax_information) and row.allowed
                return Stated(value, why(rule, row, value=plain(value)))
        text = f"No agreement says on {day} that federal tax information may go to {partner} in {function}."
        return NotStated(Why(rule=rule, text=text, citation="the exchange agreements", value="not stated"))


@lru_cache(maxsize=_REMEMBERED)
def _as_published(
    agreements: Agreements, partner: str, function: str, direction: Direction, day: date
) -> Stated | NotStated:
    """Ask once a day for each partner: neither agreements nor published profiles change meanwhile."""
    return agreements.weighed(partner, function, direction, day, None)


def _most_particular(
    rows: Iterable[AgreementRow], partner: str, function: str, direction: Direction, day: date
) -> AgreementRow | None:
    """Find the row that speaks of an exchange most particularly; None where no row does."""
    found = [row for row in rows if row.matches(partner, function, direction, day)]
    return max(found, key=AgreementRow.weight, default=None)


def _partner_stays_out(
    rows: Sequence[ProfileDefault], partner: str, day: date, known: Profile | None
) -> Why | None:
    """Give the reason why a partner exchanges nothing, as its profile says; None where it does not say so."""
    if known is None and partner not in jurisdictions():
        return None
    profile = known or load_profile(partner)
    for row in rows:
        said = profile.answer(row.question, day)
        if isinstance(said, Stated) and not said.value:
            return Why(
                rule="exchange_agreement",
                text=f"{row.when_no} {said.why.text}",
                citation=f"{row.citation}; {said.why.citation}",
                value=said.why.value,
                since=said.why.since,
            )
    return None


class SendingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tie a transaction to the profile's question about it, and say what each answer, or none, leads to.

    `alternative` is the other way where the transaction may not go. `when_partner_no` is our conclusion where
    the partner answers the question with no for itself; "" where its answer says nothing about receiving.
    """

    far: str
    question: str
    citation: str
    when_no: str
    allowed_when_not_stated: bool
    when_not_stated: str
    alternative: str
    when_partner_no: str = ""
    ours: bool = False


class _AgreementTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    agreement: tuple[AgreementRow, ...]
    functional_types: tuple[str, ...] = ()
    from_profile: tuple[ProfileDefault, ...] = ()


class _SendingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sending: tuple[SendingRule, ...]
    alternative: tuple[Alternative, ...]
    default_alternative: str


def may_exchange(
    partner_fips2: str,
    function: str,
    direction: Direction,
    day: date,
    agreements: Agreements | None = None,
) -> Stated | NotStated:
    """Ask `agreements` (the defaults where None) whether a type may be exchanged with a partner."""
    return (agreements or load_agreements()).may_exchange(partner_fips2, function, direction, day)


@lru_cache(maxsize=_REMEMBERED)
def may_send(
    far: str,
    partner: str,
    day: date,
    profile: Profile,
    agreements: Agreements,
    partner_profile: Profile | None = None,
) -> Permission:
    """Say whether we may send `far` ("MSC P GSC17") to `partner` on `day`, and what to do where we may not.

    The exchange agreement is asked first, then our own profile, then the partner's. Where no agreement
    speaks, nothing is sent. Where our profile is silent, the sending rule decides, and says so in its reason;
    where the partner's is silent, it is taken to receive what the agreement covers. Asked once a day for each
    code and partner: none of them changes meanwhile.
    """
    rule = next((row for row in sending_rules() if row.far == far), None)
    agreed = agreements.may_exchange(partner, far.partition(" ")[0], "send", day, partner_profile)
    if isinstance(agreed, NotStated) or not agreed.value:
        return Permission(False, agreed.why, instead=alternative_of(rule))
    if rule is None:
        return Permission(True, agreed.why)
    theirs = _partner_refuses(rule, partner, day, partner_profile)
    if theirs is not None:
        return Permission(False, theirs, (agreed.why,), alternative_of(rule))
    answer = profile.answer(rule.question, day)
    if isinstance(answer, Stated) and answer.value:
        return Permission(True, answer.why, (agreed.why,))
    return _unsure(rule, answer, agreed.why)


def _partner_refuses(rule: SendingRule, partner: str, day: date, known: Profile | None) -> Why | None:
    """Give the reason why the partner does not take the transaction, None where it does or does not say."""
    if not rule.when_partner_no or (known is None and partner not in jurisdictions()):
        return None
    said = (known or load_profile(partner)).answer(rule.question, day)
    if isinstance(said, NotStated) or said.value:
        return None
    return Why(
        rule=rule.question,
        text=f"{rule.when_partner_no} {said.why.text}",
        citation=f"{rule.citation}; {said.why.citation}",
        value=said.why.value,
        since=said.why.since,
        ours=True,
    )


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
    return Permission(allowed, reason, (answer.why, agreed), None if allowed else alternative_of(rule))


def alternative_of(rule: SendingRule | None) -> Alternative:
    """Give the other way to tell what a transaction would have told; the default where no rule speaks."""
    table = _sending_table()
    wanted = rule.alternative if rule is not None else table.default_alternative
    return next(row for row in table.alternative if row.id == wanted)


def load_agreements(path: Path | None = None) -> Agreements:
    """Load the default agreements, and before them the agency's own from `path`.

    Raise `PolicyError` naming file and key for everything wrong in them.
    """
    default = _default_table()
    types = default.functional_types
    own = _read(path, types).agreement if path is not None else ()
    return Agreements(own, default.agreement, types, default.from_profile)


@cache
def _default_table() -> _AgreementTable:
    return _read(PARAMETERS / "agreements.toml", None)


def _read(path: Path, types: tuple[str, ...] | None) -> _AgreementTable:
    table = read_table(path, _AgreementTable)
    problems = _agreement_problems(table.agreement, types or table.functional_types)
    for number, row in enumerate(table.from_profile, 1):
        if row.question not in questions():
            problems.append(f"from_profile[{number}].question: no such question in questions.toml")
        if not row.citation.strip():
            problems.append(f"from_profile[{number}].citation: is missing")
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
def _sending_table() -> _SendingTable:
    return _read_sending(PARAMETERS / "sending.toml")


def sending_rules() -> tuple[SendingRule, ...]:
    """Load the sending rules once."""
    return _sending_table().sending


def alternatives() -> tuple[Alternative, ...]:
    """Load the other ways of telling once."""
    return _sending_table().alternative


def load_sending_rules(path: Path) -> tuple[SendingRule, ...]:
    """Read and check a table of sending rules; raise `PolicyError` naming file and key."""
    return _read_sending(path).sending


def _read_sending(path: Path) -> _SendingTable:
    table = read_table(path, _SendingTable)
    ways = {row.id for row in table.alternative}
    problems = unique(path.name, "sending", (row.far for row in table.sending))
    problems += unique(path.name, "alternative", (row.id for row in table.alternative))
    for row in table.sending:
        key = f"sending {row.far!r}"
        if row.question not in questions():
            problems.append(f"{key}.question: no such question in questions.toml")
        if not row.citation.strip():
            problems.append(f"{key}.citation: is missing")
        if row.alternative not in ways:
            problems.append(f"{key}.alternative: no such alternative")
    problems += [
        f"alternative {row.id!r}.citation: is missing" for row in table.alternative if not row.citation
    ]
    if table.default_alternative not in ways:
        problems.append("default_alternative: no such alternative")
    if problems:
        raise PolicyError(path.name, problems)
    return table
