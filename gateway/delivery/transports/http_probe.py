"""Ask an address over HTTPS whether it would take our batches, and read the answer with care."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from csenet.gateway.delivery.probing import ProbeAnswer, ProbeStep, Question, failed, look, well
from csenet.gateway.tls import refusal

_LONGEST_ANSWER: Final = 65_536
_CLOCKS_APART: Final = 5.0
_WORDS: Final = {
    "tls_untrusted": "its certificate is of no authority that we trust; see delivery.http.ca",
    "tls_expired": "its certificate has expired",
    "tls_not_yet_valid": "its certificate does not count yet, or our clock is wrong",
    "tls_self_signed": "its certificate is signed by itself; name it in delivery.http.ca if it is right",
    "tls_wrong_host": "its certificate is for another name than the address has",
    "tls_weak": "its certificate is too weak",
    "tls_revoked": "its authority has revoked its certificate",
    "tls_no_crl": "delivery.http.crl has no list of its certificate's authority",
    "tls_crl_expired": "the list of revoked certificates in delivery.http.crl is too old",
    "tls_ours_revoked": "it says that our certificate was revoked",
    "tls_ours_expired": "it says that our certificate has expired",
    "tls_ours_untrusted": "it does not trust the authority of our certificate",
    "tls_ours_refused": "it refuses our certificate",
    "tls_ours_missing": "it wants a certificate of ours; see delivery.http.certificate",
    "tls_version": "it speaks no TLS that we speak; we need 1.2 or newer",
    "tls_not_spoken": "something answers there, but no TLS",
}


async def ask(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], question: Question, now: datetime
) -> list[ProbeStep]:
    """Go the way once."""
    params = {"probe": question.word} | ({"partner": question.partner} if question.partner else {})
    try:
        async with session.get(url, params=params, headers=headers, allow_redirects=False) as answer:
            steps = [well("connection", f"{_place(url)} answers."), _tls(url)]
            body = await answer.content.read(_LONGEST_ANSWER)
            return steps + _judged(answer.status, body, question, now)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return _lost(error, url)


def _place(url: str) -> str:
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    return f"{address.hostname} port {port}"


def _tls(url: str) -> ProbeStep:
    if urlsplit(url).scheme != "https":
        return look("tls", "No TLS: the address is this machine itself.")
    return well("tls", "TLS 1.2 or newer; its certificate is one that we trust, for this name.")


def _judged(status: int, body: bytes, question: Question, now: datetime) -> list[ProbeStep]:
    """Read what came back: who we are there, and whether it is an answer to our question."""
    if status in (401, 403):
        what = "our token or certificate" if status == 401 else "this, for whom it takes us for"
        return [failed("authentication", f"It refuses {what} (status {status}).")]
    if status in (404, 405, 501):
        return [
            look(
                "answer",
                f"It knows no test messages at this address (status {status}); "
                "whether it would take a batch is not shown.",
            )
        ]
    if status != 200:
        return [failed("answer", f"It answers with status {status}.")]
    try:
        told = msgspec.json.decode(body, type=ProbeAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [failed("answer", "What it answers is not the answer to a test message.")]
    if told.probe != question.word:
        return [failed("answer", "It answers another question than ours: something stands between.")]
    whom = f", as {told.caller}" if told.caller else ""
    steps = [
        well("authentication", f"It knows us{whom}."),
        well("answer", "Our word came back; a batch would be taken."),
    ]
    return steps + _clocks(told, now) + _behind(told, question)


def _clocks(told: ProbeAnswer, now: datetime) -> list[ProbeStep]:
    if told.at.tzinfo is None:
        return []
    apart = (told.at - now).total_seconds()
    if abs(apart) <= _CLOCKS_APART:
        return []
    return [look("clock", f"Its clock is {apart:+.0f} s from ours; receipts carry such times.")]


def _behind(told: ProbeAnswer, question: Question) -> list[ProbeStep]:
    if question.partner is None:
        return []
    if told.partner != question.partner or told.known is None:
        return [look("partner", "The exchange does not say whether it has a way to the partner.")]
    if told.known:
        return [well("partner", "The exchange has a way to the partner.")]
    return [failed("partner", "The exchange has no way to the partner.")]


def _lost(error: BaseException, url: str) -> list[ProbeStep]:
    """Say in words why no answer came."""
    why = refusal(error)
    if why is not None:
        told = _WORDS.get(why, "TLS fails")
        return [well("connection", f"{_place(url)} answers."), failed("tls", f"Refused: {told} ({why}).")]
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return [failed("connection", f"Nobody knows the name {urlsplit(url).hostname}.")]
    if isinstance(error, TimeoutError):
        return [failed("connection", f"{_place(url)} does not answer in time.")]
    if isinstance(error, aiohttp.ClientConnectorError):
        return [failed("connection", f"{_place(url)} cannot be reached.")]
    return [failed("connection", f"{_place(url)} breaks the connection ({type(error).__name__}).")]
