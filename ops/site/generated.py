"""Write the reference pages that follow from code: commands, settings, the API."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from csenet.gateway.casework.operations import OPERATIONS, Operation
from csenet.gateway.cli import main
from csenet.gateway.settings.model import Settings

SAMPLE = Path(__file__).parents[1] / "gateway.toml.example"

_HEADING = re.compile(r"(?:# )?\[([a-z_.]+)\]\s*$")
_SETTING = re.compile(r"(?:# )?(\w+) = .*?\s{2,}# (.*)")
_MORE = re.compile(r"#?\s{12,}# ?(.*)")


def write_pages(folder: Path) -> None:
    """Write every page into the folder; a page that would not change is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"commands.md": commands(), "settings.md": settings(), "api.md": api()}
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def commands() -> str:
    """Show the help of every command as a terminal of a hundred columns shows it."""
    told = ["# Commands", "", "Each page of help as `csenet COMMAND --help` prints it.", ""]
    for path, command, context in _walk(main, click.Context(main, info_name="csenet")):
        level = "##" if len(path) < 3 else "###"
        told += [f"{level} {' '.join(path)}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(told)


def _walk(
    command: click.Command, context: click.Context
) -> Iterator[tuple[list[str], click.Command, click.Context]]:
    context.terminal_width = context.max_content_width = 100
    yield context.command_path.split(), command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _walk(found, click.Context(found, info_name=name, parent=context))


def settings() -> str:
    """List every key of the settings file with its default, and what the sample says of it."""
    meanings = _meanings(SAMPLE.read_text().splitlines())
    told = [
        "# Settings",
        "",
        "Every key that `gateway.toml` may hold; [the sample](../../gateway.toml.example) is a whole file to "
        "start from. The environment wins over the file: `CSENET_HTTP__PORT` sets `port` of `[http]`.",
        "",
    ]
    for section, model in _sections("", Settings):
        keys = {
            name: field for name, field in model.model_fields.items() if _model_of(field.annotation) is None
        }
        told += [f"## [{section}]", "", *_about(model)]
        if keys:
            told += ["| key | default | meaning |", "|:---|:---|:---|"]
        for name, field in keys.items():
            default = _default(field.get_default(call_default_factory=True))
            told.append(f"| `{name}` | {default} | {meanings.get((section, name), '')} |")
        told.append("")
    return "\n".join(told)


def _meanings(lines: Iterable[str]) -> dict[tuple[str, str], str]:
    """Take what the sample says behind each key, with the lines that carry it on."""
    found: dict[tuple[str, str], str] = {}
    section, key = "", ""
    for line in lines:
        if heading := _HEADING.match(line):
            section, key = heading[1], ""
        elif setting := _SETTING.match(line):
            key = setting[1]
            found[section, key] = setting[2].strip()
        elif key and (more := _MORE.match(line)):
            found[section, key] += f" {more[1].strip()}"
        else:
            key = ""
    return found


def _sections(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        inner = _model_of(field.annotation)
        if inner is not None:
            where = f"{path}.{name}" if path else name
            yield where, inner
            yield from _sections(where, inner)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Find the section that a key opens, also where it may be left out."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    parts = getattr(annotation, "__args__", ()) if "Union" in type(annotation).__name__ else ()
    return next((found for part in parts if (found := _model_of(part)) is not None), None)


def _about(model: type[BaseModel]) -> list[str]:
    about = inspect.getdoc(model)
    return [about.replace("``", "`"), ""] if about else []


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "needed"
    return "–" if value is None else f"`{value}`"


def api() -> str:
    """List every operation of the HTTP interface by its tag."""
    told = [
        "# HTTP API",
        "",
        "A running gateway describes all of this, schemas and examples included, at `/v1/openapi.json`. "
        "Errors are problem documents (RFC 9457).",
        "",
    ]
    for tag in dict.fromkeys(operation.tag for operation in OPERATIONS):
        told += [f"## {tag}", ""]
        for operation in OPERATIONS:
            if operation.tag == tag:
                told += _operation(operation)
    return "\n".join(told)


def _operation(operation: Operation) -> list[str]:
    told = [f"### {operation.method} {operation.path}", "", f"{operation.summary}.", ""]
    if operation.description:
        told += [operation.description, ""]
    for each in operation.parameters:
        needed = ", needed" if each.required else ""
        told.append(f"* `{each.name}` ({each.place}{needed}): {each.description}")
    told += [
        "",
        *(f"* **{status}** {answer.description}" for status, answer in operation.answers.items()),
        "",
    ]
    return told
