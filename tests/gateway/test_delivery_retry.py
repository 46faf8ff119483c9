"""The waits between tries, and what counts as delivered."""

from datetime import UTC, datetime

import pytest

from csenet.gateway.delivery.patience import Patience, class_of
from csenet.gateway.delivery.retry import (
    DELIVERED,
    Outcome,
    Schedule,
    Verdict,
    classify_status,
    mistaken,
    permanent,
    transient,
)
from csenet.gateway.delivery.transports.http import judge_receipt, parse_retry_after
from csenet.gateway.settings.retry import RetrySection

SHA = "ab" * 32
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_each_window_doubles_from_the_first_delay_up_to_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    schedule = Schedule(first_delay=1.0, max_delay=10.0)
    assert [schedule.wait(number) for number in range(1, 7)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_the_wait_is_drawn_from_the_whole_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: low)
    assert Schedule(first_delay=1.0, max_delay=10.0).wait(5) == 0.0


def test_a_destination_is_given_the_patience_it_asks_for_but_not_for_ever() -> None:
    schedule = Schedule(first_delay=0.0, max_delay=1.0)
    assert schedule.wait(1, retry_after=120.0) == 120.0
    assert schedule.wait(1, retry_after=1e9) == 86_400.0


@pytest.mark.parametrize("number", [1, 2, 500, 5000])
def test_no_attempt_number_breaks_the_schedule(number: int) -> None:
    assert 0.0 <= Schedule(first_delay=1.0, max_delay=300.0).wait(number) <= 300.0


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (302, Verdict.TRANSIENT),
        (400, Verdict.PERMANENT),
        (401, Verdict.TRANSIENT),
        (403, Verdict.TRANSIENT),
        (404, Verdict.TRANSIENT),
        (408, Verdict.TRANSIENT),
        (409, Verdict.TRANSIENT),
        (413, Verdict.PERMANENT),
        (422, Verdict.PERMANENT),
        (425, Verdict.TRANSIENT),
        (429, Verdict.TRANSIENT),
        (500, Verdict.TRANSIENT),
        (503, Verdict.TRANSIENT),
    ],
)
def test_a_status_is_permanent_only_if_the_request_itself_was_wrong(status: int, verdict: Verdict) -> None:
    outcome = classify_status(status)
    assert outcome is not None
    assert outcome.verdict is verdict
    assert outcome.error == f"http_{status}"


def test_a_success_status_proves_nothing_yet() -> None:
    assert classify_status(202) is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "receipt_unreadable"),
        (b"<html>thanks</html>", "receipt_unreadable"),
        (b"\xff\xfe", "receipt_unreadable"),
        (b"[]", "receipt_incomplete"),
        (b"{}", "receipt_incomplete"),
        (b'{"sha256": 5}', "receipt_incomplete"),
        (b'{"sha256": "%s"}' % (b"cd" * 32), "receipt_digest"),
    ],
)
def test_only_a_receipt_for_these_bytes_is_a_delivery(body: bytes, error: str) -> None:
    assert judge_receipt(body, SHA) == transient(error)
    assert judge_receipt(b'{"sha256": "%s", "more": 1}' % SHA.upper().encode(), SHA) == DELIVERED


def test_a_receipt_that_counts_otherwise_than_we_is_for_a_person() -> None:
    body = b'{"sha256": "%s", "count": 3}' % SHA.encode()
    assert judge_receipt(body, SHA, 3) == DELIVERED
    assert judge_receipt(body, SHA, 2) == permanent("receipt_count")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        ("-5", None),
        ("inf", None),
        ("soon", None),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, NOON) == seconds


async def test_tries_are_counted_on_from_an_earlier_run_and_end_at_the_limit() -> None:
    seen: list[tuple[int, float]] = []
    slept: list[float] = []

    async def fail() -> Outcome:
        return transient("http_503")

    async def note(number: int, outcome: Outcome, wait: float) -> None:
        seen.append((number, wait))

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    schedule = Schedule(first_delay=1.0, max_delay=60.0, attempt_limit=12)
    outcome = await schedule.retrying(done=9, sleep=sleep, before_sleep=note)(fail)
    assert outcome == transient("http_503")
    assert [number for number, _ in seen] == [10, 11]
    assert [wait for _, wait in seen] == slept


