"""Read what a request says, strictly, and name everything wrong with it at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from csenet.gateway.casework.problems import ApiProblem, Kind, Wrong, rejected
from csenet.gateway.desk.reasons import LONGEST_REASON, SHORTEST_REASON, is_reason
from csenet.gateway.people.looks import LONGEST_PURPOSE, SHORTEST_PURPOSE, Look
from csenet.handlers.lines import TEXT_WIDTH

T = TypeVar("T")

PURPOSE: Final = "X-Purpose"
REASON: Final = f"a text of {SHORTEST_REASON} to {LONGEST_REASON} characters"

_LARGEST_ID: Final = 2**63 - 1
_OUTBOUND: Final = re.compile(r"out-[1-9][0-9]{0,17}")
_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bound what one request may cost.

    `body_bytes` is for JSON bodies after decompression, `batch_bytes` for files posted by the exchange;
    `page` is the length of a list when the caller names none, `page_max` the longest it may ask for.
    """

    body_bytes: int = 1_048_576
    batch_bytes: int = 67_108_864
    page: int = 50
    page_max: int = 500


LIMITS: Final = web.AppKey("limits", Limits)


class Finder:
    """Read values one by one and keep what is wrong with them, so that all of it is reported together."""

    def __init__(self, values: Mapping[str, Any], *, in_body: bool) -> None:
        """Take the named values; `in_body` tells members of a JSON object from query parameters."""
        self._values = values
        self._in_body = in_body
        self._read: set[str] = set()
        self.errors: list[Wrong] = []

    def wrong(self, name: str, code: str, message: str) -> None:
        """Note that a value is wrong, without repeating it."""
        where = {"pointer": f"/{name}"} if self._in_body else {"parameter": name}
        self.errors.append(Wrong(code=code, message=message, **where))

    def take(self, name: str, convert: Callable[[Any], T], hint: str, *, required: bool = False) -> T | None:
        """Convert one value; None when it is absent or wrong. `convert` raises ValueError or TypeError."""
        self._read.add(name)
        value = self._values.get(name)
        if value is None:
            if required:
                self.wrong(name, "request.required", f"{name} is required: {hint}")
            return None
        try:
            return convert(value)
        except (ValueError, TypeError):
            self.wrong(name, "request.value", f"{name} must be {hint}")
            return None

    def finish(self) -> None:
        """Raise one problem if any value was wrong or unknown."""
        for name in self._values:
            if name not in self._read:
                known = ", ".join(sorted(self._read)) or "none"
                self.wrong(_shown(name), "request.unknown", f"There is no such name; known here: {known}.")
        if not self.errors:
            return
        if self._in_body:
            raise rejected(self.errors)
        raise ApiProblem(Kind.PARAMETERS, "Nothing was looked up.", self.errors)


def query(request: web.Request) -> Finder:
    """Read query parameters; one that stands twice counts as wrong."""
    finder = Finder(dict(request.query), in_body=False)
    for name in sorted({name for name in request.query if len(request.query.getall(name)) > 1}):
        finder.wrong(_shown(name), "request.twice", "This parameter may stand only once.")
    return finder


def _shown(name: str) -> str:
    """Give an unknown name back only if it looks like a name: it might be a value put in the wrong place."""
    return name if re.fullmatch(r"[a-z][a-z_]{0,39}", name) else "(unreadable name)"


async def read_object(request: web.Request) -> dict[str, Any]:
    """Read the body as one JSON object.

    Raises ApiProblem 415 for another content type, 413 for a body above the limit (counted after
    decompression, while it arrives), 400 for text that is not JSON or holds a name twice, 422 for JSON that
    is not an object.
    """
    if request.content_type != "application/json":
        raise ApiProblem(Kind.MEDIA_TYPE, "Send a JSON object as application/json.")
    document = _decode(await _body(request))
    if not isinstance(document, dict):
        raise rejected([Wrong(code="request.type", message="The body must be a JSON object.", pointer="")])
    return document


async def _body(request: web.Request) -> bytes:
    """Collect the body up to the limit."""
    limit = request.app[LIMITS].body_bytes
    kept = bytearray()
    async for chunk in request.content.iter_any():
        kept += chunk
        if len(kept) > limit:
            raise ApiProblem(Kind.TOO_LARGE, f"A body may have {limit} bytes at most.")
    return bytes(kept)


class _TwiceError(ValueError):
    """Tell a repeated name from text that is no JSON."""


