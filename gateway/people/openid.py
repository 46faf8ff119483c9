"""Let people sign in at an issuer of identities: OpenID Connect, code flow with PKCE.

What has to be remembered between the way out and the way back (state, nonce, verifier) is derived from one
secret in the browser's cookie, so nothing is kept here.  That cookie alone is SameSite=Lax, since the way
back begins on the issuer's site.  The issuer's claims say who somebody is and which roles they have; they are
read anew at each sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import msgspec
from aiohttp import hdrs
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.clock import Clock
from csenet.gateway.people.accounts import AccountError, checked_offices, checked_roles, plain_name
from csenet.gateway.people.signing import SignInRefused
from csenet.gateway.settings.kinds import is_loopback
from csenet.gateway.settings.people import OpenIdSection
from csenet.gateway.store import accounts, audit
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import Row

CALLBACK: Final = "/sign-in/openid/callback"
_SECONDS: Final = 10.0
_LEEWAY: Final = 60
_KEPT: Final = timedelta(hours=1)
_LARGEST: Final = 262_144
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


class Issuer(msgspec.Struct, frozen=True):
    """Hold what an issuer tells about itself; other members are of no use here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


def _derived(secret: str, what: str) -> str:
    whole = hmac.new(secret.encode("utf-8", "replace"), f"openid {what}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(whole).rstrip(b"=").decode()


class OpenId:
    """Send people to the issuer and take them back."""

    def __init__(self, settings: OpenIdSection, store: Store, clock: Clock) -> None:
        """Take the settings; the issuer is asked when somebody signs in."""
        self._settings, self._store, self._clock = settings, store, clock
        self._issuer: Issuer | None = None
        self._keys: KeySet | None = None
        self._asked_at: datetime | None = None

    @property
    def _return(self) -> str:
        return self._settings.public_url.rstrip("/") + CALLBACK

    async def address(self, secret: str) -> str:
        """Give the issuer's page for somebody whose browser keeps the secret; raises SignInRefused."""
        issuer = await self._known()
        challenge = hashlib.sha256(_derived(secret, "verifier").encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._return,
            "scope": " ".join(self._settings.scopes),
            "state": _derived(secret, "state"),
            "nonce": _derived(secret, "nonce"),
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in issuer.authorization_endpoint else "?"
        return issuer.authorization_endpoint + joint + urlencode(query)

    async def account(self, secret: str, state: str, code: str) -> Row:
        """Take somebody back, and make or bring up to date their account; raises SignInRefused."""
        if (
            not secret
            or not code
            or not hmac.compare_digest(state.encode(), _derived(secret, "state").encode())
        ):
            raise SignInRefused("The way back from the sign-in does not belong to this browser; try again.")
        claims = await self._claims(secret, code)
        return await self._kept(claims)

    async def _claims(self, secret: str, code: str) -> Mapping[str, Any]:
        """Turn the code into claims that are signed, meant for us, for this browser, and fresh."""
        issuer = await self._known()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._return,
            "client_id": self._settings.client_id,
            "code_verifier": _derived(secret, "verifier"),
        }
        kept = self._settings.secret()
        headers = {} if kept is None else {hdrs.AUTHORIZATION: _basic(self._settings.client_id, kept)}
        answer = await self._fetch("POST", issuer.token_endpoint, data=form, headers=headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInRefused("The issuer did not say who you are.")
        try:
            decoded = jwt.decode(token, await self._key_set(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            # Keys change: once more with those of today.
            decoded = self._decoded(token, await self._key_set(anew=True))
        self._check(decoded.claims, _derived(secret, "nonce"))
        return decoded.claims

    def _decoded(self, token: str, keys: KeySet) -> jwt.Token:
        try:
            return jwt.decode(token, keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            raise SignInRefused("What the issuer said is not signed by it.") from None

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        essential: ClaimsOption = {"essential": True}
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._settings.issuer.rstrip("/")},
            aud={"essential": True, "value": self._settings.client_id},
            sub=essential,
            exp=essential,
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate({**claims, "iss": str(claims.get("iss", "")).rstrip("/")})
        except JoseError:
            raise SignInRefused("What the issuer said is not for this sign-in, or too old.") from None

    async def _kept(self, claims: Mapping[str, Any]) -> Row:
        """Find or make the account that the claims are about."""
        settings = self._settings
        said = claims.get(settings.roles_claim)
        values = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        roles = {settings.roles[each] for each in values if isinstance(each, str) and each in settings.roles}
        offices = claims.get(settings.offices_claim) or []
        try:
            name = plain_name(str(claims.get(settings.name_claim, "")))
            written = {"roles": checked_roles(roles), "offices": checked_offices(_texts(offices))}
        except AccountError:
            raise SignInRefused("The issuer gives you no role here; ask the administrator.") from None
        subject = hashlib.sha256(f"{settings.issuer}\n{claims['sub']}".encode()).hexdigest()

        async def keep(conn: AsyncConnection) -> Row | None:
            row = await accounts.by_subject(conn, subject)
            if row is None and await accounts.by_name(conn, name) is not None:
                return None
            if row is None:
                now = self._clock.now()
                await accounts.add(conn, {"name": name, "subject": subject, "created_at": now, **written})
                await self._note(conn, "account.added", name, written)
            elif any(row[key] != value for key, value in written.items()):
                await accounts.change(conn, row["id"], **written)
                await self._note(conn, "account.roles", row["name"], written)
            return await accounts.by_subject(conn, subject)

        found = await self._store.together(keep)
        if found is None:
            raise SignInRefused("Another account has your name already; ask the administrator.")
        return found

    async def _note(self, conn: AsyncConnection, action: str, name: str, detail: dict[str, Any]) -> None:
        line = {"at": self._clock.now(), "actor": "openid", "action": action, "object": f"account {name}"}
        await audit.add(conn, [{**line, "detail": detail}])

    async def _known(self) -> Issuer:
        """Ask the issuer about itself, now and then."""
        now = self._clock.now()
        if self._issuer is None or self._asked_at is None or now - self._asked_at >= _KEPT:
            base = self._settings.issuer.rstrip("/")
            told = await self._fetch("GET", base + "/.well-known/openid-configuration")
            try:
                found = msgspec.convert(told, Issuer)
            except msgspec.ValidationError:
                raise SignInRefused("The issuer does not say how to sign in there.") from None
            if found.issuer.rstrip("/") != base:
                raise SignInRefused("The issuer calls itself something else; tell the administrator.")
            self._issuer, self._asked_at, self._keys = found, now, None
        return self._issuer

    async def _key_set(self, *, anew: bool = False) -> KeySet:
        if self._keys is None or anew:
            issuer = await self._known()
            told = await self._fetch("GET", issuer.jwks_uri)
            try:
                self._keys = KeySet.import_key_set({"keys": told.get("keys", [])})
            except (JoseError, ValueError, TypeError, KeyError):
                raise SignInRefused("The issuer's keys cannot be read.") from None
        return self._keys

    async def _fetch(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """Get one JSON object, by TLS but on this machine, without following anybody elsewhere."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise SignInRefused("The issuer is not reached by TLS; tell the administrator.")
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, url, allow_redirects=False, **more) as answer,
            ):
                if answer.status != 200:
                    raise SignInRefused("The issuer refused; try again, or tell the administrator.")
                return msgspec.json.decode(await _limited(answer), type=dict[str, Any])
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
            raise SignInRefused("The issuer cannot be reached or is not understood; try again.") from None


def _basic(name: str, secret: str) -> str:
    """Write the client's name and secret as the issuer wants them (RFC 6749, 2.3.1)."""
    pair = f"{quote_plus(name)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


async def _limited(answer: aiohttp.ClientResponse) -> bytes:
    """Read an answer that has a sane length."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > _LARGEST:
            raise SignInRefused("The issuer's answer is too long.")
    return bytes(body)
