"""csenet generate: synthetic traffic for tests, demonstrations and measurements."""

from __future__ import annotations

from datetime import date

import click

from .common import Unusable, as_json_bytes, day_option, direction_option, example

FORMS = ("flat", "json")


@click.command(
    epilog=example(
        "csenet generate --count 3 --seed 7 --form json",
        'csenet generate --count 100 --mix "MSC R GRINT=2,MSC P GSTAI=1" --output traffic.txt',
    )
)
@click.option("--count", type=click.IntRange(0), default=10, show_default=True, help="How many transactions.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed writes the same traffic.")
@click.option(
    "--mix",
    default="realistic",
    show_default=True,
    help="realistic, uniform (each core code alike), or CODE=weight,CODE=weight.",
)
@direction_option(default="to-server", show_default=True, help="Sent by the state, or received by it.")
@click.option("--state", default="27", show_default=True, help="FIPS code of the state whose file it is.")
@click.option("--form", type=click.Choice(FORMS), default="flat", show_default=True, help="Lines of what.")
@day_option("--date", help="Date of the transactions; 2026-11-20 if left out.")
@click.option("--output", "-o", default="-", help="Where to write; standard output if left out.")
def generate(
    count: int, seed: int, mix: str, direction: str, state: str, form: str, date: date | None, output: str
) -> None:
    """Write transactions about invented people, a line each.

    Every one passes every federal edit. Nobody in them exists: Social Security numbers come from ranges that
    are never issued. They are written one by one, so COUNT may be large. The realistic mix is an estimate.
    """
    from csenet.codecs import generate as traffic
    from csenet.codecs import transaction
    from csenet.codecs.codes import jurisdictions
    from csenet.codecs.template import EXAMPLE_DAY

    if state not in jurisdictions():
        raise Unusable(f"--state {state}: no jurisdiction has this FIPS code; two digits, like 27")
    way = transaction.Direction(direction)
    try:
        made = traffic.generate(count, seed=seed, mix=mix, direction=way, home=state, day=date or EXAMPLE_DAY)
    except ValueError as error:
        raise Unusable(f"--mix: {error}") from None
    with click.open_file(output, "wb") as out:
        for tx in made:
            line = as_json_bytes(transaction.to_json(tx)) if form == "json" else transaction.write(tx, way)
            out.write(line + b"\n")
