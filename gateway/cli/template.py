"""csenet template: an example of a transaction to fill in."""

from __future__ import annotations

from datetime import date

import click

from csenet.gateway.cli.common import Unusable, day_option, example, print_json


@click.command(epilog=example('csenet template "MSC P GSC17"', "csenet template MSC P GSTAI --recommended"))
@click.argument("code", nargs=-1, required=True, metavar="CODE")
@click.option("--recommended", is_flag=True, help="Add what the states recommend, not only what is required.")
@day_option("--date", help="Date of the transaction; 2026-11-20 if left out, so that examples stay the same.")
def template(code: tuple[str, ...], recommended: bool, date: date | None) -> None:
    """Print a minimal valid example of the transaction CODE as JSON.

    It passes validation as it stands; all persons in it are invented. csenet encode turns it into flat form,
    csenet far tells what belongs into it.
    """
    from csenet.codecs import template as examples
    from csenet.codecs import transaction
    from csenet.codecs.codes import FarCode

    try:
        made = examples.template(
            FarCode.parse(" ".join(code)), day=date or examples.EXAMPLE_DAY, recommended=recommended
        )
    except ValueError as error:
        raise Unusable(f"{' '.join(code)}: {error}") from None
    print_json(transaction.to_json(made))
