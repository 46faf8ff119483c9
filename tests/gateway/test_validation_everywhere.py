"""What an edit refuses is refused everywhere: on the way in, on the way out, at the exchange, by the API."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from csenet.codecs import errorfile, flatfile, transaction
from csenet.codecs.transaction import Direction
from csenet.gateway.casework.problems import wrong_from
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.desk.checking import incoming_problems
from csenet.gateway.desk.plan import encode
from csenet.gateway.exchange import book
from csenet.gateway.exchange.judging import Judge, Refused
from csenet.gateway.exchange.tables import open_exchange_store
from csenet.gateway.store.engine import Store

from .conftest import arriving, facts, lines
from .test_desk_refusals import deliver, error_record, take

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def record_of(raw: bytes) -> flatfile.Record:
    (record,) = flatfile.read_all(raw)
    return record


def spoilt() -> bytes:
    """Make a request with three faults in its blocks: state, county of the order, frequency."""
    raw = bytearray((FIXTURES / "transactions" / "msc-r-grint.to-server.txt").read_bytes())
    order = 127 + 351 + 181 + 2 * 341
    raw[127 + 70 : 127 + 72] = b"ZZ"
    raw[order + 2 : order + 5] = b"002"
    raw[order + 35 : order + 36] = b" "
    return bytes(raw)


def test_the_exchange_tells_every_error_in_a_record_of_its_own() -> None:
    result = Judge(sender="20", routes={}).judge(record_of(spoilt()), frozenset(), AT)
    assert isinstance(result, Refused)
    records = [errorfile.read(raw).record for raw in result.error_records(41)]
    assert [each.txn_counter for each in records if each] == ["000041", "000042", "000043"]
    assert {each.serial for each in records if each} == {"000000002003"}
    assert [(each.description or "")[:13] for each in records if each] == [
        "PAYMENT-STATE",
        "ORDER-FIPS-CO",
        "ORDER-FREQ.: ",
    ]


def test_the_exchange_words_it_as_the_federal_office_where_that_is_known() -> None:
    raw = (FIXTURES / "transactions" / "enf-r-erall.to-server.txt").read_bytes()
    order = 127 + 351 + 181 + 1421 + 3 * 341
    raw = raw[: order + 73] + b" " * 12 + raw[order + 85 :]
    result = Judge(sender="27", routes={}).judge(record_of(raw), frozenset(), AT)
    assert isinstance(result, Refused)
    record = errorfile.read(result.error_records(1)[0]).record
    assert record is not None
    assert record.error_code == "E436"
    assert record.description == "MANDATORY ORDER ARREARS FREQ. AMOUNT MISSI"
    again = Judge(sender="27", routes={}).judge(record_of(raw), {"000000001007"}, AT)
    assert isinstance(again, Refused)
    assert [reason.text for reason in again.reasons][-1] == "Duplicate Transaction Serial Number"


async def test_the_books_number_error_records_on_and_stay_balanced(tmp_path: Path) -> None:
    store = await open_exchange_store(tmp_path / "exchange.db")
    judge = Judge(sender="20", routes={})
    result = judge.judge(record_of(spoilt()), frozenset(), AT)
    try:
        for key in ("one", "two"):
            async with store.begin() as conn:
                await book.add_batch(conn, sender="20", key=key, raw=spoilt(), count=1, at=AT)
                source = await book.next_received(conn)
                assert source is not None
                await book.add_judged(conn, source, [result])
        async with store.begin() as conn:
            pushed = await book.next_push(conn, "20", 100, AT)
            counts = await book.counts(conn)
    finally:
        await store.close()
    assert pushed is not None
    counters = [line[:6] for line in pushed.parcel.payload.splitlines()]
    assert counters == [f"{number:06d}".encode() for number in range(1, 7)]
    assert counts.balanced
    assert counts.refused == 2


async def test_several_errors_of_one_transaction_make_one_refusal_with_all_reasons(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    await deliver(store, clock)
    await take(desk, error_record(1, 1, "FIRST"), error_record(1, 2, "SECOND"))
    detail = await desk.transaction("out-1")
    assert detail is not None
    assert (detail.status, detail.reason) == ("refused", "FIRST; SECOND")
    assert len((await desk.list_work_items()).items) == 1
    assert (await desk.ledger_check()).differences == []


def test_nothing_the_exchange_would_refuse_gets_bytes() -> None:
    tx = record_of(spoilt()).transaction
    assert tx is not None
    raw, wrong, _ = encode(tx, AT.date())
    assert raw == b""
    assert [problem.code for problem in wrong] == [
        "case.payment_state.state",
        "orders.order_fips_county.unknown",
        "orders.order_freq.missing",
    ]


def test_what_comes_in_is_kept_with_places_and_masked_values() -> None:
    raw = (FIXTURES / "malformed" / "bad-digits.txt").read_bytes()
    (problem,) = incoming_problems(record_of(raw), AT.date())
    assert (problem.position, problem.offset, problem.value) == (1, 121 + 351 + 56, "99999A9A9")


async def test_a_fatal_problem_makes_it_malformed_and_lesser_ones_are_noted(desk: Desk) -> None:
    tx = transaction.read(arriving("MSC R GRINT", 7), Direction.FROM_SERVER).transaction
    assert tx is not None
    county = msgspec.structs.replace(tx.header, other_fips_county="998")
    state = msgspec.structs.replace(
        tx.header, other_fips_state="03", transaction_serial_number="000000000008"
    )
    changed = (msgspec.structs.replace(tx, header=header) for header in (county, state))
    batch = lines(*(transaction.write(each, Direction.FROM_SERVER) for each in changed))
    receipt = await desk.accept(batch, source="test", name="a")
    await desk.settle(receipt.file_id)
    noted, refused = await desk.transaction("in-1"), await desk.transaction("in-2")
    assert noted is not None
    assert refused is not None
    assert (noted.status, refused.status) == ("decided", "malformed")
    assert [(each["code"], each["position"]) for each in (*noted.problems, *refused.problems)] == [
        ("header.other_fips_county.unknown", 1),
        ("header.other_fips_state.unknown", 2),
    ]
    assert "malformed" in [item.kind for item in (await desk.list_work_items()).items]


def test_the_api_names_severity_and_columns() -> None:
    (first, *_) = incoming_problems(record_of(spoilt()), AT.date())
    wrong = wrong_from(first)
    assert (wrong.severity, wrong.columns, wrong.pointer) == ("error", "71-72", "/case/payment_state")


@pytest.mark.parametrize("slug", ["msc-r-grint", "enf-r-erall"])
def test_golden_transactions_pass_everywhere(slug: str) -> None:
    raw = (FIXTURES / "transactions" / f"{slug}.from-server.txt").read_bytes()
    assert incoming_problems(record_of(raw), AT.date()) == []
