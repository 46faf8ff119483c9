"""Say what the API needs of the desk and the store, and where a request finds them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final, Protocol

from aiohttp import web

from csenet.gateway.clock import Clock
from csenet.gateway.delivery.probing import ProbeReport
from csenet.gateway.desk.dead_letters import DeadLetter
from csenet.gateway.desk.duty_views import Compliance, DutyPage
from csenet.gateway.desk.event_results import EventResult
from csenet.gateway.desk.holding import HoldView
from csenet.gateway.desk.operating import WayOut
from csenet.gateway.desk.reassigning import Reassignment
from csenet.gateway.desk.releases import ReleaseView
from csenet.gateway.desk.results import (
    CaseView,
    LedgerReport,
    Page,
    SubmitResult,
    TransactionDetail,
    TransactionFilter,
    WorkFilter,
    WorkHistory,
    WorkItemView,
)
from csenet.gateway.desk.views_today import Today
from csenet.gateway.people.reading import Reader
from csenet.gateway.store.dead import DeadFilter, DeadRow
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.recalls import Recalled
from csenet.gateway.store.receipts import ReceiptLine


class CaseDesk(Protocol):
    """Do what the API asks, each call in one commit."""

    async def put_case(self, case_id: str, obj: Any, *, actor: str) -> CaseView:
        """Keep the facts of a case; raises Rejected."""
        ...

    async def get_case(self, case_id: str) -> CaseView | None:
        """Find a case."""
        ...

    async def submit(self, obj: Any, *, idempotency_key: str | None, actor: str) -> SubmitResult:
        """Queue a transaction; raises Rejected, NotFound, Conflict."""
        ...

    async def happened(self, case_id: str, obj: Any, *, dry_run: bool, actor: str) -> EventResult:
        """Take in an event on a case; raises Rejected, NotFound, Conflict."""
        ...

    async def correct(
        self, view_id: str, obj: Any, *, idempotency_key: str | None, actor: str
    ) -> SubmitResult:
        """Correct and send again; raises Rejected, NotFound, Conflict."""
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

    async def complete_work(
        self,
        item_id: int,
        on: date,
        outcome: str | None = None,
        *,
        actor: str,
        case_id: str | None = None,
        text: str | None = None,
    ) -> WorkItemView:
        """Complete a work item; raises NotFound, Rejected, Conflict."""
        ...

    async def today(self, since: datetime, /) -> Today:
        """Count what began since a moment, and what waits."""
        ...

    async def work_since(self, cursor: str, limit: int, /) -> Page:
        """List work items that changed after a cursor; raises Rejected."""
        ...

    async def work_history(self, item_id: int, /) -> WorkHistory | None:
        """Find a work item with all that happened to it."""
        ...

    async def assign_work(
        self, item_id: int, *, worker: str | None, office: str | None, actor: str
    ) -> WorkItemView:
        """Assign a work item; raises NotFound, Rejected, Conflict."""
        ...

    async def comment_work(self, item_id: int, text: str, *, actor: str) -> WorkItemView:
        """Keep a comment; raises NotFound, Rejected."""
        ...

    async def reassign(self, *, dry_run: bool, by_hand: bool, actor: str) -> Reassignment:
        """Give open work and duties to whom today's rules give them."""
        ...

    async def reopen_work(self, item_id: int, reason: str, *, actor: str) -> WorkItemView:
        """Open a completed work item again; raises NotFound, Rejected."""
        ...

    async def list_duties(self, wanted: DutyFilter, /) -> DutyPage:
        """List duties."""
        ...

    async def compliance(
        self, month: date, side: str, offices: frozenset[str] | None = None, /
    ) -> Compliance:
        """Say how well duties were kept."""
        ...

    async def ask_release(self, obj: Any, reason: str, *, actor: str) -> ReleaseView:
        """Keep what somebody wants to send although it is withheld; raises Rejected."""
        ...

    async def approve_release(self, number: int, *, actor: str) -> ReleaseView:
        """Send it as the second person; raises NotFound, Conflict, Rejected."""
        ...

    async def refuse_release(self, number: int, reason: str, *, actor: str) -> ReleaseView:
        """Leave it withheld; raises NotFound, Conflict."""
        ...

    async def hold_case(self, case_id: str, reason: str, *, actor: str) -> HoldView:
        """Keep a case from being purged; raises Conflict."""
        ...

    async def release_case(self, case_id: str, reason: str, *, actor: str) -> HoldView:
        """Let a case go when its time is over; raises NotFound."""
        ...

    async def list_holds(self, *, ended: bool = False) -> Sequence[HoldView]:
        """List holds."""
        ...

    async def ledger_check(self) -> LedgerReport:
        """Add everything up."""
        ...

    async def ledger_proved(self) -> tuple[datetime, bool] | None:
        """Say when the timed job last added everything up, and whether it balanced."""
        ...

    async def dead_list(self, wanted: DeadFilter | None = None, /) -> Sequence[DeadRow]:
        """List what was given up."""
        ...

    async def dead_resend(self, ids: Sequence[int] | None, *, actor: str) -> int:
        """Queue again what was given up: these, or all if None."""
        ...

    async def dead_letter(self, key: str, offices: Collection[str] | None, /) -> DeadLetter:
        """Tell all about one dead letter; raises NotFound."""
        ...

    async def list_receipts(self, state: str | None, limit: int, /) -> list[ReceiptLine]:
        """List receipts."""
        ...

    async def way_out_now(self) -> WayOut:
        """Tell how the way out fares."""
        ...

    async def hold_partner(self, name: str, reason: str, *, actor: str) -> bool:
        """Keep what goes to a partner; raises NotFound."""
        ...

    async def release_partner(self, name: str, *, actor: str) -> bool:
        """Let it go; raises NotFound."""
        ...

    async def recall(self, ids: Sequence[int], reason: str, *, actor: str) -> Recalled:
        """Take back what waits."""
        ...

    async def test_partner(self, name: str, *, actor: str) -> ProbeReport:
        """Send a test message; raises NotFound."""
        ...


CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
DESK: Final[web.AppKey[CaseDesk]] = web.AppKey("desk")
READER: Final = web.AppKey("reader", Reader)
JURISDICTION: Final = web.AppKey("jurisdiction", str)
