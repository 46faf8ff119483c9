"""A running gateway shows what it does, to those who may see it, and says when it cannot go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from csenet.gateway.app import GatewayApp
from csenet.gateway.observe import machine
from csenet.gateway.settings.loading import load_settings

from ..conftest import NOON, arriving, lines
from .conftest import SETTINGS, Running, scrape


async def ask(app: GatewayApp, path: str, **headers: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{app.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_file_that_comes_in_and_its_answer_show(running: Running) -> None:
    async with running() as app:
        assert app.desk is not None
        receipt = await app.desk.accept(
            lines(arriving("MSC R GRINT", 1), b"NOT A TRANSACTION"), source="test", name="x"
        )
        await app.desk.settle(receipt.file_id)
        found = await scrape(app)
    assert found['csenet_files_received_total{kind="transactions"}'] == 1
    assert found["csenet_received_bytes_total"] == receipt.bytes
    statuses = {
        name.partition('status="')[2][:-2]: n for name, n in found.items() if "received_total{fun" in name
    }
    assert statuses == {"malformed": 1, "decided": 1}
    assert found["csenet_intake_last_timestamp_seconds"] == NOON.timestamp()
    assert found["csenet_work_open"] >= 1
    assert found["csenet_audit_writable"] == found["csenet_store_writable"] == found["csenet_ready"] == 1
    assert found['csenet_task_running{task="courier"}'] == 1
    assert found['csenet_build_info{jurisdiction="27",store="sqlite",version="0.1.0"}'] == 1


async def test_requests_are_counted_by_template_and_not_by_path(running: Running) -> None:
    async with running() as app:
        await ask(app, "/v1/cases/SECRETCASE")
        await ask(app, "/nowhere/SECRETCASE")
        found = await scrape(app)
    assert "SECRETCASE" not in str(found)
    name = 'csenet_http_requests_total{method="GET",route="/v1/cases/{case_id}",status="4xx"}'
    assert found[name] == 1
    assert found['csenet_http_requests_total{method="GET",route="(none)",status="4xx"}'] == 1


async def test_what_a_proxy_passes_on_is_not_from_this_machine(running: Running) -> None:
    async with running() as app:
        assert (await ask(app, "/metrics"))[0] == 200
        assert (await ask(app, "/metrics", **{"X-Forwarded-For": "192.0.2.1"}))[0] == 403


async def test_a_token_opens_the_metrics_where_that_is_set(running: Running, tmp_path: Path) -> None:
    (tmp_path / "metrics.token").write_text("open sesame\n")
    async with running('metrics = "token"\ntoken_file = "metrics.token"\n') as app:
        assert (await ask(app, "/metrics"))[0] == 401
        assert (await ask(app, "/metrics", Authorization="Bearer wrong"))[0] == 401
        assert (await ask(app, "/metrics", Authorization="Bearer open sesame"))[0] == 200


async def test_metrics_that_are_off_are_not_there(running: Running) -> None:
    async with running('metrics = "off"\n') as app:
        assert (await ask(app, "/metrics"))[0] == 404


def test_a_token_without_a_file_is_refused(tmp_path: Path) -> None:
    from csenet.gateway.errors import SettingsError

    (tmp_path / "gateway.toml").write_text(SETTINGS + 'metrics = "token"\n')
    with pytest.raises(SettingsError, match="needs a token_file"):
        load_settings(tmp_path / "gateway.toml", {})


async def test_a_store_that_takes_no_commit_makes_it_unready_but_leaves_it_alive(running: Running) -> None:
    async with running() as app:
        assert (await ask(app, "/readyz"))[0] == 200
        await refuse(app, "lease")
        found = await scrape(app)
        status, text = await ask(app, "/readyz")
        assert (status, (await ask(app, "/healthz"))[0]) == (503, 200)
        assert "the store cannot be written" in text
    assert found["csenet_store_writable"] == found["csenet_ready"] == 0
    assert "csenet_audit_writable" not in found


async def test_a_full_disk_makes_it_unready(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as app:
        monkeypatch.setattr(machine, "free_bytes", lambda _folder: 1000)
        status, text = await ask(app, "/readyz")
    assert status == 503
    assert "the disk has less left than its reserve" in text


async def test_a_key_that_is_gone_makes_it_unready(running: Running, tmp_path: Path) -> None:
    (tmp_path / "exchange.token").write_text("t")
    more = '[delivery.http]\nurl = "http://127.0.0.1:9/"\ntoken_file = "exchange.token"\n'
    file = tmp_path / "gateway.toml"
    file.write_text(SETTINGS.replace('[delivery.folder]\npath = "out"\n', "") + more)
    app = GatewayApp(load_settings(file, {}))
    await app.start()
    try:
        (tmp_path / "exchange.token").unlink()
        assert app.observed.health.not_ready() == ["a key cannot be read: delivery.http.token_file"]
    finally:
        await app.stop()


async def test_a_part_that_ended_makes_it_neither_alive_nor_ready(running: Running) -> None:
    async with running() as app:
        assert (await ask(app, "/healthz"))[0] == 200
        app._tasks["settle"].cancel()
        with pytest.raises(Exception, match="settle"):
            await app.wait()
        for path in ("/healthz", "/readyz"):
            status, text = await ask(app, path)
            assert status == 503
            assert "the part settle does not run any more" in text
        found = await scrape(app)
    assert found['csenet_task_running{task="settle"}'] == 0


async def refuse(app: GatewayApp, table: str) -> None:
    """Let the store refuse new rows of a table."""
    text = f"CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
    assert app.store is not None
    async with app.store.begin() as conn:
        await conn.exec_driver_sql(text)


async def test_a_look_that_fails_is_told_once_and_stops_no_other(running: Running) -> None:
    async with running() as app:
        sampler = app.observed.sampler
        assert sampler is not None
        told: list[tuple[str, str]] = []
        sampler._log = type(
            "Log", (), {"warning": lambda _self, event, **keys: told.append((event, keys["step"]))}
        )()

        async def fail() -> None:
            raise RuntimeError

        sampler._store = fail  # type: ignore[method-assign]
        await sampler.sample()
        found = await scrape(app)
    assert told == [("observe.look_failed", "store")]
    assert found["csenet_disk_free_bytes"] > 0
