"""Tell people what went wrong as a page, with what they can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

import structlog
from aiohttp import web

from csenet.gateway.console import pages
from csenet.gateway.desk.results import Conflict
from csenet.gateway.errors import NotFound, Rejected
from csenet.gateway.people.reading import ReadRefused

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

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
            return page(
                request, 404, "There is nothing here", "It may have had another number; search for it."
            )
        except Conflict as error:
            return page(request, 409, "Somebody was quicker", str(error))
        except Rejected as error:
            return page(request, 422, "That cannot be done", str(error))
        except web.HTTPException:
            raise
        except Exception as error:
            log.error("http.failed", exc_info=error)
            detail = "Nothing was changed. Try again; if it stays, tell the operator the name below."
            return page(request, 500, "Something went wrong inside the gateway", detail)

    return answered


def page(request: web.Request, status: int, title: str, detail: str) -> web.Response:
    """Write the page of one failure."""
    return pages.render(request, "error.html", {"title": title, "detail": detail}, status=status)
