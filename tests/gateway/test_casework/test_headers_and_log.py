"""Each answer can be traced and keeps itself safe; the log says what happened and nothing about whom."""

from __future__ import annotations

import re
from typing import Any

import pytest
import structlog
from sqlalchemy import exc
from structlog.testing import capture_logs

PATHS = ["/", "/healthz", "/readyz", "/nothing", "/v1/openapi.json", "/v1/ledger", "/v1/cases/MN0000123"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_the_protecting_headers(api: Any, path: str) -> None:
    headers = (await api.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("/v1")])
async def test_nothing_of_the_api_is_kept_on_the_way(api: Any, path: str) -> None:
    assert (await api.get(path)).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("offered", ["abcdefgh", "A" * 64, "7f4c1a52-93de-4d36-a7c1-52e0a7b0c9d1"])
async def test_a_harmless_request_id_is_taken_over(api: Any, offered: str) -> None:
    answer = await api.get("/healthz", headers={"X-Request-ID": offered})
    assert answer.headers["X-Correlation-ID"] == offered


@pytest.mark.parametrize("offered", ["", "short", "A" * 65, "with blank", "name@host", "abc_defgh", "é" * 8])
async def test_any_other_request_id_is_replaced(api: Any, offered: str) -> None:
    answer = await api.get("/healthz", headers={"X-Request-ID": offered})
    given = answer.headers["X-Correlation-ID"]
    assert given != offered
    assert re.fullmatch(r"[0-9a-f-]{36}", given)


async def test_each_request_gets_its_own_id(api: Any) -> None:
    ids = {(await api.get("/healthz")).headers["X-Correlation-ID"] for _ in range(5)}
    assert len(ids) == 5


async def test_the_log_names_the_template_and_never_the_case(api: Any) -> None:
    with capture_logs() as lines:
        await api.get("/v1/cases/MN0000123?x=MN0000123", headers={"X-Request-ID": "trace-me-1"})
    (line,) = lines
    assert (line["event"], line["method"], line["route"], line["status"]) == (
        "http.request",
        "GET",
        "/v1/cases/{case_id}",
        200,
    )
    assert line["milliseconds"] >= 0
    assert "MN0000123" not in str(lines)


async def test_an_unknown_path_is_logged_without_what_stood_in_it(api: Any) -> None:
    with capture_logs() as lines:
        await api.get("/v1/cases/MN0000123/ssn/900-00-0001")
        await api.patch("/v1/cases/MN0000123")
    assert [line["route"] for line in lines] == ["(none)", "(none)"]
    assert "MN0000123" not in str(lines)
    assert "900" not in str([line["route"] for line in lines])


async def test_the_log_says_which_token_called_but_not_its_secret(api: Any, secrets: dict[str, str]) -> None:
    with capture_logs() as lines:
        await api.get("/v1/ledger")
        await api.get("/v1/ledger", headers={"Authorization": "Bearer csn_wrong"})
    assert [(line["status"], line["token_id"]) for line in lines] == [(200, 5), (401, None)]
    assert "csn_" not in str(lines)


async def test_a_failure_is_logged_under_the_id_that_the_caller_got(api: Any, desk: Any) -> None:
    desk.failure = RuntimeError("private text")
    bound: list[dict[str, Any]] = []
    original = desk.get_case

    async def looking(case_id: str) -> Any:
        bound.append(structlog.contextvars.get_contextvars())
        return await original(case_id)

    desk.get_case = looking
    with capture_logs() as lines:
        answer = await api.get("/v1/cases/A")
    assert [line["event"] for line in lines] == ["http.failed", "http.request"]
    assert bound == [{"correlation_id": answer.headers["X-Correlation-ID"]}]


@pytest.mark.parametrize(
    ("failure", "status", "told"),
    [
        (ConnectionRefusedError(), 503, "http.store_away"),
        (exc.InternalError("private text", None, OSError()), 503, "http.store_away"),
        (exc.IntegrityError("private text", None, OSError()), 500, "http.failed"),
    ],
)
async def test_who_finds_the_database_out_of_reach_is_told_to_come_again(
    api: Any, desk: Any, failure: Exception, status: int, told: str
) -> None:
    desk.failure = failure
    with capture_logs() as lines:
        answer = await api.get("/v1/cases/A")
    assert (answer.status, lines[0]["event"]) == (status, told)
    assert ("Retry-After" in answer.headers) is (status == 503)
    assert "private text" not in await answer.text()


async def test_an_id_does_not_leak_into_the_next_request_of_a_connection(api: Any) -> None:
    first = await api.get("/healthz", headers={"X-Request-ID": "first-request"})
    second = await api.get("/healthz")
    assert first.headers["X-Correlation-ID"] == "first-request"
    assert second.headers["X-Correlation-ID"] != "first-request"
