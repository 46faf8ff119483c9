"""csenet policy: questions to the tables of law, state profiles and agreements."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Final

import click

from csenet.gateway.cli.common import Listing

SUBCOMMANDS: Final = {
    "show": "policy_show:show",
    "explain": "policy_explain:explain",
    "diff": "policy_diff:diff",
    "deadlines": "policy_deadlines:deadlines",
    "lint": "policy_lint:lint",
    "interest": "policy_interest:interest",
    "import": "policy_import:import_",
}


class _Subcommands(Listing):
    """Import a subcommand's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the subcommands in the order in which a reader needs them."""
        return [name for name in SUBCOMMANDS if _exists(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in SUBCOMMANDS or not _exists(cmd_name):
            return None
        module, _, attribute = SUBCOMMANDS[cmd_name].partition(":")
        package = __name__.rpartition(".")[0]
        found: click.Command = getattr(importlib.import_module(f"{package}.{module}"), attribute)
        return found


def _exists(name: str) -> bool:
    """Say whether a subcommand's module is installed."""
    package = __name__.rpartition(".")[0]
    return importlib.util.find_spec(f"{package}.{SUBCOMMANDS[name].partition(':')[0]}") is not None


@click.group(cls=_Subcommands)
def policy() -> None:
    """Ask what the law, a state's profile and the agreements say, and why.

    Every answer comes from a dated row with its citation; what nobody states is shown as not stated.
    """
