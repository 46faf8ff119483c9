"""Take receipts that come by themselves, for batches that were laid into a folder or onto a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs.envelope import EnvelopeError, Pin, verify_receipt
from csenet.gateway.delivery.told import plain, tell
from csenet.gateway.desk.base import DeskBase
from csenet.gateway.errors import NotFound, Rejected
from csenet.gateway.store import receipts
from csenet.gateway.store.receipts import ReceiptLine, Told

NAMES: Final = re.compile(r"(?P<key>CSENET-\d{2}-\d{12})(\.txt)?\.receipt\.(json|p7m)")
"""What a file is called that holds a receipt for a batch of ours, beside which it may lie."""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """Say for which batch a receipt came and what it means."""

    batch: str
    state: str


def read_receipt(
    raw: bytes, pins: Sequence[Pin], at: datetime, *, way: str, key: str | None
) -> tuple[str, Told]:
    """Read a receipt, signed or plain JSON, and give the key of its batch; raises ``Rejected``.

    ``key`` is used where a plain one names none.
    """
    if not raw.lstrip().startswith(b"{"):
        try:
            signed = verify_receipt(raw, pins, at)
        except EnvelopeError as error:
            raise Rejected([("", f"the signed receipt cannot be believed: {error.reason.value}")]) from None
        told = Told(
            way=way,
            signed=True,
            outcome=signed.outcome.value,
            sha256=signed.sha256,
            stated_at=signed.time,
        )
        return signed.key, told
    try:
        stated: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Rejected([("", "is neither a signed receipt nor JSON")]) from None
    named = next((stated[name] for name in ("key", "batch", "file", "name") if stated.get(name)), key)
    if not isinstance(named, str):
        raise Rejected([("key", "names no batch")])
    return named, plain(stated, way)


class Receipts(DeskBase):
    """Give the desk its dealings with receipts."""

    receipt_pins: Callable[[datetime], Sequence[Pin]] = staticmethod(lambda at: ())
    """Gives the certificates that the exchange may sign receipts with at a moment."""

    async def take_receipt(self, raw: bytes, *, way: str, name: str = "") -> Came:
        """Keep a receipt for a batch of ours and say what it means.

        Raises ``Rejected`` for what is no receipt, ``NotFound`` for a batch that we never sent.
        """
        now = self.clock.now()
        named = NAMES.fullmatch(name)
        key, told = read_receipt(
            raw, self.receipt_pins(now), now, way=way, key=named["key"] if named else None
        )

        async def keep(conn: AsyncConnection) -> Came:
            batch = await receipts.batch_named(conn, key)
            if batch is None:
                raise NotFound("no batch of ours has that key")
            state = await receipts.take(conn, batch, told, now)
            return Came(batch=batch.name, state=state)

        came = await self.store.together(keep)
        tell(self.log, came.state, came.batch)
        return came

    async def note_missing_receipts(self) -> int:
        """Tell once of each receipt that is due and has not come; return how many those are."""

        async def note(conn: AsyncConnection) -> list[str]:
            return await receipts.missed(conn, self.clock.now())

        found = await self.store.together(note)
        for batch in found:
            tell(self.log, receipts.MISSING, batch)
        return len(found)

    async def list_receipts(self, state: str | None = None, limit: int = 100) -> list[ReceiptLine]:
        """List receipts, the newest first, after those that are missing."""
        async with self.store.read() as conn:
            return await receipts.listing(conn, self.clock.now(), state=state, limit=limit)
