"""Write a settings file that works, from answers or from options."""

from __future__ import annotations

import json
import os
from pathlib import Path

from csenet.gateway.cli.common import Unusable


def text_of(
    *,
    jurisdiction: str,
    data_dir: str,
    intake: str,
    delivery: str,
    port: int,
    log: str,
    backup: str,
) -> str:
    """Write the settings; ``delivery`` is a folder, or an address of HTTP."""
    parts = [
        "# Written by csenet config init; ops/gateway.toml.example tells everything that may be set.",
        "[gateway]",
        f"jurisdiction = {_quoted(jurisdiction)}",
        f"data_dir = {_quoted(data_dir)}",
        "",
    ]
    if intake:
        parts += ["[intake.folder]", f"path = {_quoted(intake)}", ""]
    if delivery.startswith(("http://", "https://")):
        parts += [
            "# The secret comes from token_file or CSENET_DELIVERY__HTTP__TOKEN, never from this file.",
            "[delivery.http]",
            f"url = {_quoted(delivery)}",
            "",
        ]
    else:
        parts += ["[delivery.folder]", f"path = {_quoted(delivery)}", ""]
    parts += ["[http]", f"port = {port}", ""]
    if log:
        parts += ["[log]", 'format = "json"', f"file = {_quoted(log)}", ""]
    if backup:
        parts += ["[observe]", f"backup_folder = {_quoted(backup)}", ""]
    return "\n".join(parts)


def write(path: Path, text: str, *, force: bool) -> None:
    """Write the file for its owner and group only, and check it; a wrong one is taken away again."""
    from csenet.gateway.errors import SettingsError
    from csenet.gateway.settings.loading import load_settings

    if path.exists() and not force:
        raise Unusable(f"{path}: is there already; --force writes over it")
    trial = path.with_name(f".{path.name}.new")
    with open(trial, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o640)) as file:
        file.write(text)
    try:
        load_settings(trial, {})
        trial.replace(path)
    except SettingsError as error:
        raise Unusable("\n".join(error.problems).replace(str(trial), str(path))) from None
    finally:
        trial.unlink(missing_ok=True)


def _quoted(value: str) -> str:
    """Write a string of TOML, which takes the same escapes as JSON's."""
    return json.dumps(value, ensure_ascii=False)
