"""Let content be read: by those who may, masked unless they may and say why, and never without a record.

The record is on disk before anything is returned; when it cannot be written, nothing is.  API, console,
command line and exports all read through `Reader`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import describe
from csenet.codecs import transaction as codec
from csenet.gateway.clock import Clock
from csenet.gateway.desk.releases import ReleaseView, view_of
from csenet.gateway.desk.results import (
    CaseView,
    Page,
    TransactionDetail,
    TransactionFilter,
    WorkFilter,
    WorkItemView,
)
from csenet.gateway.errors import NotFound
from csenet.gateway.people import masking, tax_masking
from csenet.gateway.people.looks import (
    MASKED,
    NOT_FOUND,
    OUT_OF_SCOPE,
    REFUSED,
    SHORTEST_PURPOSE,
    SHOWN,
    Look,
    ReadRefused,
    access_to_tax,
    is_purpose,
    keep,
    row_of,
)
from csenet.gateway.people.person import Person
from csenet.gateway.people.rights import Right
from csenet.gateway.store import cases, releases
from csenet.gateway.store.engine import Store

T = TypeVar("T")


class ContentDesk(Protocol):
    """Find what may be shown."""

    async def get_case(self, case_id: str) -> CaseView | None:
        """Find a case."""
        ...

    async def list_transactions(self, wanted: TransactionFilter, /) -> Page:
        """List transactions."""
        ...

    async def transaction(self, view_id: str, /) -> TransactionDetail | None:
        """Find a transaction."""
        ...

    async def list_work_items(self, wanted: WorkFilter, /) -> Page:
        """List work items."""
        ...

    async def work_item(self, item_id: int) -> WorkItemView | None:
        """Find a work item."""
        ...

    async def work_since(self, cursor: str, limit: int, /) -> Page:
        """List work items that changed after a cursor; raises Rejected."""
        ...


class Reader:
    """Read through a desk on somebody's behalf."""

    def __init__(self, desk: ContentDesk, store: Store, clock: Clock) -> None:
        """Take the desk, and the store in which the record is kept."""
        self._desk = desk
        self._store = store
        self._clock = clock

    async def case(self, person: Person, case_id: str, look: Look = MASKED) -> CaseView | None:
        """Show a case; raises ReadRefused."""
        found = await self._desk.get_case(case_id)
        objects = [f"case {case_id if found is None else found.case_id}"]
        return await self._show(person, "case.read", objects, found, look, masking.case_view, _facts)

    async def transaction(
        self, person: Person, view_id: str, look: Look = MASKED
    ) -> TransactionDetail | None:
        """Show a transaction with its content; raises ReadRefused."""
        return await self._shown_transaction(person, view_id, await self._desk.transaction(view_id), look)

    async def _shown_transaction(
        self, person: Person, view_id: str, found: TransactionDetail | None, look: Look
    ) -> TransactionDetail | None:
        objects = [f"transaction {view_id}"]
        if found is not None and found.case_id:
            objects.append(f"case {found.case_id}")
        mask = masking.transaction_view
        return await self._show(person, "transaction.read", objects, found, look, mask, _blocks)

    async def described(
        self, person: Person, view_id: str, look: Look = MASKED
    ) -> tuple[TransactionDetail, str] | None:
        """Show a transaction, and tell it in words; the words are empty where it cannot be read."""
        found = await self._desk.transaction(view_id)
        shown = await self._shown_transaction(person, view_id, found, look)
        if shown is None or found is None:
            return None
        clear = person.may(Right.CONTENT_CLEAR) or look.unmask
        return shown, _words(found, unmask=clear, tax=_may_see_tax(person, clear=clear))

    async def release(
        self, person: Person, number: int, look: Look = MASKED
    ) -> tuple[ReleaseView, dict[str, Any]] | None:
        """Show a release with the transaction that is to leave; raises ReadRefused."""
        async with self._store.read() as conn:
            row = await releases.by_id(conn, number)
        found = None if row is None else (view_of(row, self._clock.now()), row["content"])
        objects = [f"release {number}"]
        if found is not None and found[0].case_id:
            objects.append(f"case {found[0].case_id}")
        return await self._show(
            person,
            "release.read",
            objects,
            found,
            look,
            lambda shown: (shown[0], masking.transaction(shown[1])),
            lambda shown: masking.personal_fields(shown[1]),
        )

    async def releases(self, person: Person) -> list[ReleaseView]:
        """List releases without their content, those of cases that somebody may see."""
        async with self._store.read() as conn:
            rows = await releases.newest(conn)
            seen = await in_sight(conn, person, {row["case_id"] for row in rows if row["case_id"]})
        now = self._clock.now()
        return [view_of(row, now) for row in rows if not row["case_id"] or row["case_id"] in seen]

    async def work_item(self, person: Person, item_id: int, look: Look = MASKED) -> WorkItemView | None:
        """Show a work item, which carries nothing personal; raises ReadRefused."""
        found = await self._desk.work_item(item_id)
        objects = [f"work {item_id}"]
        if found is not None and found.case_id:
            objects.append(f"case {found.case_id}")
        return await self._show(person, "work.read", objects, found, look, _same, _nothing)

    async def transactions(self, person: Person, wanted: TransactionFilter) -> Page:
        """List transactions by their keys: no content, no record."""
        need(person, Right.LISTS_READ)
        return await self._desk.list_transactions(msgspec.structs.replace(wanted, offices=person.scope))

    async def work_items(self, person: Person, wanted: WorkFilter) -> Page:
        """List work items, which carry nothing personal: no record."""
        need(person, Right.CONTENT_READ)
        page = await self._desk.list_work_items(msgspec.structs.replace(wanted, offices=person.scope))
        return _without_tax(person, page)

    async def work_since(self, person: Person, cursor: str, limit: int) -> Page:
        """List work items that changed after a cursor: no record; raises Rejected."""
        need(person, Right.CONTENT_READ)
        page = await self._desk.work_since(cursor, limit)
        async with self._store.read() as conn:
            seen = await in_sight(conn, person, {each.case_id for each in page.items if each.case_id})
        mine = [each for each in page.items if not each.case_id or each.case_id in seen]
        return _without_tax(person, msgspec.structs.replace(page, items=mine))

    async def must_see(
        self, person: Person, case_id: str | None, action: str, *, known: bool = False
    ) -> None:
        """Let somebody change only what they could see; raises NotFound, with a record of the attempt.

        A case that is not known is nobody else's, and neither is what belongs to no case.  What can be done
        with ``known`` cases only is answered for both alike, or the answer would say that there is a case.
        """
        if case_id is None or person.scope is None:
            return
        if await self._is_out_of_scope(person, [f"case {case_id}"]):
            await self.record(person, action, [f"case {case_id}"], outcome=OUT_OF_SCOPE)
            raise NotFound("no such case")
        if known and not await self._is_known(case_id):
            await self.record(person, action, [f"case {case_id}"], outcome=NOT_FOUND, known=False)
            raise NotFound("no such case")

    async def _is_known(self, case_id: str) -> bool:
        async with self._store.read() as conn:
            return bool(await cases.offices(conn, [case_id.strip().upper()]))

    async def must_see_work(self, person: Person, item_id: int, action: str) -> None:
        """Let somebody complete only work that they could see; raises NotFound likewise."""
        if person.scope is None:
            return
        found = await self._desk.work_item(item_id)
        try:
            await self.must_see(person, None if found is None else found.case_id, action)
        except NotFound:
            raise NotFound("no such work item") from None

    async def must_see_transaction(self, person: Person, view_id: str, action: str) -> None:
        """Let somebody correct only a transaction that they could see; raises NotFound likewise."""
        if person.scope is None:
            return
        found = await self._desk.transaction(view_id)
        await self.must_see(person, None if found is None else found.case_id, action)

    async def _is_out_of_scope(self, person: Person, objects: Sequence[str]) -> bool:
        """Tell whether one of the cases named belongs to an office that is not one of somebody's own."""
        named = [each.removeprefix("case ").strip().upper() for each in objects if each.startswith("case ")]
        if person.scope is None or not named:
            return False
        async with self._store.read() as conn:
            return await in_sight(conn, person, named) != set(named)

    async def _show(
        self,
        person: Person,
        action: str,
        objects: Sequence[str],
        found: T | None,
        look: Look,
        mask: Callable[[T], T],
        personal: Callable[[T], tuple[str, ...]],
    ) -> T | None:
        """Decide what is shown, write that down, and only then hand it out."""
        refusal, known = refused(person, look), found is not None
        if refusal:
            await self.record(person, action, objects, look, outcome=REFUSED, known=known)
            raise ReadRefused(refusal)
        if found is None or await self._is_out_of_scope(person, objects):
            outcome = NOT_FOUND if found is None else OUT_OF_SCOPE
            await self.record(person, action, objects, look, outcome=outcome, known=known)
            return None
        clear = person.may(Right.CONTENT_CLEAR) or look.unmask
        fields = personal(found) if clear else ()
        # What names nobody is shown as it is; tax information in it still needs its right, and a record.
        guarded = tax_masking.fields(found) if _may_see_tax(person, clear=clear or mask is _same) else ()
        await self.record(person, action, objects, look, outcome=SHOWN, fields=fields, tax=guarded)
        shown = found if clear else mask(found)
        return shown if guarded else tax_masking.hidden(shown)

    async def record(
        self,
        person: Person,
        action: str,
        objects: Sequence[str],
        look: Look = MASKED,
        *,
        outcome: str,
        fields: Sequence[str] = (),
        tax: Sequence[str] = (),
        known: bool = True,
    ) -> None:
        """Write who saw what, durably; raises ReadRefused when that fails.

        ``tax`` names the federal tax information that is shown, of which each access has a record of its own.
        """
        rows = [row_of(person, action, objects, look, outcome=outcome, fields=fields, known=known)]
        if tax:
            rows.append(access_to_tax(person, objects, look, tax))

        await keep(self._store, self._clock.now(), rows)


