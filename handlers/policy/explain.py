"""List everything the policy tables hold as entries that a person can look up: `find("RS7", catalogue())`.

An entry is a rule, duty, closing ground, question to a state, term or reason, with all its dated versions.
With a profile, the questions carry that state's answers; without one they are questions only.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec

from csenet.handlers.policy.advances import advances
from csenet.handlers.policy.agreements import alternatives, load_agreements, sending_rules
from csenet.handlers.policy.closure import criteria
from csenet.handlers.policy.deadlines import duties
from csenet.handlers.policy.disclosure import table as disclosure_table
from csenet.handlers.policy.explain_paragraphs import today_of
from csenet.handlers.policy.explain_state import state_entries
from csenet.handlers.policy.explain_words import Entry, Version
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.profile import Profile, load_profile
from csenet.handlers.policy.rules import federal_rules, parse_value, plain, reasons

_PARAGRAPH = re.compile(r"\d+\.\d+(\(\w+\))+")
_CITED = re.compile(r"(?P<section>\d+\.\d+)?(?P<paragraph>(\(\w+\))+)")

__all__ = ["Change", "Entry", "Version", "catalogue", "diff", "everywhere", "find", "rule_ids"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Say how an entry differs between two days; a missing version means that it stated nothing then.

    `state` is the state that answers so for itself, "" for what holds everywhere.
    """

    id: str
    kind: str
    about: str
    what: Literal["new", "ended", "changed"]
    before: Version | None
    after: Version | None
    state: str = ""


def catalogue(profile: Profile | None = None) -> tuple[Entry, ...]:
    """List all entries, federal ones first, then what a state answers for itself."""
    return (
        *_federal(),
        *_duties(),
        *_grounds(),
        *_sending(),
        *_disclosure(),
        *_advances(),
        *_reasons(),
        *state_entries(profile),
    )


def everywhere() -> tuple[Entry, ...]:
    """List all entries, federal ones first, then what each of the jurisdictions answers for itself."""
    profiles = map(load_profile, jurisdictions())
    return (*catalogue(), *(entry for profile in profiles for entry in state_entries(profile)))


def rule_ids(profile: Profile | None = None) -> frozenset[str]:
    """List the ids that a reason may name."""
    return frozenset(entry.id for entry in catalogue(profile))


