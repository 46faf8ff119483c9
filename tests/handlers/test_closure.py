"""Closing interstate cases: what the instruction opens, what completions do, what the answer frees."""

from datetime import date

import pytest

from csenet.handlers.context import apply
from csenet.handlers.decision import Refusal
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.router import completed, dispatch

GROUP_17 = "GSC17:20:000000000042"
GROUP_15 = "GSC15:20:000000000042"
CLOSED_ON = date(2026, 11, 4)


def after(record, decision):
    """Give the case's state after the changes of a decision."""
    for change in decision.case_changes:
        record = apply(record, change)
    return record.state


def kinds(decision):
    return [work.kind for work in decision.work_items]


# --- GSC17 at the responding state ---------------------------------------------------------------------


def test_the_instruction_opens_stopping_and_closing_due_in_ten_working_days(make):
    record = make.case("responding", withholding_active=True)
    decision = dispatch(make.incoming("MSC P GSC17"), make.context(record))
    assert kinds(decision) == ["stop_withholding", "close_case"]
    assert decision.replies == ()
    assert decision.case_changes == ()
    for work in decision.work_items:
        # Ten working days after Wednesday 2026-11-04; Veterans Day, the 11th, does not count.
        assert (work.duty, work.due) == ("RS7", date(2026, 11, 19))
        assert work.group == GROUP_17
        assert work.case_id == make.case_id
        assert work.details["serial"] == "000000000042"
        assert "45 CFR 303.7(d)(9)" in [why.citation for why in work.reasons]


def test_withholding_nobody_spoke_of_is_stopped_to_be_sure(make):
    decision = dispatch(make.incoming("MSC P GSC17"), make.context(make.case("responding")))
    assert kinds(decision) == ["stop_withholding", "close_case"]


def test_without_withholding_there_is_only_closing(make):
    record = make.case("responding", withholding_active=False)
    decision = dispatch(make.incoming("MSC P GSC17"), make.context(record))
    assert kinds(decision) == ["close_case"]
    assert "no withholding" in decision.notes[0]
    assert "closure.no_withholding" in [why.rule for why in decision.reasons]


def test_withholding_already_stopped_is_not_stopped_again(make):
    record = make.case("responding", withholding_active=True, state={"withholding_active": False})
    assert kinds(dispatch(make.incoming("MSC P GSC17"), make.context(record))) == ["close_case"]


def test_an_alternative_agreement_keeps_the_case_open(make):
    record = make.case("responding", alternative_agreement=True, withholding_active=True)
    decision = dispatch(make.incoming("MSC P GSC17"), make.context(record))
    assert kinds(decision) == ["alternative_agreement"]
    assert decision.case_changes == ()
    assert decision.replies == ()
    assert "45 CFR 303.7(c)(12), (d)(9)" in [why.citation for why in decision.reasons]


def test_the_same_instruction_again_opens_no_second_set(make):
    record = make.case("responding")
    context = make.context(record, open_work=(make.work(1, "close_case", "GSC17:20:000000000041"),))
    decision = dispatch(make.incoming("MSC P GSC17"), context)
    assert kinds(decision) == ["review"]
    assert decision.work_items[0].reasons[0].rule == "closure.repeated"


def test_stopping_alone_is_recorded_and_the_answer_waits(make):
    record = make.case("responding", withholding_active=True)
    stop, close = make.work(1, "stop_withholding"), make.work(2, "close_case")
    decision = completed(stop, CLOSED_ON, (stop, close), make.context(record))
    state = after(record, decision)
    assert (state.status, state.withholding_active) == ("open", False)
    assert decision.replies == ()
    assert decision.notes


def test_closing_alone_is_recorded_and_the_answer_waits(make):
    record = make.case("responding", withholding_active=True)
    stop, close = make.work(1, "stop_withholding"), make.work(2, "close_case")
    decision = completed(close, CLOSED_ON, (stop,), make.context(record))
    state = after(record, decision)
    assert (state.status, state.closed_on, state.withholding_active) == ("closed", CLOSED_ON, True)
    assert decision.replies == ()


