"""csenet config: the settings file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import Listing, config_option, example, print_json


@click.group(cls=Listing)
def config() -> None:
    """Check the settings file."""


@config.command(epilog=example("csenet config check --config gateway.toml"))
@config_option
@click.option("--show", is_flag=True, help="Print every setting as it holds, secrets hidden.")
def check(config: Path, show: bool) -> None:
    """Tell every mistake of the settings at once, with file and line.

    The environment counts as well.  Folders are tried for writing and policy tables are loaded; nothing is
    left behind.  Exit 0 if a gateway could start with it, 2 if not.
    """
    from csenet.gateway.errors import SettingsError
    from csenet.gateway.settings import check_places, load_settings
    from csenet.gateway.wiring import agency_from

    settings = load_settings(config)
    agency_from(settings)
    if show:
        print_json(_without_password(settings.model_dump(mode="json")))
    wrong = check_places(settings)
    if wrong:
        raise SettingsError(f"{config}: {problem}" for problem in wrong)
    click.echo(f"{config}: all settings are usable", err=show)


def _without_password(shown: dict[str, Any]) -> dict[str, Any]:
    """Hide the password that the store's URL may carry; other secrets hide themselves."""
    url = shown["store"]["url"]
    shown["store"]["url"] = url and re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", url)
    return shown
