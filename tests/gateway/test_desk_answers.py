"""What the gateway answers by itself leaves through the desk: case information, a locate, a new case ID."""

from typing import Any

from csenet.gateway.desk import Desk, TransactionFilter, WorkFilter
from csenet.gateway.store.duties import DutyFilter

from .conftest import arriving, case_block, facts, lines

PARENT = f"{'EXAMPLESON':21}{'ROWAN':16}".ljust(181)


async def settle(desk: Desk, *transactions: bytes) -> None:
    receipt = await desk.accept(lines(*transactions), source="test", name="batch")
    await desk.settle(receipt.file_id)


async def sent(desk: Desk) -> list[Any]:
    page = await desk.list_transactions(TransactionFilter(direction="outbound"))
    return list(page.items)


async def test_a_request_for_an_unknown_case_is_answered_that_nothing_is_known(desk: Desk) -> None:
    await settle(desk, arriving("CSI R FRINF", 1, "NOSUCH", "KS9"))
    (answer,) = await sent(desk)
    assert (answer.far, answer.case_id) == ("CSI P FUINF", "NOSUCH")


async def test_a_request_without_our_case_id_is_answered_at_once_and_owes_nothing_after(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding") | {"other_case_id": "KS9"})
    await settle(desk, arriving("CSI R FRINF", 1, "", "KS9"))
    (answer,) = await sent(desk)
    assert (answer.far, answer.case_id) == ("CSI P FUINF", None)
    shown = await desk.transaction(answer.id)
    assert shown is not None
    assert shown.transaction is not None
    assert shown.transaction["header"]["case_id"] == "NONE"
    (duty,) = (await desk.list_duties(DutyFilter(kind="CSI1", open_only=False))).duties
    assert (duty.outcome, duty.closed_by) == ("answered", "CSI P FUINF")
    assert (await desk.ledger_check()).balanced


async def test_a_locate_by_name_alone_is_answered_without_a_case_of_ours(desk: Desk) -> None:
    body = case_block(case_status="O") + PARENT
    await settle(desk, *(arriving("LO1 R BLANK", n, "", "KS9", blocks="1100000", body=body) for n in (1, 2)))
    answers = await sent(desk)
    assert [(each.far, each.case_id) for each in answers] == [("LO1 P LUALL", None)] * 2


async def test_a_custodial_party_is_found_and_news_of_one_begins_nothing_of_the_parents(
    desk: Desk,
) -> None:
    wren = {"name_last": "SAMPLEDOTTIR", "name_first": "WREN", "date_of_birth": "1986-07-04"}
    lives = {
        "participant_address_line_1": "3 NOWHERE LANE",
        "participant_city": "DULUTH",
        "participant_state": "MN",
        "participant_zip_1": "55802",
        "address_confirmed": "Y",
        "date_address_confirmed": "2026-03-01",
    }
    await desk.put_case("MN1", facts(participants=[wren | lives | {"relationship": "C"}]))
    person = f"{'SAMPLEDOTTIR':21}{'WREN':16}{'':28}19860704".ljust(181)
    body = case_block(case_status="O") + person
    asked = arriving("LO1 R BLANK", 1, "", "KS9", sender="19", blocks="1100000", body=body)
    told = arriving("LO1 P LUALL", 2, blocks="1100000", body=body)
    await settle(desk, asked, told)
    (answer,) = await sent(desk)
    assert (answer.far, answer.case_id) == ("LO1 P LSADR", "MN1")
    (work,) = (await desk.list_work_items(WorkFilter(status="open"))).items
    assert (work.kind, work.duty) == ("update_case", None)
    assert (await desk.list_duties(DutyFilter())).duties == []


async def test_after_a_new_case_id_our_own_messages_name_it(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding"))
    body = case_block(case_status="O") + "OKS2".ljust(416)
    await settle(desk, arriving("MSC P GSCAS", 1, blocks="1000001", body=body))
    (work,) = (await desk.list_work_items(WorkFilter(status="open"))).items
    assert work.kind == "update_case"
    await desk.submit({"case_id": "MN1", "far": "MSC R GRUPD"})
    (question,) = await sent(desk)
    shown = await desk.transaction(question.id)
    assert shown is not None
    assert shown.transaction is not None
    assert shown.transaction["header"]["other_case_id"] == "KS2"
