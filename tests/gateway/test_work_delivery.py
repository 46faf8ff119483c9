"""Changed work items reach the case system signed, again after a failure, and in a file but once."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.jobs import Job, Jobs
from csenet.gateway.settings.work import WorkWebhook
from csenet.gateway.store import receivers
from csenet.gateway.store.receivers import ReceiverState
from csenet.gateway.work_delivery import JsonLines, Webhook, deliver_to

from .conftest import QUIET, arriving, facts, lines
from .patience import BOUND

SECRET = b"an invented secret"


async def ask(desk: Desk, serial: int) -> None:
    await desk.put_case("MN1", facts("responding"))
    receipt = await desk.accept(lines(arriving("MSC R GRPOC", serial)), source="test", name="in")
    await desk.settle(receipt.file_id)


async def run(desk: Desk, receiver: Any) -> None:
    async def work(turn: Any) -> Any:
        return await deliver_to(turn, [receiver])

    ended = await Jobs(desk, [Job("work_delivery", timedelta(seconds=15), work)], QUIET).run_now(
        "work_delivery", actor="test"
    )
    assert ended.outcome == "done", ended.error


async def state(desk: Desk, name: str) -> ReceiverState:
    async with desk.store.read() as conn:
        return await receivers.of(conn, name)


async def test_a_call_is_signed_and_repeated_later_until_it_is_taken(
    desk: Desk, clock: ManualClock, aiohttp_server: Any
) -> None:
    calls: list[tuple[dict[str, str], bytes]] = []
    answers = [500, 302, 204]

    async def receive(request: web.Request) -> web.Response:
        calls.append((dict(request.headers), await request.read()))
        return web.Response(status=answers[len(calls) - 1], headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/work", receive)
    server = await aiohttp_server(app)
    hook = Webhook(str(server.make_url("/work")), SECRET, clock, timeout=BOUND, tls=None)
    await ask(desk, 1)
    for advance, expected, error in (
        (0, 1, "the answer was 500"),
        (14, 1, "the answer was 500"),
        (1, 2, "the answer was 302"),
        (29, 2, "the answer was 302"),
        (1, 3, None),
        (60, 3, None),
    ):
        clock.advance(advance)
        await run(desk, hook)
        assert (len(calls), (await state(desk, "webhook")).last_error) == (expected, error)
    headers, body = calls[2]
    signed = headers["X-CSENet-Timestamp"].encode() + b"." + body
    assert headers["X-CSENet-Signature"] == "v1=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    assert int(headers["X-CSENet-Timestamp"]) == int(clock.now().timestamp()) - 60
    told = json.loads(body)
    assert [(each["kind"], each["case_id"]) for each in told["work_items"]] == [("send_documents", "MN1")]
    assert (await state(desk, "webhook")).cursor == int(told["next"])


async def test_nobody_there_is_tried_later(desk: Desk, clock: ManualClock) -> None:
    await ask(desk, 1)
    await run(desk, Webhook("http://127.0.0.1:9/work", SECRET, clock, timeout=BOUND, tls=None))
    kept = await state(desk, "webhook")
    assert (kept.cursor, kept.attempts) == (0, 1)
    assert kept.next_attempt_at == clock.now() + timedelta(seconds=15)
    assert "call failed" in (kept.last_error or "")


async def test_a_line_is_never_written_twice_and_a_torn_one_is_mended(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "out" / "work.jsonl"
    await ask(desk, 1)
    await run(desk, JsonLines(file))
    (line,) = file.read_text("utf-8").splitlines()
    assert json.loads(line)["kind"] == "send_documents"
    with file.open("a", encoding="utf-8") as torn:
        torn.write('{"id": 1, "cha')
    async with desk.store.begin() as conn:
        await receivers.save(conn, ReceiverState(name="file"))
    await desk.assign_work(1, worker="W1", office=None, actor="a")
    await run(desk, JsonLines(file))
    told = [json.loads(each) for each in file.read_text("utf-8").splitlines()]
    assert [(each["worker"], each["change"]) for each in told] == [(None, 1), ("W1", 2)]
    await run(desk, JsonLines(file))
    assert len(file.read_text("utf-8").splitlines()) == 2
    assert file.stat().st_mode & 0o077 == 0


def test_a_short_secret_and_an_address_in_the_clear_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"short")
    with pytest.raises(ValueError, match="less than 16 bytes"):
        WorkWebhook(url="https://cases.example/x", secret_file=secret)
    secret.write_bytes(SECRET)
    with pytest.raises(ValueError, match="https://"):
        WorkWebhook(url="http://cases.example:8080/x", secret_file=secret)
    assert WorkWebhook(url="http://127.0.0.1:8080/x", secret_file=secret).timeout_seconds == 30
