"""Each example in the help can be typed as it stands, and works."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from csenet.gateway import log
from csenet.gateway.cli import main
from csenet.gateway.people.system import system_user
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.wiring import desk_of, open_tokens

from .test_desk_refusals import deliver, error_record, take

FIXTURES = Path(__file__).parents[2] / "fixtures"
SETTINGS = """\
[gateway]
jurisdiction = "27"
data_dir = "data"
[http]
port = 9
[delivery.folder]
path = "out"
"""
"""Nobody listens on port 9, whatever else runs on this machine."""
FACTS = {
    "role": "initiating",
    "other_fips": "2000000",
    "other_case_id": "20-77",
    "case": {"case_type": "A", "case_status": "O"},
}
# These do not end, or ask for a password; the last has tests of its own.
ENDLESS = {("serve",), ("demo",), ("sign-in",)}
Words = tuple[str, ...]


def every(command: click.Command, path: Words = ()) -> Iterator[Words]:
    """Give the words that lead to each command."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from every(below, (*path, name))


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command line in this process."""
    runner = CliRunner(env={"CSENET_CONFIG": None})
    return runner.invoke(main, list(arguments), input=stdin, prog_name="csenet")


def examples(path: Words) -> list[str]:
    """Read the examples out of a command's help, as a user sees them."""
    lines = [line.strip() for line in invoke(*path, "--help").stdout.splitlines()]
    return [line[2:] for line in lines if line.startswith("$ ")]


def play(line: str) -> Result:
    """Run an example: commands joined by pipes, ``echo`` among them."""
    data: bytes | None = None
    result: Result | None = None
    for part in line.split(" | "):
        words = shlex.split(part)
        if words[0] == "echo":
            data = (words[1] + "\n").encode()
            continue
        assert words[0] == "csenet"
        result = invoke(*words[1:], stdin=data)
        assert result.exit_code == 0, (part, result.output)
        data = result.stdout_bytes
    assert result is not None
    return result


async def seat(folder: Path, *, token: bool, facts: object = FACTS) -> None:
    """Make a store with one case, one damaged transaction with its work item, and perhaps a token."""
    settings = load_settings(folder / "gateway.toml", {})
    store, desk, clock = await desk_of(settings, clock=None, log=log_nothing())
    await desk.put_case("2701", facts)
    receipt = await desk.accept(b"NOT A TRANSACTION\n", source="test", name="damaged.txt")
    await desk.settle(receipt.file_id)
    await store.close()
    if token:
        from csenet.gateway.people import tokens

        async with open_tokens(settings) as conn:
            await tokens.create(conn, "case-system", "caseworker", clock.now())


async def refuse(folder: Path) -> None:
    """Have what is queued leave, and come back refused by the exchange."""
    settings = load_settings(folder / "gateway.toml", {})
    store, desk, clock = await desk_of(settings, clock=None, log=log_nothing())
    await deliver(store, clock)
    await take(desk, error_record(1))
    await store.close()


async def let_in(folder: Path, number: str) -> None:
    """Enrol a participant whose number the examples can name."""
    from csenet.gateway.store import participants
    from csenet.gateway.wiring import open_bare

    now = datetime.now(UTC)
    async with open_bare(load_settings(folder / "gateway.toml", {})) as store, store.begin() as conn:
        row = await participants.add(conn, {"number": number, "pin": b"none", "created_at": now})
        await participants.give_case(conn, row, "2701", "ncp", now)


async def bury(folder: Path) -> None:
    """Have one transaction given up."""
    from csenet.gateway.delivery.retry import permanent

    from .couriers import Scripted, courier

    settings = load_settings(folder / "gateway.toml", {})
    store, desk, clock = await desk_of(settings, clock=None, log=log_nothing())
    await desk.submit({"case_id": "2701", "far": "MSC P GSC15"})
    await courier(store, Scripted(permanent("http_422")), clock).deliver_waiting()  # type: ignore[arg-type]
    await store.close()


def log_nothing() -> object:
    """Give a log that keeps quiet."""
    import structlog

    return structlog.wrap_logger(None, processors=[_drop])


