"""Do what people do with work items besides completing them: assign, comment, reopen, follow."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.base import DeskBase
from csenet.gateway.desk.results import (
    Conflict,
    NotFound,
    Page,
    Rejected,
    WorkChangeView,
    WorkHistory,
    WorkItemView,
)
from csenet.gateway.desk.views import work_item_view
from csenet.gateway.store import audit, cases, duties, work
from csenet.gateway.store.sealing import Row

LONGEST_COMMENT: Final = 2000
_LONGEST_NAME: Final = 64
_LARGEST_PAGE: Final = 1000
_LARGEST_CURSOR: Final = 2**63 - 1


class WorkActs(DeskBase):
    """Hold the acts on work items."""

    async def assign_work(
        self, item_id: int, *, worker: str | None, office: str | None, actor: str
    ) -> WorkItemView:
        """Give an item to a worker, an office or both; None leaves what was, "" takes it away.

        Raises ``NotFound``, ``Rejected`` for names that cannot be, ``Conflict`` for a completed item.
        """
        given = {"worker": worker, "office": office}
        wrong = [
            (name, "must be printable text of at most 64 characters")
            for name in given
            if not _fit(given[name])
        ]
        if worker is None and office is None:
            wrong.append(("worker", "give a worker, an office or both"))
        if wrong:
            raise Rejected(wrong)
        values = {name: value.strip() or None for name, value in given.items() if value is not None}

        async def assign(conn: AsyncConnection) -> WorkItemView:
            row = await _item(conn, item_id)
            if row["status"] != "open":
                raise Conflict("this work item is completed; reopen it first")
            if all(row[name] == value for name, value in values.items()):
                return work_item_view(row)
            told = ", ".join(f"{name} {value or 'nobody'}" for name, value in values.items())
            return await self._changed(conn, row, "assigned", actor, text=told, **values)

        return await self.store.together(assign)

    async def comment_work(self, item_id: int, text: str, *, actor: str) -> WorkItemView:
        """Keep what a person wrote about an item; raises ``NotFound`` or ``Rejected``."""
        if not text.strip() or len(text) > LONGEST_COMMENT:
            raise Rejected([("text", f"must have 1 to {LONGEST_COMMENT} characters")])

        async def keep(conn: AsyncConnection) -> WorkItemView:
            return await self._changed(
                conn, await _item(conn, item_id), "commented", actor, text=text.strip()
            )

        return await self.store.together(keep)

    async def reopen_work(self, item_id: int, reason: str, *, actor: str) -> WorkItemView:
        """Open a completed item again, and owe again the duty that was closed by it alone.

        A transaction that left when it was completed is not called back.  Reopening an open item changes
        nothing.  Raises ``NotFound``, or ``Rejected`` without a reason.
        """
        if not reason.strip() or len(reason) > LONGEST_COMMENT:
            raise Rejected([("reason", f"must have 1 to {LONGEST_COMMENT} characters")])

        async def again(conn: AsyncConnection) -> WorkItemView:
            row = await _item(conn, item_id)
            if row["status"] == "open":
                return work_item_view(row)
            await work.reopen(conn, item_id)
            await duties.not_done(conn, f"work {item_id}")
            return await self._changed(conn, row, "reopened", actor, text=reason.strip())

        return await self.store.together(again)

    async def work_history(self, item_id: int) -> WorkHistory | None:
        """Return an item with all that happened to it, or None."""
        async with self.store.read() as conn:
            row = await work.by_id(conn, item_id)
            if row is None:
                return None
            changes = await work.changes_of(conn, item_id)
        return WorkHistory(item=work_item_view(row), changes=[_change(each) for each in changes])

    async def work_since(self, cursor: str, limit: int = 100) -> Page:
        """Return what changed after a cursor, each item once; "0" begins at the beginning.

        ``next`` of the page is the cursor for what changes later; there is no more when the page is empty.
        Raises ``Rejected`` for what is no cursor.
        """
        if not cursor.isdecimal() or int(cursor) > _LARGEST_CURSOR:
            raise Rejected([("since", "must be 0, or the next of an earlier answer")])
        most = max(1, min(limit, _LARGEST_PAGE))
        async with self.store.read() as conn:
            rows, following = await work.changed_since(conn, int(cursor), most)
            newest = int(cursor) if rows else await work.newest_change(conn)
        if int(cursor) > newest:
            # As after a restored backup: whoever went on from there would miss what comes next.
            text = f"lies beyond the newest change, {newest}: begin again at an earlier one, or at 0"
            raise Rejected([("since", text)])
        return Page(items=[work_item_view(row, change) for change, row in rows], next=str(following))

    async def _changed(
        self, conn: AsyncConnection, row: Row, what: str, actor: str, *, text: str, **values: Any
    ) -> WorkItemView:
        now: datetime = self.clock.now()
        await work.change(conn, row["id"], what, at=now, actor=actor, text=text, **values)
        line = {"at": now, "actor": actor, "action": f"work.{what}", "object": f"work {row['id']}"}
        await audit.add(conn, [line])
        if row["case_id"] is not None and await cases.load(conn, [row["case_id"]]):
            # What was written stays with the item: the timeline is shown to more people.
            event = {"case_id": row["case_id"], "at": now, "event": f"work.{what}", "inbound_id": None}
            detail = {"kind": row["kind"], "item": row["id"]}
            await cases.add_events(conn, [{**event, "detail": detail, "outbound_id": None}])
        return work_item_view(await _item(conn, row["id"]))


def _fit(value: str | None) -> bool:
    return value is None or (len(value) <= _LONGEST_NAME and (not value or value.isprintable()))


async def _item(conn: AsyncConnection, item_id: int) -> Row:
    row = await work.by_id(conn, item_id)
    if row is None:
        raise NotFound("no such work item")
    return row


def _change(row: Row) -> WorkChangeView:
    came = row["inbound_id"]
    return WorkChangeView(
        id=row["id"],
        at=row["at"],
        change=row["change"],
        actor=row["actor"],
        transaction=None if came is None else f"in-{came}",
        text=row["text"],
    )
