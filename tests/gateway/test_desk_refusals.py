"""What the exchange refused comes back in its error file and ends as refused, with work, exactly once."""

import pytest

from csenet.codecs.flatfile import Encoding, Framing, encode
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, TransactionFilter, WorkFilter
from csenet.gateway.store import claims, outbox, outcomes
from csenet.gateway.store.engine import Store

from .conftest import NOON, arriving, facts, lines


def error_record(serial: int, counter: int = 1, words: str = "INVALID OTHER FIPS COUNTY") -> bytes:
    """Write a refusal of MSC P GSC15 position by position after chart C-12."""
    message = f"{serial:012d} {words:42}"
    record = (
        f"{counter:06d} 27000   2000000 {'MN1':15} {'KS1':15} P MSC GSC15"  # 1-66
        f" {'':8} 20261120 {'':4} {message}"  # 67-145
    )
    assert len(record) == 145
    return record.encode("ascii")


async def deliver(store: Store, clock: ManualClock, *, settled: bool = True) -> None:
    """Have everything queued leave in one batch."""
    async with store.begin() as conn:
        rows = await claims.claimable(conn, 100)
        batch = await outbox.add_batch(
            conn, jurisdiction="27", framing="lines", payload=b"x", rows=rows, at=clock.now()
        )
        attempt = await outcomes.begin_attempt(conn, batch.id, clock.now())
        if settled:
            await outcomes.settle_delivered(conn, batch, attempt, clock.now())


@pytest.fixture
async def sender(desk: Desk, store: Store, clock: ManualClock) -> Desk:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    return desk


async def take(desk: Desk, *records: bytes) -> None:
    receipt = await desk.accept(lines(*records), source="test", name="errors")
    assert receipt.kind == "errors"
    await desk.settle(receipt.file_id)


async def test_a_refused_transaction_is_not_shown_as_sent(
    sender: Desk, store: Store, clock: ManualClock
) -> None:
    await deliver(store, clock)
    assert (await sender.list_transactions(TransactionFilter(status="delivered"))).items
    await take(sender, error_record(1))
    detail = await sender.transaction("out-1")
    assert detail is not None
    assert (detail.status, detail.settled_at) == ("refused", NOON)
    assert detail.reason == "INVALID OTHER FIPS COUNTY"
    items = (await sender.list_work_items()).items
    assert [(each.kind, each.case_id, each.outbound) for each in items] == [
        ("refused_by_exchange", "MN1", "out-1")
    ]
    view = await sender.get_case("MN1")
    assert view is not None
    assert "transaction.refused" in [event.event for event in view.timeline]
    report = await sender.ledger_check()
    assert (report.differences, report.error_records) == ([], {"decided": 1})


async def test_the_same_refusal_in_another_file_has_no_new_effect(
    sender: Desk, store: Store, clock: ManualClock
) -> None:
    await deliver(store, clock)
    await take(sender, error_record(1))
    await take(sender, error_record(1), error_record(1, counter=2))
    assert len((await sender.list_work_items()).items) == 1
    assert (await sender.ledger_check()).differences == []


@pytest.mark.parametrize("framing", [Framing.STREAM, Framing.RDW, Framing.BDW])
async def test_a_mainframes_error_file_refuses_what_it_names(
    sender: Desk, store: Store, clock: ManualClock, framing: Framing
) -> None:
    await deliver(store, clock)
    raw = encode([error_record(1), error_record(77, counter=2)], framing, encoding=Encoding.CP037)
    receipt = await sender.accept(raw, source="test", name="errors.dat")
    assert receipt.kind == "errors"
    await sender.settle(receipt.file_id)
    detail = await sender.transaction("out-1")
    assert detail is not None
    assert (detail.status, detail.reason) == ("refused", "INVALID OTHER FIPS COUNTY")
    kinds = [each.kind for each in (await sender.list_work_items()).items]
    assert sorted(kinds) == ["refusal_unmatched", "refused_by_exchange"]
    # The same refusal in ASCII is no news.
    await take(sender, error_record(1))
    assert len((await sender.list_work_items()).items) == 2
    assert (await sender.ledger_check()).differences == []


