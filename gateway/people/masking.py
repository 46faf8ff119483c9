"""Hide who somebody is: mask the JSON of a transaction, of a case's facts, of what was learnt and decided.

Within data blocks the kinds of the fields decide (`csenet.codecs.describe`), beside them the lists of
`personal.toml`.  Both name what is shown, so whatever is added is hidden until somebody thinks of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec

from csenet.codecs import describe
from csenet.gateway.desk.results import CaseView, TransactionDetail

MASK: Final = describe.MASK
"""Stands for what is hidden."""

_BLOCKS: Final = (
    "header",
    "case",
    "ncp_identification",
    "ncp_locate",
    "participants",
    "orders",
    "collections",
    "information",
)


@cache
def shown(part: str) -> frozenset[str]:
    """List the keys of ``facts``, ``state`` or ``decision`` that tell nothing about a person."""
    text = resources.files(__package__).joinpath("personal.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)[part]["shown"])


@cache
def is_personal(block: str, name: str) -> bool:
    """Tell whether a field of a block is hidden; one that nobody knows is."""
    field = describe.field_of(block, name)
    return field is None or describe.is_personal(block, field)


def transaction(blocks: Mapping[str, Any]) -> dict[str, Any]:
    """Mask a transaction; its header names no person and stays."""
    return {name: _block(name, value) if name in _BLOCKS else MASK for name, value in blocks.items()}


def facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Mask the facts of a case."""
    return {
        name: _block(name, value) if name in _BLOCKS else _plain("facts", name, value)
        for name, value in told.items()
    }


def state(learnt: Mapping[str, Any]) -> dict[str, Any]:
    """Mask what the gateway learnt about a case."""
    return {name: _plain("state", name, value) for name, value in learnt.items()}


def decision(decided: Mapping[str, Any]) -> dict[str, Any]:
    """Mask what was decided: replies like transactions, changes of a case like what was learnt."""
    masked = {}
    for name, value in decided.items():
        if name == "replies":
            masked[name] = [{**each, "transaction": transaction(each["transaction"])} for each in value]
        elif name == "case_changes":
            masked[name] = [{**each, "set": state(each.get("set", {}))} for each in value]
        else:
            masked[name] = _plain("decision", name, value)
    return masked


def _plain(part: str, name: str, value: Any) -> Any:
    return value if name in shown(part) else MASK


def _block(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_block(name, each) for each in value]
    if not isinstance(value, Mapping):
        return MASK
    return {key: MASK if is_personal(name, key) else each for key, each in value.items()}


def transaction_view(view: TransactionDetail) -> TransactionDetail:
    """Mask a transaction as the desk shows it."""
    return msgspec.structs.replace(
        view,
        transaction=None if view.transaction is None else transaction(view.transaction),
        decision=None if view.decision is None else decision(view.decision),
    )


def case_view(view: CaseView) -> CaseView:
    """Mask a case as the desk shows it; work items and the timeline's own words carry nothing personal."""
    timeline = [
        msgspec.structs.replace(event, detail={**event.detail, "set": state(event.detail["set"])})
        if isinstance(event.detail.get("set"), dict)
        else event
        for event in view.timeline
    ]
    return msgspec.structs.replace(view, facts=facts(view.facts), state=state(view.state), timeline=timeline)


def personal_fields(blocks: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Name the personal fields that a transaction or facts hold, as ``block.field``, each once, no values."""
    return tuple(dict.fromkeys(_personal(blocks or {})))


def _personal(blocks: Mapping[str, Any]) -> Iterator[str]:
    for name, value in blocks.items():
        if name not in _BLOCKS:
            continue
        for each in value if isinstance(value, list) else [value]:
            yield from (f"{name}.{key}" for key in each if is_personal(name, key))
