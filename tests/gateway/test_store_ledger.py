"""The ledger names every difference by its key."""

from pathlib import Path

import pytest

from csenet.gateway.desk import Desk

from .conftest import LEDGER, arriving, facts, lines, tamper


@pytest.fixture
async def used(desk: Desk) -> Desk:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    raw = lines(arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2), arriving("MSC R GRINT", 1))
    await desk.settle((await desk.accept(raw, source="test", name="a")).file_id)
    return desk


async def test_a_store_in_use_balances(used: Desk) -> None:
    report = await used.ledger_check()
    assert report.balanced
    assert (report.files, report.files_waiting) == (1, 0)
    assert report.inbound == {"decided": 2, "duplicate": 1}
    assert report.outbound == {"queued": 2}


@pytest.mark.parametrize(
    ("damage", "difference"),
    [
        ("DELETE FROM inbound WHERE id = 3", "file 1: 3 records counted, 2 kept, the last is number 2"),
        ("UPDATE inbound SET position = 9 WHERE id = 3", "the last is number 9"),
        ("UPDATE inbound SET status = 'received' WHERE id = 3", "file 1:"),
        ("DELETE FROM transaction_key WHERE serial = '000000000002'", "in-1-2: taken in, but its key"),
        ("UPDATE transaction_key SET inbound_id = 3 WHERE serial = '000000000002'", "key 20 000000000002"),
        ("UPDATE inbound SET status = 'duplicate' WHERE id = 2", "key 20 000000000002"),
        ("DELETE FROM outbound WHERE serial = 1", "serial 2: follows 0"),
        ("DELETE FROM outbound WHERE serial = 2", "in-1-2: 1 replies decided, 0 made"),
        ("UPDATE outbound SET serial = 7 WHERE serial = 2", "serial 7: follows 1"),
        ("UPDATE outbound SET in_reply_to = 1 WHERE serial = 2", "in-1-1: 1 replies decided, 2 made"),
        ("UPDATE serial_counter SET next = 9", "serials: 8 given, 2 kept"),
        (
            "UPDATE outbound SET status = 'delivered' WHERE serial = 1",
            "serial 1: is delivered, its batch is none",
        ),
        (
            "UPDATE outbound SET status = 'refused' WHERE serial = 1",
            "serial 1: is refused, its batch is none",
        ),
        (
            "UPDATE outbound SET status = 'sending' WHERE serial = 1",
            "serial 1: is sending, its batch is none",
        ),
        (
            "INSERT INTO delivery_batch (name, state, framing, payload, sha256, count, attempts, created_at) "
            "VALUES ('B', 'delivered', 'lines', 'x', 'y', 2, 0, '2026-11-20 18:00:00')",
            "batch B: 2 transactions sealed, 0 kept",
        ),
    ],
)
async def test_any_damage_is_found_and_named(
    used: Desk, location: str | Path, damage: str, difference: str
) -> None:
    await tamper(location, damage)
    report = await used.ledger_check()
    assert not report.balanced
    assert difference in " | ".join(report.differences)


async def test_a_file_not_yet_settled_is_waiting_and_no_difference(desk: Desk) -> None:
    await desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
    report = await desk.ledger_check()
    assert (report.balanced, report.files_waiting, report.inbound) == (True, 1, {})
