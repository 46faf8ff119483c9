"""Describe how patient the gateway is with each class of failure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from csenet.gateway.delivery.patience import Patience
from csenet.gateway.settings.kinds import LengthOfTime, Section, known_jurisdiction

Partner = Annotated[str, AfterValidator(known_jurisdiction)]
Delay = Annotated[float, Field(gt=0, le=86_400)]


class RetryClass(Section):
    """Say what is otherwise for one class of failures; what is left out is as in ``[delivery]``."""

    first_delay_seconds: Delay | None = None
    max_delay_seconds: Delay | None = None
    give_up_after: LengthOfTime | None = None
    permanent: bool = False

    @model_validator(mode="after")
    def _sensible(self) -> RetryClass:
        """Refuse a longest delay below the first one, and patience with what is not tried again."""
        first, longest = self.first_delay_seconds, self.max_delay_seconds
        if first is not None and longest is not None and longest < first:
            raise ValueError(f"max_delay_seconds must not be less than first_delay_seconds ({first:g})")
        if self.permanent and len(self.model_fields_set) > 1:
            raise ValueError("permanent is not tried again; take the delays out")
        return self

    def patience(self) -> Patience:
        """Give it as the courier takes it."""
        after = self.give_up_after
        return Patience(
            first_delay=self.first_delay_seconds,
            max_delay=self.max_delay_seconds,
            give_up_after=None if after is None else after.total_seconds(),
            permanent=self.permanent,
        )


class RetryPartner(Section):
    """Say for how long what goes to one partner is tried; never longer than all else."""

    give_up_after: LengthOfTime


class RetrySection(Section):
    """Name the classes: how a try can fail; and partners, by their two digits."""

    connect: RetryClass | None = None
    timeout: RetryClass | None = None
    tls: RetryClass | None = None
    http_429: RetryClass | None = None
    http_4xx: RetryClass | None = None
    http_5xx: RetryClass | None = None
    receipt: RetryClass | None = None
    other: RetryClass | None = None
    partner: dict[Partner, RetryPartner] = Field(default_factory=dict)

    def classes(self) -> dict[str, Patience]:
        """Give those that are set, by name."""
        named = {name: getattr(self, name) for name in type(self).model_fields if name != "partner"}
        return {name: each.patience() for name, each in named.items() if each is not None}

    def partners(self) -> dict[str, float]:
        """Give the seconds after which what goes to a partner is given up."""
        return {name: each.give_up_after.total_seconds() for name, each in self.partner.items()}
