"""csenet far: what a transaction code means, who sends it, and what its receiver does."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any, ClassVar

import click

from csenet.gateway.cli.common import Unusable, example, json_option, print_json, print_table

if TYPE_CHECKING:
    from csenet.codecs.codes import FarCode

_LABEL = 15
"""Positions before what a label stands for, and before the fields of a block."""

SENDERS = {
    "initiating": "the initiating state",
    "responding": "the responding state",
    "either": "either state",
}


@click.command(epilog=example("csenet far MSC P GSC17", "csenet far"))
@click.argument("code", nargs=-1, metavar="[CODE]")
@click.option("--all", "everything", is_flag=True, help="List codes outside the core set as well.")
@json_option
def far(code: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Explain the transaction CODE, or list the codes.

    A CODE is function, action and reason, like MSC P GSC17; where the reason is blank, BLANK. Told are its
    meaning, who sends it, what the receiver does and by when, the answer to expect, the federal rule as the
    CSENet documents cite it and as it is numbered today, and the blocks and fields it holds.
    """
    if not code:
        _list(everything=everything, as_json=as_json)
        return
    found = facts(_parse(" ".join(code)))
    if as_json:
        print_json(found)
        return
    click.echo("\n".join(lines(found, min(shutil.get_terminal_size((100, 24)).columns, 100))))


def _list(*, everything: bool, as_json: bool) -> None:
    """List the codes with their titles."""
    from csenet.codecs.codes import VALID

    rows = [row for row in VALID.values() if row.core or everything]
    if as_json:
        print_json([{"code": str(row.code), "title": row.title, "sent_by": row.sent_by} for row in rows])
        return
    kind = "Valid" if everything else "Core"
    table = [(str(row.code), row.title, row.sent_by) for row in rows]
    print_table(f"{kind} transactions", ["code", "title", "sent by"], table)


def _parse(text: str) -> FarCode:
    """Read a code; a code that is none is told from one that does not exist."""
    from csenet.codecs.codes import VALID, FarCode

    try:
        code = FarCode.parse(text)
    except ValueError as error:
        raise Unusable(f"{text}: {error}") from None
    if code not in VALID:
        alike = [str(each) for each in VALID if code.reason and each.reason == code.reason]
        hint = f"; with this reason there is {', '.join(alike)}" if alike else "; csenet far --all lists all"
        raise Unusable(f"{code}: no valid transaction{hint}")
    return code


def facts(code: FarCode) -> dict[str, Any]:
    """Gather what the tables of codes, of law and of the charts say about a code; nothing is empty."""
    from csenet.codecs import describe
    from csenet.codecs.codes import VALID

    row, note = VALID[code], describe.note(code)
    found = {
        "code": str(code),
        "title": row.title,
        "core": row.core,
        "says": describe.sentence_form(code).format_map(_Parties()),
        "sent_by": SENDERS[row.sent_by],
        "receiver": note.receiver,
        "deadline": _deadline(note.duty),
        "answer": [f"{answer} – {VALID[answer].title}" for answer in note.answer],
        "rule": _rule(note.cited, note.current) | _ground(code),
        "blocks": _blocks(code),
    }
    return {name: value for name, value in found.items() if value not in ("", [], {})}


class _Parties(dict[str, str]):
    """Fill a sentence for any two states."""

    _WORDS: ClassVar = {
        "from": "The sender",
        "to": "the receiver",
        "date": "the action resolution date",
        "arrears": "how much",
        "interest": "how much",
        "as_of": "which day",
        "new_case": "in the information block",
        "rejected": "a transaction",
        "case": "X",
        "other_case": "X",
    }

    def __missing__(self, key: str) -> str:
        return self._WORDS[key]


def _deadline(duty_id: str) -> str:
    """Say what the receiver must do by when, from the table of duties."""
    from csenet.handlers.policy.deadlines import duties

    duty = duties().get(duty_id)
    if duty is None or not duty.limits:
        return ""
    limit = duty.limits[-1]
    source = "the gateway's own default" if limit.ours else limit.citation
    return f"{limit.number} {limit.unit} ({source})"


def _rule(cited: str, current: str) -> dict[str, str]:
    """Give the federal rule as cited by the CSENet documents and as numbered today."""
    names = (("cited", cited), ("current", current))
    return {name: f"45 CFR {paragraph}" for name, paragraph in names if paragraph}


def _ground(code: FarCode) -> dict[str, str]:
    """Give the ground of a closure from the closure map."""
    from csenet.handlers.policy.closure import closures

    row = closures().get(code.reason) if code.function == "MSC" and code.action == "P" else None
    if row is None:
        return {}
    found = {
        "ground": row.text,
        "ground_cited": f"45 CFR {row.cited_in_spec}",
        "ground_current": row.citation,
    }
    return found | ({"changed": row.changed} if row.changed else {})


def _blocks(code: FarCode) -> list[dict[str, Any]]:
    """List the blocks that a code holds, with their fields."""
    from csenet.codecs import describe
    from csenet.codecs.codes import elements
    from csenet.codecs.template import plan

    found = []
    for block, wanted in plan(code).items():
        mine = [element for element in elements(code) if element.block == block]
        fields: dict[str, list[str]] = {"required": [], "recommended": []}
        for element in mine:
            field = describe.field_of(block, element.field)
            if field is not None:
                fixed = f" = {element.fixed}" if element.fixed is not None else ""
                fields[element.level].append(field.federal + fixed)
        level = "required" if wanted.least or block == "header" else "recommended"
        about = {"block": describe.block_title(block), "level": level, "least": wanted.least, **fields}
        found.append({name: value for name, value in about.items() if value})
    return found


def lines(found: dict[str, Any], width: int = 100) -> list[str]:
    """Write what was gathered for a person, in lines of at most ``width`` characters."""
    told = [*_wrapped(f"{found['code']} – {found['title']}", width), "", *_wrapped(found["says"], width), ""]
    rule = found.get("rule", {})
    current, ground = _both(rule, "cited", "current"), _both(rule, "ground_cited", "ground_current")
    labels = {
        "Sent by": found["sent_by"]
        + ("" if found["core"] else "; outside the core set, not to be sent by default"),
        "Receiver": found["receiver"],
        "Within": found.get("deadline"),
        "Answer": found.get("answer"),
        "Ground": rule.get("ground"),
        "Ground in": ground if ground != current else "",
        "Changed": rule.get("changed"),
        "Federal rule": current,
    }
    for label, value in labels.items():
        for number, each in enumerate(value if isinstance(value, list) else [value] if value else []):
            told += _labelled("" if number else label, each, width)
    for block in found["blocks"]:
        least = f", {block['least']} or more" if block.get("least", 0) > 1 else ""
        told += ["", f"{block['block']} ({block['level']}{least})"]
        for level in ("required", "recommended"):
            if level in block:
                told += _labelled(f"  {level}", ", ".join(block[level]), width)
    return told


def _labelled(label: str, text: str, width: int) -> list[str]:
    """Write a label and, beside it, its text."""
    return _wrapped(text, width, f"{label:<{_LABEL}}")


def _wrapped(text: str, width: int, first: str = "") -> list[str]:
    """Break a text into lines, but no field's name and no paragraph's number."""
    return textwrap.wrap(
        text,
        max(width, 2 * _LABEL),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _both(rule: dict[str, str], cited: str, current: str) -> str:
    """Write one paragraph under both its numbers, or under one if they agree."""
    then, now = rule.get(cited, ""), rule.get(current, "")
    if not then or then == now:
        return now
    return f"{now} (cited as {then})" if now else f"cited as {then}"
