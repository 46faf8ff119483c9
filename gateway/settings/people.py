"""Describe what may be set about people: how they prove who they are, for how long, what they are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from csenet.gateway.people.rights import Role, table
from csenet.gateway.settings.kinds import LengthOfTime, ProxyAddress, ReadableFile, Section, Text, plain_url


def _role_of_people(value: str) -> str:
    """Refuse a role that people cannot have."""
    known = table().of_kind("person")
    if value not in known:
        raise ValueError(f"must be one of {', '.join(known)}")
    return value


PersonRole = Annotated[str, AfterValidator(_role_of_people)]


class OpenIdSection(Section):
    """Name an issuer of identities (OpenID Connect) at which people may sign in.

    ``roles`` turns values of the claim ``roles_claim`` into roles of ours; somebody with none of them is not
    let in.  The client's secret stands in a file, never in the settings.
    """

    issuer: Annotated[str, AfterValidator(plain_url)]
    client_id: Text
    secret_file: ReadableFile | None = None
    public_url: Annotated[str, AfterValidator(plain_url)]
    label: Text = "agency account"
    scopes: tuple[Text, ...] = ("openid", "profile")
    name_claim: Text = "preferred_username"
    roles_claim: Text = "roles"
    offices_claim: Text = "offices"
    roles: dict[str, PersonRole] = Field(default_factory=dict)

    def secret(self) -> str | None:
        """Read the client's secret."""
        return self.secret_file.read_text("utf-8").strip() if self.secret_file else None


class PeopleSection(Section):
    """Say how people sign in and what they read before they do.

    ``codes_for`` lists the roles that need a one-time code besides the password.  ``idle`` and ``longest``
    end a sign-in.  ``command_line`` says whether commands want a sign-in too (``accounts``).  After
    ``lock_after`` failures in a row an account is locked for ``lock_for``, and each further one doubles
    that.  An address from which ``wrong_per_hour`` tries were wrong waits, so that one machine cannot lock
    out everybody; ``proxies`` may say for others from where they come (``X-Forwarded-For``).  The texts are
    the agency's own: ``banner`` stands above the sign-in, the others have pages.
    """

    codes_for: frozenset[PersonRole] = frozenset(str(role) for role in table().of_kind("person"))
    password_length: Annotated[int, Field(ge=8, le=128)] = 12
    first_password: LengthOfTime = timedelta(hours=24)
    lock_after: Annotated[int, Field(ge=1, le=100)] = 3
    lock_for: LengthOfTime = timedelta(minutes=15)
    wrong_per_hour: Annotated[int, Field(ge=1, le=100_000)] = 30
    proxies: tuple[ProxyAddress, ...] = ()
    idle: LengthOfTime = timedelta(minutes=15)
    longest: LengthOfTime = timedelta(hours=10)
    command_line: Annotated[str, Field(pattern="^(everything|accounts)$")] = "everything"
    banner: ReadableFile | None = None
    privacy: ReadableFile | None = None
    disclaimers: ReadableFile | None = None
    links: ReadableFile | None = None
    openid: OpenIdSection | None = None

    @model_validator(mode="after")
    def _ordered(self) -> PeopleSection:
        """Refuse an idle time that never comes before the longest one."""
        if self.idle > self.longest:
            raise ValueError("idle must not be longer than longest")
        return self

    def needs_code(self, roles: frozenset[Role]) -> bool:
        """Tell whether somebody with these roles needs one-time codes."""
        return not self.codes_for.isdisjoint(str(role) for role in roles)
