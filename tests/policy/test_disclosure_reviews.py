"""What a transaction may tell, person by person; who may release it; where federal tax information goes."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from csenet.codecs.codes import VALID, FarCode
from csenet.handlers.policy import disclosure
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.disclosure import UnknownBlockError, load_table
from csenet.handlers.policy.disclosure_review import Release, Risk, review, tax_review

TODAY = date(2026, 11, 21)
LSADR = {"case": 1, "ncp_locate": 1, "participants": 1}


def risk_of(case: dict[str, Any]) -> Risk:
    given = dict(case["risk"])
    return Risk(**given | {"participants": tuple(given.get("participants", ()))})


def test_what_leaves_is_decided_block_by_block(review_case: dict[str, Any]) -> None:
    said = review(
        review_case["far"],
        review_case["blocks"],
        risk_of(review_case),
        TODAY,
        listed=review_case.get("listed", ()),
    )
    assert said.send == review_case["sends"]
    stays = [f"{each.block} {each.occurrence}" for each in said.blocks if not each.allowed]
    assert stays == review_case.get("stays", [])
    blank = [each for each in said.blocks if each.allowed and each.blank]
    assert [f"{each.block} {each.occurrence}" for each in blank] == review_case.get("blank", [])
    assert all("participant_city" in each.blank for each in blank)
    numbers = [f"{each.block} {each.occurrence}" for each in blank if "ssn" in each.blank]
    assert numbers == review_case.get("number_stays", [])
    assert bool(said.line) is review_case.get("adds_line", False)
    assert review_case.get("because", "") in " ".join(why.text for why in said.reasons)


def test_what_stays_has_a_reason_and_what_leaves_needs_none(review_case: dict[str, Any]) -> None:
    said = review(review_case["far"], review_case["blocks"], risk_of(review_case), TODAY)
    something = said.send != review_case["far"] or any(not e.allowed or e.blank for e in said.blocks)
    assert bool(said.reasons) is something
    assert all(why.citation for why in said.reasons)


def test_only_two_persons_with_a_reason_release_it(release_case: dict[str, Any]) -> None:
    release = Release(**release_case["release"])
    said = review("MSC P LSADR", LSADR, Risk(case=True), TODAY, release=release)
    assert said.released is release_case["released"]
    assert all(each.allowed and not each.blank for each in said.blocks) is release_case["released"]
    assert release_case.get("because", "") in "; ".join(said.refused)
    assert bool(said.refused) is not release_case["released"]
    if said.released:
        assert [why.rule for why in said.reasons] == ["disclosure_override_by_two"]


def test_a_release_lets_the_real_answer_go() -> None:
    release = Release(asked_by="A", approved_by="B", reason="r")
    said = review("LO1 P LSADR", {"ncp_locate": 1}, Risk(case=True), TODAY, release=release)
    assert (said.send, said.released) == ("LO1 P LSADR", True)


def test_a_release_names_nobody_in_its_reason() -> None:
    release = Release(asked_by="Worker One", approved_by="Worker Two", reason="court order")
    said = review("MSC P LSADR", LSADR, Risk(case=True), TODAY, release=release)
    assert "Worker" not in str(said.reasons)


def test_a_release_of_what_is_not_withheld_releases_nothing() -> None:
    release = Release(asked_by="A", approved_by="B", reason="r")
    assert not review("MSC P LSADR", LSADR, Risk(), TODAY, release=release).released


def test_federal_tax_information_goes_only_where_the_agreement_allows_it(
    tax_case: dict[str, Any], table: Callable[..., Path]
) -> None:
    own = None
    if "agreement" in tax_case:
        said = str(tax_case["agreement"]).lower()
        row = f'[[agreement]]\npartner = "20"\nallowed = true\ntax_information = {said}\n'
        own = table(row + 'citation = "agreement with Kansas"\ntext = "t"\n')
    permission = tax_review(tax_case["far"], tax_case["blocks"], "20", TODAY, load_agreements(own))
    assert permission.allowed is tax_case["allowed"]
    assert (permission.instead.id if permission.instead else None) == tax_case.get("instead")


def test_marked_blocks_are_named_with_their_law() -> None:
    said = tax_review(
        "COL P CITAX", {"collections": [{"payment_source": "I"}]}, "20", TODAY, load_agreements()
    )
    assert [(why.rule, why.value) for why in said.also] == [
        ("tax_information_needs_agreement", "yes"),
        ("tax_information", "collections"),
    ]
    assert all("26 U.S.C. 6103" in why.citation for why in said.also)


def test_an_unknown_block_is_refused() -> None:
    with pytest.raises(UnknownBlockError, match="'gossip'"):
        review("MSC P GSPUD", {"gossip": 1}, Risk(), TODAY)


def test_every_code_the_table_names_is_one_that_states_can_send() -> None:
    held = disclosure.table()
    named = [row.far for row in (*held.replace, *held.tax_information) if "*" not in row.far]
    named += [row.send for row in held.replace if row.send]
    assert all(FarCode.parse(code) in VALID for code in named)
    assert held.line is not None
    assert len(held.line.text) <= 80


def test_every_answer_that_tells_a_place_is_replaced() -> None:
    replaced = {row.far for row in disclosure.table().replace}
    told = {str(code) for code in VALID if code.function == "LO1" and code.action == "P"}
    assert told - replaced == {"LO1 P LUALL", "LO1 P LUAPD"}


def test_a_wrong_table_is_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    text = 'blocks = ["case"]\nwithhold = []\n'
    text += '[[replace]]\nfar = "X"\ncitation = ""\ntext = "t"\n'
    text += '[[tax_information]]\nfar = "X"\nblock = "gossip"\ncitation = "c"\ntext = ""\n'
    text += f'[line]\ncitation = "c"\ntext = "{"x" * 81}"\n'
    with pytest.raises(PolicyError) as caught:
        load_table(table(text))
    assert caught.value.problems == (
        "tax_information[1].text: is missing",
        "tax_information[1].block: 'gossip' is not in blocks",
        "replace[1].citation: is missing",
        "line.text: is longer than the 80 characters of an information line",
    )
