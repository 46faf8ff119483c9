"""Describe what may be set about the sealing of content."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from csenet.gateway.settings.kinds import ReadableFile, Section, Text

Provider = Literal["file", "systemd", "pkcs11"]


class SealingSection(Section):
    """Say where the key is that wraps the data keys of the store.

    With ``file`` it is made at the first start in ``key_file``, which is ``keys/wrapping.key`` in the data
    folder if left out; with ``systemd`` it comes as the credential of that name; with ``pkcs11`` it is on the
    token of that label and stays there.  ``former`` still opens what it wrapped before the move.
    """

    enabled: bool = True
    provider: Provider = "file"
    former: Provider | None = None
    key_file: Path | None = None
    credential: str = "csenet-wrapping-key"
    pkcs11_module: ReadableFile | None = None
    pkcs11_token: Text | None = None
    pkcs11_key: Text = "csenet-wrapping-key"
    pkcs11_pin_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _complete(self) -> SealingSection:
        """Refuse a token without its module or label, and a move to where the key was."""
        if "pkcs11" in (self.provider, self.former):
            _ = self.token
        if self.provider == self.former:
            raise ValueError("former is where the key was before; leave it out where nothing moves")
        return self

    @property
    def token(self) -> tuple[Path, str]:
        """Return the module and the label of the token."""
        if self.pkcs11_module is None or self.pkcs11_token is None:
            raise ValueError(
                "pkcs11 needs pkcs11_token, the label of the token, and pkcs11_module, its maker's library, "
                'such as "/usr/lib/softhsm/libsofthsm2.so"'
            )
        return self.pkcs11_module, self.pkcs11_token
