"""What comes in is kept, recognised, decided once and in order, whatever happens in between."""

import asyncio
import hashlib
from datetime import date, time, timedelta
from itertools import groupby
from typing import Any

import pytest
import structlog
from sqlalchemy import event, func, select

from csenet.codecs import transaction as codec
from csenet.codecs.blocks import Header
from csenet.codecs.transaction import Direction, Transaction
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, NotFound, TransactionFilter, WorkFilter, agency_of, service
from csenet.gateway.desk.settling import Settler
from csenet.gateway.store import audit, turns
from csenet.gateway.store.embedded import InPlaceConnection
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import inbound, inbound_file, outbound
from csenet.handlers import router
from csenet.handlers.decision import Decision, Reply

from .conftest import LEDGER, NOON, QUIET, arriving, case_block, contents, facts, information_block, lines
from .settled import open_kinds, sent, settle, statuses

# ---- receipts


async def test_bytes_are_kept_as_they_came_before_the_receipt_is_given(desk: Desk, store: Store) -> None:
    raw = lines(arriving("MSC R GRINT", 1))
    receipt = await desk.accept(raw, source="folder", name="a.txt")
    assert (receipt.sha256, receipt.bytes) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert (receipt.duplicate, receipt.received_at) == (False, NOON)
    assert desk.arrived.is_set()
    assert [row["raw"] for row in await contents(store, inbound_file)] == [raw]


async def test_the_same_bytes_again_get_the_first_receipt_and_change_nothing(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    raw = lines(arriving("MSC R GRINT", 1))
    first = await desk.accept(raw, source="folder", name="a.txt")
    await desk.settle_pending()
    clock.advance(3600)
    again = await desk.accept(raw, source="http", name="b.txt")
    assert again.duplicate
    assert (again.receipt_id, again.name, again.received_at) == (first.receipt_id, "a.txt", NOON)
    assert (await desk.settle(again.file_id)).transactions == 0
    async with store.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(inbound_file))).scalar_one() == 1


async def test_an_empty_file_is_received_and_holds_nothing(desk: Desk) -> None:
    receipt = await desk.accept(b"", source="folder", name="empty")
    assert (await desk.settle(receipt.file_id)).transactions == 0
    report = await desk.ledger_check()
    assert (report.balanced, report.files, report.files_waiting, report.inbound) == (True, 1, 0, {})


async def test_settling_a_file_nobody_sent_is_an_error(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.settle(7)


# ---- deciding


async def test_a_request_for_interest_is_answered_from_the_ledger_of_the_case(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    count = await settle(desk, arriving("MSC R GRINT", 41))
    assert (count.decided, count.replies) == (1, 1)
    assert desk.outbox_ready.is_set()
    answer = await desk.transaction("out-1")
    assert answer is not None
    assert answer.transaction is not None
    header = answer.transaction["header"]
    assert header["transaction_serial_number"] == "000000000001"
    assert header["csenet_version_number"] == "003"
    assert header["transaction_date"] == "2026-11-20"
    assert (header["local_fips_state"], header["other_fips_state"]) == ("27", "20")
    assert (header["case_id"], header["other_case_id"]) == ("MN1", "KS1")
    # 1,000.00 of principal and 40.00 of interest, twelve positions each, then the day.
    line = answer.transaction["information"]["information_text_line_1"]
    assert line == "000000104000" + "000000004000" + "20261120"
    assert answer.in_reply_to == "in-1"
    assert answer.correlation == "in-1-1"


async def test_what_leaves_is_kept_in_the_form_the_exchange_takes(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 41))
    (raw,) = [row["raw"] for row in await contents(store, outbound)]
    assert raw[:29] == b"27000  2000000003000000000001"
    assert raw[33:45] == b"PMSC20261120"
    reading = codec.read(raw, Direction.TO_SERVER)
    assert reading.transaction is not None
    assert str(reading.transaction.far) == "MSC P GSTAI"


async def test_an_unknown_case_is_answered_with_a_rejection_that_names_it(desk: Desk) -> None:
    await settle(desk, arriving("MSC R GRINT", 9, "NOSUCH", "KS9"))
    answer = await desk.transaction("out-1")
    assert answer is not None
    assert answer.transaction is not None
    assert answer.far == "MSC P REJCT"
    # Serial number (12), action (1), functional type (3), date (8), reason (5).
    line = answer.transaction["information"]["information_text_line_1"]
    assert line == "000000000009" + "R" + "MSC" + "20261120" + "GRINT"


async def test_a_damaged_line_does_not_disturb_its_neighbours(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    count = await settle(
        desk, arriving("MSC R GRINT", 1), b"27000  20000  003damaged", arriving("MSC R GRINT", 2)
    )
    assert await statuses(desk) == ["decided", "malformed", "decided"]
    assert (count.malformed, count.decided, count.replies) == (1, 2, 2)
    assert "malformed" in await open_kinds(desk)
    page = await desk.list_transactions(TransactionFilter(status="malformed"))
    assert page.items[0].problems[0]["severity"] == "fatal"


async def test_the_same_transaction_in_another_file_is_a_duplicate_without_effect(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1))
    # The exchange stamps each delivery anew; what the sender wrote is the same.
    count = await settle(desk, arriving("MSC R GRINT", 1, stamp="20261121093000"))
    assert (count.duplicate, count.replies, count.work_items) == (1, 0, 0)
    assert len(await sent(desk)) == 1


async def test_the_same_transaction_twice_in_one_file_has_one_effect(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 1))
    assert await statuses(desk) == ["decided", "duplicate"]
    assert len(await sent(desk)) == 1


