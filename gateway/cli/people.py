"""csenet people: accounts of the people who use the console and the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
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
    from csenet.gateway.people.accounts import Accounts

T = TypeVar("T")

_ROLES = ("viewer", "caseworker", "operator", "supervisor", "auditor", "administrator")
_role_option = click.option(
    "--role",
    "roles",
    type=click.Choice(_ROLES),
    required=True,
    multiple=True,
    help="May be given repeatedly.",
)


@click.group(cls=Listing)
def people() -> None:
    """Add, disable and reset accounts of people; see and end their sign-ins."""


@people.command(epilog=example("csenet people add ada --role administrator --config gateway.toml"))
@click.argument("name")
@_role_option
@click.option("--office", "offices", multiple=True, help="Whose cases they may see; may be repeated.")
@config_option
def add(name: str, roles: tuple[str, ...], offices: tuple[str, ...], config: Path) -> None:
    """Make an account called NAME and print its first password, once.

    It is good for one sign-in within a day, at which NAME chooses a password of their own.
    """
    from csenet.gateway.cli.acting import actor

    click.echo(run(_at(config, lambda each: each.add(name, roles, offices, actor=actor()))))


@people.command("list", epilog=example("csenet people list --config gateway.toml"))
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """List the accounts, disabled ones too; never anything secret."""
    found = run(_at(config, lambda each: each.list()))
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each.name,
            ", ".join(sorted(each.roles)),
            ", ".join(sorted(each.offices)),
            "yes" if each.has_codes else "no",
            _state(each),
            each.signed_in_at,
        )
        for each in found
    ]
    print_table("Accounts", ["name", "roles", "offices", "codes", "state", "signed in"], rows)


def _state(account: Any) -> str:
    """Say in a word whether somebody can sign in."""
    if account.disabled_at:
        return "disabled"
    locked: datetime | None = account.locked_until
    if locked is not None and locked > datetime.now(locked.tzinfo):
        return "locked"
    return "active" if account.signed_in_at else "new"


@people.command(
    epilog=example("csenet people roles ada --role supervisor --role caseworker --config gateway.toml")
)
@click.argument("name")
@_role_option
@click.option("--office", "offices", multiple=True, help="Replaces the offices; left out, they stay.")
@config_option
def roles(name: str, roles: tuple[str, ...], offices: tuple[str, ...], config: Path) -> None:
    """Set the roles of NAME, effective at once, for those who are signed in too."""
    from csenet.gateway.cli.acting import actor

    run(_at(config, lambda each: each.give(name, roles, offices or None, actor=actor())))
    click.echo(f"{name}: {', '.join(sorted(roles))}", err=True)


@people.command(epilog=example("csenet people disable ada --config gateway.toml"))
@click.argument("name")
@config_option
def disable(name: str, config: Path) -> None:
    """Let NAME in no more, and end their sign-ins at once."""
    from csenet.gateway.cli.acting import actor

    run(_at(config, lambda each: each.disable(name, actor=actor())))
    click.echo(f"{name}: disabled", err=True)


@people.command(epilog=example("csenet people enable ada --config gateway.toml"))
@click.argument("name")
@config_option
def enable(name: str, config: Path) -> None:
    """Let NAME in again, with the password and codes they had; also takes a lock off."""
    from csenet.gateway.cli.acting import actor

    run(_at(config, lambda each: each.enable(name, actor=actor())))
    click.echo(f"{name}: enabled", err=True)


@people.command(epilog=example("csenet people reset ada --config gateway.toml"))
@click.argument("name")
@config_option
def reset(name: str, config: Path) -> None:
    """Print a new first password for NAME, once; forget their codes and end their sign-ins."""
    from csenet.gateway.cli.acting import actor

    click.echo(run(_at(config, lambda each: each.reset(name, actor=actor()))))


@people.command(epilog=example("csenet people sessions --config gateway.toml"))
@config_option
@json_option
def sessions(config: Path, as_json: bool) -> None:
    """List who is signed in, from where and since when."""
    found = run(_at(config, lambda each: each.sessions()))
    if as_json:
        print_json(found)
        return
    rows = [
        (each.id, each.name, each.way, each.stage, each.source, each.begun_at, each.seen_at) for each in found
    ]
    print_table("Sign-ins", ["id", "name", "by", "step", "from", "begun", "last seen"], rows)


@people.command(epilog=example("csenet people revoke ada --config gateway.toml"))
@click.argument("name", required=False)
@click.option("--id", "number", type=int, help="Only this one, by the ID that csenet people sessions shows.")
@config_option
def revoke(name: str | None, number: int | None, config: Path) -> None:
    """End all sign-ins of NAME, or one of them, at once."""
    from csenet.gateway.cli.acting import actor

    if (name is None) == (number is None):
        raise Unusable("give the name of an account, or --id")
    count = run(_at(config, lambda each: each.revoke(name=name, number=number, actor=actor())))
    click.echo(f"{count} ended")


async def _at(config: Path, work: Callable[[Accounts], Awaitable[T]]) -> T:
    """Do something to the accounts of a store, made if need be: accounts come before a start."""
    from csenet.gateway.clock import SystemClock
    from csenet.gateway.people.accounts import Accounts
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import agency_from, open_bare

    settings = load_settings(config)
    async with open_bare(settings) as store:
        return await work(Accounts(store, SystemClock(agency_from(settings).zone), settings.people))
