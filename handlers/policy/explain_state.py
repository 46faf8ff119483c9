"""List what a state answers for itself as entries: questions, interest rates, terms."""

from collections.abc import Iterator

from csenet.handlers.policy.explain_words import Entry, Version
from csenet.handlers.policy.interest_terms import definitions, load_terms
from csenet.handlers.policy.profile import AnswerRow, Profile
from csenet.handlers.policy.profile_questions import Question, questions
from csenet.handlers.policy.questionnaire import questionnaires
from csenet.handlers.policy.rules import parse_value, plain

NOT_STATED = "not stated"


def state_entries(profile: Profile | None) -> Iterator[Entry]:
    """List every question with the answers of `profile`, then its rates and terms."""
    state = profile.abbreviation if profile is not None else ""
    for question in questions().values():
        rows = profile.answers.get(question.id, ()) if profile is not None else ()
        yield Entry(
            id=question.id,
            kind="question",
            about=question.text,
            places=_places(question.id),
            state=state,
            versions=tuple(_answer(question, row) for row in rows),
        )
    rates = profile.interest_rates() if profile is not None else ()
    yield Entry(
        id="interest_rate",
        kind="interest",
        about="What yearly rate of interest the state charges.",
        state=state,
        versions=tuple(
            Version(
                citation=rate.why.citation,
                text=rate.why.text,
                since=rate.start,
                until=rate.end,
                value=f"{rate.annual_percent} %",
                ours=rate.why.ours,
            )
            for rate in rates
        ),
    )
    yield from _terms(profile)


def _places(rule_id: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            place.place for version in questionnaires().values() for place in version.places_of(rule_id)
        )
    )


def _answer(question: Question, row: AnswerRow) -> Version:
    value = NOT_STATED if row.value is None else question.shown(question.parse(row.value), row.unit)
    return Version.of(row, value)


def _terms(profile: Profile | None) -> Iterator[Entry]:
    state = profile.abbreviation if profile is not None else ""
    rows = load_terms(profile.fips).rows if profile is not None else {}
    for term in definitions().values():
        if term.profile:
            continue
        yield Entry(
            id=term.id,
            kind="interest",
            about=term.text,
            state=state,
            versions=tuple(
                Version(
                    citation=row.citation,
                    text=row.text,
                    since=row.since,
                    until=row.until,
                    ours=row.ours,
                    note=row.note,
                    value=plain(parse_value(term.kind, row.value)),
                )
                for row in rows.get(term.id, ())
            ),
        )
