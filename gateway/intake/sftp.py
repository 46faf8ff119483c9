"""Fetch files from an SFTP server: keep, decide, and only then delete them there.

Each step can be repeated, and the file leaves the server last: after a crash anywhere the same file is
fetched again, the store knows its bytes, and what was left out is done.  A file counts as complete once it
has its final name; beside it ``NAME.sha256`` may give its digest, which then has to be right.

Receipts for batches of ours are fetched and deleted in the same way, under the names that they have in a
folder; a server that only takes our batches may be looked through for them alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import asyncssh
import msgspec
from structlog.typing import FilteringBoundLogger

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.transports.sftp import SftpLink, SftpPlace, read_whole, refused
from csenet.gateway.delivery.waiting import first_of
from csenet.gateway.desk.receipts import NAMES
from csenet.gateway.errors import GatewayError
from csenet.gateway.file_names import logged
from csenet.gateway.intake.desk import IntakeDesk, Shown, TakeReceipt
from csenet.gateway.intake.folder import PASSED_OVER

_DIGEST: Final = ".sha256"
_LARGEST: Final = 32 * 1024 * 1024
_LARGEST_RECEIPT: Final = 65_536
_LONGEST_DIGEST: Final = 4096
_LONGEST_WAIT: Final = 600.0


class FileChanged(GatewayError):  # noqa: N818 - names what happened
    """Report that a file changed while it was being fetched."""


class DigestWrong(GatewayError):  # noqa: N818 - names what happened
    """Report that a file does not have the digest that stands beside it."""


class _Waiting(msgspec.Struct, frozen=True, order=True):
    """Tell a file from what it was: time of change, name and size; the oldest comes first."""

    changed: int
    name: str
    size: int


class _Trouble(msgspec.Struct, frozen=True):
    failures: int
    due: datetime


class SftpIntake:
    """Empty one folder of a server, oldest file first, again and again."""

    def __init__(
        self,
        desk: IntakeDesk,
        place: SftpPlace,
        poll_seconds: float,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        largest: int = _LARGEST,
        full: Callable[[], bool] = lambda: False,
        take_receipt: TakeReceipt | None = None,
        shown: Shown = logged,
        receipts_only: bool = False,
    ) -> None:
        """Remember the place; nothing is connected before the first look.

        ``take_receipt`` gets receipts for our batches; with ``receipts_only`` all else is left alone.
        ``shown`` says how a name is logged.
        """
        self._take_receipt = take_receipt
        self._shown = shown
        self._receipts_only = receipts_only
        self._desk = desk
        self._link = SftpLink(place)
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._log = log
        self._largest = largest
        self._full = full
        self._failures = 0
        self._troubles: dict[str, _Trouble] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch until ``stop`` is set; the file in hand is finished first."""
        try:
            while not stop.is_set():
                await self.scan(stop)
                if not stop.is_set():
                    await first_of(stop.wait(), self._clock.sleep(self._pause(self._failures)))
        finally:
            await self._link.drop()

    async def scan(self, stop: asyncio.Event | None = None) -> int:
        """Fetch each complete file once and return how many were fetched."""
        taken = 0
        if self._full():
            return taken
        try:
            files, receipts = await self._complete_files()
        except (OSError, asyncssh.Error, TimeoutError) as error:
            self._failures += 1
            await self._lost(error)
            return 0
        self._failures = 0
        names = {file.name for file in (*files, *receipts)}
        self._troubles = {name: each for name, each in self._troubles.items() if name in names}
        for file in receipts:
            await self._try(file, self._keep_receipt)
        for file in files:
            if (stop is not None and stop.is_set()) or self._full():
                break
            taken += await self._try(file, self._take)
        return taken

    async def _complete_files(self) -> tuple[list[_Waiting], list[_Waiting]]:
        """List what is complete: files to take, and receipts for our batches."""
        async with asyncio.timeout(self._link.place.timeout_seconds):
            client = await self._link.client()
            files, receipts = [], []
            for entry in await client.readdir(self._link.place.folder):
                name, attributes = str(entry.filename), entry.attrs
                if attributes.type != asyncssh.FILEXFER_TYPE_REGULAR:
                    continue
                if self._take_receipt is not None and NAMES.fullmatch(name):
                    receipts.append(_seen(name, attributes))
                elif not self._passed_over(name):
                    files.append(_seen(name, attributes))
            return sorted(files), sorted(receipts)

    def _passed_over(self, name: str) -> bool:
        return self._receipts_only or name.startswith(".") or name.endswith((*PASSED_OVER, _DIGEST))

    async def _try(self, file: _Waiting, take: Callable[[_Waiting], Awaitable[None]]) -> bool:
        """Take one file; whatever fails leaves it where it is, for later, and the others go on."""
        trouble = self._troubles.get(file.name)
        if trouble is not None and self._clock.now() < trouble.due:
            return False
        try:
            async with asyncio.timeout(self._link.place.timeout_seconds):
                await take(file)
        except Exception as error:
            failures = 1 + (trouble.failures if trouble else 0)
            wait = self._pause(failures)
            self._troubles[file.name] = _Trouble(failures, self._clock.now() + timedelta(seconds=wait))
            kind = type(error).__name__
            self._log.error("intake.failed", file=self._shown(file.name), error_type=kind, delay_seconds=wait)
            if isinstance(error, asyncssh.Error | OSError):
                await self._link.drop()
            return False
        self._troubles.pop(file.name, None)
        return True

    async def _take(self, file: _Waiting) -> None:
        raw = await self._fetched(file, self._largest)
        receipt = await self._desk.accept(raw, source="sftp", name=file.name)
        await self._desk.settle(receipt.file_id)
        await self._remove(file)
        self._log.info(
            "intake.fetched", file=self._shown(file.name), file_id=receipt.file_id, sha256=receipt.sha256
        )

    async def _keep_receipt(self, file: _Waiting) -> None:
        """Take a receipt; one that is none of ours or cannot be believed stays there, and is told."""
        assert self._take_receipt is not None  # noqa: S101 - listed only then
        raw = await self._fetched(file, _LARGEST_RECEIPT)
        await self._take_receipt(raw, way="file", name=file.name)
        await self._remove(file)

    async def _fetched(self, file: _Waiting, largest: int) -> bytes:
        """Read a whole file, which must be as long as it was said to be and have the digest beside it."""
        client, path = await self._link.client(), self._link.path(file.name)
        raw = await read_whole(client, path, largest)
        if len(raw) != file.size:
            raise FileChanged(file.name)
        if await self._stated_digest(client, path) not in (None, hashlib.sha256(raw).hexdigest()):
            raise DigestWrong(file.name)
        return raw

    async def _remove(self, file: _Waiting) -> None:
        client, path = await self._link.client(), self._link.path(file.name)
        # Another file of that name was not read yet and must not go.
        if _seen(file.name, await client.stat(path)) != file:
            raise FileChanged(file.name)
        await client.remove(path)
        if await client.exists(path + _DIGEST):
            await client.remove(path + _DIGEST)

    async def _stated_digest(self, client: asyncssh.SFTPClient, path: str) -> str | None:
        """Read the digest beside a file, in the form of sha256sum; None if there is none."""
        try:
            text = await read_whole(client, path + _DIGEST, _LONGEST_DIGEST)
        except asyncssh.SFTPNoSuchFile:
            return None
        words = text.decode("ascii", "replace").split()
        return words[0].lower() if words else ""

    async def _lost(self, error: BaseException) -> None:
        """Tell that the server could not be asked, and connect anew next time."""
        await self._link.drop()
        kind = refused(error) or type(error).__name__
        self._log.error(
            "intake.server_unreachable",
            host=self._link.place.host,
            error_type=kind,
            delay_seconds=self._pause(self._failures),
        )

    def _pause(self, failures: int) -> float:
        """Give the seconds to wait: the interval, doubled by each failure up to ten minutes."""
        longest = max(_LONGEST_WAIT, self._poll_seconds)
        return min(longest, self._poll_seconds * 2.0 ** min(failures, 16))


def _seen(name: str, attributes: asyncssh.SFTPAttrs) -> _Waiting:
    return _Waiting(changed=attributes.mtime or 0, name=name, size=attributes.size or 0)
