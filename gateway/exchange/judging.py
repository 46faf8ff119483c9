"""Judge one transaction as the exchange does: pass it on, turned round, or refuse it with a reason."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
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
from csenet.codecs.validation import duplicate_serial
from csenet.codecs.validation_whole import examine
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


class Reason(msgspec.Struct, frozen=True):
    """Hold one reason to refuse: the federal error number where it is known, and the words for it."""

    text: str
    number: str | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Hold every reason why a transaction is refused, and what could be read of its header."""

    reasons: tuple[Reason, ...]
    header: Header | None

    @property
    def reason(self) -> str:
        """Give the first reason."""
        return self.reasons[0].text

    @property
    def serial(self) -> str | None:
        """Name the refused transaction, if it had a readable number."""
        return self.header.transaction_serial_number if self.header else None

    def error_records(self, counter: int) -> list[bytes]:
        """Write one record of the error file for each reason, the first of them with number ``counter``."""
        return [_written(self.header, reason, at) for at, reason in enumerate(self.reasons, start=counter)]


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Judge what one state sent, by the tables that states themselves use."""

    sender: str
    routes: Mapping[str, Route]
    zone: tzinfo = EXCHANGE_ZONE

    def judge(self, record: Record, known: Container[str], at: datetime) -> Accepted | Refused:
        """Judge one record; ``at`` is when it came, ``known`` holds the serial numbers used before."""
        transaction = record.transaction
        header = transaction.header if transaction is not None else record.header
        reasons = self._reasons(record, known, at)
        if transaction is None or reasons:
            return Refused(reasons=tuple(reasons) or (_UNREADABLE,), header=header)
        try:
            raw = turn_round(transaction, at.astimezone(self.zone))
        except CodecError as error:
            return Refused(reasons=tuple(_stopping(error.problems)) or (_STUCK,), header=header)
        return Accepted(
            to=transaction.header.other_fips_state or "",
            serial=transaction.serial or "",
            far=str(transaction.far),
            raw=raw,
        )

    def _reasons(self, record: Record, known: Container[str], at: datetime) -> list[Reason]:
        """Give every reason to refuse; those of the header stand alone, as at the real exchange."""
        today = at.astimezone(_FIRST_ZONE).date()
        found = list(_stopping(examine(record, today=today, direction=Direction.TO_SERVER)))
        if record.transaction is not None:
            found += self._wrong_office(record.transaction.header)
            if (record.transaction.serial or "") in known:
                found += _stopping([duplicate_serial()])
        return list(dict.fromkeys(found))

    def _wrong_office(self, header: Header) -> Iterator[Reason]:
        if header.local_fips_state != self.sender:
            yield Reason("Local FIPS State is not the sender's")
        for side, state, county in (
            ("Local", header.local_fips_state, header.local_fips_county),
            ("Other", header.other_fips_state, header.other_fips_county),
        ):
            route = self.routes.get(state or "")
            if route is not None and not route.knows(county or ""):
                yield Reason(f"Invalid {side} FIPS County")


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


_UNREADABLE: Final = Reason("Transaction cannot be read")
_STUCK: Final = Reason("Transaction cannot be passed on")
_FEDERAL: Final = re.compile(r"(?:([A-Z][0-9]{3}) )?(.+)")


def _stopping(problems: Iterable[Problem]) -> Iterator[Reason]:
    """Tell each problem that stops a transaction: as the exchange words it where known, else by its field."""
    for problem in problems:
        if not problem.stops:
            continue
        if known := _FEDERAL.fullmatch(problem.federal):
            yield Reason(known[2], known[1])
        else:
            yield Reason(f"{problem.field}: {problem.message}" if problem.field else problem.message)


def _written(header: Header | None, reason: Reason, counter: int) -> bytes:
    record = _record(header or Header(), reason, f"{counter % _COUNTER_TURNS_AT:06d}")
    try:
        return errorfile.write(record)
    except CodecError:
        # What the header says does not fit: the reason alone still tells the sender that one was refused.
        return errorfile.write(ErrorRecord(txn_counter=record.txn_counter, description=record.description))


def _record(head: Header, reason: Reason, counter: str) -> ErrorRecord:
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
        error_code=reason.number,
        serial=head.transaction_serial_number,
        description=_words(reason.text),
    )


def _words(reason: str) -> str:
    """Fit a reason into the record: upper case, plain characters, 42 positions."""
    return reason.encode("ascii", "replace").decode().upper()[:_LONGEST_DESCRIPTION]


def _digits(day: date | None) -> str | None:
    return None if day is None else f"{day:%Y%m%d}"


def _fips(state: str | None, county: str | None, sub: str | None) -> str | None:
    code = (state or "").ljust(2) + (county or "").ljust(3) + (sub or "")
    return code.rstrip() or None
