"""The state of a case: what a snapshot sets, what a change sets, and what it may not set."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from csenet.handlers.context import CaseState, apply, initial_state
from csenet.handlers.decision import CaseChange, Why

WHY = Why(rule="test", text="for the test", citation="none")


def change(case_id="MN0000000000001", **values):
    return CaseChange(case_id=case_id, set=values, why=WHY)


def test_a_first_snapshot_opens_the_case_and_says_about_withholding(make):
    state = make.case("responding", withholding_active=True).state
    assert state == CaseState(withholding_active=True)


def test_a_snapshot_that_says_closed_closes(make):
    assert make.case(case={"case_status": "C"}).state.status == "closed"


def test_a_closed_case_keeps_its_closure_date_under_a_snapshot_that_says_closed(make):
    closed = CaseState(status="closed", closed_on=date(2026, 1, 5))
    assert initial_state(make.case(case={"case_status": "C"}).facts, closed) == closed


def test_a_snapshot_that_says_open_opens_again(make):
    closed = CaseState(status="closed", closed_on=date(2026, 1, 5))
    state = initial_state(make.case().facts, closed)
    assert (state.status, state.closed_on) == ("open", None)


def test_a_silent_snapshot_changes_nothing(make):
    before = CaseState(
        status="closed", closed_on=date(2026, 1, 5), withholding_active=False, may_issue_withholding=True
    )
    silent = make.case(case={"case_type": "N"}).facts
    assert initial_state(silent, before) == before
    assert initial_state(make.case(case=None).facts, before) == before


def test_a_snapshot_wins_on_withholding(make):
    before = CaseState(withholding_active=False)
    assert initial_state(make.case(withholding_active=True).facts, before).withholding_active is True


def test_a_change_gives_a_new_record_and_leaves_the_old_one(make):
    record = make.case()
    received = {"as_of": "2026-11-01", "arrears": "310.00", "interest": "12.50", "from": "20"}
    changed = apply(record, change(received_balances=received, other_state_closed_on="2026-11-02"))
    assert changed.state.received_balances.arrears == Decimal("310.00")
    assert changed.state.received_balances.sender == "20"
    assert changed.state.other_state_closed_on == date(2026, 11, 2)
    assert record.state.received_balances is None
    again = apply(changed, change(may_issue_withholding=True))
    assert again.state.received_balances == changed.state.received_balances


@pytest.mark.parametrize("values", [{"colour": "red"}, {"status": "ajar"}, {"closed_on": "soon"}])
def test_a_change_that_no_state_can_hold_is_refused(make, values):
    with pytest.raises(msgspec.ValidationError):
        apply(make.case(), change(**values))


def test_a_change_for_another_case_is_refused(make):
    with pytest.raises(ValueError, match="another case"):
        apply(make.case(), change(case_id="MN2", status="closed"))


def test_a_new_id_of_the_other_state_holds_until_the_case_system_says_another(make):
    record = apply(make.case("responding"), change(other_case_id="KS78", former_other_case_id="KS77"))
    assert record.other_case_id == "KS78"
    same = initial_state(record.facts, record.state)
    assert same.other_case_id == "KS78"
    silent = initial_state(make.case("responding", other_case_id=None).facts, record.state)
    assert silent.other_case_id == "KS78"
    for told in ("KS78", "KS79"):
        facts = make.case("responding", other_case_id=told).facts
        after = initial_state(facts, record.state)
        assert (after.other_case_id, after.former_other_case_id) == (None, None)
