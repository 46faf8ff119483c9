"""List every operation of the API once; routes, access and the OpenAPI document follow this table."""

from __future__ import annotations

from typing import Final

from csenet.gateway.casework import (
    examples,
    operations_corrections,
    operations_delivery,
    operations_duties,
    operations_events,
    operations_holds,
    operations_participants,
    operations_policy,
    operations_releases,
    operations_work,
)
from csenet.gateway.casework.operation import (
    CASE_ID,
    CMS,
    DAY_FORM,
    FLAT,
    HTML,
    IDEMPOTENCY_KEY,
    JSON,
    LIMIT,
    OF_CASE,
    PURPOSE,
    TEXT,
    WITH_PARTNER,
    WORD_FORM,
    XML,
    Answer,
    Operation,
    Parameter,
    path_id,
    path_part,
    query_after,
    query_choice,
    query_filter,
)
from csenet.gateway.store.tables import INBOUND_STATUSES, OUTBOUND_STATUSES

__all__ = [
    "FLAT",
    "HTML",
    "JSON",
    "OPERATIONS",
    "OUTCOMES",
    "STATUSES",
    "TEXT",
    "Answer",
    "Operation",
    "Parameter",
]

OUTCOMES: Final = ("done", "declined")
STATUSES: Final = (*INBOUND_STATUSES, *OUTBOUND_STATUSES)

_PAGE: Final = (LIMIT, query_after(WORD_FORM))

