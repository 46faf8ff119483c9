"""The data lines of GSTAI and REJCT are laid out as chart C-11 says."""

from datetime import date
from decimal import Decimal

import pytest

from csenet.codecs import infoline
from csenet.codecs.errors import CodecError
from csenet.codecs.infoline import InterestLine, RejectLine


def test_balances_take_12_12_and_8_positions() -> None:
    line = infoline.interest_line(Decimal("3071.55"), Decimal("219.04"), date(2026, 11, 20))
    assert line == "000000307155" + "000000021904" + "20261120"
    assert infoline.parse_interest_line(line + "   ") == InterestLine(
        Decimal("3071.55"), Decimal("219.04"), date(2026, 11, 20)
    )


def test_balances_may_be_zero_but_not_absent() -> None:
    zero = "0" * 24 + "20261120"
    assert infoline.interest_line(Decimal(0), Decimal(0), date(2026, 11, 20)) == zero
    assert infoline.parse_interest_line(zero).total_arrears_owed_amount == 0
    with pytest.raises(CodecError) as error:
        infoline.parse_interest_line("000000307155" + " " * 12 + "20261320")
    assert {problem.code for problem in error.value.problems} == {
        "information.total_interest_owed_amount.missing",
        "information.as_of_date.date",
    }


def test_an_amount_beyond_twelve_positions_is_refused() -> None:
    with pytest.raises(CodecError, match="more than twelve positions"):
        infoline.interest_line(Decimal("1e10"), Decimal(0), date(2026, 11, 20))


def test_a_rejection_names_serial_action_function_date_and_reason() -> None:
    line = infoline.reject_line("2004", "R", "MSC", date(2026, 11, 19), "GRINT")
    assert line == "000000002004" + "R" + "MSC" + "20261119" + "GRINT"
    assert infoline.parse_reject_line(line) == RejectLine(
        "000000002004", "R", "MSC", date(2026, 11, 19), "GRINT"
    )


def test_a_rejected_transaction_without_a_reason_takes_24_positions() -> None:
    line = infoline.reject_line("000000002004", "R", "LO1", date(2026, 11, 19), "")
    assert line == "000000002004RLO120261119"
    assert infoline.parse_reject_line(line).action_reason is None


def test_another_readable_amount_is_taken() -> None:
    line = "+00003071.55" + "000000021904" + "20261120"
    assert infoline.parse_interest_line(line).total_arrears_owed_amount == Decimal("3071.55")


@pytest.mark.parametrize("line", ["", "SEE THE LETTER OF 20 NOVEMBER"])
def test_free_text_is_no_data_line(line: str) -> None:
    with pytest.raises(CodecError):
        infoline.parse_reject_line(line)
