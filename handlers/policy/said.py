"""Lay what a state says of itself beside the questions: each place of its questionnaire, or blank."""

from __future__ import annotations

from csenet.handlers.policy.profile import Profile, Said
from csenet.handlers.policy.questionnaire import Place, Section, questionnaires

Answers = list[tuple[Section, list[tuple[Place, Said | None]]]]
"""Sections in order, each with its places and what was said there."""


def said_in(profile: Profile, words: str = "", answered: str = "") -> Answers:
    """Give the places that bear all the words; ``answered`` may be ``with`` or ``without`` an answer."""
    version = questionnaires().get(profile.questionnaire)
    if version is None:
        return []
    said = {row.place: row for row in profile.said if row.place}
    found = []
    for section in version.section:
        rows = [
            (place, said.get(place.place))
            for place in version.question
            if place.section == section.id and _fits(place, said.get(place.place), words, answered)
        ]
        if rows:
            found.append((section, rows))
    return found


def _fits(place: Place, said: Said | None, words: str, answered: str) -> bool:
    answer = said.answer if said is not None else None
    if (answered == "with" and not answer) or (answered == "without" and answer):
        return False
    cites = said.cites if said is not None else ""
    whole = " ".join([place.place, place.text, *place.rules, answer or "", cites]).casefold()
    return all(word in whole for word in words.casefold().split())
