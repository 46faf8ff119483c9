"""Say what of ours a PostgreSQL server's own log may keep, which no purge reaches.

What we keep of persons is sealed before it gets to the server, and a statement goes apart from its values.
But a server may be told to log the values too, and names the keys of a row that breaks a constraint: digests,
case IDs, names of accounts.  A session can switch off the values of statements that fail, and ours do
(`csenet.gateway.store.postgres`); everything else is a superuser's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

_VALUES: Final = "log_parameter_max_length"
_VERBOSE: Final = "log_error_verbosity"
_EXPLAINED: Final = "auto_explain.log_min_duration"
_EXPLAINED_VALUES: Final = "auto_explain.log_parameter_max_length"
_NEVER: Final[Mapping[str, str]] = {
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
}
"""The settings by which some or all statements are logged, each with the value by which none is."""
_ASKED: Final = text("SELECT name, setting FROM pg_settings WHERE name IN :names").bindparams(
    bindparam("names", expanding=True)
)
_NAMES: Final = ("log_statement", *_NEVER, _VALUES, _VERBOSE, _EXPLAINED, _EXPLAINED_VALUES)

REMEDY: Final = (
    "A superuser sets for the gateway's role log_parameter_max_length = 0 and log_error_verbosity = terse "
    "(ALTER ROLE ... SET); see ops/how-to/keep-and-destroy.md."
)


async def kept_in_log(conn: AsyncConnection) -> list[str]:
    """List what the server writes to its log of our statements' values, as its settings stand for us."""
    rows = await conn.execute(_ASKED, {"names": list(_NAMES)})
    told = {str(name): str(value) for name, value in rows}
    logged = told.get("log_statement") in ("mod", "all") or any(
        told.get(name, never) != never for name, never in _NEVER.items()
    )
    found = []
    if logged and told.get(_VALUES) != "0":
        found.append(f"values of statements ({_VALUES})")
    if told.get(_EXPLAINED, "-1") != "-1" and told.get(_EXPLAINED_VALUES) != "0":
        found.append(f"values of slow statements ({_EXPLAINED_VALUES})")
    if told.get(_VERBOSE) != "terse":
        found.append(f"keys of rows that break a constraint ({_VERBOSE})")
    return found
