"""csenet policy explain: each reason of a decision, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from csenet.gateway.cli.common import Unusable, example, json_option, open_binary, print_json
from csenet.gateway.cli.policy_common import authority, fields


@click.command(
    epilog=example(
        "echo '{}' | csenet replay fixtures/transactions/msc-r-grint.from-server.txt"
        " --facts - --today 2026-11-21 | csenet policy explain -"
    )
)
@click.argument("file", metavar="DECISION.json")
@json_option
@click.pass_context
def explain(ctx: click.Context, file: str, as_json: bool) -> None:
    """Give each reason of a decision with its text, paragraph and effective date.

    DECISION.json is what csenet replay prints, one object a line, or a single decision; "-" is standard
    input. Exit 1 if a reason names a rule that no table has, 2 if the file holds no decision.
    """
    from csenet.handlers.policy.explain import rule_ids

    known = rule_ids()
    explained = [_explained(each, known) for each in _decisions(file)]
    unknown = [why["rule"] for each in explained for why in each["reasons"] if not why["known"]]
    if as_json:
        print_json(explained)
    else:
        for each in explained:
            _print(each)
    for rule in dict.fromkeys(unknown):
        click.echo(f"{file}: {rule}: no policy table has this rule", err=True)
    ctx.exit(1 if unknown else 0)


def _decisions(file: str) -> Iterator[dict[str, Any]]:
    """Read decisions: a document, a list of them, or one a line; each as position, code and decision."""
    with open_binary(file) as stream:
        content = stream.read()
    try:
        found = _documents(content.decode("utf-8"))
    except ValueError:
        raise Unusable(f"{file}: is neither JSON nor JSON lines") from None
    for number, document in enumerate(found, 1):
        if not isinstance(document, dict) or "reasons" not in document.get("decision", document):
            raise Unusable(f"{file}: document {number} is no decision; csenet replay prints some")
        yield document if "decision" in document else {"position": number, "decision": document}


def _documents(text: str) -> list[Any]:
    """Split a text into JSON documents."""
    try:
        whole = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def _explained(document: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Gather the reasons of one decision, each once, with where it stands."""
    reasons: dict[str, dict[str, Any]] = {}
    for place, why in _whys(document["decision"], ""):
        key = json.dumps(why, sort_keys=True)
        kept = reasons.setdefault(key, {**why, "known": why["rule"] in known, "places": []})
        kept["places"].append(place)
    return {
        "position": document.get("position"),
        "far": document.get("far"),
        "reasons": list(reasons.values()),
    }


def _whys(value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find every reason in a decision, with its place; contents of transactions are not looked into."""
    if isinstance(value, list):
        for each in value:
            yield from _whys(each, place)
    elif isinstance(value, dict):
        if {"rule", "text", "citation"} <= value.keys():
            yield place, value
            return
        for name, inner in value.items():
            if name != "transaction":
                label = value.get("kind") or name
                yield from _whys(inner, place or str(label if name == "reasons" else name))


def _print(explained: dict[str, Any]) -> None:
    """Write one decision's reasons for people."""
    far = f" {explained['far']}" if explained["far"] else ""
    click.echo(f"Transaction {explained['position']}{far}")
    for why in explained["reasons"]:
        click.echo(f"\n  {why['rule']}: {why['text']}")
        fields(
            {
                "  value": why.get("value"),
                "  citation": authority(why["citation"], why.get("ours", False)),
                "  in force": f"from {why['since']}" if why.get("since") else "",
                "  documents": why.get("cited_in_spec"),
                "  reason for": ", ".join(dict.fromkeys(why["places"])),
            }
        )
    click.echo()