async def in_sight(conn: AsyncConnection, person: Person, case_ids: Collection[str]) -> set[str]:
    """Return those cases that are no other office's; one that nobody knows is nobody else's."""
    scope = person.scope
    if scope is None:
        return set(case_ids)
    owners = await cases.offices(conn, case_ids)
    return {each for each in case_ids if (owners.get(each) or "") in {"", *scope}}


def _may_see_tax(person: Person, *, clear: bool) -> bool:
    return clear and person.may(Right.TAX_READ)


def _without_tax(person: Person, page: Page) -> Page:
    """Hide tax information in a list from everybody but programs that own it: lists are not on record."""
    return page if _may_see_tax(person, clear=person.may(Right.CONTENT_CLEAR)) else tax_masking.hidden(page)


def need(person: Person, right: Right) -> None:
    """Raise ReadRefused unless somebody has a right."""
    if not person.may(right):
        raise ReadRefused("This needs a right that you do not have.")


def refused(person: Person, look: Look) -> str:
    """Say why content is not shown as somebody wants it; empty when it may be."""
    if not person.may(Right.CONTENT_READ):
        return "Content is not for your role."
    if not look.unmask or person.may(Right.CONTENT_CLEAR):
        return ""
    if not person.may(Right.CONTENT_UNMASK):
        return "Seeing personal fields in clear is not for your role."
    if not is_purpose(look.purpose):
        return f"Say why personal fields are to be seen, in {SHORTEST_PURPOSE} letters or more."
    return ""


def _same(found: T) -> T:
    return found


def _nothing(_found: Any) -> tuple[str, ...]:
    return ()


def _facts(found: CaseView) -> tuple[str, ...]:
    return masking.personal_fields(found.facts)


def _blocks(found: TransactionDetail) -> tuple[str, ...]:
    return masking.personal_fields(found.transaction)


def _words(found: TransactionDetail, *, unmask: bool, tax: bool) -> str:
    """Tell a transaction in words, without the blocks that hold tax information unless it may be told."""
    if not found.transaction:
        return ""
    left_out = () if tax else tax_masking.blocks_of(found.transaction)
    kept = {name: value for name, value in found.transaction.items() if name not in left_out}
    way = codec.Direction.FROM_SERVER if found.id.startswith("in") else codec.Direction.TO_SERVER
    return describe.text(codec.from_json(kept), unmask, direction=way)