@pytest.mark.parametrize("last", ["close_case", "stop_withholding"])
def test_the_last_of_the_group_sends_gsc18_with_the_day_of_closure(make, last):
    record = make.case("responding", withholding_active=True)
    first = "stop_withholding" if last == "close_case" else "close_case"
    on = {"close_case": CLOSED_ON, "stop_withholding": date(2026, 11, 5)}
    items = (make.work(1, first, completed_on=on[first]), make.work(2, last))
    decision = completed(items[1], on[last], items, make.context(record))
    state = after(record, decision)
    assert (state.status, state.closed_on, state.withholding_active) == ("closed", CLOSED_ON, False)
    (reply,) = decision.replies
    tx = reply.transaction
    assert str(tx.far) == "MSC P GSC18"
    assert tx.header.action_resolution_date == CLOSED_ON
    assert (tx.header.case_id, tx.header.other_case_id) == (make.case_id, make.other_case_id)
    assert tx.case.case_status == "C"
    assert [who.participant_status for who in tx.participants] == ["C", "C"]
    assert tx.information is None
    assert decision.work_items == ()
    assert "45 CFR 303.7(d)(10)" in [why.citation for why in decision.reasons]


def test_a_group_of_one_is_answered_at_once(make):
    record = make.case("responding", withholding_active=False)
    decision = completed(make.work(1, "close_case"), CLOSED_ON, (), make.context(record))
    assert str(decision.replies[0].transaction.far) == "MSC P GSC18"


def test_a_group_without_a_closing_item_takes_the_day_of_its_last_completion(make):
    record = make.case("responding")
    decision = completed(make.work(1, "stop_withholding"), CLOSED_ON, (), make.context(record))
    assert decision.replies[0].transaction.header.action_resolution_date == CLOSED_ON


def test_work_of_another_group_does_not_hold_the_answer_back(make):
    record = make.case("responding")
    other = make.work(9, "close_case", "GSC17:20:000000000099")
    decision = completed(make.work(1, "close_case"), CLOSED_ON, (other,), make.context(record))
    assert decision.replies


def test_the_case_id_the_instruction_carried_is_used_when_the_facts_have_none(make):
    record = make.case("responding", other_case_id=None)
    work = make.work(1, "close_case", details={"other_case_id": "KS99"})
    decision = completed(work, CLOSED_ON, (), make.context(record))
    assert decision.replies[0].transaction.header.other_case_id == "KS99"


def test_an_answer_that_lacks_something_leaves_the_closure_standing_and_becomes_work(make):
    record = make.case("responding", other_case_id=None, case={"case_status": "O"})
    decision = completed(make.work(1, "close_case"), CLOSED_ON, (), make.context(record))
    assert after(record, decision).status == "closed"
    assert decision.replies == ()
    (work,) = decision.work_items
    assert work.kind == "complete_facts"
    assert "case Case-Type" in work.details["missing"]
    assert "header Other-Case-ID" in work.details["missing"]
    assert work.details["action_resolution_date"] == "2026-11-04"


def test_a_profile_that_does_not_send_gsc18_has_a_person_tell(make):
    record = make.case("responding")
    context = make.context(record, switches={"sends_gsc18": False})
    decision = completed(make.work(1, "close_case"), CLOSED_ON, (), context)
    assert after(record, decision).status == "closed"
    assert kinds(decision) == ["send_otherwise"]


def test_a_day_to_come_is_refused(make):
    refusal = completed(
        make.work(1, "close_case"), date(2026, 11, 6), (), make.context(make.case("responding"))
    )
    assert isinstance(refusal, Refusal)
    assert refusal.problems[0].code == "work.on.future"


def test_the_duty_to_stop_and_close_cannot_be_declined(make):
    context = make.context(make.case("responding"))
    refusal = completed(make.work(1, "close_case"), CLOSED_ON, (), context, done=False)
    assert isinstance(refusal, Refusal)
    assert refusal.problems[0].code == "work.outcome.choice"


# --- GSC15 at the responding state ---------------------------------------------------------------------


def test_services_no_longer_needed_open_the_choice_to_close(make):
    decision = dispatch(make.incoming("MSC P GSC15"), make.context(make.case("responding")))
    (work,) = decision.work_items
    assert (work.kind, work.group, work.duty) == ("close_case", GROUP_15, "RS11")
    assert work.due == date(2026, 11, 19)
    assert "45 CFR 303.11(b)(19)" in [why.citation for why in work.reasons]
    assert [why.ours for why in work.reasons if why.rule == "RS11"] == [True]
    assert decision.case_changes == ()


def test_the_same_notice_again_opens_no_second_choice(make):
    context = make.context(make.case("responding"), open_work=(make.work(1, "close_case", GROUP_15),))
    assert kinds(dispatch(make.incoming("MSC P GSC15"), context)) == ["review"]


def test_open_work_on_one_instruction_does_not_swallow_the_other(make):
    context = make.context(make.case("responding"), open_work=(make.work(1, "close_case", GROUP_15),))
    assert "close_case" in kinds(dispatch(make.incoming("MSC P GSC17"), context))


