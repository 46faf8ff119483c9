"""The simulated exchange, between real servers on loopback; flat records are written out by the charts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web

from csenet.gateway.clock import ManualClock
from csenet.gateway.exchange import book
from csenet.gateway.exchange.routes import Route
from csenet.gateway.exchange.simulated import SimulatedExchange
from csenet.gateway.exchange.tables import open_exchange_store
from csenet.gateway.ports import free_port

from .patience import BOUND

# Noon in Greenwich is seven in the morning in Washington.
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def grint(
    serial: int,
    *,
    sender: str = "20000",
    to: str = "27000",
    case_id: str = "KS1",
    day: str = "20261120",
    version: str = "003",
) -> bytes:
    """Write MSC R GRINT without data blocks, as a state sends it (chart C-3, 127 positions)."""
    codes = f"{version}{serial:012d}    RMSC{day}"
    record = f"{sender}  {to}  {codes}{case_id:<15}{'MN1':<15}GRINT{'':8}N0000000{'':30}0"
    assert len(record) == 127
    return record.encode()


def grint_received(serial: int, case_id: str = "KS1") -> bytes:
    """Write what Minnesota gets for it (chart C-4, 121 positions): turned round and stamped."""
    record = (
        f"27000  20000  003{serial:012d}    RMSC20261120{'MN1':<15}{case_id:<15}GRINT{'':8}N0000000"
        f"20261121070000{'':11}"
    )
    assert len(record) == 121
    return record.encode()


class State:
    """A state's gateway that takes what the exchange pushes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.keys: list[str] = []
        self.tokens: list[str] = []
        self.answers: list[web.Response | Exception] = []
        self.runner: web.AppRunner | None = None
        self.port = free_port()  # nobody takes it while this one is away

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/exchange/batches", self.receive)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        self.bodies.append(body)
        self.keys.append(request.headers["Idempotency-Key"])
        self.tokens.append(request.headers["Authorization"])
        return web.json_response({"sha256": hashlib.sha256(body).hexdigest()}, status=202)

    @property
    def lines(self) -> list[bytes]:
        return [line for body in self.bodies for line in body.splitlines()]

    def route(self, name: str) -> Route:
        return Route(
            url=f"http://127.0.0.1:{self.port}/v1/exchange/batches",
            token=f"to-{name}",
            client_token=f"from-{name}",
        )


@pytest.fixture
async def minnesota() -> AsyncIterator[State]:
    state = State()
    await state.start()
    yield state
    await state.stop()


@pytest.fixture
async def kansas() -> AsyncIterator[State]:
    state = State()
    await state.start()
    yield state
    await state.stop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def exchange(
    tmp_path: Path, clock: ManualClock, minnesota: State, kansas: State
) -> AsyncIterator[SimulatedExchange]:
    routes = {"27": minnesota.route("27"), "20": kansas.route("20")}
    made = SimulatedExchange(tmp_path / "exchange.db", "127.0.0.1", 0, clock, routes, structlog.get_logger())
    await made.start()
    yield made
    await made.stop()


