"""Every edit the exchange makes is made, with the severity the exchange gives it."""

from datetime import date
from typing import Any

import msgspec
import pytest

from csenet.codecs import transaction, validation
from csenet.codecs.blocks import Case, Collection, Information, NcpIdentification, Participant
from csenet.codecs.errors import Severity
from csenet.codecs.transaction import Direction, Transaction

TODAY = date(2026, 11, 21)
Golden = dict[str, bytes]


def sent(golden: Golden, slug: str, direction: Direction = Direction.TO_SERVER) -> Transaction:
    tx = transaction.read(golden[f"{slug}.{direction}.txt"], direction).transaction
    assert tx is not None
    return tx


def with_header(tx: Transaction, **values: Any) -> Transaction:
    return msgspec.structs.replace(tx, header=msgspec.structs.replace(tx.header, **values))


def found(tx: Transaction, direction: Direction = Direction.TO_SERVER) -> dict[str, Severity]:
    return {p.code: p.severity for p in validation.validate(tx, today=TODAY, direction=direction)}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"local_fips_state": "03"}, "header.local_fips_state.unknown"),
        ({"other_fips_state": "00"}, "header.other_fips_state.unknown"),
        ({"other_fips_county": None}, "header.other_fips_county.missing"),
        ({"transaction_serial_number": "000000000000"}, "header.transaction_serial_number.least"),
        ({"transaction_serial_number": None}, "header.transaction_serial_number.missing"),
        ({"transaction_date": date(2026, 11, 22)}, "header.transaction_date.future"),
        ({"transaction_date": None}, "header.transaction_date.missing"),
        ({"case_id": None}, "header.case_id.missing"),
        ({"other_case_id": None}, "header.other_case_id.missing"),
        ({"case_id": "000000000000000"}, "header.case_id.zero"),
        ({"case_id": "000 000"}, "header.case_id.zero"),
        ({"case_id": "12*4"}, "header.case_id.characters"),
        ({"other_case_id": "12\\4"}, "header.other_case_id.characters"),
        ({"case_id": " 124"}, "header.case_id.position"),
        ({"action_reason": "ZZZZZ"}, "header.action_reason.triple"),
        ({"action_reason": None, "functional_type_code": "CSI"}, "header.action_reason.triple"),
        ({"attachments_ind": "Y"}, "header.attachments_ind.information"),
        ({"overdue_ind": "1"}, "header.overdue_ind.value"),
    ],
)
def test_header_problems_are_fatal(values: dict[str, Any], code: str, golden: Golden) -> None:
    problems = found(with_header(sent(golden, "msc-p-gsc17"), **values))
    assert problems[code] is Severity.FATAL


def test_a_fatal_problem_ends_the_check(golden: Golden) -> None:
    tx = msgspec.structs.replace(sent(golden, "msc-p-gsc17"), case=Case(), participants=())
    broken = with_header(tx, local_fips_state="03")
    assert set(found(broken)) == {"header.local_fips_state.unknown"}


def test_reserved_fields_must_be_blank_but_harm_nobody(golden: Golden) -> None:
    tx = with_header(sent(golden, "msc-p-gsc17"), error_reason_code="01")
    assert found(tx) == {"header.error_reason_code.reserved": Severity.WARNING}


def test_today_is_no_future_and_a_received_date_from_tomorrow_is_only_told(golden: Golden) -> None:
    tx = sent(golden, "msc-p-gsc17")
    assert found(with_header(tx, transaction_date=TODAY)) == {}
    received = sent(golden, "msc-p-gsc17", Direction.FROM_SERVER)
    tomorrow = with_header(received, transaction_date=date(2026, 11, 22))
    assert found(tomorrow, Direction.FROM_SERVER) == {"header.transaction_date.future": Severity.WARNING}


@pytest.mark.parametrize(
    ("slug", "missing", "problem"),
    [
        ("lo1-p-lsadr", "case_id", None),
        ("lo1-p-lsadr", "other_case_id", "header.other_case_id.missing"),
        ("lo1-r-blank", "case_id", "header.case_id.missing"),
        ("csi-r-frinf", "other_case_id", "header.other_case_id.missing"),
        ("msc-r-grint", "other_case_id", None),
    ],
)
def test_which_case_ids_are_needed_depends_on_the_transaction(
    slug: str, missing: str, problem: str | None, golden: Golden
) -> None:
    fatal = {
        code
        for code, severity in found(with_header(sent(golden, slug), **{missing: None})).items()
        if severity is Severity.FATAL
    }
    assert fatal == ({problem} if problem else set())


