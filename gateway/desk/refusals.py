"""Settle the exchange's error file: each record says that one transaction of ours was refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.codecs import errorfile
from csenet.codecs.errorfile import ErrorReading
from csenet.gateway.desk.correcting import last_day
from csenet.gateway.desk.plan import Cause
from csenet.gateway.desk.settling import EXCHANGE, correlation, problems_json
from csenet.gateway.desk.workset import Arrival, WorkingSet
from csenet.gateway.store import corrections, duties, journal, outbox, outgoing
from csenet.gateway.store.corrections import REFUSED_WORK
from csenet.gateway.store.sealing import Row
from csenet.handlers.decision import WorkItem

UNMATCHED_WORK = "refusal_unmatched"
_UNREADABLE = "An error record of the exchange cannot be read: look at the file"
_LEFT_US = ("sending", "delivered", "dead")


class ErrorLine(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one record of an error file and where it stands."""

    position: int
    offset: int
    reading: ErrorReading


def error_lines(raw: bytes) -> Iterator[ErrorLine]:
    """Read an error file record by record."""
    for reading in errorfile.read_all(raw):
        yield ErrorLine(position=reading.position, offset=reading.offset, reading=reading)


class RefusalSettler:
    """Settle one chunk of error records within one transaction."""

    def __init__(self, workset: WorkingSet) -> None:
        """Take the working set of this commit."""
        self.workset = workset
        self.seen: set[str] = set()
        self.sent: Mapping[int, Row] = {}
        self.reasons: dict[int, list[str]] = {}
        self.told: set[int] = set()

    async def load(self, conn: AsyncConnection, lines: Sequence[ErrorLine]) -> None:
        """Read the transactions of ours that the records name, and their cases."""
        for line in lines:
            if (serial := serial_of(line)) is not None:
                self.reasons.setdefault(serial, []).append(reason_of(line))
        serials = set(self.reasons)
        self.sent = await outgoing.by_serial(conn, serials, hold=True)
        again = await corrections.latest(conn, serials)
        # What was corrected since may be refused once more, in the same words.
        self.seen = {
            str(each["fingerprint"])
            for each in await journal.error_records(conn, {f"{serial:012d}" for serial in serials})
            if (moment := again.get(int(each["serial"]))) is None or each["received_at"] >= moment
        }
        await self.workset.load(conn, {row["case_id"] for row in self.sent.values() if row["case_id"]})

    async def take(self, conn: AsyncConnection, file: Row, line: ErrorLine) -> Arrival:
        """Settle one record and return it with its status."""
        cause = Cause(correlation(file["id"], line.position), file["received_at"], EXCHANGE)
        arrival = Arrival(cause, error_row(file, line, cause))
        self.workset.arrivals.append(arrival)
        row, serial = arrival.row, serial_of(line)
        ours = self.sent.get(serial or 0)
        cause.partner, cause.far = (None, row["far"]) if ours is None else (ours["partner"], ours["far"])
        if ours is not None and ours["case_id"]:
            # Its case may have got another ID since it left.
            row["case_id"] = ours["case_id"]
        if line.reading.record is None:
            row.update(status="malformed", problems=problems_json(line.reading.problems))
            self._open(arrival, "malformed", _UNREADABLE)
        elif row["fingerprint"] in self.seen:
            row["status"] = "duplicate"
        else:
            self.seen.add(row["fingerprint"])
            row["status"] = "decided"
            await self._refused(conn, arrival, line, ours)
        self.workset.chronicle.record(
            f"refusal.{row['status']}", cause.correlation, cause, {"serial": row["serial"], "far": row["far"]}
        )
        return arrival

    async def _refused(
        self, conn: AsyncConnection, arrival: Arrival, line: ErrorLine, ours: Row | None
    ) -> None:
        code = (line.reading.record.error_code or "") if line.reading.record else ""
        if ours is not None and (ours["status"] == "refused" or ours["serial"] in self.told):
            return
        if ours is None or ours["status"] not in _LEFT_US:
            title = "The exchange refused what is not known to have left us: compare with its records"
            self._open(arrival, UNMATCHED_WORK, title, code=code)
            return
        # The exchange writes a record for each error of a transaction: they make one refusal.
        self.told.add(ours["serial"])
        reason = "; ".join(filter(None, dict.fromkeys(self.reasons[ours["serial"]]))) or "no reason given"
        await outbox.mark_refused(conn, ours["serial"], reason=reason, at=self.workset.now)
        await duties.taken_back(conn, [ours["id"]], self.workset.today)
        detail = {"far": ours["far"], "serial": ours["serial"], "code": code}
        self.workset.chronicle.note(ours["case_id"], "transaction.refused", detail, arrival.cause)
        self.workset.chronicle.record(
            "transaction.refused", f"serial {ours['serial']}", arrival.cause, detail
        )
        until = last_day(ours, self.workset.agency)
        title = f"The exchange refused a transaction: correct what it names and send it again, until {until}"
        self._open(arrival, REFUSED_WORK, title, ours=ours, code=code)

    def _open(
        self, arrival: Arrival, kind: str, title: str, *, ours: Row | None = None, code: str = ""
    ) -> None:
        row = arrival.row
        problems = ", ".join(dict.fromkeys(each["code"] for each in row["problems"] or ()))
        named = {"far": row["far"], "serial": row["serial"], "code": code.strip(), "problems": problems}
        details = {name: value for name, value in named.items() if value}
        case_id = None if ours is None else ours["case_id"]
        item = WorkItem(kind=kind, title=title, case_id=case_id, details=details)
        self.workset.work.open(item, arrival.cause, None if ours is None else ours["id"])


def reason_of(line: ErrorLine) -> str:
    """Return the exchange's error number and words for it."""
    record = line.reading.record
    return f"{record.error_code or ''} {record.description or ''}".strip() if record else ""


def serial_of(line: ErrorLine) -> int | None:
    """Return the serial number of ours that a record names."""
    text = line.reading.record.serial if line.reading.record else None
    return int(text) if text and text.isdigit() else None


def error_row(file: Row, line: ErrorLine, cause: Cause) -> dict[str, Any]:
    """Start the row of an error record; it has no sender, since it answers what we sent."""
    record = line.reading.record
    far = (record.functional_type_code, record.action_code) if record else ("", "")
    reason = (record.action_reason or "BLANK") if record else ""
    return {
        "file_id": file["id"],
        "position": line.position,
        "offset": line.offset,
        "raw": line.reading.raw,
        "fingerprint": sha256(line.reading.raw).hexdigest(),
        "sender": None,
        "serial": record.serial if record else None,
        "far": f"{far[0]} {far[1]} {reason}" if all(far) else None,
        "case_id": record.local_case_id if record else None,
        "status": "received",
        "received_at": file["received_at"],
        "decided_at": cause.intake_at,
        "problems": None,
        "decision": None,
        "correlation": cause.correlation,
    }
