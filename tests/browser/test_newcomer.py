"""The way of somebody who has just cloned this: the demo as `make run` starts it, all through the pages.

They find Kansas's question, read why Minnesota's answer says what it says, take the exchange away, see the
alert's condition, bring the exchange back, send again what was given up, and see the ledger balanced.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..gateway.patience import BOUND

pytestmark = pytest.mark.slow

CSENET = Path(sys.executable).with_name("csenet")
STORY = 5 * BOUND
"""What begins with a whole story, or ends with twenty tries in vain, may take longer than one step."""


@dataclass
class Started:
    """Hold a demo as its terminal shows it."""

    process: subprocess.Popen[str]
    shown: Path

    def read(self, what: str) -> str:
        """Wait until the terminal shows something, and give its first group."""
        return until(what, lambda: found[1] if (found := re.search(what, self.shown.read_text())) else "")


def until(what: str, look: Callable[[], Any]) -> Any:
    """Look again and again until there is something to see."""
    end = time.monotonic() + STORY
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.2)
    raise AssertionError(f"never came: {what}")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Started]:
    """Start the demo as `make run` does, and end it as Ctrl-C does."""
    shown = tmp_path / "terminal"
    with shown.open("w") as terminal:
        process = subprocess.Popen(
            [str(CSENET), "demo", "--folder", str(tmp_path / "demo")],
            stdout=terminal,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "300"},
        )
    try:
        yield Started(process, shown)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        process.wait(BOUND)


def metrics(url: str) -> dict[str, float]:
    """Read what Prometheus would read."""
    with urllib.request.urlopen(url + "metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[:1] != "#"}


def sign_in(page: Any, url: str, password: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("Name").fill("demo")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def renewed(page: Any, words: str) -> bool:
    """Load the page anew and look for words on it."""
    page.reload()
    return words in page.inner_text("main")


def test_a_newcomer_finds_reads_breaks_mends_and_resends(demo: Started, visitor: Any, pictures: Path) -> None:
    password = demo.read(r"Minnesota\n(?:.*\n)*?.*as demo with the password (\S+)\s")
    url = demo.read(r"Minnesota\n +console +(\S+)\s")
    switch = demo.read(r"switch +(\S+)\s")
    context = visitor(viewport={"width": 1360, "height": 900})
    page, exchange = context.new_page(), context.new_page()
    sign_in(page, url, password)

    # The question and why the answer says what it says.
    menu = page.get_by_role("navigation", name="Pages")
    menu.get_by_role("link", name="Transactions").click()
    page.get_by_label("Code or its beginning").fill("MSC R GRINT")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("link", name="in-1", exact=True).click()
    page.get_by_role("link", name=re.compile("out-")).first.click()
    page.wait_for_url(re.compile("/transactions/out-"))
    why = page.inner_text("main")
    assert (
        "Minnesota tells Kansas what is owed in case MN000001A: $1,240.00 in all, $40.00 of it interest"
        in why
    )
    assert "(interest_on_request · 45 CFR 303.7(c)(7))" in why
    assert "no interest on past due support since 1 August 2022" in why
    page.screenshot(path=pictures / "newcomer-why.png", full_page=True)

    # Broken: the page says so in words, and the condition of the alert CsenetBreakerOpen is true.
    exchange.goto(switch)
    exchange.get_by_role("button", name="Take it away").click()
    exchange.get_by_text("It is away").wait_for()
    until("the breaker opens", lambda: metrics(url)["csenet_delivery_breaker_open"] == 1)
    menu.get_by_role("link", name="Today").click()
    until("Today tells of it", lambda: renewed(page, "The exchange took nothing in"))
    page.screenshot(path=pictures / "newcomer-broken.png", full_page=True)
    dead = 'csenet_outbox_transactions{status="dead"}'
    until("something is given up", lambda: metrics(url)[dead] > 0)
    until("Today tells what to do", lambda: renewed(page, "could not be delivered"))

    # Mended: what was given up stops its case, so it leaves when somebody says so, and with it what waited.
    exchange.get_by_role("button", name="Bring it back").click()
    exchange.get_by_text("It is there").wait_for()
    menu.get_by_role("link", name="Dead and parked").click()
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("All settled").wait_for()
    page.screenshot(path=pictures / "newcomer-mended.png", full_page=True)
    until("the breaker closes", lambda: metrics(url)["csenet_delivery_breaker_open"] == 0)
    until("nothing is given up any more", lambda: metrics(url)[dead] == 0)
    menu.get_by_role("link", name="Today").click()
    until("Today is at ease about delivery", lambda: not renewed(page, "could not be delivered"))
    assert "balanced" in page.get_by_label("At a glance").inner_text()
    context.close()

    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(BOUND) == 0
    assert "The ledgers balance." in demo.shown.read_text()
