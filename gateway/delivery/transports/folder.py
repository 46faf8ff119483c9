"""Put each batch into a folder: whole or not at all, and once, whenever the power fails.

The bytes are written and synced under the same name in a hidden folder on the same file system, that fact is
committed, then one rename makes the file visible.  After a crash the store and the hidden folder together say
how far it came: *spooled* without a spool file means that the rename happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from csenet.gateway.delivery.probing import ProbeStep, Question, failed, well
from csenet.gateway.delivery.retry import DELIVERED, Outcome, permanent
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.durable import sync_folder, write_durably


class FolderTransport:
    """Deliver into ``path``; the spool is ``path/.spool`` unless another folder of that disk is given."""

    way = "folder"

    def __init__(self, path: Path, spool: Path | None = None) -> None:
        """Remember the folders; nothing is touched before `open`."""
        self._path = path
        self._spool = spool or path / ".spool"

    async def open(self) -> None:
        """Create the folders that are missing."""
        await asyncio.to_thread(self._make_folders)

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        """Write, sync, commit, rename, sync.

        Raises ``OSError`` when the folder cannot be written; the parcel is then as far as the store says.
        """
        if parcel.spooled and not await asyncio.to_thread((self._spool / parcel.name).exists):
            await asyncio.to_thread(sync_folder, self._path)
            return DELIVERED
        if not parcel.spooled:
            await asyncio.to_thread(self._put_aside, parcel)
            await spooled()
        return await asyncio.to_thread(self._publish, parcel)

    async def probe(self, question: Question) -> list[ProbeStep]:
        """Write, compare and remove a hidden file; whoever empties the folder is not asked."""
        try:
            await self.open()
            return [await asyncio.to_thread(self._try_to_write, question.word)]
        except OSError as error:
            return [failed("folder", f"{self._path} cannot be written: {error.strerror}.")]

    async def close(self) -> None:
        """Do nothing: no handle stays open."""

    def _try_to_write(self, word: str) -> ProbeStep:
        source, target = self._spool / f".probe-{word}", self._path / f".probe-{word}"
        try:
            write_durably(source, word.encode())
            source.replace(target)
            same = target.read_bytes() == word.encode()
        finally:
            source.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
        if not same:
            return failed("folder", f"{self._path} does not give back what was written into it.")
        return well("folder", f"{self._path} takes files; nobody was asked who fetches them there.")

    def _make_folders(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        self._spool.mkdir(parents=True, exist_ok=True)
        sync_folder(self._path)

    def _put_aside(self, parcel: Parcel) -> None:
        # Not the folder above it: one that is gone may be a share that is not mounted.
        self._spool.mkdir(exist_ok=True)
        write_durably(self._spool / parcel.name, parcel.payload)

    def _publish(self, parcel: Parcel) -> Outcome:
        source, target = self._spool / parcel.name, self._path / parcel.name
        # A store that was put back from a copy gives names out again: what lies there is somebody's mail.
        if target.exists() and target.read_bytes() != parcel.payload:
            return permanent("name_taken")
        self._publish_manifest(parcel)
        source.replace(target)
        sync_folder(self._path)
        sync_folder(self._spool)
        return DELIVERED

    def _publish_manifest(self, parcel: Parcel) -> None:
        """Tell what the file holds before it is there; whoever sees the file finds its manifest beside it."""
        name = f"{parcel.name}.manifest.json"
        write_durably(self._spool / name, manifest_of(parcel))
        (self._spool / name).replace(self._path / name)
        sync_folder(self._path)


def manifest_of(parcel: Parcel) -> bytes:
    """Write the control totals of a batch file as JSON, without anything of its content."""
    told = {
        "file": parcel.name,
        "count": parcel.count,
        "size": len(parcel.payload),
        "sha256": parcel.sha256,
        "first_serial": f"{parcel.first_serial:012d}",
        "last_serial": f"{parcel.last_serial:012d}",
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
