"""Wrap data keys inside a PKCS#11 token, out of which the wrapping key never comes.

The token makes the key, and encrypts and decrypts thirty-two bytes with it: AES-256 in GCM, bound to what the
data key is for, in the form in which keys of a file wrap.  Keys of one label follow each other by their ID: a
count of four bytes and eight random ones, and the highest wraps.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from csenet.gateway.store.errors import SealingError
from csenet.gateway.store.wrapping import Wrapped, wrong_key

PIN_CREDENTIAL: Final = "csenet-token-pin"
"""The name under which systemd hands the PIN over where no file of it is named."""

_NONCE: Final = 12
_COUNT: Final = 4
_MOST: Final = 32
"""How many bytes of an ID can be written as the name of a key."""

_LOCK: Final = threading.Lock()
_SESSIONS: Final[dict[tuple[str, str], tuple[str, Any]]] = {}
"""Holds a session for each token, with its PIN's digest: a log-in counts for the whole process."""

_REFUSED: Final[set[tuple[str, str, str]]] = set()
"""Remembers PINs that a token refused: a token counts wrong ones and locks."""

_T = TypeVar("_T")


class Pin:
    """Read the PIN of a token from a file of its owner's, or from systemd, each time it is needed."""

    def __init__(self, file: Path | None) -> None:
        """Remember where it is."""
        self._file = file
        self.where = str(file) if file is not None else f"the systemd credential {PIN_CREDENTIAL}"

    def read(self) -> str:
        """Return the PIN; raises ``SealingError`` where there is none, or others can read its file."""
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if self._file is None and not folder:
            raise SealingError(
                "sealing: there is no PIN for the token; name a file of mode 0600 in "
                f"sealing.pkcs11_pin_file, or add LoadCredentialEncrypted={PIN_CREDENTIAL}:… to the unit"
            )
        file = self._file or Path(folder or "") / PIN_CREDENTIAL
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
            pin = file.read_text("utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise SealingError(f"sealing: the PIN cannot be read from {self.where}") from None
        if self._file is not None and mode & 0o077:
            raise SealingError(f"sealing: others can read {file} (mode {mode:04o}); run chmod 600 on it")
        if not pin:
            raise SealingError(f"sealing: {self.where} holds no PIN")
        return pin


class TokenKeys:
    """Have a token wrap and unwrap; nothing is asked of it before it is needed."""

    def __init__(self, module: Path, token: str, label: str, pin: Pin) -> None:
        """Remember the module's library, the labels of token and key, and where the PIN is."""
        self._module, self._token, self._label, self._pin = str(module), token, label, pin
        self.where = f'the key "{label}" on the token "{token}"'

    def present(self) -> str | None:
        """Return the ID of the newest key of that label, None where the token has none."""
        names = self._names()
        return names[-1] if names else None

    def make(self) -> str:
        """Have the token make the next key, of which no copy can be taken in the clear."""

        def work(session: Any) -> str:
            import pkcs11

            last = max(self._keys(session), default=b"")
            count = int.from_bytes(last[:_COUNT].ljust(_COUNT, b"\x00")) + 1
            if count >= 256**_COUNT:
                raise SealingError(f"sealing: no ID is left behind {last.hex()}, that of {self.where}")
            name = count.to_bytes(_COUNT) + os.urandom(8)
            # The session that reads cannot write; this one shares its log-in and leaves it as it is.
            with session.token.open(rw=True) as writing:
                writing.generate_key(
                    pkcs11.KeyType.AES,
                    256,
                    id=name,
                    label=self._label,
                    store=True,
                    capabilities=pkcs11.MechanismFlag.ENCRYPT | pkcs11.MechanismFlag.DECRYPT,
                    template={
                        pkcs11.Attribute.PRIVATE: True,
                        pkcs11.Attribute.SENSITIVE: True,
                        pkcs11.Attribute.EXTRACTABLE: False,
                    },
                )
            return name.hex()

        return self._ask(work)

    def wrap(self, secret: bytes, about: bytes) -> Wrapped:
        """Have the token encrypt, and prove at once that it decrypts what comes back.

        A token that puts a nonce of its own in the place of ours would lose the data key.
        """
        name = self.present()
        if name is None:
            raise SealingError(f"sealing: there is no wrapping key: {self.where} is missing")
        nonce = os.urandom(_NONCE)

        def work(session: Any) -> bytes:
            key = self._key(session, name)
            return nonce + bytes(key.encrypt(secret, **_gcm(nonce, about)))

        wrapped = Wrapped(name, self._ask(work))
        if self.unwrap(wrapped, about) != secret:
            raise SealingError(f"sealing: {self.where} does not decrypt what it encrypts; use another token")
        return wrapped

    def unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        """Have the token decrypt, with the key that encrypted."""
        import_or_refuse()
        import pkcs11

        def work(session: Any) -> bytes | None:
            key = self._key(session, wrapped.by)
            try:
                return bytes(key.decrypt(wrapped.data[_NONCE:], **_gcm(wrapped.data[:_NONCE], about)))
            except (
                pkcs11.exceptions.EncryptedDataInvalid,
                pkcs11.exceptions.EncryptedDataLenRange,
                pkcs11.exceptions.GeneralError,
                pkcs11.exceptions.FunctionFailed,
            ):
                return None  # what tokens say of a tag that is wrong

        found = self._ask(work)
        if found is None:
            raise SealingError(
                f"sealing: {self.where} does not open what the key of ID {wrapped.by} wrapped: either that "
                "was changed, then restore it from a backup, or the token has another key of the same ID"
            )
        return found

    def _names(self) -> list[str]:
        return [each.hex() for each in self._ask(lambda session: sorted(self._keys(session)))]

    def _keys(self, session: Any) -> dict[bytes, Any]:
        """Find all keys of the label by their ID; one that can be read out, or not be named, is refused."""
        import pkcs11

        wanted = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
            pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.AES,
            pkcs11.Attribute.LABEL: self._label,
        }
        found: dict[bytes, Any] = {}
        for key in list(session.get_objects(wanted)):
            name = bytes(key[pkcs11.Attribute.ID])
            if not 0 < len(name) <= _MOST or name in found:
                raise SealingError(
                    f"sealing: {self.where} has no ID of its own of 1 to {_MOST} bytes; give it one, or "
                    "choose another label in sealing.pkcs11_key"
                )
            if not key[pkcs11.Attribute.SENSITIVE]:
                raise SealingError(
                    f"sealing: {self.where} can be read out in the clear (not CKA_SENSITIVE); choose another "
                    "label in sealing.pkcs11_key and let csenet keys init make one"
                )
            found[name] = key
        return found

    def _key(self, session: Any, name: str) -> Any:
        keys = {each.hex(): key for each, key in self._keys(session).items()}
        if name not in keys:
            raise wrong_key(name, sorted(keys), self.where)
        return keys[name]

    def _ask(self, work: Callable[[Any], _T]) -> _T:
        """Do something in the session, once more in a new one: a token may have been away meanwhile."""
        import_or_refuse()
        from pkcs11.exceptions import PKCS11Error

        with _LOCK:
            with contextlib.suppress(PKCS11Error):
                if (self._module, self._token) in _SESSIONS:
                    return work(self._session())
            _close((self._module, self._token))
            session = self._session()
            try:
                return work(session)
            except PKCS11Error as error:
                raise self._told(error) from None

    def _session(self) -> Any:
        """Give the session of the token, opened with the PIN as it is now."""
        pin, place = self._pin.read(), (self._module, self._token)
        digest = hashlib.sha256(pin.encode()).hexdigest()
        before = _SESSIONS.get(place)
        if before is not None and before[0] == digest:
            return before[1]
        _close(place)
        session = self._log_in(pin, digest)
        _SESSIONS[place] = (digest, session)
        return session

    def _log_in(self, pin: str, digest: str) -> Any:
        import pkcs11

        wrong = (self._module, self._token, digest)
        if wrong in _REFUSED:
            raise self._told(pkcs11.exceptions.PinIncorrect())
        library = self._library()
        try:
            token = library.get_token(token_label=self._token)
            if pkcs11.TokenFlag.USER_PIN_FINAL_TRY in token.flags:
                raise SealingError(
                    f'sealing: one more wrong PIN locks the token "{self._token}", so none is tried; make '
                    f"sure of {self._pin.where}, then log in once with the token's own tool"
                )
            try:
                return token.open(user_pin=pin)
            except pkcs11.exceptions.UserAlreadyLoggedIn:
                return token.open()
        except pkcs11.exceptions.PKCS11Error as error:
            if isinstance(error, pkcs11.exceptions.PinIncorrect):
                _REFUSED.add(wrong)
            raise self._told(error, library) from None

    def _library(self) -> Any:
        import pkcs11

        try:
            return pkcs11.lib(self._module)
        except (pkcs11.exceptions.PKCS11Error, RuntimeError):
            raise SealingError(
                f"sealing: {self._module} cannot be used as a PKCS#11 module; correct sealing.pkcs11_module, "
                "or look whether the module's own settings can be read by this user"
            ) from None

    def _told(self, error: Exception, library: Any = None) -> SealingError:
        """Put a token's answer into words that say what to do."""
        name = type(error).__name__
        text = _WORDS.get(name, f"the token {{token}} answers {name}; see its own log and documentation")
        there = ""
        if name == "NoSuchToken" and library is not None:
            labels = sorted(each.label for each in library.get_tokens())
            there = ", ".join(f'"{each}"' for each in labels if each) or "none"
        told = text.format(token=f'"{self._token}"', pin=self._pin.where, there=there, module=self._module)
        return SealingError(f"sealing: {told}")


