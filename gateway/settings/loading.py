"""Read gateway.toml and CSENET_… variables into checked settings, or report every mistake at once.

An environment variable overrides the file: ``CSENET_`` + section + ``__`` + key, as in
``CSENET_HTTP__PORT=9000``.  Paths are relative to the folder of the settings file, wherever they come from.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as UnreadableEnvironment

from csenet.gateway.errors import SettingsError
from csenet.gateway.settings.model import (
    ENV_DELIMITER,
    ENV_PREFIX,
    DeliveryFolder,
    DeliveryHttp,
    DeliverySection,
    GatewaySection,
    HttpSection,
    IntakeFolder,
    IntakeSection,
    LogSection,
    PolicySection,
    Settings,
    StoreSection,
)
from csenet.gateway.settings.paths import paths_in
from csenet.gateway.settings.words import did_you_mean, explain, lookup, plain_key
from csenet.gateway.toml_lines import Key, key_lines, syntax_line

__all__ = [
    "DeliveryFolder",
    "DeliveryHttp",
    "DeliverySection",
    "GatewaySection",
    "HttpSection",
    "IntakeFolder",
    "IntakeSection",
    "LogSection",
    "PolicySection",
    "Settings",
    "StoreSection",
    "check_places",
    "load_settings",
]

_PATHS: tuple[Key, ...] = tuple(paths_in(Settings))
_FOLDERS: tuple[Key, ...] = (
    ("gateway", "data_dir"),
    ("intake", "folder", "path"),
    ("intake", "folder", "archive"),
    ("delivery", "folder", "path"),
)


def load_settings(path: str | Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read one settings file and the environment.

    Raises :class:`SettingsError` with every mistake: ``file:line: key: what is wrong; hint``.
    """
    file = Path(path)
    text = _read(file)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, what = syntax_line(str(error), text)
        raise SettingsError([f"{file}:{line}: not valid TOML: {what}"]) from None
    return _Loader(file, key_lines(text), tree, os.environ if environ is None else environ).load()


def _read(file: Path) -> str:
    """Read the text, with a plain sentence for each way in which that fails."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise SettingsError(
            [f"{file}: no such file; name one with --config or CSENET_CONFIG (csenet config init writes one)"]
        ) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file}: is not UTF-8 text"]) from None
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None


class _Loader:
    """Collect the mistakes of one file and one environment, each with its place."""

    def __init__(
        self, file: Path, lines: Mapping[Key, int], tree: dict[str, Any], environ: Mapping[str, str]
    ) -> None:
        """Prepare; nothing is read besides what is given."""
        self._file = file
        self._base = file.resolve().parent
        self._lines = lines
        self._tree = tree
        self._variables = {k.upper(): v for k, v in environ.items() if k.upper().startswith(ENV_PREFIX) and v}
        self._found: list[tuple[int, str]] = []

    def load(self) -> Settings:
        """Merge, check and build; raise once, for everything."""
        self._check_secret_place()
        self._check_variables()
        merged = _merge(self._tree, self._from_environment())
        for key in _PATHS:
            _resolve(merged, key, self._base)
        settings: Settings | None = None
        try:
            settings = Settings(**merged)
        except ValidationError as error:
            for item in error.errors(include_url=False, include_context=True):
                self._add(plain_key(item["loc"]), *explain(item, merged))
        self._check_switches(merged)
        self._check_delivery(merged)
        self._check_folders(merged)
        if self._found or settings is None:
            raise SettingsError(text for _, text in sorted(self._found, key=lambda pair: pair[0]))
        settings._origins.update(self._origins())
        return settings

    def _origins(self) -> dict[str, str]:
        """Say where each key that was written came from; the environment's wins."""
        found = {".".join(key): f"{self._file.name}, line {line}" for key, line in self._lines.items()}
        for name in self._variables:
            key = name[len(ENV_PREFIX) :].lower().split(ENV_DELIMITER)
            found[".".join(key)] = f"environment, {name}"
        return found

    def _from_environment(self) -> dict[str, Any]:
        """Read the variables of known sections into a tree."""
        source = EnvSettingsSource(Settings)
        source.env_vars = {name.lower(): value for name, value in self._variables.items()}
        try:
            return source()
        except UnreadableEnvironment as error:
            self._found.append((0, f"environment: {error}"))
            return {}

    def _check_secret_place(self) -> None:
        """Refuse a secret that was written into the settings file."""
        http = lookup(self._tree, ("delivery", "http"))
        if isinstance(http, dict) and "token" in http:
            hint = "use token_file, or the variable CSENET_DELIVERY__HTTP__TOKEN"
            self._add(("delivery", "http", "token"), "a secret must not stand in the settings file", hint)
            del http["token"]

    def _check_variables(self) -> None:
        """Refuse a nested variable whose section does not exist; pydantic would pass it over in silence."""
        for name in self._variables:
            section, delimiter, _ = name[len(ENV_PREFIX) :].lower().partition(ENV_DELIMITER)
            if delimiter and section not in Settings.model_fields:
                hint = did_you_mean(section, Settings.model_fields)
                self._found.append((0, _sentence(f"environment variable {name}", "unknown section", hint)))

    def _check_switches(self, merged: dict[str, Any]) -> None:
        """Refuse a switch that no question of the profiles knows."""
        given = lookup(merged, ("policy", "switches"))
        if isinstance(given, dict) and given:
            from csenet.handlers.policy.profile import questions

            known = [name for name, question in questions().items() if question.switch]
            for name in given:
                if name not in known:
                    self._add(("policy", "switches", str(name)), "unknown switch", did_you_mean(name, known))

    def _check_delivery(self, merged: dict[str, Any]) -> None:
        """Demand exactly one way out."""
        delivery = merged.get("delivery")
        if not isinstance(delivery, dict):
            return
        ways = [way for way in ("folder", "http", "sftp") if delivery.get(way) is not None]
        if not ways:
            hint = "add [delivery.folder] path, [delivery.http] url or [delivery.sftp] host"
            self._add(("delivery",), "no way out", hint)
        for way in ways[1:]:
            self._add(("delivery", way), f"a second way out besides [delivery.{ways[0]}]", "keep one of them")

    def _check_folders(self, merged: dict[str, Any]) -> None:
        """Refuse folders that cannot become folders, and an intake that would read our own output."""
        data_dir = lookup(merged, _FOLDERS[0])
        for key in _FOLDERS:
            value = lookup(merged, key)
            if isinstance(value, Path) and (what := _why_no_folder(value, self._base, data_dir)):
                self._add(key, what, "folders are created only inside data_dir and beside the settings file")
        inward, outward = lookup(merged, _FOLDERS[1]), lookup(merged, _FOLDERS[3])
        if isinstance(inward, Path) and inward == outward:
            self._add(_FOLDERS[3], "is the intake folder as well", "the gateway would read its own files")

    def _add(self, key: Key, what: str, hint: str = "") -> None:
        """Note one mistake at the place where it was written."""
        variable = self._variable(key)
        if variable:
            self._found.append((0, _sentence(f"environment variable {variable}", what, hint)))
            return
        line = next((self._lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._lines), 1)
        self._found.append((line, _sentence(f"{self._file}:{line}: {'.'.join(key)}", what, hint)))

    def _variable(self, key: Key) -> str:
        """Name the variable that set a key, or nothing."""
        for n in range(len(key), 0, -1):
            name = (ENV_PREFIX + ENV_DELIMITER.join(key[:n])).upper()
            if name in self._variables:
                return name
        return ""


