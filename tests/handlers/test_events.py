"""Events on a case: what holds for all kinds; each of them is in fixtures/stories/events.toml."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.codecs.codes import VALID
from csenet.handlers.event_form import event_from_json
from csenet.handlers.event_table import kinds, load_kinds
from csenet.handlers.events import Happened, happened
from csenet.handlers.facts import FactsError
from csenet.handlers.policy.closure import closures
from csenet.handlers.policy.dated import PolicyError

TODAY = date(2026, 11, 5)
ORDER = {
    "order_fips_state": "20",
    "order_fips_county": "000",
    "order_id": "KSO1",
    "order_filing_date": "2026-10-01",
    "order_type": "J",
    "debt_type": "CS",
    "order_freq": "M",
    "order_freq_amount": "300.00",
    "order_effective_date": "2026-11-01",
    "medical_ordered": "N",
}
KNOWN: dict[str, Any] = {
    "case": {
        "case_type": "N",
        "case_status": "O",
        "contact_name_last": "NORDQUIST",
        "contact_phone_num": "6515550100",
        "payment_mail_address_line_1": "PO BOX 1",
        "payment_city": "SAINT PAUL",
        "payment_state": "MN",
        "payment_zip_1": "55101",
    },
    "ncp_locate": {
        "residential_address_line_1": "3 OLD ROAD",
        "residential_city": "TOPEKA",
        "residential_state": "KS",
        "residential_zip_1": "66603",
        "residential_address_effective_date": "2026-01-05",
        "residential_address_confirmed_ind": "Y",
    },
    "orders": [ORDER],
}


def play(make: Any, role: str, event: dict[str, Any], **more: Any) -> Happened:
    """Let one event happen on a case whose facts are complete."""
    facts = KNOWN | more.pop("facts", {})
    record = make.case(role, state=more.pop("state", None), **facts)
    context = make.context(record, today=TODAY, received_on=TODAY, **more)
    return happened(event_from_json({"id": "E1", **event}, TODAY), context)


AUTOMATIC = {"LO1 P", "CSI P"}
NOT_BY_EVENT = {"MSC P REJCT"}
"""The gateway rejects by itself."""


def test_every_core_code_that_is_no_automatic_answer_follows_from_an_event() -> None:
    told = {send.far for row in kinds().values() for send in row.sends}
    closing = {f"MSC P {code}" for code in closures()}
    core = {str(code) for code, row in VALID.items() if row.core and str(code)[:5] not in AUTOMATIC}
    assert core - told - closing == NOT_BY_EVENT


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = {"id": "", "kind": "worker_changed", "on": "tomorrow", "text": "X", "case": {"case_type": "A"}}
    with pytest.raises(FactsError) as refused:
        event_from_json(wrong, TODAY)
    assert {where for where, _ in refused.value.problems} == {"id", "on", "text", "case.case_type"}


def test_a_notice_of_intent_gives_the_other_state_its_time(make: Any) -> None:
    with pytest.raises(FactsError, match="2027-01-04 or later"):
        play(make, "responding", {"kind": "intent_to_close", "date": "2027-01-03"})
    found = play(make, "responding", {"kind": "intent_to_close", "date": "2027-01-04"})
    assert [change.set for change in found.decision.case_changes] == [
        {"closes_unless_answered_by": "2027-01-04"}
    ]


def test_a_new_address_leaves_nothing_of_the_old_one(make: Any) -> None:
    street = {"residential_address_line_1": "1 NEW STREET", "residential_state": "KS"}
    found = play(make, "initiating", {"kind": "address_found", "ncp_locate": street})
    held = found.told.record.facts.ncp_locate
    assert held is not None
    assert (held.residential_city, held.residential_zip_1) == (None, None)
    assert held.residential_address_effective_date == TODAY


def test_what_is_null_is_erased(make: Any) -> None:
    found = play(make, "initiating", {"kind": "worker_changed", "case": {"contact_phone_num": None}})
    assert found.told.record.facts.case is not None
    assert found.told.record.facts.case.contact_phone_num is None
    assert found.told.changed == ("case.contact_phone_num",)


def test_only_the_dependents_of_the_event_are_told_and_who_is_protected_stays_so(make: Any) -> None:
    event = {
        "kind": "participant_changed",
        "participants": [{"name_first": "LARK", "place_of_birth": "DULUTH"}],
    }
    facts = {"protected": ["participants[1]"]}
    found = play(make, "initiating", event, facts=facts)
    (child,) = found.decision.replies[0].transaction.participants
    assert child.name_first == "LARK"
    assert child.participant_address_line_1 is None
    assert found.told.record.facts.protected == ("participants[1]",)


def test_an_ended_dependent_does_not_come_back_as_an_open_one(make: Any) -> None:
    ended = play(make, "initiating", {"kind": "participant_ended", "participants": [{"name_first": "LARK"}]})
    people = [msgspec.to_builtins(each) for each in ended.told.record.facts.participants]
    people = [{name: str(value) for name, value in each.items() if value is not None} for each in people]
    people.append({**people[1], "name_first": "FINN", "participant_status": "O"})
    wanted = {"kind": "referral_wanted", "of": "support_order"}
    found = play(make, "initiating", wanted, facts={"participants": people})
    assert [each.name_first for each in found.decision.replies[0].transaction.participants] == [
        "WREN",
        "FINN",
    ]


def test_what_an_event_lacked_is_done_when_it_is_told_whole(make: Any) -> None:
    lacked = play(make, "responding", {"kind": "hearing_scheduled", "of": "support"}).decision.work_items[0]
    assert lacked.title == "EST P SICHS cannot be composed: supply date and send it"
    mine = make.work(4, lacked.kind, "", details=lacked.details)
    other = make.work(5, lacked.kind, "", details=lacked.details | {"far": "MSC P GIHER"})
    whole = {"kind": "hearing_scheduled", "of": "support", "date": "2026-12-01"}
    assert play(make, "responding", whole, open_work=(mine, other)).decision.closes_work == (4,)


def test_a_second_lack_of_the_same_elements_opens_no_second_item(make: Any) -> None:
    work = make.work(4, "complete_facts", "", details={"far": "MSC P GSTAI", "missing": "balances"})
    found = play(make, "initiating", {"kind": "balances_stated"}, open_work=(work,))
    assert found.decision.work_items == ()
    assert found.decision.notes == ("work item 4 names already what MSC P GSTAI lacks",)


def test_an_acknowledgment_by_a_person_closes_the_work_of_that_request_only(make: Any) -> None:
    works = tuple(
        make.work(number, "acknowledge_referral", "", details={"far": far})
        for number, far in ((1, "EST R SRORD"), (2, "PAT R BLANK"))
    )
    event = {"kind": "referral_acknowledged", "of": "paternity"}
    found = play(make, "responding", event, open_work=works)
    assert found.decision.closes_work == (2,)


def test_closing_completes_the_work_that_an_instruction_opened(make: Any) -> None:
    close = make.work(1, "close_case", "GSC15:20:000000000042", details={"serial": "000000000042"})
    event = {"kind": "case_closed", "criterion": "303.11(b)(19)", "on": "2026-11-04"}
    found = play(make, "responding", event, open_work=(close,))
    assert [line.far for line in found.lines] == ["MSC P GSC16"]
    assert found.decision.closes_work == (1,)
    assert str(found.decision.replies[0].transaction.header.action_resolution_date) == "2026-11-04"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('sends = [{ far = "MSC P NONE" }]', "sends[1].far"),
        ('sends = [{ far = "MSC P GSADD", role = "responding" }]', "sends[1].role"),
        ('sends = [{ far = "MSC P GSWKR", of = ["x"] }]', "sends[1].of"),
        ('sends = [{ far = "MSC P GSWKR", not_before = "ZZ" }]', "not_before"),
        ('silent = "x"\nsends = [{ far = "MSC P GSWKR" }]', "sends"),
        ('silent = "x"\nduty = "ZZ"', "duty"),
        ('silent = "x"\nmay = ["case.nonsense"]', "may"),
        ('silent = "x"\nneeds = ["nonsense"]', "needs"),
        ('silent = "x"\nsets = [{ field = "case.nonsense", value = "1" }]', "sets"),
    ],
)
def test_a_wrong_row_stops_the_start_with_its_key(tmp_path: Path, row: str, problem: str) -> None:
    path = tmp_path / "events.toml"
    path.write_text(f'[[event]]\nkind = "k"\ntitle = "t"\ncitation = "c"\n{row}\n', "utf-8")
    with pytest.raises(PolicyError) as refused:
        load_kinds(path)
    assert any(problem in line for line in refused.value.problems)