def test_on_receipt_the_senders_case_id_is_the_other_one(golden: Golden) -> None:
    received = sent(golden, "lo1-r-blank", Direction.FROM_SERVER)
    assert received.header.case_id is None
    lost = with_header(received, other_case_id=None)
    assert set(found(lost, Direction.FROM_SERVER)) == {"header.other_case_id.missing"}


@pytest.mark.parametrize(
    ("slug", "values", "code"),
    [
        ("msc-p-gsc17", {"case": None}, "case.block.least"),
        ("lo1-r-blank", {"ncp_identification": None}, "ncp_identification.block.least"),
        ("lo1-p-lsadr", {"ncp_locate": None}, "ncp_locate.block.least"),
        ("enf-r-erall", {"ncp_locate": None}, "ncp_locate.block.least"),
        ("enf-r-erall", {"orders": ()}, "orders.block.least"),
        ("pat-r-blank", {"participants": (Participant(),)}, "participants.block.least"),
        ("col-p-citax", {"collections": ()}, "collections.block.least"),
        ("msc-p-gstai", {"information": None}, "information.block.least"),
        ("msc-p-rejct", {"information": None}, "information.block.least"),
        ("msc-p-gscas", {"information": None}, "information.block.least"),
    ],
)
def test_blocks_chart_c3_demands_are_demanded(
    slug: str, values: dict[str, Any], code: str, golden: Golden
) -> None:
    tx = msgspec.structs.replace(sent(golden, slug), **values)
    assert found(tx)[code] is Severity.FATAL


@pytest.mark.parametrize("slug", ["msc-p-rejct", "csi-r-frinf", "csi-p-fuinf"])
def test_transactions_that_may_come_without_a_case_may(slug: str, golden: Golden) -> None:
    tx = sent(golden, slug)
    assert tx.case is None
    assert found(tx) == {}


def test_required_elements_are_errors_and_recommended_ones_warnings(golden: Golden) -> None:
    tx = sent(golden, "msc-p-gsc17")
    assert tx.case is not None
    case = msgspec.structs.replace(tx.case, case_status="O", contact_city=None, case_type=None)
    person = Participant(name_last="FERNWOOD", relationship="D", participant_status="O")
    tx = msgspec.structs.replace(
        tx, case=case, participants=(*tx.participants, person), ncp_identification=None
    )
    problems = validation.validate(tx, today=TODAY, direction=Direction.TO_SERVER)
    assert {(p.code, p.occurrence, p.severity.value) for p in problems} == {
        ("case.case_status.fixed", 1, "error"),
        ("case.case_type.missing", 1, "error"),
        ("case.contact_city.missing", 1, "warning"),
        ("participants.name_first.missing", 3, "warning"),
        ("participants.participant_status.fixed", 3, "warning"),
        ("ncp_identification.block.missing", 1, "warning"),
    }


def test_a_recommended_block_may_be_left_out_with_a_warning(golden: Golden) -> None:
    tx = msgspec.structs.replace(sent(golden, "msc-r-grint"), case=None, orders=())
    assert found(tx) == {"case.block.missing": Severity.WARNING, "orders.block.missing": Severity.WARNING}


def test_a_custodial_party_is_not_asked_for_a_relation_to_itself(golden: Golden) -> None:
    tx = sent(golden, "msc-r-grint")
    adult = msgspec.structs.replace(
        tx.participants[1], relationship="C", dependent_relation_cp=None, dependent_paternity_status=None
    )
    child = msgspec.structs.replace(tx.participants[1], dependent_relation_cp=None)
    tx = msgspec.structs.replace(tx, participants=(adult, child))
    problems = validation.validate(tx, today=TODAY, direction=Direction.TO_SERVER)
    assert [(p.code, p.occurrence) for p in problems] == [("participants.dependent_relation_cp.missing", 2)]


