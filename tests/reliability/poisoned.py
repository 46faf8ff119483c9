"""The gateway's own command with a handler that fails on the cases that CSENET_PROOF_POISON names."""

import os

from csenet.codecs.transaction import Transaction
from csenet.gateway.cli import main
from csenet.handlers import router
from csenet.handlers.context import Context
from csenet.handlers.decision import Decision

POISONED = frozenset(os.environ["CSENET_PROOF_POISON"].split())
dispatch = router.dispatch


def failing(tx: Transaction, context: Context) -> Decision:
    """Fail where the case is poisoned."""
    if tx.header.case_id in POISONED:
        raise RuntimeError("a handler's mistake")
    return dispatch(tx, context)


router.dispatch = failing
main()
