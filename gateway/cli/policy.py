"""csenet policy: questions to the tables of law, state profiles and agreements."""

from __future__ import annotations

from typing import Final

import click

from csenet.gateway.cli.common import Importing

_PLACES: Final = {
    "show": "policy_show:show",
    "questions": "policy_questions:questions",
    "explain": "policy_explain:explain",
    "diff": "policy_diff:diff",
    "deadlines": "policy_deadlines:deadlines",
    "lint": "policy_lint:lint",
    "interest": "policy_interest:interest",
    "import": "policy_import:import_",
}


@click.group(cls=Importing, places={"Commands": _PLACES})
def policy() -> None:
    """Ask what the law, a state's profile and the agreements say, and why.

    Every answer comes from a dated row with its citation; what nobody states is shown as not stated.
    """
