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

from .conftest import arriving, case_block, facts, lines
from .patience import BOUND

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
    async with asyncio.timeout(BOUND):
        while not desk.agency.work_rules:
            await asyncio.sleep(0.001)
            clock.advance(5)
    stop.set()
    await asyncio.wait_for(running, BOUND)


async def test_the_office_of_a_case_goes_before_all_but_a_rule_for_the_kind_of_work(
    desk: Desk, clock: ManualClock, tmp_path: Path, log: Any
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(
        '[[rule]]\noffice = "MONEY"\nkind = ["send_documents"]\n[[rule]]\noffice = "NORTH"\nworker = "N1"\n'
    )
    assert await WorkRulesBook(file, desk, clock, log).look()
    for case_id, office in (("MN1", "North"), ("MN2", "South"), ("MN3", None)):
        named = {} if office is None else {"office": office}
        await desk.put_case(case_id, facts("responding", **named))
        body = case_block() + " " * 416
        asked = [
            arriving(far, int(case_id[2:]) * 10 + place, case_id, blocks="1000001", body=body)
            for place, far in enumerate(("MSC R GRUPD", "MSC R GRPOC"))
        ]
        receipt = await desk.accept(lines(*asked), source="test", name=case_id)
        await desk.settle(receipt.file_id)
    items = (await desk.list_work_items()).items
    assert [(each.case_id, each.office, each.worker) for each in items if each.kind != "send_documents"] == [
        ("MN1", "NORTH", "N1"),
        ("MN2", "SOUTH", None),
        ("MN3", "NORTH", "N1"),
    ]
    assert {each.office for each in items if each.kind == "send_documents"} == {"MONEY"}
