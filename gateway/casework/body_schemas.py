"""Describe what may be said in the bodies of requests, as JSON schemas by name."""

from __future__ import annotations

from typing import Final

from csenet.gateway.casework.block_schemas import (
    CASE_ID,
    DATE,
    Schema,
    closed_object,
    reference,
    transaction_properties,
)
from csenet.gateway.casework.case_schemas import case_facts
from csenet.gateway.casework.event_views import event_schema
from csenet.gateway.casework.operations import OUTCOMES
from csenet.gateway.desk.reasons import LONGEST_REASON, SHORTEST_REASON
from csenet.gateway.desk.work_acts import LONGEST_COMMENT
from csenet.handlers.lines import TEXT_WIDTH

_CODE: Final[Schema] = {
    "type": "string",
    "pattern": r"^(LO1|CSI|ENF|MSC|PAT|EST|COL) [RAPMUC] [A-Z0-9]{2,5}$",
}
_REASON: Final[Schema] = {"type": "string", "minLength": SHORTEST_REASON, "maxLength": LONGEST_REASON}


def components() -> dict[str, Schema]:
    """Give the schema of every body by name."""
    return (
        _about_cases()
        | _transactions()
        | _acts_on_work()
        | _acts_of_supervisors()
        | _acts_on_participants()
        | _acts_of_operators()
    )


def _about_cases() -> dict[str, Schema]:
    """Describe what the case system tells of a case."""
    facts = case_facts()
    return {
        "CaseFacts": facts,
        "CaseEvent": event_schema(facts["properties"], DATE, reference("Collection")),
    }


def _transactions() -> dict[str, Schema]:
    """Describe what is to be sent, and files of transactions."""
    return {
        "Transaction": closed_object(
            "A transaction in JSON form. Serial number, dates and our FIPS code are filled in by the "
            "gateway.",
            transaction_properties(),
            required=["header"],
        ),
        "Submission": {"oneOf": [reference("CodeSubmission"), reference("Transaction")]},
        "CodeSubmission": closed_object(
            "Ask for a transaction by its code; the gateway builds its blocks from the facts of the case. "
            "Members given in `header` and `information` win over what it would write.",
            {
                "case_id": CASE_ID,
                "far": _CODE,
                "header": reference("Header"),
                "information": reference("Information"),
            },
            required=["case_id", "far"],
        ),
        "Correction": closed_object(
            "Say what is changed in a transaction that did not get through; without changes it goes as it "
            "is.",
            {"changes": {"type": "object", "description": "Members of the transaction's JSON form."}},
            required=[],
        ),
        "Batch": {
            "type": "string",
            "description": "A file from the exchange, flat, XML or in CMS, byte for byte.",
        },
    }


def _acts_on_work() -> dict[str, Schema]:
    """Describe what can be done with a work item."""
    name: Schema = {"type": "string", "maxLength": 64}
    text: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_COMMENT}
    whose = closed_object(
        "Whose the work is; what is left out stays, an empty text takes it away.",
        {"worker": name, "office": name},
        required=[],
    )
    return {
        "Completion": _completion(),
        "Assignment": whose | {"minProperties": 1},
        "Comment": closed_object("What a person writes.", {"text": text}, required=["text"]),
        "Reassigning": closed_object(
            "What is given out anew; what is left out is false.",
            {"dry_run": {"type": "boolean"}, "by_hand": {"type": "boolean"}},
            required=[],
        ),
        "Reopening": closed_object("Why it is opened again.", {"reason": text}, required=["reason"]),
    }


def _completion() -> Schema:
    return closed_object(
        "Say on which day something was done, today at the latest, or declined where that is a choice. "
        "`case_id` names the case of ours to which a request was put that named none; `text` is what the "
        "other state is told where the answer has a line for it.",
        {
            "on": DATE,
            "outcome": {"type": "string", "enum": list(OUTCOMES), "default": "done"},
            "case_id": CASE_ID,
            "text": {"type": "string", "minLength": 1, "maxLength": TEXT_WIDTH},
        },
        required=["on"],
    )


def _acts_of_supervisors() -> dict[str, Schema]:
    """Describe releases of what is withheld, and holds that keep a case from being purged."""
    return {
        "ReleaseWish": closed_object(
            "Ask that a transaction leave as it is; another person has to approve.",
            {"transaction": reference("Transaction"), "reason": _REASON},
            required=["transaction", "reason"],
        ),
        "ReleaseRefusal": closed_object("Say why it stays.", {"reason": _REASON}, required=["reason"]),
        "HoldReason": closed_object("Say why.", {"reason": _REASON}, required=["reason"]),
    }


def _acts_on_participants() -> dict[str, Schema]:
    """Describe who is let in, and who no more."""
    ended = closed_object(
        "Say what ends: one case, or the whole number.",
        {"case_id": CASE_ID, "whole": {"type": "boolean", "const": True}},
        required=[],
    )
    return {
        "Enrolment": closed_object(
            "Say who of which case is let in.",
            {
                "case_id": CASE_ID,
                "role": {"type": "string", "enum": ["ncp", "cp"]},
                "number": {"type": "string", "minLength": 1, "maxLength": 32},
            },
            required=["case_id", "role"],
        ),
        "Revocation": ended | {"minProperties": 1, "maxProperties": 1},
        "Nothing": closed_object("Nothing is to be said.", {}, required=[]),
    }


def _acts_of_operators() -> dict[str, Schema]:
    """Describe what those say who run the gateway."""
    ids: Schema = {
        "type": "array",
        "minItems": 1,
        "maxItems": 1000,
        "items": {"type": "string", "pattern": "^out-[1-9][0-9]{0,17}$"},
    }
    return {
        "OperatorReason": closed_object(
            "Why an operator does it, for the record; no names or numbers of persons.",
            {"reason": {"type": "string", "minLength": 8, "maxLength": 200}},
            required=["reason"],
        ),
        "Resend": {
            "oneOf": [
                closed_object("Send these again.", {"ids": ids}, required=["ids"]),
                closed_object("Send all again.", {"all": {"const": True}}, required=["all"]),
            ]
        },
    }
