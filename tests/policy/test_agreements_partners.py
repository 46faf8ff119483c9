"""What goes to a partner that does not take a transaction: another way, never silence."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.handlers.policy.agreements import (
    alternatives,
    load_agreements,
    load_sending_rules,
    may_send,
    sending_rules,
)
from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.profile import AnswerRow, Profile, load_profile
from csenet.handlers.policy.rules import NotStated, Stated

TODAY = date(2026, 11, 21)
NO_LO1 = """
[[agreement]]
partner = "20"
function = "{}"
allowed = false
citation = "agreement with Kansas"
text = "There is no locate agreement with this state."
"""
ROW = """
[[agreement]]
partner = "20"
since = 2026-01-01
until = 2026-12-31
allowed = {allowed}
tax_information = true
citation = "agreement with Kansas"
text = "Tax information may go."
"""


def test_a_partner_gets_it_or_the_alternative_is_named(
    partner_case: dict[str, Any], table: Callable[..., Path]
) -> None:
    partner = load_profile("20").with_switches(partner_case["partner_answers"])
    own = table(NO_LO1.format(partner_case["forbidden"])) if "forbidden" in partner_case else None
    said = may_send(partner_case["far"], "20", TODAY, load_profile("27"), load_agreements(own), partner)
    assert said.allowed is partner_case["allowed"]
    assert partner_case.get("because", "") in said.why.text
    assert (said.instead.id if said.instead else None) == partner_case.get("instead")


def outsider() -> Profile:
    """Make a Kansas that says it stays out of CSENet from 2027 on."""
    row = AnswerRow(citation="IRG Kansas", text="No.", since=date(2027, 1, 1), value=False)
    known = load_profile("20")
    return msgspec.structs.replace(known, answers={**known.answers, "takes_part_in_csenet": (row,)})


def test_a_partner_that_stays_out_of_csenet_is_told_everything_on_paper() -> None:
    last, first = date(2026, 12, 31), date(2027, 1, 1)
    for far in ("LO1 R BLANK", "MSC P GSC17", "COL P CITAX"):
        before = may_send(far, "20", last, load_profile("27"), load_agreements(), outsider())
        after = may_send(far, "20", first, load_profile("27"), load_agreements(), outsider())
        assert before.allowed
        assert not after.allowed
        assert after.instead is not None
        assert after.instead.id == "paper"
        assert "exchanges nothing" in after.why.text


def test_the_agency_s_own_agreement_goes_before_the_partner_s_profile(table: Callable[..., Path]) -> None:
    own = load_agreements(table(NO_LO1.format("LO1").replace("false", "true")))
    said = own.may_exchange("20", "LO1", "send", date(2027, 1, 1), outsider())
    assert isinstance(said, Stated)
    assert said.value is True
    said = own.may_exchange("20", "MSC", "receive", date(2027, 1, 1), outsider())
    assert isinstance(said, Stated)
    assert said.value is False


def test_whatever_may_not_go_has_another_way() -> None:
    none = load_agreements()
    for far in [row.far for row in sending_rules()]:
        for switches in ({}, dict.fromkeys((row.question for row in sending_rules()), False)):
            said = may_send(far, "20", TODAY, load_profile("27").with_switches(switches), none)
            assert said.allowed is (said.instead is None)
    assert {row.id for row in alternatives()} == {"paper", "person"}
    assert all(row.why().citation.startswith("45 CFR") for row in alternatives())


def test_the_published_profile_of_the_partner_is_asked_where_none_is_given() -> None:
    assert may_send("MSC P GSC17", "27", TODAY, load_profile("20"), load_agreements()).allowed


def test_tax_information_needs_an_agreement_in_force(table: Callable[..., Path]) -> None:
    agreements = load_agreements(table(ROW.format(allowed="true")))
    last, after = date(2026, 12, 31), date(2027, 1, 1)
    said = agreements.may_carry_tax_information("20", "COL", last)
    assert isinstance(said, Stated)
    assert said.value is True
    assert isinstance(agreements.may_carry_tax_information("20", "COL", after), NotStated)
    assert isinstance(agreements.may_carry_tax_information("55", "COL", last), NotStated)


def test_an_agreement_that_forbids_the_exchange_forbids_its_tax_information(
    table: Callable[..., Path],
) -> None:
    agreements = load_agreements(table(ROW.format(allowed="false")))
    said = agreements.may_carry_tax_information("20", "COL", date(2026, 6, 1))
    assert isinstance(said, Stated)
    assert said.value is False


def test_a_sending_rule_without_a_way_out_is_refused(table: Callable[..., Path]) -> None:
    text = """
default_alternative = "pigeon"
[[alternative]]
id = "paper"
text = "t"
citation = ""
[[sending]]
far = "MSC P GSC15"
question = "sends_gsc15"
citation = "c"
when_no = "n"
allowed_when_not_stated = true
when_not_stated = "s"
alternative = "smoke"
"""
    with pytest.raises(PolicyError) as caught:
        load_sending_rules(table(text))
    assert caught.value.problems == (
        "sending 'MSC P GSC15'.alternative: no such alternative",
        "alternative 'paper'.citation: is missing",
        "default_alternative: no such alternative",
    )