def _drop(*_: object) -> str:
    import structlog

    raise structlog.DropEvent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with settings and the repository's fixtures, as the examples assume."""
    (tmp_path / "gateway.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    sample = FIXTURES.parent / "ops" / "partners.toml.example"
    (tmp_path / "partners.toml").write_bytes(sample.read_bytes())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    log.reset()


@pytest.mark.parametrize("path", [path for path in every(main) if path not in ENDLESS], ids=" ".join)
def test_examples_of_the_help_work_as_printed(folder: Path, path: Words) -> None:
    asyncio.run(seat(folder, token=path == ("token", "revoke")))
    if path[0] == "people" and path != ("people", "add"):
        play(examples(("people", "add"))[0])
    if path[0] == "participant" and path[1] not in ("enrol", "list"):
        asyncio.run(let_in(folder, "1234567890"))
    if path in (("dead", "show"), ("dead", "cancel")):
        asyncio.run(bury(folder))
    if path[0] == "refused" or path == ("delivery", "recall"):
        play(examples(("submit",))[0])
    if path[0] == "refused":
        asyncio.run(refuse(folder))
    found = examples(path)
    assert found
    for line in found:
        play(line)


def test_the_lists_of_commands_name_each_with_a_whole_sentence() -> None:
    groups = {()} | {path[:1] for path in every(main) if len(path) > 1}
    for group in groups:
        told = invoke(*group, "--help").stdout.partition("--help")[2]
        names = {path[len(group)] for path in every(main) if path[: len(group)] == group}
        assert {line[2:].split(" ")[0] for line in told.splitlines() if line[2:3].strip()} >= names
        assert not any(line.endswith("...") for line in told.splitlines()), group


def test_a_submitted_transaction_is_in_the_outbox_until_it_is_delivered(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    play(examples(("submit",))[0])
    table = invoke("outbox", "--config", "gateway.toml")
    assert "MSC P GSC15" in table.stdout
    assert "queued" in table.stdout


def test_a_refused_submission_tells_every_reason_and_ends_with_1(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    wish = b'{"case_id": "2701", "far": "MSC Q NONE", "colour": 1}'
    result = invoke("submit", "-", "--config", "gateway.toml", stdin=wish)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "colour" in result.stderr
    assert "far" in result.stderr


def test_json_output_is_nothing_but_json(folder: Path) -> None:
    import json

    asyncio.run(seat(folder, token=False))
    wish = b'{"case_id": "2701", "far": "MSC P GSC15"}'
    sent = invoke("submit", "-", "--json", stdin=wish)
    assert json.loads(sent.stdout)["transactions"][0]["far"] == "MSC P GSC15"
    assert json.loads(invoke("ledger", "check", "--json").stdout)["balanced"] is True
    assert json.loads(invoke("work", "list", "--json").stdout)[0]["kind"] == "malformed"
    assert json.loads(invoke("dead", "list", "--json").stdout) == []


HOW_TO = FIXTURES.parent / "ops" / "how-to"
# These do not end, or want a server; what a page shows to be wrong ends with 1.
NOT_RUN, WRONG = ("serve", "db"), ("validate",)


def test_the_commands_of_the_how_to_pages_work_in_their_order(folder: Path) -> None:
    (folder / "ops").symlink_to(HOW_TO.parent)
    asyncio.run(seat(folder, token=False))
    ran = 0
    for page in sorted(HOW_TO.glob("*.md")):
        for block in re.findall(r"```text\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in re.findall(r"^ *csenet (.*)$", block, re.MULTILINE):
                words = shlex.split(line, comments=True)
                if words[0] not in NOT_RUN:
                    result, ran = invoke(*words), ran + 1
                    assert result.exit_code == (words[0] in WRONG), (page.name, line, result.output)
    assert ran >= 12


def keyed(command: click.Command) -> Iterator[Words]:
    """Give the words that lead to each command that takes a name or number of something kept."""
    for words in every(command):
        found = command
        for word in words:
            assert isinstance(found, click.Group)
            found = found.get_command(click.Context(found), word) or found
        arguments = [each for each in found.params if isinstance(each, click.Argument)]
        if any(not re.search(r"FILE|\.json", each.make_metavar(click.Context(found))) for each in arguments):
            yield words


LOOKED_FOR = {("policy", "questions"), ("archive", "name")}
NOT_KEYS = LOOKED_FOR | {("db", "copy"), ("policy", "import"), ("people", "add"), ("sign-in",)}
"""These take words that are looked for, a store, a page, and the name of somebody new."""
# A case may be held before its facts are told, and who saw it be asked for after it was destroyed.
UNKNOWN_CASES = {("hold", "add"), ("audit", "who-saw")}
WHY = ("--reason", "there is a reason")


def test_what_is_not_there_ends_with_2_in_every_command(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    tried = {
        ("show",): ("in-99",),
        ("timeline",): ("2702",),
        ("diff",): ("in-1", "in-99"),
        ("case", "show"): ("2702",),
        ("far",): ("MSC P NONE",),
        ("template",): ("MSC P NONE",),
        ("layout",): ("nosuch",),
        ("policy", "show"): ("nosuch",),
        ("work", "show"): ("99",),
        ("work", "assign"): ("99", "--worker", "W1"),
        ("work", "comment"): ("99", "text"),
        ("work", "complete"): ("99",),
        ("work", "reopen"): ("99", *WHY),
        ("dead", "show"): ("out-99",),
        ("dead", "cancel"): ("out-99", *WHY),
        ("dead", "resend"): ("out-99",),
        ("refused", "show"): ("out-99",),
        ("refused", "correct"): ("out-99", "--set", "header.other_fips_county=173"),
        ("delivery", "recall"): ("out-99", *WHY),
        ("partners", "show"): ("nosuch",),
        ("partners", "test"): ("nosuch",),
        ("jobs", "run"): ("nosuch",),
        ("people", "disable"): ("nosuch",),
        ("people", "enable"): ("nosuch",),
        ("people", "reset"): ("nosuch",),
        ("people", "revoke"): ("nosuch",),
        ("people", "roles"): ("nosuch", "--role", "viewer"),
        ("participant", "lock"): ("9876543210",),
        ("participant", "reset-pin"): ("9876543210",),
        ("participant", "revoke"): ("9876543210",),
        ("participant", "unlock"): ("9876543210",),
        ("token", "revoke"): ("nosuch",),
        ("hold", "release"): ("2702", *WHY),
    }
    assert set(keyed(main)) - NOT_KEYS - UNKNOWN_CASES == set(tried)
    for words, more in tried.items():
        result = invoke(*words, *more)
        assert result.exit_code == 2, (words, result.output)
        assert result.stderr.strip(), words


def test_personal_data_is_shown_only_when_asked_for_and_that_is_audited(folder: Path) -> None:
    facts = {**FACTS, "ncp_identification": {"name_last": "INVENTED", "ssn": "900123456"}}
    asyncio.run(seat(folder, token=False, facts=facts))
    play(examples(("submit",))[0])
    masked, clear = (
        invoke("show", "out-1"),
        invoke("show", "out-1", "--unmask", "--reason", "call of the NCP"),
    )
    assert "INVENTED" not in masked.stdout
    assert "900123456" not in invoke("show", "out-1", "--json").stdout
    assert "INVENTED" in clear.stdout
    rows = json.loads(invoke("audit", "list", "--action", "transaction.read", "--json").stdout)
    assert [(row["actor"], row["object"]) for row in rows] == [(system_user(), "transaction out-1")] * 3
    first, told, last = (row["detail"] for row in rows)
    assert told["purpose"] == "call of the NCP"
    assert "ncp_identification.name_last" in told["unmasked"]
    assert "INVENTED" not in str(told)
    assert "unmasked" not in first | last


def test_resend_wants_ids_or_all_but_not_both(folder: Path) -> None:
    for arguments in ((), ("1", "--all"), ("x",)):
        assert invoke("dead", "resend", *arguments).exit_code == 2


def test_an_operator_holds_the_way_out_sees_it_and_releases_it(folder: Path) -> None:
    with (folder / "gateway.toml").open("a", encoding="utf-8") as file:
        file.write('[delivery.windows]\ntimes = ["18:00-19:30"]\ntime_zone = "America/New_York"\n')
    asyncio.run(seat(folder, token=False))
    play(examples(("submit",))[0])

    def status() -> Any:
        return json.loads(invoke("delivery", "status", "--json", "--config", "gateway.toml").stdout)

    before = status()
    assert (before["breaker"], before["on_hold_since"], before["queued"]) == ("closed", None, 1)
    assert before["next_window"][11:16] == "18:00"
    invoke("delivery", "hold", "--reason", "exchange migrates", "--config", "gateway.toml")
    during = status()
    assert during["on_hold_because"] == "exchange migrates"
    assert during["on_hold_since"]
    assert "released" in invoke("delivery", "release", "--config", "gateway.toml").stdout
    assert "no hold" in invoke("delivery", "release", "--config", "gateway.toml").stdout
    assert status()["on_hold_since"] is None
    assert "1 may leave now" in invoke("delivery", "flush", "--config", "gateway.toml").stdout


def test_a_pin_is_printed_once_and_what_cannot_be_ends_with_1(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    first = invoke("participant", "enrol", "--case", "2701", "--role", "cp")
    number, pin = (line.split("  ")[-1].strip() for line in first.stdout.splitlines())
    assert (len(number.replace(" ", "")), len(pin.replace(" ", ""))) == (10, 8)
    again = invoke("participant", "enrol", "--case", "2701", "--role", "cp")
    assert (again.exit_code, again.stdout) == (1, "")
    assert invoke("participant", "enrol", "--case", "9999", "--role", "cp").exit_code == 2
    assert invoke("participant", "enrol", "--case", "2701", "--role", "child").exit_code == 2
    listed = json.loads(invoke("participant", "list", "--json").stdout)
    assert [each["cases"] for each in listed] == [[{"case_id": "2701", "role": "cp"}]]
    assert pin.replace(" ", "") not in str(listed)
    plain = number.replace(" ", "")
    assert plain not in invoke("participant", "list").stdout
    assert listed[0]["number"] == "•" * 6 + plain[-4:]
    assert plain in invoke("participant", "list", "--case", "2701").stdout
    looks = json.loads(invoke("audit", "list", "--action", "participant.list", "--json").stdout)
    assert [each["object"] for each in looks] == ["case 2701"]
    told = json.loads(invoke("participant", "reset-pin", number, "--json").stdout)
    assert told["number"] == number.replace(" ", "")
    assert told["pin"] != pin.replace(" ", "")
    assert invoke("participant", "revoke", number).exit_code == 0
    assert invoke("participant", "unlock", number).exit_code == 2
