"""Rules of work come into force while the gateway runs, and wrong ones do not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import CapturingLogger

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.work_rules_book import WorkRulesBook

RULE = '[[rule]]\noffice = "{}"\n'


@pytest.fixture
def log() -> CapturingLogger:
    return CapturingLogger()


async def test_new_rules_come_into_force_and_wrong_ones_are_told_once(
    desk: Desk, clock: ManualClock, tmp_path: Path, log: Any
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULE.format("NORTH"))
    book = WorkRulesBook(file, desk, clock, log)
    assert [await book.look(), await book.look()] == [True, False]
    assert [rule.office for rule in desk.agency.work_rules] == ["NORTH"]
    for text in ("[[rule]]\nworker = 7\n", "[[rule]]\nworker = 7\n# saved again\n"):
        file.write_text(text)
        assert not await book.look()
    file.unlink()
    assert not await book.look()
    assert [rule.office for rule in desk.agency.work_rules] == ["NORTH"]
    file.write_text(RULE.format("SOUTH"))
    assert await book.look()
    assert [rule.office for rule in desk.agency.work_rules] == ["SOUTH"]
    assert [(call.method_name, call.args[0]) for call in log.calls] == [
        ("info", "work_rules.changed"),
        ("error", "work_rules.refused"),
        ("error", "work_rules.refused"),
        ("info", "work_rules.changed"),
    ]


async def test_it_looks_until_it_is_stopped(desk: Desk, clock: ManualClock, tmp_path: Path, log: Any) -> None:
    file, stop = tmp_path / "rules.toml", asyncio.Event()
    file.write_text(RULE.format("NORTH"))
    running = asyncio.create_task(WorkRulesBook(file, desk, clock, log).run(stop))
    async with asyncio.timeout(10):
        while not desk.agency.work_rules:
            await asyncio.sleep(0.001)
            clock.advance(5)
    stop.set()
    await asyncio.wait_for(running, 10)
