"""What every incoming transaction must pass: each objection has one outcome, and nothing else happens."""

from datetime import date

import pytest

from csenet.codecs.codes import VALID
from csenet.handlers.checks import record_of
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.router import ROUTES, dispatch
from csenet.handlers.work import due_by

HANDLED = ["MSC P GSC15", "MSC P GSC16", "MSC P GSC17", "MSC P GSC18", "MSC R GRINT", "MSC P GSTAI"]


def only_work(decision):
    """Give the one work item of a decision that does nothing else."""
    assert decision.replies == ()
    assert decision.case_changes == ()
    assert decision.closes_work == ()
    (work,) = decision.work_items
    assert work.reasons
    assert decision.reasons
    return work


@pytest.mark.parametrize(
    ("far", "ours"),
    [
        ("MSC P GSC15", "initiating"),
        ("MSC P GSC17", "initiating"),
        ("MSC R GRINT", "responding"),
        ("MSC P GSC16", "responding"),
        ("MSC P GSC18", "responding"),
    ],
)
def test_a_state_without_the_role_is_not_obeyed(make, far, ours):
    record = make.case(ours, balances={"as_of": "2026-11-01", "arrears": "1.00", "interest": "0.00"})
    work = only_work(dispatch(make.incoming(far), make.context(record)))
    assert work.kind == "wrong_role"
    assert f"we are the {ours} state" in work.title
    assert work.reasons[0].rule == "sender_must_have_role"
    assert work.details["far"] == far


def test_the_answer_to_our_own_closing_is_noted_on_the_closed_case(make):
    record = make.case("initiating", state={"status": "closed", "closed_on": "2026-10-01"})
    decision = dispatch(make.incoming("MSC P GSC16"), make.context(record))
    assert decision.work_items == ()
    assert [change.set for change in decision.case_changes] == [{"other_state_closed_on": "2026-11-03"}]


@pytest.mark.parametrize("far", [far for far in HANDLED if not far.endswith("GSC16")])
def test_nothing_is_done_on_a_closed_case(make, far):
    role = "responding" if far.endswith(("15", "17")) else "initiating"
    record = make.case(role, state={"status": "closed", "closed_on": "2026-10-01"})
    work = only_work(dispatch(make.incoming(far), make.context(record)))
    assert work.kind == "case_closed"
    assert work.details["closed_on"] == "2026-10-01"


def test_a_closed_case_without_a_date_is_closed_all_the_same(make):
    record = make.case(state={"status": "closed"})
    work = only_work(dispatch(make.incoming("MSC R GRINT"), make.context(record)))
    assert work.kind == "case_closed"
    assert "closed_on" not in work.details


def test_another_state_than_the_one_in_the_case_is_not_obeyed(make):
    tx = make.incoming("MSC R GRINT", other_fips_state="19")
    work = only_work(dispatch(tx, make.context(make.case())))
    assert work.kind == "wrong_state"
    assert work.details["from"] == "19"


def test_a_blank_case_id_is_looked_for_and_never_rejected(make):
    tx = make.incoming("MSC R GRINT", case_id=None)
    work = only_work(dispatch(tx, make.context(None)))
    assert work.kind == "review"
    assert work.case_id is None
    assert work.reasons[0].rule == "missing_case_id_is_not_rejected"


def test_what_is_meant_for_another_state_is_looked_at(make):
    tx = make.incoming("MSC R GRINT", local_fips_state="55")
    assert only_work(dispatch(tx, make.context(make.case()))).kind == "review"


def test_an_unknown_code_is_looked_at(make):
    tx = make.incoming("MSC R XXXXX")
    work = only_work(dispatch(tx, make.context(make.case())))
    assert work.kind == "review"
    assert work.reasons[0].rule == "check.code_known"


def agreements(tmp_path, text):
    file = tmp_path / "agreements.toml"
    file.write_text(text)
    return load_agreements(file)


NO_KANSAS = """
[[agreement]]
partner = "20"
function = "MSC"
direction = "receive"
allowed = false
citation = "agreement of 2026-01-01"
text = "No managing of cases is exchanged with Kansas."
"""


def test_what_no_agreement_covers_becomes_work(make, tmp_path):
    context = make.context(make.case(), agreements=agreements(tmp_path, NO_KANSAS))
    work = only_work(dispatch(make.incoming("MSC R GRINT"), context))
    assert work.kind == "no_agreement"
    assert work.reasons[0].citation == "agreement of 2026-01-01"


def test_every_valid_transaction_has_a_route():
    assert not VALID.keys() - ROUTES.keys()


def test_no_valid_transaction_is_met_with_silence(make):
    for role in ("initiating", "responding"):
        context = make.context(make.case(role))
        for code in VALID:
            decision = dispatch(make.incoming(str(code)), context)
            assert decision.reasons, code
            assert all(why.rule and why.text and why.citation for why in decision.reasons)
            acted = decision.work_items or decision.replies or decision.case_changes or decision.notes
            assert acted, code


def test_a_closure_notice_of_the_initiating_state_comes_with_its_ground_and_a_date(make):
    work = only_work(dispatch(make.incoming("MSC P GSC09"), make.context(make.case("responding"))))
    assert work.kind == "close_case"
    assert work.duty == "RS10"
    assert work.due == date(2026, 11, 19)
    assert "45 CFR 303.11(b)(12)" in [why.citation for why in work.reasons]


def test_work_carries_no_personal_data(make):
    facts = str(make.body())
    names = ["EXAMPLESON", "ROWAN", "900112233", "SAMPLEDOTTIR", "1984", "NOWHERE"]
    assert any(name in facts for name in names)
    for role in ("initiating", "responding"):
        context = make.context(make.case(role))
        for code in VALID:
            decision = dispatch(make.incoming(str(code)), context)
            told = f"{decision.work_items}{decision.notes}{decision.reasons}{decision.case_changes}"
            assert not [name for name in names if name in told]


def test_a_handler_without_its_case_is_a_mistake(make):
    with pytest.raises(LookupError):
        record_of(make.context(None))


def test_a_duty_without_a_limit_is_due_on_no_day(make):
    context = make.context(make.case())
    assert due_by("AN3", context, make.today) == (None, ())
    assert due_by(None, context, make.today) == (None, ())
