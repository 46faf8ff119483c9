"""csenet policy questions: what a state says of itself, question by question, in its own words."""

from __future__ import annotations

import click

from csenet.gateway.cli.common import example, json_option, print_json, print_table
from csenet.gateway.cli.policy_common import profile_of, state_option


@click.command(
    epilog=example("csenet policy questions interest --state MN", "csenet policy questions --state MN --json")
)
@click.argument("words", nargs=-1)
@state_option
@click.option("--answered", "answered", flag_value="with", help="Only those with an answer.")
@click.option("--left-blank", "answered", flag_value="without", help="Only those without one.")
@json_option
def questions(words: tuple[str, ...], state: str | None, answered: str | None, as_json: bool) -> None:
    """List the questions of a state's profile that bear all WORDS, with the state's own answers.

    A blank answer is not a no.  Exit 1 if no question fits.
    """
    from csenet.handlers.policy.said import said_in

    profile = profile_of(state)
    if profile is None:
        raise click.UsageError("Missing option '--state': questions are answered state by state.")
    found = [
        {
            "section": f"{section.id}. {section.name}",
            "place": place.place,
            "question": place.text,
            "answer": said.answer if said is not None else None,
            "cites": said.cites if said is not None else "",
            "rules": list(place.rules),
        }
        for section, rows in said_in(profile, " ".join(words), answered or "")
        for place, said in rows
    ]
    if as_json:
        print_json(found)
    else:
        columns = ("place", "question", "answer", "cites")
        rows = [[row[name] for name in columns] for row in found]
        print_table(f"{profile.name}: {profile.source}", columns, rows)
    click.get_current_context().exit(0 if found else 1)
