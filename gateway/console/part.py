"""Add the console to the web application."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from csenet.gateway.clock import Clock
from csenet.gateway.console import assets, front, pages, routes
from csenet.gateway.console.health import own_health
from csenet.gateway.console.sources import SOURCES, Sources
from csenet.gateway.console.today import FIGURES, Figures, FiguresDesk
from csenet.gateway.delivery.windows import Windows


def add_console(
    app: web.Application,
    desk: FiguresDesk,
    *,
    clock: Clock,
    jurisdiction_name: str,
    windows: Windows | None = None,
) -> None:
    """Add the first page and the files; ``windows`` says when batches leave, which is always if left out."""
    pages.set_up(app, clock=clock, jurisdiction_name=jurisdiction_name)
    app[FIGURES] = Figures(desk, clock, windows, partial(own_health, app))
    app.router.add_get("/", front.get_front)
    app.router.add_get(assets.ROUTE, assets.get_asset)


def add_pages(app: web.Application, sources: Sources) -> None:
    """Add every page that needs a name; only for an application that knows who asks."""
    app[SOURCES] = sources
    routes.add_routes(app)
