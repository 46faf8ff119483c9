"""Rules of work come into force while the gateway runs, and wrong ones do not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import CapturingLogger

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.store import audit
from csenet.gateway.store.engine import Store
from csenet.gateway.work_rules_book import WorkRulesBook
from csenet.handlers.policy.work_rules import WorkRule

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


async def test_what_is_open_is_given_out_anew_by_the_rules_of_today(
    desk: Desk, clock: ManualClock, store: Store
) -> None:
    named = {"MN1": {}, "MN2": {"office": "NORTH"}, "MN3": {}, "MN4": {}}
    for case_id, more in named.items():
        await desk.put_case(case_id, facts("responding", **more))
    body = case_block() + " " * 416
    asked = [
        arriving("MSC R GRUPD", n, f"MN{n}", blocks="1000001", body=body, sender=state)
        for n, state in ((1, "20"), (2, "20"), (3, "20"), (4, "20"))
    ]
    receipt = await desk.accept(lines(*asked), source="test", name="in")
    await desk.settle(receipt.file_id)
    first, _, third, fourth = (await desk.list_work_items()).items
    await desk.assign_work(third.id, worker="W3", office=None, actor="anna")
    await desk.complete_work(fourth.id, clock.today())
    nothing = await desk.reassign(actor="sue")
    assert (nothing.looked, nothing.work_items, nothing.duties, nothing.without_rule) == (6, 0, 0, 3)
    rules = (WorkRule(office="SOUTH", worker="W1", ncp_from="E", ncp_to="E"),)
    desk.agency = msgspec.structs.replace(desk.agency, work_rules=rules)
    trial = await desk.reassign(dry_run=True, actor="sue")
    assert {each.office for each in (await desk.list_work_items()).items} == {None, "NORTH"}
    done = await desk.reassign(actor="sue")
    assert (done.work_items, done.duties, done.kept_by_hand) == (1, 2, 1)
    assert trial.given == done.given
    whose = [(each.office, each.worker) for each in (await desk.list_work_items()).items]
    assert whose == [("SOUTH", "W1"), ("NORTH", None), (None, "W3"), (None, None)]
    owed = (await desk.list_duties()).duties
    assert {each.case_id: each.office for each in owed} == {"MN1": "SOUTH", "MN2": "NORTH", "MN3": "SOUTH"}
    again = await desk.reassign(actor="sue")
    assert (again.work_items, again.duties) == (0, 0)
    assert (await desk.reassign(by_hand=True, actor="sue")).work_items == 1
    history = await desk.work_history(first.id)
    assert history is not None
    assert [(each.change, each.actor) for each in history.changes][1:] == [("reassigned", "sue")]
    async with store.read() as conn:
        told = [row["action"] for row in await audit.found(conn, actor="sue")]
    assert sorted(told) == ["duty.reassigned"] * 2 + ["work.reassigned"] * 2
