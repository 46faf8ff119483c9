"""Describe how the intake folder is set."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from csenet.gateway.settings.kinds import Section


def name_end(value: str) -> str:
    """Refuse what is no end of a file's name."""
    if re.fullmatch(r"\.[A-Za-z0-9._-]{1,32}", value) is None:
        raise ValueError('must be the end of a name, with its full stop, such as ".done"')
    return value


Suffix = Annotated[str, AfterValidator(name_end)]


class IntakeFolder(Section):
    """Name the folder of the exchange's files, and say how a whole file is told there.

    Without the last three a file is whole when it is renamed into place; each adds a condition, for senders
    that write into a network share.
    """

    path: Path
    archive: Path | None = None
    poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    stable_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    lock_suffix: Suffix | None = None
    done_suffix: Suffix | None = None

    @model_validator(mode="after")
    def _apart(self) -> IntakeFolder:
        """Refuse one name for two opposite signs."""
        if self.lock_suffix is not None and self.lock_suffix == self.done_suffix:
            raise ValueError("lock_suffix and done_suffix are the same; a lock says wait, a marker says go")
        return self
