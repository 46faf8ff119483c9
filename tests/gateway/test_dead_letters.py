"""All about one dead letter; and a resend of many that is paused, killed and gone on with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import permanent, transient
from csenet.gateway.desk import Desk
from csenet.gateway.desk.dead_letters import what_to_do
from csenet.gateway.errors import NotFound
from csenet.gateway.store.dead import DeadFilter
from csenet.gateway.store.engine import Store

from .couriers import Scripted, courier, queue, statuses, until
from .patience import BOUND
from .test_cli_examples import bury, folder, invoke, seat

__all__ = ["folder"]
ALL = DeadFilter()


async def dead(store: Store, clock: ManualClock, count: int, *cases: str) -> None:
    await queue(store, *(cases or [f"C{number}" for number in range(count)]))
    way = Scripted(*[permanent("http_422")] * count)
    await courier(store, way, clock, batch_size=1).deliver_waiting()


async def test_a_dead_letter_tells_why_what_was_tried_and_what_to_do(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "A", "A")
    way = Scripted(transient("http_503"), permanent("http_422"))
    waits = {"first_delay_seconds": 0.0, "max_delay_seconds": 0.0, "batch_size": 1}
    await courier(store, way, clock, **waits).deliver_waiting()
    letter = await desk.dead_letter("out-1")
    assert (letter.id, letter.serial, letter.far, letter.reason) == (
        "out-1",
        "000000000001",
        "MSC P GSTAI",
        "http_422",
    )
    assert [(each.outcome, each.error) for each in letter.tries] == [
        ("transient", "http_503"),
        ("permanent", "http_422"),
    ]
    assert (letter.batch, letter.batch_count, letter.behind) == ("CSENET-27-000000000001.txt", 1, 2)
    assert len(letter.work) == 1
    assert "withdraw or correct" in letter.what_to_do
    assert (await desk.dead_letter("1")).id == "out-1"
    for other in ("out-2", "out-9", "in-1", "x"):
        with pytest.raises(NotFound):
            await desk.dead_letter(other)


@pytest.mark.parametrize("reason", ["", "http_413", "receipt_count", "withdrawn", "TimeoutError", "http_500"])
def test_there_is_something_to_do_about_every_reason(reason: str) -> None:
    assert len(what_to_do(reason)) > 40


async def test_a_resend_is_paused_and_goes_on_where_it_was_and_takes_nothing_twice(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await dead(store, clock, 5)
    begun = await desk.begin_resend(ALL, None, 60, actor="pat")
    assert (begun.total, begun.state) == (5, "running")
    going = asyncio.create_task(desk.go_on_resending(begun.id))
    await until(lambda: clock.sleeping > 0)
    assert list((await statuses(store)).values()).count("queued") == 1
    await desk.set_resend("paused", actor="sam")
    clock.advance(1)
    async with asyncio.timeout(BOUND):
        paused = await going
    assert (paused.state, paused.count) == ("paused", 1)
    # What was sent again dies once more: behind the mark it is not taken again.
    await courier(store, Scripted(permanent("http_422")), clock).deliver_waiting()
    assert list((await statuses(store)).values()).count("dead") == 5
    await desk.set_resend("running", actor="sam")
    going = asyncio.create_task(desk.go_on_resending(begun.id))
    await until(lambda: clock.sleeping > 0)
    # Killed: the next call goes on.
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    known = await desk.unfinished_resend()
    assert known is not None
    assert known.count == 2
    going = asyncio.create_task(desk.go_on_resending(known.id))
    async with asyncio.timeout(BOUND):
        while not going.done():
            clock.advance(1)
            await asyncio.sleep(0)
    assert (going.result().state, going.result().count) == ("done", 5)
    assert await statuses(store) == {1: "dead", 2: "queued", 3: "queued", 4: "queued", 5: "queued"}
    assert await desk.unfinished_resend() is None
    with pytest.raises(NotFound):
        await desk.set_resend("paused", actor="sam")


async def test_a_resend_at_a_pace_keeps_a_batch_together_and_takes_it_once(
    desk: Desk, store: Store, clock: ManualClock
) -> None:
    await queue(store, "A", "B", "C")
    way = Scripted(*[permanent("http_422")] * 5)
    carrier = courier(store, way, clock, batch_size=2)
    await carrier.deliver_waiting()
    run = await desk.begin_resend(ALL, None, 60, actor="pat")
    going = asyncio.create_task(desk.go_on_resending(run.id))
    async with asyncio.timeout(BOUND):
        while not going.done():
            clock.advance(1)
            await carrier.deliver_waiting()
    assert (going.result().state, going.result().count) == ("done", 3)
    # Each went once more, under its name, and died once more.
    assert sorted(parcel.key for parcel in way.got) == sorted(2 * [each.key for each in way.got[:2]])
    assert set((await statuses(store)).values()) == {"dead"}


async def test_a_second_resend_of_the_same_does_nothing(desk: Desk, store: Store, clock: ManualClock) -> None:
    await dead(store, clock, 3)
    counts = []
    for _ in range(2):
        run = await desk.begin_resend(ALL, [1, 2], None, actor="pat")
        counts.append((await desk.go_on_resending(run.id)).count)
    assert counts == [2, 0]
    assert await statuses(store) == {1: "queued", 2: "queued", 3: "dead"}


def test_the_commands_show_resend_pause_and_resume(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    asyncio.run(bury(folder))
    told = invoke("dead", "show", "out-1", "--json")
    assert json.loads(told.stdout)["reason"] == "http_422"
    assert "what to do" in invoke("dead", "show", "out-1").stdout
    assert invoke("dead", "show", "out-9").exit_code == 2
    assert invoke("dead", "resend", "--all").stdout == "1 queued again\n"
    assert invoke("dead", "resend", "--all").stdout == "0 queued again\n"
    assert invoke("dead", "pause").stdout == "no resend is under way\n"
    assert invoke("dead", "resume").stdout == "no resend is under way\n"
