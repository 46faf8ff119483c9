"""Put on every answer the headers that tell browsers and caches what they must not do with it.

The table follows the OWASP Secure Headers Project.  It is put on when an answer is about to leave, so that
none goes without: not one of a middleware in front, not a failure, not a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Permitted-Cross-Domain-Policies": "none",
}
"""What an answer carries unless its page says so more exactly, such as a policy that allows our own files."""

SERVER: Final = "csenet"
"""Stands where the library would tell its version and Python's."""

TRANSPORT: Final = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
"""Goes with what leaves over TLS; over plaintext it means nothing."""


def protect(app: web.Application) -> None:
    """Have all answers of an application carry the headers."""
    app.on_response_prepare.append(_put_on)


async def _put_on(request: web.Request, response: web.StreamResponse) -> None:
    table = {**HEADERS, **TRANSPORT} if request.secure else HEADERS
    for name, value in table.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SERVER
