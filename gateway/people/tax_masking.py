"""Hide federal tax information: whole blocks of a transaction, offsets of a case, the source of a work item.

That money came out of a federal tax refund is federal tax information already, so nothing of a marked block
stays: neither the amount nor the source nor the days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, cast

import msgspec

from csenet.gateway.desk.results import CaseView, Page, TransactionDetail, WorkItemView
from csenet.gateway.people.masking import MASK
from csenet.handlers.policy.disclosure_review import marked_blocks, may_hold_tax_information

T = TypeVar("T")

MARK: Final = "federal_tax_information"
_OFFSETS: Final = "offsets"
_ITEM: Final = ("sources", MARK)


def blocks_of(transaction: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Name the blocks of a transaction's JSON form that hold federal tax information."""
    if not transaction:
        return ()
    header = transaction.get("header", {})
    parts = (header.get("functional_type_code"), header.get("action_code"), header.get("action_reason"))
    far = " ".join(str(each or "BLANK") for each in parts)
    if not may_hold_tax_information(far):
        return ()
    held = {
        name: [_coded(each) for each in (value if isinstance(value, list) else [value])]
        for name, value in transaction.items()
    }
    return marked_blocks(far, held)


def _coded(entry: Any) -> dict[str, str | None]:
    """Give what a rule may ask about; a masked value is as good as none, so that it counts as marked."""
    if not isinstance(entry, Mapping):
        return {}
    return {name: value for name, value in entry.items() if isinstance(value, str) and value != MASK}


def fields(found: Any) -> tuple[str, ...]:
    """Name what of something that is shown is federal tax information; nothing where there is none."""
    return tuple(dict.fromkeys(_fields(found)))


def _fields(found: Any) -> Iterator[str]:
    if isinstance(found, tuple):
        for each in found:
            yield from _fields(each)
    elif isinstance(found, TransactionDetail):
        yield from _of_transaction(found.transaction)
        yield from _of_value("decision", found.decision)
    elif isinstance(found, CaseView):
        yield from _of_value("state", found.state)
        for event in found.timeline:
            yield from _of_value("timeline", event.detail)
        for item in found.work_items:
            yield from _fields(item)
    elif isinstance(found, WorkItemView):
        yield from (f"work.{name}" for name in _ITEM if found.details.get(MARK) == "yes")
    elif isinstance(found, Mapping):
        yield from _of_transaction(found)


def _of_transaction(transaction: Mapping[str, Any] | None) -> Iterator[str]:
    for name in blocks_of(transaction):
        value = (transaction or {}).get(name)
        for entry in value if isinstance(value, list) else [value]:
            yield from (f"{name}.{key}" for key in entry or ())


def _of_value(place: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if value.get(MARK) is True:
            yield from (f"{place}.{_OFFSETS}.{name}" for name in value)
        for each in value.values():
            yield from _of_value(place, each)
    elif isinstance(value, list):
        for each in value:
            yield from _of_value(place, each)


def hidden(found: T) -> T:
    """Give the same without federal tax information."""
    return cast("T", _hidden(found))


def _hidden(found: Any) -> Any:
    if isinstance(found, tuple):
        return tuple(_hidden(each) for each in found)
    if isinstance(found, Page):
        return msgspec.structs.replace(found, items=[_hidden(each) for each in found.items])
    if isinstance(found, TransactionDetail):
        return msgspec.structs.replace(
            found, transaction=_transaction(found.transaction), decision=_value(found.decision)
        )
    if isinstance(found, CaseView):
        timeline = [msgspec.structs.replace(each, detail=_value(each.detail)) for each in found.timeline]
        items = [_hidden(each) for each in found.work_items]
        return msgspec.structs.replace(found, state=_value(found.state), timeline=timeline, work_items=items)
    if isinstance(found, WorkItemView):
        return _item(found)
    return _transaction(found) if isinstance(found, Mapping) else found


def _item(item: WorkItemView) -> WorkItemView:
    if MARK not in item.details:
        return item
    reasons = [each for each in item.reasons if not str(each.get("rule")).startswith("tax_information")]
    details = {name: MASK if name in _ITEM else value for name, value in item.details.items()}
    return msgspec.structs.replace(item, details=details, reasons=reasons)


def _transaction(transaction: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if transaction is None:
        return None
    guarded = blocks_of(transaction)
    return {name: _covered(value) if name in guarded else value for name, value in transaction.items()}


def _covered(value: Any) -> Any:
    if isinstance(value, list):
        return [_covered(each) for each in value]
    return dict.fromkeys(value, MASK) if isinstance(value, Mapping) else MASK


def _value(value: Any) -> Any:
    """Cover what a rule of ours marked, wherever it stands."""
    if isinstance(value, Mapping):
        if value.get(MARK) is True:
            return dict.fromkeys(value, MASK)
        return {name: _value(each) for name, each in value.items()}
    return [_value(each) for each in value] if isinstance(value, list) else value
