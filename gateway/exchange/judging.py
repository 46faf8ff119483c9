"""Judge one transaction as the exchange does: pass it on, turned round, or refuse it with a reason."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from csenet.codecs import errorfile
from csenet.codecs.blocks import Header
from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.errors import CodecError, Problem
from csenet.codecs.flatfile import Record
from csenet.codecs.transaction import Direction, Transaction, mirror, write
from csenet.codecs.validation import validate
from csenet.gateway.exchange.routes import Route

EXCHANGE_ZONE: Final = ZoneInfo("America/New_York")
# Where a day begins first among the jurisdictions: nobody's today may be taken for the future.
_FIRST_ZONE: Final = ZoneInfo("Pacific/Guam")
_LONGEST_DESCRIPTION: Final = 42
_COUNTER_TURNS_AT: Final = 1_000_000


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a transaction as its receiver will see it."""

    to: str
    serial: str
    far: str
    raw: bytes


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Hold why a transaction is refused, and what could be read of its header."""

    reason: str
    header: Header | None

    @property
    def serial(self) -> str | None:
        """Name the refused transaction, if it had a readable number."""
        return self.header.transaction_serial_number if self.header else None

    def error_record(self, counter: int) -> bytes:
        """Write the record of the error file; the error number stays blank, since none is known for sure."""
        record = _record(self, f"{counter % _COUNTER_TURNS_AT:06d}")
        try:
            return errorfile.write(record)
        except CodecError:
            # What the header says does not fit: the reason alone still tells the sender that one was refused.
            return errorfile.write(
                ErrorRecord(txn_counter=record.txn_counter, description=record.description)
            )


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Judge what one state sent, by the tables that states themselves use."""

    sender: str
    routes: Mapping[str, Route]
    zone: tzinfo = EXCHANGE_ZONE

    def judge(self, record: Record, known: Container[str], at: datetime) -> Accepted | Refused:
        """Judge one record; ``at`` is when it came, ``known`` holds the serial numbers used before."""
        transaction = record.transaction
        header = transaction.header if transaction is not None else record.header
        problem = self._problem(record, known, at)
        if transaction is None or problem is not None:
            return Refused(reason=problem or "Transaction cannot be read", header=header)
        try:
            raw = turn_round(transaction, at.astimezone(self.zone))
        except CodecError as error:
            return Refused(reason=_first(error.problems) or "Transaction cannot be passed on", header=header)
        return Accepted(
            to=transaction.header.other_fips_state or "",
            serial=transaction.serial or "",
            far=str(transaction.far),
            raw=raw,
        )

    def _problem(self, record: Record, known: Container[str], at: datetime) -> str | None:
        """Give the first reason to refuse."""
        transaction = record.transaction
        if transaction is None:
            return _first(record.problems)
        today = at.astimezone(_FIRST_ZONE).date()
        edits = validate(transaction, today=today, direction=Direction.TO_SERVER)
        edited = _first([*record.problems, *edits])
        return edited or self._wrong_office(transaction.header) or _seen(transaction, known)

    def _wrong_office(self, header: Header) -> str | None:
        if header.local_fips_state != self.sender:
            return "Local FIPS State is not the sender's"
        for side, state, county in (
            ("Local", header.local_fips_state, header.local_fips_county),
            ("Other", header.other_fips_state, header.other_fips_county),
        ):
            route = self.routes.get(state or "")
            if route is not None and not route.knows(county or ""):
                return f"Invalid {side} FIPS County"
        return None


def turn_round(transaction: Transaction, moment: datetime) -> bytes:
    """Write the transaction as its receiver sees it, stamped with date and time of receipt."""
    turned = mirror(transaction)
    header = msgspec.structs.replace(
        turned.header,
        sent_date=None,
        sent_time=None,
        due_date=None,
        response_date=None,
        overdue_ind=None,
        date_received=moment.date(),
        time_received=moment.time().replace(microsecond=0),
    )
    return write(msgspec.structs.replace(turned, header=header), Direction.FROM_SERVER)


def _seen(transaction: Transaction, known: Container[str]) -> str | None:
    return "Duplicate Transaction Serial Number" if (transaction.serial or "") in known else None


def _first(problems: Iterable[Problem]) -> str | None:
    """Tell the first problem that stops the transaction, by the federal name of its field."""
    for problem in problems:
        if problem.stops:
            return f"{problem.field}: {problem.message}" if problem.field else problem.message
    return None


def _record(refused: Refused, counter: str) -> ErrorRecord:
    head = refused.header or Header()
    return ErrorRecord(
        txn_counter=counter,
        local_fips_code=_fips(head.local_fips_state, head.local_fips_county, head.local_fips_sub),
        other_fips_code=_fips(head.other_fips_state, head.other_fips_county, head.other_fips_sub),
        local_case_id=head.case_id,
        other_case_id=head.other_case_id,
        action_code=head.action_code,
        functional_type_code=head.functional_type_code,
        action_reason=head.action_reason,
        action_resolution_date=_digits(head.action_resolution_date),
        transaction_date=_digits(head.transaction_date),
        error_code=None,
        serial=head.transaction_serial_number,
        description=_words(refused.reason),
    )


def _words(reason: str) -> str:
    """Fit a reason into the record: upper case, plain characters, 42 positions."""
    return reason.encode("ascii", "replace").decode().upper()[:_LONGEST_DESCRIPTION]


def _digits(day: date | None) -> str | None:
    return None if day is None else f"{day:%Y%m%d}"


def _fips(state: str | None, county: str | None, sub: str | None) -> str | None:
    code = (state or "").ljust(2) + (county or "").ljust(3) + (sub or "")
    return code.rstrip() or None