def test_closing_answers_with_gsc16_and_the_day(make):
    record = make.case("responding", withholding_active=True)
    decision = completed(make.work(1, "close_case", GROUP_15), CLOSED_ON, (), make.context(record))
    state = after(record, decision)
    assert (state.status, state.closed_on, state.withholding_active) == ("closed", CLOSED_ON, True)
    (reply,) = decision.replies
    assert str(reply.transaction.far) == "MSC P GSC16"
    assert reply.transaction.header.action_resolution_date == CLOSED_ON


def test_keeping_the_case_open_is_a_choice_and_tells_nobody(make):
    context = make.context(make.case("responding"))
    decision = completed(make.work(1, "close_case", GROUP_15), CLOSED_ON, (), context, done=False)
    assert (decision.replies, decision.case_changes, decision.work_items) == ((), (), ())
    assert decision.notes
    assert decision.reasons


def test_other_work_is_completed_without_consequence(make):
    context = make.context(make.case("responding"))
    decision = completed(make.work(1, "review", ""), CLOSED_ON, (), context)
    assert (decision.replies, decision.case_changes, decision.work_items) == ((), (), ())
    assert decision.reasons


def test_closure_work_of_a_case_that_is_gone_has_no_consequence(make):
    assert completed(make.work(1, "close_case"), CLOSED_ON, (), make.context(None)).case_changes == ()


# --- GSC16 and GSC18 at the initiating state -----------------------------------------------------------


def test_gsc18_frees_our_own_withholding_and_leaves_our_case_open(make):
    record = make.case(state={"withholding_stop_requested_on": "2026-10-20"})
    tx = make.incoming("MSC P GSC18", action_resolution_date=date(2026, 11, 2))
    decision = dispatch(tx, make.context(record))
    state = after(record, decision)
    assert state.status == "open"
    assert state.other_state_closed_on == date(2026, 11, 2)
    assert state.may_issue_withholding is True
    assert state.may_issue_withholding_since == date(2026, 11, 2)
    (work,) = decision.work_items
    assert (work.kind, work.due, work.duty) == ("issue_withholding", None, None)
    assert "45 CFR 303.7(c)(12)" in [why.citation for why in work.reasons]


def test_gsc18_without_a_request_of_ours_is_recorded_and_looked_at(make):
    record = make.case()
    decision = dispatch(make.incoming("MSC P GSC18"), make.context(record))
    # Without a resolution date the transaction's own date counts.
    assert after(record, decision).other_state_closed_on == date(2026, 11, 3)
    assert kinds(decision) == ["review"]
    assert "no request" in decision.work_items[0].title


def test_gsc16_after_our_gsc15_is_recorded_and_our_case_stays_open(make):
    record = make.case(state={"services_ended_on": "2026-10-20"})
    tx = make.incoming("MSC P GSC16", action_resolution_date=date(2026, 11, 2))
    decision = dispatch(tx, make.context(record))
    state = after(record, decision)
    assert (state.status, state.other_state_closed_on) == ("open", date(2026, 11, 2))
    assert state.may_issue_withholding is False
    assert decision.work_items == ()
    assert decision.notes
    assert decision.reasons


def test_gsc16_out_of_the_blue_is_recorded_and_looked_at(make):
    record = make.case()
    decision = dispatch(make.incoming("MSC P GSC16"), make.context(record))
    assert after(record, decision).other_state_closed_on == date(2026, 11, 3)
    assert kinds(decision) == ["review"]


def test_without_any_date_the_day_of_receipt_counts(make):
    record = make.case(state={"services_ended_on": "2026-10-20"})
    decision = dispatch(make.incoming("MSC P GSC16", transaction_date=None), make.context(record))
    assert after(record, decision).other_state_closed_on == make.received


@pytest.mark.parametrize("far", ["MSC P GSC16", "MSC P GSC18"])
def test_a_closure_still_to_come_is_not_recorded(make, far):
    tx = make.incoming(far, action_resolution_date=date(2026, 11, 6))
    decision = dispatch(tx, make.context(make.case()))
    assert decision.case_changes == ()
    assert kinds(decision) == ["review"]


def test_where_no_agreement_lets_us_send_a_person_answers(make, tmp_path):
    file = tmp_path / "agreements.toml"
    file.write_text(
        '[[agreement]]\npartner = "20"\ndirection = "send"\nallowed = false\n'
        'citation = "agreement of 2026"\ntext = "Nothing is sent to Kansas."\n'
    )
    context = make.context(make.case("responding"), agreements=load_agreements(file))
    decision = completed(make.work(1, "close_case"), CLOSED_ON, (), context)
    assert kinds(decision) == ["send_otherwise"]
    assert decision.work_items[0].reasons[0].citation == "agreement of 2026"
