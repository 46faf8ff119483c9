"""A page with one switch: the simulated exchange is there, or it is away.

It has a port of its own, because an exchange that is away answers nothing.
"""

import contextlib
from collections.abc import AsyncIterator
from html import escape

from aiohttp import web

from csenet.gateway.exchange.book import ExchangeCounts
from csenet.gateway.exchange.simulated import SimulatedExchange

HOST = "127.0.0.1"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The simulated exchange</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;padding:.5rem 1rem}}td{{padding:.1rem 1rem .1rem 0}}</style></head>
<body><main><h1>The simulated exchange</h1>
<p role="status">{state}</p>
<form method="post" action="/{order}"><button>{button}</button></form>
<table><caption>What it did so far</caption><tbody>{rows}</tbody></table>
</main></body></html>
"""
_UP = "It is there: it takes what states send and passes it on."
_AWAY = (
    "It is away: nobody listens at its address. Each gateway notices by itself, says so on its page Today, "
    "keeps what it has to send and tries again."
)


class Switch:
    """Serve the page."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        """Take the exchange."""
        self._exchange = exchange

    @contextlib.asynccontextmanager
    async def opened(self, port: int) -> AsyncIterator[str]:
        """Listen on a port until the end; give the address."""
        app = web.Application()
        app.router.add_get("/", self._show)
        app.router.add_post("/{order:away|back}", self._order)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port, reuse_address=True).start()
            yield f"http://{HOST}:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()

    async def _show(self, request: web.Request) -> web.Response:
        running = self._exchange.running
        page = _PAGE.format(
            state=escape(_UP if running else _AWAY),
            order="away" if running else "back",
            button="Take it away" if running else "Bring it back",
            rows=_rows(await self._exchange.counts()),
        )
        return web.Response(text=page, content_type="text/html")

    async def _order(self, request: web.Request) -> web.Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise web.HTTPForbidden(text="Only this page itself may press its button.")
        if request.match_info["order"] == "away":
            await self._exchange.stop()
        else:
            await self._exchange.start()
        raise web.HTTPSeeOther("/")


def _rows(counts: ExchangeCounts) -> str:
    """Write the counts that tell something to a newcomer."""
    said = {
        "transactions taken": counts.accepted,
        "passed on": counts.delivered,
        "waiting to be passed on": counts.waiting + counts.unprocessed,
        "refused": counts.refused,
    }
    return "".join(f"<tr><td>{escape(name)}</td><td>{number}</td></tr>" for name, number in said.items())
