"""List the operations about the way out and the partners behind it."""

from __future__ import annotations

from typing import Final

from csenet.gateway.casework.operation import Answer, Operation, Parameter, query_filter, query_needed

_PARTNER: Final = Parameter(
    name="partner",
    place="path",
    description="`exchange`, or the two-digit FIPS code of a state behind it.",
    form={"type": "string", "pattern": r"^(exchange|\d{2})$"},
    required=True,
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

OPERATIONS: Final = (
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
                {"type": "string", "pattern": r"^\d{2}$"},
            ),
        ),
        answers={200: Answer(description="The word.", schema="ProbeAnswer", example=_PROBED)},
    ),
)
"""What the other end asks."""