async def test_other_content_under_a_known_key_is_put_aside(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1))
    count = await settle(desk, arriving("MSC R GRINT", 1, other_case_id="KS2"))
    assert (count.conflict, count.replies) == (1, 0)
    assert await open_kinds(desk) == ["conflict"]


async def test_two_states_may_use_the_same_serial_number(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 1, sender="19"))
    assert await statuses(desk) == ["decided", "decided"]


async def test_each_transaction_sees_what_the_one_before_it_did_to_the_case(desk: Desk) -> None:
    """The second notice of closure finds the work of the first still open and opens none of its own."""
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await settle(
        desk,
        arriving("MSC P GSC17", 1, blocks="1000000", body=case_block()),
        arriving("MSC P GSC17", 2, blocks="1000000", body=case_block()),
    )
    assert sorted(await open_kinds(desk)) == ["close_case", "review", "stop_withholding"]


@pytest.mark.parametrize(
    ("hour", "due"),
    [(time(17, 0), date(2026, 12, 7)), (time(11, 59), date(2026, 12, 8))],
    ids=["open until five", "closed at 11:59"],
)
async def test_what_arrives_after_the_close_of_business_is_received_on_the_next_working_day(
    store: Store, clock: ManualClock, hour: time, due: date
) -> None:
    # It is noon of Friday, 20 November 2026. From Monday the 23rd ten working days end on 8 December:
    # 24, 25, 27, 30 November (the 26th is Thanksgiving), 1, 2, 3, 4, 7, 8 December.
    desk = Desk(store, agency_of("27", closes=hour), clock, QUIET)
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await settle(desk, arriving("MSC P GSC17", 77, blocks="1000000", body=case_block()))
    items = (await desk.list_work_items(WorkFilter(case_id="MN1"))).items
    assert {each.due for each in items} == {due}
    # The work may be done on the day itself: being received on Monday is for counting only.
    await desk.complete_work(items[0].id, date(2026, 11, 20))


async def test_closing_work_is_due_ten_working_days_after_receipt(desk: Desk) -> None:
    """From Friday, 20 November 2026, not counted; Thanksgiving (the 26th) is no working day."""
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await settle(desk, arriving("MSC P GSC17", 1, blocks="1000000", body=case_block()))
    items = (await desk.list_work_items()).items
    assert {each.due for each in items} == {date(2026, 12, 7)}


