"""The command line tells how to use it, keeps to its exit codes, and its examples work as printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from csenet.gateway import log
from csenet.gateway.cli import common, main

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
Words = tuple[str, ...]
SETTINGS = """\
[gateway]
jurisdiction = "27"
data_dir = "data"
[delivery.folder]
path = "out"
"""


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command line in this process."""
    return CliRunner(env={"CSENET_CONFIG": None}).invoke(
        main, list(arguments), input=stdin, prog_name="csenet"
    )


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Leave logging as it was."""
    yield
    log.reset()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with settings and the repository's fixtures, as the examples assume."""
    (tmp_path / "gateway.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give every command that can be run, with the words that lead to it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, (*path, name))


EVERY = [path for path, _ in commands(main) if path != ("demo",)]


def examples(path: tuple[str, ...]) -> list[str]:
    """Read the examples out of a command's help, as a user sees them."""
    text = invoke(*path, "--help").stdout
    joined = text[text.index("Example:") :] if "Example:" in text else ""
    return [line.strip()[2:] for line in joined.splitlines() if line.strip().startswith("$ ")]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_each_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    result = invoke(*path, "--help")
    assert result.exit_code == 0
    assert examples(path), result.stdout


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_a_wrong_option_is_a_usage_error_on_standard_error(path: tuple[str, ...]) -> None:
    result = invoke(*path, "--no-such-option")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such option" in result.stderr


def test_every_command_stands_in_the_help_once() -> None:
    told = invoke("--help").stdout
    listed = re.findall(r"^  ([a-z][a-z-]*)(?=  )", told, re.MULTILINE)
    assert listed == main.list_commands(click.Context(main))
    assert len(listed) == len(set(listed)) > 40


def test_the_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    assert invoke("--version").stdout == f"csenet {version('csenet-gateway')}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['csenet', '--help']\n"
        "from csenet.gateway.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'alembic', 'aiohttp', 'pydantic', 'holidays', 'rich.table', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_a_command_shares_with_the_pages_can_be_imported_first() -> None:
    code = "import csenet.gateway.console.today"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_mistakes_end_a_command_with_all_of_them(folder: Path) -> None:
    (folder / "gateway.toml").write_text('[gateway]\njurisdiction = "99"\ncounty = 1\n', "utf-8")
    result = invoke("outbox")
    assert (result.exit_code, result.stdout) == (2, "")
    places = [line.split(": ")[0] for line in result.stderr.splitlines()]
    assert places == ["gateway.toml:1", "gateway.toml:1", "gateway.toml:2", "gateway.toml:3"]


def test_a_command_on_a_store_that_is_not_there_yet_says_what_to_do(folder: Path) -> None:
    result = invoke("ledger", "check")
    assert result.exit_code == 2
    assert "no store yet; start the gateway, or run csenet db upgrade" in result.stderr
    assert not (folder / "data").exists()


def test_config_check_passes_and_leaves_nothing(folder: Path) -> None:
    result = invoke("config", "check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == ["fixtures", "gateway.toml"]


def test_the_settings_file_may_be_named_in_the_environment(folder: Path) -> None:
    (folder / "gateway.toml").rename(folder / "other.toml")
    runner = CliRunner(env={"CSENET_CONFIG": str(folder / "other.toml")})
    assert runner.invoke(main, ["config", "check"]).exit_code == 0
    assert "no such file" in invoke("config", "check").stderr


def test_config_check_shows_settings_without_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SETTINGS.replace("[delivery.folder]", "[delivery.http]").replace(
        'path = "out"', 'url = "http://x.example"'
    )
    (folder / "gateway.toml").write_text(text, "utf-8")
    monkeypatch.setenv("CSENET_DELIVERY__HTTP__TOKEN", "s3cret")
    result = invoke("config", "check", "--show")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["delivery"]["http"]["url"] == "http://x.example"
    assert "s3cret" not in result.output


def test_config_check_refuses_a_data_folder_that_is_none(folder: Path) -> None:
    (folder / "data").write_text("a file, and nothing can be written into it")
    result = invoke("config", "check")
    assert result.exit_code == 2
    assert "gateway.data_dir" in result.stderr


def test_config_check_refuses_a_broken_table_of_agreements(folder: Path) -> None:
    (folder / "agreements.toml").write_text("[[agreement]]\npartner = 7\n", "utf-8")
    (folder / "gateway.toml").write_text(SETTINGS + '[policy]\nagreements = "agreements.toml"\n', "utf-8")
    result = invoke("config", "check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "agreements.toml" in result.stderr


class TestTokens:
    """Tokens can be made before the first start, are shown once, and end when revoked."""

    def test_create_prints_the_secret_and_nothing_else(self, folder: Path) -> None:
        result = invoke("token", "create", "--role", "caseworker", "--name", "case-system")
        assert result.exit_code == 0, result.stderr
        assert result.stdout.startswith("csn_")
        assert len(result.stdout.split()) == 1

    def test_list_never_shows_a_secret(self, folder: Path) -> None:
        secret = invoke("token", "create", "--role", "operator").stdout.strip()
        table, document = invoke("token", "list"), invoke("token", "list", "--json")
        assert secret not in table.stdout + document.stdout
        assert json.loads(document.stdout)[0]["roles"] == ["operator"]

    def test_revoke_works_once(self, folder: Path) -> None:
        invoke("token", "create", "--role", "admin", "--name", "a")
        assert invoke("token", "revoke", "a").exit_code == 0
        assert invoke("token", "revoke", "a").exit_code == 2

    def test_a_wrong_role_is_offered_the_names_of_today(self, folder: Path) -> None:
        result = invoke("token", "create", "--role", "clerk")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "'casesystem', 'operator', 'administrator'." in result.stderr
        assert "caseworker" not in result.stderr

    def test_a_name_in_use_is_refused_with_a_reason(self, folder: Path) -> None:
        invoke("token", "create", "--role", "admin", "--name", "a")
        result = invoke("token", "create", "--role", "admin", "--name", "a")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "has this name already" in result.stderr


def test_what_somebody_typed_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    common.print_table("Reasons", ["why"], [("one\x1b[2J\x9b31m\u202e two\nthree",)])
    printed = capsys.readouterr().out
    assert "three" in printed
    assert not [each for each in printed if not each.isprintable() and each != "\n"]
