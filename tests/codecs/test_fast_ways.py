"""The short ways through canonical records agree with the thorough ones, and routing with reading."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csenet.codecs import generate, transaction
from csenet.codecs.blocks import Case, Header, NcpIdentification, Order
from csenet.codecs.errors import CodecError
from csenet.codecs.transaction import Direction, Transaction

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TRAFFIC = tuple(generate.generate(200, seed=11, mix="uniform"))
RAWS = tuple(transaction.write(tx, Direction.TO_SERVER) for tx in TRAFFIC)
HEADER = TRAFFIC[0].header


@pytest.mark.parametrize("direction", list(Direction))
def test_a_route_is_what_reading_everything_would_tell(direction: Direction) -> None:
    for tx in generate.generate(100, seed=4, direction=direction):
        routing = transaction.route(transaction.write(tx, direction), direction)
        head = tx.header
        assert routing.problems == ()
        assert routing.route == transaction.Route(
            local_fips=f"{head.local_fips_state}{head.local_fips_county}",
            other_fips=f"{head.other_fips_state}{head.other_fips_county}",
            serial=tx.serial,
            far=tx.far,
            case_id=head.case_id,
            other_case_id=head.other_case_id,
        )


def test_a_leap_day_takes_the_thorough_way_and_is_routed_all_the_same() -> None:
    head = msgspec.structs.replace(HEADER, transaction_date=date(2024, 2, 29), local_fips_sub="01")
    raw = transaction.write(Transaction(header=head), Direction.TO_SERVER)
    route = transaction.route(raw, Direction.TO_SERVER).route
    assert route is not None
    assert route.local_fips == f"{head.local_fips_state}00001"


@given(st.sampled_from(RAWS), st.integers(0, 4000), st.integers(0, 255))
def test_routing_finds_the_same_problems_as_reading(raw: bytes, place: int, byte: int) -> None:
    at = place % len(raw)
    damaged = raw[:at] + bytes([byte]) + raw[at + 1 :]
    reading = transaction.read(damaged, Direction.TO_SERVER)
    routing = transaction.route(damaged, Direction.TO_SERVER)
    assert routing.problems == reading.problems
    assert (routing.route is None) == (reading.transaction is None)
    if routing.route is not None and reading.transaction is not None:
        assert routing.route.far == reading.transaction.far
        assert routing.route.case_id == reading.transaction.header.case_id


def test_every_damaged_fixture_is_routed_with_the_problems_that_reading_tells() -> None:
    for path in sorted((FIXTURES / "malformed").glob("*.txt")):
        raw = path.read_bytes().rstrip(b"\n")
        reading = transaction.read(raw, Direction.FROM_SERVER)
        assert transaction.route(raw, Direction.FROM_SERVER).problems == reading.problems


@pytest.mark.parametrize(
    ("block", "field", "value", "rule"),
    [
        ("case", "contact_city", " ST PAUL", "justification"),
        ("case", "contact_city", "St Paul", "case"),
        ("case", "contact_city", "A CITY WITH A NAME TOO LONG", "length"),
        ("case", "contact_city", "ST\tPAUL", "characters"),
        ("case", "contact_city", "ZÜRICH", "characters"),
        ("case", "contact_city", 7, "type"),
        ("case", "case_type", "Q", "value"),
        ("case", "contact_zip_1", "5510A", "digits"),
        ("case", "contact_zip_1", "551011", "length"),
        ("case", "contact_phone_num", "65155501O2", "digits"),
        ("ncp_identification", "ssn", "٩٠٠٥٥٠١٠١", "characters"),
        ("ncp_identification", "date_of_birth", "19840517", "type"),
        ("ncp_identification", "weight", "1810", "length"),
    ],
)
def test_what_has_no_place_in_a_field_is_refused_as_before(
    block: str, field: str, value: Any, rule: str
) -> None:
    struct = {"case": Case, "ncp_identification": NcpIdentification}[block]
    record: Any = struct(**{field: value})
    held: dict[str, Any] = {block: record}
    with pytest.raises(CodecError) as caught:
        transaction.write(Transaction(header=HEADER, **held), Direction.TO_SERVER)
    (problem,) = caught.value.problems
    assert problem.code == f"{block}.{field}.{rule}"


def test_two_wrong_lengths_never_make_one_right() -> None:
    case = Case(contact_city="A CITY OF 20 LETTERS", contact_phone_num="65155501")
    with pytest.raises(CodecError):
        transaction.write(Transaction(header=HEADER, case=case), Direction.TO_SERVER)


def test_digits_shorter_than_their_field_and_zeros_are_written_as_the_charts_want() -> None:
    case = Case(case_type="A", case_status="O", send_payments_bank_account="12345", fax="0000000000")
    order = Order(debt_type="CS", order_freq_amount=Decimal("0.00"), order_fips_state="xx")
    tx = Transaction(header=HEADER, case=case, orders=(order,))
    raw = transaction.write(tx, Direction.TO_SERVER)
    body = raw[127:]
    assert body[311:331] == b"12345".ljust(20)
    assert body[249:259] == b" " * 10
    assert body[351:353] == b"xx"
    assert body[351 + 36 : 351 + 48] == b"0" * 12


def test_more_blocks_than_a_digit_can_count_are_refused() -> None:
    tx = Transaction(header=HEADER, orders=(Order(debt_type="CS"),) * 10)
    with pytest.raises(CodecError) as caught:
        transaction.write(tx, Direction.TO_SERVER)
    assert [problem.code for problem in caught.value.problems] == ["orders.count.most"]


def test_what_a_header_may_leave_out_gets_its_default() -> None:
    head = msgspec.structs.replace(HEADER, csenet_version_number=None, attachments_ind=None, overdue_ind=None)
    raw = transaction.write(Transaction(header=head), Direction.TO_SERVER)
    assert raw[14:17] == b"003"
    assert raw[88:96] == b"N0000000"
    assert raw[126:] == b"0"


def test_a_header_without_what_every_transaction_has_is_refused() -> None:
    with pytest.raises(CodecError) as caught:
        transaction.write(Transaction(header=Header(local_fips_state="27")), Direction.TO_SERVER)
    codes = [problem.code for problem in caught.value.problems]
    assert "header.transaction_serial_number.missing" in codes
    assert "header.local_fips_state.missing" not in codes
