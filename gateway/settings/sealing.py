"""Describe what may be set about the sealing of content."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class SealingSection(BaseModel):
    """Say where the key is that wraps the data keys of the store.

    With ``file`` it is made at the first start in ``key_file``, which is ``keys/wrapping.key`` in the data
    folder if left out; with ``systemd`` it comes as the credential of that name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    enabled: bool = True
    provider: Literal["file", "systemd"] = "file"
    key_file: Path | None = None
    credential: str = "csenet-wrapping-key"
