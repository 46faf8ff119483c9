"""What did not get through is corrected: refused, under its own number; rejected, as a new transaction."""

from __future__ import annotations

from typing import Any

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Conflict, Desk, TransactionFilter, TransactionRejected, WorkFilter
from csenet.gateway.desk.results import NotFound, Rejected
from csenet.gateway.store.engine import Store

from .conftest import arriving, facts, information_block, lines
from .test_desk_refusals import deliver, error_record, take

COUNTY = {"changes": {"header": {"other_fips_county": "173"}}}


@pytest.fixture
async def refused(desk: Desk, store: Store, clock: ManualClock) -> Desk:
    """Give a desk whose one transaction left and was refused."""
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    await deliver(store, clock)
    await take(desk, error_record(1))
    return desk


async def header_of(desk: Desk, view_id: str) -> dict[str, Any]:
    detail = await desk.transaction(view_id)
    assert detail is not None
    assert detail.transaction is not None
    found: dict[str, Any] = detail.transaction["header"]
    return found


async def test_a_refused_transaction_goes_again_under_its_own_number(refused: Desk) -> None:
    result = await refused.correct("out-1", COUNTY, actor="astrid")
    (sent,) = result.transactions
    assert (sent.id, sent.serial, sent.status, sent.reason) == ("out-1", "000000000001", "queued", None)
    assert (await header_of(refused, "out-1"))["other_fips_county"] == "173"
    detail = await refused.transaction("out-1")
    assert detail is not None
    (kept,) = detail.corrections
    assert (kept.actor, kept.fields, kept.reason) == (
        "astrid",
        ["header.other_fips_county"],
        "INVALID OTHER FIPS COUNTY",
    )
    (item,) = (await refused.list_work_items(WorkFilter(kind="refused_by_exchange"))).items
    assert (item.status, "2027-05" in item.title) == ("completed", True)
    view = await refused.get_case("MN1")
    assert view is not None
    assert view.timeline[-1].event == "transaction.corrected"


async def test_the_ledger_adds_up_before_and_after_it_left_again(
    refused: Desk, store: Store, clock: ManualClock
) -> None:
    assert (await refused.ledger_check()).differences == []
    await refused.correct("out-1", COUNTY)
    assert (await refused.ledger_check()).differences == []
    await deliver(store, clock)
    assert (await refused.ledger_check()).differences == []
    assert (await refused.list_transactions(TransactionFilter(status="delivered"))).items[0].id == "out-1"


async def test_the_same_correction_again_changes_nothing(refused: Desk) -> None:
    await refused.correct("out-1", COUNTY)
    again = await refused.correct("out-1", COUNTY)
    assert again.repeated
    assert len((await refused.transaction("out-1")).corrections) == 1  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="is queued"):
        await refused.correct("out-1", {"changes": {"header": {"other_fips_county": "001"}}})


async def test_a_key_gives_the_first_answer_and_no_other(refused: Desk) -> None:
    first = await refused.correct("out-1", COUNTY, "key")
    again = await refused.correct("out-1", COUNTY, "key")
    assert (again.repeated, again.transactions) == (True, first.transactions)
    with pytest.raises(Conflict, match="another request"):
        await refused.correct("out-1", {}, "key")


async def test_refused_once_more_it_is_work_once_more(
    refused: Desk, store: Store, clock: ManualClock
) -> None:
    await refused.correct("out-1", COUNTY)
    await deliver(store, clock)
    clock.advance(days=1)
    await take(refused, error_record(1), b"")
    await take(refused, error_record(1), error_record(1, counter=2))
    detail = await refused.transaction("out-1")
    assert detail is not None
    assert detail.status == "refused"
    items = (await refused.list_work_items(WorkFilter(kind="refused_by_exchange"))).items
    assert [item.status for item in items] == ["completed", "open"]


async def test_after_half_a_year_the_number_is_spent(refused: Desk, clock: ManualClock) -> None:
    clock.advance(days=181)
    with pytest.raises(Conflict, match=r"until 2027-05-19: send it anew"):
        await refused.correct("out-1", COUNTY)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"changes": {"header": {"action_code": "R"}}}, "makes it another transaction"),
        ({"changes": {"header": {"case_id": "MN2"}}}, "makes it another transaction"),
        ({"changes": []}, "must be an object"),
        ({"change": {}}, "must be an object"),
        ([], "must be an object"),
    ],
)
async def test_what_is_no_correction_is_refused(refused: Desk, body: Any, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        await refused.correct("out-1", body)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": {"other_fips_county": "002"}},
        {"header": {"other_case_id": None}},
        {"case": {"case_type": "Z"}},
        {"header": {"nobody_knows": "1"}},
    ],
)
async def test_what_the_exchange_would_refuse_again_stays(refused: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(TransactionRejected):
        await refused.correct("out-1", {"changes": changes})
    assert (await refused.list_transactions(TransactionFilter(status="refused"))).items


async def test_somebody_protected_meanwhile_is_not_told_of(refused: Desk) -> None:
    await refused.put_case("MN1", facts(family_violence=True))
    place = {"case": {"contact_name_last": "NORDQUIST"}, "ncp_locate": {"residential_city": "DULUTH"}}
    with pytest.raises(TransactionRejected) as caught:
        await refused.correct("out-1", {"changes": place})
    assert "ncp_locate" in {problem.block for problem in caught.value.problems}


async def test_only_what_did_not_get_through_is_corrected(desk: Desk, store: Store) -> None:
    for name in ("out-1", "in-1", "out-x", "7"):
        with pytest.raises(NotFound):
            await desk.correct(name, COUNTY)
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    with pytest.raises(Conflict, match="is queued: only what the exchange refused"):
        await desk.correct("out-1", COUNTY)


async def test_what_the_other_state_rejected_goes_as_a_new_transaction(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    await deliver(store, clock)
    line = "000000000001PMSC20261120GSC15"
    rejection = arriving("MSC P REJCT", 9, blocks="0000001", body=information_block(line))
    receipt = await desk.accept(lines(rejection), source="test", name="in")
    await desk.settle(receipt.file_id)
    (item,) = (await desk.list_work_items(WorkFilter(kind="find_case_id"))).items
    assert item.details["rejected_serial"] == "000000000001"
    result = await desk.correct("out-1", {"changes": {"header": {"other_case_id": "KS9"}}})
    (sent,) = result.transactions
    assert (sent.id, sent.serial, sent.far) == ("out-2", "000000000002", "MSC P GSC15")
    assert (await header_of(desk, "out-2"))["other_case_id"] == "KS9"
    view = await desk.get_case("MN1")
    assert view is not None
    assert view.state["other_case_id"] == "KS9"
    (item,) = (await desk.list_work_items(WorkFilter(kind="find_case_id"))).items
    assert item.status == "completed"
    assert (await desk.ledger_check()).differences == []


async def test_case_information_is_not_asked_for_twice_a_month(desk: Desk, clock: ManualClock) -> None:
    await desk.put_case("MN1", facts())
    wish = {"case_id": "MN1", "far": "CSI R FRINF"}
    await desk.submit(wish)
    clock.advance(days=29)
    with pytest.raises(TransactionRejected, match="not asked again before 2026-12-20"):
        await desk.submit(wish)
    clock.advance(days=1)
    assert (await desk.submit(wish)).transactions
