"""Try whether the exchange, or a partner behind it, could be reached now, without sending anything."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Final

from csenet.codecs import codes
from csenet.gateway.delivery.probing import Probed, ProbeReport, ProbeStep, Question, failed, look, well
from csenet.gateway.desk.base import DeskBase
from csenet.gateway.errors import GatewayError, NotFound
from csenet.gateway.store import audit, destinations
from csenet.handlers.policy.rules import Stated

EXCHANGE: Final = destinations.EXCHANGE
_PATIENCE: Final = 20.0
"""Seconds that a person waits for an answer, whatever a batch would be given."""


def partner_named(name: str, own: str) -> str:
    """Give the exchange, or a state's two digits, by its digits, letters or name; raises ``NotFound``."""
    wanted = name.strip().casefold()
    if wanted == EXCHANGE:
        return EXCHANGE
    for fips, each in codes.jurisdictions().items():
        if fips != own and wanted in (fips, each.abbreviation.casefold(), each.name.casefold()):
            return fips
    raise NotFound(f'no such partner; say "{EXCHANGE}" or another state, such as 20 or KS')


class Trying(DeskBase):
    """Give the desk its test messages."""

    way_out: Callable[[], Probed] | None = None
    """Builds the way out that the settings name; whoever seats the desk puts it here."""

    async def test_partner(self, name: str = EXCHANGE, *, actor: str) -> ProbeReport:
        """Go the way to the exchange, or to a partner behind it, once, and tell each step.

        Nothing of any case leaves, and nothing is counted against the destination; who asked and how it
        ended stands in the audit.  Raises ``NotFound`` for a name that is nobody's.
        """
        partner = partner_named(name, self.agency.state)
        if self.way_out is None:
            raise GatewayError("this desk knows no way out")
        way = self.way_out()
        at, begun = self.clock.now(), time.monotonic()
        asked = None if partner == EXCHANGE else partner
        steps = await self._before(asked)
        try:
            steps += await _walked(way, Question(word=secrets.token_hex(16), at=at, partner=asked))
        finally:
            await way.close()
        report = ProbeReport(
            partner=partner,
            way=way.way,
            at=at,
            milliseconds=int((time.monotonic() - begun) * 1000),
            well=all(each.state != "failed" for each in steps),
            steps=steps,
        )
        await self._noted(report, actor)
        return report

    async def _before(self, partner: str | None) -> list[ProbeStep]:
        """Look at what would keep a batch here, before anything goes out."""
        async with self.store.read() as conn:
            exchange = await destinations.load(conn)
        found = []
        if exchange.held_at is not None:
            found.append(look("hold", "The way out is on hold: nothing leaves until it is released."))
        if exchange.state != "closed":
            found.append(look("breaker", f"The breaker is {exchange.state} ({exchange.last_error})."))
        if partner is not None:
            found.append(self._agreed(partner))
        return found

    def _agreed(self, partner: str) -> ProbeStep:
        agreements, today = self.agency.agreements, self.clock.today()
        functions = sorted({far.function for far in codes.VALID})
        said = {each: agreements.may_exchange(partner, each, "send", today) for each in functions}
        may = [each for each, answer in said.items() if isinstance(answer, Stated) and answer.value]
        if not may and not all(isinstance(answer, Stated) for answer in said.values()):
            return look("agreement", "No agreement states what may leave to this partner.")
        if not may:
            return failed("agreement", "No agreement in force lets anything leave to this partner.")
        return well("agreement", f"May leave to this partner by agreement: {', '.join(may)}.")

    async def _noted(self, report: ProbeReport, actor: str) -> None:
        wrong = [each.step for each in report.steps if each.state == "failed"]
        detail = {"way": report.way, "well": report.well, "failed": wrong}
        row = {"at": report.at, "actor": actor, "action": "delivery.test", "object": report.partner}
        async with self.store.begin() as conn:
            await audit.add(conn, [{**row, "detail": detail}])
        self.log.info(
            "delivery.tested",
            partner=report.partner,
            outcome="well" if report.well else "failed",
            step=wrong[0] if wrong else None,
            milliseconds=report.milliseconds,
        )


async def _walked(way: Probed, question: Question) -> list[ProbeStep]:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await way.probe(question)
    except TimeoutError:
        return [failed("connection", f"No answer within {_PATIENCE:.0f} seconds.")]
