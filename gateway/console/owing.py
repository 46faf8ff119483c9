"""Work out what is owed in a case today under our terms, from the ledger in its facts, which names nobody."""

from __future__ import annotations

from datetime import date
from typing import Any

from csenet.handlers.facts import FactsError, facts_from_json
from csenet.handlers.policy.arrears import account_of
from csenet.handlers.policy.interest import LedgerError
from csenet.handlers.policy.interest_engine import statement
from csenet.handlers.policy.interest_statement import AccountStatement
from csenet.handlers.policy.interest_terms import ledger_terms
from csenet.handlers.policy.rules import NotStated


def owed(facts: dict[str, Any], state: str, today: date) -> tuple[AccountStatement | None, str]:
    """Return the statement, or why there is none; neither where the facts have no ledger."""
    ledger = facts.get("ledger")
    if not ledger:
        return None, ""
    try:
        read = facts_from_json("", {"role": "initiating", "other_fips": "0000000", "ledger": ledger})
        if read.ledger is None:
            return None, ""
        found = statement(account_of(read.ledger), ledger_terms(state), today)
    except (FactsError, LedgerError):
        return None, "The ledger cannot be worked out as it stands."
    return (None, found.why.text) if isinstance(found, NotStated) else (found, "")
