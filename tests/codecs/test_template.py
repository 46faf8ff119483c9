"""Examples pass every edit as they stand, for each valid code."""

from datetime import date

import pytest

from csenet.codecs import template, transaction, validation
from csenet.codecs.codes import VALID, FarCode, elements
from csenet.codecs.model import REPEATING
from csenet.codecs.transaction import Direction

DAY = template.EXAMPLE_DAY


@pytest.mark.parametrize("code", list(VALID), ids=str)
@pytest.mark.parametrize("recommended", [False, True])
def test_an_example_of_any_valid_code_passes_every_edit(code: FarCode, recommended: bool) -> None:
    tx = template.template(code, recommended=recommended)
    assert tx.far == code
    found = validation.validate(tx, today=DAY, direction=Direction.TO_SERVER)
    assert [problem.code for problem in found if problem.stops] == []
    raw = transaction.write(tx, Direction.TO_SERVER)
    assert transaction.read(raw, Direction.TO_SERVER).transaction == tx
    assert transaction.from_json(transaction.to_json(tx)) == tx


def test_the_smallest_example_leaves_recommended_blocks_out() -> None:
    code = FarCode("MSC", "P", "GSC17")
    small, full = template.template(code), template.template(code, recommended=True)
    assert small.participants == ()
    assert small.ncp_identification is None
    assert full.participants
    assert full.ncp_identification is not None
    assert small.case is not None
    assert small.case.case_status == "C"


def test_an_example_holds_every_block_the_code_demands() -> None:
    for code in VALID:
        tx = template.template(code)
        for element in elements(code):
            if element.block != "header" and not element.field and element.level == "required":
                value = getattr(tx, element.block)
                assert value if element.block in REPEATING else value is not None


def test_the_day_is_that_asked_for_and_intended_closing_leaves_sixty_days() -> None:
    day = date(2027, 2, 1)
    tx = template.template(FarCode("MSC", "P", "GSC14"), day=day)
    assert tx.header.transaction_date == day
    assert tx.header.action_resolution_date is not None
    assert (tx.header.action_resolution_date - day).days >= 60


def test_a_code_that_does_not_exist_has_no_example() -> None:
    with pytest.raises(ValueError, match="no valid transaction"):
        template.template(FarCode("MSC", "X", "GSC17"))
