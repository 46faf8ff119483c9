"""Find the settings that are paths, by the types that the sections give them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from csenet.gateway.toml_lines import Key


def paths_in(section: type[BaseModel], key: Key = ()) -> Iterator[Key]:
    """Name each setting of a section, and of those within, that is a path or a table of paths."""
    for name, field in section.model_fields.items():
        kinds = list(_kinds(field.annotation))
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from paths_in(kind, (*key, name))
        if Path in kinds:
            yield (*key, name)


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)
