"""Each fault, made in a running gateway, raises its own alert by the shipped rules, and no other."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import mistaken, permanent, transient
from csenet.gateway.observe import machine
from csenet.gateway.store import destinations, duties, work
from csenet.handlers import router

from ..conftest import LEDGER, NOON, arriving, facts, lines
from ..test_desk_refusals import error_record
from . import promtool
from .conftest import Running, scrape
from .scene import MORE, Scene, Transport, backup, certify, prepare

Fault = Callable[[Scene], Awaitable[None]]
FAULTS: dict[str, tuple[Fault, str, str]] = {}
_WINDOW = '[delivery.windows]\ntimes = ["18:00-19:30"]\n'


def fault(*, at: str = "50m", more: str = "") -> Callable[[Fault], Fault]:
    """Enter a fault under the alert that it is named after, due by ``at`` on Prometheus's clock."""

    def enter(made: Fault) -> Fault:
        name = "Csenet" + "".join(word.capitalize() for word in made.__name__.split("_"))
        FAULTS[name] = (made, at, more)
        return made

    return enter


@pytest.fixture
def scene(
    tmp_path: Path, clock: ManualClock, running: Running, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """Give what runs a gateway with everything that can fail, and with more settings."""
    prepare(tmp_path)
    transport, offset = Transport(), [0.1]
    monkeypatch.setattr("csenet.gateway.app.transport_of", lambda *_: transport)

    async def ask(_server: str, _now: object) -> float:
        return offset[0]

    monkeypatch.setattr(machine, "clock_offset", ask)

    @asynccontextmanager
    async def run(more: str) -> AsyncIterator[Scene]:
        async with running(MORE + more) as app:
            yield Scene(app, clock, tmp_path, transport, monkeypatch, offset)

    return run


def shipped() -> set[str]:
    """Name the alerts that are shipped, as they stand in the file."""
    text = promtool.RULES.read_text("utf-8")
    return {line.split(":")[1].strip() for line in text.splitlines() if line.strip().startswith("- alert:")}


@fault()
async def nothing_received(scene: Scene) -> None:
    await scene.advance(timedelta(hours=20))  # 08:00 on the next day; the window ended at 07:00
    backup(scene.folder, scene.clock.now())


@fault(more=_WINDOW)
async def window_missed(scene: Scene) -> None:
    await scene.submit()
    # The courier may have looked just before the window opened, and looks again after two seconds.
    scene.transport.outcomes = [transient("http_503", retry_after=6 * 3600)]
    await scene.advance(timedelta(hours=6, minutes=1))
    await scene.until(lambda: scene.comes('csenet_delivery_attempts_total{outcome="failed"}'))
    await scene.advance(timedelta(hours=2))


@fault()
async def breaker_open(scene: Scene) -> None:
    scene.transport.outcomes = [transient("http_503")] * 9
    await scene.submit()
    await scene.until(scene.was_tried)
    await scene.until(scene.breaks)


@fault(at="290m")
async def delivery_held(scene: Scene) -> None:
    async with scene.desk.store.begin() as conn:
        await destinations.hold(conn, "exchange migrates", actor="test", at=NOON)


@fault()
async def oldest_waiting(scene: Scene) -> None:
    scene.transport.outcomes = [transient("http_503")]
    await scene.submit()
    await scene.until(scene.was_tried)
    async with scene.desk.store.begin() as conn:
        await conn.exec_driver_sql("UPDATE outbound SET created_at = '2026-11-18 12:00:00'")


@fault()
async def dead_letters(scene: Scene) -> None:
    scene.transport.outcomes = [permanent("http_400")]
    await scene.submit()
    await scene.reaches("dead")


@fault()
async def parked(scene: Scene) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    scene.patch.setattr(router, "dispatch", fail)
    await scene.desk.put_case("MN1", facts(ledger=LEDGER))
    receipt = await scene.desk.accept(lines(arriving("MSC R GRINT", 1)), source="test", name="x")
    await scene.desk.settle(receipt.file_id)


@fault()
async def refused_by_exchange(scene: Scene) -> None:
    await scene.submit()
    await scene.reaches("delivered")
    receipt = await scene.desk.accept(lines(error_record(1)), source="test", name="errors")
    await scene.desk.settle(receipt.file_id)


@fault()
async def turned_away(scene: Scene) -> None:
    scene.transport.outcomes = [mistaken("http_401")]
    await scene.submit()
    await scene.until(scene.was_tried)


@fault(at="20m")
async def intake_failing(scene: Scene) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError

    scene.patch.setattr(scene.desk, "accept", fail)
    (scene.folder / "in" / "a.txt").write_bytes(lines(arriving("MSC R GRINT", 1)))
    await scene.until(lambda: scene.comes("csenet_intake_failures_total"))


@fault()
async def duty_overdue(scene: Scene) -> None:
    about = {"kind": "CR1", "side": "we-owe", "partner": "20", "opened_by": "MSC R GRINT"}
    row = {**about, "started_on": date(2026, 11, 1), "due": date(2026, 11, 19), "opened_at": NOON}
    async with scene.desk.store.begin() as conn:
        await duties.add(conn, [row])


@fault()
async def work_overdue(scene: Scene) -> None:
    about = {"kind": "close_case", "title": "t", "group": "", "status": "open", "reasons": [], "details": {}}
    item = {**about, "due": date(2026, 11, 19), "opened_at": NOON}
    async with scene.desk.store.begin() as conn:
        await work.add(conn, [item], ["test"])


@fault()
async def ledger_difference(scene: Scene) -> None:
    await scene.submit()
    await scene.reaches("delivered")
    async with scene.desk.store.begin() as conn:
        await conn.exec_driver_sql("UPDATE outbound SET serial = 7")
    await scene.advance(timedelta(minutes=2))


@fault()
async def ledger_unchecked(scene: Scene) -> None:
    async with scene.desk.store.begin() as conn:
        await conn.exec_driver_sql("UPDATE timed_job SET result_at = '2026-11-20 15:00:00'")


@fault()
async def job_failed(scene: Scene) -> None:
    async def fail() -> None:
        raise OSError

    scene.patch.setattr(scene.desk, "ledger_check", fail)
    scene.clock.advance(90)
    await scene.until(lambda: scene.counts('csenet_job_failed{name="ledger_check"}'))


@fault()
async def audit_unwritable(scene: Scene) -> None:
    await scene.refuse("audit")


@fault()
async def certificate_expiring(scene: Scene) -> None:
    certify(scene.folder, NOON + timedelta(days=20))


@fault()
async def partners_refused(scene: Scene) -> None:
    (scene.folder / "partners.toml").write_text("version = 2\nissued = yesterday\n")
    await scene.until(lambda: scene.comes("csenet_partners_refused_total"))


@fault()
async def not_ready(scene: Scene) -> None:
    (scene.folder / "cms.key").unlink()


@fault()
async def store_unwritable(scene: Scene) -> None:
    await scene.refuse("lease")


@fault()
async def disk_reserve(scene: Scene) -> None:
    scene.patch.setattr(machine, "free_bytes", lambda _folder: 1000)


@fault()
async def backup_old(scene: Scene) -> None:
    backup(scene.folder, NOON - timedelta(hours=27))


@fault()
async def clock_off(scene: Scene) -> None:
    scene.offset[0] = -3.0
    await scene.advance(timedelta(minutes=6))


@fault(at="8m")
async def errors(scene: Scene) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError

    scene.patch.setattr("csenet.gateway.people.tokens.verify", fail)
    headers, url = {"Authorization": "Bearer x"}, f"http://127.0.0.1:{scene.app.port}/v1/ledger"
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(8):
            async with session.get(url) as answer:
                assert answer.status == 500


@fault()
async def loop_lag(scene: Scene) -> None:
    time.sleep(1.3)  # noqa: ASYNC251 - this is the fault


@fault()
async def blind(scene: Scene) -> None:
    async def fail() -> None:
        """Take no sample any more."""

    sampler = scene.app.observed.sampler
    assert sampler is not None
    scene.patch.setattr(sampler, "sample", fail)
    scene.patch.setattr(sampler, "_sampled", time.monotonic() - 301)


@pytest.mark.parametrize("alert", FAULTS)
async def test_a_fault_raises_its_alert_and_no_other(
    alert: str, scene: Callable[[str], Any], tmp_path: Path
) -> None:
    make, at, more = FAULTS[alert]
    async with scene(more) as set_up:
        before = await set_up.at_rest()
        await make(set_up)
        after = await scrape(set_up.app)
    if make is not loop_lag:
        after["csenet_loop_lag_seconds"] = 0.0  # a slow machine is no fault of ours
    assert promtool.firing([before, before, before, before, after], at, tmp_path) == {alert}
    assert promtool.firing([before], "290m", tmp_path) == set()


async def test_a_gateway_that_starts_again_and_again_raises_an_alert(
    running: Running, clock: ManualClock, tmp_path: Path
) -> None:
    scrapes = []
    for _ in range(4):
        async with running() as app:
            scrapes.append(await scrape(app))
        clock.advance(60)
    assert promtool.firing(scrapes, "20m", tmp_path) == {"CsenetRestarts"}
    assert promtool.firing(scrapes[:3], "20m", tmp_path) == set()


def test_a_gateway_that_is_gone_raises_an_alert(tmp_path: Path) -> None:
    assert promtool.firing([{}], "20m", tmp_path, up=False) == {"CsenetDown"}


def test_each_alert_has_its_fault() -> None:
    assert shipped() - set(FAULTS) == {"CsenetRestarts", "CsenetDown"}
    assert set(FAULTS) <= shipped()