async def test_a_permanent_failure_ends_the_tries_at_once() -> None:
    calls = []

    async def fail() -> Outcome:
        calls.append(1)
        return Outcome(verdict=Verdict.PERMANENT, error="http_400")

    async def never(*_: object) -> None:
        raise AssertionError("nothing to wait for")

    outcome = await Schedule().retrying(done=0, sleep=never, before_sleep=never)(fail)
    assert outcome.verdict is Verdict.PERMANENT
    assert len(calls) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_our_settings_cause_is_told_to_a_person_and_tried_again(status: int) -> None:
    outcome = classify_status(status)
    assert outcome is not None
    assert (outcome.verdict, outcome.mistaken) == (Verdict.TRANSIENT, True)


def test_a_busy_destination_needs_no_person() -> None:
    for status in (408, 429, 500, 503):
        outcome = classify_status(status)
        assert outcome is not None
        assert not outcome.mistaken


def test_patience_ends_by_age_and_by_tries_only_if_they_are_limited() -> None:
    patient = Schedule()
    assert not patient.exhausted(1_000_000, 2 * 86_400.0 - 1)
    assert patient.exhausted(1, 2 * 86_400.0)
    assert Schedule(attempt_limit=3).exhausted(3, 0.0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ClientConnectorError", "connect"),
        ("ClientConnectorDNSError", "connect"),
        ("ConnectionTimeoutError", "connect"),
        ("SocketTimeoutError", "timeout"),
        ("TimeoutError", "timeout"),
        ("tls_expired", "tls"),
        ("http_429", "http_429"),
        ("http_408", "http_4xx"),
        ("http_503", "http_5xx"),
        ("receipt_digest", "receipt"),
        ("http_302", "other"),
        ("SomethingNobodyHasSeen", "other"),
    ],
)
def test_each_failure_has_a_class_that_can_be_set(error: str, kind: str) -> None:
    assert class_of(error) == kind
    assert kind in RetrySection.model_fields


def test_a_class_has_waits_and_an_end_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    own = {"http_429": Patience(first_delay=600.0), "tls": Patience(max_delay=2.0, give_up_after=50.0)}
    schedule = Schedule(first_delay=1.0, max_delay=300.0, give_up_after=100.0, classes=own)
    assert [schedule.wait(3, error=error) for error in ("http_503", "http_429", "tls_expired")] == [4, 600, 2]
    assert schedule.wait(3, 700.0, "http_429") == 700.0
    assert not schedule.exhausted(1, 60.0, "http_503")
    assert schedule.exhausted(1, 60.0, "tls_expired")


def test_a_class_can_be_final_but_no_failure_becomes_a_success() -> None:
    schedule = Schedule(classes={"tls": Patience(permanent=True)})
    judged = schedule.judge(mistaken("tls_expired"))
    assert (judged.verdict, judged.by_rule) == (Verdict.PERMANENT, True)
    for outcome in (transient("http_503"), permanent("http_422"), DELIVERED):
        assert schedule.judge(outcome) == outcome


async def test_the_loop_asks_the_class_of_each_failure_anew() -> None:
    failures = iter(["http_503", "http_503", "tls_expired"])

    async def fail() -> Outcome:
        return transient(next(failures))

    async def pass_over(*_: object) -> None:
        return None

    schedule = Schedule(classes={"tls": Patience(give_up_after=5.0)})
    retrying = schedule.retrying(done=0, sleep=pass_over, before_sleep=pass_over, age=lambda: 10.0)
    assert await retrying(fail) == transient("tls_expired")


@pytest.mark.parametrize(
    "wrong",
    [
        {"http_5xx": {"first_delay_seconds": 9, "max_delay_seconds": 3}},
        {"tls": {"permanent": True, "give_up_after": "1h"}},
        {"http_500": {}},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"permanent|less|permitted"):
        RetrySection.model_validate(wrong)


def test_settings_become_what_the_courier_takes() -> None:
    partner = {"20": {"give_up_after": "6h"}}
    section = RetrySection.model_validate(
        {"tls": {"give_up_after": "12h"}, "other": {"permanent": True}, "partner": partner}
    )
    assert section.partners() == {"20": 21_600.0}
    with pytest.raises(ValueError, match="two-digit FIPS code"):
        RetrySection.model_validate({"partner": {"KS": {"give_up_after": "6h"}}})
    assert section.classes() == {"tls": Patience(give_up_after=43_200.0), "other": Patience(permanent=True)}