def _decode(body: bytes) -> Any:
    """Decode JSON; msgspec judges the form, the standard library sees names that stand twice."""
    try:
        msgspec.json.decode(body)
        return json.loads(body, object_pairs_hook=_object)
    except _TwiceError:
        raise ApiProblem(Kind.MALFORMED, "A name stands twice in one JSON object.") from None
    except RecursionError:
        raise ApiProblem(Kind.MALFORMED, "The JSON is nested too deeply.") from None
    except ValueError as error:
        place = re.search(r"\(byte \d+\)", str(error))
        where = f" {place.group()}" if place else ""
        raise ApiProblem(Kind.MALFORMED, f"The body is not valid JSON{where}.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build one object and refuse a name that stands twice: one of the two values would be lost."""
    built = dict(pairs)
    if len(built) != len(pairs):
        raise _TwiceError
    return built


def looking(request: web.Request) -> Look:
    """Read whether content is to be seen in clear, and why: the reason stands in the header X-Purpose.

    A header, because paths and queries end up in other programs' logs.
    """
    purpose = request.headers.get(PURPOSE)
    if purpose is None:
        return Look()
    if not SHORTEST_PURPOSE <= len(purpose.strip()) <= LONGEST_PURPOSE or not purpose.isprintable():
        message = f"must be {SHORTEST_PURPOSE} to {LONGEST_PURPOSE} printable characters"
        wrong = Wrong(code="request.value", message=message, parameter=PURPOSE)
        raise ApiProblem(Kind.PARAMETERS, "Nothing was looked up.", [wrong])
    return Look(unmask=True, purpose=purpose.strip())


def case_of(obj: dict[str, Any]) -> str | None:
    """Say which case a request to send is about, in either of its forms; whether it is right shows later."""
    header = obj.get("header")
    told = obj.get("case_id", header.get("case_id") if isinstance(header, dict) else None)
    return told if isinstance(told, str) else None


def identifier(request: web.Request, name: str) -> int:
    """Read the numeric identifier in a path; anything else names nothing, so it is *not found*."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not 0 < int(text) <= _LARGEST_ID:
        raise ApiProblem(Kind.NOT_FOUND, "Identifiers are positive whole numbers.")
    return int(text)


def whole_number(smallest: int, largest: int = _LARGEST_ID) -> Callable[[Any], int]:
    """Make a converter for whole numbers within bounds."""

    def convert(value: Any) -> int:
        """Read one number, written in digits only."""
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19):
            raise ValueError
        number = int(value)
        if not smallest <= number <= largest:
            raise ValueError
        return number

    return convert


def one_of(choices: Iterable[str]) -> Callable[[Any], str]:
    """Make a converter that lets only these words pass."""
    allowed = frozenset(choices)

    def convert(value: Any) -> str:
        """Give the word back unchanged."""
        if not isinstance(value, str) or value not in allowed:
            raise ValueError
        return value

    return convert


def short_text(value: Any) -> str:
    """Let printable text of at most 64 characters pass."""
    if not isinstance(value, str) or not 0 < len(value) <= 64 or not value.isprintable():
        raise ValueError
    return value


def line_text(value: Any) -> str:
    """Let printable text pass that the lines of an information block may hold."""
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_WIDTH or not value.isprintable():
        raise ValueError
    return value


def reason(value: Any) -> str:
    """Let a reason pass that a person gives."""
    if not isinstance(value, str) or not is_reason(value):
        raise ValueError
    return value


def iso_date(value: Any) -> date:
    """Read a date written YYYY-MM-DD and nothing else."""
    if not isinstance(value, str) or _ISO_DATE.fullmatch(value) is None:
        raise ValueError
    return date.fromisoformat(value)


def digits(fewest: int, most: int) -> Callable[[Any], str]:
    """Make a converter for identifiers made of digits."""

    def convert(value: Any) -> str:
        """Give the digits back unchanged."""
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            raise ValueError
        if not fewest <= len(value) <= most:
            raise ValueError
        return value

    return convert


def outbound_ids(value: Any) -> tuple[int, ...]:
    """Read a list of identifiers such as `out-9`; each counts once."""
    if not isinstance(value, list) or not 0 < len(value) <= 1000:
        raise ValueError
    if not all(isinstance(each, str) and _OUTBOUND.fullmatch(each) for each in value):
        raise ValueError
    return tuple(dict.fromkeys(int(each.removeprefix("out-")) for each in value))


def true(value: Any) -> bool:
    """Let only true pass."""
    if value is not True:
        raise ValueError
    return True
