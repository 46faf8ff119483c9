"""csenet policy lint: what is wrong with policy tables, by file and line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import click

from csenet.gateway.cli.common import example, json_option, print_json
from csenet.gateway.wording import count

Loader = Callable[[Path], object]


@click.command(epilog=example("csenet policy lint"))
@click.argument(
    "files", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@json_option
@click.pass_context
def lint(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Check policy tables: overlaps, gaps, missing citations, unknown keys and codes, by file and line.

    Without FILE, all tables that come with the gateway.  An agency checks its own exchange agreements or
    profile the same way.  Exit 1 if something is wrong.
    """
    paths = files or tuple(_shipped())
    found = [row for path in paths for row in _problems(path)]
    if as_json:
        print_json([{"file": str(file), "line": line, "problem": text} for file, line, text in found])
    else:
        for file, line, text in found:
            click.echo(f"{file}:{line}: {text}", err=True)
        click.echo(f"{count(len(paths), 'table')}, {count(len(found), 'problem')}")
    ctx.exit(1 if found else 0)


def _shipped() -> Iterator[Path]:
    """List the tables that come with the gateway."""
    from csenet.handlers.policy.dated import PARAMETERS, PROFILES

    for folder in (PARAMETERS, PROFILES):
        yield from sorted(folder.rglob("*.toml"))


def _problems(path: Path) -> Iterator[tuple[Path, int, str]]:
    """Give what is wrong with one table, with lines."""
    from csenet.gateway.cli.policy_lines import Places

    text = path.read_bytes().decode("utf-8", "replace")
    places = Places(text)
    found = [(places.line_of(problem), problem) for problem in _found_in(path, text)]
    for line, problem in sorted(found):
        yield path, line, problem


def _found_in(path: Path, text: str) -> tuple[str, ...]:
    """Load one table with the loader its keys call for, then check the codes it names."""
    from csenet.handlers.policy.dated import PolicyError

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return (f"is not TOML: {error}",)
    loader = next((load for keys, load in _loaders().items() if set(keys) <= values.keys()), None)
    if loader is None:
        return ("none of the keys that a policy table begins with is here",)
    try:
        loader(path)
    except PolicyError as error:
        return error.problems
    return tuple(_unknown_codes(values))


def _loaders() -> Mapping[tuple[str, ...], Loader]:
    """Give each loader by the keys that only its tables have, the most particular first."""
    from csenet.handlers.policy import (
        advances,
        agreements,
        closure,
        deadlines,
        disclosure,
        explain_paragraphs,
        interest_terms,
        jurisdictions,
        kept_duties,
        profile,
        profile_questions,
        questionnaire,
        rules,
        work_kinds,
    )

    return {
        ("fips", "source"): profile.read_profile,
        ("term",): interest_terms.load_sheet,
        ("version", "section"): questionnaire.load_questionnaire,
        ("question",): profile_questions.load_questions,
        ("jurisdiction",): jurisdictions.load_jurisdictions,
        ("advance",): advances.load_advances,
        ("ends_all", "row"): kept_duties.load_kept,
        ("kind",): work_kinds.load_work_kinds,
        ("duty",): deadlines.load_duties,
        ("criterion",): closure.load_criteria,
        ("reason",): rules.load_reasons,
        ("paragraph",): explain_paragraphs.load_paragraphs,
        ("blocks",): disclosure.load_table,
        ("sending",): agreements.load_sending_rules,
        ("agreement",): agreements.load_agreements,
        ("rule",): rules.load_rules,
    }


_CODE_KEYS: Final = {
    "duty": ("answered_by", "opened_by", "leads_from"),
    "row": ("by", "answers", "also", "lapses"),
    "sending": ("far",),
    "replace": ("far", "with"),
    "tax_information": ("far",),
}


def _unknown_codes(values: Mapping[str, Any]) -> Iterator[str]:
    """Give each code or pattern of codes that no transaction has."""
    from csenet.codecs.codes import VALID

    codes = [str(code) for code in VALID]
    for table, keys in _CODE_KEYS.items():
        for number, row in enumerate(values.get(table, ()), 1):
            for key in keys:
                named = row.get(key, ())
                for pattern in (named,) if isinstance(named, str) else named:
                    if not any(fnmatchcase(code, pattern) for code in codes):
                        yield f"{table}[{number}].{key}: no transaction is called {pattern!r}"
