"""One file written by hand from the charts, through a real daemon that is killed at different moments."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness import BOUND, Gateway, wait_until
from kill import daemon_in

from csenet.gateway.intake.archive import opened
from csenet.gateway.store.wrapping import KeyFile

YESTERDAY = f"{datetime.now(UTC) - timedelta(days=1):%Y%m%d}"
CASE, OTHER_CASE = "MNHAND1", "KSHAND1"
FACTS = {
    "role": "initiating",
    "other_fips": "2000000",
    "other_case_id": OTHER_CASE,
    "case": {"case_type": "N", "case_status": "O"},
    "ledger": {"obligations": [{"due": "2021-07-31", "amount": "1000.00"}], "payments": []},
}
GRINT = (
    "27000  "  # 1-7 Local FIPS: Minnesota, central office, no sub
    "20000  "  # 8-14 Other FIPS: Kansas
    "003"  # 15-17 version
    "000000000077"  # 18-29 serial number
    "    "  # 30-33 reserved
    "RMSC"  # 34 action, 35-37 functional type
    f"{YESTERDAY}"  # 38-45 transaction date
    f"{CASE:15}"  # 46-60 Case-ID
    f"{OTHER_CASE:15}"  # 61-75 Other-Case-ID
    "GRINT"  # 76-80 action reason
    "        "  # 81-88 action resolution date
    "N"  # 89 no attachments
    "0000000"  # 90-96 no data blocks
    f"{YESTERDAY}031500"  # 97-110 date and time received
    " "  # 111 processing complete
    "        "  # 112-119 attachments due date
    "  "  # 120-121 sent to state host, forms printed
)
DAMAGED = GRINT.replace("000000000077", "00000000007X")
FILE = f"{GRINT}\n{DAMAGED}\n{GRINT}\n".encode("ascii")


def live_and_die(daemon: Gateway, seconds: float) -> None:
    """Start the daemon and kill it after a while."""
    process = daemon.start()
    killer = threading.Timer(seconds, process.kill)
    killer.start()
    process.wait()
    killer.join()


@pytest.mark.slow
@pytest.mark.parametrize("killed_after", [(), (0.3, 0.6), (0.9, 1.2), (1.05, 1.1, 1.15)])
def test_one_answer_one_problem_one_duplicate_whenever_the_daemon_is_killed(
    tmp_path: Path, killed_after: tuple[float, ...]
) -> None:
    assert len(GRINT) == 121
    daemon = daemon_in(tmp_path)
    daemon.prepare([(CASE, FACTS)])
    (tmp_path / "in" / "by-hand.txt").write_bytes(FILE)

    for seconds in killed_after:
        live_and_die(daemon, seconds)
    daemon.up()
    archived = tmp_path / "in" / "archive" / "by-hand.txt.sealed"
    wait_until(lambda: archived.exists() and daemon.on_the_way() == 0, BOUND, "the file to be answered")
    daemon.stop()

    (key,) = tmp_path.rglob("wrapping.key")
    assert opened(archived.read_bytes(), KeyFile(key)) == FILE
    assert json.loads(archived.with_name("by-hand.txt.receipt.json").read_text())["bytes"] == len(FILE)
    (answer,) = (tmp_path / "out").glob("*.txt")
    line = answer.read_text("ascii")
    assert line[33:37] + line[75:80] == "PMSCGSTAI"
    assert line.rstrip("\n")[127 + 351 + 16 :][:24] == "000000104000000000004000"  # 1,040.00 of it 40.00
    statuses = daemon.ask("SELECT status FROM inbound ORDER BY position")
    assert statuses == [("decided",), ("malformed",), ("duplicate",)]
    assert daemon.unsound() == []
