"""The desk decides: what came in, what the case side asks, what an operator orders; one commit each."""

from csenet.gateway.desk.agency import Agency, agency_of
from csenet.gateway.desk.results import (
    CaseView,
    Conflict,
    LedgerReport,
    NotFound,
    Page,
    Receipt,
    Rejected,
    SettleCount,
    SubmitResult,
    TransactionDetail,
    TransactionFilter,
    TransactionRejected,
    TransactionView,
    WorkFilter,
    WorkItemView,
)
from csenet.gateway.desk.service import Desk

__all__ = [
    "Agency",
    "CaseView",
    "Conflict",
    "Desk",
    "LedgerReport",
    "NotFound",
    "Page",
    "Receipt",
    "Rejected",
    "SettleCount",
    "SubmitResult",
    "TransactionDetail",
    "TransactionFilter",
    "TransactionRejected",
    "TransactionView",
    "WorkFilter",
    "WorkItemView",
    "agency_of",
]
