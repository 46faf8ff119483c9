"""Each call reaches the desk with what was asked, and its answer comes back in the published form."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from csenet.gateway.desk.results import TransactionFilter, WorkFilter

FACTS = {"role": "initiating", "other_fips": "2000000"}


async def test_a_new_case_is_created_and_the_same_put_again_replaces_it(api: Any, desk: Any) -> None:
    first = await api.put("/v1/cases/MN0000999", json=FACTS)
    second = await api.put("/v1/cases/MN0000999", json=FACTS)
    assert (first.status, second.status) == (201, 200)
    assert (await second.json())["facts"] == FACTS
    assert desk.calls[0] == ("put_case", {"case_id": "MN0000999", "obj": FACTS, "actor": "the-admin"})


@pytest.mark.parametrize("case_id", ["A" * 16, "A*1", "A%5C1", "%20A1", "000", "0%200", "%C3%84", "A%0A1"])
async def test_a_case_id_that_the_chart_forbids_is_refused(api: Any, desk: Any, case_id: str) -> None:
    answer = await api.put(f"/v1/cases/{case_id}", json=FACTS)
    assert answer.status == 422
    (error,) = (await answer.json())["errors"]
    assert (error["parameter"], error["field"]) == ("case_id", "Case-ID")
    assert desk.calls == []


@pytest.mark.parametrize("case_id", ["A", "0001", "MN 12", "A" * 15])
async def test_a_case_id_that_the_chart_allows_is_taken(api: Any, desk: Any, case_id: str) -> None:
    answer = await api.put(f"/v1/cases/{case_id}", json=FACTS)
    assert answer.status == 201
    assert desk.calls[0][1]["case_id"] == case_id


async def test_a_case_is_shown(api: Any) -> None:
    answer = await api.get("/v1/cases/MN0000123")
    assert answer.status == 200
    body = await answer.json()
    assert (body["case_id"], body["updated_at"]) == ("MN0000123", "2026-11-20T15:30:00Z")


async def test_a_transaction_asked_for_by_its_code_is_queued(api: Any, desk: Any) -> None:
    asked = {"case_id": "MN0000123", "far": "MSC P GSC15"}
    answer = await api.post("/v1/transactions", json=asked)
    assert answer.status == 202
    (line,) = (await answer.json())["transactions"]
    assert (line["id"], line["serial"], line["far"], line["status"]) == (
        "out-7",
        "000000000007",
        "MSC P GSC15",
        "queued",
    )
    assert desk.calls == [("submit", {"obj": asked, "key": None, "actor": "the-admin"})]


async def test_an_idempotency_key_counts_for_the_caller_s_own_token(api: Any, desk: Any) -> None:
    await api.post("/v1/transactions", json={"far": "x"}, headers={"Idempotency-Key": "nightly-42"})
    assert desk.calls[0][1]["key"] == "the-admin:nightly-42"


@pytest.mark.parametrize("key", ["", "a b", "k" * 65, "schlüssel"])
async def test_an_unusable_idempotency_key_is_refused(api: Any, desk: Any, key: str) -> None:
    answer = await api.post("/v1/transactions", json={}, headers={"Idempotency-Key": key})
    assert answer.status == 400
    assert (await answer.json())["errors"][0]["parameter"] == "Idempotency-Key"
    assert desk.calls == []


async def test_transactions_are_listed_with_filters_and_pages(api: Any, desk: Any) -> None:
    answer = await api.get(
        "/v1/transactions?direction=outbound&status=dead&case_id=MN0000123&far=MSC+P+GSC17"
        "&partner=20&serial=7&after=out-3&limit=2"
    )
    body = await answer.json()
    assert (answer.status, body["next"], len(body["transactions"])) == (200, "out-7", 1)
    assert desk.calls[0][1]["filters"] == TransactionFilter(
        direction="outbound",
        status="dead",
        case_id="MN0000123",
        far="MSC P GSC17",
        partner="20",
        serial="7",
        after="out-3",
        limit=2,
    )


async def test_a_list_without_a_limit_has_the_usual_length(api: Any, desk: Any) -> None:
    await api.get("/v1/transactions")
    await api.get("/v1/work-items")
    assert [call[1]["filters"].limit for call in desk.calls] == [50, 50]


async def test_a_transaction_is_shown_with_its_content(api: Any) -> None:
    answer = await api.get("/v1/transactions/out-7")
    assert answer.status == 200
    assert (await answer.json())["transaction"] == {"header": {}}


async def test_work_items_are_listed_with_filters(api: Any, desk: Any) -> None:
    answer = await api.get("/v1/work-items?status=open&kind=close_case&group=GSC17&due_before=2026-12-07")
    body = await answer.json()
    assert (answer.status, body["next"]) == (200, None)
    assert body["work_items"][0]["due"] == "2026-12-07"
    assert desk.calls[0][1]["filters"] == WorkFilter(
        status="open", kind="close_case", group="GSC17", due_before=date(2026, 12, 7), limit=50
    )


async def test_a_work_item_is_shown(api: Any) -> None:
    answer = await api.get("/v1/work-items/12")
    assert (answer.status, (await answer.json())["kind"]) == (200, "stop_withholding")


async def test_a_work_item_is_completed(api: Any, desk: Any) -> None:
    answer = await api.post("/v1/work-items/12/complete", json={"on": "2026-11-24", "outcome": "done"})
    assert answer.status == 200
    assert desk.calls == [
        (
            "complete_work",
            {"item_id": 12, "on": date(2026, 11, 24), "outcome": "done", "actor": "the-admin"},
        )
    ]


async def test_work_is_put_to_a_case_with_a_text(api: Any, desk: Any) -> None:
    said = {"on": "2026-11-24", "case_id": "MN1", "text": "please send the order"}
    assert (await api.post("/v1/work-items/12/complete", json=said)).status == 200
    assert desk.calls[0][1].items() >= {"case_id": "MN1", "text": "please send the order"}.items()
    assert (await api.post("/v1/work-items/12/complete", json=said | {"text": "x" * 401})).status == 422


async def test_a_refused_transaction_is_corrected(api: Any, desk: Any) -> None:
    changes = {"changes": {"header": {"other_fips_county": "173"}}}
    path = "/v1/transactions/out-9/correct"
    answer = await api.post(path, json=changes, headers={"Idempotency-Key": "k"})
    assert answer.status == 202
    said = {"view_id": "out-9", "obj": changes, "key": "the-admin:k", "actor": "the-admin"}
    assert desk.calls == [("correct", said)]
    assert (await api.post(path, json=changes, headers={"Idempotency-Key": "x" * 65})).status == 400


async def test_the_ledger_is_added_up(api: Any) -> None:
    answer = await api.get("/v1/ledger")
    body = await answer.json()
    assert (answer.status, body["balanced"], body["inbound"]) == (200, True, {"decided": 3, "duplicate": 1})


async def test_dead_transactions_are_listed_under_the_usual_identifiers(api: Any) -> None:
    answer = await api.get("/v1/dead")
    (dead,) = (await answer.json())["dead"]
    assert (dead["id"], dead["serial"], dead["attempts"]) == ("out-9", "000000000031", 12)


async def test_some_dead_transactions_are_sent_again_each_once(api: Any, desk: Any) -> None:
    answer = await api.post("/v1/dead/resend", json={"ids": ["out-9", "out-11", "out-9"]})
    assert (answer.status, await answer.json()) == (200, {"resent": 2})
    assert desk.calls == [("dead_resend", {"ids": (9, 11), "actor": "the-admin"})]


async def test_all_dead_transactions_are_sent_again(api: Any, desk: Any) -> None:
    await api.post("/v1/dead/resend", json={"all": True})
    assert desk.calls == [("dead_resend", {"ids": None, "actor": "the-admin"})]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": False},
        {"ids": []},
        {"ids": [9]},
        {"ids": ["in-9"]},
        {"ids": ["out-9"], "all": True},
        {"ids": ["out-0"]},
        {"al": True},
    ],
)
async def test_an_unclear_wish_to_send_again_is_refused(api: Any, desk: Any, body: Any) -> None:
    answer = await api.post("/v1/dead/resend", json=body)
    assert answer.status == 422
    assert desk.calls == []


async def test_liveness_and_readiness_need_no_token(open_api: Any) -> None:
    client = await open_api(None)
    assert await (await client.get("/healthz")).json() == {"status": "alive"}
    assert await (await client.get("/readyz")).json() == {"status": "ready", "notes": []}
    assert (await client.head("/readyz")).status == 200


async def test_a_gateway_whose_store_is_gone_is_alive_but_not_ready(open_api: Any, store: Any) -> None:
    client = await open_api(None)

    def broken() -> Any:
        raise OSError("disk")

    store.read = broken
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["type"] == "urn:csenet:problem:unavailable"
    assert (await client.get("/healthz")).status == 200
