"""The API and the real desk together: facts in, a transaction out, work done, and answers as published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csenet.codecs.transaction import Direction, from_json, write
from csenet.gateway.casework import build_app
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.intake.http import add_exchange_routes

RESPONDING = {
    "role": "responding",
    "other_fips": "2000000",
    "other_case_id": "KS0000417",
    "withholding_active": True,
    "case": {"case_type": "N", "case_status": "O"},
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 2, 18, tzinfo=UTC), "America/Chicago")


@pytest.fixture
def real(store: Any, clock: Any) -> Desk:
    return Desk(store, agency_of("27"), clock)


@pytest.fixture
async def client(aiohttp_client: Any, real: Desk, store: Any, clock: Any, secrets: dict[str, str]) -> Any:
    app = build_app(real, store, clock=clock, jurisdiction_name="Minnesota")
    add_exchange_routes(app, real)
    return await aiohttp_client(app, headers={"Authorization": f"Bearer {secrets['admin']}"})


@pytest.fixture
async def checked(client: Any, conforms: Any) -> Any:
    """Call the API and check each answer against the published schema of its status."""
    described = await (await client.get("/v1/openapi.json")).json()

    async def call(method: str, path: str, template: str, status: int, **values: Any) -> Any:
        answer = await client.request(method, path, **values)
        body = await answer.json()
        assert answer.status == status, body
        promised = described["paths"][template][method.lower()]["responses"][str(status)]
        if "$ref" in promised:
            promised = described["components"]["responses"][promised["$ref"].rsplit("/", 1)[1]]
        conforms(described, promised["content"][answer.content_type]["schema"], body)
        return body

    return call


def closing_request() -> bytes:
    """Write Kansas's GSC17 about Minnesota's case, as the exchange hands it over."""
    header = {
        "local_fips_state": "27",
        "local_fips_county": "000",
        "other_fips_state": "20",
        "other_fips_county": "000",
        "csenet_version_number": "003",
        "transaction_serial_number": "000000000001",
        "action_code": "P",
        "functional_type_code": "MSC",
        "transaction_date": "2026-11-02",
        "case_id": "MN0000123",
        "other_case_id": "KS0000417",
        "action_reason": "GSC17",
        "attachments_ind": "N",
        "date_received": "2026-11-02",
    }
    transaction = from_json({"header": header, "case": {"case_type": "N", "case_status": "O"}})
    return write(transaction, Direction.FROM_SERVER) + b"\n"


async def test_a_case_is_told_read_and_told_again(checked: Any) -> None:
    path, template = "/v1/cases/MN0000123", "/v1/cases/{case_id}"
    told = await checked("PUT", path, template, 201, json=RESPONDING)
    again = await checked("PUT", path, template, 200, json=RESPONDING)
    read = await checked("GET", path, template, 200)
    assert told["version"] == again["version"] == read["version"] == 1
    assert read["facts"]["other_case_id"] == "KS0000417"
    assert read["timeline"][0]["event"] == "facts.received"


async def test_every_wrong_fact_is_named_at_once(checked: Any) -> None:
    wrong = {
        "role": "boss",
        "other_fips": "20",
        "family_violence": "no",
        "case": {"case_type": "Z", "case_stat": "O"},
        "participants": [{}, {"date_of_birth": "31.01.1990"}],
        "balances": {"as_of": "2026-11-02", "arrears": 12.5, "interest": "0.00"},
        "surprise": 1,
    }
    body = await checked("PUT", "/v1/cases/MN0000123", "/v1/cases/{case_id}", 422, json=wrong)
    assert {error["pointer"] for error in body["errors"]} >= {
        "/role",
        "/other_fips",
        "/family_violence",
        "/case/case_type",
        "/case/case_stat",
        "/participants/1/date_of_birth",
        "/balances/arrears",
        "/surprise",
    }


async def test_a_request_to_close_becomes_work_and_is_answered_when_the_work_is_done(
    client: Any, checked: Any, real: Desk, clock: Any
) -> None:
    await checked("PUT", "/v1/cases/MN0000123", "/v1/cases/{case_id}", 201, json=RESPONDING)
    batch = "/v1/exchange/batches"
    await checked("POST", batch, batch, 202, data=closing_request())
    await checked("POST", batch, batch, 200, data=closing_request())
    await real.settle_pending()
    page = await checked("GET", "/v1/work-items?status=open", "/v1/work-items", 200)
    # Ten working days after Monday 2 November, Veterans Day (the 11th) left out.
    due = {item["kind"]: item["due"] for item in page["work_items"]}
    assert due == {"stop_withholding": "2026-11-17", "close_case": "2026-11-17"}
    clock.advance(days=4)
    for item in page["work_items"]:
        path = f"/v1/work-items/{item['id']}"
        await checked("GET", path, "/v1/work-items/{item_id}", 200)
        template = "/v1/work-items/{item_id}/complete"
        done = await checked("POST", f"{path}/complete", template, 200, json={"on": "2026-11-06"})
        again = await checked("POST", f"{path}/complete", template, 200, json={"on": "2026-11-06"})
        assert done == again
        assert done["status"] == "completed"
        await checked("POST", f"{path}/complete", template, 409, json={"on": "2026-11-05"})
    sent = await checked("GET", "/v1/transactions?direction=outbound", "/v1/transactions", 200)
    assert [line["far"] for line in sent["transactions"]] == ["MSC P GSC18"]
    path = f"/v1/transactions/{sent['transactions'][0]['id']}"
    detail = await checked("GET", path, "/v1/transactions/{transaction_id}", 200)
    assert detail["transaction"]["header"]["action_resolution_date"] == "2026-11-06"
    came = await checked("GET", "/v1/transactions/in-1", "/v1/transactions/{transaction_id}", 200)
    assert came["far"] == "MSC P GSC17"
    ledger = await checked("GET", "/v1/ledger", "/v1/ledger", 200)
    assert ledger["balanced"], ledger["differences"]
    html = await (await client.get("/")).text()
    assert "All is well" in html
    assert "MN0000123" not in html


async def test_a_code_and_a_case_are_enough_to_send_and_a_key_makes_it_once(checked: Any) -> None:
    facts = RESPONDING | {"role": "initiating"}
    await checked("PUT", "/v1/cases/MN0000123", "/v1/cases/{case_id}", 201, json=facts)
    path, wish = "/v1/transactions", {"case_id": "MN0000123", "far": "MSC P GSC15"}
    headers = {"Idempotency-Key": "closing-1"}
    first = await checked("POST", path, path, 202, json=wish, headers=headers)
    second = await checked("POST", path, path, 202, json=wish, headers=headers)
    assert first["transactions"] == second["transactions"]
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first["transactions"][0]["serial"] == "000000000001"
    await checked("POST", path, path, 409, json=wish | {"far": "MSC P GSC17"}, headers=headers)
    assert len((await checked("GET", path, path, 200))["transactions"]) == 1
    money = {"date_of_collection": "2026-11-01", "payment_amount": "61.25", "payment_source": "I"}
    event = {
        "functional_type_code": "COL",
        "action_code": "P",
        "action_reason": "CITAX",
        "case_id": "MN0000123",
    }
    taxed = {"header": event, "case": facts["case"], "collections": [money]}
    refused = await checked("POST", path, path, 422, json=taxed)
    assert refused["detail"].endswith("nothing was queued, and work item 1 has a person do it instead.")


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"far": "MSC P GSC15"},
        {"case_id": "MN0000123", "far": "MSC P XXXXX"},
        {"case_id": "MN0000999", "far": "MSC P GSC15"},
        {"case_id": 1, "far": 2, "more": 3},
        {"header": []},
        {"header": {"action_code": "Q"}, "participants": {}, "other": 1},
        {"header": {"action_code": "P", "functional_type_code": "MSC", "action_reason": "GSC15"}},
    ],
)
async def test_what_cannot_be_sent_is_refused_with_reasons(checked: Any, wish: Any) -> None:
    body = await checked("POST", "/v1/transactions", "/v1/transactions", 422, json=wish)
    assert body["errors"]
    assert all(error["message"] for error in body["errors"])
    assert "far" not in wish or all({"pointer", "fact"} & error.keys() for error in body["errors"])


async def test_long_lists_come_in_pages_that_miss_and_repeat_nothing(checked: Any) -> None:
    facts = RESPONDING | {"role": "initiating"}
    for number in range(5):
        case_id = f"MN{number:07d}"
        await checked("PUT", f"/v1/cases/{case_id}", "/v1/cases/{case_id}", 201, json=facts)
        wish = {"case_id": case_id, "far": "MSC P GSC15"}
        await checked("POST", "/v1/transactions", "/v1/transactions", 202, json=wish)
    seen: list[str] = []
    following = ""
    for expected in (2, 2, 1):
        query = f"?limit=2{following}"
        page = await checked("GET", f"/v1/transactions{query}", "/v1/transactions", 200)
        assert len(page["transactions"]) == expected
        seen += [line["case_id"] for line in page["transactions"]]
        following = f"&after={page['next']}"
    assert page["next"] is None
    assert seen == [f"MN{number:07d}" for number in range(5)]


async def test_nothing_is_dead_and_nothing_sent_again_in_a_fresh_gateway(checked: Any) -> None:
    assert await checked("GET", "/v1/dead", "/v1/dead", 200) == {"dead": []}
    resent = await checked("POST", "/v1/dead/resend", "/v1/dead/resend", 200, json={"all": True})
    assert resent == {"resent": 0}


async def test_an_event_is_taken_in_once_and_answers_as_published(checked: Any, real: Desk) -> None:
    path, template = "/v1/cases/MN0000123", "/v1/cases/{case_id}/events"
    await checked("PUT", path, "/v1/cases/{case_id}", 201, json=RESPONDING)
    event = {"id": "E-1", "kind": "hearing_scheduled", "of": "contempt", "date": "2026-12-15"}
    dry = await checked("POST", f"{path}/events?dry_run=true", template, 200, json=event)
    assert [(line["far"], line["outcome"]) for line in dry["lines"]] == [("MSC P GIHER", "sent")]
    first = await checked("POST", f"{path}/events", template, 202, json=event)
    assert first["lines"][0]["transaction"]["serial"] == "000000000001"
    again = await checked("POST", f"{path}/events", template, 200, json=event)
    assert again["repeated"]
    await checked("POST", f"{path}/events", template, 409, json={**event, "date": "2026-12-16"})
    refused = await checked("POST", f"{path}/events", template, 422, json={"id": "E-2", "kind": "gone"})
    assert [error["pointer"] for error in refused["errors"]] == ["/kind"]
    await checked("POST", "/v1/cases/NONE/events", template, 404, json=event | {"id": "E-3"})
    assert (await real.ledger_check()).outbound["queued"] == 1


async def test_duties_and_how_they_are_kept_are_shown_as_published(
    checked: Any, client: Any, real: Desk
) -> None:
    await client.put("/v1/cases/MN0000123", json=RESPONDING)
    await client.post("/v1/exchange/batches", data=closing_request())
    await real.settle_pending()
    listed = await checked("GET", "/v1/duties?due_within=60&partner=20", "/v1/duties", 200)
    assert [(each["duty"], each["side"], each["days_left"] >= 0) for each in listed["duties"]] == [
        ("RS7", "we-owe", True)
    ]
    none = await checked("GET", "/v1/duties?overdue=true", "/v1/duties", 200)
    assert none == {"duties": [], "next": None}
    path = "/v1/duties/compliance"
    assert (await checked("GET", f"{path}?month=2026-11", path, 200))["share"] is None
    wrong = await checked("GET", f"{path}?month=2026-13", path, 400)
    assert wrong["errors"][0]["parameter"] == "month"


async def test_work_is_assigned_commented_reopened_and_followed_as_published(
    checked: Any, client: Any, real: Desk
) -> None:
    await client.put("/v1/cases/MN0000123", json=RESPONDING)
    await client.post("/v1/exchange/batches", data=closing_request())
    await real.settle_pending()
    first = await checked("GET", "/v1/work-items?since=0&limit=1", "/v1/work-items", 200)
    rest = await checked("GET", f"/v1/work-items?since={first['next']}", "/v1/work-items", 200)
    assert [each["id"] for page in (first, rest) for each in page["work_items"]] == [1, 2]
    path, template = "/v1/work-items/1", "/v1/work-items/{item_id}"
    item = await checked("POST", f"{path}/assign", f"{template}/assign", 200, json={"worker": "W1"})
    assert item["worker"] == "W1"
    await checked("POST", f"{path}/comments", f"{template}/comments", 200, json={"text": "asked the court"})
    await checked("POST", f"{path}/complete", f"{template}/complete", 200, json={"on": "2026-11-02"})
    await checked("POST", f"{path}/assign", f"{template}/assign", 409, json={"worker": "W2"})
    await checked("POST", f"{path}/reopen", f"{template}/reopen", 422, json={"reason": " "})
    item = await checked("POST", f"{path}/reopen", f"{template}/reopen", 200, json={"reason": "by mistake"})
    assert item["status"] == "open"
    history = await checked("GET", f"{path}/history", f"{template}/history", 200)
    told = [each["change"] for each in history["changes"]]
    assert told == ["opened", "assigned", "commented", "completed", "reopened"]
    page = await checked("GET", f"/v1/work-items?since={rest['next']}", "/v1/work-items", 200)
    assert [(each["id"], each["status"], each["messages"]) for each in page["work_items"]] == [(1, "open", 1)]
    assert "court" not in str(page)
    found = await checked("POST", "/v1/work-items/reassign", "/v1/work-items/reassign", 200, json={})
    assert (found["dry_run"], found["work_items"], found["kept_by_hand"]) == (False, 0, 1)
    wrong = await checked("POST", "/v1/work-items/reassign", "/v1/work-items/reassign", 422, json={"all": 1})
    assert wrong["errors"][0]["pointer"] == "/all"
    beyond = await checked("GET", "/v1/work-items?since=999", "/v1/work-items", 400)
    assert "lies beyond the newest change" in beyond["errors"][0]["message"]
    wrong = await checked("GET", "/v1/work-items?since=0&kind=review", "/v1/work-items", 400)
    assert wrong["errors"][0]["parameter"] == "since"
