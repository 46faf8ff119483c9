"""The command line: one module a noun, imported when its command is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

import click

from csenet.gateway.cli.common import Listing

COMMANDS: Final = {
    "serve": "serve:serve",
    "demo": "demo:demo",
    "decode": "decode:decode",
    "encode": "encode:encode",
    "validate": "validate:validate",
    "replay": "replay:replay",
    "policy": "policy:policy",
    "submit": "submit:submit",
    "event": "event:event",
    "run": "run:runs",
    "show": "show:show",
    "far": "far:far",
    "layout": "layout:layout",
    "template": "template:template",
    "generate": "generate:generate",
    "bench": "bench:bench",
    "simulate": "simulate:simulate",
    "status": "status:status",
    "top": "status:top",
    "search": "search:search",
    "timeline": "timeline:timeline",
    "diff": "diff:diff",
    "logs": "logs:logs",
    "doctor": "doctor:doctor",
    "outbox": "outbox:outbox",
    "delivery": "delivery:delivery",
    "dead": "dead:dead",
    "refused": "refused:refused",
    "work": "work:work",
    "duties": "duties:duties",
    "parked": "parked:parked",
    "ledger": "ledger:ledger",
    "jobs": "jobs:jobs",
    "notify": "notify:notify",
    "partners": "partners:partners",
    "audit": "audit:audit",
    "sign-in": "sign_in:sign_in",
    "sign-out": "sign_in:sign_out",
    "fti": "fti:fti",
    "people": "people:people",
    "participant": "participant:participant",
    "token": "token:token",
    "keys": "keys:keys",
    "archive": "archive:archive",
    "backup": "backup:backup",
    "hold": "hold:hold",
    "purge": "purge:purge",
    "config": "config:config",
    "db": "db:db",
}


class Commands(Listing):
    """Import a command's module only when it is needed, and turn our own failures into exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which a reader needs them."""
        return [name for name in COMMANDS if _exists(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS or not _exists(cmd_name):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        return found

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


def _exists(name: str) -> bool:
    """Say whether a command's module is installed."""
    module = COMMANDS[name].partition(":")[0]
    return importlib.util.find_spec(f"{__name__}.{module}") is not None


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print the installed version; importlib.metadata is slow to import and rarely needed."""
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"csenet {version('csenet-gateway')}")
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
    2 the input or the command cannot be used.
    """
