"""A problem says where it stands, and shows what stands there without telling who somebody is."""

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.codecs import flatfile, transaction, validation_compiler
from csenet.codecs.errors import Problem
from csenet.codecs.model import Direction
from csenet.codecs.validation import duplicate_serial, validate
from csenet.codecs.validation_places import picture
from csenet.codecs.validation_whole import examine

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TODAY = date(2026, 11, 21)
HEAD, CASE, NCP, PERSON, ORDER = 121, 351, 181, 341, 254


def over(raw: bytes, at: int, text: bytes) -> bytes:
    return raw[:at] + text + raw[at + len(text) :]


def told(data: bytes) -> dict[str, Problem]:
    return {problem.code: problem for problem in _all(data)}


def _all(data: bytes) -> Iterator[Problem]:
    for record in flatfile.read_all(data):
        yield from examine(record, today=TODAY)


@pytest.fixture
def request_(golden: dict[str, bytes]) -> bytes:
    return golden["msc-r-grint.from-server.txt"]


def test_position_offset_occurrence_and_columns_lead_to_the_bytes(request_: bytes) -> None:
    second = HEAD + CASE + NCP + PERSON
    bad = over(request_, second + 77 - 1, b" ")
    data = request_ + b"\r\n" + bad + b"\r\n"
    (problem,) = _all(data)
    assert problem.code == "participants.participant_status.missing"
    assert (problem.position, problem.occurrence, problem.columns) == (2, 2, (77, 77))
    assert problem.offset == len(request_) + 2 + second + 76
    assert data[problem.offset : problem.offset + 1] == b" "
    assert (problem.field, problem.value, problem.citation) == ("Participant-Status", None, "Chart C-8")


def test_a_block_that_is_missing_has_the_place_of_its_transaction(golden: dict[str, bytes]) -> None:
    raw = golden["msc-p-gstai.from-server.txt"]
    gone = over(raw[:-416], 95, b"0")
    problem = told(gone + b"\n")["information.block.least"]
    assert (problem.position, problem.offset, problem.columns) == (1, 0, None)


def test_codes_and_dates_are_shown_and_personal_values_are_pictured(request_: bytes) -> None:
    order = HEAD + CASE + NCP + 2 * PERSON
    bad = over(request_, HEAD + CASE + 56, b"90055O1O1")
    bad = over(bad, HEAD + CASE + 65, b"19840230")
    bad = over(bad, HEAD + 1, b"X")
    bad = over(bad, order + 49 - 1, b"20160230")
    bad = over(bad, order + 37 - 1, b"PO BOX 12345")
    values = {code: problem.value for code, problem in told(bad + b"\n").items()}
    assert values == {
        "case.case_status.value": "X",
        "ncp_identification.ssn.digits": "99999A9A9",
        "ncp_identification.date_of_birth.date": "99999999",
        "orders.order_effective_date.date": "20160230",
        "orders.order_freq_amount.money": "AA AAA 99999",
    }


def test_a_header_that_cannot_be_trusted_shows_no_more_than_short_values(request_: bytes) -> None:
    shifted = over(request_, 45, b" FERNWOOD 9005 ")
    problem = told(shifted + b"\n")["header.case_id.position"]
    assert problem.value == " AAAAAAAA 9999"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Fernwood", "Aaaaaaaa"), ("O'M 12", "A'A 99"), ("000000000", "000000000"), ("\xd6X", "?A"), ("", "")],
)
def test_a_picture_keeps_the_form(text: str, shown: str) -> None:
    assert picture(text + "  ") == shown


def test_what_cannot_be_read_does_not_hide_the_rest(request_: bytes) -> None:
    order = HEAD + CASE + NCP + 2 * PERSON
    bad = over(over(request_, HEAD + CASE + 65, b"19840230"), order + 36 - 1, b" ")
    assert set(told(bad + b"\n")) == {"ncp_identification.date_of_birth.date", "orders.order_freq.missing"}


def test_what_only_follows_from_an_unreadable_field_is_not_told(golden: dict[str, bytes]) -> None:
    raw = golden["enf-r-erall.from-server.txt"]
    locate = HEAD + CASE + NCP
    unreadable = over(raw, locate + 646 - 1, b"9")
    assert set(told(unreadable + b"\n")) == {"ncp_locate.wage_qtr.value"}
    no_code = over(raw, 33, b"X")
    assert set(told(no_code + b"\n")) == {"header.action_code.value"}


def test_a_fatal_header_keeps_the_blocks_out(request_: bytes) -> None:
    bad = over(over(request_, 37, b"20261345"), HEAD + CASE + 73 - 1, b"XX")
    codes = set(told(bad + b"\n"))
    assert "header.transaction_date.date" in codes
    assert not any(code.startswith("case.") for code in codes)


def test_values_of_the_wrong_type_are_problems_and_no_accidents(golden: dict[str, bytes]) -> None:
    tx = transaction.read(golden["msc-p-gstai.to-server.txt"], Direction.TO_SERVER).transaction
    assert tx is not None
    wrong: Any = msgspec.structs.replace(
        tx,
        orders=(msgspec.structs.replace(tx.orders[0], order_freq_amount="412.00"),),
        participants=(msgspec.structs.replace(tx.participants[0], date_of_birth="2015-02-28"),),
        header=msgspec.structs.replace(tx.header, sent_time=time(12), case_id=12),
    )
    codes = {p.code for p in validate(wrong, today=TODAY, direction=Direction.TO_SERVER)}
    assert codes == {
        "header.case_id.type",
        "participants.date_of_birth.type",
        "orders.order_freq_amount.type",
    }


def test_a_fault_of_our_own_is_not_hidden(golden: dict[str, bytes]) -> None:
    tx = transaction.read(golden["msc-p-gstai.to-server.txt"], Direction.TO_SERVER).transaction
    assert tx is not None
    validate(tx, today=TODAY, direction=Direction.TO_SERVER)
    with pytest.raises(TypeError):
        validate(tx, today="tomorrow", direction=Direction.TO_SERVER)  # type: ignore[arg-type]


def test_hostile_codes_compile_nothing_new(golden: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    tx = transaction.read(golden["msc-p-gstai.to-server.txt"], Direction.TO_SERVER).transaction
    assert tx is not None

    def named(reason: str) -> Any:
        return msgspec.structs.replace(tx, header=msgspec.structs.replace(tx.header, action_reason=reason))

    first = validate(named("ZZZZ0"), today=TODAY, direction=Direction.TO_SERVER)
    monkeypatch.setattr(validation_compiler.Checks, "__init__", lambda *_: pytest.fail("compiled again"))
    for number in range(1, 30):
        assert validate(named(f"ZZZZ{number}"), today=TODAY, direction=Direction.TO_SERVER) == first


def test_the_federal_number_is_given_where_it_is_known(golden: dict[str, bytes]) -> None:
    tx = transaction.read(golden["enf-r-erall.to-server.txt"], Direction.TO_SERVER).transaction
    assert tx is not None
    orders = (msgspec.structs.replace(tx.orders[0], order_arrears_freq_amount=None),)
    lacking = msgspec.structs.replace(tx, orders=orders)
    (problem,) = validate(lacking, today=TODAY, direction=Direction.TO_SERVER)
    assert problem.federal.startswith("E436 ")
    zero = (msgspec.structs.replace(tx.orders[0], order_arrears_freq_amount=Decimal("0.00")),)
    assert (
        validate(msgspec.structs.replace(tx, orders=zero), today=TODAY, direction=Direction.TO_SERVER) == ()
    )
    assert duplicate_serial().federal == "Duplicate Transaction Serial Number"
