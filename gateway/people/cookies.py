"""Keep a secret in the browser, and make sure that what it sends was typed on a page of ours.

The cookie is HttpOnly and SameSite=Strict, and Secure unless the gateway is reached on its own machine
without TLS.  Each form carries a token derived from it; a page of another site can neither read the cookie
nor work the token out.
"""

from __future__ import annotations

import hmac
from typing import Final

from aiohttp import hdrs, web

from csenet.gateway.people.signing import new_secret, token_of
from csenet.gateway.settings.kinds import is_loopback

FIELD: Final = "csrf"
HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset((hdrs.METH_GET, hdrs.METH_HEAD))
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_LONGEST: Final = 128


def is_secure(request: web.Request) -> bool:
    """Tell whether the browser came by TLS, perhaps to a proxy before us, or is on this machine."""
    try:
        host = request.url.host or ""
    except ValueError:
        # A port that none can have: whoever made that up is no browser.
        host = ""
    return request.secure or not is_loopback(host)


class Cookie:
    """Keep one kind of secret; the people of the agency and participants have one each."""

    def __init__(self, name: str) -> None:
        """Take the name that the cookie has without TLS; with TLS it begins with ``__Host-``."""
        self._plain, self._secure = name, f"__Host-{name}"
        self._given: web.RequestKey[str] = web.RequestKey(f"cookie_given_{name}", str)

    def secret_of(self, request: web.Request) -> str:
        """Give what the browser keeps; empty if it keeps nothing."""
        found = request.cookies.get(self._name(request), "")
        return found if len(found) <= _LONGEST else ""

    def _name(self, request: web.Request) -> str:
        # A browser takes this name only together with Secure, for this host and the whole site.
        return self._secure if is_secure(request) else self._plain

    def give(self, request: web.Request, response: web.StreamResponse, secret: str) -> None:
        """Have the browser keep a secret until it is closed."""
        response.set_cookie(
            self._name(request),
            secret,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=is_secure(request),
        )

    def take_away(self, request: web.Request, response: web.StreamResponse) -> None:
        """Have the browser forget its secret."""
        response.del_cookie(
            self._name(request), path="/", secure=is_secure(request), httponly=True, samesite="Strict"
        )

    def form_token(self, request: web.Request) -> str:
        """Give the token for a form; a browser that keeps nothing yet is given a secret with the page."""
        secret = request.get(self._given) or self.secret_of(request)
        if not secret:
            secret = request[self._given] = new_secret()
        return token_of(secret)

    def give_if_new(self, request: web.Request, response: web.StreamResponse) -> None:
        """Send the secret along that a form of the page was made with."""
        if self._given in request:
            self.give(request, response, request[self._given])

    async def is_ours(self, request: web.Request) -> bool:
        """Tell whether a request that changes something comes from a page of ours."""
        if request.method in _SAFE:
            return True
        secret = self.secret_of(request)
        if not secret or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        shown = request.headers.get(HEADER, "")
        if not shown and request.content_type in FORMS:
            field = (await request.post()).get(FIELD, "")
            shown = field if isinstance(field, str) else ""
        return hmac.compare_digest(shown.encode("utf-8", "replace"), token_of(secret).encode())


_STAFF: Final = Cookie("csenet")
secret_of = _STAFF.secret_of
give = _STAFF.give
take_away = _STAFF.take_away
form_token = _STAFF.form_token
give_if_new = _STAFF.give_if_new
is_ours = _STAFF.is_ours
