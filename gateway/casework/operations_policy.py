"""List the operations that tell what law, profiles and agreements say."""

from __future__ import annotations

from typing import Final

from csenet.gateway.casework import examples
from csenet.gateway.casework.operation import (
    DAY_FORM,
    WORD_FORM,
    Answer,
    Operation,
    path_part,
    query_filter,
    query_needed,
)

_ON: Final = query_needed("on", "The day asked about.", DAY_FORM)
_STATE_ASKED: Final = query_filter(
    "state",
    "Whose profile and working days count, by abbreviation or two-digit FIPS code; our own if left out.",
    {"type": "string", "pattern": r"^([A-Za-z]{2}|\d{2})$"},
)
OPERATIONS: Final = (
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
            path_part(
                "rule",
                "What a reason names (`RS7`), a code (`GSC17`), a place in the questionnaire (`N1`) or a "
                "paragraph (`303.7(d)(9)`).",
                WORD_FORM,
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
            query_needed("for", "The transaction, such as `MSC P GSC17`.", WORD_FORM),
            query_needed("received", "The day of receipt.", DAY_FORM),
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
            query_needed("from", "The earlier day.", DAY_FORM),
            query_needed("to", "The later day.", DAY_FORM),
            _STATE_ASKED,
        ),
        answers={200: Answer(description="The changes.", schema="PolicyChanges")},
    ),
)
