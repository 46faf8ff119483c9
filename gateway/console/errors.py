"""Tell people what went wrong as a page, with what they can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

import structlog
from aiohttp import web

from csenet.gateway.away import COME_AGAIN, may_pass
from csenet.gateway.console import pages
from csenet.gateway.desk.results import Conflict
from csenet.gateway.errors import NotFound, Rejected, SlowBody
from csenet.gateway.people.looks import ReadRefused, Unrecorded

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
        except Unrecorded as error:
            may_pass(error)
            return _later(request, str(error))
        except ReadRefused as error:
            return page(request, 403, "This is not for you", str(error))
        except (NotFound, web.HTTPNotFound):
            return _absent(request)
        except Conflict as error:
            return page(request, 409, "Somebody was quicker", str(error))
        except Rejected as error:
            return page(request, 422, "That cannot be done", str(error))
        except (web.HTTPException, web.RequestPayloadError, SlowBody):
            raise
        except Exception as error:
            if may_pass(error):
                return _later(request, "The database is out of reach.")
            log.error("http.failed", exc_info=error)
            detail = "Nothing was changed. Try again; if it stays, tell the operator the name below."
            return page(request, 500, "Something went wrong inside the gateway", detail)

    return answered


def _later(request: web.Request, reason: str) -> web.Response:
    """Say what may be otherwise soon."""
    answer = page(request, 503, "This cannot be shown at the moment", f"{reason} Try again in a minute.")
    answer.headers.update(COME_AGAIN)
    return answer


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
    return pages.failed(request, status, {"title": title, "detail": detail, **more})
