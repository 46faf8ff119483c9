"""Take files from a folder: keep, decide, write the receipt, archive.

A file is complete when it is renamed into the folder, or when the signs that are set say so (`Readiness`).
Each step can be repeated, and the file leaves the folder last, so a crash anywhere is mended by doing the
same again: the store knows the bytes it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from structlog.typing import FilteringBoundLogger
from watchfiles import awatch

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.waiting import first_of
from csenet.gateway.desk.receipts import NAMES
from csenet.gateway.durable import sync_folder, write_durably
from csenet.gateway.errors import GatewayError
from csenet.gateway.file_names import logged
from csenet.gateway.intake.archive import RECEIPT, SEALED, seal_in_place, unsealed
from csenet.gateway.intake.desk import IntakeDesk, Shown, TakeReceipt
from csenet.gateway.intake.readiness import Readiness, Signs
from csenet.gateway.store.wrapping import WrappingKeys

# Not transactions: what is still being written, and what a sender lays beside a file to tell of it.
PASSED_OVER: Final = (".receipt.p7m", ".tmp", ".part", ".filepart", ".manifest.json", RECEIPT)
_LONGEST_WAIT: Final = 60.0


class FileChanged(GatewayError):  # noqa: N818 - names what happened
    """Report that a file was replaced while it was being taken in."""


class _Trouble(msgspec.Struct, frozen=True):
    """Remember how often a file failed and when it is due again."""

    failures: int
    due: datetime


class FolderIntake:
    """Empty one folder, oldest file first, again and again.

    The folder is looked through every ``poll_seconds``; where the system tells of changes, at once.
    """

    def __init__(
        self,
        desk: IntakeDesk,
        path: Path,
        archive: Path | None,
        poll_seconds: float,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        watch: bool = True,
        full: Callable[[], bool] = lambda: False,
        keys: WrappingKeys | None = None,
        take_receipt: TakeReceipt | None = None,
        shown: Shown = logged,
        signs: Signs = Signs(),  # noqa: B008 - cannot change
    ) -> None:
        """Remember the folders; the archive is ``path/archive`` unless another of the same disk is given.

        While ``full`` says so, files stay where they are.  With ``keys`` what is put away is sealed.
        ``take_receipt`` gets receipts for our batches.  ``signs`` tell which files are whole.  ``shown`` says
        how a name is logged.
        """
        self._readiness = Readiness(signs, clock)
        self._keys = keys
        self._take_receipt = take_receipt
        self._shown = shown
        self._full = full
        self._desk = desk
        self._path = path
        self._archive = archive or path / "archive"
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._log = log
        self._watch = watch
        self._changed = asyncio.Event()
        self._troubles: dict[str, _Trouble] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Take files until ``stop`` is set; the file in hand is finished first."""
        await asyncio.to_thread(self._make_folders)
        await asyncio.to_thread(self._seal_the_rest)
        await asyncio.to_thread(self._readiness.sweep, self._path)
        watcher = asyncio.create_task(self._notice(stop)) if self._watch else None
        try:
            while not stop.is_set():
                self._changed.clear()
                await self.scan(stop)
                if not stop.is_set():
                    pause = self._clock.sleep(self._poll_seconds)
                    await first_of(stop.wait(), self._changed.wait(), pause)
        finally:
            if watcher is not None:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)

    async def scan(self, stop: asyncio.Event | None = None) -> int:
        """Take each complete file once and return how many were taken."""
        taken = 0
        if self._full():
            return taken
        try:
            files, receipts = await asyncio.to_thread(self._look)
        except OSError as error:
            self._log.error("intake.folder_unreadable", error_type=type(error).__name__)
            return 0
        here = {file.name for file in (*files, *receipts)}
        self._troubles = {name: each for name, each in self._troubles.items() if name in here}
        await self._take_receipts(receipts)
        for file in files:
            if (stop is not None and stop.is_set()) or self._full():
                break
            taken += await self._try(file)
        return taken

    def _look(self) -> tuple[list[Path], list[Path]]:
        """List what may be read now: files, and receipts for our batches."""
        files, receipts = self._complete_files(), self._receipts()
        whole = set(self._readiness.whole((*files, *receipts)))
        return [file for file in files if file in whole], [file for file in receipts if file in whole]

    async def _take_receipts(self, receipts: list[Path]) -> None:
        """Take the receipts for our batches that lie here; any other sidecar is passed over as ever."""
        if self._take_receipt is None:
            return
        for file in receipts:
            trouble = self._troubles.get(file.name)
            if trouble is not None and self._clock.now() < trouble.due:
                continue
            try:
                raw = await asyncio.to_thread(file.read_bytes)
                await self._take_receipt(raw, way="file", name=file.name)
                await asyncio.to_thread(file.rename, free_name(self._archive, file.name))
                await asyncio.to_thread(self._readiness.put_away, file)
            except Exception as error:
                self._failed(file, error, trouble)
            else:
                self._troubles.pop(file.name, None)

    def _receipts(self) -> list[Path]:
        found = [file for file in self._path.iterdir() if NAMES.fullmatch(file.name) and file.is_file()]
        return sorted(found)

    async def _try(self, file: Path) -> bool:
        """Take one file; whatever fails leaves it where it is, for later, and the others go on."""
        trouble = self._troubles.get(file.name)
        if trouble is not None and self._clock.now() < trouble.due:
            return False
        try:
            await self._take(file)
        except Exception as error:
            self._failed(file, error, trouble)
            return False
        self._troubles.pop(file.name, None)
        return True

    def _failed(self, file: Path, error: Exception, trouble: _Trouble | None) -> None:
        """Leave a file for later, longer each time."""
        failures = 1 + (trouble.failures if trouble else 0)
        wait = min(_LONGEST_WAIT, self._poll_seconds * 2 ** min(failures, 16))
        self._troubles[file.name] = _Trouble(failures, self._clock.now() + timedelta(seconds=wait))
        self._log.error(
            "intake.failed", file=self._shown(file.name), error_type=type(error).__name__, delay_seconds=wait
        )

    async def _take(self, file: Path) -> None:
        before = await asyncio.to_thread(_identity, file)
        raw = await asyncio.to_thread(file.read_bytes)
        if await asyncio.to_thread(_identity, file) != before:
            raise FileChanged(file.name)
        receipt = await self._desk.accept(raw, source="folder", name=file.name)
        await self._desk.settle(receipt.file_id)
        await asyncio.to_thread(self._put_away, file, before, receipt)
        self._log.info(
            "intake.archived", file=self._shown(file.name), file_id=receipt.file_id, sha256=receipt.sha256
        )

    def _put_away(self, file: Path, before: tuple[int, ...], receipt: Any) -> None:
        """Write the receipt, then move the file beside it: only the move ends the work on a file."""
        told = msgspec.to_builtins(receipt)
        if self._goes_on(file, receipt):
            told["duplicate"] = False
        target = free_name(self._archive, file.name)
        beside = self._archive / (target.name + RECEIPT)
        draft = self._archive / f".{beside.name}.tmp"
        write_durably(draft, msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
        draft.replace(beside)
        sync_folder(self._archive)
        # Another file renamed over this one was not read yet and must not be put away as if it were.
        if _identity(file) != before:
            raise FileChanged(file.name)
        file.rename(target)
        sync_folder(self._archive)
        sync_folder(self._path)
        self._readiness.put_away(file)
        self._seal(target)

    def _seal_the_rest(self) -> None:
        """Seal what an earlier version put away, or a stop left as it was."""
        for file in unsealed(self._archive) if self._keys is not None else ():
            self._seal(file)

    def _seal(self, file: Path) -> None:
        """Seal a copy; one that cannot be is told, and sealed at the next start."""
        if self._keys is None:
            return
        try:
            seal_in_place(file, self._keys)
        except (OSError, GatewayError) as error:
            self._log.error(
                "intake.archive_unsealed", file=self._shown(file.name), error_type=type(error).__name__
            )

    def _goes_on(self, file: Path, receipt: Any) -> bool:
        """Tell our own interrupted work on a file from a second file with the same bytes."""
        ours = receipt.source == "folder" and receipt.name == file.name
        put_away = any((self._archive / (file.name + end)).exists() for end in ("", SEALED))
        return bool(receipt.duplicate and ours and not put_away)

    def _complete_files(self) -> list[Path]:
        """List the files to take, oldest first, names deciding where the times are equal."""
        found = []
        for entry in self._path.iterdir():
            passed_over = entry.name.startswith(".") or entry.name.endswith(PASSED_OVER)
            # Whoever may put a link here would have us read what we may and they may not, such as our keys.
            plain = entry.is_file() and not entry.is_symlink()
            if passed_over or self._readiness.is_sidecar(entry.name) or not plain:
                continue
            found.append((entry.stat().st_mtime_ns, entry.name, entry))
        return [entry for _, _, entry in sorted(found)]

    def _make_folders(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        self._archive.mkdir(parents=True, exist_ok=True)

    async def _notice(self, stop: asyncio.Event) -> None:
        """Wake the loop on changes; where the system cannot tell, polling alone has to do."""
        try:
            async for _ in awatch(self._path, stop_event=stop, debounce=50, step=10, recursive=False):
                self._changed.set()
        except (OSError, RuntimeError) as error:
            self._log.warning("intake.watch_unavailable", error_type=type(error).__name__)


def _identity(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def free_name(folder: Path, name: str) -> Path:
    """Return a path for ``name`` that nothing holds yet: ``a.txt``, else ``a.2.txt``, ``a.3.txt`` …."""
    path = Path(name)
    target, number = folder / name, 1
    while target.exists() or target.with_name(target.name + SEALED).exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    return target
