"""The log shows event names and listed keys, and nothing that could be about a person."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from csenet.gateway import log
from csenet.gateway.errors import GatewayError, Rejected

MARK = "ZZMARKEDNAME"
SSN = "900123456"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Log to a buffer, in the form used in service, and put everything back."""
    stream = io.StringIO()
    log.configure(stream=stream)
    yield stream
    log.reset()
    structlog.contextvars.clear_contextvars()


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    """Parse what was logged."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_time_level_and_event_come_first(lines: io.StringIO) -> None:
    structlog.get_logger().info("batch_sent", count=3)
    assert list(read(lines)[0]) == ["timestamp", "level", "event", "count"]


def test_configuring_again_writes_each_line_once(lines: io.StringIO) -> None:
    log.configure(stream=lines)
    structlog.get_logger().info("batch_sent")
    assert len(read(lines)) == 1


def test_a_line_holds_timestamp_level_event_and_keys(lines: io.StringIO) -> None:
    structlog.get_logger().info("batch_sent", serial="000000000123", count=3)
    (line,) = read(lines)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {"level": "info", "event": "batch_sent", "serial": "000000000123", "count": 3}


@pytest.mark.parametrize(
    "key", ["last_name", "ssn", "birth_date", "address", "employer", "name", "raw", "block"]
)
def test_a_key_that_is_not_listed_loses_its_value(lines: io.StringIO, key: str) -> None:
    structlog.get_logger().warning("something", **{key: MARK})
    (line,) = read(lines)
    assert line[key] == "[redacted]"
    assert MARK not in lines.getvalue()


@pytest.mark.parametrize("number", ["912345678", "912-34-5678", "912 34 5678", "912_34_5678"])
def test_a_number_of_a_person_in_the_name_of_a_file_is_withheld(lines: io.StringIO, number: str) -> None:
    structlog.get_logger().info(
        "intake.archived", file=f"case_{number}.txt", folder=Path(f"in/{number}"), file_id=912345678
    )
    (line,) = read(lines)
    assert (line["file"], line["folder"], line["file_id"]) == (
        "[withheld].txt",
        "in/[redacted]",
        912345678,
    )


def test_the_names_of_our_own_files_stay(lines: io.StringIO) -> None:
    structlog.get_logger().info("intake.archived", file="CSENET-27-000000000001.20261122.txt")
    assert read(lines)[0]["file"] == "CSENET-27-000000000001.20261122.txt"


@pytest.mark.parametrize("event", [f"cannot read {SSN}", f"case.{MARK}", "Jane Doe", "read " + "x" * 80])
def test_an_event_name_made_from_data_is_replaced(lines: io.StringIO, event: str) -> None:
    structlog.get_logger().info(event)
    assert read(lines)[0]["event"] == "[redacted]"
    assert SSN not in lines.getvalue()


def test_an_object_under_a_listed_key_shows_its_type_only(lines: io.StringIO) -> None:
    class Person:
        def __repr__(self) -> str:
            return MARK

    structlog.get_logger().info("seen", kind=Person(), count=Decimal("2.50"), path=Path("a/b"))
    (line,) = read(lines)
    assert (line["kind"], line["count"], line["path"]) == ("Person", "2.50", "a/b")
    assert MARK not in lines.getvalue()


def test_an_exception_shows_type_and_place_but_not_its_text(lines: io.StringIO) -> None:
    try:
        raise ValueError(f"bad SSN {SSN}")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = read(lines)
    assert line["failure"]["type"] == "ValueError"
    assert line["failure"]["at"][-1].startswith("gateway/test_log.py:")
    assert SSN not in lines.getvalue()


def test_the_cause_of_an_exception_shows_its_type_only(lines: io.StringIO) -> None:
    try:
        try:
            raise KeyError(MARK)
        except KeyError as error:
            raise RuntimeError(MARK) from error
    except RuntimeError:
        structlog.get_logger().exception("failed")
    assert read(lines)[0]["failure"]["cause"]["type"] == "KeyError"
    assert MARK not in lines.getvalue()


def test_our_own_safe_exception_keeps_its_text(lines: io.StringIO) -> None:
    structlog.get_logger().error("failed", exc_info=GatewayError("port 80 is taken"))
    assert read(lines)[0]["failure"]["text"] == "port 80 is taken"


def test_a_refusal_that_may_quote_the_caller_loses_its_text(lines: io.StringIO) -> None:
    structlog.get_logger().error("refused", exc_info=Rejected([("case.x", f"{MARK} is no date")]))
    assert MARK not in lines.getvalue()


def test_an_operating_system_error_tells_its_number_but_no_text(lines: io.StringIO) -> None:
    structlog.get_logger().error("failed", exc_info=OSError(28, "No space left", MARK))
    assert read(lines)[0]["failure"]["errno"] == "ENOSPC"
    assert MARK not in lines.getvalue()


@pytest.mark.parametrize(
    "name", ["aiohttp.server", "sqlalchemy.engine.Engine", "alembic.runtime.migration", "x"]
)
def test_a_library_is_quoted_without_what_it_was_given(lines: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("handled %s for user", MARK)
    logging.getLogger(name).warning(f"row {SSN}")
    first, second = read(lines)
    assert first["event"] == second["event"] == "library.message"
    assert (first["logger"], first["kind"], second["kind"]) == (
        name,
        "handled %s for user",
        "[text withheld]",
    )
    assert MARK not in lines.getvalue()
    assert SSN not in lines.getvalue()


def test_a_library_s_exception_is_stripped_like_ours(lines: io.StringIO) -> None:
    try:
        raise ValueError(MARK)
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    assert read(lines)[0]["failure"]["type"] == "ValueError"
    assert MARK not in lines.getvalue()


def test_a_library_cannot_smuggle_a_key_in(lines: io.StringIO) -> None:
    logging.getLogger("x").warning("note", extra={"last_name": MARK})
    assert MARK not in lines.getvalue()


def test_the_correlation_id_follows_into_tasks_and_ends_with_its_block(lines: io.StringIO) -> None:
    async def work() -> None:
        structlog.get_logger().info("inside")

    async def story() -> None:
        with log.correlation("abc") as given:
            assert given == log.correlation_id() == "abc"
            await asyncio.create_task(work())
        structlog.get_logger().info("outside")

    asyncio.run(story())
    inside, outside = read(lines)
    assert inside["correlation_id"] == "abc"
    assert "correlation_id" not in outside


def test_a_correlation_id_is_made_where_none_is_given(lines: io.StringIO) -> None:
    with log.correlation() as first, log.correlation() as second:
        assert first != second


def test_lines_below_the_level_are_not_written(lines: io.StringIO) -> None:
    structlog.get_logger().debug("detail")
    logging.getLogger("x").debug("detail %s", 1)
    assert lines.getvalue() == ""


def test_console_form_withholds_the_same_things() -> None:
    stream = io.StringIO()
    log.configure(_Section(), stream=stream)  # type: ignore[arg-type]
    try:
        raise ValueError(MARK)
    except ValueError:
        structlog.get_logger().exception("failed", last_name=MARK)
    log.reset()
    assert "failed" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert MARK not in stream.getvalue()


class _Section:
    """Stand for the [log] section, set to the form of a terminal."""

    level = "info"
    format = "console"
    file = None


def test_a_log_file_is_made_readable_for_owner_and_group_only(tmp_path: Path) -> None:
    class Section(_Section):
        format = "auto"
        file = tmp_path / "logs" / "gateway.log"

    log.configure(Section())  # type: ignore[arg-type]
    structlog.get_logger().info("started")
    log.reset()
    assert json.loads(Section.file.read_text())["event"] == "started"
    assert Section.file.stat().st_mode & 0o027 == 0
