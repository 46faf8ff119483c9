"""Completed work answers where it can, and is refused with a reason where it cannot."""

import msgspec
import pytest

from csenet.codecs.blocks import NcpIdentification
from csenet.codecs.codes import FarCode
from csenet.handlers.context import WorkView
from csenet.handlers.decision import Decision, Refusal
from csenet.handlers.managing import review
from csenet.handlers.matching import variants
from csenet.handlers.origination import originate
from csenet.handlers.progress import advanced
from csenet.handlers.router import completed, dispatch
from csenet.handlers.work import Task


def done(make, kind, request=None, record=None, *, text="", well=True):
    context = make.context(record, request=request, text=text)
    return completed(WorkView(id=7, kind=kind, case_id=make.case_id), make.today, (), context, done=well)


def code_of(said):
    assert isinstance(said, Refusal)
    return said.problems[0].code


def test_a_request_is_acknowledged_only_on_a_case(make):
    assert code_of(done(make, "acknowledge_referral", make.incoming("ENF R ERALL"))) == "work.case_id.needed"


def test_a_text_that_does_not_fit_its_line_is_refused_whole(make):
    assert code_of(done(make, "answer_question", text="X" * 401)) == "work.text.length"


def test_a_search_cannot_end_as_found_while_the_facts_tell_nothing(make):
    person = NcpIdentification(name_last="EXAMPLESON", name_first="ROWAN", ssn="900112233")
    asked = msgspec.structs.replace(make.incoming("LO1 R BLANK"), ncp_identification=person)
    assert code_of(done(make, "locate", asked, make.case("responding"))) == "work.outcome.facts"


def test_a_search_without_its_request_just_ends(make):
    said = done(make, "locate")
    assert isinstance(said, Decision)
    assert (said.replies, said.notes) == ((), ("work item 7 (locate) has no request to answer",))


def test_candidates_count_for_nothing_without_an_id_and_a_parent(make):
    asked = make.incoming("ENF R ERALL", case_id=None, other_case_id=None)
    said = dispatch(asked, make.context(candidates=(make.case("responding"),)))
    assert "candidates" not in said.work_items[0].details


def test_a_case_id_of_zeros_has_no_variants():
    assert variants("000", 15) == ()
    assert variants(" 07 ", 4) == ("07", "7", "007", "0007")


def test_case_information_is_asked_for_again_after_thirty_days_only(make):
    far = FarCode.parse("CSI R FRINF")
    before = make.sent("CSI R FRNNF")
    refused = originate(far, make.context(make.case(), sent_before=(before,)))
    assert code_of(refused) == "policy.CSI2"
    other = make.context(make.case(), sent_before=(make.sent("MSC R GRINT"),))
    assert isinstance(originate(far, other), Decision)


def test_a_code_without_a_handler_of_its_own_would_be_for_a_person(make):
    work = review(make.incoming("MSC P GSWKR"), make.context(make.case()), Task()).work_items[0]
    assert work.title == "Caseworker or office changed: look at it and act"


def test_a_route_to_a_step_that_no_table_knows_is_a_mistake_in_the_code(make):
    with pytest.raises(LookupError, match="no step"):
        advanced(make.incoming("MSC P GSWKR"), make.context(make.case()), Task())
