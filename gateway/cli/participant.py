"""csenet participant: who of a case may see it, by number and PIN."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from msgspec.structs import replace

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.participant.enrolling import Enrolled, Enrolling

T = TypeVar("T")

_ENROL = "csenet participant enrol --case 2701 --role ncp --config gateway.toml"


@click.group(cls=Listing)
def participant() -> None:
    """Let somebody of a case see it at [participant]; lock, reset and revoke them."""


@participant.command(epilog=example(_ENROL))
@click.option("--case", "case_id", required=True, help="The case that they are to see.")
@click.option("--role", type=click.Choice(["ncp", "cp"]), required=True, help="Their part in it.")
@click.option("--number", help="Add the case to a participant who has a number already.")
@config_option
@json_option
def enrol(case_id: str, role: str, number: str | None, config: Path, as_json: bool) -> None:
    """Give somebody of a case a number and a PIN, and print both, once: the PIN cannot be shown again.

    Hand them over in person or by letter, once you know who it is.  Exit 1 if
    somebody has that part in the case already, 2 if the case is not known.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.desk.names import case_key

    made = run(_at(config, lambda each: each.enrol(case_key(case_id), role, number=number, actor=actor())))
    _print(made, as_json)


@participant.command(
    "reset-pin", epilog=example("csenet participant reset-pin 1234567890 --config gateway.toml")
)
@click.argument("number")
@config_option
@json_option
def reset_pin(number: str, config: Path, as_json: bool) -> None:
    """Give participant NUMBER another PIN and print it, once; their sign-ins end."""
    from csenet.gateway.cli.acting import actor

    _print(run(_at(config, lambda each: each.reset_pin(number, actor=actor()))), as_json)


@participant.command(epilog=example("csenet participant lock 1234567890 --config gateway.toml"))
@click.argument("number")
@config_option
def lock(number: str, config: Path) -> None:
    """Let participant NUMBER in no more, until unlocked; their sign-ins end at once."""
    from csenet.gateway.cli.acting import actor

    run(_at(config, lambda each: each.lock(number, actor=actor())))
    click.echo("locked", err=True)


@participant.command(epilog=example("csenet participant unlock 1234567890 --config gateway.toml"))
@click.argument("number")
@config_option
def unlock(number: str, config: Path) -> None:
    """Let participant NUMBER in again, whether the office or wrong PINs had locked them out."""
    from csenet.gateway.cli.acting import actor

    run(_at(config, lambda each: each.unlock(number, actor=actor())))
    click.echo("unlocked", err=True)


@participant.command(epilog=example("csenet participant revoke 1234567890 --config gateway.toml"))
@click.argument("number")
@click.option("--case", "case_id", help="Only this case; without it, the number is of no use ever again.")
@config_option
def revoke(number: str, case_id: str | None, config: Path) -> None:
    """Let participant NUMBER see a case no more, or nothing ever again.

    A number that opens cases of other offices, too, is revoked, given another PIN, or unlocked after an
    office locked it, by a supervisor only; each office takes its own cases from it with --case.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.desk.names import case_key

    key = None if case_id is None else case_key(case_id)
    run(_at(config, lambda each: each.revoke(number, case_id=key, actor=actor())))
    click.echo("revoked", err=True)


@participant.command("list", epilog=example("csenet participant list --case 2701 --config gateway.toml"))
@click.option("--case", "case_id", help="Only who sees this case.")
@config_option
@json_option
def list_(case_id: str | None, config: Path, as_json: bool) -> None:
    """List participants with their cases; never a PIN.

    Of numbers only the last digits are shown.  With --case they are whole, for the other commands, and the
    audit has who asked.
    """
    from csenet.gateway.desk.names import case_key

    key = None if case_id is None else case_key(case_id)
    found = run(_at(config, lambda each: each.list(key), about=key))
    if key is None:
        from csenet.gateway.participant.enrolling import masked

        found = [replace(each, number=masked(each.number)) for each in found]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each.number,
            ", ".join(f"{one.case_id} ({one.role})" for one in each.cases),
            each.state,
            each.failures,
            each.created_at,
            each.signed_in_at,
        )
        for each in found
    ]
    print_table("Participants", ["number", "cases", "state", "failures", "enrolled", "signed in"], rows)


def _print(made: Enrolled, as_json: bool) -> None:
    from csenet.gateway.participant.enrolling import spaced

    if as_json:
        print_json(made)
        return
    click.echo(f"Participant number  {spaced(made.number)}")
    if made.pin is not None:
        click.echo(f"PIN                 {spaced(made.pin)}")


async def _at(config: Path, work: Callable[[Enrolling], Awaitable[T]], *, about: str | None = None) -> T:
    """Do something to the participants of a store; what it refuses ends with 1, who is not there with 2.

    What is shown ``about`` a case, if anything, is written down first.
    """
    from csenet.gateway.cli.acting import acting, find_out, note_out_of_scope, note_shown
    from csenet.gateway.clock import SystemClock
    from csenet.gateway.participant.enrolling import (
        Enrolling,
        NotThere,
        NotWhole,
        OutOfSight,
        ParticipantError,
    )
    from csenet.gateway.settings.loading import load_settings
    from csenet.gateway.wiring import agency_from, open_bare

    settings = load_settings(config)
    clock = SystemClock(agency_from(settings).zone)
    async with open_bare(settings) as store:
        await find_out(settings, store, clock)
        try:
            done = await work(Enrolling(store, clock, acting().scope))
            if about is not None and done:
                await note_shown(store, clock, [f"case {about}"])
            return done
        except ParticipantError as error:
            if isinstance(error, OutOfSight):
                await note_out_of_scope(store, clock, error.objects)
            absent = isinstance(error, NotThere) and not isinstance(error, NotWhole)
            raise (Unusable if absent else Refused)(str(error)) from None
