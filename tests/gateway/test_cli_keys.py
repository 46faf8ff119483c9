"""The keys of a store are shown, changed and proved from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from csenet.gateway.cli import main

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
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gateway.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    made = invoke("db", "upgrade")
    assert made.exit_code == 0
    assert "Keep a copy of it apart from the store" in made.stderr
    return tmp_path


def test_the_first_start_makes_a_private_key_and_the_second_is_silent(folder: Path) -> None:
    key = folder / "data" / "keys" / "wrapping.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert invoke("db", "upgrade").stderr == ""
    told = json.loads(invoke("keys", "status", "--json").stdout)
    assert told["wrapping_key"] in key.read_text()
    assert {each["kind"] for each in told["data_keys"]} >= {"inbound", "outbound", "case", "work", "search"}
    assert all(each["sealed"] for each in told["tables"])


def test_both_kinds_of_keys_are_changed(folder: Path) -> None:
    before = json.loads(invoke("keys", "status", "--json").stdout)
    assert "back up" in invoke("keys", "rotate", "--wrapping").stdout
    assert "the old ones are destroyed" in invoke("keys", "rotate", "--data").stdout
    after = json.loads(invoke("keys", "status", "--json").stdout)
    assert after["wrapping_key"] != before["wrapping_key"]
    assert {each["generation"] for each in after["data_keys"] if each["kind"] != "search"} == {2}
    assert invoke("keys", "verify").exit_code == 0


def test_one_of_the_two_has_to_be_named(folder: Path) -> None:
    assert invoke("keys", "rotate").exit_code == 2
    assert invoke("keys", "rotate", "--wrapping", "--data").exit_code == 2


def test_a_missing_key_stops_each_command_and_says_what_to_do(folder: Path) -> None:
    (folder / "data" / "keys" / "wrapping.key").unlink()
    for words in (("keys", "status"), ("ledger", "check"), ("db", "upgrade")):
        result = invoke(*words)
        assert result.exit_code == 2
        assert "put it back from its backup" in result.stderr
    assert not (folder / "data" / "keys" / "wrapping.key").exists(), "no new key that would open nothing"


def test_a_sealed_store_is_not_opened_unsealed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSENET_SEALING__ENABLED", "false")
    assert "the store is sealed, but no key is set" in invoke("ledger", "check").stderr


def test_an_unsealed_store_has_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(SETTINGS + "[sealing]\nenabled = false\n")
    monkeypatch.chdir(tmp_path)
    assert invoke("db", "upgrade").exit_code == 0
    assert not (tmp_path / "data" / "keys").exists()
    assert "there are no keys" in invoke("keys", "status").stderr


def test_a_line_for_a_credential_is_a_new_key_each_time() -> None:
    one, two = invoke("keys", "make").stdout, invoke("keys", "make").stdout
    assert one.startswith("csenet-wrapping-key ")
    assert one != two
