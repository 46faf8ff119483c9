"""Read the gateway's log as people ask for it: with rotated and compressed files, chosen lines, sentences."""

from __future__ import annotations

import gzip
import json
import re
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from csenet.codecs.describe import state

Line = Mapping[str, Any]
_PART: Final = re.compile(r"\[([^\[\]]*)\]")
_KEY: Final = re.compile(r"\{(\w+)\}")
_STATES: Final = ("sender", "partner")
_ORDER: Final = ("debug", "info", "warning", "error", "critical")


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Choose lines; what is None does not count.

    ``event`` may be a beginning: ``delivery`` chooses all events of the delivery.
    """

    correlations: frozenset[str] | None = None
    partner: str | None = None
    event: str | None = None
    level: str | None = None
    since: datetime | None = None

    def has(self, line: Line) -> bool:
        """Say whether a line is among the chosen ones."""
        return (
            (self.correlations is None or line.get("correlation_id") in self.correlations)
            and (self.partner is None or self.partner in (line.get("partner"), line.get("sender")))
            and (self.event is None or _begins(str(line.get("event")), self.event))
            and (self.level is None or _rank(line.get("level")) >= _rank(self.level))
            and (self.since is None or _moment(line) >= self.since)
        )


def files_of(log: Path) -> list[Path]:
    """List a log's files, the oldest first: rotated ones, compressed or not, and the one being written."""
    rotated = [each for each in log.parent.glob(f"{log.name}[.-]*") if each.is_file()]
    # Names and dates of change say little: numbers count backwards, and copies get new dates.
    return [*sorted(rotated, key=_begun), *([log] if log.exists() else [])]


def _begun(file: Path) -> str:
    return str(next(lines_of(file), {}).get("timestamp", ""))


def lines_of(file: Path) -> Iterator[Line]:
    """Give each line of one file; what is no line of ours, such as half a line, is passed over."""
    with _opened(file) as opened:
        try:
            for text in opened:
                line = parsed(text)
                if line is not None:
                    yield line
        except (EOFError, zlib.error):
            return  # the compression was cut off: what is there was told


def _opened(file: Path) -> IO[str]:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", errors="replace")
    return file.open(encoding="utf-8", errors="replace")


def parsed(text: str) -> Line | None:
    """Read one line; None for what is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "event" in found else None


class Tail:
    """Follow a log that is being written, also when it is moved away and begun anew."""

    def __init__(self, log: Path) -> None:
        """Begin behind what is there."""
        self._log = log
        self._rest = ""
        self._place = self._stat()

    def new(self) -> Iterator[Line]:
        """Give the lines that were written since this was last asked."""
        number, size = self._stat()
        begun = self._place[1] if number == self._place[0] and size >= self._place[1] else 0
        if not size:
            self._place = number, 0
            return
        with self._log.open(encoding="utf-8", errors="replace") as opened:
            opened.seek(begun)
            text = (self._rest if begun else "") + opened.read()
            self._place = number, opened.tell()
        *whole, self._rest = text.split("\n")
        yield from (line for each in whole if (line := parsed(each)) is not None)

    def _stat(self) -> tuple[int, int]:
        try:
            found = self._log.stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_size


@cache
def sentences() -> Mapping[str, str]:
    """Read the table of sentences."""
    text = resources.files(__package__).joinpath("sentences.toml").read_text("utf-8")
    return {str(event): str(sentence) for event, sentence in tomllib.loads(text).items()}


def sentence(line: Line) -> str:
    """Say a line in words; an event without a sentence is told with its keys."""
    event = str(line.get("event"))
    wording = sentences().get(event)
    if wording is None:
        keys = (name for name in line if name not in ("event", "timestamp", "level", "correlation_id"))
        return f"{event}: {', '.join(f'{name} {line[name]}' for name in keys)}".removesuffix(": ")
    told = _PART.sub(lambda part: _filled(part[1], line) if _whole(part[1], line) else "", wording)
    return _first_upper(_filled(told, line)) + _failure(line)


def _filled(wording: str, line: Line) -> str:
    def value(key: re.Match[str]) -> str:
        found = line.get(key[1])
        if key[1] in _STATES:
            if found == "exchange":
                return "the exchange"
            return state(str(found)) if found else "somebody unknown"
        if key[1] == "serial" and str(found).isdigit():
            return str(found).zfill(12)
        return "(none)" if found is None else ", ".join(found) if isinstance(found, list) else str(found)

    return _KEY.sub(value, wording)


def _whole(part: str, line: Line) -> bool:
    return all(line.get(key) is not None for key in _KEY.findall(part))


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _failure(line: Line) -> str:
    """Add what failed and where, if the line tells."""
    found = line.get("failure")
    if not isinstance(found, dict):
        return ""
    places = found.get("at") or ["?"]
    return f" {found.get('text') or found.get('type')} at {places[-1]}"


def _begins(event: str, wanted: str) -> bool:
    return event == wanted or event.startswith(f"{wanted}.")


def _rank(level: Any) -> int:
    return _ORDER.index(level) if level in _ORDER else 1


def _moment(line: Line) -> datetime:
    return datetime.fromisoformat(str(line.get("timestamp")))
