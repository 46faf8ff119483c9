"""Write a profile as a Markdown document that a person can read from top to bottom.

First what the gateway takes for rules, with dates and authority; then what contradicts itself and what nobody
has confirmed; last every question of the page with the state's answer in its own words, blanks as not stated.
"""

from collections.abc import Iterable, Iterator

from csenet.handlers.policy.profile import AnswerRow, Profile, Said
from csenet.handlers.policy.profile_questions import question, questions
from csenet.handlers.policy.questionnaire import Place, Questionnaire, questionnaires

_NOT_STATED = "*not stated*"
_RULES_HEAD = ("| Question | Rule | Answer | From | Until | Authority |", "|---|---|---|---|---|---|")


def page(profile: Profile) -> str:
    """Write `profile` as one Markdown document, ending in a newline."""
    version = questionnaires().get(profile.questionnaire)
    lines = [
        *_opening(profile),
        *_rules(profile, version),
        *_rates(profile),
        *_contradictions(profile),
        *_loose(profile),
        *_sections(profile, version),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _opening(profile: Profile) -> Iterator[str]:
    yield f"# State profile: {profile.name}"
    yield ""
    yield f"* FIPS code {profile.fips}, abbreviation {profile.abbreviation}, time zone {profile.time_zone}"
    yield f"* Source: {_text(profile.source)}"
    if profile.updated:
        yield f"* The page was updated on {profile.updated}"
    if profile.certified:
        yield f"* The state certified it on {profile.certified}"
    if profile.note:
        yield f"* {_text(profile.note)}"
    yield ""
    yield "An answer holds from the first to the last date beside it; without a date, as far back or ahead as"
    yield "anybody asks. *Not stated* means that the state left the question blank: it is never a no."
    yield ""


def _rules(profile: Profile, version: Questionnaire | None) -> Iterator[str]:
    if not profile.answers:
        return
    yield "## What is used as a rule"
    yield ""
    yield from _RULES_HEAD
    for rule in _in_order(profile, version):
        for row in profile.answers[rule]:
            yield _rule_row(rule, row, version)
    yield ""


def _in_order(profile: Profile, version: Questionnaire | None) -> list[str]:
    """Sort the rules as the questionnaire asks them; those without a place come last."""
    placed = [rule for place in (version.question if version else ()) for rule in place.rules]
    rest = [rule for rule in questions() if rule not in placed]
    return [rule for rule in (*placed, *rest) if rule in profile.answers]


def _rule_row(rule: str, row: AnswerRow, version: Questionnaire | None) -> str:
    asked = question(rule)
    value = _NOT_STATED if row.value is None else _text(asked.shown(asked.parse(row.value), row.unit))
    places = ", ".join(place.place for place in version.places_of(rule)) if version else ""
    text = _text(" ".join(part for part in (row.text, row.note) if part))
    cells = (
        places,
        f"`{rule}`<br>{_text(asked.text)}",
        f"**{value}**<br>{text}",
        str(row.since or ""),
        str(row.until or ""),
        _text(row.citation),
    )
    return f"| {' | '.join(cells)} |"


def _rates(profile: Profile) -> Iterator[str]:
    if not profile.rates:
        return
    yield "## Interest rates that amounts are worked out with"
    yield ""
    yield "| Per cent a year | From | Until | Authority |"
    yield "|---|---|---|---|"
    for rate in profile.rates:
        yield f"| {rate.annual_percent} | {rate.start} | {rate.end or ''} | {_text(rate.why.citation)} |"
    yield ""


def _contradictions(profile: Profile) -> Iterator[str]:
    found = [(rule, row) for rule, rows in profile.answers.items() for row in rows if row.contradicts]
    if not found:
        return
    yield "## What contradicts itself"
    yield ""
    yield "Both answers are kept, and a person decides."
    yield ""
    for rule, row in found:
        others = ", ".join(f"`{other}`" for other in row.contradicts)
        yield f"* `{rule}` against {others}: {_text(row.text)} {_text(row.note)}".rstrip()
    yield ""


def _loose(profile: Profile) -> Iterator[str]:
    """List what is said outside the page's places: what could not be typed, and what nobody confirmed."""
    loose = [said for said in profile.said if not said.place]
    yield from _said_list("What is said and not typed", [said for said in loose if said.certain])
    yield from _said_list(
        "What is not confirmed, and never used as a rule", [said for said in loose if not said.certain]
    )


def _said_list(title: str, rows: Iterable[Said]) -> Iterator[str]:
    lines = [
        f"* {', '.join(f'`{rule}`' for rule in said.rules)}: {_text(said.answer or 'not stated')}"
        f" ({_text(said.source)})"
        for said in rows
    ]
    if lines:
        yield from (f"## {title}", "", *lines, "")


def _sections(profile: Profile, version: Questionnaire | None) -> Iterator[str]:
    said = {row.place: row for row in profile.said if row.place}
    if version is None or not said:
        return
    yield "## What the page says"
    yield ""
    yield "The questions are in our words, the answers in the state's."
    yield ""
    for section in version.section:
        places = [row for row in version.question if row.section == section.id and row.place in said]
        if places:
            yield from (f"### {section.id}. {section.name}", "")
        for place in places:
            yield from _said(place, said[place.place])


def _said(place: Place, said: Said) -> Iterator[str]:
    yield f"**{place.place}** {_text(place.text)}"
    yield ""
    if said.answer is None:
        yield f"> {'(a heading)' if place.heading else _NOT_STATED}"
    else:
        yield from (f"> {_text(line)}" for line in said.answer.splitlines())
    if said.cites:
        yield ">"
        yield f"> Cites: {_text(said.cites)}"
    yield ""


def _text(text: str) -> str:
    """Keep a state's words from being read as Markdown."""
    for mark in "\\`*_|<[":
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())
