"""List every operation of the API once; routes, access and the OpenAPI document follow this table."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from csenet.gateway.casework import examples
from csenet.gateway.store.tables import INBOUND_STATUSES, OUTBOUND_STATUSES

Schema = dict[str, Any]

JSON: Final = "application/json"
HTML: Final = "text/html"
TEXT: Final = "text/plain"
FLAT: Final = "application/octet-stream"
OUTCOMES: Final = ("done", "declined")
STATUSES: Final = (*INBOUND_STATUSES, *OUTBOUND_STATUSES)


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one parameter in the path, the query or a header."""

    name: str
    place: str
    description: str
    form: Schema
    required: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one successful answer; `schema` names a component."""

    description: str
    schema: str | None = None
    example: Any = None
    media: str = JSON


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one operation. `body` names the component that the request must match.

    `problems` lists statuses beyond those that follow from parameters, body and access.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    body_media: str = JSON
    body_examples: dict[str, Any] = {}
    answers: dict[int, Answer]
    problems: tuple[int, ...] = ()


_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 64}
_DAY: Final[Schema] = {"type": "string", "format": "date"}
_STATE: Final[Schema] = {"type": "string", "pattern": r"^\d{2}$"}
_ID: Final[Schema] = {"type": "integer", "format": "int64", "minimum": 1}

CASE_ID: Final = Parameter(
    name="case_id",
    place="path",
    description="The agency's own case ID, 1 to 15 characters; never blank, all zeros, `*` or `\\`.",
    form={"type": "string", "minLength": 1, "maxLength": 15, "pattern": r"^[^ *\\][^*\\]*$"},
    required=True,
)


PURPOSE: Final = Parameter(
    name="X-Purpose",
    place="header",
    description="Why a person wants to see personal fields in clear; they are masked without it. It is kept "
    "in the record. Programs that own the content get it in clear.",
    form={"type": "string", "minLength": 8, "maxLength": 200},
)


def _path_id(name: str, what: str) -> Parameter:
    """Describe a numeric identifier in the path."""
    return Parameter(
        name=name, place="path", description=f"Identifier of the {what}.", form=_ID, required=True
    )


def _filter(name: str, description: str, form: Schema) -> Parameter:
    """Describe a query parameter."""
    return Parameter(name=name, place="query", description=description, form=form)


def _choice(name: str, description: str, words: tuple[str, ...]) -> Parameter:
    """Describe a query parameter that takes one of a few words."""
    return _filter(name, description, {"type": "string", "enum": list(words)})


def _needed(name: str, description: str, form: Schema) -> Parameter:
    """Describe a query parameter that must be given."""
    return Parameter(name=name, place="query", description=description, form=form, required=True)


_ON: Final = _needed("on", "The day asked about.", _DAY)
_STATE_ASKED: Final = _filter(
    "state",
    "Whose profile and working days count, by abbreviation or two-digit FIPS code; our own if left out.",
    {"type": "string", "pattern": r"^([A-Za-z]{2}|\d{2})$"},
)
_PAGE: Final = (
    _filter("limit", "How many to list at most.", {"type": "integer", "minimum": 1}),
    _filter(
        "after",
        "Go on after an earlier page: pass its `next`.",
        {"type": "string", "minLength": 1, "maxLength": 64},
    ),
)

OPERATIONS: Final = (
    Operation(
        id="putCase",
        method="PUT",
        path="/v1/cases/{case_id}",
        tag="Cases",
        summary="Tell the gateway the facts of an interstate case",
        description=(
            "The body is a whole snapshot and replaces the one before; what it leaves out is forgotten. "
            "What the gateway has learnt from transactions stays. Sending the same again changes nothing."
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
        problems=(503,),
        answers={200: Answer(description="The case.", schema="Case", example=examples.CASE)},
    ),
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
            "rules withhold cannot be released here; a refusal says what goes instead."
        ),
        parameters=(
            Parameter(
                name="Idempotency-Key",
                place="header",
                description="1 to 64 printable characters. Key and body repeated give the first answer; "
                "the same key with another body is a conflict.",
                form={"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
            ),
        ),
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
            _choice("direction", "Received or sent.", ("inbound", "outbound")),
            _choice("status", "In this status.", STATUSES),
            _filter("case_id", "Of this case of ours.", CASE_ID.form),
            _filter("far", "With this code, such as `MSC P GSC17`.", _TEXT),
            _filter("partner", "With this state, by its two-digit FIPS code.", _STATE),
            _filter("serial", "With this serial number.", {"type": "string", "pattern": r"^\d{1,12}$"}),
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
            Parameter(
                name="transaction_id",
                place="path",
                description="`in-` or `out-` and a number.",
                form={"type": "string", "pattern": r"^(in|out)-[1-9][0-9]{0,17}$"},
                required=True,
            ),
            PURPOSE,
        ),
        problems=(503,),
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
            _choice("status", "Open or completed.", ("open", "completed")),
            _filter("case_id", "Of this case of ours.", CASE_ID.form),
            _filter("kind", "Of this kind.", _TEXT),
            _filter("group", "Of this group, such as `GSC17`.", _TEXT),
            _filter("due_before", "Due earlier than this day.", _DAY),
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
        parameters=(_path_id("item_id", "work item"),),
        problems=(503,),
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
        parameters=(_path_id("item_id", "work item"),),
        body="Completion",
        body_examples={"done": {"on": "2026-11-24"}},
        answers={200: Answer(description="The item.", schema="WorkItem", example=examples.COMPLETED)},
        problems=(409,),
    ),
    Operation(
        id="listPolicyRules",
        method="GET",
        path="/v1/policy/rules",
        tag="Policy",
        summary="List what law, profile and agreements state on a day",
        description="What nobody states has no version in force; that is never a no.",
        parameters=(_ON, _STATE_ASKED),
        answers={200: Answer(description="All of it.", schema="RuleList")},
    ),
    Operation(
        id="getPolicyRule",
        method="GET",
        path="/v1/policy/rules/{rule}",
        tag="Policy",
        summary="Read a rule, duty, closing ground or question with all its dated versions",
        parameters=(
            Parameter(
                name="rule",
                place="path",
                description="What a reason names (`RS7`), a code (`GSC17`), a place in the questionnaire "
                "(`N1`) or a paragraph (`303.7(d)(9)`).",
                form=_TEXT,
                required=True,
            ),
            _ON,
            _STATE_ASKED,
        ),
        answers={200: Answer(description="What bears the name.", schema="RuleHistory")},
    ),
    Operation(
        id="getPolicyDeadlines",
        method="GET",
        path="/v1/policy/deadlines",
        tag="Policy",
        summary="Ask which duties a received transaction opens, and by when they are due",
        parameters=(
            _needed("for", "The transaction, such as `MSC P GSC17`.", _TEXT),
            _needed("received", "The day of receipt.", _DAY),
            _STATE_ASKED,
        ),
        answers={
            200: Answer(description="The duties.", schema="OpenedDuties", example=examples.OPENED_DUTIES)
        },
    ),
    Operation(
        id="getPolicyDiff",
        method="GET",
        path="/v1/policy/diff",
        tag="Policy",
        summary="List what states something else on one day than on another",
        parameters=(
            _needed("from", "The earlier day.", _DAY),
            _needed("to", "The later day.", _DAY),
            _STATE_ASKED,
        ),
        answers={200: Answer(description="The changes.", schema="PolicyChanges")},
    ),
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
    Operation(
        id="postBatch",
        method="POST",
        path="/v1/exchange/batches",
        tag="Exchange",
        summary="Hand over a file from the exchange",
        description="The receipt is given when the bytes are on disk. The same bytes again change nothing.",
        body="Batch",
        body_media=FLAT,
        answers={
            200: Answer(description="Kept before.", schema="Receipt", example=examples.RECEIPT),
            202: Answer(description="Kept.", schema="Receipt", example=examples.RECEIPT),
        },
    ),
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
        problems=(503,),
    ),
    Operation(
        id="getReadiness",
        method="GET",
        path="/readyz",
        tag="Service",
        summary="Ask whether the gateway can serve: store, disk and keys are as they must be",
        answers={200: Answer(description="It can.", schema="Health", example={"status": "ready"})},
        problems=(503,),
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
        summary="Look at how things stand today: numbers only",
        answers={200: Answer(description="A page for people.", schema="Page", media=HTML)},
    ),
)
"""Everything that can be called, in the order in which the document shows it."""
