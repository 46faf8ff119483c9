"""Tell offices and workers of new and overdue work, each in one e-mail at a time, and none twice.

A notice is kept in the commit that counts it, noted as leaving before it leaves, and as sent after.  What was
interrupted in between may have arrived and is not sent again: the next notice counts all that is open.
Whoever has a certificate in the settings gets the list of the work as well, encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.notify import listing, writing
from csenet.gateway.notify.listing import ListRefused
from csenet.gateway.notify.posting import Fate, MailServer, Post, Posted
from csenet.gateway.store import audit, notices
from csenet.gateway.store.notices import Kind

if TYPE_CHECKING:
    from csenet.gateway.jobs import Turn
    from csenet.gateway.settings.notify import EmailSection

NAME: Final = "email_notices"
_FIRST_DELAY: Final = timedelta(minutes=1)
_LONGEST_DELAY: Final = timedelta(hours=1)
_MOST: Final = 1000


async def notify(turn: Turn, settings: EmailSection) -> dict[str, int]:
    """Make the notices that are due and send what waits; the numbers of each are what the run is worth."""
    return await Noticing(turn, settings, MailServer(settings)).run()


class Noticing:
    """Do one run."""

    def __init__(self, turn: Turn, settings: EmailSection, post: Post) -> None:
        """Take the turn, what is set, and who takes e-mail."""
        self._turn, self._settings, self._post = turn, settings, post
        self._desk = turn.desk

    async def run(self) -> dict[str, int]:
        """Count, keep, send."""
        made = 0
        async with self._desk.store.begin() as conn:
            await self._turn.hold(conn)
            lost = await notices.give_up_interrupted(conn)
            for kind, names in self._known().items():
                for name in names:
                    made += await self._make(conn, kind, name)
        if lost:
            self._desk.log.warning("notice.interrupted", count=lost)
        sent = 0
        async with self._desk.store.read() as conn:
            waiting = await notices.due(conn, self._desk.clock.now())
        for row in waiting:
            sent += await self._send(row)
        return {"made": made, "sent": sent}

    def _known(self) -> dict[Kind, Mapping[str, str]]:
        return {"office": self._settings.offices, "worker": self._settings.workers}

    async def _make(self, conn: AsyncConnection, kind: Kind, name: str) -> int:
        """Keep a notice if there is something to tell and the last one is long enough ago."""
        now, today = self._desk.clock.now(), self._desk.clock.today()
        last = await notices.newest_of(conn, kind, name)
        if last is not None and (last["state"] == "waiting" or now - last["made_at"] < self._settings.every):
            return 0
        since = None if last is None else self._desk.agency.date_of(last["made_at"])
        after = 0 if last is None else last["up_to"]
        found = await notices.counts(conn, kind, name, after=after, since=since, today=today)
        if not found.new and not found.newly_overdue:
            return 0
        told = {"new": found.new, "overdue": found.overdue}
        await notices.add(
            conn, {"kind": kind, "name": name, "counts": told, "up_to": found.newest, "made_at": now}
        )
        return 1

    async def _send(self, row: Mapping[str, Any]) -> int:
        """Send one notice, once; whoever is not in the settings any more gets none."""
        to = self._known()[row["kind"]].get(row["name"])
        if to is None:
            await self._end(row, Posted(Fate.NEVER, "no_address"))
            return 0
        async with self._desk.store.begin() as conn:
            await self._turn.hold(conn)
            await notices.change(conn, row["id"], state="sending", attempts=row["attempts"] + 1)
            message = await self._with_list(conn, row, to)
        posted = await self._post.send(message)
        await self._end({**row, "attempts": row["attempts"] + 1}, posted)
        return int(posted.fate is Fate.SENT)

    async def _with_list(self, conn: AsyncConnection, row: Mapping[str, Any], to: str) -> EmailMessage:
        """Write a notice, with the list of the work where there is a certificate; its record comes first."""
        message, file = self._message(row, to), self._settings.certificates.get(to)
        if file is None:
            return message
        now, today = self._desk.clock.now(), self._desk.clock.today()
        found = await notices.work_of(conn, row, today, _MOST + 1)
        listed = listing.table(found[:_MOST], to, now, today, whole=len(found) <= _MOST)
        try:
            message = listing.enclosed(message, listed, listing.pins_of(file, now), now)
        except ListRefused as refused:
            self._desk.log.error("notice.list_left_out", id=row["id"], reason=str(refused))
            return message
        cases = list(dict.fromkeys(each["case_id"] for each in found[:_MOST] if each["case_id"]))
        detail = {"to": f"{row['kind']} {row['name']}", "items": [each["id"] for each in found[:_MOST]]}
        line = {"at": now, "actor": NAME, "action": "notice.list_sent", "object": f"notice {row['id']}"}
        await audit.add(conn, [{**line, "detail": detail, "cases": cases}])
        return message

    def _message(self, row: Mapping[str, Any], to: str) -> EmailMessage:
        values = {
            "agency": self._desk.agency.profile.name,
            "name": row["name"],
            "new": str(row["counts"]["new"]),
            "overdue": str(row["counts"]["overdue"]),
            "console": self._settings.console or "",
        }
        return writing.words(self._settings.words).message(
            values,
            sender=self._settings.sender,
            to=to,
            at=self._desk.clock.now(),
            id_=f"csenet-{self._desk.agency.state}-{row['id']}-{int(row['made_at'].timestamp())}",
        )

    async def _end(self, row: Mapping[str, Any], posted: Posted) -> None:
        """Note what became of a notice."""
        now = self._desk.clock.now()
        state, at = self._state_after(row, posted, now)
        async with self._desk.store.begin() as conn:
            await self._turn.hold(conn)
            sent_at = now if posted.fate is Fate.SENT else None
            await notices.change(
                conn,
                row["id"],
                state=state,
                next_attempt_at=at,
                last_error=posted.why[:64] or None,
                sent_at=sent_at,
            )
            if state != "waiting":
                about = {"at": now, "actor": NAME, "action": f"notice.{state}"}
                detail = {"to": f"{row['kind']} {row['name']}", **row["counts"]}
                await audit.add(conn, [{**about, "object": f"notice {row['id']}", "detail": detail}])
        told = {"id": row["id"], "attempts": row["attempts"], "reason": posted.why}
        if state == "sent":
            self._desk.log.info("notice.sent", id=row["id"], attempts=row["attempts"])
        elif state == "dead":
            self._desk.log.error("notice.dead", **told)
        else:
            self._desk.log.warning("notice.not_sent", **told)

    def _state_after(
        self, row: Mapping[str, Any], posted: Posted, now: datetime
    ) -> tuple[str, datetime | None]:
        """Say how a notice stands and when it is tried again: later and later, and not for ever."""
        if posted.fate is Fate.LATER and row["attempts"] < self._settings.attempt_limit:
            delay = min(_FIRST_DELAY * 2 ** min(row["attempts"] - 1, 10), _LONGEST_DELAY)
            return "waiting", now + delay
        if posted.fate in (Fate.SENT, Fate.UNKNOWN):
            return posted.fate.value, None
        return "dead", None