OPERATIONS: Final = (
    Operation(
        id="putCase",
        method="PUT",
        path="/v1/cases/{case_id}",
        tag="Cases",
        summary="Tell the gateway the facts of an interstate case",
        description=(
            "The body is a whole snapshot and replaces the one before; what it leaves out is forgotten. "
            "What the gateway has learnt from transactions stays. Sending the same again changes nothing. "
            "An ID that a case had means that case, as long as the facts can be of it; the answer names the "
            "ID in use. `formerly` says which IDs it had: their records become one, or work `same_case` "
            "asks a person where they contradict. `warnings` name values that the exchange would mind: they "
            "are kept, and may keep a block from leaving."
        ),
        parameters=(CASE_ID,),
        body="CaseFacts",
        body_examples={"initiating case with a ledger": examples.FACTS},
        answers={
            200: Answer(
                description="The case was known and is replaced.", schema="Case", example=examples.CASE
            ),
            201: Answer(description="The case is new.", schema="Case", example=examples.CASE),
        },
    ),
    Operation(
        id="getCase",
        method="GET",
        path="/v1/cases/{case_id}",
        tag="Cases",
        summary="Read a case: facts, state, timeline, work items",
        parameters=(CASE_ID, PURPOSE),
        answers={200: Answer(description="The case.", schema="Case", example=examples.CASE)},
    ),
    *operations_events.OPERATIONS,
    *operations_corrections.OPERATIONS,
    Operation(
        id="submitTransaction",
        method="POST",
        path="/v1/transactions",
        tag="Transactions",
        summary="Send a transaction to another state",
        description=(
            "Either a case ID and a code, from which the gateway builds all blocks out of the facts of the "
            "case, or a whole transaction. Our FIPS code, serial number and dates are filled in. Every check "
            "that the exchange would make is made first, with all problems in one answer. What disclosure "
            "rules withhold cannot be released here; a refusal says what goes instead. Where only federal "
            "tax information without an agreement is in the way, it names the work item by which a person "
            "tells the other state."
        ),
        parameters=(IDEMPOTENCY_KEY,),
        body="Submission",
        body_examples={
            "code and case ID": examples.SHORT_SUBMISSION,
            "whole transaction": examples.TRANSACTION,
        },
        answers={
            202: Answer(description="Queued, durably.", schema="SubmitResult", example=examples.SUBMITTED)
        },
        problems=(404, 409),
    ),
    Operation(
        id="listTransactions",
        method="GET",
        path="/v1/transactions",
        tag="Transactions",
        summary="List transactions without their content, oldest first",
        parameters=(
            query_choice("direction", "Received or sent.", ("inbound", "outbound")),
            query_choice("status", "In this status.", STATUSES),
            OF_CASE,
            query_filter("far", "With this code, such as `MSC P GSC17`.", WORD_FORM),
            WITH_PARTNER,
            query_filter("serial", "With this serial number.", {"type": "string", "pattern": r"^\d{1,12}$"}),
            *_PAGE,
        ),
        answers={
            200: Answer(description="One page.", schema="TransactionPage", example=examples.TRANSACTION_PAGE)
        },
    ),
    Operation(
        id="getTransaction",
        method="GET",
        path="/v1/transactions/{transaction_id}",
        tag="Transactions",
        summary="Read a transaction with its content and what was decided about it",
        parameters=(
            path_part(
                "transaction_id",
                "`in-` or `out-` and a number.",
                {"type": "string", "pattern": r"^(in|out)-[1-9][0-9]{0,17}$"},
            ),
            PURPOSE,
        ),
        answers={
            200: Answer(
                description="The transaction.",
                schema="TransactionDetail",
                example=examples.TRANSACTION_DETAIL,
            )
        },
    ),
    Operation(
        id="listWorkItems",
        method="GET",
        path="/v1/work-items",
        tag="Work",
        summary="List what people or the case system have to do, oldest first",
        parameters=(
            query_choice("status", "Open or completed.", ("open", "completed")),
            OF_CASE,
            query_filter("kind", "Of this kind.", WORD_FORM),
            query_filter("group", "Of this group, such as `GSC17`.", WORD_FORM),
            query_filter("due_before", "Due earlier than this day.", DAY_FORM),
            query_filter("worker", "Assigned to this worker.", WORD_FORM),
            query_filter("office", "Assigned to this office.", WORD_FORM),
            query_filter(
                "since",
                "Follow changes: 0, or the `next` of an earlier answer. Each item that changed after it "
                "stands once, as it is now; none is left out. `next` is always given; an empty list means "
                "that nothing changed.",
                {"type": "integer", "minimum": 0},
            ),
            *_PAGE,
        ),
        answers={
            200: Answer(description="One page.", schema="WorkItemPage", example=examples.WORK_ITEM_PAGE)
        },
    ),
    Operation(
        id="getWorkItem",
        method="GET",
        path="/v1/work-items/{item_id}",
        tag="Work",
        summary="Read one work item",
        parameters=(path_id("item_id", "work item"),),
        answers={200: Answer(description="The item.", schema="WorkItem", example=examples.WORK_ITEM)},
    ),
    Operation(
        id="completeWorkItem",
        method="POST",
        path="/v1/work-items/{item_id}/complete",
        tag="Work",
        summary="Say that a work item is done",
        description=(
            "When it is the last of its group, the answer to the other state leaves. Completing a completed "
            "item again changes nothing."
        ),
        parameters=(path_id("item_id", "work item"),),
        body="Completion",
        body_examples={"done": {"on": "2026-11-24"}},
        answers={200: Answer(description="The item.", schema="WorkItem", example=examples.COMPLETED)},
        problems=(409,),
    ),
    *operations_work.OPERATIONS,
    *operations_duties.OPERATIONS,
    *operations_releases.OPERATIONS,
    *operations_holds.OPERATIONS,
    *operations_participants.OPERATIONS,
    *operations_policy.OPERATIONS,
    Operation(
        id="checkLedger",
        method="GET",
        path="/v1/ledger",
        tag="Operation",
        summary="Add up that nothing is lost, doubled or in two statuses",
        answers={200: Answer(description="The sums.", schema="LedgerReport", example=examples.LEDGER)},
    ),
    Operation(
        id="listDead",
        method="GET",
        path="/v1/dead",
        tag="Operation",
        summary="List transactions that could not be delivered",
        answers={200: Answer(description="All of them.", schema="DeadList", example=examples.DEAD)},
    ),
    Operation(
        id="resendDead",
        method="POST",
        path="/v1/dead/resend",
        tag="Operation",
        summary="Try undelivered transactions again",
        body="Resend",
        body_examples={"some": {"ids": ["out-7", "out-9"]}, "all": {"all": True}},
        answers={200: Answer(description="They are queued again.", schema="Resent", example={"resent": 2})},
        problems=(404,),
    ),
    *operations_delivery.OPERATIONS,
    Operation(
        id="postBatch",
        method="POST",
        path="/v1/exchange/batches",
        tag="Exchange",
        summary="Hand over a file from the exchange",
        description=(
            "Flat or XML (urn:csenet-gateway:transactions:1), told by how it begins; or either in CMS, where "
            "certificates are agreed. The receipt is given when the bytes are on disk. The same bytes again "
            "change nothing. What in a batch cannot be read becomes work for a person, the rest is decided."
        ),
        body="Batch",
        body_media=FLAT,
        other_media=(XML, CMS),
        answers={
            200: Answer(description="Kept before.", schema="Receipt", example=examples.RECEIPT),
            202: Answer(description="Kept.", schema="Receipt", example=examples.RECEIPT),
        },
    ),
    *operations_delivery.EXCHANGE,
    Operation(
        id="getOpenApi",
        method="GET",
        path="/v1/openapi.json",
        tag="Service",
        summary="Read this description",
        answers={200: Answer(description="An OpenAPI 3.1 document.", schema="OpenApi")},
    ),
    Operation(
        id="getHealth",
        method="GET",
        path="/healthz",
        tag="Service",
        summary="Ask whether the process is alive: its event loop turns, its parts run",
        answers={200: Answer(description="It is.", schema="Health", example={"status": "alive"})},
    ),
    Operation(
        id="getReadiness",
        method="GET",
        path="/readyz",
        tag="Service",
        summary="Ask whether the gateway can serve: store, disk and keys are as they must be",
        answers={200: Answer(description="It can.", schema="Health", example={"status": "ready"})},
    ),
    Operation(
        id="getMetrics",
        method="GET",
        path="/metrics",
        tag="Service",
        summary="Read the metrics, for Prometheus",
        description="Whom it lets in is set by observe.metrics: this machine, or who shows its own token.",
        answers={200: Answer(description="The text form of Prometheus.", schema="Page", media=TEXT)},
        problems=(401, 403, 404),
    ),
    Operation(
        id="getStatusPage",
        method="GET",
        path="/",
        tag="Service",
        summary="Look whether the gateway serves; with the right figures.read, at the numbers of today",
        answers={200: Answer(description="A page for people.", schema="Page", media=HTML)},
    ),
)
"""Everything that can be called, in the order in which the document shows it."""
