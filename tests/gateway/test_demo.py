"""The story of the demo, played whole: twice in one folder, and with everything logged that can be."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from csenet.gateway.demo import people

from .patience import BOUND

CSENET = Path(sys.executable).with_name("csenet")
CLOSED_BY_WORK = {"stop_withholding", "close_case"}


def play(folder: Path, *words: str) -> dict[str, Any]:
    """Run the demo in a folder and return its report; it must end with status 0."""
    command = [str(CSENET), "demo", "--once", "--json", "--folder", str(folder), *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=5 * BOUND, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Play twice in one folder, at the most talkative level."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, [play(folder, "--log-level", "debug") for _ in range(2)]


def test_all_six_parts_hold_twice_in_a_row_and_the_ledgers_balance(
    told: tuple[Path, list[dict[str, Any]]],
) -> None:
    for report in told[1]:
        assert [part["held"] for part in report["story"]] == [True] * 6
        assert report["ledger"] == "balanced"


def test_the_report_lists_each_transaction_with_its_fate(told: tuple[Path, list[dict[str, Any]]]) -> None:
    for report in told[1]:
        rows = report["transactions"]
        from_minnesota = [row["far"] for row in rows if row["from"] == "27"]
        assert from_minnesota[:5] == [
            "MSC P GSTAI",
            "MSC P GSC18",
            "MSC P GSC15",
            "MSC P REJCT",
            "MSC P GSC15",
        ]
        assert [row["far"] for row in rows if row["status"] == "refused"] == ["MSC P GSC15"]
        assert all(row["milliseconds"] > 0 for row in rows if row["status"] == "delivered")


def test_the_work_of_the_closure_is_listed_with_one_due_date(told: tuple[Path, list[dict[str, Any]]]) -> None:
    items = [item for item in told[1][0]["work_items"] if item["state"] == "Minnesota"]
    dues = {item["due"] for item in items if item["kind"] in CLOSED_BY_WORK}
    assert {item["kind"] for item in items} >= CLOSED_BY_WORK
    assert len(dues) == 1


def personal_values() -> set[str]:
    """Collect the personal values of the story's people, in the forms in which they could slip out."""
    facts = people.facts(people.MINNESOTA, "initiating", people.KANSAS, "X")
    found = set()
    for person in (facts["ncp_identification"], *facts["participants"]):
        found |= {person["name_last"], person["name_first"], person.get("ssn", person["name_last"])}
        found |= {person["date_of_birth"], person["date_of_birth"].replace("-", "")}
    ssn = facts["ncp_identification"]["ssn"]
    return found | {f"{ssn[:3]}-{ssn[3:5]}-{ssn[5:]}", facts["case"]["contact_address_line_1"]}


def test_no_personal_value_reaches_the_log_or_the_report(told: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, reports = told
    log = (folder / "demo.log").read_text()
    assert '"level": "debug"' in log or '"level":"debug"' in log
    assert log.count("transaction.decided") > 10
    receipts = [path.read_text() for path in folder.rglob("*.json")]
    for value in personal_values():
        for text in (log, json.dumps(reports), *receipts):
            assert value.upper() not in text.upper(), "a personal value slipped out"