def test_the_date_of_a_closure_is_recommended_and_of_an_intent_required(golden: Golden) -> None:
    closed = with_header(sent(golden, "msc-p-gsc18"), action_resolution_date=None)
    assert found(closed) == {"header.action_resolution_date.missing": Severity.WARNING}
    intent = with_header(closed, action_reason="GSC14")
    assert found(intent)["header.action_resolution_date.missing"] is Severity.FATAL


def test_a_case_block_needs_type_and_status_outside_the_core_set_too(golden: Golden) -> None:
    tx = with_header(sent(golden, "msc-p-gsc17"), action_reason="GSUPD")
    tx = msgspec.structs.replace(tx, case=Case(case_type="A"))
    assert found(tx) == {"case.case_status.missing": Severity.ERROR}


def test_births_lie_before_today(golden: Golden) -> None:
    tx = sent(golden, "msc-p-gsc17")
    assert tx.ncp_identification is not None
    tx = msgspec.structs.replace(
        tx,
        ncp_identification=msgspec.structs.replace(tx.ncp_identification, date_of_birth=TODAY),
        participants=(msgspec.structs.replace(tx.participants[0], date_of_birth=date(2027, 1, 1)),),
    )
    assert found(tx) == {
        "ncp_identification.date_of_birth.future": Severity.ERROR,
        "participants.date_of_birth.future": Severity.ERROR,
    }


def test_the_balance_line_is_checked_to_the_last_part(golden: Golden) -> None:
    tx = sent(golden, "msc-p-gstai")

    def line(text: str | None) -> dict[str, Severity]:
        information = Information(status_change_code="O", information_text_line_1=text)
        return found(msgspec.structs.replace(tx, information=information))

    assert line("000000307155" + "000000021904" + "20261121") == {}
    assert line("0" * 24 + "20261121") == {}
    assert line("000000307155" + "000000021904" + "20261122") == {
        "information.information_text_line_1.future": Severity.ERROR
    }
    assert "information.information_text_line_1.as_of_date.missing" in line("000000307155000000021904")
    assert "information.information_text_line_1.missing" in line(None)


def test_the_rejection_line_names_the_rejected_transaction(golden: Golden) -> None:
    tx = sent(golden, "msc-p-rejct")
    free = Information(information_text_line_1="YOUR CASE IS NOT HERE")
    problems = found(msgspec.structs.replace(tx, information=free))
    assert problems["information.information_text_line_1.transaction_serial_number.digits"] is Severity.ERROR
    assert "information.status_change_code.missing" not in problems


def test_a_new_case_id_is_there_and_meets_the_criteria(golden: Golden) -> None:
    tx = sent(golden, "msc-p-gscas")

    def new(case_id: str | None) -> dict[str, Severity]:
        information = Information(new_case_id=case_id, status_change_code="O")
        return found(msgspec.structs.replace(tx, information=information))

    assert new("KS1") == {}
    assert set(new(None)) == {"information.new_case_id.missing"}
    assert set(new("0000")) == {"information.new_case_id.zero"}


def test_attachments_are_listed_in_the_first_three_lines(golden: Golden) -> None:
    tx = with_header(sent(golden, "enf-r-erall"), attachments_ind="Y")
    assert found(tx) == {}
    late = Information(status_change_code="O", information_text_line_4="BIRTH CERTIFICATE")
    problems = found(msgspec.structs.replace(tx, information=late))
    assert problems["information.information_text_line_1.missing"] is Severity.ERROR
    no_status = Information(information_text_line_1="BIRTH CERTIFICATE")
    assert "information.status_change_code.missing" in found(
        msgspec.structs.replace(tx, information=no_status)
    )


def test_a_submission_for_offset_needs_the_parent(golden: Golden) -> None:
    tx = with_header(sent(golden, "col-p-citax"), action_reason="CISUB")
    tx = msgspec.structs.replace(tx, collections=(), ncp_identification=None)
    assert found(tx)["ncp_identification.block.least"] is Severity.FATAL
    whole = msgspec.structs.replace(tx, ncp_identification=NcpIdentification(), collections=(Collection(),))
    assert Severity.FATAL not in found(whole).values()
