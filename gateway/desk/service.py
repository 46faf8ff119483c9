"""The desk: every way into the gateway's work, each one commit or a row of them that can be resumed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import errorfile
from csenet.gateway.clock import Clock
from csenet.gateway.desk import parking
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.asking import Asking
from csenet.gateway.desk.base import CHUNK
from csenet.gateway.desk.files import Departing, FileSettling, NotAtOnce
from csenet.gateway.desk.holding import Holding
from csenet.gateway.desk.looking import Looking
from csenet.gateway.desk.operating import Operating
from csenet.gateway.desk.reassigning import Reassigning
from csenet.gateway.desk.releasing import Releasing
from csenet.gateway.desk.results import (
    Receipt,
    SettleCount,
)
from csenet.gateway.desk.work_acts import WorkActs
from csenet.gateway.store import audit, journal
from csenet.gateway.store.engine import Store

_LONGEST_NAME = 255
_LOOK_AGAIN = 2.0


class Desk(Asking, Looking, Operating, WorkActs, Reassigning, Releasing, Holding):
    """Do the gateway's work for one agency."""

    def __init__(self, store: Store, agency: Agency, clock: Clock, log: Any = None) -> None:
        """Sit down at a store; ``log`` takes structlog events and gets keys only, never content."""
        self.store = store
        self.agency = agency
        self.clock = clock
        self.log = (log if log is not None else structlog.get_logger()).bind()
        self.outbox_ready = asyncio.Event()
        """Set after a commit that queued something to send."""
        self.arrived = asyncio.Event()
        """Set after a commit that accepted something to settle."""
        self._settling = asyncio.Lock()
        self.at_once = False
        """Lets a small file that comes alone be decided by the commit that keeps it, as in service."""
        self.departing: Departing = _nothing_departs
        """Asked inside a commit that queued something; what it returns is called after the commit."""
        self._files = FileSettling(
            store, lambda: self.agency, clock, self.log, self._told, lambda conn: self.departing(conn)
        )

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        """Keep bytes as they came and return the receipt once they are on disk.

        The same bytes again change nothing and get the first receipt, marked as a duplicate.
        """
        sha256 = hashlib.sha256(raw).hexdigest()
        empty = not raw.strip()
        kind = "errors" if not empty and errorfile.is_error_file(raw) else "transactions"

        async def keep(conn: AsyncConnection) -> tuple[Receipt, Callable[[], Awaitable[object]] | None]:
            known = await journal.file_by_digest(conn, sha256)
            if known is not None:
                return self._receipt(known, duplicate=True), None
            now = self.clock.now()
            values: dict[str, Any] = {
                "name": _readable(name),
                "source": source,
                "kind": kind,
                "sha256": sha256,
                "size": len(raw),
                "raw": raw,
                "received_at": now,
                "state": "settled" if empty else "received",
                "count": 0 if empty else None,
                "settled_at": now if empty else None,
            }
            file_id = await journal.add_file(conn, values)
            about = {"at": now, "actor": source, "action": "file.accepted", "object": f"file {file_id}"}
            await audit.add(conn, [{**about, "detail": {"sha256": sha256, "size": len(raw)}}])
            file = {**values, "id": file_id}
            settled = None if busy or empty else await self._files.settle_at_once(conn, file, CHUNK)
            return self._receipt(file), settled

        # Alone, a file is decided by the commit that keeps it; in a crowd it must not keep others waiting.
        busy = not self.at_once or self._settling.locked() or self.store.busy
        if busy:
            receipt, settled = await self.store.together(keep)
        else:
            async with self._settling:
                try:
                    receipt, settled = await self.store.together(keep)
                except NotAtOnce:
                    busy = True
                    receipt, settled = await self.store.together(keep)
        if not receipt.duplicate:
            self.log.info("file.accepted", file_id=receipt.file_id, kind=kind, sha256=sha256, size=len(raw))
        if settled is not None:
            await settled()
        elif not receipt.duplicate:
            self.arrived.set()
        return receipt

    def _receipt(self, row: Any, *, duplicate: bool = False) -> Receipt:
        return Receipt(
            receipt_id=f"R{row['id']:08d}",
            file_id=row["id"],
            name=row["name"],
            source=row["source"],
            kind=row["kind"],
            sha256=row["sha256"],
            bytes=row["size"],
            received_at=row["received_at"],
            duplicate=duplicate,
            next_window=self._leaves(row["received_at"]),
        )

    async def wait_for_arrival(self) -> None:
        """Return when there may be something to settle.

        What another gateway took in and could not settle any more tells nobody: on a shared database this
        returns every few seconds as well.
        """
        if not self.store.shared:
            await self.arrived.wait()
            return
        waits = [
            asyncio.ensure_future(self.arrived.wait()),
            asyncio.ensure_future(self.clock.sleep(_LOOK_AGAIN)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def settle(self, file_id: int) -> SettleCount:
        """Decide each transaction of a file, after those of files that came before it.

        May be called again at any time, also after a crash: what is settled stays as it is.
        """
        return await self._settle(up_to=file_id)

    async def settle_pending(self) -> SettleCount:
        """Decide everything accepted so far, in order of arrival, but for what another gateway is at."""
        return await self._settle(up_to=None)

    async def _settle(self, up_to: int | None) -> SettleCount:
        async with self._settling:
            return await self._files.settle(up_to, CHUNK)

    async def resume_parked(self, case_id: str | None = None) -> int:
        """Decide parked transactions again, of one case or all, in order; return how many went through.

        One that fails again stays parked and keeps the later ones of its case waiting.
        """
        key = None if case_id is None else await self.case_named(case_id)
        resumed, after = 0, 0
        async with self._settling:
            stuck: set[str] = set()
            while True:
                async with self._working() as (conn, workset):
                    rows = await journal.parked(conn, key, after=after, limit=CHUNK)
                    resumed += await parking.resume(conn, self.agency, workset, rows, stuck)
                self._told(workset)
                if len(rows) < CHUNK:
                    return resumed
                after = rows[-1]["id"]


async def _nothing_departs(_conn: AsyncConnection) -> Callable[[], bool]:
    return lambda: False


def _readable(name: str) -> str:
    """Write a file's name so that every store and screen can hold it; systems allow any byte but two."""
    return "".join(each if each.isprintable() else "?" for each in name)[:_LONGEST_NAME]
