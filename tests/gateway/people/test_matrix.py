"""Each cell of the published matrix is what the gateway itself answers: role by route, role by command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from csenet.gateway.casework import access
from csenet.gateway.people.accounts import Accounts
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.rights import Right, Role

from .conftest import Client, enter

PAGE = Path(__file__).parents[3] / "ops" / "reference" / "rights.md"


def cells(section: str) -> Iterator[tuple[str, Role, bool]]:
    """Read the cells of one table of the page."""
    part = PAGE.read_text("utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    for line in part.splitlines():
        if not line.startswith("| `"):
            continue
        name, _, *said = [each.strip() for each in line.strip().strip("|").split("|")]
        assert len(said) == len(Role), line
        for role, cell in zip(Role, said, strict=True):
            assert cell in ("", "✓", "all")
            yield name.strip("`"), role, cell != ""
    assert rows


def person(role: Role) -> Person:
    return Person(name="pat", kind=Kind.PERSON, roles=frozenset({role}))


@pytest.mark.parametrize("section", ["Operations of the API", "Pages"])
def test_every_route_opens_as_the_page_says(section: str) -> None:
    seen = 0
    for place, role, may in cells(section):
        method, _, path = place.partition(" ")
        assert access.lets_in((method, path), person(role)) is may, (place, role)
        seen += 1
    assert seen >= 20 * len(Role)


def test_every_command_opens_as_the_page_says() -> None:
    seen = 0
    for words, role, may in cells("Commands"):
        assert person(role).may_run(words.split()[1:]) is may, (words, role)
        seen += 1
    assert seen >= 30 * len(Role)


def test_what_has_no_row_is_nobodys() -> None:
    for role in Role:
        assert not access.lets_in(("GET", "/v1/forgotten"), person(role))
        assert not person(role).may_run(["forgotten"])


SAMPLE = {
    "/v1/ledger": Right.FIGURES_READ,
    "/v1/transactions": Right.LISTS_READ,
    "/v1/work-items": Right.CONTENT_READ,
    "/v1/policy/rules?on=2026-11-20": Right.POLICY_READ,
}


@pytest.mark.parametrize("role", ["viewer", "caseworker", "operator", "auditor", "administrator"])
async def test_people_who_signed_in_are_let_in_alike(browser: Client, accounts: Accounts, role: Any) -> None:
    await enter(browser, accounts, "pat", role)
    for path, right in SAMPLE.items():
        answer = await browser.get(path)
        assert answer.status == (200 if person(Role(role)).may(right) else 403), path
    front = await (await browser.get("/")).text()
    figures = person(Role(role)).may(Right.FIGURES_READ)
    assert ("Came today" in front, "is for other roles" in front) == (figures, not figures)
    assert '<a href="/sign-in">' not in front
