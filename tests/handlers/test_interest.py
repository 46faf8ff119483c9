"""Interest information: asked for, told, received; and never a guess."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from csenet.handlers.context import CaseRecord, CaseState, apply
from csenet.handlers.policy.interest import Ledger, Obligation
from csenet.handlers.router import dispatch

# 1,000.00 unpaid over the 365 days 2021-08-01..2022-07-31 at 4 % is 40.00; from 2022-08-01 the rate is 0 %.
# The payment of 50.00 goes to the oldest principal: 950.00 + 250.00 = 1,200.00 are left, 1,240.00 in all.
LEDGER = {
    "obligations": [{"due": "2021-07-31", "amount": "1000.00"}, {"due": "2023-01-31", "amount": "250.00"}],
    "payments": [{"date": "2023-02-10", "amount": "50.00"}],
}
BALANCES = {"as_of": "2026-10-31", "arrears": "310.00", "interest": "12.50"}


def ask(make, **facts):
    more = {key: facts.pop(key) for key in ("state", "today") if key in facts}
    today = {"today": more.pop("today")} if "today" in more else {}
    return dispatch(make.incoming("MSC R GRINT"), make.context(make.case(**facts, **more), **today))


def told(decision):
    (reply,) = decision.replies
    assert decision.work_items == ()
    return reply.transaction


def question(decision):
    assert decision.replies == ()
    (work,) = decision.work_items
    assert work.kind == "provide_balances"
    # Ten working days after Wednesday 2026-11-04; Veterans Day, the 11th, does not count.
    assert (work.duty, work.due) == ("IN4", date(2026, 11, 19))
    assert work.title.endswith("?") or "state them" in work.title
    return work


def test_a_ledger_is_worked_out_for_today_and_told(make):
    tx = told(ask(make, ledger=LEDGER))
    # 12 positions each with two implied decimals, then the day.
    assert tx.information.information_text_line_1 == "00000012400000000000400020261105"
    assert tx.information.status_change_code == "O"


def test_the_answer_is_addressed_to_the_one_who_asked(make):
    decision = ask(make, ledger=LEDGER)
    (reply,) = decision.replies
    header = reply.transaction.header
    assert str(reply.transaction.far) == "MSC P GSTAI"
    assert (header.local_fips_state, header.local_fips_county) == ("27", "000")
    assert (header.other_fips_state, header.other_fips_county) == ("20", "000")
    assert (header.case_id, header.other_case_id) == (make.case_id, make.other_case_id)
    assert header.transaction_date == make.today
    assert header.transaction_serial_number is None
    assert header.csenet_version_number == "003"
    assert header.attachments_ind == "N"
    assert reply.in_reply_to
    assert reply.case_id == make.case_id
    assert reply.transaction.case.case_status == "O"
    assert reply.transaction.ncp_locate is None
    assert "45 CFR 303.7(c)(7)" in [why.citation for why in decision.reasons]


def test_the_case_id_in_the_request_reaches_the_answer_even_if_the_facts_have_none(make):
    tx = told(ask(make, ledger=LEDGER, other_case_id=None))
    assert tx.header.other_case_id == make.other_case_id


def test_stated_balances_are_told_as_stated(make):
    tx = told(ask(make, balances=BALANCES))
    assert tx.information.information_text_line_1 == "00000003100000000000125020261031"


def test_balances_as_of_today_may_be_told(make):
    tx = told(ask(make, balances=BALANCES | {"as_of": "2026-11-05"}))
    assert tx.information.information_text_line_1.endswith("20261105")


def test_balances_for_a_day_to_come_are_a_question(make):
    work = question(ask(make, balances=BALANCES | {"as_of": "2026-11-06"}))
    assert "balance_as_of_not_in_future" in [why.rule for why in work.reasons]


def test_neither_balances_nor_ledger_is_a_question(make):
    assert "as of which day?" in question(ask(make)).title


def test_unpaid_support_before_the_first_known_rate_is_a_question(make):
    old = {"obligations": [{"due": "2007-06-30", "amount": "100.00"}], "payments": []}
    work = question(ask(make, ledger=old))
    assert "not stated" in work.title
    assert "interest_rate" in [why.rule for why in work.reasons]


def test_old_support_that_was_paid_on_its_day_needs_no_rate(make):
    paid = {
        "obligations": [{"due": "2007-06-30", "amount": "100.00"}],
        "payments": [{"date": "2007-06-30", "amount": "100.00"}],
    }
    tx = told(ask(make, ledger=paid))
    assert tx.information.information_text_line_1 == "00000000000000000000000020261105"


def test_a_ledger_with_amounts_that_cannot_be_right_is_a_question(make):
    facts = make.case().facts
    wrong = Ledger(obligations=(Obligation(due=date(2026, 1, 1), amount=Decimal("-5")),))
    record = CaseRecord(facts=msgspec.structs.replace(facts, ledger=wrong), state=CaseState())
    work = question(dispatch(make.incoming("MSC R GRINT"), make.context(record)))
    assert "cannot be right" in work.title


def test_more_than_the_line_can_carry_is_a_question(make):
    month = {"due": "2026-01-01", "amount": "9999999999.99"}
    work = question(ask(make, ledger={"obligations": [month, month], "payments": []}))
    assert "more than" in work.title


def test_family_violence_is_marked_in_the_answer_and_among_the_reasons(make):
    decision = ask(make, balances=BALANCES, family_violence=True)
    assert told(decision).case.nondisclosure_finding == "Y"
    assert "disclosure.nondisclosure" in [why.rule for why in decision.reasons]


def test_an_order_of_ours_is_under_our_rates(make):
    tx = told(ask(make, ledger=LEDGER, orders=[{"order_fips_state": "27"}, {"order_fips_state": "27"}]))
    assert tx.information.information_text_line_1.startswith("000000124000")


def test_an_order_of_a_state_whose_rates_nobody_stated_is_a_question(make):
    question(ask(make, ledger=LEDGER, orders=[{"order_fips_state": "56"}]))


def test_an_order_of_a_place_that_is_no_jurisdiction_is_a_question(make):
    assert (
        "place that issued the order"
        in question(ask(make, ledger=LEDGER, orders=[{"order_fips_state": "80"}])).title
    )


def test_orders_of_several_states_are_a_question(make):
    orders = [{"order_fips_state": "27"}, {"order_fips_state": "20"}]
    assert "which one governs" in question(ask(make, ledger=LEDGER, orders=orders)).title


def test_stated_balances_need_no_governing_state(make):
    orders = [{"order_fips_state": "27"}, {"order_fips_state": "20"}]
    assert told(ask(make, balances=BALANCES, orders=orders))


def test_what_the_federal_edits_would_refuse_is_not_sent(make):
    # Chart C-3 wants a Case block in this transaction, and the block needs a case type.
    decision = ask(make, balances=BALANCES, case=None)
    assert decision.replies == ()
    (work,) = decision.work_items
    assert work.kind == "complete_facts"
    assert "case Case-Type" in work.details["missing"]
    assert work.due == date(2026, 11, 19)


def test_a_profile_that_says_no_sends_nothing_but_the_duty_stands(make):
    record = make.case(balances=BALANCES)
    context = make.context(record, switches={"sends_gstai": False})
    decision = dispatch(make.incoming("MSC R GRINT"), context)
    assert decision.replies == ()
    (work,) = decision.work_items
    assert work.kind == "send_otherwise"
    assert work.due == date(2026, 11, 19)
    assert work.details["far"] == "MSC P GSTAI"


@pytest.mark.parametrize("role", ["initiating", "responding"])
def test_received_balances_are_recorded_in_either_role(make, role):
    record = make.case(role)
    tx = make.incoming("MSC P GSTAI", "00000003100000000000125020261031")
    decision = dispatch(tx, make.context(record))
    (work,) = decision.work_items
    assert work.kind == "update_case"
    assert "310" not in work.title
    assert decision.replies == ()
    (change,) = decision.case_changes
    received = apply(record, change).state.received_balances
    assert received.arrears == Decimal("310.00")
    assert received.interest == Decimal("12.50")
    assert received.as_of == date(2026, 10, 31)
    assert received.sender == "20"
    assert decision.reasons


def test_received_balances_settle_our_open_request(make):
    waiting = make.work(5, "await_balances", group="")
    done = make.work(6, "await_balances", group="", completed_on=date(2026, 11, 1))
    other = make.work(7, "review", group="")
    tx = make.incoming("MSC P GSTAI", "00000003100000000000125020261105")
    context = make.context(make.case("responding"), open_work=(waiting, done, other))
    assert dispatch(tx, context).closes_work == (5,)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("00000003100000000000125020261106", "balance_as_of_not_in_future"),
        ("00000003100000000000125020261332", "interest.line_readable"),
        ("ABOUT 300 DOLLARS", "interest.line_readable"),
        (None, "interest.line_readable"),
    ],
)
def test_balances_that_cannot_be_right_are_looked_at_and_not_recorded(make, line, rule):
    decision = dispatch(make.incoming("MSC P GSTAI", line), make.context(make.case("responding")))
    assert decision.case_changes == ()
    (work,) = decision.work_items
    assert work.kind == "review"
    assert work.reasons[0].rule == rule
