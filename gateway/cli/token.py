"""csenet token: who may call the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from csenet.gateway.cli.common import (
    Listing,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

_ROLES = ("exchange", "casesystem", "operator", "administrator")
_FORMER = ("caseworker", "admin")


class _Role(click.Choice[str]):
    """Take a role by its former name too, and offer the names of today only."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the name as it was typed; raises BadParameter for one that never was a role's."""
        return str(value) if value in _FORMER else super().convert(value, param, ctx)


@click.group(cls=Listing)
def token() -> None:
    """Make, list and revoke the bearer tokens of the API."""


@token.command(
    epilog=example("csenet token create --config gateway.toml --role casesystem --name case-system")
)
@config_option
@click.option(
    "--role",
    "roles",
    type=_Role(_ROLES),
    required=True,
    multiple=True,
    help="What the token may be used for; may be given more than once.",
)
@click.option("--name", help="Who uses it: stands in the audit trail; made from role and time if left out.")
def create(config: Path, roles: tuple[str, ...], name: str | None) -> None:
    """Make a token and print its secret, once.

    Only a hash of it is kept: store it where the caller finds it, and nobody else.
    """
    from csenet.gateway.people import tokens

    now = datetime.now(UTC)
    chosen = name or f"{roles[0]}-{now:%Y%m%dT%H%M%S%f}"
    click.echo(run(_write(config, lambda conn: tokens.create(conn, chosen, roles, now))))


@token.command("list", epilog=example("csenet token list --config gateway.toml"))
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """List the tokens, revoked ones included; never their secrets."""
    from csenet.gateway.people import tokens

    found = run(_write(config, tokens.list_tokens))
    if as_json:
        print_json(found)
        return
    rows = [
        (each.id, each.name, " ".join(sorted(each.roles)), each.created_at, each.revoked_at or "")
        for each in found
    ]
    print_table("Tokens", ["id", "name", "roles", "created", "revoked"], rows)


@token.command(epilog=example("csenet token revoke case-system --config gateway.toml"))
@click.argument("name")
@config_option
def revoke(name: str, config: Path) -> None:
    """End the validity of the token called NAME, at once."""
    from csenet.gateway.people import tokens

    if not run(_write(config, lambda conn: tokens.revoke(conn, name, datetime.now(UTC)))):
        raise Unusable("no valid token has this name; see csenet token list")
    click.echo(f"{name}: revoked", err=True)


async def _write(config: Path, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do something to the tokens of a store in one commit."""
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import open_tokens

    async with open_tokens(load_settings(config)) as conn:
        return await work(conn)
