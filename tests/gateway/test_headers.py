"""Every answer of every route carries the headers of the table, over TLS and without, error or not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from csenet.gateway.app import GatewayApp
from csenet.gateway.headers import HEADERS, SERVER, TRANSPORT
from csenet.gateway.people import tokens
from csenet.gateway.settings.model import Settings
from csenet.gateway.tls import client_context


def wrong(headers: Any, *, asset: bool, tls: bool) -> list[str]:
    """Name what an answer lacks, or says otherwise than it should."""
    table = {**HEADERS, **TRANSPORT} if tls else HEADERS
    found = [name for name in table if name not in headers]
    found += [name for name, value in table.items() if headers.get(name) != value and name not in EXACTER]
    policy, kept = headers.get("Content-Security-Policy", ""), headers.get("Cache-Control", "")
    if not policy.startswith("default-src 'none'") or "frame-ancestors 'none'" not in policy:
        found.append(f"policy {policy}")
    if "unsafe" in policy:
        found.append(f"policy {policy}")
    if kept != "no-store" and not (asset and "immutable" in kept):
        found.append(f"kept {kept}")
    if headers.getall("Server") != [SERVER]:
        found.append("Server")
    return found


EXACTER = ("Content-Security-Policy", "Cache-Control")


@pytest.mark.parametrize("apart", [False, True])
async def test_every_answer_of_every_route_carries_them(tmp_path: Path, apart: bool) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    ca, certificate, key = (tmp_path / name for name in ("ca.pem", "server.pem", "server.key"))
    authority.cert_pem.write_to_path(ca)
    certificate.write_bytes(made.cert_chain_pems[0].bytes())
    made.private_key_pem.write_to_path(key)
    pair: dict[str, Any] = {} if apart else {"tls": {"certificate": certificate, "key": key}}
    app = GatewayApp(
        Settings(
            gateway={"jurisdiction": "27", "data_dir": tmp_path / "data"},
            delivery={"folder": {"path": tmp_path / "out"}},
            http={"port": 0, **pair},
            participant={"enabled": True, **({"port": 0} if apart else {})},
        )
    )
    await app.start()
    try:
        await walk(app, tls=not apart, ca=ca, apart=apart)
    finally:
        await app.stop()


async def walk(app: GatewayApp, *, tls: bool, ca: Path, apart: bool) -> None:
    assert app.store is not None
    assert app.clock is not None
    assert app._runner is not None
    async with app.store.begin() as conn:
        secret = await tokens.create(conn, "walker", "administrator", app.clock.now())
    places = [
        (app.port, route.method, route.resource.canonical)
        for route in app._runner.app.router.routes()
        if route.resource is not None
    ]
    if apart:
        assert app._participants is not None
        assert app._participants._runner is not None
        apart_app = app._participants._runner.app
        places += [
            (app.participant_port, route.method, route.resource.canonical)
            for route in apart_app.router.routes()
            if route.resource is not None
        ]
    places += [(app.port, "GET", "/none"), (app.port, "PROPFIND", "/"), (app.port, "GET", "/v1/none")]
    bearer = {"Authorization": f"Bearer {secret}"}
    failed, statuses = [], set()
    scheme, context = ("https", client_context(ca)) if tls else ("http", None)
    async with aiohttp.ClientSession() as session:
        for port, method, path in places:
            if path.endswith("/stream"):
                continue
            url = f"{scheme}://localhost:{port}{re.sub('{[^}]+}', '7', path)}"
            for more in ({"Accept": "text/html"}, bearer):
                ask = session.request(method, url, headers=more, ssl=context or True, allow_redirects=False)
                async with ask as answer:
                    statuses.add(answer.status)
                    asset = "/assets/" in path and answer.status == 200
                    lacks = wrong(answer.headers, asset=asset, tls=tls)
                    if lacks:
                        failed.append((method, path, answer.status, lacks))
    assert failed == []
    assert len(places) > 60
    assert {200, 303, 400, 401, 403, 404, 405} <= statuses, statuses
