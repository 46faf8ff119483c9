"""What our own side asks to send: what goes, what it changes, and every reason why something does not go."""

from datetime import date

import pytest

from csenet.codecs.blocks import Header, Information
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import apply
from csenet.handlers.decision import Decision, Refusal
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.router import originate, originate_written

ON = {"sends_grint": True}
BALANCES = {"as_of": "2026-10-31", "arrears": "310.00", "interest": "12.50"}


def send(make, far, record=None, information=None, header=None, **more):
    context = make.context(record, **more)
    return originate(FarCode.parse(far), context, information=information, header=header)


def sent(decision):
    assert isinstance(decision, Decision)
    (reply,) = decision.replies
    assert not reply.in_reply_to
    assert decision.reasons
    return reply.transaction


def refused(decision):
    assert isinstance(decision, Refusal)
    return [problem.code for problem in decision.problems]


def after(record, decision):
    for change in decision.case_changes:
        record = apply(record, change)
    return record.state


def test_gsc15_goes_and_our_case_stays_open(make):
    record = make.case()
    decision = send(make, "MSC P GSC15", record)
    tx = sent(decision)
    assert (tx.header.case_id, tx.header.other_case_id) == (make.case_id, make.other_case_id)
    # The code itself says C in the Case block; what stays open is our case, not the request for services.
    assert tx.case.case_status == "C"
    state = after(record, decision)
    assert (state.status, state.services_ended_on) == ("open", make.today)


def test_gsc17_goes_and_the_request_is_remembered(make):
    record = make.case()
    decision = send(make, "MSC P GSC17", record)
    assert str(sent(decision).far) == "MSC P GSC17"
    state = after(record, decision)
    assert (state.status, state.withholding_stop_requested_on) == ("open", make.today)


@pytest.mark.parametrize("far", ["MSC P GSC15", "MSC P GSC17", "MSC P GSTAI"])
def test_the_initiating_states_codes_are_not_for_the_responding_one(make, far):
    assert refused(send(make, far, make.case("responding", balances=BALANCES))) == ["case.role"]


@pytest.mark.parametrize("far", ["MSC P GSC16", "MSC P GSC18", "MSC R GRINT"])
def test_the_responding_states_codes_are_not_for_the_initiating_one(make, far):
    codes = refused(send(make, far, make.case(state={"status": "closed"}), switches=ON))
    assert "case.role" in codes


@pytest.mark.parametrize("far", ["MSC P GSC15", "MSC P GSC17"])
def test_a_closed_case_ends_no_services(make, far):
    assert refused(send(make, far, make.case(state={"status": "closed"}))) == ["case.status"]


@pytest.mark.parametrize("far", ["MSC P GSC16", "MSC P GSC18"])
def test_a_closure_is_told_with_the_day_it_happened(make, far):
    record = make.case("responding", state={"status": "closed", "closed_on": "2026-11-02"})
    decision = send(make, far, record)
    tx = sent(decision)
    assert tx.header.action_resolution_date == date(2026, 11, 2)
    assert decision.case_changes == ()


def test_a_closure_is_not_told_before_it_happened(make):
    assert refused(send(make, "MSC P GSC16", make.case("responding"))) == ["case.status"]


def test_a_closure_without_a_day_is_not_told(make):
    record = make.case("responding", state={"status": "closed"})
    assert refused(send(make, "MSC P GSC16", record)) == ["header.action_resolution_date.required"]


def test_a_day_the_case_side_gives_is_used_but_not_one_to_come(make):
    record = make.case("responding", state={"status": "closed"})
    asked = Header(action_resolution_date=date(2026, 11, 1))
    assert sent(send(make, "MSC P GSC18", record, header=asked)).header.action_resolution_date == date(
        2026, 11, 1
    )
    ahead = Header(action_resolution_date=date(2026, 11, 6))
    assert refused(send(make, "MSC P GSC18", record, header=ahead)) == [
        "header.action_resolution_date.required"
    ]


def test_asking_for_interest_is_off_until_switched_on(make):
    record = make.case("responding")
    assert refused(send(make, "MSC R GRINT", record)) == ["policy.sends_grint"]


def test_asking_for_interest_opens_work_to_wait_for_the_answer_once(make):
    record = make.case("responding")
    decision = send(make, "MSC R GRINT", record, switches=ON)
    assert sent(decision).information is None
    (work,) = decision.work_items
    assert (work.kind, work.case_id) == ("await_balances", make.case_id)
    # Ten working days after 2026-11-05: Veterans Day does not count.
    assert work.due == date(2026, 11, 20)
    waiting = (make.work(3, "await_balances", ""),)
    again = send(make, "MSC R GRINT", record, switches=ON, open_work=waiting)
    assert sent(again)
    assert again.work_items == ()


def test_interest_is_told_from_the_facts_and_settles_the_open_question(make):
    waiting = (make.work(3, "provide_balances", ""), make.work(4, "review", ""))
    decision = send(make, "MSC P GSTAI", make.case(balances=BALANCES), open_work=waiting)
    line = sent(decision).information.information_text_line_1
    assert line == "00000003100000000000125020261031"
    assert decision.closes_work == (3,)


