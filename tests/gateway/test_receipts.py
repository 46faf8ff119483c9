"""Receipts for our batches: missing, late, repeated and contradicting ones are told apart and shown."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from csenet.codecs.envelope import Pin, ReceiptOutcome, sign_receipt
from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import DELIVERED, transient
from csenet.gateway.delivery.transports.http import judge_receipt, with_receipt
from csenet.gateway.delivery.windows import Windows
from csenet.gateway.desk import Desk
from csenet.gateway.errors import NotFound, Rejected
from csenet.gateway.intake.folder import FolderIntake
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import delivery_batch, work_item

from ..codecs.envelope_people import identity
from .conftest import QUIET, arriving, facts, lines
from .couriers import Scripted, courier, queue, statuses, table
from .test_cli_examples import folder, invoke, seat

__all__ = ["folder"]
KEY = "CSENET-27-000000000001"


async def states(desk: Desk) -> list[str]:
    return [each.state for each in await desk.list_receipts()]


async def laid_down(desk: Desk, store: Store, clock: ManualClock) -> dict[str, Any]:
    """Have one batch leave into a folder, whose receipt has four hours."""
    await queue(store, "A")
    carrier = courier(store, Scripted(), clock, receipts_within_seconds=4 * 3600.0)
    await carrier.deliver_waiting()
    return (await table(store, delivery_batch))[0]


def receipt(batch: dict[str, Any], **more: Any) -> bytes:
    return msgspec.json.encode({"key": KEY, "sha256": batch["sha256"], "count": 1, **more})


async def test_a_receipt_that_does_not_come_is_missing_and_then_late_and_then_repeated(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    batch = await laid_down(desk, store, clock)
    assert await desk.note_missing_receipts() == 0
    assert await states(desk) == []
    clock.advance(5 * 3600)
    assert await desk.note_missing_receipts() == 1
    assert await desk.note_missing_receipts() == 0
    assert await states(desk) == ["missing"]
    assert (await desk.way_out_now()).receipts["missing"] == 1
    assert (await desk.take_receipt(receipt(batch), way="message")).state == "late"
    assert (await desk.take_receipt(receipt(batch), way="message")).state == "repeated"
    assert await states(desk) == ["repeated", "late"]
    assert (await desk.way_out_now()).receipts == {
        "missing": 0,
        "late": 1,
        "repeated": 1,
        "contradicting": 0,
    }
    assert await table(store, work_item) == []


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"count": 2}, {"outcome": "refused"}])
async def test_a_receipt_that_contradicts_is_put_to_a_person_once(
    desk: Desk, store: Store, clock: ManualClock, wrong: dict[str, Any]
) -> None:
    batch = await laid_down(desk, store, clock)
    assert (await desk.take_receipt(receipt(batch), way="message")).state == "good"
    for _ in range(2):
        assert (await desk.take_receipt(receipt(batch, **wrong), way="message")).state == "contradicting"
    items = await table(store, work_item)
    assert [(item["kind"], item["group"]) for item in items] == [("receipt_contradicts", KEY)]
    assert (await statuses(store)) == {1: "delivered"}


async def test_what_is_no_receipt_of_ours_is_refused(desk: Desk, store: Store, clock: ManualClock) -> None:
    await laid_down(desk, store, clock)
    for wrong in (b"", b"{", b"[]", b'{"sha256": "1"}', b"0\x80 no envelope"):
        with pytest.raises(Rejected):
            await desk.take_receipt(wrong, way="message")
    with pytest.raises(NotFound):
        await desk.take_receipt(b'{"key": "CSENET-27-000000000999"}', way="message")
    assert await states(desk) == []


async def test_a_signed_receipt_counts_if_the_exchange_s_certificate_signed_it(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    batch = await laid_down(desk, store, clock)
    exchange, stranger = identity("p256", "exchange"), identity("p256", "stranger")
    desk.receipt_pins = lambda at: [Pin(exchange.certificate)]
    now = clock.now()
    forged = sign_receipt(KEY, batch["sha256"], now, ReceiptOutcome.ACCEPTED, stranger)
    with pytest.raises(Rejected):
        await desk.take_receipt(forged, way="message")
    signed = sign_receipt(KEY, batch["sha256"], now, ReceiptOutcome.ACCEPTED, exchange)
    assert (await desk.take_receipt(signed, way="message")).state == "good"
    told = (await desk.list_receipts())[0]
    assert (told.signed, told.outcome, told.stated_at) == (True, "accepted", now)


async def test_receipts_in_the_folder_are_taken_and_other_sidecars_stay(
    desk: Desk, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    batch = await laid_down(desk, store, clock)
    intake = FolderIntake(
        desk, tmp_path / "in", None, 1.0, clock, QUIET, watch=False, take_receipt=desk.take_receipt
    )
    intake._make_folders()
    name = f"{KEY}.txt.receipt.json"
    (tmp_path / "in" / name).write_bytes(msgspec.json.encode({"sha256": batch["sha256"]}))
    (tmp_path / "in" / "theirs.receipt.json").write_bytes(b"{}")
    (tmp_path / "in" / "CSENET-27-000000000999.receipt.json").write_bytes(b"{}")
    assert await intake.scan() == 0
    assert await states(desk) == ["good"]
    left = sorted(file.name for file in (tmp_path / "in").iterdir() if file.is_file())
    assert left == ["CSENET-27-000000000999.receipt.json", "theirs.receipt.json"]
    assert (tmp_path / "in" / "archive" / name).exists()


async def test_answers_over_http_are_kept_with_the_try_that_brought_them(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await queue(store, "A")
    body = {"sha256": "", "count": 1, "duplicate": True}

    class Answering(Scripted):
        async def deliver(self, parcel: Any, spooled: Any) -> Any:
            self.got.append(parcel)
            if len(self.got) == 1:
                return judge_receipt(b"thank you", parcel.sha256, 1)
            told = dict(body, sha256="1" * 64 if len(self.got) == 2 else parcel.sha256)
            raw = json.dumps(told).encode()
            return with_receipt(judge_receipt(raw, parcel.sha256, 1), raw)

    carrier = courier(store, Answering(), clock, first_delay_seconds=0.0, max_delay_seconds=0.0)
    clock.advance(1)
    await carrier.deliver_waiting()
    assert await statuses(store) == {1: "delivered"}
    assert await states(desk) == ["good", "contradicting"]
    assert [item["kind"] for item in await table(store, work_item)] == ["receipt_contradicts"]
    assert (await desk.way_out_now()).receipts["missing"] == 0


def test_what_a_receipt_says_stands_beside_what_it_comes_to() -> None:
    raw = b'{"sha256": "%s", "count": 2, "received_at": "2026-11-20T18:00:00Z"}' % (b"a" * 64)
    outcome = with_receipt(judge_receipt(raw, "a" * 64, 2), raw)
    assert msgspec.structs.replace(outcome, receipt=None) == DELIVERED
    assert outcome.receipt is not None
    assert (outcome.receipt.way, outcome.receipt.count) == ("answer", 2)
    assert with_receipt(transient("receipt_unreadable"), b"thanks").receipt is None
    refused = judge_receipt(raw.replace(b"count", b"outcome").replace(b"2,", b'"refused",', 1), "a" * 64)
    assert refused.error == "receipt_refused"


async def test_receipts_and_answers_tell_when_it_may_leave(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    assert (await desk.accept(lines(arriving("MSC R GRINT", 1)), source="t", name="a")).next_window is None
    new_york = ZoneInfo("America/New_York")
    desk.windows = Windows(zone=new_york, spans=((time(18), time(19, 30)),), skip_federal_holidays=True)
    raw = lines(arriving("MSC R GRINT", 2))
    first = await desk.accept(raw, source="t", name="a")
    assert first.next_window is not None
    assert first.next_window.isoformat() == "2026-11-20T18:00:00-05:00"
    clock.advance(days=1)
    again = await desk.accept(raw, source="t", name="b")
    assert msgspec.structs.replace(again, duplicate=False) == first
    wish = {"case_id": "MN1", "far": "MSC P GSC15"}
    sent = await desk.submit(wish, "k")
    assert sent.next_window is not None
    clock.advance(3 * 3600)
    assert (await desk.submit(wish, "k")).next_window == sent.next_window
    # On the evening of Thanksgiving nothing leaves; while a window is open, its beginning is told.
    thanksgiving = ManualClock(clock.now() + timedelta(days=5)).now()
    assert desk.windows.leaves(thanksgiving).isoformat() == "2026-11-27T18:00:00-05:00"  # type: ignore[union-attr]
    open_now = sent.next_window + timedelta(minutes=30)
    assert desk.windows.leaves(open_now) == sent.next_window
    assert Windows(by_hand=True).leaves(open_now) is None


def test_the_command_lists_receipts_by_state(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    assert json.loads(invoke("delivery", "receipts", "--state", "missing", "--json").stdout) == []
    told = json.loads(invoke("delivery", "status", "--json").stdout)
    assert told["receipts"] == {"missing": 0, "late": 0, "repeated": 0, "contradicting": 0}
    assert hashlib.sha256(b"").hexdigest() not in invoke("delivery", "receipts").stdout
