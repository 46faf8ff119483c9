"""What the case side asks for: facts, transactions to send, completed work."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import (
    Conflict,
    Desk,
    NotFound,
    Rejected,
    TransactionFilter,
    TransactionRejected,
    WorkFilter,
    agency_of,
)
from csenet.gateway.desk.disclosing import may_leave
from csenet.gateway.people import tax_masking
from csenet.gateway.store import audit, claims
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import outbound
from csenet.handlers.policy.agreements import Agreements, load_agreements

from .conftest import LEDGER, QUIET, arriving, case_block, facts, lines

TODAY = date(2026, 11, 20)


async def receive(desk: Desk, *transactions: bytes) -> None:
    await desk.accept(lines(*transactions), source="test", name="batch")
    await desk.settle_pending()


async def count_outbound(store: Store) -> int:
    async with store.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(outbound))).scalar_one())


async def content(desk: Desk, view_id: str) -> dict[str, Any]:
    detail = await desk.transaction(view_id)
    assert detail is not None
    assert detail.transaction is not None
    return detail.transaction


# ---- facts


async def test_facts_come_back_as_they_were_given(desk: Desk) -> None:
    first = await desk.put_case("MN1", facts(ledger=LEDGER))
    assert (first.created, first.version, first.state["status"]) == (True, 1, "open")
    view = await desk.get_case("MN1")
    assert view is not None
    assert view.facts["other_case_id"] == "KS1"
    assert view.facts["ledger"]["obligations"] == [{"due": "2021-07-31", "amount": "1000.00"}]
    assert [event.event for event in view.timeline] == ["facts.received"]


async def test_the_same_facts_again_change_nothing(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    again = await desk.put_case("MN1", facts())
    assert (again.created, again.version, len(again.timeline)) == (False, 1, 1)


async def test_new_facts_keep_what_was_learnt_from_transactions(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    before = await desk.get_case("MN1")
    assert before is not None
    assert before.state["services_ended_on"] == "2026-11-20"
    after = await desk.put_case("MN1", facts(withholding_active=True))
    assert (after.state["services_ended_on"], after.state["withholding_active"]) == ("2026-11-20", True)
    assert after.version == before.version + 1


async def test_every_wrong_fact_is_named_at_once(desk: Desk) -> None:
    with pytest.raises(Rejected) as refused:
        await desk.put_case("MN1", facts(role="neither", other_fips="20", case={"case_type": "?"}))
    paths = {path for path, _ in refused.value.problems}
    assert {"role", "other_fips", "case.case_type"} <= paths
    assert await desk.get_case("MN1") is None


async def test_what_the_exchange_would_mind_in_facts_is_told_and_kept(desk: Desk) -> None:
    case = facts()["case"] | {"payment_state": "ZZ"}
    person = {"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": "12", "date_of_birth": "2090-01-01"}
    for _ in range(2):
        view = await desk.put_case("MN1", facts(case=case, ncp_identification=person))
        assert [(each.severity.value, each.code) for each in view.warnings] == [
            ("error", "case.payment_state.state"),
            ("error", "ncp_identification.date_of_birth.future"),
            ("warning", "ncp_identification.ssn.short"),
        ]
    worker = {
        "id": "1",
        "kind": "worker_changed",
        "case": {"contact_name_last": "NEW", "contact_phone_num": "55"},
    }
    told = [each.code for each in (await desk.happened("MN1", worker, dry_run=True)).warnings]
    assert len(set(told)) == len(told)
    assert {"case.payment_state.state", "case.contact_phone_num.short"} < set(told)
    with pytest.raises(Rejected) as refused:
        await desk.put_case("MN1", facts(other_fips="9900000", other_case_id="K*1"))
    assert [path for path, _ in refused.value.problems] == ["other_fips", "other_case_id"]


async def test_a_case_id_is_the_same_in_any_case_of_letters(desk: Desk) -> None:
    await desk.put_case("mn1", facts(ledger=LEDGER))
    await receive(desk, arriving("MSC R GRINT", 1, "MN1"))
    assert (await desk.list_transactions(TransactionFilter(case_id="mn1", direction="outbound"))).items


async def test_an_unknown_case_is_none(desk: Desk) -> None:
    assert await desk.get_case("MN1") is None


# ---- sending


async def test_a_code_on_a_case_is_built_from_its_facts(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", facts())
    desk.outbox_ready.clear()
    result = await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"}, actor="clerk")
    assert [(each.id, each.far, each.status) for each in result.transactions] == [
        ("out-1", "MSC P GSC15", "queued")
    ]
    assert desk.outbox_ready.is_set()
    sent = await content(desk, "out-1")
    assert sent["header"]["other_fips_state"] == "20"
    assert sent["header"]["transaction_serial_number"] == "000000000001"
    assert sent["case"]["case_type"] == "N"
    async with store.read() as conn:
        lines_ = [(row["actor"], row["action"], row["object"]) for row in await audit.newest(conn)]
    assert ("clerk", "transaction.queued", "serial 1") in lines_


async def test_a_whole_transaction_needs_no_more_than_its_writer_knows(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit(
        {
            "header": {
                "functional_type_code": "MSC",
                "action_code": "P",
                "action_reason": "GSPUD",
                "case_id": "MN1",
            },
            "case": {"case_type": "N", "case_status": "O"},
            "information": {"status_change_code": "O", "information_text_line_1": "NEW OFFICE HOURS"},
        }
    )
    sent = await content(desk, "out-1")
    assert sent["header"]["local_fips_state"] == "27"
    assert sent["header"]["other_fips_state"] == "20"
    assert sent["header"]["other_case_id"] == "KS1"
    assert sent["header"]["transaction_date"] == "2026-11-20"
    assert sent["information"]["information_text_line_1"] == "NEW OFFICE HOURS"


@pytest.mark.parametrize(
    ("wish", "paths"),
    [
        ({"case_id": "NOSUCH", "far": "MSC P GSC15"}, {"case_id"}),
        ({"case_id": "", "far": "GSC15", "colour": "blue"}, {"case_id", "far", "colour"}),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_with_every_reason(
    desk: Desk, store: Store, wish: dict[str, Any], paths: set[str]
) -> None:
    with pytest.raises(Rejected) as refused:
        await desk.submit(wish)
    assert {path for path, _ in refused.value.problems} == paths
    assert await count_outbound(store) == 0


async def test_what_only_the_other_role_may_send_is_refused_and_takes_no_number(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", facts("responding"))
    with pytest.raises(Rejected) as refused:
        await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    assert "case.role" in [problem.code for problem in refused.value.problems]  # type: ignore[attr-defined]
    assert await count_outbound(store) == 0
    assert (await desk.ledger_check()).differences == []


async def test_what_the_exchange_would_refuse_is_refused_here_with_its_rule(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    header = {"functional_type_code": "MSC", "action_code": "P", "action_reason": "GSPUD", "case_id": "MN1"}
    with pytest.raises(Rejected) as refused:
        await desk.submit({"header": header})
    assert all(problem.code and problem.citation for problem in refused.value.problems)  # type: ignore[attr-defined]


async def test_a_transaction_for_a_state_that_has_no_part_in_the_case_is_refused(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    header = {
        "functional_type_code": "MSC",
        "action_code": "P",
        "action_reason": "GSPUD",
        "case_id": "MN1",
        "other_fips_state": "19",
        "other_fips_county": "000",
    }
    with pytest.raises(Rejected, match="other_fips_state"):
        await desk.submit({"header": header, "case": {"case_type": "N", "case_status": "O"}})


async def test_no_address_leaves_by_hand_when_family_violence_is_recorded(desk: Desk) -> None:
    """What is built from facts is filtered; a transaction given whole must not be a way around that."""
    await desk.put_case("MN1", facts(family_violence=True))
    header = {"functional_type_code": "MSC", "action_code": "P", "action_reason": "LSADR", "case_id": "MN1"}
    with pytest.raises(Rejected) as refused:
        await desk.submit(
            {
                "header": header,
                "case": {"case_type": "N", "case_status": "O"},
                "ncp_locate": {"residential_address_line_1": "9 HIDDEN LANE"},
            }
        )
    assert "policy.family_violence_disclosure" in str([p.code for p in refused.value.problems])  # type: ignore[attr-defined]
    assert "HIDDEN" not in str(refused.value)


async def test_the_place_of_one_person_at_risk_does_not_leave_by_hand(desk: Desk) -> None:
    await desk.put_case("MN1", facts(protected=["ncp"]))
    header = {"functional_type_code": "MSC", "action_code": "P", "action_reason": "LSADR", "case_id": "MN1"}
    locate = {"residential_address_line_1": "9 HIDDEN LANE"}
    with pytest.raises(Rejected) as refused:
        await desk.submit({"header": header, "case": {"case_type": "N"}, "ncp_locate": locate})
    assert [problem.block for problem in refused.value.problems] == ["ncp_locate"]  # type: ignore[attr-defined]


def citax(source: str | None) -> dict[str, Any]:
    """Write a collection as the case side gives it whole."""
    collection = {
        "date_of_collection": "2026-11-02",
        "date_of_posting": "2026-11-03",
        "payment_amount": "50.00",
        "interstate_payment_method": "M",
    }
    return {
        "header": {
            "functional_type_code": "COL",
            "action_code": "P",
            "action_reason": "CITAX",
            "case_id": "MN1",
        },
        "case": {"case_type": "A", "case_status": "O"},
        "collections": [collection | ({"payment_source": source} if source else {})],
    }


def agreed(folder: Path, allowed: bool) -> Agreements:
    """Write an agreement with Kansas on federal tax information."""
    file = folder / "agreements.toml"
    row = f'[[agreement]]\npartner = "20"\nallowed = true\ntax_information = {str(allowed).lower()}\n'
    file.write_text(f'{row}citation = "agreement with Kansas"\ntext = "t"\n', "utf-8")
    return load_agreements(file)


async def test_federal_tax_information_without_an_agreement_is_refused_with_the_other_way(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", facts())
    with pytest.raises(Rejected) as refused:
        await desk.submit(citax("I"))
    (problem,) = refused.value.problems
    assert problem.code == "policy.tax_information_agreement"  # type: ignore[attr-defined]
    assert "on paper" in problem.message  # type: ignore[attr-defined]
    assert await count_outbound(store) == 0
    assert isinstance(refused.value, TransactionRejected)
    (item,) = (await desk.list_work_items(WorkFilter(case_id="MN1"))).items
    assert (item.id, item.kind, item.duty) == (refused.value.work_item, "send_otherwise", "TX1")
    assert item.due == date(2026, 12, 7)
    assert "50" not in item.title + str(item.details)
    covered = str(tax_masking.hidden(item))
    assert "tax_information" in str(item.reasons)
    assert "refund" not in covered
    assert "federal tax information" not in covered.lower()


async def test_tax_information_refused_again_is_one_work_that_ends_the_duty(desk: Desk) -> None:
    await desk.put_case("MN1", facts())
    money = citax("I")["collections"]
    event = {"kind": "tax_offset_received", "id": "e1", "on": "2026-11-16", "collections": money}
    await desk.happened("MN1", event)
    for _ in range(2):
        with pytest.raises(Rejected):
            await desk.submit(citax("I"), "one key")
    (item,) = (await desk.list_work_items(WorkFilter(case_id="MN1"))).items
    assert (item.messages, item.due) == (3, date(2026, 12, 1))
    await desk.complete_work(item.id, TODAY)
    (duty,) = (await desk.list_duties(DutyFilter(case_id="MN1", open_only=False))).duties
    assert (duty.duty, duty.outcome) == ("TX1", "done")


async def test_what_is_wrong_besides_is_for_the_one_who_asked_alone(desk: Desk) -> None:
    await desk.put_case("MN1", facts("responding"))
    with pytest.raises(Rejected) as refused:
        await desk.submit(citax("I"))
    assert len(refused.value.problems) == 2
    assert (await desk.list_work_items(WorkFilter(case_id="MN1"))).items == []


async def test_an_agreement_that_ended_while_tax_information_waited_keeps_it_back(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    agency = agency_of("27", agreements=agreed(tmp_path, True))
    desk = Desk(store, agency, clock, QUIET)
    await desk.put_case("MN1", facts())
    await desk.submit(citax("I"))
    async with store.begin() as conn:
        (row,) = await claims.claimable(conn, 10)
    assert may_leave(row.far, row.partner, row.raw, TODAY, agency).allowed
    ended = msgspec.structs.replace(agency, agreements=agreed(tmp_path, False))
    said = may_leave(row.far, row.partner, row.raw, TODAY, ended)
    assert not said.allowed
    assert said.why.citation == "agreement with Kansas"
    assert said.why.text.endswith("in as many sets as it asks for.")
    assert not may_leave(row.far, row.partner, b"damaged", TODAY, ended).allowed


async def test_what_holds_no_tax_information_needs_no_word_on_it(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    async with store.begin() as conn:
        (row,) = await claims.claimable(conn, 10)
    assert may_leave(row.far, row.partner, row.raw, TODAY, desk.agency).allowed
    assert not may_leave("MSC R GRINT", row.partner, row.raw, TODAY, desk.agency).allowed


async def test_a_repeated_idempotency_key_gets_the_first_answer_and_sends_nothing(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", facts())
    wish = {"case_id": "MN1", "far": "MSC P GSC15"}
    first = await desk.submit(wish, "key-1")
    again = await desk.submit(dict(reversed(wish.items())), "key-1")
    assert (first.repeated, again.repeated) == (False, True)
    assert again.transactions == first.transactions
    assert await count_outbound(store) == 1
    with pytest.raises(Conflict):
        await desk.submit({"case_id": "MN1", "far": "MSC P GSC17"}, "key-1")


# ---- completed work


async def closing(desk: Desk) -> dict[str, int]:
    """Have Kansas ask Minnesota to stop withholding and close; return the work by kind."""
    await desk.put_case("MN1", facts("responding", withholding_active=True))
    await receive(desk, arriving("MSC P GSC17", 77, blocks="1000000", body=case_block()))
    items = (await desk.list_work_items(WorkFilter(case_id="MN1"))).items
    return {each.kind: each.id for each in items}


async def test_the_answer_leaves_when_the_last_work_of_its_group_is_done(desk: Desk, store: Store) -> None:
    work = await closing(desk)
    await desk.complete_work(work["stop_withholding"], TODAY)
    assert await count_outbound(store) == 0
    desk.outbox_ready.clear()
    done = await desk.complete_work(work["close_case"], TODAY)
    assert (done.status, done.completed_on) == ("completed", TODAY)
    assert desk.outbox_ready.is_set()
    sent = await content(desk, "out-1")
    assert sent["header"]["action_reason"] == "GSC18"
    assert sent["header"]["action_resolution_date"] == "2026-11-20"
    view = await desk.get_case("MN1")
    assert view is not None
    assert (view.state["status"], view.state["closed_on"]) == ("closed", "2026-11-20")
    answer = await desk.transaction("out-1")
    assert answer is not None
    assert (answer.in_reply_to, answer.correlation) == ("in-1", "in-1-1")
    assert (await desk.ledger_check()).differences == []


async def test_completing_twice_sends_one_answer(desk: Desk, store: Store) -> None:
    work = await closing(desk)
    for item in (work["close_case"], work["stop_withholding"], work["stop_withholding"]):
        await desk.complete_work(item, TODAY)
    assert await count_outbound(store) == 1
    with pytest.raises(Conflict):
        await desk.complete_work(work["close_case"], date(2026, 11, 19))


@pytest.mark.parametrize(
    ("on", "outcome", "path"),
    [
        (date(2026, 11, 21), None, "on"),
        (date(2026, 11, 19), None, "on"),
        (TODAY, "forgotten", "outcome"),
    ],
    ids=["tomorrow", "before it was received", "unknown outcome"],
)
async def test_a_completion_that_cannot_be_true_is_refused(
    desk: Desk, on: date, outcome: str | None, path: str
) -> None:
    work = await closing(desk)
    with pytest.raises(Rejected) as refused:
        await desk.complete_work(work["close_case"], on, outcome)
    assert [place for place, _ in refused.value.problems] == [path]
    item = await desk.work_item(work["close_case"])
    assert item is not None
    assert item.status == "open"


async def test_a_duty_cannot_be_declined(desk: Desk) -> None:
    work = await closing(desk)
    with pytest.raises(Rejected):
        await desk.complete_work(work["close_case"], TODAY, "declined")


async def test_work_nobody_has_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.complete_work(99, TODAY)
    assert await desk.work_item(99) is None


# ---- lists


async def test_a_list_goes_on_where_its_first_page_ended(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    for number in range(1, 6):
        clock.advance(60)
        await receive(desk, arriving("MSC R GRINT", number))
    seen, after = [], None
    while True:
        page = await desk.list_transactions(TransactionFilter(limit=3, after=after))
        seen += [each.id for each in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [f"{way}-{number}" for number in range(1, 6) for way in ("in", "out")]


async def test_an_unreadable_place_to_go_on_from_is_the_end(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await receive(desk, arriving("MSC R GRINT", 1))
    assert (await desk.list_transactions(TransactionFilter(after="elsewhere"))).items == []
    assert (await desk.list_work_items(WorkFilter(after="elsewhere"))).items == []


async def test_lists_can_be_narrowed(desk: Desk) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await receive(desk, arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2, "NOSUCH"))

    async def found(**wanted: Any) -> list[str]:
        return [each.id for each in (await desk.list_transactions(TransactionFilter(**wanted))).items]

    assert await found(case_id="MN1") == ["in-1", "out-1"]
    assert await found(far="MSC P REJCT") == ["out-2"]
    assert await found(partner="20", direction="inbound") == ["in-1", "in-2"]
    assert await found(partner="19") == []
    assert await found(serial="2") == ["in-2", "out-2"]
    assert await found(status="queued") == ["out-1", "out-2"]
    assert await desk.transaction("out-3") is None
    assert await desk.transaction("elsewhere") is None


async def test_work_can_be_chosen_by_its_due_date(desk: Desk) -> None:
    await closing(desk)
    due = date(2026, 12, 7)
    assert len((await desk.list_work_items(WorkFilter(due_by=due))).items) == 2
    assert len((await desk.list_work_items(WorkFilter(due_before=due))).items) == 0
    first = await desk.list_work_items(WorkFilter(limit=1))
    rest = await desk.list_work_items(WorkFilter(limit=1, after=first.next))
    assert (len(first.items), len(rest.items), rest.next) == (1, 1, None)
