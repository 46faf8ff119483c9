"""Who is at risk stays protected: in facts, in what is built, in what is answered, in what is written."""

from typing import Any

import pytest

from csenet.codecs.blocks import Case, Collection, NcpLocate, Participant
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.decision import Decision, Refusal
from csenet.handlers.disclosing import coded, objections, risk_of
from csenet.handlers.facts import FactsError, facts_from_json, facts_to_json
from csenet.handlers.filling import ComposeError
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.policy.disclosure import table
from csenet.handlers.replies import Answer, compose, reply_or_work
from csenet.handlers.router import originate, originate_written

LOCATE = {
    "residential_address_line_1": "3 NOWHERE LANE",
    "residential_address_effective_date": "2026-01-01",
    "residential_address_confirmed_ind": "Y",
}
PERSONS = [
    {
        "name_last": "SAMPLEDOTTIR",
        "name_first": "WREN",
        "relationship": "C",
        "participant_status": "O",
        "ssn": "900223344",
        "participant_address_line_1": "3 NOWHERE LANE",
    },
    {
        "name_last": "EXAMPLESON",
        "name_first": "LARK",
        "relationship": "D",
        "participant_status": "O",
        "ssn": "900334455",
        "dependent_relation_cp": "C",
    },
]
CASE = {
    "case_type": "N",
    "payment_mail_address_line_1": "PO BOX 1",
    "payment_city": "SAINT PAUL",
    "payment_state": "MN",
    "payment_zip_1": "55101",
    "contact_phone_num": "6515550100",
}
LSADR = FarCode.parse("LO1 P LSADR")
GRPAY = FarCode.parse("MSC R GRPAY")


def built(make: Any, code: FarCode | str, record: Any, **more: Any) -> Transaction:
    chosen = FarCode.parse(code) if isinstance(code, str) else code
    return compose(chosen, record, make.context(record), **more)


# ---- facts


def test_persons_at_risk_are_read_and_written_as_given(make):
    facts = make.case(protected=["participants[1]", "ncp"]).facts
    assert facts.protected == ("participants[1]", "ncp")
    assert facts_to_json(facts)["protected"] == ["participants[1]", "ncp"]
    assert facts_from_json(make.case_id, facts_to_json(facts)) == facts
    assert "protected" not in facts_to_json(make.case().facts)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ncp", 'must be a list of "ncp" and of participants such as "participants[0]"'),
        (["cp"], 'must be a list of "ncp" and of participants such as "participants[0]"'),
        ([1], 'must be a list of "ncp" and of participants such as "participants[0]"'),
        (["ncp", "ncp"], "names somebody twice"),
        (["participants[2]"], "names a participant that the facts do not have"),
    ],
)
def test_somebody_at_risk_who_cannot_be_found_is_an_error(make, given, message):
    with pytest.raises(FactsError) as wrong:
        facts_from_json(make.case_id, make.body(protected=given))
    assert wrong.value.problems == [("protected", message)]


def test_a_nondisclosure_finding_protects_everybody(make):
    assert risk_of(make.case(case={"nondisclosure_finding": "Y"}).facts).everybody
    assert not risk_of(make.case(case={"nondisclosure_finding": "N"}).facts).anybody
    assert not risk_of(make.case(case=None).facts).anybody


# ---- built from facts


def test_the_place_of_a_parent_at_risk_stays_and_the_rest_goes(make):
    record = make.case("responding", protected=["ncp"], ncp_locate=LOCATE, case=CASE)
    tx = built(make, GRPAY, record)
    assert tx.ncp_locate is None
    assert [each.name_first for each in tx.participants] == ["WREN", "LARK"]
    assert tx.case.nondisclosure_finding == "Y"


def test_a_parent_who_is_not_at_risk_is_told(make):
    record = make.case("responding", protected=["participants[0]"], ncp_locate=LOCATE)
    assert built(make, LSADR, record).ncp_locate.residential_address_line_1 == "3 NOWHERE LANE"


def test_only_the_number_of_the_participant_at_risk_stays(make):
    persons = [each | {"date_of_birth": "2014-09-15"} for each in PERSONS]
    record = make.case(participants=persons, protected=["participants[0]"], ncp_locate=LOCATE, case=CASE)
    tx = built(make, "EST R SRORD", record)
    assert [each.ssn for each in tx.participants] == [None, "900334455"]


def test_a_required_field_that_may_not_be_told_is_not_called_missing(make, monkeypatch):
    from csenet.codecs.codes import Element
    from csenet.handlers import filling, wanted

    listed = (Element("participants", "", "required"), Element("participants", "ssn", "required"))
    monkeypatch.setattr(filling, "wanted_by", lambda code: wanted.by_block(listed))
    record = make.case(participants=PERSONS, protected=["participants[1]"])
    seen = filling.Filling(GRPAY, record, make.today)
    assert [each.ssn for each in seen.repeated("participants")] == ["900223344"]
    (wrong,) = seen.missing
    assert (wrong.code, wrong.occurrence, wrong.field) == ("policy.family_violence_disclosure", 2, "ssn")
    assert "900334455" not in wrong.message


