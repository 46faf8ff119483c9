"""Say how patient we are by default: the one place for these figures, in seconds unless named otherwise.

Patient as mail is: a destination may be away for a day and a night, and nobody has to do anything about it.
"""

from __future__ import annotations

from typing import Final

import msgspec

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 300.0
# How long after its first try a batch is given up.
GIVE_UP_AFTER: Final = 2 * 86_400.0
# After so many failures in a row nothing but one probe an interval is tried.
BREAKER_AFTER: Final = 5
PROBE_INTERVAL: Final = 60.0


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Hold how patient we are with one class of failure, in seconds; None is as with any other.

    ``permanent`` gives a batch up at the first such failure.
    """

    first_delay: float | None = None
    max_delay: float | None = None
    give_up_after: float | None = None
    permanent: bool = False


_BEGINNINGS: Final = (
    ("http_429", "http_429"),
    ("http_4", "http_4xx"),
    ("http_5", "http_5xx"),
    ("tls_", "tls"),
    ("receipt_", "receipt"),
)
_NAMES: Final = {
    "ClientConnectorError": "connect",
    "ClientConnectorDNSError": "connect",
    "ClientProxyConnectionError": "connect",
    "ConnectionTimeoutError": "connect",
    "ConnectionRefusedError": "connect",
    "TimeoutError": "timeout",
    "ServerTimeoutError": "timeout",
    "SocketTimeoutError": "timeout",
    "WriteTimeoutError": "timeout",
}


MEANINGS: Final = {
    "connect": "no connection",
    "timeout": "no answer in time",
    "tls": "no secure connection",
    "http_429": "asked to wait",
    "http_4xx": "refused for what is in it",
    "http_5xx": "the other side failed",
    "receipt": "the receipt proves nothing",
}
"""What a class of failures means to people."""


def meaning_of(error: str) -> str:
    """Say a failure in words, its own name behind them; one of no class keeps its name alone."""
    meaning = MEANINGS.get(class_of(error))
    return f"{meaning} ({error})" if meaning else error


def class_of(error: str) -> str:
    """Sort a failure into a class by its name, as ``[delivery.retry]`` has them; the unknown is other."""
    for beginning, kind in _BEGINNINGS:
        if error.startswith(beginning):
            return kind
    return _NAMES.get(error, "other")
