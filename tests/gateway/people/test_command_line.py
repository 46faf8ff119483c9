"""With accounts on the command line, commands want a sign-in, keep to its roles and offices, are recorded."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from csenet.gateway import log
from csenet.gateway.cli import main
from csenet.gateway.cli.acting import FILE_VARIABLE
from csenet.gateway.participant.enrolling import Enrolling
from csenet.gateway.people import passwords
from csenet.gateway.people.system import system_user
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store import accounts
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables_people import account
from csenet.gateway.wiring import desk_of

from ..conftest import arriving, facts, lines
from .conftest import PASSWORD

SETTINGS = """\
[gateway]
jurisdiction = "27"
data_dir = "data"
[delivery.folder]
path = "out"
[people]
command_line = "accounts"
codes_for = ["auditor"]
"""
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a gateway with a case of each of two offices, and accounts with passwords of their own."""
    (tmp_path / "gateway.toml").write_text(SETTINGS)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "home" / "signed-in"))

    async def fill(store: Store, desk: Any) -> None:
        for number, office in ((1, "NORTH"), (2, "SOUTH")):
            await desk.put_case(f"MN{number}", facts("responding", office=office))
            came = lines(arriving("MSC P GSC17", number, f"MN{number}"))
            await desk.accept(came, source="test", name=f"{number}")
        await desk.settle_pending()

    with_desk(fill)
    for name, role in (("ada", "caseworker"), ("aud", "auditor"), ("sue", "supervisor")):
        assert invoke("people", "add", name, "--role", role, "--office", "NORTH").exit_code == 0

    async def own(store: Store, _: Any) -> None:
        hashed = await passwords.hashed(PASSWORD)
        async with store.begin() as conn:
            await conn.execute(update(account).values(password=hashed, password_until=None))
            await accounts.keep_code_secret(conn, "aud", SECRET)
            await conn.execute(
                update(account).where(account.c.name == "aud").values(code_since=datetime.now(UTC))
            )

    with_desk(own)
    return tmp_path


def with_desk(what: Callable[[Store, Any], Awaitable[None]]) -> None:
    async def run() -> None:
        import structlog

        store, desk, _ = await desk_of(
            load_settings(Path("gateway.toml"), {}), clock=None, log=structlog.get_logger()
        )
        try:
            await what(store, desk)
        finally:
            await store.close()

    asyncio.run(run())


def invoke(*words: str, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, words, input=stdin, prog_name="csenet")
    log.reset()
    return result


def signed_in(name: str = "ada", code: str = "") -> Result:
    return invoke("sign-in", name, stdin=f"{PASSWORD}\n{code}\n")


def record() -> list[dict[str, Any]]:
    code = pyotp.TOTP(SECRET).now()
    assert signed_in("aud", code).exit_code == 0
    found: list[dict[str, Any]] = json.loads(invoke("audit", "list", "--json").stdout)
    return found


@pytest.mark.parametrize(
    "words", [("show", "in-1"), ("timeline", "MN1"), ("work", "list"), ("search",), ("audit", "list")]
)
def test_without_a_sign_in_nothing_is_shown(place: Path, words: tuple[str, ...]) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert "csenet sign-in" in result.output


def test_what_keeps_the_machine_in_order_needs_none(place: Path) -> None:
    assert invoke("status").exit_code in (0, 1)
    assert "ada" in invoke("people", "list").stdout


def test_who_signed_in_sees_their_offices_and_is_recorded(place: Path) -> None:
    result = signed_in()
    assert result.exit_code == 0, result.output
    file = place / "home" / "signed-in"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert invoke("show", "in-1").exit_code == 0
    assert invoke("show", "in-2").exit_code == 2
    assert "MN2" not in invoke("work", "list").stdout
    assert "MN2" not in invoke("search").stdout
    assert "MN1" in invoke("search").stdout
    assert invoke("work", "complete", "2").exit_code == 2
    refused = invoke("audit", "list")
    assert (refused.exit_code, "not for your role" in refused.output) == (1, True)
    assert invoke("sign-out").exit_code == 0
    assert not file.exists()
    assert invoke("show", "in-1").exit_code == 2
    kept = [(row["actor"], row["action"], row["detail"].get("outcome")) for row in record() if row["detail"]]
    for line in (
        ("ada", "transaction.read", "shown"),
        ("ada", "transaction.read", "out of scope"),
        ("ada", "work.complete", "out of scope"),
        ("ada", "command.refused", "refused"),
    ):
        assert line in kept
    assert not any(actor == system_user() and action == "transaction.read" for actor, action, _ in kept)