def test_what_was_withheld_is_said_in_the_free_text(make):
    record = make.case("responding", family_violence=True, ncp_locate=LOCATE, case=CASE)
    assert built(make, GRPAY, record).information.information_text_line_1 == table().line.text


def test_where_nothing_was_withheld_nothing_is_said(make):
    record = make.case("responding", family_violence=True, case=CASE)
    assert built(make, GRPAY, record).information is None


def test_the_answer_made_to_tell_a_place_is_refused_with_the_one_that_may_go(make):
    record = make.case("responding", case={"case_type": "N", "nondisclosure_finding": "Y"}, ncp_locate=LOCATE)
    with pytest.raises(ComposeError) as wrong:
        built(make, LSADR, record)
    (problem,) = wrong.value.problems
    assert problem.code == "policy.disclosure_replacement"
    assert problem.message.endswith("Send LO1 P LUALL instead.")
    assert problem.citation == "45 CFR 303.21(e)"


def test_case_information_of_a_protected_case_is_not_given(make):
    refusal = originate(
        FarCode.parse("CSI P FSINF"),
        make.context(make.case("responding", family_violence=True)),
    )
    assert isinstance(refusal, Refusal)
    assert "Send CSI P FUINF instead." in refusal.problems[0].message


# ---- answers of the gateway itself


def test_a_reply_that_would_tell_a_place_goes_as_the_answer_that_stands_in_for_it(make):
    record = make.case("responding", protected=["ncp"], ncp_locate=LOCATE)
    decision = reply_or_work(Answer(code=LSADR), record, make.context(record))
    (reply,) = decision.replies
    assert str(reply.transaction.far) == "LO1 P LUALL"
    assert "NOWHERE" not in str(reply.transaction)
    rules = [why.rule for why in decision.reasons]
    assert "disclosure_replacement" in rules
    assert "disclosure.nondisclosure" in rules


def test_a_reply_about_nobody_at_risk_goes_as_it_is(make):
    record = make.case("responding", ncp_locate=LOCATE)
    decision = reply_or_work(Answer(code=LSADR), record, make.context(record))
    assert str(decision.replies[0].transaction.far) == "LO1 P LSADR"
    assert not any("disclosure" in why.rule for why in decision.reasons)


def test_a_reply_with_federal_tax_information_becomes_work_where_no_agreement_lets_it_go(make):
    from csenet.codecs.blocks import Information

    record = make.case("responding")
    text = Information(status_change_code="O", information_text_line_1="THE REFUND WAS TAKEN BACK")
    code = FarCode.parse("ENF P ESTXR")
    answer = Answer(code=code, information=text)
    (work,) = reply_or_work(answer, record, make.context(record)).work_items
    assert work.kind == "send_otherwise"
    assert work.title.startswith("ENF P ESTXR may not go through the exchange: tell the other state on paper")
    assert work.details["instead"] == "paper"
    rules = [why.rule for why in work.reasons]
    assert rules[0] == "tax_information_agreement"
    assert {"tax_information", "alternative.paper"} <= set(rules)
    assert "REFUND" not in str(work)


# ---- the other way


def test_work_for_a_person_says_in_which_way_the_other_state_is_told(make):
    record = make.case("responding")
    context = make.context(record, switches={"sends_gsc18": False})
    answer = Answer(code=FarCode.parse("MSC P GSC18"))
    (work,) = reply_or_work(answer, record, context).work_items
    assert work.title == (
        "MSC P GSC18 may not go through the exchange: tell the other state on paper, with the federal form, "
        "in as many sets as it asks for"
    )
    assert work.details["instead"] == "paper"
    assert work.reasons[-1].rule == "alternative.paper"


def test_a_refusal_says_in_which_way_the_other_state_is_asked(make):
    refusal = originate(FarCode.parse("MSC R GRINT"), make.context(make.case("responding")))
    assert isinstance(refusal, Refusal)
    (problem,) = refusal.problems
    assert problem.code == "policy.sends_grint"
    assert problem.message.endswith("Instead: Ask the other state's agency by telephone or in writing.")


def test_a_rejection_that_may_not_go_says_how_the_other_state_is_told(make, tmp_path):
    from csenet.handlers.router import dispatch

    file = tmp_path / "agreements.toml"
    row = '[[agreement]]\npartner = "20"\nfunction = "MSC"\ndirection = "send"\nallowed = false\n'
    file.write_text(f'{row}citation = "c"\ntext = "t"\n', "utf-8")
    context = make.context(None, agreements=load_agreements(file))
    (work,) = dispatch(make.incoming("MSC R GRINT"), context).work_items
    assert work.title.endswith(
        "names no case of ours, tell the other state on paper, with the federal form, "
        "in as many sets as it asks for"
    )
    assert work.details["instead"] == "paper"


