"""Content is shown to those who may see it, masked unless they say why, and never without a record."""

from typing import Any

import pytest

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.people.looks import Look, ReadRefused, Unrecorded
from csenet.gateway.people.person import Kind, Person
from csenet.gateway.people.reading import Reader
from csenet.gateway.people.rights import Role
from csenet.gateway.store import audit
from csenet.gateway.store.engine import Store

from ..conftest import facts

pytestmark = pytest.mark.parametrize("location", ["sqlite"], indirect=True)
WHY = Look(unmask=True, purpose="call of the parent")


def person(*roles: Role) -> Person:
    return Person(name="pat", kind=Kind.PERSON, roles=frozenset(roles), source="192.0.2.7", agent="Browser/1")


@pytest.fixture
async def reader(desk: Desk, store: Store, clock: ManualClock) -> Reader:
    await desk.put_case("MN1", facts())
    await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"})
    return Reader(desk, store, clock)


async def newest(store: Store) -> Any:
    async with store.read() as conn:
        return (await audit.newest(conn, 1))[0]


async def test_a_case_is_masked_and_the_look_at_it_recorded(
    reader: Reader, store: Store, clock: ManualClock
) -> None:
    view = await reader.case(person(Role.VIEWER), "mn1")
    assert view is not None
    assert view.facts["ncp_identification"]["name_last"] == "***"
    assert view.facts["role"] == "initiating"
    row = await newest(store)
    assert (row["at"], row["actor"], row["action"], row["object"]) == (
        clock.now(),
        "pat",
        "case.read",
        "case MN1",
    )
    assert row["detail"]["source"] == "192.0.2.7"
    assert row["detail"]["agent"] == "Browser/1"
    assert "unmasked" not in row["detail"]


async def test_somebody_who_may_and_says_why_sees_it_in_clear(reader: Reader, store: Store) -> None:
    view = await reader.transaction(person(Role.CASEWORKER), "out-1", WHY)
    assert view is not None
    assert view.transaction is not None
    assert view.transaction["case"]["contact_name_last"] == "NORDQUIST"
    row = await newest(store)
    assert row["detail"]["objects"] == ["transaction out-1", "case MN1"]
    assert row["detail"]["purpose"] == WHY.purpose
    assert "case.contact_name_last" in row["detail"]["unmasked"]
    assert "NORDQUIST" not in str(row["detail"])


@pytest.mark.parametrize(
    ("role", "look"),
    [
        (Role.CASEWORKER, Look(unmask=True)),
        (Role.CASEWORKER, Look(unmask=True, purpose="   why    ")),
        (Role.CASEWORKER, Look(unmask=True, purpose="Looking \x1b[2J at it")),
        (Role.VIEWER, WHY),
        (Role.OPERATOR, WHY),
        (Role.AUDITOR, Look()),
        (Role.ADMINISTRATOR, Look()),
    ],
)
async def test_without_right_or_reason_nothing_is_shown_and_that_is_recorded(
    reader: Reader, store: Store, role: Role, look: Look
) -> None:
    with pytest.raises(ReadRefused):
        await reader.case(person(role), "MN1", look)
    assert (await newest(store))["detail"]["outcome"] == "refused"


async def test_looking_for_what_is_not_there_is_recorded(reader: Reader, store: Store) -> None:
    assert await reader.case(person(Role.VIEWER), "MN9") is None
    row = await newest(store)
    assert (row["object"], row["detail"]["outcome"]) == ("case (not known)", "not found")
    assert row["detail"]["objects"] == ["case MN9"]
    async with store.read() as conn:
        assert await audit.found(conn, cases=["MN9"]) == []


async def test_what_cannot_be_recorded_is_not_shown(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(audit, "add", full)
    with pytest.raises(Unrecorded):
        await reader.case(person(Role.VIEWER), "MN1")


async def test_words_are_masked_like_the_rest(reader: Reader) -> None:
    found = await reader.described(person(Role.VIEWER), "out-1")
    clear = await reader.described(person(Role.SUPERVISOR), "out-1", WHY)
    assert found is not None
    assert clear is not None
    assert "NORDQUIST" not in found[1]
    assert "NORDQUIST" in clear[1]
