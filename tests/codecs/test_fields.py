"""Each kind of field reads and writes as the charts say, and tells what is odd."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from csenet.codecs.fields import (
    FieldError,
    from_json_value,
    parse_money,
    parse_time,
    read_field,
    to_json_value,
    write_field,
)
from csenet.codecs.layout import Field, load_layouts


def field(layout: str, name: str) -> Field:
    return load_layouts()[layout].field(name)


CASE_ID = field("header_to_server", "case_id")
SERIAL = field("header_to_server", "transaction_serial_number")
COUNTY = field("header_to_server", "local_fips_county")
ACTION = field("header_to_server", "action_code")
SENT_TIME = field("header_to_server", "sent_time")
LAST = field("ncp_identification", "name_last")
SSN = field("ncp_identification", "ssn")
BORN = field("ncp_identification", "date_of_birth")
INCHES = field("ncp_identification", "height_in")
WEIGHT = field("ncp_identification", "weight")
HAIR = field("ncp_identification", "hair_color")
QUARTER = field("ncp_locate", "wage_qtr")
AMOUNT = field("order", "order_arrears_total_amount")
ACCOUNT = field("case", "send_payments_bank_account")
FILLER = load_layouts()["error_record"].field("filler")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (LAST, "DOE".ljust(21), "DOE"),
        (LAST, " " * 21, None),
        (LAST, "VAN  DER BERG".ljust(21), "VAN  DER BERG"),
        (SSN, "900112222", "900112222"),
        (SSN, " " * 9, None),
        (ACCOUNT, "12345".ljust(20), "12345"),
        (SERIAL, "000000000042", "000000000042"),
        (SERIAL, "000000000000", "000000000000"),
        (COUNTY, "000", "000"),
        (INCHES, "00", "00"),
        (INCHES, "  ", None),
        (HAIR, "BN", "BN"),
        (BORN, "20240229", date(2024, 2, 29)),
        (BORN, " " * 8, None),
        (SENT_TIME, "235959", time(23, 59, 59)),
        (AMOUNT, "000000012345", Decimal("123.45")),
        (AMOUNT, "-00000012345", Decimal("-123.45")),
        (AMOUNT, "000000000000", Decimal("0.00")),
        (AMOUNT, " " * 12, None),
        (FILLER, " ", None),
    ],
)
def test_canonical_fields_read_without_complaint(kind: Field, text: str, value: Any) -> None:
    assert read_field(kind, text) == (value, [])


@pytest.mark.parametrize(
    ("kind", "text", "value", "rule"),
    [
        (LAST, "Doe".ljust(21), "DOE", "case"),
        (LAST, "DOE".rjust(21), "DOE", "justification"),
        (HAIR, "bn", "BN", "case"),
        (SSN, "000000000", None, "zero"),
        (SSN, "   112222", "112222", "justification"),
        (SERIAL, "42".rjust(12), "000000000042", "justification"),
        (SERIAL, "42".ljust(12), "000000000042", "justification"),
        (WEIGHT, "95 ", "095", "justification"),
        (QUARTER, "0", None, "zero"),
        (BORN, "00000000", None, "zero"),
        (SENT_TIME, "000000", None, "zero"),
        (AMOUNT, "       12345", Decimal("123.45"), "form"),
        (AMOUNT, "+00000412.00", Decimal("412.00"), "form"),
        (AMOUNT, "-00000412.05", Decimal("-412.05"), "form"),
        (AMOUNT, "-00000000000", Decimal("0.00"), "form"),
        (FILLER, "X", None, "filler"),
    ],
)
def test_other_readable_forms_are_read_with_a_warning(kind: Field, text: str, value: Any, rule: str) -> None:
    got, findings = read_field(kind, text)
    assert got == value
    assert [(finding.rule, finding.readable) for finding in findings] == [(rule, True)]


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        (LAST, "DO\xc9".ljust(21), "characters"),
        (LAST, "D\tE".ljust(21), "characters"),
        (CASE_ID, " 123".ljust(15), "position"),
        (ACTION, "X", "value"),
        (INCHES, "12", "value"),
        (SSN, "90011222A", "digits"),
        (SSN, "900 12222", "digits"),
        (SERIAL, "00000000004X", "digits"),
        (BORN, "20230229", "date"),
        (BORN, "2023011 ", "date"),
        (SENT_TIME, "250000", "time"),
        (SENT_TIME, "12000 ", "time"),
        (AMOUNT, "0000000123.4", "money"),
        (AMOUNT, "00000012345-", "money"),
    ],
)
def test_unreadable_fields_give_no_value(kind: Field, text: str, rule: str) -> None:
    got, findings = read_field(kind, text)
    assert got is None
    assert [(finding.rule, finding.readable) for finding in findings] == [(rule, False)]


def test_lower_case_and_a_wrong_place_are_both_told() -> None:
    _, findings = read_field(LAST, "  Doe".ljust(21))
    assert [finding.rule for finding in findings] == ["justification", "case"]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (LAST, "DOE", "DOE".ljust(21)),
        (LAST, None, " " * 21),
        (LAST, "", " " * 21),
        (SERIAL, "7", "000000000007"),
        (SSN, "000000000", " " * 9),
        (BORN, date(987, 6, 5), "09870605"),
        (SENT_TIME, time(1, 2, 3), "010203"),
        (AMOUNT, Decimal("-0.01"), "-00000000001"),
        (AMOUNT, Decimal("9999999999.99"), "999999999999"),
        (AMOUNT, Decimal("5"), "000000000500"),
        (AMOUNT, Decimal("-0.00"), "000000000000"),
        (field("header_to_server", "overdue_ind"), None, "0"),
        (field("header_to_server", "attachments_ind"), None, "N"),
        (field("header_to_server", "csenet_version_number"), None, "003"),
    ],
)
def test_values_are_written_in_canonical_form(kind: Field, value: Any, text: str) -> None:
    assert write_field(kind, value) == text


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        (LAST, "X" * 22, "length"),
        (LAST, "doe", "case"),
        (LAST, "D\nE", "characters"),
        (LAST, " DOE", "justification"),
        (LAST, 5, "type"),
        (BORN, "20240101", "type"),
        (BORN, datetime(2024, 1, 1), "type"),  # noqa: DTZ001
        (SENT_TIME, "010203", "type"),
        (AMOUNT, 5.0, "type"),
        (AMOUNT, Decimal("NaN"), "type"),
        (AMOUNT, Decimal("0.001"), "decimals"),
        (AMOUNT, Decimal("10000000000.00"), "length"),
        (AMOUNT, Decimal("-1000000000.00"), "length"),
        (HAIR, "ZZ", "value"),
    ],
)
def test_values_that_have_no_place_are_refused(kind: Field, value: Any, rule: str) -> None:
    with pytest.raises(FieldError) as error:
        write_field(kind, value)
    assert error.value.rule == rule


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (LAST, "DOE", "DOE"),
        (BORN, date(2026, 11, 20), "2026-11-20"),
        (SENT_TIME, time(14, 25, 30), "14:25:30"),
        (AMOUNT, Decimal("1234.56"), "1234.56"),
        (AMOUNT, Decimal("-1234.50"), "-1234.50"),
        (SERIAL, "000000000001", "000000000001"),
    ],
)
def test_json_values_read_back_as_they_were(kind: Field, value: Any, text: str) -> None:
    assert to_json_value(value) == text
    assert from_json_value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (LAST, " doe ", "DOE"),
        (LAST, "  ", None),
        (LAST, None, None),
        (SERIAL, "12", "000000000012"),
        (SSN, "000000000", None),
        (AMOUNT, "-0.00", Decimal("0.00")),
        (field("order", "order_fips_state"), "ab", "ab"),
    ],
)
def test_json_text_is_put_in_canonical_form(kind: Field, text: Any, value: Any) -> None:
    assert from_json_value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        (LAST, 5, "type"),
        (BORN, "20261120", "date"),
        (BORN, "2026-02-30", "date"),
        (SENT_TIME, "14:25", "time"),
        (SENT_TIME, "24:00:01", "time"),
        (AMOUNT, "12", "money"),
        (AMOUNT, "1,234.00", "money"),
        (AMOUNT, "-1234567890.00", "length"),
        (HAIR, "ZZ", "value"),
        (CASE_ID, "X" * 16, "length"),
    ],
)
def test_wrong_json_values_are_refused(kind: Field, value: Any, rule: str) -> None:
    with pytest.raises(FieldError) as error:
        from_json_value(kind, value)
    assert error.value.rule == rule


def test_midnight_cannot_be_told_from_an_unused_time() -> None:
    assert write_field(SENT_TIME, time(0, 0)) == "000000"
    with pytest.raises(ValueError, match="HHMMSS"):
        parse_time("000000")


@pytest.mark.parametrize("text", ["12345", "00000001234 ", "-00000000000", "-0000012345X"])
def test_only_the_canonical_amount_is_parsed_the_short_way(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|zero"):
        parse_money(text)