def find(name: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Find entries by id, code ("GSC17", "MSC P GSC17"), place in a questionnaire ("N1") or paragraph.

    An id that fits exactly is the only answer. A paragraph finds what cites it, and what is today the
    paragraph that the CSENet documents call so.
    """
    wanted = " ".join(name.split()).casefold()
    known = tuple(entries)
    exact = tuple(entry for entry in known if entry.id.casefold() == wanted)
    return exact or tuple(entry for entry in known if _fits(entry, wanted))


def _fits(entry: Entry, wanted: str) -> bool:
    if wanted in {place.casefold() for place in entry.places}:
        return True
    if any(
        wanted == code.casefold() or wanted == code.casefold().rpartition(" ")[-1] for code in entry.codes
    ):
        return True
    asked = wanted.removeprefix("45 cfr ")
    if not _PARAGRAPH.fullmatch(asked):
        return False
    current = {asked} | {row.current for row in today_of(asked)}
    cited = {one for version in entry.versions for one in _cited(version.citation)}
    return any(one.startswith(wish) for wish in current for one in cited) or asked in _cited(
        entry.cited_in_spec
    )


def _cited(text: str) -> Iterator[str]:
    """List the paragraphs a citation names; one without a section is of the section named before it."""
    section = ""
    for found in _CITED.finditer(text):
        section = found["section"] or section
        yield f"{section}{found['paragraph']}"


def diff(entries: Iterable[Entry], before: date, after: date) -> tuple[Change, ...]:
    """List what states something else on one day than on another."""
    changes = []
    for entry in entries:
        old, new = entry.on(before), entry.on(after)
        if old is new or (old is not None and new is not None and old.says_the_same(new)):
            continue
        what: Literal["new", "ended", "changed"] = "changed"
        if old is None or new is None:
            what = "new" if old is None else "ended"
        changes.append(
            Change(
                id=entry.id,
                kind=entry.kind,
                about=entry.about,
                what=what,
                before=old,
                after=new,
                state=entry.state,
            )
        )
    return tuple(changes)


def _federal() -> Iterator[Entry]:
    for rule in federal_rules().values():
        latest = rule.rows[-1]
        yield Entry(
            id=rule.id,
            kind="federal rule",
            about=latest.text,
            cited_in_spec=latest.cited_in_spec,
            versions=tuple(Version.of(row, plain(parse_value(rule.kind, row.value))) for row in rule.rows),
        )


def _duties() -> Iterator[Entry]:
    for duty in duties().values():
        always = Version(citation=duty.citation, text=duty.text, value="always")
        yield Entry(
            id=duty.id,
            kind="duty",
            about=duty.text,
            cited_in_spec=duty.cited_in_spec,
            codes=(*duty.opened_by, *duty.leads_from, *duty.answered_by),
            details={
                "who": duty.who,
                "starts": duty.starts,
                "clock": duty.clock,
                "opened by": ", ".join(duty.opened_by),
                "answered by": ", ".join(duty.answered_by),
            },
            versions=tuple(Version.of(row, row.span) for row in duty.limits) or (always,),
        )


def _grounds() -> Iterator[Entry]:
    for row in criteria():
        value = row.code or (f"told as {row.told_as}" if row.told_as else "no code")
        yield Entry(
            id=row.key,
            kind="closure",
            about=row.text,
            cited_in_spec=row.cited_in_spec,
            codes=tuple(f"MSC P {code}" for code in dict.fromkeys((row.code, row.told_as)) if code),
            details={
                "sent by": row.sender,
                "notice": row.notice,
                "receiver": row.closes_receiver,
                "changed": row.changed,
                "note": row.note,
            },
            versions=tuple(_ground_versions(row.citation, row.text, row.since, row.cited_in_spec, value)),
        )


def _ground_versions(
    citation: str, text: str, since: date | None, cited_in_spec: str, value: str
) -> Iterator[Version]:
    """Give the ground under its old paragraph, where it had one, and under today's."""
    if since is not None and cited_in_spec:
        until = since - timedelta(days=1)
        old = f"45 CFR {cited_in_spec}, as it stood until {since.year}"
        yield Version(citation=old, text=text, until=until, value=value)
    yield Version(citation=citation, text=text, since=since, value=value)


def _sending() -> Iterator[Entry]:
    for rule in sending_rules():
        value = "sent" if rule.allowed_when_not_stated else "not sent"
        yield Entry(
            id=f"sending.{rule.far}",
            kind="sending",
            about=f"Whether {rule.far} is sent where the profile is silent.",
            codes=(rule.far,),
            details={"question": rule.question, "instead": rule.alternative, "when no": rule.when_no},
            versions=(
                Version(citation=rule.citation, text=rule.when_not_stated, value=value, ours=rule.ours),
            ),
        )
    for way in alternatives():
        yield Entry(
            id=f"alternative.{way.id}",
            kind="sending",
            about=way.text,
            versions=(Version(citation=way.citation, text=way.text, value=way.id),),
        )
    rows = load_agreements().default
    yield Entry(
        id="exchange_agreement",
        kind="agreement",
        about="What may be exchanged with a partner, where the agency's own agreements say nothing.",
        versions=tuple(Version.of(row, plain(row.allowed)) for row in rows),
    )
    spoken = [row for row in rows if row.tax_information is not None]
    yield Entry(
        id="tax_information_agreement",
        kind="agreement",
        about="Whether federal tax information may go to a partner; where no agreement says so, it stays.",
        versions=tuple(Version.of(row, plain(bool(row.tax_information))) for row in spoken),
    )


def _disclosure() -> Iterator[Entry]:
    held = disclosure_table()
    for row in (*held.withhold, *held.protect):
        kind = "person" if row in held.protect else "case"
        yield Entry(
            id=f"family_violence_disclosure.{kind}.{row.block}",
            kind="disclosure",
            about=row.text,
            details={"fields": ", ".join(row.fields) or "the whole block"},
            versions=(Version(citation=row.citation, text=row.text, value="withheld", ours=row.ours),),
        )
    for replaced in held.replace:
        yield Entry(
            id=f"disclosure_replacement.{replaced.far}",
            kind="disclosure",
            about=replaced.text,
            codes=(replaced.far,),
            versions=(
                Version(
                    citation=replaced.citation, text=replaced.text, value=replaced.send or "without the block"
                ),
            ),
        )
    for tax in held.tax_information:
        yield Entry(
            id=f"tax_information.{tax.far}",
            kind="disclosure",
            about=tax.text,
            codes=(tax.far,),
            versions=(Version(citation=tax.citation, text=tax.text, value=tax.block, ours=tax.ours),),
        )


def _reasons() -> Iterator[Entry]:
    for row in reasons().values():
        yield Entry(
            id=row.id,
            kind="reason",
            about=row.text,
            cited_in_spec=row.cited_in_spec,
            versions=(Version(citation=row.citation, text=row.text, since=row.since),),
        )


def _advances() -> Iterator[Entry]:
    for row in advances():
        why = row.why()
        yield Entry(
            id=why.rule,
            kind="reason",
            about=row.text,
            codes=row.codes,
            versions=(Version(citation=why.citation, text=why.text),),
        )
