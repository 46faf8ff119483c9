"""Transactions are read with all their problems, written byte for byte, mirrored and recognised."""

from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.codecs import canonical, transaction
from csenet.codecs.blocks import Case, Collection, Header, Information, NcpIdentification, Participant
from csenet.codecs.codes import FarCode
from csenet.codecs.errors import CodecError, Severity
from csenet.codecs.transaction import Direction, Transaction

FIXTURES = Path(__file__).parents[2] / "fixtures" / "transactions"

HEADER = Header(
    local_fips_state="27",
    local_fips_county="000",
    other_fips_state="20",
    other_fips_county="000",
    transaction_serial_number="000000000007",
    action_code="P",
    functional_type_code="MSC",
    transaction_date=date(2026, 11, 20),
    case_id="A1",
    other_case_id="B2",
    action_reason="GSC17",
)


def test_a_header_alone_is_written_at_the_positions_of_chart_c3() -> None:
    raw = transaction.write(Transaction(header=HEADER), Direction.TO_SERVER)
    by_hand = (
        b"27000  20000  003000000000007    PMSC20261120"
        b"A1             B2             GSC17        N0000000" + b" " * 30 + b"0"
    )
    assert raw == by_hand


def test_the_header_from_the_exchange_is_six_positions_shorter() -> None:
    header = msgspec.structs.replace(HEADER, date_received=date(2026, 11, 21), time_received=time(3, 15))
    raw = transaction.write(Transaction(header=header), Direction.FROM_SERVER)
    assert len(raw) == 121
    assert raw[96:] == b"20261121031500" + b" " * 11


def test_blocks_follow_in_chart_order_as_often_as_counted() -> None:
    tx = Transaction(
        header=HEADER,
        case=Case(case_type="A", case_status="O"),
        participants=(Participant(name_last="ONE"), Participant(name_last="TWO")),
        collections=(Collection(payment_amount=Decimal("-1.05")),),
        information=Information(information_text_line_5="END"),
    )
    raw = transaction.write(tx, Direction.TO_SERVER)
    assert raw[89:96] == b"1002011"
    assert len(raw) == 127 + 351 + 2 * 341 + 70 + 416
    assert raw[127:129] == b"AO"
    assert raw[127 + 351 : 127 + 351 + 3] == b"ONE"
    assert raw[127 + 351 + 341 : 127 + 351 + 341 + 3] == b"TWO"
    assert raw[127 + 351 + 682 + 16 : 127 + 351 + 682 + 28] == b"-00000000105"
    assert raw[-80:-77] == b"END"
    assert transaction.total_length(raw[:96], Direction.TO_SERVER) == len(raw)
    assert transaction.total_length(raw[:96], Direction.FROM_SERVER) == len(raw) - 6
    back = transaction.read(raw, Direction.TO_SERVER).transaction
    assert back is not None
    assert back.participants == tx.participants
    assert back.orders == ()
    assert back.serial == "000000000007"
    assert back.far == FarCode("MSC", "P", "GSC17")


@pytest.mark.parametrize("prefix", [b"", b"x" * 96, b" " * 88 + b"N0000002"])
def test_a_length_cannot_be_told_without_block_counts(prefix: bytes) -> None:
    with pytest.raises(CodecError) as error:
        transaction.total_length(prefix, Direction.TO_SERVER)
    assert [problem.code for problem in error.value.problems] == ["transaction.length.total"]


def test_writing_names_every_value_that_has_no_place() -> None:
    tx = Transaction(
        header=msgspec.structs.replace(HEADER, case_id="X" * 16, transaction_date=None, action_code="Q"),
        case=Case(contact_city="\xc9VIAN"),
        participants=(Participant(), Participant(ssn="12A")),
    )
    with pytest.raises(CodecError) as error:
        transaction.write(tx, Direction.TO_SERVER)
    found = {(problem.code, problem.occurrence) for problem in error.value.problems}
    assert found == {
        ("header.case_id.length", 1),
        ("header.transaction_date.missing", 1),
        ("header.action_code.value", 1),
        ("case.contact_city.characters", 1),
        ("participants.ssn.digits", 2),
    }
    assert "header.case_id.length: longer than 15 positions" in str(error.value)


def test_ten_blocks_of_one_kind_cannot_be_counted() -> None:
    tx = Transaction(header=HEADER, participants=tuple(Participant() for _ in range(10)))
    with pytest.raises(CodecError, match=r"participants\.count\.most"):
        transaction.write(tx, Direction.TO_SERVER)


def test_short_digits_and_short_numbers_are_written_in_their_places() -> None:
    case = Case(case_type="A", case_status="O", send_payments_bank_account="777")
    person = NcpIdentification(weight="95", name_last="DOE")
    tx = Transaction(header=HEADER, case=case, ncp_identification=person)
    raw = transaction.write(tx, Direction.TO_SERVER)
    assert raw[127 + 311 : 127 + 331] == b"777".ljust(20)
    assert raw[127 + 351 + 93 : 127 + 351 + 96] == b"095"


