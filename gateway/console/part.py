"""Add the console to the web application."""

from __future__ import annotations

from aiohttp import web

from csenet.gateway.clock import Clock
from csenet.gateway.console import assets, pages, today
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
    """Add pages and files; ``windows`` says when batches leave, which is always if left out."""
    pages.set_up(app, clock=clock, jurisdiction_name=jurisdiction_name)
    app[FIGURES] = Figures(desk, clock, windows)
    app.router.add_get("/", today.get_today)
    app.router.add_get(assets.ROUTE, assets.get_asset)
