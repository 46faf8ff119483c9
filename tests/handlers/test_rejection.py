"""Rejections in both directions: what we send back, what we never send back, and what comes back to us."""

from datetime import date

import pytest

from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.router import dispatch

NO_ANSWERS = """
[[agreement]]
partner = "20"
function = "MSC"
direction = "send"
allowed = false
citation = "agreement of 2026-01-01"
text = "Nothing is sent to Kansas."
"""


def test_a_case_we_do_not_know_is_rejected_with_what_was_sent(make):
    decision = dispatch(make.incoming("MSC R GRINT"), make.context(None))
    assert decision.work_items == ()
    (reply,) = decision.replies
    tx = reply.transaction
    assert str(tx.far) == "MSC P REJCT"
    # Serial number, action, function, date, reason of the rejected transaction.
    assert tx.information.information_text_line_1 == "000000000042RMSC20261103GRINT"
    assert (tx.header.case_id, tx.header.other_case_id) == (make.case_id, make.other_case_id)
    assert (tx.header.local_fips_state, tx.header.other_fips_state) == ("27", "20")
    assert tx.header.transaction_serial_number is None
    assert tx.header.transaction_date == make.today
    assert (tx.case, tx.ncp_identification, tx.ncp_locate) == (None, None, None)
    assert (tx.participants, tx.orders, tx.collections) == ((), (), ())
    assert tx.information.status_change_code is None
    assert reply.in_reply_to
    assert decision.reasons[0].rule == "unknown_case_is_rejected"


def test_the_rejection_goes_to_the_office_that_sent(make):
    tx = make.incoming("MSC R GRINT", other_fips_county="177", other_fips_sub=None)
    (reply,) = dispatch(tx, make.context(None)).replies
    header = reply.transaction.header
    assert (header.other_fips_state, header.other_fips_county, header.other_fips_sub) == ("20", "177", None)


@pytest.mark.parametrize("far", ["EST R SRPAT", "ENF P EILMV", "LO1 P LSADR", "COL P CISUB", "EST P SSEST"])
def test_other_functions_are_rejected_alike(make, far):
    (reply,) = dispatch(make.incoming(far), make.context(None)).replies
    line = reply.transaction.information.information_text_line_1
    assert line == f"000000000042{far[4]}{far[:3]}20261103{far[6:]}"


@pytest.mark.parametrize("far", ["MSC P REJCT", "CSI P FSINF", "CSI P FUINF"])
def test_some_are_never_rejected(make, far):
    decision = dispatch(make.incoming(far), make.context(None))
    assert decision.replies == ()
    (work,) = decision.work_items
    assert work.kind == "review"
    assert "check.rejectable" in [why.rule for why in work.reasons]


@pytest.mark.parametrize("blank", ["other_case_id", "transaction_date", "transaction_serial_number"])
def test_what_cannot_be_named_cannot_be_rejected(make, blank):
    decision = dispatch(make.incoming("MSC R GRINT", **{blank: None}), make.context(None))
    assert decision.replies == ()
    assert decision.work_items[0].kind == "review"


def test_where_no_agreement_lets_us_answer_a_person_tells_the_other_state(make, tmp_path):
    file = tmp_path / "agreements.toml"
    file.write_text(NO_ANSWERS)
    decision = dispatch(make.incoming("MSC R GRINT"), make.context(None, agreements=load_agreements(file)))
    assert decision.replies == ()
    assert decision.work_items[0].kind == "send_otherwise"


@pytest.mark.parametrize("role", ["initiating", "responding"])
def test_a_rejection_of_ours_becomes_work_to_find_the_case_id(make, role):
    tx = make.incoming("MSC P REJCT", "000000000007RMSC20261102GRINT")
    decision = dispatch(tx, make.context(make.case(role), sent=make.sent()))
    assert decision.replies == ()
    assert decision.case_changes == ()
    (work,) = decision.work_items
    assert work.kind == "find_case_id"
    assert work.case_id == make.case_id
    assert work.due == date(2026, 11, 19)
    assert work.details["rejected_far"] == "MSC R GRINT"
    assert work.details["rejected_serial"] == "000000000007"
    assert decision.notes


def test_a_rejection_reaches_a_person_even_if_the_case_is_closed_by_now(make):
    record = make.case("responding", state={"status": "closed"})
    tx = make.incoming("MSC P REJCT", "000000000007PMSC20261102GSC18")
    decision = dispatch(tx, make.context(record, sent=make.sent("MSC P GSC18")))
    assert decision.work_items[0].kind == "find_case_id"


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("000000000007RMSC20261102GRINT", None),
        ("000000000008RMSC20261102GRINT", {}),
        ("000000000007RMSC20261102GRINT", {"partner": "19"}),
        ("WRONG CASE ID", {}),
        (None, {}),
    ],
)
def test_a_rejection_that_names_nothing_of_ours_is_looked_at(make, line, sent):
    tx = make.incoming("MSC P REJCT", line)
    ours = make.sent(**sent) if sent is not None else None
    decision = dispatch(tx, make.context(make.case(), sent=ours))
    (work,) = decision.work_items
    assert work.kind == "review"
    assert work.reasons[0].rule == "rejection.unmatched"
