"""One table says who may do what; it has no gaps, and each of its cells holds where it is asked."""

from collections.abc import Iterator

import click
import pytest

from csenet.gateway.casework.operations import OPERATIONS
from csenet.gateway.cli import main
from csenet.gateway.people import rights
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.rights import OPEN, Right, RightsError, Role


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, (*words, name))


def test_every_operation_of_the_api_has_a_row() -> None:
    assert {each.id for each in OPERATIONS} == set(rights.table().operations)


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    known = list(commands(main))
    missing = [" ".join(words) for words in known if rights.table().of_command(words) is None]
    assert missing == []
    begun = {" ".join(words[:length]) for words in known for length in range(1, len(words) + 1)}
    assert set(rights.table().commands) <= begun


def test_what_a_page_does_a_command_does_as_well() -> None:
    known = {" ".join(words) for words in commands(main)} | {"duties"}
    table = rights.table()
    pages = {place for place in table.pages if " /console/" in place and "/assets/" not in place}
    assert set(table.twins) == pages
    assert {words for twins in table.twins.values() for words in twins} <= known


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('checkLedger = "figures.read"', 'checkLedger = "figures.raed"', "checkLedger"),
        ('roles = ["auditor"]', "roles = []", "nobody"),
        ('roles = ["auditor"]', 'roles = ["auditors"]', "auditors"),
        ("auditor = {", "inspector = {", "inspector"),
        ('kind = "machine"', 'kind = "robot"', "kind"),
        ('"audit.read" = {', '"audit.write" = {', "audit.write"),
    ],
)
def test_a_table_with_a_gap_is_refused(old: str, new: str, complaint: str) -> None:
    from importlib import resources

    text = resources.files("csenet.gateway.people").joinpath("rights.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(RightsError, match=complaint):
        rights.read(text.replace(old, new))


def test_nobody_has_duties_that_contradict_each_other() -> None:
    held = {role: rights.rights_of(frozenset({role})) for role in Role}
    content = {Right.CONTENT_READ, Right.CONTENT_UNMASK, Right.CONTENT_CLEAR, Right.CONTENT_EXPORT}
    assert not held[Role.ADMINISTRATOR] & content
    assert not held[Role.AUDITOR] & (content | {Right.LISTS_READ})
    assert not held[Role.VIEWER] & {Right.CONTENT_UNMASK, Right.TRANSACTIONS_SEND, Right.WORK_COMPLETE}
    assert not held[Role.OPERATOR] & {Right.CONTENT_UNMASK}
    assert Right.OFFICES_ALL not in held[Role.CASEWORKER]
    assert held[Role.EXCHANGE] == {Right.EXCHANGE_DELIVER}
    assert [role for role in Role if Right.DISCLOSURE_APPROVE in held[role]] == [Role.SUPERVISOR]
    assert [role for role in Role if Right.PEOPLE_MANAGE in held[role]] == [Role.ADMINISTRATOR]


def test_somebody_with_several_roles_has_the_rights_of_all() -> None:
    person = Person(name="a", kind=Kind.PERSON, roles=frozenset({Role.CASEWORKER, Role.AUDITOR}))
    assert person.may(Right.AUDIT_READ)
    assert person.may(Right.TRANSACTIONS_SEND)
    assert not person.may(Right.PEOPLE_MANAGE)
    assert person.scope == frozenset()


def test_open_is_no_right() -> None:
    assert OPEN not in set(Right)