def test_a_problem_shows_federal_name_columns_and_chart_but_not_the_value() -> None:
    raw = transaction.write(Transaction(header=HEADER), Direction.TO_SERVER)
    reading = transaction.read(raw[:37] + b"20261399" + raw[45:], Direction.TO_SERVER)
    assert reading.transaction is None
    (problem,) = reading.problems
    assert problem.code == "header.transaction_date.date"
    assert problem.severity is Severity.FATAL
    assert (problem.field, problem.columns, problem.citation) == ("Transaction-Date", (38, 45), "Chart C-3")
    assert "20261399" not in problem.message
    assert reading.header is not None
    assert reading.header.case_id == "A1"


def test_what_stands_in_a_reserved_field_never_spoils_a_transaction() -> None:
    raw = transaction.write(Transaction(header=HEADER), Direction.TO_SERVER)
    reading = transaction.read(raw[:110] + b"NEXTWEEK" + raw[118:], Direction.TO_SERVER)
    assert reading.transaction is not None
    assert [(p.code, p.severity) for p in reading.problems] == [("header.due_date.date", Severity.WARNING)]


def test_a_full_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "CACHE_LIMIT", 0)
    header = msgspec.structs.replace(HEADER, transaction_date=date(1931, 7, 4))
    raw = transaction.write(Transaction(header=header), Direction.TO_SERVER)
    reading = transaction.read(raw, Direction.TO_SERVER)
    assert reading.header is not None
    assert reading.header.transaction_date == date(1931, 7, 4)


def test_mirroring_swaps_both_sides_and_twice_is_once_back() -> None:
    tx = Transaction(header=msgspec.structs.replace(HEADER, local_fips_sub="01"))
    seen = transaction.mirror(tx).header
    assert (seen.local_fips_state, seen.other_fips_state) == ("20", "27")
    assert (seen.local_fips_sub, seen.other_fips_sub) == (None, "01")
    assert (seen.case_id, seen.other_case_id) == ("B2", "A1")
    assert transaction.mirror(transaction.mirror(tx)) == tx


def test_the_fingerprint_covers_what_the_sender_wrote_and_no_stamp() -> None:
    stamped = msgspec.structs.replace(HEADER, sent_date=date(2026, 11, 20), date_received=date(2026, 11, 21))
    block = Case(case_type="A", case_status="O")
    plain = transaction.write(Transaction(header=HEADER, case=block), Direction.TO_SERVER)
    for direction in Direction:
        raw = transaction.write(Transaction(header=stamped, case=block), direction)
        same = transaction.fingerprint(raw, direction)
        assert same == transaction.fingerprint(plain, Direction.TO_SERVER)
    other = transaction.write(
        Transaction(header=HEADER, case=Case(case_type="N", case_status="O")), Direction.TO_SERVER
    )
    assert transaction.fingerprint(other, Direction.TO_SERVER) != same


def test_the_json_header_may_leave_out_what_the_gateway_fills() -> None:
    tx = transaction.from_json({"header": {"action_code": "p", "functional_type_code": "MSC"}})
    assert tx.header == Header(action_code="P", functional_type_code="MSC")
    assert transaction.to_json(tx) == {"header": {"action_code": "P", "functional_type_code": "MSC"}}


def test_json_of_either_direction_is_read() -> None:
    tx = transaction.from_json({"header": {"date_received": "2026-11-21", "due_date": "2026-12-01"}})
    assert tx.header == Header(date_received=date(2026, 11, 21), due_date=date(2026, 12, 1))


def test_a_wrong_json_form_is_refused_with_everything_that_is_wrong() -> None:
    with pytest.raises(CodecError) as error:
        transaction.from_json(
            {
                "header": {"action_code": "Q", "case_data_ind": "1", "due_date": "soon"},
                "case": {"shoe_size": "45", "case_type": 1, "contact_zip_1": "5510X"},
                "ncp_locate": [],
                "ncp_identification": None,
                "participants": [{"ssn": "1"}, {"gender": "X"}, "third"],
                "orders": {"order_id": "1"},
                "collections": [{}] * 10,
                "weather": {},
            }
        )
    assert {(problem.code, problem.occurrence) for problem in error.value.problems} == {
        ("header.action_code.value", 1),
        ("header.case_data_ind.unknown", 1),
        ("header.due_date.date", 1),
        ("case.shoe_size.unknown", 1),
        ("case.case_type.type", 1),
        ("case.contact_zip_1.digits", 1),
        ("ncp_locate.type", 1),
        ("participants.gender.value", 2),
        ("participants.type", 3),
        ("orders.type", 1),
        ("collections.count.most", 1),
        ("transaction.weather.unknown", 1),
    }


@pytest.mark.parametrize("obj", [None, [], "x", {}, {"header": []}])
def test_json_without_a_header_object_is_refused(obj: Any) -> None:
    with pytest.raises(CodecError):
        transaction.from_json(obj)


def test_zeros_in_a_header_field_that_must_be_filled_are_no_value() -> None:
    golden = (FIXTURES / "msc-r-grint.from-server.txt").read_bytes().rstrip(b"\n")
    zeros = golden[:33] + b"0" + golden[34:37] + b"00000000" + golden[45:]
    found = {problem.code for problem in transaction.read(zeros, Direction.FROM_SERVER).problems}
    assert {"header.action_code.missing", "header.transaction_date.missing"} <= found