def test_participants_of_another_office_are_not_there_and_the_try_is_recorded(place: Path) -> None:
    def numbered(*words: str) -> str:
        result = invoke("participant", *words, "--json")
        assert result.exit_code == 0, result.output
        return str(json.loads(result.stdout)["number"])

    async def own(store: Store, desk: Any) -> None:
        made = Enrolling(store, desk.clock)
        for case_id, role in (("MN1", "cp"), ("MN2", "cp")):
            numbers.append((await made.enrol(case_id, role, actor="test")).number)
        await made.enrol("MN2", "ncp", number=numbers[0], actor="test")

    numbers: list[str] = []
    with_desk(own)
    both, south = numbers
    assert invoke("participant", "list").exit_code == 2, "nobody signed in"
    assert signed_in().exit_code == 0
    assert numbered("enrol", "--case", "MN1", "--role", "ncp")
    of_mine = ("participant", "list", "--case", "MN1", "--json")
    listed = json.loads(invoke("participant", "list", "--json").stdout)
    assert both in [each["number"] for each in json.loads(invoke(*of_mine).stdout)]
    assert both not in [each["number"] for each in listed]
    assert json.loads(invoke("participant", "list", "--case", "MN2", "--json").stdout) == []
    assert {one["case_id"] for each in listed for one in each["cases"]} == {"MN1"}
    tries = [
        ("enrol", "--case", "MN2", "--role", "ncp"),
        *((word, south) for word in ("reset-pin", "lock", "unlock", "revoke")),
        ("revoke", both, "--case", "MN2"),
    ]
    for words in tries:
        assert invoke("participant", *words).exit_code == 2, words
    # What of the number is another office's stays: only a supervisor, who sees all, acts on the whole of it.
    assert invoke("participant", "lock", both).exit_code == 0
    for word in ("reset-pin", "unlock", "revoke"):
        refused = invoke("participant", word, both)
        assert (refused.exit_code, "a supervisor" in refused.output) == (1, True)
        assert "MN2" not in refused.output
        tries.append((word, both))
    assert invoke("participant", "revoke", both, "--case", "MN1").exit_code == 0
    assert invoke("participant", "revoke", both, "--case", "MN1").exit_code == 2, "not theirs any more"
    tries.append(("revoke", both, "--case", "MN1"))
    kept = [
        row["action"] for row in record() if row["detail"] and row["detail"].get("outcome") == "out of scope"
    ]
    assert sorted(kept) == sorted(f"participant.{words[0]}" for words in tries)
    assert signed_in("sue").exit_code == 0
    assert invoke("participant", "unlock", both).exit_code == 0
    assert {one["case_id"] for one in cases_beside("MN2", both)} == {"MN2"}
    assert numbered("reset-pin", both) == both
    assert invoke("participant", "revoke", both).exit_code == 0


def cases_beside(case_id: str, number: str) -> list[dict[str, Any]]:
    listed = json.loads(invoke("participant", "list", "--case", case_id, "--json").stdout)
    return [one for each in listed if each["number"] == number for one in each["cases"]]


def test_a_wrong_password_or_code_lets_nobody_in(place: Path) -> None:
    assert invoke("sign-in", "ada", stdin="wrong\n").exit_code == 1
    assert signed_in("aud", "000000").exit_code == 1
    assert invoke("audit", "list").exit_code == 2


def test_a_file_that_others_may_read_is_refused(place: Path) -> None:
    signed_in()
    (place / "home" / "signed-in").chmod(0o644)
    result = invoke("show", "in-1")
    assert (result.exit_code, "read by others" in result.output) == (2, True)
