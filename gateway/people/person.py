"""Say who acts: a person who signed in, a program with a token, or a user of the machine's command line."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from aiohttp import hdrs, web

from csenet.gateway.people.rights import Right, Role, allows, rights_of, table
from csenet.gateway.people.system import system_user

_LONGEST_AGENT: Final = 200


class Kind(StrEnum):
    """Tell how somebody proved who they are."""

    PERSON = "person"
    MACHINE = "machine"
    PARTICIPANT = "participant"
    """Somebody of a case, who signed in to see their own and has no role here."""
    SYSTEM = "system"
    """A user of the operating system who may open the store's files."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Hold who acts and from where; `name` stands in the audit and names nobody else.

    `offices` binds those who may not see every office.  `session` names the sign-in or token without its
    secret.
    """

    name: str
    kind: Kind
    roles: frozenset[Role]
    offices: frozenset[str] = frozenset()
    source: str = ""
    agent: str = ""
    session: str = ""

    def may(self, right: Right) -> bool:
        """Tell whether one of the roles has a right."""
        return right in rights_of(self.roles)

    def may_run(self, words: Sequence[str]) -> bool:
        """Tell whether a command, told by its words, is for one of the roles."""
        return allows(self.roles, table().of_command(words))

    @property
    def scope(self) -> frozenset[str] | None:
        """Give the offices whose cases may be seen; None means all.

        Cases without an office are the agency's as a whole and are in everybody's scope.
        """
        return None if self.may(Right.OFFICES_ALL) else self.offices


def machine(name: str, roles: frozenset[Role], request: web.Request, session: str) -> Person:
    """Make the person that stands for a program."""
    return Person(
        name=name,
        kind=Kind.MACHINE,
        roles=roles,
        source=source_of(request),
        session=session,
        agent=agent_of(request),
    )


def source_of(request: web.Request, proxies: Collection[str] | None = None) -> str:
    """Give the address of whoever calls; headers that anybody may set are not believed.

    A proxy that the agency named may say it for others: what it adds is the last entry of the last header.
    """
    source = request.remote or ""
    named = request.app.get(PROXIES) if proxies is None else tuple(proxies)
    if named is None or source not in named:
        return source
    told = ",".join(request.headers.getall("X-Forwarded-For", ())).rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(told))
    except ValueError:
        return source


def agent_of(request: web.BaseRequest) -> str:
    """Give what the caller says about its program, cut to a sane length and printable."""
    told = request.headers.get(hdrs.USER_AGENT, "")[:_LONGEST_AGENT]
    return "".join(each if each.isprintable() else "?" for each in told)


def system_person(roles: frozenset[Role] | None = None) -> Person:
    """Make the person who types commands.

    Whoever may open the store's files could do everything anyway, so they have all roles of people, unless
    told less.
    """
    held = frozenset(table().of_kind("person")) if roles is None else roles
    return Person(name=system_user(), kind=Kind.SYSTEM, roles=held, session="command line")


PERSON: Final = web.RequestKey("person", Person)
PROXIES: Final = web.AppKey("proxies", tuple[str, ...])
"""The addresses of proxies that may say from where others call."""
