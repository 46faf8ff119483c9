"""Settle what came in: recognise repetitions, keep order within a case, decide; all of it in one commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import infoline
from csenet.codecs import transaction as codec
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.flatfile import Record
from csenet.codecs.transaction import Transaction
from csenet.gateway.desk import finding
from csenet.gateway.desk.agency import Agency
from csenet.gateway.desk.checking import incoming_problems
from csenet.gateway.desk.plan import Cause, Plan
from csenet.gateway.desk.workset import Arrival, WorkingSet, sent_transaction
from csenet.gateway.store import journal, outgoing, search
from csenet.gateway.store.journal import Key
from csenet.gateway.store.sealing import Row
from csenet.handlers import decision as decisions
from csenet.handlers import router
from csenet.handlers.context import Context, EarlierRequest, SentTransaction
from csenet.handlers.decision import WorkItem
from csenet.handlers.matching import identify
from csenet.handlers.policy.kept_duties import is_rejection
from csenet.handlers.sought import is_answer_about_custodial_party

EXCHANGE = "exchange"
MALFORMED_WORK = "malformed"
CONFLICT_WORK = "conflict"
PARKED_WORK = "parked"
_OWN_CODE = Path(__file__).parents[2]
_OWN_PARTS = ("codecs", "handlers", "gateway")


def correlation(file_id: int, position: int) -> str:
    """Name a transaction from intake to the delivery of its answer."""
    return f"in-{file_id}-{position}"


def key_of(transaction: Transaction | None) -> Key | None:
    """Return the key of an incoming transaction: who sent it and its serial number."""
    if transaction is None:
        return None
    sender, serial = transaction.header.other_fips_state, transaction.serial
    return (sender, serial) if sender and serial else None


def _content_key(transaction: Transaction) -> Key | None:
    """Return the sender of a request and what in it stays the same when it is sent again."""
    sender = transaction.header.other_fips_state
    return (sender, finding.content_of(transaction)) if sender and finding.is_request(transaction) else None


class Settler:
    """Settle one chunk of records within one transaction."""

    def __init__(self, agency: Agency, workset: WorkingSet) -> None:
        """Take the working set of this commit."""
        self.agency = agency
        self.workset = workset
        self.keys: dict[Key, str] = {}
        self.parked: set[str] = set()
        self.sent: Mapping[int, Row] = {}
        self.candidates: dict[Key, tuple[str, ...]] = {}
        self.earlier: dict[Key, EarlierRequest] = {}
        self.unnamed: dict[tuple[int, str], int] = {}
        """Which item is about pieces of a file that name no sender, by the file and what is wrong."""
        self._days: dict[datetime, date] = {}

    async def load(
        self, conn: AsyncConnection, transactions: Sequence[Transaction], also: Collection[str] = ()
    ) -> None:
        """Read all that the decisions on these transactions can need; ``also`` are cases of damaged ones."""
        named = {tx.header.case_id for tx in transactions if tx.header.case_id}
        await self.workset.load(conn, named.union(also))
        cases = {self.workset.cases.names.of(each) for each in named}
        self.keys = await journal.known_keys(conn, {key for tx in transactions if (key := key_of(tx))})
        found = await finding.candidates(conn, transactions, self.workset.cases.knows)
        self.candidates = {
            key: ids for place, ids in found.items() if (key := key_of(transactions[place])) is not None
        }
        might = {case_id for ids in found.values() for case_id in ids}
        await self.workset.load_more(conn, might)
        self.parked = await journal.parked_cases(conn, cases | might)
        await self._load_earlier(conn, transactions)
        serials = {serial for tx in transactions if (serial := rejected_serial(tx)) is not None}
        self.sent = await outgoing.by_serial(conn, serials)

    async def _load_earlier(self, conn: AsyncConnection, transactions: Sequence[Transaction]) -> None:
        contents = {content for tx in transactions if (content := _content_key(tx)) is not None}
        for content, row in (await journal.earlier_requests(conn, contents)).items():
            self.earlier[content] = EarlierRequest(
                serial=row["serial"], work_open=row["work_item"] is not None, work_item=row["work_item"]
            )

    def take(self, file: Row, record: Record) -> Arrival:
        """Settle one record and return it with its status."""
        cause = Cause(correlation(file["id"], record.position), file["received_at"], EXCHANGE)
        arrival = Arrival(cause, arrival_row(file, record, cause))
        cause.partner, cause.far = arrival.row["sender"], arrival.row["far"]
        self.workset.arrivals.append(arrival)
        transaction, key = record.transaction, key_of(record.transaction)
        if transaction is None or key is None:
            self._malformed(arrival, incoming_problems(record, self.workset.today))
            return arrival
        fingerprint = codec.fingerprint(record.raw, record.direction)
        arrival.row["fingerprint"] = fingerprint
        if key in self.keys:
            self._seen_before(arrival, self.keys[key] == fingerprint)
            return arrival
        arrival.words = search.words_of_transaction(transaction)
        problems = incoming_problems(record, self.workset.today)
        if any(problem.severity is Severity.FATAL for problem in problems):
            self._malformed(arrival, problems)
            return arrival
        arrival.row["problems"] = problems_json(problems) or None
        self.keys[key] = fingerprint
        content = _content_key(transaction)
        marks = {"sender": key[0], "serial": key[1], "fingerprint": fingerprint}
        self.workset.keys.append((arrival, {**marks, "content": content and content[1]}))
        self.decide(arrival, transaction)
        return arrival

    def decide(self, arrival: Arrival, transaction: Transaction) -> None:
        """Decide a transaction, or park it when its case waits or its handler fails."""
        row = arrival.row
        content = _content_key(transaction)
        context = self._context(arrival, transaction, content)
        case_id = context.record.case_id if context.record is not None else transaction.header.case_id
        if context.record is not None:
            row["case_id"] = case_id
        if case_id in self.parked:
            row["status"] = "parked"
            row["decision"] = {"parked": "an earlier transaction of the case is parked"}
            self._received(arrival, {})
            return
        try:
            decision = router.dispatch(transaction, context)
            plan = self.workset.plan(decision, arrival.cause)
            written = decisions.written(decision)
        except Exception as error:
            # One handler's mistake must not stop the others; the message is left out, it may quote a person.
            self._park(arrival, error)
            return
        row.update(status="decided", decided_at=self.workset.now, decision=written)
        arrival.replies = sum(queued.in_reply for queued in plan.queued)
        self._received(arrival, {"notes": list(decision.notes)} if decision.notes else {})
        self._duties(arrival, transaction, context, plan)
        self.workset.adopt(plan)
        if content is not None and decision.work_items:
            # What comes again in the same file finds the work on it open.
            self.earlier[content] = EarlierRequest(serial=transaction.serial or "", work_open=True)

    def _context(self, arrival: Arrival, transaction: Transaction, content: Key | None) -> Context:
        """Put together what the handlers may know, the case it is about found among candidates if need be."""
        received_on = self._received_on(arrival.cause.intake_at)
        case_id, sent = transaction.header.case_id, self._sent(transaction)
        might = self.candidates.get(key_of(transaction) or ("", ""), ())
        context = identify(transaction, self.workset.context(case_id, received_on, sent, might))
        if context.record is not None and context.matched_by is not None:
            found = self.workset.context(context.record.case_id, received_on, sent)
            context = msgspec.structs.replace(found, matched_by=context.matched_by)
        earlier = None if content is None else self.earlier.get(content)
        if earlier is None or earlier.serial == transaction.serial:
            return context
        return msgspec.structs.replace(context, earlier=earlier)

    def _received_on(self, moment: datetime) -> date:
        """Give the day on which it counts as received, found once for all that came at one moment."""
        if moment not in self._days:
            self._days[moment] = self.agency.received_on(moment)
        return self._days[moment]

    def _duties(self, arrival: Arrival, transaction: Transaction, context: Context, plan: Plan) -> None:
        """Open and close duties by what came, before what we send about it does."""
        case_id = context.record.case_id if context.record is not None else transaction.header.case_id
        self.workset.duties.received(
            str(transaction.far),
            case_id,
            transaction.header.other_fips_state or "",
            context.received_on,
            arrival.cause,
            rejected=any(is_rejection(queued.far) for queued in plan.queued),
            of_parent=not is_answer_about_custodial_party(transaction, context.record),
        )

    def _sent(self, transaction: Transaction) -> SentTransaction | None:
        row = self.sent.get(rejected_serial(transaction) or 0)
        return None if row is None else sent_transaction(row, self.agency)

    def _received(self, arrival: Arrival, more: dict[str, Any]) -> None:
        row = arrival.row
        detail = {
            "far": row["far"],
            "serial": row["serial"],
            "from": row["sender"],
            "status": row["status"],
            **more,
        }
        self.workset.chronicle.note(row["case_id"], "transaction.received", detail, arrival.cause)
        self._audit(arrival)

    def _audit(self, arrival: Arrival) -> None:
        row = arrival.row
        detail = {"far": row["far"], "sender": row["sender"], "serial": row["serial"]}
        self.workset.chronicle.record(
            f"transaction.{row['status']}", arrival.cause.correlation, arrival.cause, detail
        )

    def _malformed(self, arrival: Arrival, problems: list[Problem]) -> None:
        arrival.row.update(status="malformed", decided_at=self.workset.now, problems=problems_json(problems))
        codes = ", ".join(dict.fromkeys(problem.code for problem in problems))
        title = "A damaged transaction arrived: ask the sender to send it again"
        alike = (arrival.row["file_id"], codes)
        known = None if arrival.row["sender"] else self.unnamed.get(alike)
        if known is None:
            self._open(arrival, MALFORMED_WORK, title, {"problems": codes})
            if not arrival.row["sender"]:
                self.unnamed[alike] = len(self.workset.work.opened)
        else:
            # A file of rubbish is one thing to ask about, not hundreds.
            self.workset.work.add_to(known, title, arrival.cause)
        self._audit(arrival)

    def _seen_before(self, arrival: Arrival, same: bool) -> None:
        arrival.row.update(status="duplicate" if same else "conflict", decided_at=self.workset.now)
        if not same:
            title = "A serial number arrived twice with different content: ask the sender which one counts"
            self._open(arrival, CONFLICT_WORK, title, {})
        self._audit(arrival)

    def _park(self, arrival: Arrival, error: Exception) -> None:
        failure = describe(error)
        arrival.row.update(status="parked", decision={"parked": failure})
        if arrival.row["case_id"]:
            self.parked.add(arrival.row["case_id"])
        self._received(arrival, {})
        if arrival.cause.inbound_id is not None:
            return  # it was parked before, and its work item is open
        title = "A transaction could not be handled: its case waits until the program is mended"
        self._open(arrival, PARKED_WORK, title, failure)

    def _open(self, arrival: Arrival, kind: str, title: str, details: dict[str, str]) -> None:
        row = arrival.row
        about = {"far": row["far"], "serial": row["serial"], "from": row["sender"]}
        named = {name: value for name, value in about.items() if value}
        cases = self.workset.cases
        known = cases.case_of(row["case_id"]) if cases.knows(row["case_id"]) else None
        item = WorkItem(kind=kind, title=title, case_id=known, details={**named, **details})
        self.workset.work.open(item, arrival.cause)


def arrival_row(file: Row, record: Record, cause: Cause) -> dict[str, Any]:
    """Start the row of a transaction; a damaged one tells what its header still shows."""
    header = record.header if record.transaction is None else record.transaction.header
    return {
        "file_id": file["id"],
        "position": record.position,
        "offset": record.offset,
        "raw": record.raw,
        "fingerprint": None,
        "sender": header.other_fips_state if header else None,
        "serial": header.transaction_serial_number if header else None,
        "far": str(record.transaction.far) if record.transaction else None,
        "case_id": header.case_id if header else None,
        "status": "received",
        "received_at": file["received_at"],
        "decided_at": None,
        "problems": None,
        "decision": None,
        "correlation": cause.correlation,
    }


def rejected_serial(transaction: Transaction) -> int | None:
    """Return the serial number of ours that a rejection names."""
    line = transaction.information.information_text_line_1 if transaction.information else None
    if not line or transaction.header.action_reason != "REJCT":
        return None
    try:
        return int(infoline.parse_reject_line(line).transaction_serial_number)
    except (CodecError, ValueError):
        return None


def problems_json(problems: Sequence[Problem]) -> list[Any]:
    """Write problems as JSON."""
    return [msgspec.to_builtins(problem) for problem in problems]


def describe(error: BaseException) -> dict[str, str]:
    """Tell what failed and where in our code, without the message."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if any(file.is_relative_to(_OWN_CODE / part) for part in _OWN_PARTS):
            place = f"{file.relative_to(_OWN_CODE)}:{trace.tb_lineno} {trace.tb_frame.f_code.co_name}"
        trace = trace.tb_next
    return {"error": type(error).__qualname__, "place": place}
