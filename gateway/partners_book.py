"""Keep the table of partners that is in force, and put a new one in force without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from csenet.gateway.clock import Clock
from csenet.gateway.partners import Checked, Partners, PartnersError, check_partners
from csenet.gateway.watched import Stamp, keep_looking, stamps

_MOST_TOLD: Final = 10


class PartnerBook:
    """Hold the table in force; a new file replaces it only if it is right, whole and newer."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        poll_seconds: float = 5.0,
        changed: Callable[[Partners], None] = lambda partners: None,
    ) -> None:
        """Read the table for the first time; raises `PartnersError`.

        ``changed`` is called with each table that comes into force later.
        """
        self._path = path
        self._clock = clock
        self._log = log
        self._poll_seconds = poll_seconds
        self._changed = changed
        self._stamps: dict[Path, Stamp] = stamps((path,))
        self._refused: tuple[str, ...] = ()
        checked = check_partners(path)
        if checked.partners is None:
            raise PartnersError(checked.problems)
        self._partners = checked.partners
        self._watch(checked, self._stamps)

    @property
    def current(self) -> Partners:
        """Give the table in force."""
        return self._partners

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the files again and again until ``stop`` is set."""
        await keep_looking(self.look, stop, self._clock, self._poll_seconds)

    async def look(self) -> bool:
        """Read the table if a file of it has changed; say whether a new one came into force."""
        before = await asyncio.to_thread(stamps, tuple(self._stamps))
        if before == self._stamps:
            return False
        checked = await asyncio.to_thread(check_partners, self._path)
        self._watch(checked, before)
        return self._take(checked)

    def _watch(self, checked: Checked, before: dict[Path, Stamp]) -> None:
        """Remember what the files were before they were read.

        A certificate named for the first time counts as not yet seen, so that it is read once more.
        """
        self._stamps = {file: before.get(file) for file in checked.files}

    def _take(self, checked: Checked) -> bool:
        old, new = self._partners, checked.partners
        if new is not None and new.digest == old.digest:
            return False
        if new is None:
            return self._refuse(checked.problems)
        if new.version <= old.version:
            return self._refuse((f"version: must be more than {old.version}, which is in force",))
        self._partners, self._refused = new, ()
        self._log.info("partners.changed", version=new.version, count=len(new.names))
        self._changed(new)
        return True

    def _refuse(self, problems: Iterable[str]) -> bool:
        """Keep the old table and say why."""
        told = tuple(problems)
        if told == self._refused:
            return False
        self._refused = told
        self._log.error(
            "partners.refused", version=self._partners.version, count=len(told), problems=told[:_MOST_TOLD]
        )
        return False
