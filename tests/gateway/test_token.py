"""The wrapping key on a token: SoftHSM, each test with a token folder of its own."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from csenet.gateway.cli import main
from csenet.gateway.intake.archive import closed, opened
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store import token as tokens
from csenet.gateway.store.errors import SealingError
from csenet.gateway.store.token import Pin, TokenKeys
from csenet.gateway.store.wrapping import Following, HeldKeys, Wrapped

from .patience import BOUND

MODULES = [
    Path(each)
    for each in (
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    )
]
LABEL = "csenet-wrapping-key"
PIN = "271828"
SECRET = bytes(range(32))
SETTINGS = """
[gateway]
jurisdiction = "27"
data_dir = "data"
[delivery.folder]
path = "out"
"""


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a token "csenet" in a folder of this test's, and its PIN; skip without SoftHSM unless demanded."""
    found = next((each for each in MODULES if each.exists()), None)
    if found is None or shutil.which("softhsm2-util") is None or importlib.util.find_spec("pkcs11") is None:
        assert "CSENET_REQUIRE_SOFTHSM" not in os.environ, "no SoftHSM, and this test may not be skipped"
        pytest.skip("SoftHSM (Debian: softhsm2) or python-pkcs11 is not on this machine")
    import pkcs11

    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(
        f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n"
    )
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    init_token("csenet")
    (tmp_path / "token.pin").write_text(PIN + "\n")
    (tmp_path / "token.pin").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    yield found
    tokens.forget()
    pkcs11.unload(str(found))


def init_token(label: str) -> None:
    command = [
        "softhsm2-util",
        "--init-token",
        "--free",
        "--label",
        label,
        "--pin",
        PIN,
        "--so-pin",
        "3141592",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=BOUND)


@pytest.fixture
def keys(module: Path, tmp_path: Path) -> TokenKeys:
    return TokenKeys(module, "csenet", LABEL, Pin(tmp_path / "token.pin"))


def settings(module: Path, more: str = "") -> str:
    return (
        f'{SETTINGS}[sealing]\nprovider = "pkcs11"\npkcs11_module = "{module}"\npkcs11_token = "csenet"\n'
        f'pkcs11_pin_file = "token.pin"\n{more}'
    )


def test_the_token_wraps_and_unwraps_and_its_key_cannot_be_read(keys: TokenKeys) -> None:
    import pkcs11

    assert keys.present() is None
    name = keys.make()
    assert keys.present() == name
    wrapped = keys.wrap(SECRET, b"about")
    assert (wrapped.by, len(wrapped.data)) == (name, 12 + 32 + 16)
    assert keys.unwrap(wrapped, b"about") == SECRET
    session = keys._session()
    (key,) = session.get_objects({pkcs11.Attribute.LABEL: LABEL})
    with pytest.raises(pkcs11.exceptions.AttributeSensitive):
        key[pkcs11.Attribute.VALUE]
    assert key[pkcs11.Attribute.NEVER_EXTRACTABLE]


def test_what_was_changed_or_is_for_something_else_does_not_open(keys: TokenKeys) -> None:
    keys.make()
    wrapped = keys.wrap(SECRET, b"about")
    with pytest.raises(SealingError, match="does not open"):
        keys.unwrap(wrapped, b"other")
    for place in (0, 20, -1):
        data = bytearray(wrapped.data)
        data[place] ^= 1
        with pytest.raises(SealingError, match="does not open"):
            keys.unwrap(Wrapped(wrapped.by, bytes(data)), b"about")


def test_the_next_key_wraps_and_earlier_ones_still_open(keys: TokenKeys) -> None:
    names, wrapped = [], []
    for _ in range(3):
        names.append(keys.make())
        wrapped.append(keys.wrap(SECRET, b"about"))
    assert [each.by for each in wrapped] == names == sorted(set(names))
    assert all(keys.unwrap(each, b"about") == SECRET for each in wrapped)
    with pytest.raises(SealingError, match="wrapped with key beef, but"):
        keys.unwrap(Wrapped("beef", wrapped[0].data), b"about")


# The binding complains where nobody can hear it about a search in a session that is gone.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_session_that_was_lost_is_opened_again(keys: TokenKeys) -> None:
    name = keys.make()
    keys._session().close()
    assert keys.present() == name
    keys._session().close()
    assert keys.unwrap(keys.wrap(SECRET, b"about"), b"about") == SECRET


def test_a_key_that_another_process_makes_is_seen_by_a_running_one(
    module: Path, keys: TokenKeys, tmp_path: Path
) -> None:
    (tmp_path / "gateway.toml").write_text(settings(module))
    assert keys.present() is None
    command = [sys.executable, "-m", "csenet.gateway", "keys", "init"]
    made = subprocess.run(command, check=True, capture_output=True, text=True, timeout=BOUND)
    assert f"wrapping key {keys.present()} made" in made.stdout


