"""Say where the pages find what they show, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from csenet.gateway.delivery.windows import Windows
from csenet.gateway.people.person import PERSON, Person
from csenet.gateway.people.reading import Reader

if TYPE_CHECKING:
    from csenet.gateway.clock import Clock
    from csenet.gateway.desk import Desk
    from csenet.gateway.partners import Partners
    from csenet.gateway.settings.loading import Settings
    from csenet.gateway.store.engine import Store


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the desk, through which alone anything changes, and what is read beside it."""

    desk: Any
    store: Any
    clock: Any
    reader: Any
    windows: Windows = msgspec.field(default_factory=Windows)
    partners: Callable[[], Any] = lambda: None
    """Give the table of partners in force, or None."""
    settings: Any = None


SOURCES: Final = web.AppKey("console_sources", Sources)


class Asked(msgspec.Struct, frozen=True):
    """Hold a request with its person and sources, typed."""

    request: web.Request

    @property
    def person(self) -> Person:
        """Give who asks; the table of rights lets nobody come this far without a name."""
        return self.request[PERSON]

    @property
    def sources(self) -> Sources:
        """Give where things are."""
        return self.request.app[SOURCES]

    @property
    def desk(self) -> Desk:
        """Give the desk."""
        desk: Desk = self.sources.desk
        return desk

    @property
    def store(self) -> Store:
        """Give the store, for reading."""
        store: Store = self.sources.store
        return store

    @property
    def clock(self) -> Clock:
        """Give the clock."""
        clock: Clock = self.sources.clock
        return clock

    @property
    def reader(self) -> Reader:
        """Give what reads content on the person's behalf."""
        reader: Reader = self.sources.reader
        return reader

    @property
    def partners(self) -> Partners | None:
        """Give the table of partners in force."""
        found: Partners | None = self.sources.partners()
        return found

    @property
    def settings(self) -> Settings | None:
        """Give the settings the gateway runs with."""
        found: Settings | None = self.sources.settings
        return found

    @property
    def state(self) -> str:
        """Give our own two-digit code."""
        return self.desk.agency.state
