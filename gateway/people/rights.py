"""Say which role has which right, and which right each operation, page and command needs.

The one table is `rights.toml`; what it does not name, nobody may use.  Loading refuses a table with a role or
right that stands nowhere else, so that a misspelt word closes no door silently and opens none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import msgspec

from csenet.gateway.errors import GatewayError

OPEN: Final = "open"
"""Stands in the table instead of a right where nobody's name is needed."""

Route = tuple[str, str]


class Role(StrEnum):
    """Name what somebody is here for; the last two are for programs."""

    VIEWER = "viewer"
    CASEWORKER = "caseworker"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    EXCHANGE = "exchange"
    CASESYSTEM = "casesystem"


class Right(StrEnum):
    """Name what may be allowed or not."""

    FIGURES_READ = "figures.read"
    LISTS_READ = "lists.read"
    CONTENT_READ = "content.read"
    CONTENT_UNMASK = "content.unmask"
    CONTENT_CLEAR = "content.clear"
    CONTENT_EXPORT = "content.export"
    TAX_READ = "tax.read"
    OFFICES_ALL = "offices.all"
    CASES_WRITE = "cases.write"
    TRANSACTIONS_SEND = "transactions.send"
    WORK_COMPLETE = "work.complete"
    WORK_DISTRIBUTE = "work.distribute"
    DELIVERY_OPERATE = "delivery.operate"
    DISCLOSURE_ASK = "disclosure.ask"
    DISCLOSURE_APPROVE = "disclosure.approve"
    HOLDS_MANAGE = "holds.manage"
    HOLDS_READ = "holds.read"
    POLICY_READ = "policy.read"
    AUDIT_READ = "audit.read"
    ACCOUNT_OWN = "account.own"
    PEOPLE_MANAGE = "people.manage"
    PARTICIPANTS_MANAGE = "participants.manage"
    TOKENS_MANAGE = "tokens.manage"
    SYSTEM_MANAGE = "system.manage"
    EXCHANGE_DELIVER = "exchange.deliver"


class RightsError(GatewayError):
    """Report a table that names what does not exist, or leaves out what does."""


class RoleRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say whether people or programs hold a role, and what it is for."""

    kind: str
    text: str


class RightRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say what a right allows and which roles have it."""

    text: str
    roles: tuple[Role, ...]


class Rights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the table, checked."""

    roles: dict[Role, RoleRow]
    rights: dict[Right, RightRow]
    operations: dict[str, str]
    pages: dict[str, str]
    commands: dict[str, str]
    twins: dict[str, tuple[str, ...]]
    """What each page does, at the command line."""

    def roles_with(self, right: Right) -> frozenset[Role]:
        """List the roles that have a right."""
        return frozenset(self.rights[right].roles)

    def of_roles(self, roles: Collection[Role]) -> frozenset[Right]:
        """List the rights that somebody with these roles has."""
        held = set(roles)
        return frozenset(right for right, row in self.rights.items() if not held.isdisjoint(row.roles))

    def of_kind(self, kind: str) -> tuple[Role, ...]:
        """List the roles of people (``person``) or of programs (``machine``), in the order of the table."""
        return tuple(role for role, row in self.roles.items() if row.kind == kind)

    def page_routes(self) -> Iterator[tuple[Route, str]]:
        """Give each page as method and path template, with what it needs."""
        for place, needed in self.pages.items():
            method, _, path = place.partition(" ")
            yield (method, path), needed

    def of_command(self, words: Collection[str]) -> str | None:
        """Find what a command needs, by the longest row that its words begin with; None if it has no row."""
        told = tuple(words)
        for length in range(len(told), 0, -1):
            found = self.commands.get(" ".join(told[:length]))
            if found is not None:
                return found
        return None


@cache
def table() -> Rights:
    """Load the table once; raises RightsError."""
    return read(resources.files(__package__).joinpath("rights.toml").read_text("utf-8"))


def read(text: str) -> Rights:
    """Read a table and refuse one with gaps: every role, right and need must be known and used."""
    try:
        found = msgspec.convert(tomllib.loads(text), Rights)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RightsError(f"rights.toml: {error}") from None
    problems = list(_gaps(found))
    if problems:
        raise RightsError("rights.toml: " + "; ".join(problems))
    return found


def _gaps(found: Rights) -> Iterator[str]:
    """Name each word that is missing or means nothing."""
    yield from (f"role {role} has no row" for role in Role if role not in found.roles)
    yield from (f"right {right} has no row" for right in Right if right not in found.rights)
    for role, row in found.roles.items():
        if row.kind not in ("person", "machine"):
            yield f"role {role}: kind must be person or machine"
    yield from (f"right {right} is nobody's" for right, row in found.rights.items() if not row.roles)
    known = {OPEN, *Right}
    needs: Mapping[str, Mapping[str, Any]] = {
        "operations": found.operations,
        "pages": found.pages,
        "commands": found.commands,
    }
    for section, rows in needs.items():
        yield from (
            f"{section}: {name}: no right {need!r}" for name, need in rows.items() if need not in known
        )


def allows(roles: frozenset[Role], needed: str | None) -> bool:
    """Tell whether roles open what needs a right; what has no row opens for nobody."""
    if needed is None:
        return False
    return needed == OPEN or Right(needed) in rights_of(roles)


@cache
def rights_of(roles: frozenset[Role]) -> frozenset[Right]:
    """List the rights of a set of roles; asked on each request, so kept."""
    return table().of_roles(roles)


FORMER: Final[Mapping[str, Role]] = MappingProxyType(
    {"caseworker": Role.CASESYSTEM, "admin": Role.ADMINISTRATOR}
)
"""What the roles of tokens were called before people had accounts."""