async def test_a_balance_that_was_told_is_on_record_with_its_sender(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding"))
    body = information_block("000000104000" + "000000004000" + "20261119")
    await settle(desk, arriving("MSC P GSTAI", 5, blocks="1000001", body=case_block("N", "O") + body))
    view = await desk.get_case("MN1")
    assert view is not None
    told = view.state["received_balances"]
    assert told == {"as_of": "2026-11-19", "arrears": "1040.00", "interest": "40.00", "from": "20"}
    assert "case.changed" in [event.event for event in view.timeline]


async def test_a_transaction_dated_tomorrow_is_taken_from_a_state_that_is_a_day_ahead(desk: Desk) -> None:
    """In Guam it is Saturday already."""
    await desk.put_case("MN1", facts(other_fips="6600000", ledger=LEDGER))
    count = await settle(desk, arriving("MSC R GRINT", 1, sender="66", day="20261121"))
    assert (count.decided, count.replies) == (1, 1)


async def test_a_code_that_no_state_can_send_is_malformed(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    count = await settle(desk, arriving("MSC R GSC17", 1))
    assert (count.malformed, count.decided) == (1, 0)


# ---- serial numbers and chunks


async def test_serial_numbers_have_no_gap_over_many_commits(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "CHUNK", 3)
    await desk.put_case("MN1", facts(ledger=LEDGER))
    count = await settle(desk, *(arriving("MSC R GRINT", number) for number in range(1, 11)))
    assert count.decided == 10
    assert [serial for _, serial, _ in await sent(desk)] == [f"{n:012d}" for n in range(1, 11)]
    assert [reply for _, _, reply in await sent(desk)] == [f"in-{n}" for n in range(1, 11)]
    assert (await desk.ledger_check()).differences == []


async def test_earlier_files_are_settled_before_later_ones(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding"))
    first = information_block("000000100000" + "000000000000" + "20261118")
    second = information_block("000000200000" + "000000000000" + "20261119")
    await desk.accept(
        lines(arriving("MSC P GSTAI", 1, blocks="1000001", body=case_block() + first)),
        source="test",
        name="first",
    )
    later = await desk.accept(
        lines(arriving("MSC P GSTAI", 2, blocks="1000001", body=case_block() + second)),
        source="test",
        name="second",
    )
    assert (await desk.settle(later.file_id)).files == 2
    view = await desk.get_case("MN1")
    assert view is not None
    assert view.state["received_balances"]["arrears"] == "2000.00"


# ---- replies that cannot go


async def test_an_answer_the_exchange_would_refuse_becomes_work_and_takes_no_number(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))

    def answer_without_case_block(transaction: Any, context: Any) -> Decision:
        header = Header(
            functional_type_code="MSC",
            action_code="P",
            action_reason="GSC18",
            case_id="MN1",
            other_case_id="KS1",
            other_fips_state="20",
            other_fips_county="000",
        )
        return Decision(replies=(Reply(transaction=Transaction(header=header), case_id="MN1"),))

    with monkeypatch.context() as patch:
        patch.setattr(router, "dispatch", answer_without_case_block)
        await settle(desk, arriving("MSC R GRINT", 1))
    item = (await desk.list_work_items()).items[0]
    assert item.kind == "reply_not_sent"
    assert item.details["far"] == "MSC P GSC18"
    assert "case." in item.details["problems"]
    await settle(desk, arriving("MSC R GRINT", 2))
    assert [serial for _, serial, _ in await sent(desk)] == ["000000000001"]
    assert (await desk.ledger_check()).differences == []


# ---- traces


async def test_the_log_names_events_and_keys_and_no_person(store: Store, clock: ManualClock) -> None:
    logged = structlog.testing.CapturingLogger()
    log = structlog.wrap_logger(
        logged,
        processors=[structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    desk = Desk(store, agency_of("27"), clock, log)
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await settle(desk, arriving("MSC P GSC17", 1, blocks="1000000", body=case_block()), b"EXAMPLESON ROWAN")
    text = str(logged.calls)
    assert "transaction.decided" in text
    assert "work.opened" in text
    assert "correlation_id='in-1-1'" in text
    for secret in ("EXAMPLESON", "ROWAN", "NORDQUIST", "MN1", "KS1"):
        assert secret not in text


async def test_every_change_leaves_a_line_in_the_audit(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1))
    async with store.read() as conn:
        actions = [(row["action"], row["object"]) for row in reversed(await audit.newest(conn))]
    assert actions == [
        ("case.put", "case MN1"),
        ("file.accepted", "file 1"),
        ("transaction.decided", "in-1-1"),
        ("transaction.queued", "serial 1"),
    ]


async def test_a_full_chunk_needs_as_many_statements_as_a_small_one(
    desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 90):
        await desk.put_case(f"MN{number}", facts(ledger=LEDGER))
    statements: list[str] = []
    event.listen(
        store._writer.sync_engine,
        "before_cursor_execute",
        lambda *given: statements.append(str(given[2])),
        named=False,
    )
    for name in ("run", "run_many"):
        past_sqlalchemy = getattr(InPlaceConnection, name)

        def counted(self: Any, sql: str, values: Any, run: Any = past_sqlalchemy) -> Any:
            statements.append(sql)
            return run(self, sql, values)

        monkeypatch.setattr(InPlaceConnection, name, counted)

    async def settled(serials: range) -> list[str]:
        # One in each ten is about a case that is not known.
        raws = [arriving("MSC R GRINT", serial, f"MN{serial % 100}") for serial in serials]
        receipt = await desk.accept(lines(*raws), source="test", name="a")
        statements.clear()
        assert (await desk.settle(receipt.file_id)).transactions == len(serials)
        # Rows of a table are written in a few goes.
        return [each for each, _ in groupby(each[:30] for each in statements)]

    await settled(range(1, 4))  # the first ever begins the counter of our serial numbers
    small = await settled(range(89, 92))
    assert await settled(range(100, 200)) == small


async def test_others_have_their_turn_while_a_full_chunk_is_decided(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_by = 0
    at: list[int] = []
    take = Settler.take

    def noted(self: Settler, file: Any, record: Any) -> Any:
        at.append(gone_by)
        return take(self, file, record)

    async def others() -> None:
        nonlocal gone_by
        while True:
            gone_by += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Settler, "take", noted)
    monkeypatch.setattr(turns, "LONGEST", 0.0)
    raws = [arriving("MSC R GRINT", serial, f"MN{serial}") for serial in range(1, 101)]
    receipt = await desk.accept(lines(*raws), source="test", name="a")
    waiting = asyncio.create_task(others())
    await desk.settle(receipt.file_id)
    waiting.cancel()
    assert len(at) == len(set(at)) == 100


async def test_a_slice_is_over_when_its_time_is_and_short_work_is_never_cut(store: Store) -> None:
    time, gone_by = 100.0, 0

    async def other() -> None:
        nonlocal gone_by
        gone_by += 1

    async def asked() -> int:
        """Say how many others had their turn by the time that the way was given."""
        waiting = asyncio.create_task(other())
        before = gone_by
        await turns.give_way(conn, now=lambda: time)
        found = gone_by - before
        await waiting
        return found

    async with store.begin() as conn:
        turns.begin(conn, now=lambda: time)
        assert await asked() == 0
        time += turns.LONGEST
        assert await asked() == 1
        assert await asked() == 0, "a new slice has begun"
        turns.begin(conn, short=True)
        time += 1.0
        assert await asked() == 0


async def test_the_received_bytes_of_each_transaction_are_kept(desk: Desk, store: Store) -> None:
    one, two = arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2)
    await settle(desk, one, two)
    kept = [(row["raw"], row["offset"]) for row in await contents(store, inbound)]
    assert kept == [(one, 0), (two, 122)]


async def test_an_answer_takes_the_date_of_the_day_it_is_made(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    receipt = await desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="a")
    clock.set(NOON + timedelta(days=3))
    await desk.settle(receipt.file_id)
    answer = await desk.transaction("out-1")
    assert answer is not None
    assert answer.transaction is not None
    assert answer.transaction["header"]["transaction_date"] == "2026-11-23"


async def test_a_file_of_rubbish_is_a_few_things_to_do_and_nothing_of_it_is_silent(desk: Desk) -> None:
    await desk.accept(b"A" * 1_200_000, source="test", name="rubbish")
    count = await desk.settle_pending()
    assert count.malformed == count.transactions > 100
    items = [item for item in (await desk.list_work_items()).items if item.kind == "malformed"]
    assert len(items) <= 1 + count.malformed // 100
    assert sum(item.messages for item in items) == count.malformed
    assert (await desk.ledger_check()).balanced
