"""Show the names that files from elsewhere have, unless one could hold the name of a person.

Whoever lays a file down chooses its name.  One that is made of the exchange's own words, of states and of
numbers is shown as it is; any other stands as a keyed digest with its ending, in the log, on pages and in
commands alike.  The key is the store's for searching, so whoever reads a log can try no names out, and
`csenet archive name` tells whoever may know what a digest stands for.
"""

from __future__ import annotations

import hmac
import re
from functools import cache
from typing import Final

from csenet.handlers.policy.jurisdictions import jurisdictions

SSN: Final = re.compile(r"(?<!\d)\d{3}([-. _]?)\d{2}\1\d{4}(?!\d)")
"""What looks like a Social Security number."""

WITHHELD: Final = "[withheld]"
_WORDS: Final = (
    "csenet|ocse|exchange|gateway|state|from|to|in|out|server|batch|file|trans|transactions|reply|err|errors|"
    "receipt|manifest|flat|bdw|ebcdic|ascii|cp037|xml|json|cms|p7m|txt|dat|bin|gz|zip|sealed|prod|test|daily"
)
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DIGEST: Final = re.compile(r"#[0-9a-f]{12}(?:\.[a-z0-9]{1,4})?")
_LONGEST: Final = 100
_ENDINGS: Final = re.compile(r"\.(?:txt|dat|bin|xml|json|p7m|gz|zip|sealed)", re.IGNORECASE)


def is_expected(name: str) -> bool:
    """Say whether a name is of the form that the exchange gives, and can be nobody's."""
    return len(name) <= _LONGEST and bool(_expected().fullmatch(name)) and not SSN.search(name)


def shown(name: str, key: bytes) -> str:
    """Give what may be shown of a name: itself, or a digest such as ``#5ad1c0de93b7.txt``."""
    if is_expected(name):
        return name
    # A file's name may hold bytes that are no text.
    digest = hmac.digest(key, b"file name\x1f" + name.encode("utf-8", "surrogateescape"), "sha256")
    return f"#{digest.hex()[:12]}{_ending(name)}"


def logged(name: str) -> str:
    """Give what may stand in a log, where no key is at hand: an expected name, a digest, or neither."""
    return name if _DIGEST.fullmatch(name) or is_expected(name) else WITHHELD + _ending(name)


@cache
def _expected() -> re.Pattern[str]:
    states = "|".join(each.abbreviation for each in jurisdictions().values())
    # Numbers of nine or ten digits could be those of people.
    part = rf"(?:[a-z]?\d{{1,8}}|\d{{12}}|\d{{14}}|{_WORDS}|{states})"
    return re.compile(rf"(?:{part}(?:[._-]{part})*|{_UUID})", re.IGNORECASE)


def _ending(name: str) -> str:
    point = name.rfind(".")
    return name[point:].lower() if point >= 0 and _ENDINGS.fullmatch(name[point:]) else ""
