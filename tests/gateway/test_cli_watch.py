"""The commands by which operators see, search and understand."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store import search
from csenet.gateway.wiring import desk_of

from .conftest import LEDGER, arriving, facts, lines
from .test_cli_examples import SETTINGS, folder, invoke, log_nothing, seat

__all__ = ["folder"]


async def traffic(where: Path) -> None:
    """Have an interest request answered, another one parked by nobody, and a damaged line."""
    settings = load_settings(where / "gateway.toml", {})
    store, desk, _ = await desk_of(settings, clock=None, log=log_nothing())
    for case_id in ("MN1", "MN2"):
        await desk.put_case(case_id, facts(ledger=LEDGER))
    raw = lines(arriving("MSC R GRINT", 1, "MN1"), arriving("MSC R GRINT", 2, "MN2"), b"NOT A TRANSACTION")
    receipt = await desk.accept(raw, source="folder", name="a.txt")
    await desk.settle(receipt.file_id)
    async with store.begin() as conn:
        for case_id in ("MN1", "MN2"):
            await search.put_case(conn, case_id, {("name", "EXAMPLESON ROWAN")})
    await store.close()


@pytest.fixture
def busy(folder: Path) -> Path:
    asyncio.run(traffic(folder))
    return folder


def test_status_says_in_a_sentence_whether_all_is_well(busy: Path) -> None:
    shown = invoke("status")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("All is well; something is worth a look:")
    assert "Kansas" in shown.stdout
    assert "No gateway answers on port 9: nothing is taken in or sent." in shown.stdout
    found = json.loads(invoke("status", "--json").stdout)
    assert found["well"] is True
    assert [each["urgent"] for each in found["concerns"]] == [False, False]
    assert found["figures"]["waiting"]["queued"] == 2


def test_status_ends_with_1_when_somebody_should_look(busy: Path) -> None:
    settings = busy / "gateway.toml"
    settings.write_text(settings.read_text() + "[limits]\ndisk_reserve_mb = 999999999\n")
    assert "Make room; the gateway takes nothing in meanwhile." in invoke("status").stdout
    settings.write_text(SETTINGS)
    invoke("delivery", "hold", "--reason", "exchange migrates")
    shown = invoke("status")
    assert shown.exit_code == 1
    assert "Delivery has been on hold" in shown.stdout


def test_top_wants_a_terminal_unless_it_is_asked_once(busy: Path) -> None:
    assert "worth a look" in invoke("top", "--once").stdout
    refused = invoke("top")
    assert refused.exit_code == 2
    assert "--once" in refused.stderr


def test_search_narrows_down_and_says_when_nothing_is_there(busy: Path) -> None:
    def found(*options: str) -> list[str]:
        return [
            each["id"] for each in json.loads(invoke("search", "--json", *options).stdout)["transactions"]
        ]

    assert sorted(found()) == ["in-1", "in-2", "in-3", "out-1", "out-2"]
    assert found("--partner", "Kansas", "--direction", "out") == ["out-2", "out-1"]
    assert found("--code", "msc r grint", "--case", "MN2") == ["in-2"]
    assert found("--serial", "2", "--direction", "out") == ["out-2"]
    assert found("--status", "malformed") == ["in-3"]
    assert found("--code", "msc p", "--since", "2020-01-01") == ["out-2", "out-1"]
    assert found("--until", "2020-01-01") == []
    page = json.loads(invoke("search", "--json", "--limit", "2").stdout)
    rest = found("--before", page["next"])
    assert sorted([*(each["id"] for each in page["transactions"]), *rest]) == sorted(found())
    nothing = invoke("search", "--status", "dead")
    assert (nothing.exit_code, "none" in nothing.stdout) == (1, True)
    assert invoke("search", "--partner", "Atlantis").exit_code == 2
    assert invoke("search", "--serial", "x").exit_code == 2


def test_a_person_is_searched_for_without_standing_in_a_history(busy: Path) -> None:
    found = invoke("search", "--by", "name", "--json", stdin=b"EXAMPLESON ROWAN\n")
    assert found.exit_code == 0, found.output
    assert {each["id"] for each in json.loads(found.stdout)["transactions"]} == {
        "in-1",
        "in-2",
        "out-1",
        "out-2",
    }
    assert invoke("search", "--by", "ssn", "--json", stdin=b"900-00-0000\n").exit_code == 1
    assert invoke("search", "--by", "ssn", stdin=b"12\n").exit_code == 2
    with sqlite3.connect(busy / "data" / "gateway.db") as store:
        rows = store.execute("SELECT object FROM audit WHERE action = 'transactions.searched'").fetchall()
    store.close()
    assert rows == [("transactions by name",), ("transactions by ssn",)]


def test_a_timeline_tells_reasons_and_answers_from_the_first_byte_on(busy: Path) -> None:
    events = json.loads(invoke("timeline", "in-1", "--json").stdout)
    assert events[0]["event"] == "kept on disk"
    assert events[-1]["about"] == "out-1"
    assert {"reason", "decided", "queued"} <= {each["event"] for each in events}
    assert any("[" in each["detail"] for each in events if each["event"] == "reason"), "with a citation"
    from_the_other_end = json.loads(invoke("timeline", "out-1", "--json").stdout)
    assert from_the_other_end == events
    case = json.loads(invoke("timeline", "mn1", "--json").stdout)
    assert "transaction.received" in {each["event"] for each in case}
    assert invoke("timeline", "in-99").exit_code == 2
    assert "EXAMPLESON" not in invoke("timeline", "in-1").stdout


def test_a_difference_is_told_field_by_field_and_persons_stay_hidden(busy: Path) -> None:
    same = invoke("diff", "in-1", "in-1")
    assert (same.exit_code, "differ: 0" in same.stdout) == (0, True)
    other = invoke("diff", "in-1", "in-2", "--json")
    assert other.exit_code == 1
    changed = {row["field"] for row in json.loads(other.stdout)}
    assert changed == {"header.case_id", "header.transaction_serial_number"}
    every = json.loads(invoke("diff", "out-1", "out-2", "--all", "--json").stdout)
    assert len(every) > len(changed)
    assert "EXAMPLESON" not in str(every)
    assert invoke("diff", "in-1", "in-99").exit_code == 2


def test_a_difference_in_a_hidden_field_shows_that_it_differs_and_not_what(folder: Path) -> None:
    from csenet.gateway.cli.diff import compared

    one, other = ({"clear": {"case": {"name": name}}, "masked": {"case": {"name": "***"}}} for name in "AB")
    assert list(compared(one, other)) == [
        {"field": "case.name", "differs": True, "first": "***", "second": "***"}
    ]


def test_logs_of_a_case_are_found_by_what_the_store_knows(busy: Path) -> None:
    log = busy / "gateway.log"
    rows = [
        {"event": "transaction.decided", "correlation_id": f"in-1-{n}", "timestamp": "2026-11-20T18:00:00Z"}
        for n in (1, 2)
    ]
    log.write_text("".join(json.dumps({"level": "info", "sender": "20", **row}) + "\n" for row in rows))
    shown = invoke("logs", "--log", "gateway.log", "--case", "MN2").stdout
    assert ("[in-1-2]" in shown, "[in-1-1]" in shown) == (True, False)
    shown = invoke("logs", "--log", "gateway.log", "--transaction", "out-1", "--json").stdout
    assert json.loads(shown)["correlation_id"] == "in-1-1"
    assert len(invoke("logs", "--log", "gateway.log", "--last", "1").stdout.splitlines()) == 1


def test_logs_without_a_file_say_what_to_do(folder: Path) -> None:
    asyncio.run(seat(folder, token=False))
    assert "--log" in invoke("logs").stderr
    assert "no such log" in invoke("logs", "--log", "none.log").stderr


def finding(result: Any, part: str) -> list[tuple[str, str]]:
    return [(each["state"], each["what"]) for each in json.loads(result.stdout) if each["part"] == part]


def test_the_doctor_finds_nothing_bad_where_nothing_is(busy: Path) -> None:
    shown = invoke("doctor")
    assert shown.exit_code == 0, shown.output
    assert "nothing is bad" in shown.stdout


def test_the_doctor_says_what_is_wrong_and_what_to_do(folder: Path) -> None:
    missing = invoke("doctor", "--json")
    assert missing.exit_code == 1
    assert finding(missing, "store")[0][0] == "bad"
    assert "csenet db upgrade" in missing.stdout
    (folder / "exchange.token").write_text("secret")
    (folder / "exchange.token").chmod(0o644)
    text = SETTINGS.replace('[delivery.folder]\npath = "out"', "")
    (folder / "gateway.toml").write_text(
        text + '[delivery.http]\nurl = "http://127.0.0.1:9/"\ntoken_file = "exchange.token"\n'
        "[limits]\ndisk_reserve_mb = 999999999\n"
        '[notify.email]\nhost = "mail.example"\nsender = "a@b.example"\nworkers = { W = "w@b.example" }\n'
        'certificates = { "w@b.example" = "exchange.token" }\n'
    )
    found = invoke("doctor", "--json")
    assert (
        "bad",
        f"delivery.http.token_file: others may read or write {folder / 'exchange.token'}",
    ) in finding(found, "permissions")
    assert f"chmod 600 {folder / 'exchange.token'}" in found.stdout
    assert finding(found, "disk")[0][0] == "bad"
    what = f"{folder / 'exchange.token'}: no list of work can be encrypted to it: unreadable"
    assert finding(found, "e-mail") == [("bad", what)]
    (folder / "gateway.toml").write_text("[gateway]\njurisdiction = 27\n")
    assert {state for state, _ in finding(invoke("doctor", "--json"), "settings")} == {"bad"}


def test_config_init_writes_settings_that_work_and_never_over_others(folder: Path) -> None:
    options = ["--config", "new.toml", "--jurisdiction", "20", "--data-dir", "data", "--intake", "in"]
    done = invoke(
        "config", "init", *options, "--delivery", "https://exchange.example/v1", "--backup", "backup"
    )
    assert done.exit_code == 0, done.output
    settings = load_settings(folder / "new.toml", {})
    assert settings.gateway.jurisdiction == "20"
    assert settings.observe.backup_folder == folder / "backup"
    assert (folder / "new.toml").stat().st_mode & 0o007 == 0
    again = invoke("config", "init", *options, "--delivery", "out")
    assert (again.exit_code, "--force" in again.stderr) == (2, True)
    wrong = invoke(
        "config", "init", "--config", "wrong.toml", "--jurisdiction", "XX", *options[4:], "--delivery", "out"
    )
    assert wrong.exit_code == 2
    assert "write 27, MN or Minnesota" in wrong.stderr
    assert not list(folder.glob("*wrong.toml*"))


def test_config_init_asks_for_what_it_was_not_told(folder: Path) -> None:
    done = invoke("config", "init", "--config", "asked.toml", stdin=b"XX\nMN\ndata\nin\nout\n")
    assert (done.exit_code, "is no state" in done.output) == (0, True), done.output
    # A file that is there is told before anything is asked.
    assert "--force" in invoke("config", "init", "--config", "asked.toml").stderr
    assert load_settings(folder / "asked.toml", {}).gateway.jurisdiction == "27"


def test_cases_and_partners_are_seen_as_on_their_pages(busy: Path) -> None:
    assert [each["case_id"] for each in json.loads(invoke("case", "list", "--json").stdout)["cases"]] == [
        "MN1",
        "MN2",
    ]
    shown = invoke("case", "show", "mn1")
    assert shown.exit_code == 0, shown.output
    for words in ("Kansas", "KS1", "MSC R GRINT", "answered", "of it interest"):
        assert words in shown.stdout
    assert "EXAMPLESON" not in shown.stdout
    missing = invoke("case", "show", "MN9")
    assert (missing.exit_code, "csenet case list" in missing.stderr) == (2, True)
    (kansas,) = json.loads(invoke("partners", "list", "--json").stdout)
    assert (kansas["name"], kansas["came"], kansas["on_hold"]) == ("Kansas", 2, None)
    one = json.loads(invoke("partners", "show", "kansas", "--json").stdout)
    assert (one["dead"], one["agreement"][0]["send"]) == (0, "yes")


def test_what_is_taken_out_is_marked_on_record_and_never_over_a_file(busy: Path) -> None:
    file = busy / "found.csv"
    done = invoke("export", "--code", "MSC R", "--output", str(file))
    assert (done.exit_code, done.stdout) == (0, f"{file}: 2 transactions\n")
    assert "# exported_by" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    records = json.loads(invoke("audit", "list", "--json").stdout)
    assert "transactions.export" in json.dumps(records)
    again = invoke("export", "--code", "MSC R", "--output", str(file))
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    none = busy / "none.json"
    assert invoke("export", "--serial", "4711", "--output", str(none)).exit_code == 1
    assert not none.exists()


def test_settings_are_shown_with_where_they_come_from(folder: Path) -> None:
    rows = json.loads(invoke("config", "show", "--json").stdout)
    told = {row["setting"]: (row["value"], row["from"]) for row in rows}
    assert told["gateway.jurisdiction"] == ("27", "gateway.toml, line 2")
    assert told["gateway.county"] == ("000", "default")
    assert told["people.idle"][0].endswith("minutes")


def test_the_questions_of_a_profile_are_answered_or_blank() -> None:
    def places(*options: str) -> set[str]:
        found = invoke("policy", "questions", "interest", "--state", "MN", "--json", *options)
        return {row["place"] for row in json.loads(found.stdout)}

    answered, blank = places("--answered"), places("--left-blank")
    assert "F2" in answered
    assert "F19" in blank
    assert answered.isdisjoint(blank)
    assert answered | blank == places()
