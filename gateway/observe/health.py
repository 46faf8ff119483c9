"""Say whether the gateway is alive, so that it need not be restarted, and ready, so that work may come.

*Alive*: the event loop turns and each part that should run in the background does.  *Ready*: the store took
a commit lately, the disk has more than its reserve, and the keys that the settings name can be read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from csenet.gateway.observe import machine
from csenet.gateway.observe.steadiness import Steadiness

if TYPE_CHECKING:
    from csenet.gateway.settings.loading import Settings

# So many samples may be missed before what they said counts no more.
_SAMPLES: Final = 4

Tasks = Callable[[], Mapping[str, "asyncio.Task[None]"]]


class Health:
    """Answer for one gateway."""

    def __init__(self, settings: Settings, tasks: Tasks) -> None:
        """Take what should run; ``tasks`` gives the background tasks by name."""
        self.tasks = tasks
        self._folder = settings.gateway.data_dir
        self._reserve = settings.limits.disk_reserve_mb * 2**20
        self._keys = tuple(keys_of(settings))
        self._valid_for = settings.observe.sample_seconds * _SAMPLES
        self._written: tuple[bool, float] | None = None
        self.steadiness: Steadiness | None = None

    def note_commit(self, ok: bool) -> None:
        """Remember whether a commit was just possible."""
        self._written = ok, _seconds()

    def ended(self) -> list[str]:
        """Name the background tasks that ended."""
        return sorted(name for name, task in self.tasks().items() if task.done())

    def notes(self) -> list[str]:
        """Say what somebody should look at although work may come: a slow disk, a clock that jumped."""
        return [] if self.steadiness is None else self.steadiness.notes()

    def not_alive(self) -> list[str]:
        """Say what makes a restart necessary; nothing if the gateway is alive."""
        return [f"the part {name} does not run any more" for name in self.ended()]

    def not_ready(self) -> list[str]:
        """Say what has to be mended before work may come; nothing if the gateway is ready.

        What to do about each stands in the runbook under CsenetNotReady.
        """
        found = self.not_alive()
        if self._written is not None and not self._written[0]:
            found.append("the store cannot be written")
        elif self._written is None or _seconds() - self._written[1] > self._valid_for:
            found.append("the store has not been written for too long")
        if machine.free_bytes(self._folder) < self._reserve:
            found.append("the disk has less left than its reserve")
        found += [f"a key cannot be read: {key}" for key, file in self._keys if not os.access(file, os.R_OK)]
        return found


def keys_of(settings: Settings) -> Iterable[tuple[str, Path]]:
    """List the key files that the settings name, by the setting."""
    tls, http = settings.http.tls, settings.delivery.http
    sent, fetched = settings.delivery.sftp, settings.intake.sftp
    named = {
        "http.tls.key": None if tls is None else tls.key,
        "delivery.http.key": None if http is None else http.key,
        "delivery.http.token_file": None if http is None else http.token_file,
        "delivery.sftp.key": None if sent is None else sent.key,
        "intake.sftp.key": None if fetched is None else fetched.key,
        "envelope.key": settings.envelope.key,
        "envelope.next_key": settings.envelope.next_key,
        "sealing.key_file": _sealing_key(settings),
        "sealing.pkcs11_pin_file": settings.sealing.pkcs11_pin_file,
    }
    return [(name, file) for name, file in named.items() if file is not None]


def _sealing_key(settings: Settings) -> Path | None:
    """Give the file of the key that seals the store, where it is a file."""
    from csenet.gateway.wiring import key_file_of

    sealing = settings.sealing
    in_file = sealing.enabled and "file" in (sealing.provider, sealing.former)
    return key_file_of(settings) if in_file else None


def _seconds() -> float:
    return asyncio.get_running_loop().time()