def test_interest_nobody_stated_is_not_told(make):
    assert refused(send(make, "MSC P GSTAI", make.case())) == ["policy.interest.balances_not_stated"]


def test_interest_the_case_side_states_itself_is_told(make):
    given = Information(information_text_line_1="00000009900000000000000020261105")
    tx = sent(send(make, "MSC P GSTAI", make.case(), information=given))
    assert tx.information.information_text_line_1 == given.information_text_line_1
    assert tx.information.status_change_code == "O"


@pytest.mark.parametrize("line", ["00000009900000000000000020261106", "PLENTY", None])
def test_interest_that_cannot_be_right_is_not_told(make, line):
    given = Information(information_text_line_1=line, status_change_code="O")
    assert refused(send(make, "MSC P GSTAI", make.case(), information=given))


def test_only_the_gateway_rejects(make):
    assert refused(send(make, "MSC P REJCT", make.case())) == ["header.action_reason.rejection"]


def test_a_code_that_does_not_exist_is_refused(make):
    assert refused(send(make, "MSC P XXXXX", make.case())) == ["header.action_reason.valid"]


def test_a_code_outside_the_agreed_set_is_refused(make):
    assert refused(send(make, "MSC P GSC4D", make.case())) == ["header.action_reason.core"]


def test_without_facts_nothing_is_built(make):
    assert refused(send(make, "MSC P GSC15")) == ["case.known"]
    assert refused(send(make, "LO1 R BLANK")) == ["case.known"]


def test_every_missing_element_is_named(make):
    record = make.case(case={"case_status": "O"}, other_case_id=None)
    assert set(refused(send(make, "MSC P GSC15", record))) == {
        "case.case_type.required",
        "header.other_case_id.required",
    }


def test_every_objection_is_named_at_once(make):
    record = make.case("responding", state={"status": "closed"})
    switches = {"sends_gsc17": False}
    codes = refused(send(make, "MSC P GSC17", record, switches=switches))
    assert codes == ["case.role", "case.status", "policy.sends_gsc17"]


def test_what_no_agreement_allows_is_refused(make, tmp_path):
    file = tmp_path / "agreements.toml"
    file.write_text(
        '[[agreement]]\npartner = "20"\nallowed = false\n'
        'citation = "agreement of 2026"\ntext = "Nothing is exchanged with Kansas."\n'
    )
    refusal = send(make, "MSC P GSC15", make.case(), agreements=load_agreements(file))
    assert refused(refusal) == ["policy.exchange_agreement"]
    assert refusal.problems[0].citation == "agreement of 2026"


def test_another_core_code_goes_from_the_facts_alone(make):
    decision = send(make, "MSC P GSWKR", make.case())
    tx = sent(decision)
    assert tx.case.contact_name_last == "NORDQUIST"
    assert decision.case_changes == ()
    assert decision.work_items == ()


def test_a_new_case_id_goes_in_the_information_block(make):
    given = Information(new_case_id="MN0000000000002")
    tx = sent(send(make, "MSC P GSCAS", make.case(), information=given))
    assert tx.information.new_case_id == "MN0000000000002"
    assert tx.header.case_id == make.case_id


def test_the_case_side_may_name_another_office_of_the_other_state(make):
    asked = Header(other_fips_county="177", other_case_id="KS78", case_id="IGNORED", action_code="R")
    header = sent(send(make, "MSC P GSC15", make.case(), header=asked)).header
    assert (header.other_fips_county, header.other_case_id) == ("177", "KS78")
    assert (header.case_id, header.action_code) == (make.case_id, "P")


def written(make, far, **header):
    incoming = make.incoming(far, **header)
    return Transaction(header=incoming.header)


def test_a_whole_transaction_goes_with_the_same_effects(make):
    record = make.case()
    decision = originate_written(written(make, "MSC P GSC17"), make.context(record))
    assert str(sent(decision).far) == "MSC P GSC17"
    assert after(record, decision).withholding_stop_requested_on == make.today


def test_a_whole_transaction_meets_the_same_objections(make):
    context = make.context(make.case("responding"))
    assert refused(originate_written(written(make, "MSC P GSC17"), context)) == ["case.role"]


def test_a_code_outside_the_agreed_set_may_go_as_a_whole(make):
    assert sent(originate_written(written(make, "MSC P GSC4D"), make.context(make.case())))


@pytest.mark.parametrize("far", ["LO1 R BLANK", "CSI R FRINF", "ENF R ERALL"])
def test_what_opens_a_matter_needs_no_facts(make, far):
    decision = originate_written(written(make, far), make.context(None))
    assert sent(decision)
    assert decision.case_changes == ()


def test_what_opens_a_matter_still_needs_an_agreement(make, tmp_path):
    file = tmp_path / "agreements.toml"
    file.write_text(
        '[[agreement]]\npartner = "20"\nallowed = false\n'
        'citation = "agreement of 2026"\ntext = "Nothing is exchanged with Kansas."\n'
    )
    context = make.context(None, agreements=load_agreements(file))
    assert refused(originate_written(written(make, "LO1 R BLANK"), context)) == ["policy.exchange_agreement"]


def test_what_speaks_of_an_established_case_needs_its_facts(make):
    assert refused(originate_written(written(make, "MSC P GSC15"), make.context(None))) == ["case.known"]
