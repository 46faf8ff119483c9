"""Keep what may not be told out of what the case side wrote by itself, and out of what has been waiting.

Transactions built from facts are filtered on the way; one given whole must not be a way around that.
"""

from __future__ import annotations

from datetime import date

import msgspec

from csenet.codecs import transaction as codec
from csenet.codecs.errors import Problem
from csenet.codecs.transaction import Direction, Transaction
from csenet.gateway.desk.agency import Agency
from csenet.handlers.context import CaseRecord
from csenet.handlers.disclosing import coded, objections
from csenet.handlers.policy.agreements import Permission, may_send
from csenet.handlers.policy.disclosure_review import may_hold_tax_information, tax_review


def withheld(tx: Transaction, record: CaseRecord | None, today: date) -> list[Problem]:
    """Name all that a transaction tells and may not, because somebody of the case is at risk."""
    return objections(tx, record.facts if record is not None else None, today)


def may_leave(far: str, partner: str, raw: bytes, today: date, agency: Agency) -> Permission:
    """Ask policy one last time about a queued transaction, which agreements may have overtaken.

    The reason says what a person does instead where it may not leave.
    """
    allowed = may_send(far, partner, today, agency.profile, agency.agreements)
    if allowed.allowed and may_hold_tax_information(far):
        transaction = codec.read(raw, Direction.TO_SERVER).transaction
        allowed = tax_review(far, coded(transaction), partner, today, agency.agreements)
    if allowed.allowed:
        return allowed
    return msgspec.structs.replace(allowed, why=msgspec.structs.replace(allowed.why, text=allowed.told))
