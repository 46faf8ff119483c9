"""Hold the examples of the API description; every person, case and number in them is invented."""

from __future__ import annotations

from typing import Any, Final

FACTS: Final[dict[str, Any]] = {
    "role": "initiating",
    "other_fips": "2000000",
    "other_case_id": "KS0000417",
    "withholding_active": False,
    "family_violence": False,
    "alternative_agreement": False,
    "case": {"case_type": "N", "case_status": "O"},
    "ncp_identification": {"name_last": "EXAMPLE", "name_first": "PAT"},
    "ledger": {
        "obligations": [{"due": "2026-09-01", "amount": "300.00"}, {"due": "2026-10-01", "amount": "300.00"}],
        "payments": [{"date": "2026-09-15", "amount": "300.00"}],
    },
}
WHY: Final[dict[str, Any]] = {
    "rule": "closure.notice",
    "text": "The initiating agency asked to end the case; withholding stops within ten working days.",
    "citation": "45 CFR 303.7(d)(9)",
    "value": "10 working days",
}
WORK_ITEM: Final[dict[str, Any]] = {
    "id": 12,
    "kind": "stop_withholding",
    "title": "Stop income withholding",
    "case_id": "MN0000123",
    "group": "GSC17",
    "duty": "RS11",
    "due": "2026-12-07",
    "status": "open",
    "reasons": [WHY],
    "details": {},
    "transaction": "in-3",
    "outbound": None,
    "opened_at": "2026-11-20T15:30:00Z",
    "completed_on": None,
    "completed_at": None,
}
COMPLETED: Final[dict[str, Any]] = WORK_ITEM | {
    "status": "completed",
    "completed_on": "2026-11-24",
    "completed_at": "2026-11-24T14:05:00Z",
}
PROBLEM: Final[dict[str, Any]] = {
    "type": "urn:csenet:problem:rejected",
    "title": "The request was understood and refused",
    "status": 422,
    "detail": "2 things are wrong; nothing was changed.",
    "instance": "urn:csenet:request:7f4c1a52-93de-4d36-a7c1-52e0a7b0c9d1",
    "errors": [
        {"code": "request.invalid", "message": "must be initiating or responding", "pointer": "/role"},
        {
            "code": "case.case_type.value",
            "message": "is not one of the codes of this field",
            "pointer": "/case/case_type",
            "field": "Case-Type",
            "citation": "Chart C-5",
        },
    ],
}
SHORT_SUBMISSION: Final[dict[str, Any]] = {"case_id": "MN0000123", "far": "MSC P GSC15"}
TRANSACTION: Final[dict[str, Any]] = {
    "header": {
        "other_fips_state": "20",
        "other_fips_county": "000",
        "action_code": "P",
        "functional_type_code": "MSC",
        "action_reason": "GSC15",
        "case_id": "MN0000123",
        "other_case_id": "KS0000417",
    },
    "case": {"case_type": "N", "case_status": "O"},
}
_SENT: Final[dict[str, Any]] = {
    "id": "out-7",
    "direction": "outbound",
    "far": "MSC P GSC15",
    "serial": "000000000007",
    "from_fips": "27",
    "to_fips": "20",
    "case_id": "MN0000123",
    "status": "queued",
    "correlation": "7f4c1a52-93de-4d36-a7c1-52e0a7b0c9d1",
    "received_at": "2026-11-20T15:30:00Z",
    "settled_at": None,
    "milliseconds": None,
    "in_reply_to": None,
    "attempts": 0,
    "reason": None,
    "problems": [],
}
SUBMITTED: Final[dict[str, Any]] = {"transactions": [_SENT], "warnings": [], "repeated": False}
TRANSACTION_PAGE: Final[dict[str, Any]] = {"transactions": [_SENT], "next": "out-7"}
TRANSACTION_DETAIL: Final[dict[str, Any]] = _SENT | {"transaction": TRANSACTION, "decision": None}
WORK_ITEM_PAGE: Final[dict[str, Any]] = {"work_items": [WORK_ITEM], "next": None}
CASE: Final[dict[str, Any]] = {
    "case_id": "MN0000123",
    "version": 1,
    "updated_at": "2026-11-20T15:30:00Z",
    "facts": FACTS,
    "state": {"status": "open", "may_issue_withholding": False},
    "timeline": [{"at": "2026-11-20T15:30:00Z", "event": "case.created", "detail": {}, "transaction": None}],
    "work_items": [],
    "created": True,
}
LEDGER: Final[dict[str, Any]] = {
    "balanced": True,
    "files": 2,
    "files_waiting": 0,
    "inbound": {"decided": 3, "duplicate": 1},
    "outbound": {"delivered": 2, "queued": 1},
    "differences": [],
}
DEAD: Final[dict[str, Any]] = {
    "dead": [
        {
            "id": "out-9",
            "far": "MSC P GSC18",
            "serial": "000000000009",
            "to_fips": "20",
            "case_id": "MN0000123",
            "attempts": 12,
            "reason": "no connection",
            "created_at": "2026-11-20T15:30:00Z",
        }
    ]
}
RECEIPT: Final[dict[str, Any]] = {
    "receipt_id": "file-2",
    "file_id": 2,
    "name": "batch-0002",
    "source": "http",
    "kind": "transactions",
    "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "bytes": 1280,
    "received_at": "2026-11-20T15:30:00Z",
    "duplicate": False,
}

OPENED_DUTIES: Final = {
    "far": "MSC P GSC17",
    "title": "Stop withholding and close the case",
    "received": "2026-12-23",
    "state": "MN",
    "opens": [
        {
            "duty": "RS7",
            "who": "responding state",
            "starts": "The instruction to stop income withholding and close the case (GSC17) arrives.",
            "text": "Stop the own income withholding and close the case, then tell the initiating state.",
            "clock": "deadline",
            "answered_by": ["MSC P GSC18"],
            "due": "2027-01-08",
            "why": {
                "rule": "RS7",
                "text": "10 working days from 2026-12-23: 2027-01-08.",
                "citation": "45 CFR 303.7(d)(9)",
                "value": "10 working days",
                "ours": False,
                "since": "2011-01-03",
                "cited_in_spec": "303.7(d)(9)",
            },
        }
    ],
}
