"""Read an account from its JSON form: the fields of `arrears.Account` by their names.

Dates are texts such as "2026-01-31", amounts texts such as "1234.56". Everything wrong is reported at once,
each problem with the path of the value it is about; the value itself is never repeated.
"""

import re
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec

from csenet.handlers.policy.arrears import Account, AccountError, account_problems

_MONEY = re.compile(r"-?\d{1,10}(\.\d{1,2})?")
_PLAIN = {
    date: "must be a date such as 2026-01-31",
    Decimal: 'must be an amount such as "1234.56": a text, at most two decimals',
    bool: "must be true or false",
    str: "must be a text",
}


def account_from_json(obj: Any) -> Account:
    """Read an account; raise `AccountError` with every wrong, missing or unknown field."""
    problems: list[tuple[str, str]] = []
    values = _struct(Account, obj, "", problems)
    if problems:
        raise AccountError(problems)
    account = msgspec.convert(values, Account)
    wrong = account_problems(account)
    if wrong:
        raise AccountError(wrong)
    return account


def _struct(kind: Any, obj: Any, path: str, problems: list[tuple[str, str]]) -> Any:
    """Check one object field by field, and give it with its dates and amounts read."""
    if not isinstance(obj, dict):
        problems.append((path or "account", "must be a JSON object"))
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    problems += [(_at(path, key), "is not a known field here") for key in obj if key not in fields]
    values = {}
    for name, field in fields.items():
        if obj.get(name) is not None:
            values[name] = _value(field.type, obj[name], _at(path, name), problems)
        elif field.required:
            problems.append((_at(path, name), "is required"))
    return values


def _at(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _value(kind: Any, raw: Any, path: str, problems: list[tuple[str, str]]) -> Any:
    kind = next((part for part in get_args(kind) if part is not NoneType), kind) if _optional(kind) else kind
    if get_origin(kind) is tuple:
        return _list(get_args(kind)[0], raw, path, problems)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind, raw, path, problems)
    message = _problem(kind, raw)
    if message:
        problems.append((path, message))
    return raw


def _optional(kind: Any) -> bool:
    return NoneType in get_args(kind)


def _list(kind: Any, raw: Any, path: str, problems: list[tuple[str, str]]) -> Any:
    if not isinstance(raw, list):
        problems.append((path, "must be a list"))
        return None
    return [_value(kind, each, f"{path}[{n}]", problems) for n, each in enumerate(raw)]


def _problem(kind: Any, raw: Any) -> str:
    """Say why a plain value is not of its kind; nothing if it is."""
    if kind is Decimal:
        return "" if isinstance(raw, str) and _MONEY.fullmatch(raw) else _PLAIN[kind]
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        if get_origin(kind) is Literal:
            return f"must be one of {', '.join(get_args(kind))}"
        return _PLAIN[kind]
    return ""
