"""Put new rules of work in force without a restart; wrong ones are told in the log and change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from csenet.gateway.clock import Clock
from csenet.gateway.desk import Desk
from csenet.gateway.watched import keep_looking, stamps
from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.work_rules import load_work_rules

_POLL_SECONDS: Final = 5.0
_MOST_TOLD: Final = 10


class WorkRulesBook:
    """Watch the file of the rules that are in force at a desk.

    What was assigned before stays with whom it was given to: rules say who gets new work.
    """

    def __init__(self, path: Path, desk: Desk, clock: Clock, log: FilteringBoundLogger) -> None:
        """Take the desk, which has read the file once."""
        self._path, self._desk, self._clock, self._log = path, desk, clock, log
        # Read once more at the first look: the file may have changed since the desk read it.
        self._stamps: object = None
        self._refused: tuple[str, ...] = ()

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the file again and again until ``stop`` is set."""
        await keep_looking(self.look, stop, self._clock, _POLL_SECONDS)

    async def look(self) -> bool:
        """Read the rules if their file has changed; say whether others came into force."""
        before = await asyncio.to_thread(stamps, (self._path,))
        if before == self._stamps:
            return False
        self._stamps = before
        try:
            rules = await asyncio.to_thread(load_work_rules, self._path)
        except PolicyError as error:
            return self._refuse(error.problems)
        self._refused = ()
        if rules == self._desk.agency.work_rules:
            return False
        self._desk.agency = msgspec.structs.replace(self._desk.agency, work_rules=rules)
        self._log.info("work_rules.changed", count=len(rules))
        return True

    def _refuse(self, problems: Iterable[str]) -> bool:
        """Keep the old rules and say why, once."""
        told = tuple(problems)
        if told != self._refused:
            self._refused = told
            self._log.error("work_rules.refused", count=len(told), problems=told[:_MOST_TOLD])
        return False
