"""The command line: one module a noun, imported when its command is asked for."""

from __future__ import annotations

from typing import Any, Final

import click

from csenet.gateway.cli.common import Importing

_PLACES: Final = {
    "Begin here": {
        "serve": "serve:serve",
        "demo": "demo:demo",
        "config": "config:config",
        "status": "status:status",
        "top": "status:top",
        "doctor": "doctor:doctor",
    },
    "Transactions in files": {
        "decode": "decode:decode",
        "encode": "encode:encode",
        "validate": "validate:validate",
        "replay": "replay:replay",
        "generate": "generate:generate",
        "template": "template:template",
    },
    "Federal tables and law": {
        "far": "far:far",
        "layout": "layout:layout",
        "policy": "policy:policy",
    },
    "Cases and their transactions": {
        "submit": "submit:submit",
        "event": "event:event",
        "run": "run:runs",
        "show": "show:show",
        "search": "search:search",
        "export": "export:export",
        "case": "case:case",
        "timeline": "timeline:timeline",
        "diff": "diff:diff",
    },
    "Work and duties": {
        "work": "work:work",
        "duties": "duties:duties",
    },
    "The way in and out": {
        "outbox": "outbox:outbox",
        "delivery": "delivery:delivery",
        "dead": "dead:dead",
        "refused": "refused:refused",
        "parked": "parked:parked",
        "partners": "partners:partners",
        "ledger": "ledger:ledger",
        "jobs": "jobs:jobs",
        "logs": "logs:logs",
        "notify": "notify:notify",
    },
    "People and what they see": {
        "sign-in": "sign_in:sign_in",
        "sign-out": "sign_in:sign_out",
        "people": "people:people",
        "participant": "participant:participant",
        "token": "token:token",
        "audit": "audit:audit",
        "fti": "fti:fti",
    },
    "What is kept": {
        "keys": "keys:keys",
        "archive": "archive:archive",
        "backup": "backup:backup",
        "hold": "hold:hold",
        "purge": "purge:purge",
        "db": "db:db",
    },
    "Measure and rehearse": {
        "bench": "bench:bench",
        "simulate": "simulate:simulate",
    },
}


class _Commands(Importing):
    """Turn failures into exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; a failure that we named ourselves is shown as text, any other by type and place only.

        Texts of libraries may quote what is in the store, and terminals get copied into tickets.
        """
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            click.echo(_told(error), err=True)
            ctx.exit(2)


def _told(error: Exception) -> str:
    """Say what failed."""
    from csenet.gateway.errors import GatewayError

    if isinstance(error, GatewayError):
        return str(error)
    from csenet.gateway.log import failure

    found = failure(error)
    places = "".join(f"\n  at {place}" for place in found["at"])
    return f"csenet: a fault in the program: {found['type']}{places}"


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print the installed version; importlib.metadata is slow to import and rarely needed."""
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"csenet {version('csenet-gateway')}")
    ctx.exit()


@click.group(
    cls=_Commands,
    places=_PLACES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Exchange child support transactions with other states over CSENet.

    Results go to standard output, problems to standard error.  Exit codes: 0 all well, 1 problems found,
    2 the input or the command cannot be used, or there is none of the name or number it gives.
    """
