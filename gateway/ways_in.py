"""Build what takes files in besides HTTP: a folder, SFTP servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from csenet.gateway import file_names
from csenet.gateway.intake.folder import FolderIntake
from csenet.gateway.intake.readiness import Signs
from csenet.gateway.links import sftp_intakes_of

if TYPE_CHECKING:
    from csenet.gateway.clock import Clock
    from csenet.gateway.desk import Desk
    from csenet.gateway.settings.model import Settings

Way = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Takes in until an event is set."""


def ways_in(
    settings: Settings, desk: Desk, clock: Clock, log: Any, full: Callable[[], bool]
) -> dict[str, Way]:
    """Give each by the name of its task; while ``full`` says so, they leave files where they are."""
    found: dict[str, Way] = {}
    folder, shown = settings.intake.folder, partial(file_names.shown, key=desk.store.keyring.ring.search)
    if folder is not None:
        signs = Signs(
            stable_seconds=folder.stable_seconds,
            lock_suffix=folder.lock_suffix,
            done_suffix=folder.done_suffix,
        )
        found["intake"] = FolderIntake(
            desk,
            folder.path,
            folder.archive,
            folder.poll_seconds,
            clock,
            log,
            full=full,
            keys=desk.store.keyring.provider,
            take_receipt=desk.take_receipt,
            shown=shown,
            signs=signs,
        ).run
    fetching = sftp_intakes_of(settings, desk, clock, log, full, desk.take_receipt, shown)
    return found | {name: each.run for name, each in fetching.items()}
