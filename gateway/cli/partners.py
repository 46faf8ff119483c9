"""csenet partners: the table of partners, agreements and certificates."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    example,
    json_option,
    machine_today,
    print_json,
    print_table,
    today_option,
)


@click.group(cls=Listing)
def partners() -> None:
    """Look after the table of partners."""


@partners.command(epilog=example("csenet partners check partners.toml"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@today_option
@json_option
def check(file: Path, today: date | None, as_json: bool) -> None:
    """Check FILE and the certificates it names, as a gateway would before it takes it.

    Prints who is in it and which certificates count from when to when.  Warns of times without a certificate
    and of ends within thirty days.  Exit 0 if it can be used, 1 with every problem if not.
    """
    from csenet.gateway.partners import check_partners, window

    checked = check_partners(file, today or machine_today())
    for line in checked.warnings:
        click.echo(f"warning: {line}", err=True)
    if checked.partners is None:
        raise Refused("\n".join(checked.problems))
    found = checked.partners
    rows = []
    for each in found.credentials:
        since, until = window(each.pin)
        rows.append(
            {
                "partner": each.jurisdiction,
                "name": found.names[each.jurisdiction],
                "use": " ".join(sorted(each.use)),
                "since": f"{since:%Y-%m-%d %H:%M}",
                "until": f"{until:%Y-%m-%d %H:%M}",
                "sha256": each.fingerprint,
            }
        )
    if as_json:
        print_json({"version": found.version, "issued": found.issued, "certificates": rows})
        return
    columns = ("partner", "name", "use", "since", "until", "sha256")
    print_table("Certificates", columns, [[row[column] for column in columns] for row in rows])
    partners_, agreements = len(found.names), len(found.agreements)
    click.echo(f"{file}: version {found.version} can be used; partners {partners_}, agreements {agreements}")
