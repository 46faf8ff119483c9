"""List the operations about the way out and the partners behind it."""

from __future__ import annotations

from typing import Final

from csenet.gateway.casework.operation import (
    FLAT,
    LIMIT,
    OUTBOUND_ID,
    STATE_FORM,
    Answer,
    Operation,
    path_part,
    query_choice,
    query_filter,
    query_needed,
)
from csenet.gateway.store.receipts import STATES

_PARTNER: Final = path_part(
    "partner",
    "`exchange`, or the two-digit FIPS code of a state behind it.",
    {"type": "string", "pattern": r"^(exchange|\d{2})$"},
)
_REPORT: Final = {
    "partner": "20",
    "way": "http",
    "at": "2026-11-20T15:30:00Z",
    "milliseconds": 41,
    "well": True,
    "steps": [
        {"step": "agreement", "state": "well", "text": "May leave to this partner by agreement: CSI, MSC."},
        {"step": "connection", "state": "well", "text": "exchange.example port 443 answers."},
        {"step": "partner", "state": "well", "text": "The exchange has a way to the partner."},
    ],
}
_PROBED: Final = {"probe": "4d1f0c7a9b3e4d1f", "at": "2026-11-20T15:30:00Z", "caller": "27"}

_WAY_OUT: Final = {
    "breaker": "open",
    "failures_in_a_row": 5,
    "last_error": "http_503",
    "next_probe_at": "2026-11-20T15:31:00Z",
    "held_at": None,
    "held_reason": None,
    "partners_on_hold": [
        {"partner": "20", "held_at": "2026-11-20T14:00:00Z", "reason": "Kansas moves", "actor": "pat"}
    ],
    "waiting": {"queued": 12, "sending": 1, "held": 0, "dead": 0},
    "receipts": {"missing": 1, "late": 0, "repeated": 2, "contradicting": 0},
}
_LINE: Final = {"batch": "CSENET-27-000000000007.txt", "state": "missing", "at": "2026-11-20T15:30:00Z"}
_CAME: Final = {"batch": "CSENET-27-000000000007.txt", "state": "good"}
_WHY: Final = {"why": {"reason": "the case was closed by telephone"}}

OPERATIONS: Final = (
    Operation(
        id="getDelivery",
        method="GET",
        path="/v1/delivery",
        tag="Operation",
        summary="Ask how the way out fares: the breaker, holds, and how much waits",
        answers={200: Answer(description="How it fares.", schema="WayOut", example=_WAY_OUT)},
    ),
    Operation(
        id="listReceipts",
        method="GET",
        path="/v1/receipts",
        tag="Operation",
        summary="List the receipts for our batches, and those that are missing",
        description=(
            "`missing`: due and not here. `late`: came after its time. `repeated`: one had proved the batch "
            "before. `contradicting`: other bytes, another count, or the opposite of an earlier one; a work "
            "item asks a person. Missing ones first, then the newest."
        ),
        parameters=(
            query_choice("state", "In this state.", STATES),
            LIMIT,
        ),
        answers={
            200: Answer(description="The receipts.", schema="ReceiptList", example={"receipts": [_LINE]})
        },
    ),
    Operation(
        id="getDead",
        method="GET",
        path="/v1/dead/{transaction_id}",
        tag="Operation",
        summary="Read all about one undelivered transaction, without its content",
        description="Why it could not leave, what to do, each try, its batch, what it answers, open work.",
        parameters=(OUTBOUND_ID,),
        answers={200: Answer(description="All about it.", schema="DeadLetter")},
    ),
    Operation(
        id="holdPartner",
        method="POST",
        path="/v1/partners/{partner}/hold",
        tag="Operation",
        summary="Keep here what goes to a partner, or with `exchange` everything",
        description=(
            "Transactions are taken and decided as ever, and wait; what goes to others leaves. A restart "
            "changes nothing about it. Holding again changes nothing. A batch under way is finished."
        ),
        parameters=(_PARTNER,),
        body="OperatorReason",
        body_examples=_WHY,
        answers={200: Answer(description="How the way out fares now.", schema="WayOut", example=_WAY_OUT)},
        problems=(404,),
    ),
    Operation(
        id="releasePartner",
        method="POST",
        path="/v1/partners/{partner}/release",
        tag="Operation",
        summary="Let what waits for a partner leave, or with `exchange` everything",
        parameters=(_PARTNER,),
        answers={200: Answer(description="How the way out fares now.", schema="WayOut", example=_WAY_OUT)},
        problems=(404,),
    ),
    Operation(
        id="recallTransaction",
        method="POST",
        path="/v1/transactions/{transaction_id}/recall",
        tag="Operation",
        summary="Take back a transaction of ours that has not set out",
        description=(
            "Only while no try has begun that may have reached the exchange: afterwards nobody can tell "
            "whether the other state has it; the answer is 409 and says what to do instead. What shared a "
            "sealed batch with it leaves in another one. Later ones of its case go on without it; a duty "
            "that it met is owed again. Taking it back again changes nothing."
        ),
        parameters=(OUTBOUND_ID,),
        body="OperatorReason",
        body_examples=_WHY,
        answers={
            200: Answer(
                description="It is taken back.",
                schema="RecallAnswer",
                example={"id": "out-7", "status": "cancelled"},
            )
        },
        problems=(404, 409),
    ),
    Operation(
        id="testPartner",
        method="POST",
        path="/v1/partners/{partner}/test",
        tag="Operation",
        summary="Try whether the exchange, or a partner behind it, could be reached now",
        description=(
            "Goes the whole way once: connection, certificates, sign-in, an answer to a word of ours. "
            "Nothing of any case leaves. `well` says whether a batch would get through; each step says what "
            "worked."
        ),
        parameters=(_PARTNER,),
        answers={200: Answer(description="What worked.", schema="ProbeReport", example=_REPORT)},
        problems=(404,),
    ),
)
"""What operators do about the way out."""

EXCHANGE: Final = (
    Operation(
        id="postReceipt",
        method="POST",
        path="/v1/exchange/receipts",
        tag="Exchange",
        summary="Hand over a receipt for a batch of ours",
        description=(
            "Signed (CMS), or JSON with `key`, `sha256` and perhaps `count`, `outcome`, `time`. Answers what "
            "it means beside what we know: `good`, `late`, `repeated` or `contradicting`."
        ),
        body="Batch",
        body_media=FLAT,
        answers={202: Answer(description="Kept.", schema="Came", example=_CAME)},
        problems=(404,),
    ),
    Operation(
        id="probeExchange",
        method="GET",
        path="/v1/exchange/batches",
        tag="Exchange",
        summary="Answer a test message of the exchange",
        description=(
            "Gives the word back, with our time and whom we take the caller for: so the other end sees that "
            "a batch would get through. Nothing is kept of it."
        ),
        parameters=(
            query_needed("probe", "The word.", {"type": "string", "pattern": "^[A-Za-z0-9]{8,64}$"}),
            query_filter(
                "partner",
                "A state, by its two-digit FIPS code, to which there may be a way behind us.",
                STATE_FORM,
            ),
        ),
        answers={200: Answer(description="The word.", schema="ProbeAnswer", example=_PROBED)},
    ),
)
"""What the other end asks."""
