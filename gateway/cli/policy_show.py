"""csenet policy show: what a rule, duty, ground or question says."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Unusable,
    day_option,
    example,
    json_option,
    machine_today,
    print_json,
    print_table,
)
from csenet.gateway.cli.policy_common import authority, fields, period, profile_of, state_option, stated

if TYPE_CHECKING:
    from csenet.handlers.policy.explain_words import Entry


@click.command(
    epilog=example(
        "csenet policy show RS7",
        "csenet policy show N1 --state MN",
        'csenet policy show "303.11(b)(12)" --on 2026-11-21',
    )
)
@click.argument("name", metavar="[RULE|QUESTION]", required=False)
@state_option
@day_option("--on", help="What holds on this day; today if left out.")
@json_option
def show(name: str | None, state: str | None, on: date | None, as_json: bool) -> None:
    """Show what holds on a day, with every dated version and its citation.

    RULE is the name a reason bears (RS7, closure.GSC17), QUESTION a meaning or its place in the questionnaire
    (sends_gsc15, N1); a code (GSC17) or a paragraph finds all that speak of it.  A paragraph may be the one
    that the CSENet documents cite.  Without a name everything is listed.  Exit 2 if there is no such name.
    """
    from csenet.handlers.policy.explain import catalogue, find

    day = on or machine_today()
    entries = catalogue(profile_of(state))
    found = find(name, entries) if name is not None else entries
    if not found:
        raise Unusable(
            f"{name}: no rule, duty, ground or question bears this name; csenet policy show lists all"
        )
    if as_json:
        print_json([_document(entry, day) for entry in found])
    elif name is None:
        print_table(f"What the policy tables state on {day}", _COLUMNS, (_row(entry, day) for entry in found))
    else:
        _moved(name)
        for entry in found:
            _print(entry, day)


_COLUMNS = ("name", "kind", "value", "since", "citation", "about")


def _row(entry: Entry, day: date) -> tuple[Any, ...]:
    """Write one line of the list."""
    version = entry.on(day)
    citation = authority(version.citation, version.ours) if version is not None else None
    return entry.id, entry.kind, stated(version), version and version.since, citation, entry.about


def _document(entry: Entry, day: date) -> dict[str, Any]:
    """Write an entry for programs."""
    return {"on": day, "in_force": entry.on(day), "entry": entry}


def _moved(name: str) -> None:
    """Say where a paragraph of the documents stands today."""
    from csenet.handlers.policy.explain_paragraphs import today_of

    for row in today_of(name.strip().removeprefix("45 CFR ")):
        what = "a misprint for" if row.misprint else "today"
        if row.current != row.cited_in_spec:
            click.echo(f"{row.cited_in_spec} in the CSENet documents is {what} {row.current}: {row.text}\n")


def _print(entry: Entry, day: date) -> None:
    """Write an entry for people: what holds, then its other versions."""
    version = entry.on(day)
    click.echo(f"{entry.id} ({entry.kind}): {entry.about}")
    if version is None:
        fields({"on": day, "value": stated(None)})
    else:
        fields(
            {
                "value": version.value,
                "citation": authority(version.citation, version.ours),
                "in force": period(version.since, version.until),
                "text": version.text if version.text != entry.about else "",
                "note": version.note,
            }
        )
    fields({"documents": entry.cited_in_spec, "asked as": ", ".join(entry.places), **entry.details})
    for other in entry.versions:
        if other is not version:
            click.echo(f"  {period(other.since, other.until)}: {other.value} [{other.citation}]")
    click.echo()
