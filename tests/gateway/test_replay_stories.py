"""csenet replay on stories: told with reasons, counted on the last line, exit 1 where one goes otherwise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from csenet.gateway.__main__ import main

from .patience import BOUND

ROOT = Path(__file__).parents[2]
STORIES = ROOT / "fixtures" / "stories"


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["replay", *arguments])
    return result.exit_code, result.output.splitlines()


def test_a_file_of_stories_is_told_and_counted() -> None:
    code, lines = run(str(STORIES / "status.toml"))
    assert code == 0
    assert lines[0].startswith("status.toml 1: Kansas asks how the case stands")
    assert "  sends MSC P GSPUD" in lines
    assert any("because The steps recorded with the case" in line for line in lines)
    assert lines[-1].endswith("went as told, 0 did not")
    assert max(map(len, lines)) <= 80


def test_work_that_a_story_completes_is_told_as_well() -> None:
    _, lines = run(str(STORIES / "more_news.toml"))
    assert "  The work is completed on 2026-11-10 (done)." in lines


def test_a_story_that_goes_otherwise_ends_with_one(tmp_path: Path) -> None:
    shutil.copytree(STORIES / "cast", tmp_path / "cast")
    text = (STORIES / "collections.toml").read_text("utf-8")
    (tmp_path / "odd.toml").write_text(text.replace('kind = "post_offset"', 'kind = "nothing"', 1), "utf-8")
    code, lines = run(str(tmp_path), "--quiet")
    assert code == 1
    assert any("NOT AS TOLD: opens:" in line for line in lines)
    assert lines[-1].endswith("1 did not")


def test_what_cannot_be_played_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("story = []", "utf-8")
    assert run(str(tmp_path / "broken.toml"))[0] == 2
    (tmp_path / "empty").mkdir()
    assert run(str(tmp_path / "empty")) == (2, [f"{tmp_path / 'empty'}: holds no stories"])
    assert run("some.txt")[0] == 2


def measured(tmp_path: Path) -> dict[str, Any]:
    """Play all stories and return what of the handlers that ran, file by file."""
    rules = tmp_path / "coverage.ini"
    rules.write_text("[run]\nbranch = true\nsource = handlers\nomit = handlers/policy/*\n", "utf-8")
    coverage = [sys.executable, "-m", "coverage"]
    told, data = tmp_path / "told.json", f"--data-file={tmp_path / 'data'}"
    options = [f"--rcfile={rules}", data]
    play = ["run", *options, "-m", "csenet.gateway", "replay", "fixtures/stories", "--quiet"]
    for words in (play, ["json", *options, "-q", "-o", str(told)]):
        subprocess.run([*coverage, *words], cwd=ROOT, check=True, capture_output=True, timeout=2 * BOUND)
    files: dict[str, Any] = json.loads(told.read_text("utf-8"))["files"]
    return {Path(name).stem: found for name, found in files.items()}


@pytest.mark.slow
def test_every_branch_of_the_handlers_is_in_a_story_or_named_with_a_reason(tmp_path: Path) -> None:
    named = tomllib.loads((ROOT / "fixtures" / "unplayed.toml").read_text("utf-8"))
    files = measured(tmp_path)
    whole = {each["name"] for each in named["file"]}
    unplayed = {
        f"{name}.{function}"
        for name, found in files.items()
        if name not in whole
        for function, lines in found["functions"].items()
        if lines["missing_lines"] or lines["missing_branches"]
    }
    assert unplayed == {each["name"] for each in named["part"]}
    assert whole <= {name for name, found in files.items() if found["summary"]["missing_lines"]}
    assert all(each["why"] for each in (*named["file"], *named["part"]))
