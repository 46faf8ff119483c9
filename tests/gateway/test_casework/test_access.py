"""Every route opens for the roles it is meant for and for nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web

from csenet.gateway.casework.access import ACCESS, NEEDS
from csenet.gateway.casework.openapi import routes_of
from csenet.gateway.people import tokens
from csenet.gateway.people.rights import table

ROLES = ("casesystem", "operator", "exchange", "administrator")
API = {route: roles for route, roles in ACCESS.items() if route not in dict(table().page_routes())}


async def shown(_request: web.Request) -> web.Response:
    return web.Response()


async def received(_request: web.Request) -> web.Response:
    return web.Response(status=202)


@pytest.fixture
async def client(open_api: Any, aiohttp_client: Any) -> Any:
    """Open an API to which others have added the exchange's route and one that nobody listed."""
    app = (await open_api(None)).app
    copy = web.Application(middlewares=app.middlewares)
    for key in app:
        copy[key] = app[key]
    for route in list(app.router.routes()):
        copy.router.add_route(route.method, route.resource.canonical, route.handler)
    copy.router.add_post("/v1/exchange/batches", received)
    copy.router.add_get("/v1/exchange/batches", received)
    copy.router.add_post("/v1/exchange/receipts", received)
    copy.router.add_get("/metrics", shown)
    copy.router.add_get("/v1/forgotten", received)
    return await aiohttp_client(copy)


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "1", path)


async def test_every_route_has_a_row_in_the_table(client: Any) -> None:
    assert routes_of(client.app) - {("GET", "/v1/forgotten")} <= set(NEEDS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", API, ids=" ".join)
async def test_a_role_enters_where_it_may(
    client: Any, secrets: dict[str, str], desk: Any, route: tuple[str, str], role: str
) -> None:
    method, path = route
    headers = {"Authorization": f"Bearer {secrets[role]}"}
    answer = await client.request(method, filled(path), headers=headers, json={} if method != "GET" else None)
    allowed = API[route]
    if not allowed or role in allowed:
        assert answer.status not in (401, 403)
    else:
        assert answer.status == 403
        assert answer.content_type == "application/problem+json"
        assert desk.calls == []


@pytest.mark.parametrize("route", API, ids=" ".join)
async def test_nobody_enters_without_a_token_where_one_is_needed(
    client: Any, desk: Any, route: tuple[str, str]
) -> None:
    answer = await client.request(route[0], filled(route[1]))
    if not API[route]:
        assert answer.status in (200, 404)
    else:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="csenet"'
        assert (await answer.json())["type"] == "urn:csenet:problem:unauthenticated"
        assert desk.calls == []


@pytest.mark.parametrize("role", ROLES)
async def test_a_route_that_the_table_forgot_is_nobodys(
    client: Any, secrets: dict[str, str], role: str
) -> None:
    answer = await client.get("/v1/forgotten", headers={"Authorization": f"Bearer {secrets[role]}"})
    assert answer.status == 403


async def test_asking_with_head_opens_no_side_door(client: Any, secrets: dict[str, str]) -> None:
    operator = {"Authorization": f"Bearer {secrets['operator']}"}
    assert (await client.head("/v1/cases/MN0000123")).status == 401
    assert (await client.head("/v1/cases/MN0000123", headers=operator)).status == 200
    exchange = {"Authorization": f"Bearer {secrets['exchange']}"}
    assert (await client.head("/v1/cases/MN0000123", headers=exchange)).status == 403


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}x", "Bearer x{}"])
async def test_a_header_that_shows_no_token_is_refused(
    client: Any, secrets: dict[str, str], header: str
) -> None:
    answer = await client.get("/v1/ledger", headers={"Authorization": header.format(secrets["admin"])})
    assert answer.status == 401


async def test_the_scheme_may_be_written_in_any_case(client: Any, secrets: dict[str, str]) -> None:
    answer = await client.get("/v1/ledger", headers={"Authorization": f"bearer {secrets['admin']}"})
    assert answer.status == 200


async def test_a_wrong_token_is_told_apart_from_none(client: Any) -> None:
    answer = await client.get("/v1/ledger", headers={"Authorization": "Bearer csn_wrong"})
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert "csn_wrong" not in await answer.text()


async def test_a_token_revoked_while_in_use_opens_nothing_more(
    client: Any, secrets: dict[str, str], store: Any, clock: Any
) -> None:
    headers = {"Authorization": f"Bearer {secrets['operator']}"}
    assert (await client.get("/v1/ledger", headers=headers)).status == 200
    async with store.begin() as conn:
        await tokens.revoke(conn, "the-operator", clock.now())
    assert (await client.get("/v1/ledger", headers=headers)).status == 401
