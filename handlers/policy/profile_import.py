"""Make a profile of a page: typed answers where the words are plain, the state's own words for everything.

Plain is a bare yes or no, number, amount, percentage, date, period or one of a question's choices, where the
place says which meaning it has. Everything else stays in words and is named as not typed: reading more into
it is a person's work. A blank stays blank.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from csenet.handlers.policy.jurisdictions import Jurisdiction
from csenet.handlers.policy.profile import Profile, shape_profile
from csenet.handlers.policy.profile_questions import Question, questions
from csenet.handlers.policy.questionnaire import Place, Questionnaire
from csenet.handlers.policy.questionnaire_page import Asked, Page

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER = r"(?P<number>\d+|" + "|".join(_WORDS) + r")"
_MONEY = re.compile(r"\$\s?(?P<number>\d{1,3}(?:,\d{3})+|\d+)(?P<cents>\.\d\d)?")
_PERCENT = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s?(?:%|per ?cent)", re.IGNORECASE)
_INTEGER = re.compile(_NUMBER, re.IGNORECASE)
_PERIOD = re.compile(
    _NUMBER + r"\s+(?P<unit>(?:calendar |business |working )?days?|months?|years?)", re.IGNORECASE
)
_DATE_FORM = "%m/%d/%Y"


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what an import made: the profile's TOML, the profile it reads as, and what was left in words."""

    toml: str
    profile: Profile
    not_typed: tuple[tuple[Asked, tuple[str, ...]], ...]


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a value read from plain words, as TOML writes it, and its unit where the words name one."""

    value: Any
    unit: str = ""


def make_profile(page: Page, place: Jurisdiction, questionnaire: Questionnaire, name: str) -> Imported:
    """Make the profile of `place` from its page; `name` says where the page came from.

    The TOML is read back before it is given, so what is written can be loaded: raise `PolicyError` else.
    """
    not_typed = []
    answers: list[str] = []
    said: list[str] = []
    places = {row.place: row for row in questionnaire.question}
    source = f"IRG {place.name}"
    for asked in page.asked:
        where = places[asked.place]
        typed = _typed(asked, where)
        left = () if _blank(asked) else tuple(rule for rule in where.rules if rule not in typed)
        if left:
            not_typed.append((asked, left))
        answers += _answer_tables(asked, where, typed, source)
        said += _said_table(asked, left)
    head = [
        f"# {place.name}, imported from a profile page. Each typed answer stands in plain words on the page;",
        "# `not_typed` names the rules that its words answer and that a person has still to read.",
        "",
        f"fips = {_string(place.fips)}",
        f"source = {_string(f'Intergovernmental Reference Guide, {place.name}')}",
        f"questionnaire = {_string(questionnaire.version)}",
        f"note = {_string(f'Imported from {name}. The day from which its answers hold is not known.')}",
        "",
    ]
    text = "\n".join(head + answers + said).rstrip() + "\n"
    profile = shape_profile(tomllib.loads(text, parse_float=Decimal), name)
    return Imported(toml=text, profile=profile, not_typed=tuple(not_typed))


def _typed(asked: Asked, where: Place) -> dict[str, Typed]:
    """Give the value that a bare answer states, under the one meaning that it can be meant for."""
    rule = where.rules[0] if len(where.rules) == 1 else where.plain
    if asked.answer is None or asked.doubtful or not rule:
        return {}
    value = read_plain(questions()[rule], asked.answer)
    return {} if value is None else {rule: value}


def _blank(asked: Asked) -> bool:
    return asked.answer is None and not asked.doubtful


def read_plain(question: Question, words: str) -> Typed | None:
    """Read an answer that states a value of the question's kind and nothing else; None for other words."""
    plain = words.strip().removesuffix(".").strip()
    reader = _READERS.get(question.kind)
    return reader(question, plain) if reader else None


def _boolean(_question: Question, plain: str) -> Typed | None:
    value = {"yes": True, "no": False}.get(plain.casefold())
    return None if value is None else Typed(value=value)


def _integer(_question: Question, plain: str) -> Typed | None:
    match = _INTEGER.fullmatch(plain)
    return None if match is None else Typed(value=_count(match["number"]))


def _money(_question: Question, plain: str) -> Typed | None:
    match = _MONEY.fullmatch(plain)
    return (
        None if match is None else Typed(value=match["number"].replace(",", "") + (match["cents"] or ".00"))
    )


def _percent(_question: Question, plain: str) -> Typed | None:
    match = _PERCENT.fullmatch(plain)
    return None if match is None else Typed(value=match["number"])


def _period(question: Question, plain: str) -> Typed | None:
    match = _PERIOD.fullmatch(plain)
    if match is None:
        return None
    unit = match["unit"].casefold().removesuffix("s") + "s"
    # Days without more are days of the calendar.
    unit = "calendar days" if unit == "days" else unit
    return Typed(value=_count(match["number"]), unit="" if unit == question.unit else unit)


def _date(_question: Question, plain: str) -> Typed | None:
    try:
        return Typed(value=datetime.strptime(plain, _DATE_FORM).date())  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _choice(question: Question, plain: str) -> Typed | None:
    found = [choice for choice in question.choices if choice.casefold() == plain.casefold()]
    return Typed(value=found[0]) if found else None


_READERS = {
    "boolean": _boolean,
    "integer": _integer,
    "money": _money,
    "percent": _percent,
    "period": _period,
    "date": _date,
    "choice": _choice,
}


def _count(number: str) -> int:
    return int(number) if number.isdigit() else _WORDS.index(number.casefold())


def _answer_tables(asked: Asked, where: Place, typed: dict[str, Typed], source: str) -> Iterator[str]:
    blank = _blank(asked)
    for rule in where.rules if blank else typed:
        text = where.text if where.rules == (rule,) else questions()[rule].text
        citation = f"{source}, question {where.place}" + (" (left blank)" if blank else "")
        yield "[[answer]]"
        yield f"question = {_string(rule)}"
        yield "[[answer.rows]]"
        if not blank:
            yield f"value = {_value(typed[rule].value)}"
            yield from _filled("unit", typed[rule].unit)
        yield f"citation = {_string(citation)}"
        yield f"text = {_string(text)}"
        yield ""


def _said_table(asked: Asked, not_typed: Iterable[str]) -> Iterator[str]:
    yield "[[said]]"
    yield f"place = {_string(asked.place)}"
    yield f"line = {asked.line}"
    if asked.answer is not None:
        yield f"answer = {_string(asked.answer)}"
    yield from _filled("link", asked.link)
    rules = ", ".join(_string(rule) for rule in not_typed)
    if rules:
        yield f"not_typed = [{rules}]"
    yield ""


def _filled(key: str, text: str) -> Iterator[str]:
    if text:
        yield f"{key} = {_string(text)}"


def _value(value: bool | int | date | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _string(value) if isinstance(value, str) else str(value)


def _string(text: str) -> str:
    """Write a TOML string: JSON's escapes are TOML's too, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
