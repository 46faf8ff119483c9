"""Whatever is refused is answered with a problem document that names everything wrong and no value."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.gateway.casework import Limits
from csenet.gateway.desk.results import Conflict, NotFound, Rejected, TransactionRejected
from csenet.handlers.facts import FactsError

MARK = "ZZMARKEDVALUE"


async def document(answer: Any, status: int, slug: str) -> dict[str, Any]:
    """Check what every problem document has in common and give it back."""
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = await answer.json()
    assert (body["status"], body["type"]) == (status, f"urn:csenet:problem:{slug}")
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == f"urn:csenet:request:{answer.headers['X-Correlation-ID']}"
    assert MARK not in str(body)
    return body


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/case/1", "/v1/cases/", "/v1/cases/a/b"])
async def test_an_unknown_path_is_not_found(api: Any, path: str) -> None:
    await document(await api.get(path), 404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/cases/MN0000404",
        "/v1/transactions/out-8",
        "/v1/transactions/8",
        "/v1/transactions/out-0",
        "/v1/work-items/13",
        "/v1/work-items/0",
        "/v1/work-items/-1",
        "/v1/work-items/x",
        "/v1/work-items/%D9%A1",
        "/v1/work-items/99999999999999999999",
    ],
)
async def test_an_identifier_that_names_nothing_is_not_found(api: Any, path: str) -> None:
    await document(await api.get(path), 404, "not-found")


async def test_completing_what_does_not_exist_is_not_found(api: Any, desk: Any) -> None:
    desk.failure = NotFound("no such item")
    answer = await api.post("/v1/work-items/13/complete", json={"on": "2026-11-20"})
    await document(answer, 404, "not-found")


async def test_a_method_that_is_not_offered_names_those_that_are(api: Any) -> None:
    answer = await api.delete("/v1/cases/MN0000123")
    await document(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD, PUT"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json-patch+json", ""])
async def test_a_body_that_is_not_called_json_is_refused(api: Any, content_type: str) -> None:
    answer = await api.post("/v1/transactions", data=b"{}", headers={"Content-Type": content_type})
    await document(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": 1} {}',
        b"\x00",
        b'{"n": ' + b"9" * 5000 + b"}",
    ],
    ids=range(12),
)
async def test_a_body_that_is_no_json_is_malformed(api: Any, desk: Any, body: bytes) -> None:
    answer = await api.post("/v1/transactions", data=body, headers={"Content-Type": "application/json"})
    await document(answer, 400, "malformed-request")
    assert desk.calls == []


async def test_a_name_that_stands_twice_is_refused_since_one_value_would_be_lost(api: Any, desk: Any) -> None:
    body = b'{"case_id": "A", "header": {"case_id": "B", "case_id": "C"}}'
    answer = await api.post("/v1/transactions", data=body, headers={"Content-Type": "application/json"})
    assert "twice" in (await document(answer, 400, "malformed-request"))["detail"]
    assert desk.calls == []


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "1", "true"])
async def test_json_that_is_no_object_is_refused(api: Any, body: str) -> None:
    answer = await api.put("/v1/cases/A", data=body, headers={"Content-Type": "application/json"})
    assert (await document(answer, 422, "rejected"))["errors"][0]["code"] == "request.type"


async def test_a_body_above_the_limit_is_too_large(open_api: Any, desk: Any) -> None:
    api = await open_api("admin", limits=Limits(body_bytes=100))
    fits = b'{"a": "' + b"x" * 91 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert (await api.post("/v1/transactions", data=fits, headers=headers)).status == 202
    answer = await api.post("/v1/transactions", data=fits + b" ", headers=headers)
    await document(answer, 413, "too-large")
    assert len(desk.calls) == 1


async def test_a_body_counts_as_large_as_it_is_unpacked(open_api: Any) -> None:
    api = await open_api("admin", limits=Limits(body_bytes=100_000))
    packed = gzip.compress(b" " * 50_000_000)
    assert len(packed) < 100_000
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await api.post("/v1/transactions", data=packed, headers=headers)
    await document(answer, 413, "too-large")


async def test_a_body_that_does_not_unpack_is_malformed(api: Any) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await api.post("/v1/transactions", data=b"not gzip at all", headers=headers)
    assert answer.status == 400


async def test_all_wrong_parameters_are_named_at_once(api: Any, desk: Any) -> None:
    answer = await api.get(
        f"/v1/transactions?direction={MARK}&status={MARK}&partner=2&serial=x&limit=0&limits=1"
        f"&{MARK}=1&after=a&after=b"
    )
    body = await document(answer, 400, "invalid-parameters")
    assert {error["parameter"] for error in body["errors"]} == {
        "direction",
        "status",
        "partner",
        "serial",
        "limit",
        "limits",
        "(unreadable name)",
        "after",
    }
    assert desk.calls == []


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1.0", "1e2", "٣", "", "9" * 30])
async def test_a_page_is_neither_empty_nor_endless(api: Any, limit: str) -> None:
    await document(await api.get("/v1/work-items", params={"limit": limit}), 400, "invalid-parameters")


@pytest.mark.parametrize("day", ["2026-02-29", "20261120", "2026-11-20T00:00:00", "today", "2026-W47-5"])
async def test_a_day_that_is_no_date_is_refused(api: Any, day: str) -> None:
    await document(await api.get("/v1/work-items", params={"due_before": day}), 400, "invalid-parameters")
    completed = await api.post("/v1/work-items/12/complete", json={"on": day})
    body = await document(completed, 422, "rejected")
    assert [error["pointer"] for error in body["errors"]] == ["/on"]


async def test_all_that_is_wrong_with_a_completion_is_named_at_once(api: Any, desk: Any) -> None:
    answer = await api.post("/v1/work-items/12/complete", json={"outcome": MARK, "when": MARK})
    body = await document(answer, 422, "rejected")
    assert {(error["pointer"], error["code"]) for error in body["errors"]} == {
        ("/on", "request.required"),
        ("/outcome", "request.value"),
        ("/when", "request.unknown"),
    }
    assert desk.calls == []


async def test_all_wrong_facts_are_named_by_their_place(api: Any, desk: Any) -> None:
    desk.failure = Rejected([("role", "is required"), ("ledger.payments[2].amount", "must be an amount")])
    body = await document(await api.put("/v1/cases/A", json={}), 422, "rejected")
    assert body["detail"] == "2 things are wrong; nothing was changed."
    assert [(error["pointer"], error["message"]) for error in body["errors"]] == [
        ("/role", "is required"),
        ("/ledger/payments/2/amount", "must be an amount"),
    ]


@pytest.mark.parametrize(
    "failure",
    [FactsError([("orders[0].order_id", "too long")]), Rejected([("orders[0].order_id", "too long")])],
)
async def test_problems_reach_the_caller_whichever_floor_finds_them(
    api: Any, desk: Any, failure: Exception
) -> None:
    desk.failure = failure
    body = await document(await api.put("/v1/cases/A", json={}), 422, "rejected")
    assert [error["pointer"] for error in body["errors"]] == ["/orders/0/order_id"]


PROBLEM = Problem(
    code="participants.participant_ssn.form",
    severity=Severity.ERROR,
    message="must be nine digits",
    block="participants",
    occurrence=2,
    field="Participant-SSN",
    columns=(70, 78),
    citation="Chart C-8",
)


@pytest.mark.parametrize("kind", [TransactionRejected, CodecError])
async def test_a_whole_transaction_s_problems_point_into_it(api: Any, desk: Any, kind: Any) -> None:
    desk.failure = kind((PROBLEM,))
    body = await document(await api.post("/v1/transactions", json={"header": {}}), 422, "rejected")
    assert body["detail"] == "One thing is wrong; nothing was changed."
    assert body["errors"] == [
        {
            "code": "participants.participant_ssn.form",
            "message": "must be nine digits",
            "severity": "error",
            "pointer": "/participants/1/participant_ssn",
            "field": "Participant-SSN",
            "columns": "70-78",
            "citation": "Chart C-8",
        }
    ]


async def test_problems_of_a_code_asked_for_point_to_the_facts(api: Any, desk: Any) -> None:
    desk.failure = TransactionRejected((PROBLEM,))
    asked = {"case_id": "MN0000123", "far": "MSC P GSC15"}
    body = await document(await api.post("/v1/transactions", json=asked), 422, "rejected")
    (error,) = body["errors"]
    assert error["fact"] == "/participants/1/participant_ssn"
    assert "pointer" not in error


async def test_what_contradicts_an_earlier_request_is_a_conflict(api: Any, desk: Any) -> None:
    desk.failure = Conflict("The key was used for another request.")
    await document(await api.post("/v1/transactions", json={}), 409, "conflict")


async def test_an_unexpected_failure_shows_nothing_of_the_inside(api: Any, desk: Any) -> None:
    desk.failure = RuntimeError(f"{MARK} at /srv/gateway.db: SELECT ssn FROM person")
    answer = await api.get("/v1/cases/MN0000123")
    body = await document(answer, 500, "internal-error")
    assert set(body) == {"type", "title", "status", "detail", "instance"}
    for inside in ("RuntimeError", "SELECT", "gateway.db", "Traceback"):
        assert inside not in str(body)


async def test_a_connection_serves_on_after_a_failure(api: Any, desk: Any) -> None:
    desk.failure = RuntimeError("x")
    assert (await api.get("/v1/ledger")).status == 500
    desk.failure = None
    assert (await api.get("/v1/ledger")).status == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_changes_nothing(
    open_api: Any, desk: Any, secrets: dict[str, str]
) -> None:
    api = await open_api("admin")
    reader, writer = await asyncio.open_connection(api.host, api.port)
    head = (
        "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {secrets['admin']}\r\nContent-Length: 50\r\n\r\n"
    )
    writer.write(head.encode() + b"{}")
    await writer.drain()
    writer.close()
    assert await reader.read() == b""
    assert (await api.get("/healthz")).status == 200
    assert desk.calls == []
