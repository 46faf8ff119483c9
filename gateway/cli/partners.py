"""csenet partners: the table of partners, agreements and certificates."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    config_option,
    example,
    json_option,
    machine_today,
    print_json,
    print_table,
    run,
    today_option,
)


@click.group(cls=Listing)
def partners() -> None:
    """Look after the table of partners; try whether one can be reached."""


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


@partners.command("test", epilog=example("csenet partners test exchange --config gateway.toml"))
@click.argument("name", default="exchange")
@config_option
@json_option
def test(name: str, config: Path, as_json: bool) -> None:
    """Try whether the exchange, or the state NAME behind it, could be reached now.

    Goes the whole way once: connection, certificates, sign-in, an answer to a word of ours; over SFTP and
    into a folder, a hidden file that is removed again.  Nothing of any case leaves.  NAME is "exchange" or a
    state, such as 20 or KS.  Exit 0 if everything that a batch needs worked, 1 if not.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    report = run(call(config, lambda desk: desk.test_partner(name, actor=actor())))
    if as_json:
        print_json(report)
    else:
        rows = [(each.step, _STATES[each.state], each.text) for each in report.steps]
        print_table(f"Test message: {report.partner}, {report.way}", ["step", "", "what"], rows)
    if not report.well:
        raise Refused("a batch would not get through now")
    if not as_json:
        click.echo(f"a batch would get through; {report.milliseconds} ms")


_STATES = {"well": "works", "look": "look", "failed": "FAILS"}
