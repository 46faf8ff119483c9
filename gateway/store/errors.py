"""Name what can be wrong with a store as a whole."""

from __future__ import annotations

from traceback import walk_tb
from typing import Final

from csenet.gateway.errors import GatewayError

_DRIVERS: Final = ("asyncpg", "sqlite3", "aiosqlite")


class StoreError(GatewayError):
    """Report a store that cannot be used as it is."""


class StoreDamaged(StoreError):  # noqa: N818 - names what happened
    """The store's file is damaged, or none of ours."""


class SealingError(StoreError):
    """Report keys that are missing, wrong or not to be used as they are; says what to do."""


class SealBroken(StoreError):  # noqa: N818 - names what happened
    """Report content that is not what was sealed in its place."""


def out_of_reach(error: BaseException) -> bool:
    """Say whether an error is the database's or the disk's, which may mend by itself, and not the code's."""
    from sqlalchemy.exc import SQLAlchemyError

    return _is_drivers(error) or isinstance(error, OSError | SQLAlchemyError)


def is_away(error: BaseException) -> bool:
    """Say whether the database could not be asked, or was lost on the way: the same may go well soon."""
    from sqlalchemy import exc

    ours = exc.DataError, exc.IntegrityError, exc.NotSupportedError, exc.ProgrammingError
    if isinstance(error, exc.DBAPIError | exc.TimeoutError):
        return not isinstance(error, ours)
    # What the driver raises while it connects comes as it is: a name nobody knows, a socket that is gone.
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return _is_drivers(error) or (isinstance(error, OSError) and _came_through_driver(error))


def _is_drivers(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _DRIVERS


def _came_through_driver(error: BaseException) -> bool:
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(str(frame.f_globals.get("__name__")).partition(".")[0] in _DRIVERS for frame in frames)