async def post(
    exchange: SimulatedExchange, body: bytes, *, token: str = "from-20", key: str | None = None
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    async with (
        aiohttp.ClientSession() as session,
        session.post(exchange.url, data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def until(condition: Callable[[], Any]) -> None:
    """Yield to the other tasks until something holds."""
    async with asyncio.timeout(BOUND):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.001)


async def all_settled(exchange: SimulatedExchange) -> bool:
    found = await exchange.counts()
    return found.unprocessed == found.waiting == found.errors_waiting == 0


async def test_a_transaction_reaches_the_other_state_turned_round(
    exchange: SimulatedExchange, minnesota: State, kansas: State
) -> None:
    body = grint(1) + b"\n"
    status, receipt = await post(exchange, body)
    assert status == 202
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert receipt["count"] == 1
    await until(lambda: all_settled(exchange))
    assert minnesota.bodies == [grint_received(1) + b"\n"]
    assert minnesota.tokens == ["Bearer to-27"]
    assert kansas.bodies == []
    assert await exchange.ledger() == {
        "accepted": 1,
        "delivered": 1,
        "waiting": 0,
        "refused": 0,
        "balanced": True,
    }


async def test_the_same_batch_again_gets_its_first_receipt_and_has_no_effect(
    exchange: SimulatedExchange, minnesota: State
) -> None:
    _, first = await post(exchange, grint(1) + b"\n", key="K1")
    await until(lambda: all_settled(exchange))
    status, again = await post(exchange, grint(1) + b"\n", key="K1")
    assert status == 200
    assert again == {**first, "duplicate": True}
    await until(lambda: all_settled(exchange))
    assert minnesota.lines == [grint_received(1)]


async def test_a_key_cannot_be_used_for_other_bytes(exchange: SimulatedExchange) -> None:
    await post(exchange, grint(1) + b"\n", key="K1")
    status, _ = await post(exchange, grint(2) + b"\n", key="K1")
    assert status == 422


async def test_states_do_not_share_keys(exchange: SimulatedExchange) -> None:
    await post(exchange, grint(1) + b"\n", key="K1")
    status, _ = await post(exchange, grint(1, sender="27000", to="20000") + b"\n", key="K1", token="from-27")
    assert status == 202


@pytest.mark.parametrize("token", ["", "from-99", "to-20"])
async def test_a_stranger_is_refused(exchange: SimulatedExchange, token: str) -> None:
    status, _ = await post(exchange, grint(1) + b"\n", token=token)
    assert status == 401
    assert (await exchange.counts()).batches == 0


@pytest.mark.parametrize("body", [b"", b"\n\n"])
async def test_an_empty_batch_is_refused(exchange: SimulatedExchange, body: bytes) -> None:
    status, _ = await post(exchange, body)
    assert status == 400


def error_record(line: bytes) -> dict[str, str]:
    """Take an error record apart by chart C-12."""
    assert len(line) == 145
    text = line.decode()
    return {
        "local": text[7:14],
        "other": text[15:22],
        "case": text[23:38].rstrip(),
        "far": f"{text[57:60]} {text[55]} {text[61:66]}",
        "date": text[76:84],
        "code": text[85:89],
        "serial": text[90:102],
        "text": text[103:145].rstrip(),
    }


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"version": "002"}, "VERSION"),
        ({"to": "20999", "sender": "20000"}, "OTHER FIPS COUNTY"),
        ({"sender": "31000"}, "LOCAL FIPS STATE"),
        ({"day": "20271120"}, "DATE"),
    ],
)
async def test_a_refused_transaction_comes_back_to_its_sender_as_an_error_record(
    exchange: SimulatedExchange, minnesota: State, kansas: State, bad: dict[str, str], said: str
) -> None:
    await post(exchange, grint(1) + b"\n" + grint(2, **bad) + b"\n" + grint(3) + b"\n")
    await until(lambda: all_settled(exchange))
    assert minnesota.lines == [grint_received(1), grint_received(3)]
    (line,) = kansas.lines
    told = error_record(line)
    assert told["serial"] == "000000000002"
    assert told["far"] == "MSC R GRINT"
    assert told["case"] == "KS1"
    assert told["code"] == "    "
    assert said in told["text"]
    assert (await exchange.ledger())["refused"] == 1


async def test_a_line_that_is_no_transaction_is_refused_without_disturbing_its_neighbours(
    exchange: SimulatedExchange, minnesota: State, kansas: State
) -> None:
    await post(exchange, grint(1) + b"\n" + grint(2)[:60] + b"\n" + grint(3) + b"\n")
    await until(lambda: all_settled(exchange))
    assert minnesota.lines == [grint_received(1), grint_received(3)]
    assert len(kansas.lines) == 1
    assert (await exchange.ledger())["balanced"] is True


async def test_a_serial_number_used_before_is_refused_whatever_it_carries(
    exchange: SimulatedExchange, minnesota: State, kansas: State
) -> None:
    await post(exchange, grint(1) + b"\n", key="K1")
    await post(exchange, grint(1) + b"\n" + grint(1, case_id="KS2") + b"\n" + grint(2) + b"\n", key="K2")
    await until(lambda: all_settled(exchange))
    assert minnesota.lines == [grint_received(1), grint_received(2)]
    assert [error_record(line)["text"] for line in kansas.lines] == [
        "DUPLICATE TRANSACTION SERIAL NUMBER"
    ] * 2


async def test_a_refused_serial_number_may_be_used_again(
    exchange: SimulatedExchange, minnesota: State
) -> None:
    await post(exchange, grint(1, version="002") + b"\n")
    await post(exchange, grint(1) + b"\n")
    await until(lambda: all_settled(exchange))
    assert minnesota.lines == [grint_received(1)]


