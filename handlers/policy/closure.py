"""Answer questions about closing interstate cases: the map of codes and grounds, and the plan for one case.

`closure_map` holds the rows, `closure_plan` works out the steps with their dates.
"""

from csenet.handlers.policy.closure_map import (
    Consequence,
    Criterion,
    RoleName,
    UnknownClosureError,
    closure,
    closures,
    criteria,
    criterion_of,
    load_criteria,
    without_code,
)
from csenet.handlers.policy.closure_plan import ClosingFacts, Plan, PlanError, Step, plan

__all__ = [
    "ClosingFacts",
    "Consequence",
    "Criterion",
    "Plan",
    "PlanError",
    "RoleName",
    "Step",
    "UnknownClosureError",
    "closure",
    "closures",
    "criteria",
    "criterion_of",
    "load_criteria",
    "plan",
    "without_code",
]
