"""Tables break no word on a terminal, and no line on a pipe."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csenet.gateway.cli import tables
from csenet.gateway.cli.common import print_table

MOMENT = datetime(2026, 11, 22, 6, 54, 47, tzinfo=UTC)
COLUMNS = ("id", "kind", "since", "signed", "count", "empty", "title")
ROWS = [
    (3, "refused_by_exchange", MOMENT, False, 1, None, "The exchange refused a transaction"),
    (12, "close_case", MOMENT, True, 1200, None, "Close the interstate case"),
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Draw on a terminal so many columns wide, or on a pipe."""

    def draw(width: int | None) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width or 80))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(tables, "_piped", lambda: width is None)
        print_table("Things", COLUMNS, ROWS)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return draw


def test_a_pipe_gets_each_row_on_a_line_with_all_columns(drawn: Any) -> None:
    lines = drawn(None)
    assert lines[2].split() == list(COLUMNS)
    assert lines[4].split()[0] == "3"
    assert "refused_by_exchange  2026-11-22 06:54:47Z  no" in lines[4]
    assert len(lines) == 6 + 1


def test_a_terminal_breaks_between_words_and_leaves_empty_columns_out(drawn: Any) -> None:
    lines = drawn(60)
    assert "empty" not in lines[2]
    told = " ".join(lines).split()
    for word in ("refused_", "exchange", "2026-11-22", "06:54:47Z", "transaction", "yes", "no"):
        assert word in told
    assert max(map(len, lines)) <= 60


def test_a_terminal_without_room_tells_row_by_row(drawn: Any) -> None:
    lines = drawn(40)
    assert lines[0] == "Things"
    assert "kind    refused_by_exchange" in lines
    assert "title   The exchange refused a" in lines
    assert max(map(len, lines)) <= 40
