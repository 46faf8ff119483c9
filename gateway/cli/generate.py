"""csenet generate: synthetic traffic for tests, demonstrations and measurements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import Unusable, as_json_bytes, day_option, direction_option, example
from csenet.gateway.cli.forms import encoding_option, framing_option

if TYPE_CHECKING:
    from csenet.codecs.transaction import Direction, Transaction

FORMS = ("flat", "json", "xml")


@click.command(
    epilog=example(
        "csenet generate --count 3 --seed 7 --form json",
        'csenet generate --count 100 --mix "MSC R GRINT=2,MSC P GSTAI=1" --output traffic.txt',
        "csenet generate --count 100 --framing bdw --encoding cp037 --output traffic.dat",
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
@click.option("--form", type=click.Choice(FORMS), default="flat", show_default=True, help="What to write.")
@framing_option(help="For the flat form: how transactions follow each other; lines if left out.")
@encoding_option(help="For the flat form: character set; ascii if left out.")
@day_option("--date", help="Date of the transactions; 2026-11-20 if left out.")
@click.option("--output", "-o", default="-", help="Where to write; standard output if left out.")
def generate(
    count: int,
    seed: int,
    mix: str,
    direction: str,
    state: str,
    form: str,
    framing: str | None,
    encoding: str | None,
    date: date | None,
    output: str,
) -> None:
    """Write transactions about invented people.

    Every one passes every federal edit. Nobody in them exists: Social Security numbers come from ranges that
    are never issued. They are written one by one, so COUNT may be large. The realistic mix is an estimate.
    """
    from csenet.codecs import generate as traffic
    from csenet.codecs.codes import jurisdictions
    from csenet.codecs.template import EXAMPLE_DAY
    from csenet.codecs.transaction import Direction

    if state not in jurisdictions():
        raise Unusable(f"--state {state}: no jurisdiction has this FIPS code; two digits, like 27")
    if form != "flat" and (framing or encoding):
        raise click.UsageError("--framing and --encoding are for --form flat")
    way = Direction(direction)
    try:
        made = traffic.generate(count, seed=seed, mix=mix, direction=way, home=state, day=date or EXAMPLE_DAY)
    except ValueError as error:
        raise Unusable(f"--mix: {error}") from None
    opening, write, closing = _writer(form, way, framing or "lines", encoding or "ascii")
    with click.open_file(output, "wb") as out:
        out.write(opening)
        for tx in made:
            out.write(write(tx))
        out.write(closing())


def _writer(
    form: str, direction: Direction, framing: str, encoding: str
) -> tuple[bytes, Callable[[Transaction], bytes], Callable[[], bytes]]:
    """Give what stands before all transactions, what writes one, and what gives the rest."""
    from csenet.codecs import flatfile, transaction, xmlform

    if form == "xml":
        return xmlform.OPENING, xmlform.dump, lambda: xmlform.CLOSING
    if form == "json":
        return b"", lambda tx: as_json_bytes(transaction.to_json(tx)) + b"\n", lambda: b""
    encoder = flatfile.Encoder(flatfile.Framing(framing), direction, flatfile.Encoding(encoding))
    return b"", encoder.add, encoder.close
