"""csenet policy import: a state's profile page into a profile file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import Unusable, example, open_binary

if TYPE_CHECKING:
    from csenet.handlers.policy.jurisdictions import Jurisdiction
    from csenet.handlers.policy.profile_import import Imported
    from csenet.handlers.policy.questionnaire_page import Page

_VERSION = "lettered"
_SHOWN = 12
"""How many questions that a page does not have are named."""


@click.command(
    "import",
    epilog=example("csenet policy import fixtures/pages/kansas.txt --state KS"),
)
@click.argument("page", metavar="PAGE")
@click.option("--state", required=True, metavar="STATE", help="Whose page it is: abbreviation or FIPS code.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the profile to this file instead of standard output.",
)
@click.pass_context
def import_(ctx: click.Context, page: str, state: str, output: Path | None) -> None:
    """Make a profile file of a state's profile page.

    PAGE is the page's text in the lettered form, sections A to N ("-" is standard input).  Bare answers (yes,
    no, a number, an amount, a date) become typed rules; other answers stay in the state's words and are told
    as not typed; a blank stays blank and is never a no.  What could not be placed goes to standard error as
    PAGE:line: why.  Exit 1 if anything could not be placed, 2 if the page cannot be used.
    """
    from csenet.handlers.policy.dated import PolicyError
    from csenet.handlers.policy.profile_import import make_profile
    from csenet.handlers.policy.questionnaire import questionnaires
    from csenet.handlers.policy.questionnaire_page import read_page

    questionnaire = questionnaires()[_VERSION]
    place = _state(state)
    read = read_page(_lines(page), questionnaire)
    _check(page, read, place)
    try:
        made = make_profile(read, place, questionnaire, "standard input" if page == "-" else Path(page).name)
    except PolicyError as error:
        raise Unusable(f"{page}: {error}") from None
    _write(made.toml, output)
    _tell(page, read, made)
    ctx.exit(1 if read.unplaced else 0)


def _state(text: str) -> Jurisdiction:
    """Find the jurisdiction by its abbreviation or its FIPS code."""
    from csenet.handlers.policy.jurisdictions import jurisdictions

    for row in jurisdictions().values():
        if text.upper() in (row.abbreviation, row.fips):
            return row
    raise Unusable(f"--state {text}: no jurisdiction has this abbreviation or FIPS code")


def _lines(page: str) -> list[str]:
    with open_binary(page) as stream:
        content: bytes = stream.read()
    try:
        # Not splitlines: it also breaks at form feeds and the like, and line numbers would be nobody's.
        return content.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unusable(f"{page}:{line}: is not UTF-8 text") from None


def _check(page: str, read: Page, place: Jurisdiction) -> None:
    """Refuse a page without questions, and one that names another state."""
    if not read.asked:
        raise Unusable(f"{page}: no question of the {_VERSION} questionnaire was found")
    if read.state and read.state.casefold() != place.name.casefold():
        raise Unusable(f"{page}: the page is of {read.state}, not of {place.name}")


def _write(toml: str, output: Path | None) -> None:
    if output is None:
        click.echo(toml, nl=False)
        return
    try:
        output.write_text(toml, encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{output}: cannot be written: {error.strerror}") from None


def _tell(page: str, read: Page, made: Imported) -> None:
    """Report on standard error: what found no place, what was not typed, and the sums."""
    for unplaced in read.unplaced:
        click.echo(f"{page}:{unplaced.line}: not placed: {unplaced.why}", err=True)
    for asked, rules in made.not_typed:
        click.echo(f"{page}:{asked.line}: {asked.place} not typed: {', '.join(rules)}", err=True)
    if read.missing:
        more = f" and {len(read.missing) - _SHOWN} more" if len(read.missing) > _SHOWN else ""
        click.echo(f"{page}: not on the page: {', '.join(read.missing[:_SHOWN])}{more}", err=True)
    blank = sum(asked.answer is None for asked in read.asked)
    typed = sum(row.value is not None for rows in made.profile.answers.values() for row in rows)
    click.echo(
        f"{page}: {len(read.asked)} questions, {blank} left blank, {typed} rules typed, "
        f"{sum(len(rules) for _, rules in made.not_typed)} not typed, {len(read.unplaced)} lines not placed, "
        f"{read.before} before the first section left out",
        err=True,
    )