def test_a_key_that_could_be_read_out_is_refused(keys: TokenKeys) -> None:
    import pkcs11

    keys.present()
    template = {pkcs11.Attribute.SENSITIVE: False, pkcs11.Attribute.EXTRACTABLE: True}
    with keys._session().token.open(rw=True) as writing:
        writing.generate_key(pkcs11.KeyType.AES, 256, id=b"\x01", label=LABEL, store=True, template=template)
    with pytest.raises(SealingError, match="can be read out in the clear"):
        keys.present()


def test_a_wrong_pin_is_tried_once_and_a_new_one_counts_at_once(
    keys: TokenKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make()
    (tmp_path / "token.pin").write_text("000000")
    tried = []
    library = TokenKeys._library

    def counted(self: TokenKeys) -> object:
        tried.append(self)
        return library(self)

    monkeypatch.setattr(TokenKeys, "_library", counted)
    for _ in range(3):
        with pytest.raises(SealingError, match=r"refuses the PIN from .*token\.pin"):
            keys.present()
    assert len(tried) == 1, "a token that counts wrong ones is not locked by us"
    (tmp_path / "token.pin").write_text(PIN)
    assert keys.present() is not None


def test_the_last_try_is_left_to_a_person(keys: TokenKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    import pkcs11

    token = type("Token", (), {"flags": pkcs11.TokenFlag.USER_PIN_FINAL_TRY})()
    library = type("Library", (), {"get_token": lambda self, token_label: token})()
    monkeypatch.setattr(TokenKeys, "_library", lambda self: library)
    with pytest.raises(SealingError, match="one more wrong PIN locks"):
        keys.present()


def test_a_token_that_does_not_keep_to_our_nonce_loses_nothing(
    keys: TokenKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make()
    given, gcm = iter((bytes(12), bytes([1]) * 12)), tokens._gcm
    monkeypatch.setattr(tokens, "_gcm", lambda nonce, about: gcm(next(given), about))
    with pytest.raises(SealingError, match="does not open"):
        keys.wrap(SECRET, b"about")


def test_the_pin_comes_from_a_private_file_or_from_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SealingError, match="name a file of mode 0600"):
        Pin(None).read()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SealingError, match="cannot be read from the systemd credential"):
        Pin(None).read()
    file = tmp_path / tokens.PIN_CREDENTIAL
    file.write_text(PIN + "\n")
    file.chmod(0o440)
    assert Pin(None).read() == PIN
    with pytest.raises(SealingError, match="chmod 600"):
        Pin(file).read()
    file.chmod(0o600)
    assert Pin(file).read() == PIN
    file.write_text("\n")
    with pytest.raises(SealingError, match="holds no PIN"):
        Pin(file).read()


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    keys = TokenKeys(tmp_path / "none.so", "csenet", LABEL, Pin(None))
    for asked in (keys.present, keys.make, lambda: keys.unwrap(Wrapped("beef", b""), b"")):
        with pytest.raises(SealingError, match=r"csenet-gateway\[pkcs11\]"):
            asked()


def test_a_store_lives_with_its_key_on_the_token(module: Path, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(settings(module))
    look = invoke("doctor", "--json")
    assert "csenet keys init does so now" in look.stdout
    assert "made; back up the key" in invoke("keys", "init").stdout
    assert "is there; csenet keys rotate" in invoke("keys", "init").stdout
    made = invoke("db", "upgrade")
    assert (made.exit_code, made.stderr) == (0, ""), made.output
    before = json.loads(invoke("keys", "status", "--json").stdout)
    assert {each["wrapped_by"] for each in before["data_keys"]} == {before["wrapping_key"]}
    assert before["where"] == f'the key "{LABEL}" on the token "csenet"'
    assert invoke("keys", "rotate", "--wrapping").exit_code == 0
    after = json.loads(invoke("keys", "status", "--json").stdout)
    assert {each["wrapped_by"] for each in after["data_keys"]} == {after["wrapping_key"]}
    assert after["wrapping_key"] > before["wrapping_key"]
    assert invoke("keys", "verify").exit_code == 0
    assert f"wrapping key {after['wrapping_key']}" in invoke("doctor", "--json").stdout
    assert not (tmp_path / "data" / "keys").exists(), "no key lies in a file"
    assert PIN not in invoke("config", "check").output


def test_a_store_moves_from_its_key_file_to_the_token_and_back(module: Path, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(SETTINGS)
    assert invoke("db", "upgrade").exit_code == 0
    file = tmp_path / "data" / "keys" / "wrapping.key"
    before = json.loads(invoke("keys", "status", "--json").stdout)["wrapping_key"]
    (tmp_path / "gateway.toml").write_text(settings(module))
    assert "sealing.former names the place before" in invoke("keys", "status").stderr
    (tmp_path / "gateway.toml").write_text(settings(module, 'former = "file"\n'))
    assert json.loads(invoke("keys", "status", "--json").stdout)["wrapping_key"] == before, (
        "it goes on meanwhile"
    )
    moved = invoke("keys", "rotate", "--wrapping")
    assert moved.exit_code == 0, moved.output
    assert 'on the token "csenet" now' in moved.stdout
    assert invoke("keys", "verify").exit_code == 0
    file.unlink()
    (tmp_path / "gateway.toml").write_text(settings(module))
    after = json.loads(invoke("keys", "status", "--json").stdout)
    assert {each["wrapped_by"] for each in after["data_keys"]} == {after["wrapping_key"]} != {before}
    assert invoke("keys", "verify").exit_code == 0
    back = 'provider = "file"\nformer = "pkcs11"'
    (tmp_path / "gateway.toml").write_text(settings(module).replace('provider = "pkcs11"', back))
    assert invoke("keys", "rotate", "--wrapping").exit_code == 0
    (tmp_path / "gateway.toml").write_text(SETTINGS)
    assert invoke("keys", "verify").exit_code == 0, "and back again"


def test_what_is_wrong_stops_each_command_and_the_doctor_names_it(module: Path, tmp_path: Path) -> None:
    init_token("other")
    text = settings(module)
    (tmp_path / "gateway.toml").write_text(text)
    assert invoke("db", "upgrade").exit_code == 0
    (tmp_path / "wrong.pin").write_text("000000")
    (tmp_path / "wrong.pin").chmod(0o600)
    cases = {
        text.replace("token.pin", "wrong.pin"): "put the right one there before trying again",
        text.replace('"csenet"', '"absent"'): 'there is no token "absent" (there is: "csenet", "other")',
        text + 'pkcs11_key = "absent"\n': '"absent" on the token "csenet" is missing; put it back',
        text.replace('"csenet"', '"other"'): 'on the token "other" is missing; put it back',
        text.replace(str(module), str(tmp_path / "token.pin")): "correct sealing.pkcs11_module",
    }
    for wrong, told in cases.items():
        (tmp_path / "gateway.toml").write_text(wrong)
        status = invoke("keys", "status")
        assert (status.exit_code, told in status.stderr) == (2, True), (told, status.output)
        found = json.loads(invoke("doctor", "--json").stdout)
        assert any(each["part"] in ("sealing", "store") and told in each["what"] for each in found), told
    (tmp_path / "gateway.toml").write_text(text + 'pkcs11_key = "second"\n')
    assert invoke("keys", "init").exit_code == 0
    assert "put the right key back" in invoke("keys", "status").stderr, "another key opens nothing"
    (tmp_path / "gateway.toml").write_text(text)
    assert invoke("keys", "verify").exit_code == 0, "nothing was changed"


def test_settings_name_what_a_token_needs_and_hold_no_pin(tmp_path: Path) -> None:
    from csenet.gateway.errors import SettingsError

    for more, told in (
        ('provider = "pkcs11"\n', "pkcs11 needs pkcs11_token"),
        ('former = "file"\n', "former is where the key was before"),
        (f'pkcs11_pin = "{PIN}"\n', "pkcs11_pin"),
    ):
        (tmp_path / "gateway.toml").write_text(f"{SETTINGS}[sealing]\n{more}")
        with pytest.raises(SettingsError) as error:
            load_settings(tmp_path / "gateway.toml", {})
        assert told in str(error.value)
        assert PIN not in str(error.value)


def test_archive_and_backup_are_sealed_with_the_token(module: Path, keys: TokenKeys, tmp_path: Path) -> None:
    former = HeldKeys()
    former.make()
    old = closed(b"of before", former)
    keys.make()
    copy = closed(b"27000 EXAMPLESON\n", keys)
    assert b"EXAMPLESON" not in copy
    both = Following(keys, former)
    assert (opened(copy, both), opened(old, both)) == (b"27000 EXAMPLESON\n", b"of before")
    (tmp_path / "gateway.toml").write_text(settings(module))
    (tmp_path / "a.txt").write_bytes(b"27000 EXAMPLESON\n")
    assert invoke("archive", "seal", "a.txt", "--output", "a.txt.sealed").exit_code == 0
    assert opened((tmp_path / "a.txt.sealed").read_bytes(), keys) == b"27000 EXAMPLESON\n"
    assert invoke("db", "upgrade").exit_code == 0
    made = invoke("backup", "create", "one.backup")
    assert made.exit_code == 0, made.output
    proved = invoke("backup", "verify", "one.backup")
    assert proved.exit_code == 0, proved.output
