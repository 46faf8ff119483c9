"""Say in plain words what is wrong with a setting, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from csenet.gateway.settings.model import Settings
from csenet.gateway.toml_lines import Key

_WORDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "model_type": "must be a section with keys",
    "dict_type": "must be a section with keys",
    "string_too_short": "must not be empty",
}
# Where a setting went that an older file may still have.
_MOVED = {"observe.disk_reserve_mb": "limits.disk_reserve_mb, the one reserve of the disk"}


def explain(item: Any, merged: dict[str, Any]) -> tuple[str, str]:
    """Turn one pydantic error into what is wrong and a hint, in plain words and without the value."""
    kind, location, context = str(item["type"]), plain_key(item["loc"]), item.get("ctx") or {}
    if kind == "extra_forbidden" and ".".join(location) in _MOVED:
        return "unknown key", f"it is now {_MOVED['.'.join(location)]}"
    if kind == "extra_forbidden":
        return "unknown key", did_you_mean(location[-1], _siblings(location[:-1]))
    if kind == "missing":
        return "is missing", _missing_hint(location, merged)
    if kind == "value_error":
        return str(context["error"]), ""
    if kind == "literal_error":
        return f"must be one of {context['expected']}", ""
    if kind == "string_pattern_mismatch":
        return (
            "must be three digits in quotes",
            'the county of the FIPS code; "000" for the state\'s own office',
        )
    if kind in _WORDS:
        return _WORDS[kind], _type_hint(kind, lookup(merged, location))
    bounds = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    if kind in bounds:
        return f"must be {words[bounds[kind]]} {context[bounds[kind]]}", ""
    return str(item["msg"]), ""


def _type_hint(kind: str, value: Any) -> str:
    """Show the quotes that were forgotten around a number."""
    if kind == "string_type" and isinstance(value, int) and not isinstance(value, bool):
        return f'write "{value}"'
    return ""


def _missing_hint(location: Key, merged: dict[str, Any]) -> str:
    """Say where to add a key that has to be there."""
    if len(location) == 1 and location[0] not in merged:
        return f"add a section [{location[0]}]"
    return f"add {location[-1]} = … to [{'.'.join(location[:-1])}]"


def _siblings(section: Key) -> list[str]:
    """List the keys that a section may have."""
    model: Any = Settings
    for part in section:
        field = model.model_fields.get(part)
        model = next(_models(field.annotation), None) if field else None
        if model is None:
            return []
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the section class in an annotation such as ``IntakeFolder | None``."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            yield candidate


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the nearest known word, or all of them."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(sorted(known))}" if known else ""


def lookup(tree: Any, key: Key) -> Any:
    """Look a nested key up; None where the way is blocked."""
    for part in key:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(part)
    return tree


def plain_key(location: tuple[int | str, ...]) -> Key:
    """Turn pydantic's location into a key."""
    return tuple(str(part) for part in location)
