"""csenet policy diff: what changed in law between two days."""

from __future__ import annotations

from datetime import date

import click

from csenet.gateway.cli.common import day_option, example, json_option, print_json, print_table
from csenet.gateway.cli.policy_common import profile_of, state_option, stated

FEDERAL = "all"
"""What the column of the state says of law that holds everywhere."""


@click.command(
    epilog=example(
        "csenet policy diff --from 2022-07-31 --to 2022-08-01",
        "csenet policy diff --from 2017-01-18 --to 2017-01-19 --state MN",
    )
)
@day_option("--from", required=True, help="The earlier day.")
@day_option("--to", required=True, help="The later day.")
@state_option
@json_option
def diff(state: str | None, as_json: bool, **days: date) -> None:
    """List what states something else on one day than on another, with both citations.

    What the states answer for themselves counts as well: of all states, or of the one named.
    """
    from csenet.handlers.policy.explain import catalogue, everywhere
    from csenet.handlers.policy.explain import diff as changes_between

    before, after = days["from"], days["to"]
    profile = profile_of(state)
    entries = everywhere() if profile is None else catalogue(profile)
    changes = changes_between(entries, before, after)
    if as_json:
        print_json({"from": before, "to": after, "changes": changes})
        return
    rows = (
        (
            change.state or FEDERAL,
            change.id,
            change.what,
            stated(change.before),
            change.before and change.before.citation,
            stated(change.after),
            change.after and change.after.citation,
        )
        for change in changes
    )
    columns = ("state", "name", "what", f"on {before}", "citation", f"on {after}", "citation")
    print_table(f"What changed between {before} and {after}", columns, rows)
