"""Call the desk of a settings file for one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from csenet.gateway.cli.acting import acting, find_out

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.desk.results import TransactionFilter, WorkFilter
    from csenet.gateway.desk.views_search import Search
    from csenet.gateway.people.reading import Reader
    from csenet.gateway.store.dead import DeadFilter
    from csenet.gateway.store.duties import DutyFilter

T = TypeVar("T")
Chosen = TypeVar("Chosen", "TransactionFilter", "WorkFilter", "DutyFilter", "DeadFilter", "Search")


async def call(config: Path, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Open the store beside a gateway that may be running, do one thing, close it.

    What it does is logged to the gateway's log file, if that is set.  A running gateway cannot be woken from
    here: it looks for new rows by itself every few seconds.
    """
    from csenet.gateway import log
    from csenet.gateway.settings.loading import LogSection, load_settings
    from csenet.gateway.wiring import open_desk

    settings = load_settings(config)
    log.configure(settings.log if settings.log.file else LogSection(level="warning"))
    async with open_desk(settings) as desk:
        await find_out(settings, desk.store, desk.clock)
        return await work(desk)


def own(wanted: Chosen) -> Chosen:
    """Narrow what is asked for to the offices of who acts."""
    import msgspec

    return msgspec.structs.replace(wanted, offices=acting().scope)


def reader_at(desk: Desk) -> Reader:
    """Read through a desk with a record of it, on behalf of whoever types."""
    from csenet.gateway.people.reading import Reader

    return Reader(desk, desk.store, desk.clock)
