"""Know a request that failed because the database is out of reach, and have whoever asked come again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from aiohttp import hdrs

from csenet.gateway.people.looks import Unrecorded
from csenet.gateway.store.errors import is_away

COME_AGAIN: Final[Mapping[str, str]] = {hdrs.RETRY_AFTER: "5"}
"""Goes with what may go well in a few seconds, as when a database is restarted."""

log = structlog.get_logger("csenet.gateway.http")


def may_pass(error: Exception) -> bool:
    """Say whether the same request may go well soon, and log that the database was out of reach.

    What somebody may see is not shown either while nothing can be written of who looks.
    """
    unrecorded = isinstance(error, Unrecorded)
    cause = error.__cause__ if unrecorded and error.__cause__ is not None else error
    if is_away(cause):
        log.warning("http.store_away", error_type=type(cause).__name__)
    elif unrecorded:
        log.error("http.failed", exc_info=error)
    return unrecorded or is_away(cause)
