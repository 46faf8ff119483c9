"""csenet sign-in, csenet sign-out: say who types the commands that follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from csenet.gateway.cli.common import Refused, config_option, example, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from csenet.gateway.people.signing import Signing

T = TypeVar("T")


@click.command("sign-in", epilog=example("csenet sign-in ada --config gateway.toml"))
@click.argument("name")
@config_option
def sign_in(name: str, config: Path) -> None:
    """Sign in as NAME for the commands that follow, where people.command_line is "accounts".

    Password and one-time code are asked for, or read from a pipe.  The sign-in ends as one in a browser does
    ([people] idle, longest), with csenet sign-out, or when an administrator ends it.  A file that only you
    can read keeps it (CSENET_SIGNED_IN says where).  First passwords and codes are set up in a browser.
    """
    from csenet.gateway.cli.acting import caller, keep_secret
    from csenet.gateway.people.signing import CODE, FULL, Entry, SignInRefused

    where = caller()

    def asked(entry: Entry) -> Entry:
        code: str = click.prompt("One-time code", err=True)
        return run(_with(config, lambda signing: signing.code(entry, code, where)))

    password: str = click.prompt("Password", hide_input=True, err=True)
    try:
        entry = run(_with(config, lambda signing: signing.password(name, password, where)))
        if entry.stage == CODE:
            entry = asked(entry)
    except SignInRefused as error:
        raise Refused(str(error)) from None
    if entry.stage != FULL:
        raise Refused("choose a password of your own and set up your codes in a browser first")
    keep_secret(entry.secret)
    click.echo(f"signed in as {entry.account.name}", err=True)


@click.command("sign-out", epilog=example("csenet sign-out --config gateway.toml"))
@config_option
def sign_out(config: Path) -> None:
    """End the sign-in of this command line; without one, nothing happens."""
    from csenet.gateway.cli.acting import caller, kept_secret, secret_file

    where = caller()

    async def out(signing: Signing) -> None:
        entry = await signing.find(kept_secret())
        if entry is not None:
            await signing.out(entry, where)

    run(_with(config, out))
    secret_file().unlink(missing_ok=True)


async def _with(config: Path, work: Callable[[Signing], Awaitable[T]]) -> T:
    from csenet.gateway.clock import SystemClock
    from csenet.gateway.people.signing import Signing
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import agency_from, open_bare

    settings = load_settings(config)
    async with open_bare(settings) as store:
        return await work(Signing(store, SystemClock(agency_from(settings).zone), settings.people))
