"""What the courier hands over, and what it asks of a way out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from csenet.gateway.delivery.retry import Outcome


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one batch file whose bytes and name never change from one try to the next.

    ``key`` names the batch for good and lets the destination know a repetition.  ``spooled`` says that the
    bytes were durably put aside under the final name's twin by an earlier try.
    """

    key: str
    name: str
    payload: bytes
    sha256: str
    count: int
    spooled: bool = False
    first_serial: int = 0
    last_serial: int = 0


class Transport(Protocol):
    """Carry parcels to one destination."""

    async def open(self) -> None:
        """Make ready; called once before the first parcel and repeatable."""
        ...

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        """Try once.

        ``spooled`` commits the fact that the bytes are durable; a transport that works in two steps awaits it
        between them, before the bytes become visible.  A failure is told as an outcome or raised; either way
        only `DELIVERED` counts as delivered.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
