"""What intake needs of the desk, and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol


class Receipt(Protocol):
    """Read what the desk acknowledges: which bytes, when, under which number."""

    @property
    def file_id(self) -> int:
        """Name the file in the store."""
        ...

    @property
    def sha256(self) -> str:
        """Give the digest of the bytes kept, in hexadecimal."""
        ...

    @property
    def name(self) -> str:
        """Give the name under which the bytes came the first time."""
        ...

    @property
    def source(self) -> str:
        """Give the way in by which they came the first time."""
        ...

    @property
    def duplicate(self) -> bool:
        """Say whether the same bytes had been accepted before."""
        ...


Shown = Callable[[str], str]
"""Gives what may be logged of a file's name."""


class TakeReceipt(Protocol):
    """Keep a receipt for a batch of ours; raises ``Rejected`` or ``NotFound``."""

    async def __call__(self, raw: bytes, *, way: str, name: str = "") -> Any:
        """Say what it means."""
        ...


class IntakeDesk(Protocol):
    """Keep bytes durably, then decide what they cause."""

    @property
    def arrived(self) -> asyncio.Event:
        """Wake whoever settles accepted files."""
        ...

    async def accept(self, raw: bytes, *, source: str, name: str) -> Any:
        """Return a `Receipt` once the bytes are on disk."""
        ...

    async def settle(self, file_id: int) -> Any:
        """Decide each transaction of one file; repeatable."""
        ...
