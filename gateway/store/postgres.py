"""Work on a PostgreSQL server: how to connect, what it must promise, and who writes when.

Several gateways of one jurisdiction may work on one database.  A process that was stopped or cut off in the
middle of a transaction must not keep the others waiting, so the server ends what stays idle, and notices
when the other end is gone.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from sqlalchemy import Dialect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from csenet.gateway.store.errors import StoreError

_OLDEST: Final = 15
_POOL_SIZE: Final = 10
_CONNECT_SECONDS: Final = 10
# Any number that other programs on the same database are unlikely to lock.
_TURN: Final = 0x43534E_4554
_TELLING: Final = _TURN + 1
# The first version that can limit a whole transaction.
_LIMITING: Final = (17,)
SLEEPS_AFTER: Final = 15.0
"""Seconds for which anybody may keep others waiting within a transaction; ours take milliseconds.

As long as a lease: whoever was stopped for longer has lost it anyway, and who takes over after lease and five
seconds must not wait for locks of theirs.
"""
_LONGEST: Final = f"{SLEEPS_AFTER:.0f}s"
# Each of these set to off confirms what a crash of the server may undo or tear.
_PROMISES: Final = ("fsync", "full_page_writes", "synchronous_commit")
_SESSION: Final = {
    "application_name": "csenet-gateway",
    "timezone": "UTC",
    # Our queries are short; compiling them takes longer than running them.
    "jit": "off",
    # The one such setting that is a session's own; for the others see `csenet.gateway.store.server_log`.
    "log_parameter_max_length_on_error": "0",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # What was sent and nobody acknowledged; keepalives are not sent meanwhile.
    "tcp_user_timeout": _LONGEST,
}
# To the server's other limits a session that waits for the rest of a statement is neither idle nor at work.
# Who does not read what the server writes is ended by tcp_user_timeout, and is at work as long as it reads.
_END_SLEEPERS: Final = text(
    """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = :name
      AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND wait_event = 'ClientRead'
      AND state_change < clock_timestamp() - make_interval(secs => :seconds)
    """
)


def url_for_driver(url: URL) -> URL:
    """Name the driver, and write ``sslmode``, as everybody knows it, the way the driver reads it."""
    query = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=query)


def engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    """Make the engines of writers and of readers; they share their connections."""
    if find_spec("asyncpg") is None:
        raise StoreError("store.url: no driver for PostgreSQL; install csenet-gateway[postgres]")
    engine = _engine(url, _POOL_SIZE)
    return engine, engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def aside(url: URL) -> AsyncEngine:
    """Make an engine with one connection, whose statements are no part of a transaction."""
    return _engine(url, 1).execution_options(isolation_level="AUTOCOMMIT")


def _engine(url: URL, connections: int) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        # Asks whether a connection is still good: the server may have been restarted since.
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"server_settings": _SESSION, "timeout": _CONNECT_SECONDS},
    )


async def wait_for_turn(connection: AsyncConnection, *, long: bool) -> None:
    """Become the one writer until the transaction ends; from then on a ``long`` one alone has no limit."""
    turn = f"SELECT pg_advisory_xact_lock(:turn){'' if long else _limit_of(connection, ', ')}"
    await connection.execute(text(turn), {"turn": _TURN})


async def limit(connection: AsyncConnection) -> None:
    """Have the server end a transaction that takes too long.

    A process that is stopped between the parts of a statement is not idle to the server, and would keep its
    locks.  PostgreSQL has such a limit since 17; on an older one whoever has the store open ends sleepers.
    """
    if found := _limit_of(connection, "SELECT "):
        await connection.execute(text(found))


def version(dialect: Dialect) -> tuple[int, ...]:
    """Return the server's version; known once it was connected to."""
    return getattr(dialect, "server_version_info", None) or (0,)


def can_limit(dialect: Dialect) -> bool:
    """Say whether the server ends transactions that take too long."""
    return version(dialect) >= _LIMITING


def _limit_of(connection: AsyncConnection, word: str) -> str:
    if not can_limit(connection.dialect):
        return ""
    return f"{word}set_config('transaction_timeout', '{_LONGEST}', true)"


async def end_sleepers(connection: AsyncConnection) -> int:
    """End our sessions that have kept the server waiting too long within a transaction.

    Returns how many those were.  ``statement_timeout`` would not do: the server heeds it only while it works,
    not while the rest of a statement is on its way from a client that was stopped.
    """
    given = {"name": _SESSION["application_name"], "seconds": SLEEPS_AFTER}
    return int((await connection.execute(_END_SLEEPERS, given)).scalar_one())


async def wait_to_tell(connection: AsyncConnection) -> None:
    """Become the one who numbers changes until the transaction ends; never wait for rows after this."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TELLING})


async def check_server(engine: AsyncEngine, *, unsafe: bool) -> None:
    """Raise ``StoreError`` for a server that is out of reach, too old, or may lose what it confirmed."""
    try:
        async with engine.connect() as connection:
            found = await connection.execute(
                text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)"),
                {"names": [*_PROMISES, "server_version_num", "server_encoding", "transaction_read_only"]},
            )
            settings = {str(name): str(setting) for name, setting in found}
    except (OSError, TypeError, SQLAlchemyError) as error:
        raise _unreachable(error) from None
    except Exception as error:
        # The driver raises its own kinds while connecting; they are not for us to import.
        if not type(error).__module__.startswith("asyncpg"):
            raise
        raise _unreachable(error) from None
    judge(settings, unsafe=unsafe)


def _unreachable(error: Exception) -> StoreError:
    # The error's own words may quote the address with its password.
    return StoreError(f"store.url: cannot work on the database server: {type(error).__name__}")


def judge(settings: dict[str, str], *, unsafe: bool) -> None:
    """Raise ``StoreError`` for settings that a gateway cannot live with."""
    version = int(settings["server_version_num"]) // 10_000
    if version < _OLDEST:
        raise StoreError(f"store.url: the server is PostgreSQL {version}, needed is {_OLDEST} or later")
    encoding = settings["server_encoding"]
    if encoding != "UTF8":
        raise StoreError(f"store.url: the database has encoding {encoding}, needed is UTF8")
    if settings["transaction_read_only"] == "on":
        raise StoreError("store.url: the database is read only; name the primary server")
    off = [name for name in _PROMISES if settings[name] == "off"]
    if off and not unsafe:
        names = ", ".join(f"{name}=off" for name in off)
        raise StoreError(
            f"store.url: the server is set to lose what it confirmed ({names}); turn it on "
            "for the server, this database and this role"
        )
