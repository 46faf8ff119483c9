"""csenet partners: the table of partners, agreements and certificates."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    Unusable,
    config_option,
    example,
    json_option,
    machine_today,
    print_json,
    print_table,
    run,
    today_option,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk


@click.group(cls=Listing)
def partners() -> None:
    """See partners, their agreements and traffic; check their table; try whether one can be reached."""


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


@partners.command("list", epilog=example("csenet partners list --config gateway.toml"))
@click.option("--all", "everybody", is_flag=True, help="Also those without traffic, hold or certificate.")
@config_option
@json_option
def list_(everybody: bool, config: Path, as_json: bool) -> None:
    """List partners with the traffic of seven days, the busiest first; what is on hold is marked."""
    from csenet.gateway.cli.store import call

    found = run(call(config, lambda desk: _list(desk, config, everybody=everybody)))
    if as_json:
        print_json(found)
        return
    columns = ("fips", "name", "came", "went", "heard", "on hold", "certificate until")
    names = ("fips", "name", "came", "went", "heard", "on_hold", "certificate_until")
    print_table("Partners, seven days", columns, [[row[name] for name in names] for row in found])


@partners.command("show", epilog=example("csenet partners show KS --config gateway.toml"))
@click.argument("name")
@config_option
@json_option
def show(name: str, config: Path, as_json: bool) -> None:
    """Show one partner: agreement and why, traffic, what is stuck, hold, certificates.

    NAME is a state, such as KS, Kansas or 20.
    """
    from csenet.gateway.cli.search import state
    from csenet.gateway.cli.store import call

    fips = state(name) or ""
    found = run(call(config, lambda desk: _one(desk, config, fips)))
    if as_json:
        print_json(found)
        return
    facts = ("came", "went", "heard", "dead", "held", "parked", "on_hold")
    rows = [(each.replace("_", " "), found[each]) for each in facts]
    print_table(f"{found['name']}, FIPS {fips}, seven days", ["", ""], rows)
    columns = ("functions", "we may send", "they may send", "why")
    rows_ = [
        (" ".join(row["functions"]), row["send"], row["receive"], row["why"]) for row in found["agreement"]
    ]
    print_table("Agreement", columns, rows_)
    names = ("use", "since", "until", "sha256")
    print_table("Certificates", names, [[row[each] for each in names] for row in found["certificates"]])


async def _list(desk: Desk, config: Path, *, everybody: bool) -> list[dict[str, Any]]:
    from datetime import timedelta

    from csenet.codecs import codes
    from csenet.gateway.desk import views_queues
    from csenet.gateway.store import partner_holds

    async with desk.store.read() as conn:
        week = await views_queues.partner_traffic(conn, desk.clock.now() - timedelta(days=7))
        holds = {each.partner: each.reason for each in await partner_holds.load(conn)}
    certificates = _certificates(config)
    rows = []
    for fips, known in codes.jurisdictions().items():
        ends = [each["until"] for each in certificates if each["fips"] == fips]
        if fips == desk.agency.state or not (everybody or fips in week or fips in holds or ends):
            continue
        seen = week.get(fips, {})
        rows.append(
            {
                "fips": fips,
                "name": known.name,
                "came": seen.get("came", 0),
                "went": seen.get("went", 0),
                "heard": seen.get("heard"),
                "on_hold": holds.get(fips),
                "certificate_until": min(ends, default=None),
            }
        )
    return sorted(rows, key=lambda row: (-row["came"] - row["went"], row["fips"]))


async def _one(desk: Desk, config: Path, fips: str) -> dict[str, Any]:
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.console.partners import agreement_of
    from csenet.gateway.desk import views_queues

    everybody = await _list(desk, config, everybody=True)
    row = next((each for each in everybody if each["fips"] == fips), None)
    if row is None:
        raise Unusable("that is ourselves")
    async with desk.store.read() as conn:
        for status in ("dead", "held", "parked"):
            offices = acting().scope
            row[status] = len(await views_queues.stuck(conn, status, partner=fips, offices=offices))
    names = ("functions", "send", "receive", "why")
    agreed = agreement_of(desk.agency.agreements, fips, desk.clock.today())
    certificates = [each for each in _certificates(config) if each["fips"] == fips]
    return {
        **row,
        "agreement": [dict(zip(names, each, strict=True)) for each in agreed],
        "certificates": certificates,
    }


def _certificates(config: Path) -> list[dict[str, Any]]:
    """List the certificates of the table of partners that the settings name, if it can be used."""
    from csenet.gateway.partners import check_partners, window
    from csenet.gateway.settings.loading import load_settings

    file = load_settings(config).partners.file
    table = None if file is None else check_partners(file).partners
    return [
        {
            "fips": each.jurisdiction,
            "use": " ".join(sorted(each.use)),
            "since": window(each.pin)[0],
            "until": window(each.pin)[1],
            "sha256": each.fingerprint,
        }
        for each in (table.credentials if table else ())
    ]


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