# ---- written by the case side


def written(make: Any, far: str, **blocks: Any) -> Transaction:
    code = FarCode.parse(far)
    header = make.incoming(far).header
    assert code == Transaction(header=header).far
    return Transaction(header=header, **blocks)


def objected(make: Any, tx: Transaction, **facts: Any) -> list[tuple[str, int, str]]:
    found = objections(tx, make.case(participants=PERSONS, **facts).facts, make.today)
    return [(problem.block, problem.occurrence, problem.field) for problem in found]


def test_a_written_place_of_somebody_at_risk_is_named(make):
    tx = written(make, "MSC P GSPUD", ncp_locate=NcpLocate(residential_city="NOWHERE"))
    assert objected(make, tx, protected=["ncp"]) == [("ncp_locate", 1, "")]
    assert objected(make, tx, protected=["participants[0]"]) == []
    assert objected(make, tx) == []


def test_a_written_person_is_recognised_by_name_and_the_rest(make):
    lark = Participant(name_last="Exampleson", name_first="LARK", ssn="900334455", participant_city="NOWHERE")
    wren = Participant(name_last="SAMPLEDOTTIR", name_first="WREN", participant_city="NOWHERE")
    tx = written(make, "MSC P GSPUD", participants=(lark, wren))
    assert objected(make, tx, protected=["participants[0]"]) == [("participants", 2, "participant_city")]
    assert objected(make, tx, protected=["participants[1]"]) == [
        ("participants", 1, "participant_city"),
        ("participants", 1, "ssn"),
    ]


@pytest.mark.parametrize(
    "stranger",
    [
        Participant(name_last="EXAMPLESON", name_first="LARKE", participant_city="NOWHERE"),
        Participant(name_last="EXAMPLESON", participant_city="NOWHERE"),
        Participant(name_last="EXAMPLESON", name_first="LARK", ssn="900999999", participant_city="NOWHERE"),
    ],
)
def test_who_cannot_be_told_from_somebody_at_risk_counts_as_at_risk(make, stranger):
    tx = written(make, "MSC P GSPUD", participants=(stranger,))
    assert ("participants", 1, "participant_city") in objected(make, tx, protected=["participants[0]"])


def test_a_finding_in_the_written_case_block_protects_everybody_even_without_facts(make):
    tx = written(
        make,
        "LO1 R BLANK",
        case=Case(nondisclosure_finding="Y"),
        ncp_locate=NcpLocate(residential_city="NOWHERE"),
        participants=(Participant(name_last="A"),),
    )
    found = objections(tx, None, make.today)
    assert [problem.block for problem in found] == ["ncp_locate"]
    assert objections(written(make, "LO1 R BLANK", ncp_locate=tx.ncp_locate), None, make.today) == []


def test_a_written_answer_that_would_tell_a_place_is_refused_with_the_one_that_may_go(make):
    tx = written(make, "LO1 P LSADR", ncp_locate=NcpLocate(residential_city="NOWHERE"))
    (problem,) = objections(tx, make.case(family_violence=True).facts, make.today)
    assert problem.code == "policy.disclosure_replacement"
    assert "NOWHERE" not in problem.message


# ---- federal tax information


def offset(make: Any, source: str | None) -> Transaction:
    return written(make, "COL P CITAX", collections=(Collection(payment_source=source),))


@pytest.mark.parametrize(("source", "refused"), [("I", True), (None, True), ("S", False)])
def test_an_offset_goes_only_where_an_agreement_lets_it_go(make, tmp_path, source, refused):
    record = make.case("initiating")
    tx = offset(make, source)
    said = originate_written(tx, make.context(record))
    assert isinstance(said, Refusal) is refused
    if isinstance(said, Refusal):
        assert [problem.code for problem in said.problems] == ["policy.tax_information_agreement"]
        assert "Instead: Tell the other state on paper" in said.problems[0].message
    file = tmp_path / "agreements.toml"
    row = '[[agreement]]\npartner = "20"\nallowed = true\ntax_information = true\n'
    file.write_text(f'{row}citation = "agreement with Kansas"\ntext = "t"\n', "utf-8")
    allowed = originate_written(tx, make.context(record, agreements=load_agreements(file)))
    assert isinstance(allowed, Decision)


def test_text_on_an_offset_that_is_built_from_facts_is_refused_as_well(make):
    from csenet.codecs.blocks import Information

    text = Information(status_change_code="O", information_text_line_1="THE REFUND WAS TAKEN BACK")
    said = originate(FarCode.parse("ENF P ESTXR"), make.context(make.case("responding")), information=text)
    assert isinstance(said, Refusal)
    assert [problem.code for problem in said.problems] == ["policy.tax_information_agreement"]


def test_what_cannot_be_read_could_hold_anything(make):
    assert coded(None)["collections"] == [{}]
    assert coded(offset(make, "I"))["collections"] == [{"payment_source": "I"}]