async def test_damage_in_a_mainframes_error_file_becomes_work(
    sender: Desk, store: Store, clock: ManualClock
) -> None:
    await deliver(store, clock)
    raw = encode([error_record(1), error_record(2, counter=2)], Framing.RDW, encoding=Encoding.CP037)
    receipt = await sender.accept(raw[:149] + b"\xff" * 4 + raw[153:], source="test", name="errors.dat")
    await sender.settle(receipt.file_id)
    kinds = [each.kind for each in (await sender.list_work_items()).items]
    assert sorted(kinds) == ["malformed", "refused_by_exchange"]
    assert (await sender.ledger_check()).error_records == {"decided": 1, "malformed": 1}


async def test_a_refusal_that_comes_before_we_noted_the_delivery_stands(
    sender: Desk, store: Store, clock: ManualClock
) -> None:
    await deliver(store, clock, settled=False)
    await take(sender, error_record(1))
    assert (await sender.ledger_check()).differences == []
    async with store.begin() as conn:
        batch = await outbox.open_batch(conn)
        assert batch is not None
        attempt = await outcomes.begin_attempt(conn, batch.id, clock.now())
        await outcomes.settle_delivered(conn, batch, attempt, clock.now())
    detail = await sender.transaction("out-1")
    assert detail is not None
    assert detail.status == "refused"
    assert (await sender.ledger_check()).differences == []


async def test_a_refusal_of_what_never_left_goes_to_a_person(sender: Desk) -> None:
    await take(sender, error_record(1), error_record(99))
    kinds = [each.kind for each in (await sender.list_work_items()).items]
    assert kinds == ["refusal_unmatched", "refusal_unmatched"]
    detail = await sender.transaction("out-1")
    assert detail is not None
    assert detail.status == "queued"


async def test_an_unreadable_error_record_goes_to_a_person(
    sender: Desk, store: Store, clock: ManualClock
) -> None:
    await deliver(store, clock)
    await take(sender, error_record(1), b"000002 torn")
    first, second = sorted((await sender.list_work_items()).items, key=lambda each: each.kind)
    assert (first.kind, second.kind) == ("malformed", "refused_by_exchange")
    assert first.details["problems"], "the work says what is wrong with the record"
    assert (await sender.ledger_check()).error_records == {"decided": 1, "malformed": 1}


async def test_error_records_are_no_transactions_received(
    sender: Desk, store: Store, clock: ManualClock
) -> None:
    await deliver(store, clock)
    await take(sender, error_record(1))
    assert (await sender.list_transactions(TransactionFilter(direction="inbound"))).items == []
    assert (await sender.today(clock.now())).flows[0].came == 0


async def test_what_was_given_up_can_be_sent_again(sender: Desk, store: Store, clock: ManualClock) -> None:
    async with store.begin() as conn:
        rows = await claims.claimable(conn, 100)
        batch = await outbox.add_batch(
            conn, jurisdiction="27", framing="lines", payload=b"x", rows=rows, at=clock.now()
        )
        attempt = await outcomes.begin_attempt(conn, batch.id, clock.now())
        await outcomes.settle_dead(
            conn, batch.id, attempt, outcome="transient", error="refused", at=clock.now()
        )
    assert [row.serial for row in await sender.dead_list()] == [1]
    assert (await sender.ledger_check()).differences == []
    sender.outbox_ready.clear()
    assert await sender.dead_resend([1]) == 1
    assert sender.outbox_ready.is_set()
    assert await sender.dead_resend() == 0
    assert await sender.dead_list() == []
    assert (await sender.list_work_items(WorkFilter(status="open"))).items == []
    assert await sender.release_held() == 0
    assert (await sender.ledger_check()).differences == []


async def test_a_rejection_from_the_other_state_finds_what_it_rejects(sender: Desk) -> None:
    line = "000000000001" + "P" + "MSC" + "20261120" + "GSC15"
    body = f"{'':16}{line}".ljust(416)
    await sender.accept(
        lines(arriving("MSC P REJCT", 8, blocks="0000001", body=body)), source="test", name="r"
    )
    await sender.settle_pending()
    items = (await sender.list_work_items()).items
    assert [each.kind for each in items] == ["find_case_id"]
    assert items[0].details["rejected_serial"] == "000000000001"
