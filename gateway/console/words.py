"""Say statuses, moments, ages and numbers the way people read them; the filters of every page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from csenet.codecs import codes
from csenet.codecs.codes import FarCode
from csenet.gateway.delivery.patience import MEANINGS, class_of
from csenet.gateway.wording import count

INBOUND: Final[Mapping[str, str]] = {
    "received": "waiting to be read",
    "decided": "dealt with",
    "duplicate": "seen before, ignored",
    "parked": "waits for a person",
    "conflict": "number used twice, put aside",
    "malformed": "cannot be read",
}
OUTBOUND: Final[Mapping[str, str]] = {
    "held": "kept back",
    "queued": "goes with the next batch",
    "sending": "on its way",
    "delivered": "arrived",
    "refused": "returned by the exchange",
    "dead": "given up after many attempts",
    "cancelled": "withdrawn",
}
FUNCTIONS: Final[Mapping[str, str]] = {
    "COL": "Collection",
    "CSI": "Case information",
    "ENF": "Enforcement",
    "EST": "Establishment",
    "LO1": "Quick locate",
    "MSC": "Managing the case",
    "PAT": "Paternity",
}
DEEDS: Final[Mapping[str, str]] = {
    "archive.read": "opened a file of the archive",
    "case.put": "told the facts",
    "case.read": "looked at the case",
    "participant.case_added": "let a participant see the case",
    "participant.enrolled": "let a participant in",
    "transaction.export": "took a transaction out",
    "transaction.read": "looked at",
    "transactions.export": "took a list out",
    "transactions.search": "searched for a person",
    "transactions.searched": "searched for a person",
    "work.read": "looked at work",
}
"""What somebody did, as the record calls it and as people say it; the rest is said in the record's words."""

_ISO_DAY: Final = re.compile(r"\b(20\d\d|19\d\d)-(\d\d)-(\d\d)\b")
_ISO_SPAN: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")
_RULE: Final = re.compile(r"\(([a-z][a-z0-9_]*)(?: · [^()]*(?:\([^()]*\)[^()]*)*)?\)$")
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def duration(span: timedelta) -> str:
    """Write a span in its largest sensible unit; a negative one is none."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return count(seconds // size, unit)
    return count(seconds, "second")


def words(identifier: str | None) -> str:
    """Turn an identifier into words."""
    return (identifier or "").replace("_", " ").replace("-", " ").replace(".", " ")


def label(identifier: str | None) -> str:
    """Turn an identifier into words that begin a line."""
    told = words(identifier)
    return f"{told[:1].upper()}{told[1:]}"


def deed(action: str) -> str:
    """Say what somebody did."""
    return DEEDS.get(action) or words(action)


def reason(name: str | None) -> Markup:
    """Say why something did not leave: a class of failures in words, its name behind them."""
    meaning = MEANINGS.get(class_of(name)) if name else None
    if meaning is None:
        return Markup("{}").format(prose(name))
    return Markup("{} <small>{}</small>").format(meaning, name)


def prose(text: str | None) -> str:
    """Write the days in a text as people do; what is no day stays as it is."""

    def written(found: re.Match[str]) -> str:
        try:
            return _day(date(int(found[1]), int(found[2]), int(found[3])))
        except ValueError:
            return found[0]

    return _ISO_DAY.sub(written, text or "")


@pass_context
def ruled(context: Context, text: str | None) -> Markup:
    """Write a reason; where the page knows the rule that it names, the rule is a link."""
    told = prose(text)
    found = _RULE.search(told)
    if found is None or found[1] not in context.get("rules", ()):
        return Markup("{}").format(told)
    link = Markup('<a href="/console/law/{}">{}</a>').format(found[1], found[1])
    return Markup("{}{}{}").format(told[: found.start(1)], link, told[found.end(1) :])


def plain(value: Any) -> str:
    """Write a kept value: yes or no, days as people write them."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else prose(str(value))


def month(value: str) -> str:
    """Write a month that is told as 2026-11."""
    return f"{date.fromisoformat(f'{value}-01'):%b %Y}"


def span(text: str) -> str:
    """Write a span that is told as PT36H in all its units; another text stays as it is."""
    found = _ISO_SPAN.fullmatch(text)
    if found is None or len(text) < 3:
        return text
    parts = zip(found.groups(), ("day", "hour", "minute", "second"), strict=True)
    told = " ".join(count(int(number), unit) for number, unit in parts if number and int(number))
    return told or "0 seconds"


def number(value: int | None) -> str:
    """Write a number with separators, and nothing as a dash."""
    return "–" if value is None else f"{value:,}"


def partner(fips: str | None) -> str:
    """Name a state by the first two digits of its FIPS code."""
    known = codes.jurisdictions().get((fips or "")[:2])
    return known.name if known else f"FIPS {fips}" if fips else "not known"


def far_title(far: str | None) -> str:
    """Say what a code is for; nothing for one that is not valid."""
    try:
        row = codes.VALID.get(FarCode.parse(far or ""))
    except ValueError:
        return ""
    return row.title if row else ""


@pass_context
def moment(context: Context, value: datetime | str | None, style: str = "minute") -> Markup:
    """Write a moment in the agency's zone, with UTC behind it; today's without the date."""
    if value is None:
        return Markup('<span class="none">–</span>')
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    zone: tzinfo = context["zone"]
    local = value.astimezone(zone)
    clock = f"{local:%H:%M:%S}" if style == "second" else f"{local:%H:%M}"
    shown = (
        clock if local.date() == context["today"] and style != "full" else f"{_day(local.date())}, {clock}"
    )
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M:%S"), shown
    )


def day(value: date | str | None) -> Markup:
    """Write a date."""
    if not value:
        return Markup('<span class="none">–</span>')
    if isinstance(value, str):
        value = date.fromisoformat(value[:10])
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), _day(value))


def _day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


@pass_context
def due(context: Context, value: date | str | None) -> Markup:
    """Write a due date; an overdue one says so in words, not in colour alone."""
    if not value:
        return Markup('<span class="none">no date</span>')
    if isinstance(value, str):
        value = date.fromisoformat(value)
    today: date = context["today"]
    if value < today:
        late = count((today - value).days, "day")
        return Markup('<span class="late">{} <small>{} overdue</small></span>').format(day(value), late)
    if value == today:
        return Markup("{} <small>today</small>").format(day(value))
    return day(value)


@pass_context
def age(context: Context, value: datetime | None) -> str:
    """Say how long ago a moment was."""
    return "–" if value is None else duration(context["now"] - value)


def status(word: str, direction: str = "") -> Markup:
    """Write a status as a mark that tells its meaning."""
    meaning = {**INBOUND, **OUTBOUND}.get(word, "") if not direction else _of(direction).get(word, "")
    return Markup('<span class="status status-{}" title="{}">{}</span>').format(word, meaning, word)


def _of(direction: str) -> Mapping[str, str]:
    return INBOUND if direction.startswith("in") else OUTBOUND


def far(value: str | None) -> Markup:
    """Write a code with its title to see on hover."""
    if not value:
        return Markup('<span class="none">unreadable</span>')
    return Markup('<abbr class="far" title="{}">{}</abbr>').format(far_title(value), value)


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "age": age,
    "count": count,
    "day": day,
    "deed": deed,
    "due": due,
    "duration": duration,
    "far": far,
    "far_title": far_title,
    "label": label,
    "moment": moment,
    "month": month,
    "number": number,
    "partner": partner,
    "plain": plain,
    "prose": prose,
    "reason": reason,
    "ruled": ruled,
    "status": status,
    "words": words,
}
"""What templates may call, by name."""
