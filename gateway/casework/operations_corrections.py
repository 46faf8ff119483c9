"""List the operation by which what did not get through is corrected and sent again."""

from __future__ import annotations

from typing import Final

from csenet.gateway.casework import examples
from csenet.gateway.casework.operation import IDEMPOTENCY_KEY, OUTBOUND_ID, Answer, Operation

OPERATIONS: Final = (
    Operation(
        id="correctTransaction",
        method="POST",
        path="/v1/transactions/{transaction_id}/correct",
        tag="Transactions",
        summary="Correct what the exchange refused or the other state rejected, and send it again",
        description=(
            "What the exchange refused goes again under its own serial number, for 180 days; what it was "
            "before is kept. What the other state rejected for its case ID goes as a new transaction. "
            "Objects in `changes` are merged into the transaction, lists and values replace what is there, "
            "null removes it. The same correction again changes nothing."
        ),
        parameters=(OUTBOUND_ID, IDEMPOTENCY_KEY),
        body="Correction",
        body_examples={"another county": {"changes": {"header": {"other_fips_county": "173"}}}},
        answers={
            202: Answer(description="Queued, durably.", schema="SubmitResult", example=examples.SUBMITTED)
        },
        problems=(404, 409),
    ),
)