async def test_two_states_may_use_the_same_serial_number(
    exchange: SimulatedExchange, minnesota: State, kansas: State
) -> None:
    await post(exchange, grint(1) + b"\n")
    await post(exchange, grint(1, sender="27000", to="20000") + b"\n", token="from-27")
    await until(lambda: all_settled(exchange))
    assert len(minnesota.lines) == len(kansas.lines) == 1


async def test_transactions_wait_for_a_state_that_is_not_connected(
    exchange: SimulatedExchange, kansas: State
) -> None:
    await post(exchange, grint(1, to="31000") + b"\n")
    await until(lambda: no_more_to_judge(exchange))
    found = await exchange.counts()
    assert found.waiting_for == {"31": 1}
    assert found.balanced
    assert kansas.bodies == []
    nebraska = State()
    await nebraska.start()
    exchange.connect("31", nebraska.route("31"))
    await until(lambda: all_settled(exchange))
    assert len(nebraska.lines) == 1
    await nebraska.stop()


async def no_more_to_judge(exchange: SimulatedExchange) -> bool:
    return (await exchange.counts()).unprocessed == 0


async def test_a_state_gets_its_transactions_in_order_a_hundred_at_a_time(
    exchange: SimulatedExchange, minnesota: State
) -> None:
    await post(exchange, b"".join(grint(serial) + b"\n" for serial in range(1, 251)))
    await until(lambda: all_settled(exchange))
    assert [len(body.splitlines()) for body in minnesota.bodies] == [100, 100, 50]
    assert minnesota.lines == [grint_received(serial) for serial in range(1, 251)]


async def test_a_push_is_repeated_unchanged_until_the_state_proves_that_it_has_it(
    exchange: SimulatedExchange, minnesota: State, clock: ManualClock
) -> None:
    minnesota.answers = [
        web.Response(status=500),
        web.Response(status=400),
        web.json_response({"sha256": "0" * 64}, status=202),
    ]
    await post(exchange, grint(1) + b"\n")
    for _ in range(3):
        await until(lambda: clock.sleeping == 1)
        await post(exchange, grint(2) + b"\n", key="later")
        clock.advance(10)
        await until(lambda: clock.sleeping == 0)
    await until(lambda: all_settled(exchange))
    assert minnesota.bodies[0] == grint_received(1) + b"\n"
    assert minnesota.lines == [grint_received(1), grint_received(2)]


async def test_a_stop_closes_the_port_and_a_start_goes_on(
    exchange: SimulatedExchange, minnesota: State, clock: ManualClock
) -> None:
    await minnesota.stop()
    await post(exchange, grint(1) + b"\n")
    await until(lambda: clock.sleeping == 1)
    port = exchange.port
    await exchange.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(exchange, grint(2) + b"\n")
    assert (await exchange.ledger())["waiting"] == 1
    await minnesota.start()
    await exchange.start()
    assert exchange.port == port
    await until(lambda: all_settled(exchange))
    assert minnesota.lines == [grint_received(1)]


async def test_what_was_acknowledged_but_not_judged_is_judged_after_a_restart(
    exchange: SimulatedExchange, minnesota: State, tmp_path: Path
) -> None:
    await exchange.stop()
    store = await open_exchange_store(tmp_path / "exchange.db")
    async with store.begin() as conn:
        await book.add_batch(conn, sender="20", key="K1", raw=grint(1) + b"\n", count=1, at=NOW)
    await store.close()
    assert await exchange.ledger() == {
        "accepted": 1,
        "delivered": 0,
        "waiting": 1,
        "refused": 0,
        "balanced": True,
    }
    await exchange.start()
    await until(lambda: all_settled(exchange))
    assert minnesota.lines == [grint_received(1)]


async def test_a_push_whose_receipt_was_lost_goes_again_under_the_same_key(
    exchange: SimulatedExchange, minnesota: State, clock: ManualClock
) -> None:
    class Lossy(State):
        async def receive(self, request: web.Request) -> web.Response:
            answer = await State.receive(self, request)
            if len(self.bodies) == 1:
                assert request.transport is not None
                request.transport.abort()
            return answer

    lossy = Lossy()
    await lossy.start()
    exchange.connect("27", lossy.route("27"))
    await post(exchange, grint(1) + b"\n")
    await until(lambda: clock.sleeping == 1)
    clock.advance(10)
    await until(lambda: all_settled(exchange))
    assert len(lossy.keys) == 2
    assert len(set(lossy.keys)) == 1
    assert lossy.bodies[0] == lossy.bodies[1]
    await lossy.stop()
