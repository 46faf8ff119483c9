"""Decisions as JSON, and decisions joined."""

import json
from datetime import date

from csenet.handlers.decision import Decision, Why, merge, to_json
from csenet.handlers.router import dispatch


def test_a_decision_with_a_reply_is_json(make):
    balances = {"as_of": "2026-10-31", "arrears": "310.00", "interest": "12.50"}
    context = make.context(make.case(balances=balances))
    written = to_json(dispatch(make.incoming("MSC R GRINT"), context))
    assert json.loads(json.dumps(written)) == written
    (reply,) = written["replies"]
    assert reply["case_id"] == make.case_id
    assert reply["in_reply_to"] is True
    assert reply["transaction"]["header"]["action_reason"] == "GSTAI"
    assert written["reasons"][0]["citation"] == "45 CFR 303.7(c)(7)"


def test_a_decision_with_work_and_changes_is_json(make):
    context = make.context(make.case())
    written = to_json(dispatch(make.incoming("MSC P GSC18"), context))
    assert json.loads(json.dumps(written)) == written
    assert written["case_changes"][0]["set"]["other_state_closed_on"] == "2026-11-03"
    work = to_json(dispatch(make.incoming("MSC P GSC15"), make.context(make.case("responding"))))
    assert work["work_items"][0]["due"] == date(2026, 11, 19).isoformat()


def test_joined_decisions_keep_order_and_say_a_reason_once():
    one, two = (Why(rule=rule, text="text", citation="none") for rule in ("one", "two"))
    joined = merge(
        Decision(notes=("a",), reasons=(one,), closes_work=(1,)),
        Decision(notes=("b",), reasons=(one, two), closes_work=(2,)),
    )
    assert joined.notes == ("a", "b")
    assert joined.reasons == (one, two)
    assert joined.closes_work == (1, 2)
