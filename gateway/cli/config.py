"""csenet config: the settings file."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
)


@click.group(cls=Listing)
def config() -> None:
    """Write and check the settings file."""


@config.command(epilog=example("csenet config check --config gateway.toml"))
@config_option
@click.option("--show", is_flag=True, help="Print every setting as it holds, secrets hidden.")
def check(config: Path, show: bool) -> None:
    """Tell every mistake of the settings at once, with file and line.

    The environment counts as well.  Folders are tried for writing and policy tables are loaded; nothing is
    left behind.  Exit 0 if a gateway could start with it, 2 if not.
    """
    from csenet.gateway.errors import SettingsError
    from csenet.gateway.settings.loading import check_places, load_settings
    from csenet.gateway.wiring import agency_from

    settings = load_settings(config)
    agency_from(settings)
    if show:
        print_json(_without_password(settings.model_dump(mode="json")))
    wrong = check_places(settings)
    if wrong:
        raise SettingsError(f"{config}: {problem}" for problem in wrong)
    click.echo(f"{config}: all settings are usable", err=show)


@config.command("show", epilog=example("csenet config show --config gateway.toml"))
@config_option
@click.option("--set", "only_set", is_flag=True, help="Only what the file or the environment sets.")
@json_option
def show_(config: Path, only_set: bool, as_json: bool) -> None:
    """Show every setting as it holds and where it comes from, secrets hidden."""
    from csenet.gateway.console.settings_page import sections
    from csenet.gateway.settings.loading import load_settings

    settings = load_settings(config)
    rows = [
        row for found in sections(settings).values() for row in found if not only_set or row[2] != "default"
    ]
    names = ("setting", "value", "from")
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table("Settings", names, rows)


def _not_there(ctx: click.Context, _param: click.Parameter, path: Path) -> Path:
    """Refuse to write over a file before anything is asked."""
    if path.exists() and not ctx.params.get("force"):
        raise Unusable(f"{path}: is there already; --force writes over it")
    return path


def _state(value: str) -> str:
    """Take a state by its digits, abbreviation or name; a wrong answer is asked for again."""
    from csenet.codecs import codes

    wanted = value.strip().casefold()
    for fips, each in codes.jurisdictions().items():
        if wanted in (fips, each.abbreviation.casefold(), each.name.casefold()):
            return fips
    raise click.BadParameter(f'"{value}" is no state; write 27, MN or Minnesota')


@config.command(
    epilog=example(
        "csenet config init --config new.toml --jurisdiction 27 --data-dir data --intake in --delivery out"
    )
)
@partial(config_option, callback=_not_there)
@click.option("--force", is_flag=True, is_eager=True, help="Write over a file that is there.")
@click.option(
    "--jurisdiction",
    type=_state,
    metavar="STATE",
    prompt="State, such as 27, MN or Minnesota",
    help="FIPS code, abbreviation or name of the state.",
)
@click.option("--data-dir", prompt="Folder for store and lock", default="data", show_default=True)
@click.option(
    "--intake", prompt="Folder in which the exchange's files arrive", default="in", show_default=True
)
@click.option(
    "--delivery",
    prompt="Folder or https:// address for what leaves",
    default="out",
    show_default=True,
    help="A folder, or an address.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8027, show_default=True, help="On 127.0.0.1.")
@click.option(
    "--log", default="log/gateway.log", show_default=True, help="Log file; empty for standard error."
)
@click.option("--backup", default="", help="Folder of the backups, to be told when the newest is too old.")
def init(config: Path, force: bool, **wanted: Any) -> None:
    """Ask for what a gateway needs, and write settings that work.

    What is given as an option is not asked for.  Relative folders are beside the file.  The result is checked
    before it is written; csenet doctor then looks at everything around it.
    """
    from csenet.gateway.cli import config_init

    config_init.write(config, config_init.text_of(**wanted), force=force)
    click.echo(
        f"wrote {config}; next, each with --config {config}:\n"
        "  csenet db upgrade                            make the store\n"
        "  csenet doctor                                look at everything around it\n"
        "  csenet people add NAME --role administrator  let somebody sign in\n"
        "  csenet serve                                 run it"
    )


def _without_password(shown: dict[str, Any]) -> dict[str, Any]:
    """Hide the password that the store's URL may carry; other secrets hide themselves."""
    url = shown["store"]["url"]
    shown["store"]["url"] = url and re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", url)
    return shown