def _sentence(place: str, what: str, hint: str) -> str:
    """Put place, mistake and hint into one line."""
    return f"{place}: {what}; {hint}" if hint else f"{place}: {what}"


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree over another without changing either."""
    merged = {key: _merge(value, {}) if isinstance(value, dict) else value for key, value in base.items()}
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _resolve(tree: dict[str, Any], key: Key, base: Path) -> None:
    """Make a path, or a table of them, absolute in place; what is no text the type check reports."""
    parent = lookup(tree, key[:-1])
    value = parent.get(key[-1]) if isinstance(parent, dict) else None
    if isinstance(value, dict):
        for name in value:
            _resolve(value, (name,), base)
    elif isinstance(parent, dict) and isinstance(value, str) and value:
        parent[key[-1]] = Path(os.path.normpath(base / Path(value).expanduser()))


def _why_no_folder(path: Path, base: Path, data_dir: Any) -> str:
    """Say why a path cannot be used as a folder; empty if it can, or can be made."""
    if path.is_dir():
        return ""
    if path.exists():
        return f"{path} is not a folder"
    ours = [base, *([data_dir] if isinstance(data_dir, Path) and path != data_dir else [])]
    if path.parent.is_dir() or any(path.is_relative_to(folder) for folder in ours):
        return ""
    return f"the folder {path.parent} does not exist"


def check_places(settings: Settings) -> list[str]:
    """Try whether the folders the gateway writes to can be written; give a sentence for each that cannot.

    An existing folder gets a temporary file for an instant; for one still to be made its nearest existing
    ancestor is asked.  Nothing is left behind.
    """
    named = {"gateway.data_dir": settings.gateway.data_dir}
    if settings.intake.folder:
        named["intake.folder.path"] = settings.intake.folder.path
    if settings.delivery.folder:
        named["delivery.folder.path"] = settings.delivery.folder.path
    if settings.log.file:
        named["log.file"] = settings.log.file.parent
    return [f"{key}: {path} cannot be written" for key, path in named.items() if not _writable(path)]


def _writable(path: Path) -> bool:
    """Try to write into a folder, or ask the folder that would hold it."""
    if not path.exists():
        nearest = next((parent for parent in path.parents if parent.exists()), None)
        return nearest is not None and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False