_AWAY: Final = "the token {token} is away; connect it, then try again"
_WRONG_PIN: Final = (
    "the token {token} refuses the PIN from {pin}; put the right one there before trying again: after a few "
    "wrong ones tokens lock"
)
_NO_GCM: Final = "the token {token} cannot do what sealing needs: AES-GCM with 256 bits"
_WORDS: Final = {
    "NoSuchToken": (
        "there is no token {token} (there is: {there}); connect it, or correct sealing.pkcs11_token. "
        "{module} may also want settings of its own, such as SOFTHSM2_CONF"
    ),
    "MultipleTokensReturned": "several tokens are called {token}; give each a label of its own",
    "TokenNotPresent": _AWAY,
    "TokenNotRecognised": _AWAY,
    "DeviceRemoved": _AWAY,
    "PinIncorrect": _WRONG_PIN,
    "PinInvalid": _WRONG_PIN,
    "PinLenRange": _WRONG_PIN,
    "PinExpired": "the PIN of the token {token} has expired; set a new one and put it into {pin}",
    "PinLocked": (
        "the token {token} has locked its PIN after too many wrong ones; its security officer sets a new "
        "one, which goes into {pin}"
    ),
    "UserPinNotInitialized": "the token {token} has no user PIN yet; its security officer sets one",
    "TokenWriteProtected": "the token {token} is protected against writing; no key can be made on it",
    "MechanismInvalid": _NO_GCM,
    "MechanismParamInvalid": _NO_GCM,
    "FunctionNotSupported": _NO_GCM,
}


def import_or_refuse() -> None:
    """Raise ``SealingError`` where the package that speaks to tokens is not installed."""
    try:
        import pkcs11  # noqa: F401
    except ImportError:
        raise SealingError(
            "sealing: tokens need the extra \"pkcs11\": pip install 'csenet-gateway[pkcs11]'"
        ) from None


def forget() -> None:
    """Close all sessions and forget refused PINs."""
    with _LOCK:
        for place in list(_SESSIONS):
            _close(place)
        _REFUSED.clear()


def _gcm(nonce: bytes, about: bytes) -> dict[str, Any]:
    import pkcs11

    return {
        "mechanism": pkcs11.Mechanism.AES_GCM,
        "mechanism_param": pkcs11.GCMParams(nonce, about, 128),
    }


def _close(place: tuple[str, str]) -> None:
    from pkcs11.exceptions import PKCS11Error

    _, session = _SESSIONS.pop(place, ("", None))
    if session is not None:
        with contextlib.suppress(PKCS11Error):
            session.close()
