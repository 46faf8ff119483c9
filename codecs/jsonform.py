"""Turn a transaction into its JSON form and back.

One object a block under its own name, lists for blocks that repeat. Dates are `2026-11-20`, times `14:25:30`,
amounts strings with two decimals, everything else the characters of the field without trailing blanks.
"""

from typing import Any

import msgspec

from csenet.codecs.compiler import Codec
from csenet.codecs.errors import CodecError, Problem, Severity
from csenet.codecs.fields import from_json_value, to_json_value
from csenet.codecs.model import BLOCKS, HEADERS, MOST_REPEATS, REPEATING, Transaction


def dump(tx: Transaction) -> dict[str, Any]:
    """Return the JSON form; absent blocks and blank fields are absent, counts follow from the blocks."""
    obj: dict[str, Any] = {"header": dump_block(tx.header)}
    for name in BLOCKS:
        value = getattr(tx, name)
        if name in REPEATING:
            if value:
                obj[name] = [dump_block(record) for record in value]
        elif value is not None:
            obj[name] = dump_block(value)
    return obj


def dump_block(record: msgspec.Struct) -> dict[str, str]:
    """Return the JSON form of one block: its fields that are not blank."""
    values = msgspec.structs.asdict(record)
    return {
        name: value if type(value) is str else to_json_value(value)
        for name, value in values.items()
        if value is not None
    }


def value_of(block: str, field: str, text: str) -> Any:
    """Read one value of a block from its JSON form, as element lists and templates write it."""
    return from_json_value(BLOCKS[block].json_names[field], text)


def load(obj: Any) -> Transaction:
    """Read the JSON form; CodecError lists every wrong field and every unknown name at once.

    The header may leave out what the gateway fills: serial number, dates, FIPS codes.
    """
    problems: list[Problem] = []
    if not isinstance(obj, dict):
        raise CodecError([_wrong("transaction", "", "type", "must be a JSON object")])
    problems += (
        _wrong("transaction", str(name), "unknown", "no block of this name")
        for name in obj
        if name != "header" and name not in BLOCKS
    )
    header = _load_header(obj.get("header"), problems)
    held: dict[str, Any] = {}
    for name in BLOCKS:
        if obj.get(name) is not None:
            held[name] = load_block(name, obj[name], problems)
    if problems:
        raise CodecError(problems)
    return Transaction(header=header, **held)


def _load_header(value: Any, problems: list[Problem]) -> Any:
    both = tuple(HEADERS.values())
    if not isinstance(value, dict):
        problems.append(_wrong("header", "", "type", "must be a JSON object"))
        return None
    known = {name: codec for codec in reversed(both) for name in codec.json_names}
    problems += _unknown("header", value, known.keys(), 1)
    values: dict[str, Any] = {}
    for codec in both:
        mine = {name: entry for name, entry in value.items() if known.get(name) is codec}
        record = codec.from_json(mine, 1, problems)
        values |= {name: getattr(record, name) for name in mine}
    return both[0].struct(**values)


def load_block(name: str, value: Any, problems: list[Problem]) -> Any:
    """Read the JSON form of one block, or of the list of a block that repeats, adding to `problems`."""
    codec = BLOCKS[name]
    if name not in REPEATING:
        return _load_record(codec, name, value, 1, problems)
    if not isinstance(value, list | tuple):
        problems.append(_wrong(name, "", "type", "must be a JSON list"))
        return ()
    if len(value) > MOST_REPEATS:
        problems.append(_wrong(name, "count", "most", f"at most {MOST_REPEATS}"))
    return tuple(_load_record(codec, name, entry, n, problems) for n, entry in enumerate(value, start=1))


def _load_record(codec: Codec[Any], name: str, value: Any, occurrence: int, problems: list[Problem]) -> Any:
    if not isinstance(value, dict):
        problems.append(_wrong(name, "", "type", "must be a JSON object", occurrence))
        return None
    problems += _unknown(name, value, codec.json_names, occurrence)
    return codec.from_json(value, occurrence, problems)


def _unknown(block: str, value: dict[Any, Any], known: Any, occurrence: int) -> list[Problem]:
    return [
        _wrong(block, str(name), "unknown", "no field of this name", occurrence)
        for name in value
        if name not in known
    ]


def _wrong(block: str, name: str, rule: str, message: str, occurrence: int = 1) -> Problem:
    code = ".".join(part for part in (block, name, rule) if part)
    return Problem(
        code=code,
        severity=Severity.ERROR,
        message=message,
        block="" if block == "transaction" else block,
        occurrence=occurrence,
        field=name,
    )
