"""Tell people what went wrong as a page, with what they can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

import structlog
from aiohttp import web

from csenet.gateway.console import pages
from csenet.gateway.desk.results import Conflict
from csenet.gateway.errors import NotFound, Rejected
from csenet.gateway.people.looks import ReadRefused
from csenet.gateway.store.errors import is_away

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KINDS: Final = {
    "transaction_id": ("transaction", "/console/transactions", "All transactions"),
    "case_id": ("case", "/console/cases", "All cases"),
    "fips": ("partner", "/console/partners", "All partners"),
    "rule": ("rule or duty", "/console/law", "All law"),
}
_LONGEST: Final = 40

log = structlog.get_logger("csenet.gateway.http")


def as_page(view: View) -> View:
    """Answer with a page whatever happens in a view; texts of unexpected failures are never shown."""

    @wraps(view)
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await view(request)
        except ReadRefused as error:
            return page(request, 403, "This is not for you", str(error))
        except (NotFound, web.HTTPNotFound):
            return _absent(request)
        except Conflict as error:
            return page(request, 409, "Somebody was quicker", str(error))
        except Rejected as error:
            return page(request, 422, "That cannot be done", str(error))
        except web.HTTPException:
            raise
        except Exception as error:
            if is_away(error):
                log.warning("http.store_away", error_type=type(error).__name__)
                return page(request, 503, "The database is out of reach", "Try again in a minute.")
            log.error("http.failed", exc_info=error)
            detail = "Nothing was changed. Try again; if it stays, tell the operator the name below."
            return page(request, 500, "Something went wrong inside the gateway", detail)

    return answered


def _absent(request: web.Request) -> web.Response:
    """Say what is not here, without saying whether it is elsewhere, and lead to where it is looked for."""
    detail = "It may have had another number; look for it in the list."
    for kind, (noun, path, label) in _KINDS.items():
        if kind in request.match_info:
            name = request.match_info[kind][:_LONGEST]
            return page(request, 404, f"There is no {noun} {name}", detail, onward=(path, label))
    return page(request, 404, "There is nothing here", detail)


def page(request: web.Request, status: int, title: str, detail: str, **more: tuple[str, str]) -> web.Response:
    """Write the page of one failure; ``onward`` is where to look next."""
    return pages.render(request, "error.html", {"title": title, "detail": detail, **more}, status=status)
