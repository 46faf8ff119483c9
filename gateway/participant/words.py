"""Say in plain words what a transaction is and how it stands; the words are one table, `words.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from csenet.codecs import codes
from csenet.gateway.errors import GatewayError
from csenet.gateway.store.tables import INBOUND_STATUSES, OUTBOUND_STATUSES
from csenet.handlers.policy import deadlines

Way = Literal["sent", "received"]
Direction = Literal["inbound", "outbound"]
_GENERAL: Final = "general"


class WordsError(GatewayError):
    """Report a table of words that has gaps or names what does not exist."""


class Sentence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what is told about transactions whose code fits ``far``; ``hidden`` says why nothing is."""

    far: str
    sent: str = ""
    received: str = ""
    hidden: str = ""

    def fits(self, far: str) -> bool:
        """Tell whether the row speaks about a code."""
        parts, wanted = far.split(), self.far.split()
        return len(parts) == 3 and all(map(fnmatchcase, parts, wanted))


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the table."""

    transaction: tuple[Sentence, ...]
    state: dict[Direction, dict[str, str]]
    step: dict[str, str]

    def sentence(self, far: str, way: Way, us: str, them: str) -> str:
        """Say what a transaction is; empty for one that is not shown, or that no row knows."""
        row = next((each for each in self.transaction if each.fits(far)), None)
        if row is None or row.hidden:
            return ""
        text = row.sent if way == "sent" else row.received
        return text.format(us=us, them=them)

    def standing(self, direction: Direction, status: str) -> str:
        """Say how a transaction stands; empty for a status in which it is not shown."""
        return self.state[direction].get(status, "")

    def step_of(self, duty: str) -> str:
        """Say what a duty has us do; empty for one that is not told."""
        return self.step.get(duty, self.step[_GENERAL])


@cache
def table() -> Words:
    """Load the table once; raises WordsError."""
    return read(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))


def read(text: str) -> Words:
    """Read a table and refuse one that leaves a valid code without words or names what does not exist."""
    try:
        found = msgspec.convert(tomllib.loads(text), Words)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise WordsError(f"words.toml: {error}") from None
    problems = [*_of_sentences(found.transaction), *_of_statuses(found.state), *_of_steps(found.step)]
    if problems:
        raise WordsError("words.toml: " + "; ".join(problems))
    return found


def _of_sentences(rows: tuple[Sentence, ...]) -> list[str]:
    valid = [str(far) for far in codes.VALID]
    firsts = {far: next((row for row in rows if row.fits(far)), None) for far in valid}
    problems = [f"{far}: has no row" for far, row in firsts.items() if row is None]
    used = {row.far for row in firsts.values() if row is not None}
    for row in rows:
        if row.far not in used:
            problems.append(f"{row.far}: fits no code, or none that an earlier row does not fit")
        if bool(row.hidden) == bool(row.sent and row.received):
            problems.append(f"{row.far}: needs either hidden, or both sent and received")
        problems += [f"{row.far}: {problem}" for problem in _of_names(row)]
    return problems


def _of_names(row: Sentence) -> list[str]:
    try:
        for text in (row.sent, row.received):
            text.format(us="", them="")
    except (KeyError, IndexError, ValueError):
        return ["knows {us} and {them} only"]
    return []


def _of_statuses(state: Mapping[Direction, Mapping[str, str]]) -> list[str]:
    known: Mapping[Direction, tuple[str, ...]] = {"inbound": INBOUND_STATUSES, "outbound": OUTBOUND_STATUSES}
    return [
        f"state.{way}.{status}: there is no such status"
        for way, rows in state.items()
        for status in rows
        if status not in known[way]
    ] + [f"state.{way}: is missing" for way in known if way not in state]


def _of_steps(step: Mapping[str, str]) -> list[str]:
    problems = [] if step.get(_GENERAL) else ["step.general: is missing"]
    for duty in step:
        try:
            if duty != _GENERAL:
                deadlines.duty_of(duty)
        except LookupError:
            problems.append(f"step.{duty}: there is no such duty")
    return problems
