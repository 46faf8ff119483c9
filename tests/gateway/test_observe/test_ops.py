"""What lies in ops fits the program: the board's metrics, the runbook's commands, unit, image, settings."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import structlog

from csenet.gateway import log
from csenet.gateway.cli import main
from csenet.gateway.observe.registry import table
from csenet.gateway.settings.loading import LogSection, load_settings

OPS = Path(__file__).resolve().parents[3] / "ops"
PAGES = ("runbook.md", "backup.md", "upgrade.md", "disaster.md", "running.md")
PARTS = ("What it means.", "How to look.", "What to do.", "How to be sure.")


def metrics_of(text: str) -> set[str]:
    """Find the names of metrics, without what a histogram adds."""
    found = re.findall(r"\bcsenet_\w+", text)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def alerts() -> list[str]:
    text = (OPS / "prometheus" / "alerts.yml").read_text("utf-8")
    return re.findall(r"- alert: (\w+)", text)


def entries() -> dict[str, str]:
    """Split the runbook into its entries."""
    parts = re.split(r"^## (\w+)$", (OPS / "runbook.md").read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def generated(name: str) -> dict[str, Any]:
    source = OPS / name
    scope: dict[str, Any] = {"__name__": "generator", "__file__": str(source)}
    exec(compile(source.read_text("utf-8"), str(source), "exec"), scope)
    return scope


def test_the_board_is_what_its_generator_would_write() -> None:
    assert (OPS / "grafana" / "csenet.json").read_text("utf-8") == generated("generate_board.py")["text"]()


def test_each_metric_of_the_board_and_of_the_alerts_exists() -> None:
    known = {row.name for row in table()}
    board = json.loads((OPS / "grafana" / "csenet.json").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert len(asked) > 30
    assert metrics_of(" ".join(asked)) <= known
    rules = (OPS / "prometheus" / "alerts.yml").read_text("utf-8")
    assert metrics_of(rules) <= known


def test_each_query_of_the_board_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    from . import promtool

    board = json.loads((OPS / "grafana" / "csenet.json").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    rules = [{"record": f"query:{n}", "expr": expr} for n, expr in enumerate(asked)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run(
        [promtool.found(), "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_of_the_board_do_not_lie_on_each_other() -> None:
    board = json.loads((OPS / "grafana" / "csenet.json").read_text("utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_each_alert_has_an_entry_in_the_runbook_and_each_entry_its_alert() -> None:
    assert alerts()
    assert set(entries()) == set(alerts())
    rules = (OPS / "prometheus" / "alerts.yml").read_text("utf-8")
    links = re.findall(r"runbook: ops/runbook\.md#(\w+)", rules)
    assert links == [name.lower() for name in alerts()]


@pytest.mark.parametrize("alert", alerts())
def test_an_entry_says_what_it_means_how_to_look_what_to_do_and_how_to_be_sure(alert: str) -> None:
    text = entries()[alert]
    places = [text.index(f"**{part}**") for part in PARTS]
    assert places == sorted(places)
    assert all(len(each.strip()) > 20 for each in re.split(r"\*\*[^*]+\*\*", text)[1:])


def commands(page: str) -> Iterator[str]:
    """Find the commands of a page: in code, alone or after sudo, a path or an exec."""
    for code in re.findall(r"```[^`]*```|`[^`]+`", (OPS / page).read_text("utf-8")):
        for line in code.strip("`").splitlines():
            for found in re.finditer(r"(?:^|(?<!-u)\s|bin/)csenet ((?:[a-z][\w-]*|--?[a-z]).*)", line):
                yield re.split(r"[|;'](?![^\"]*\"$)", found[1])[0].strip()


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_a_page_exists_with_its_options(page: str) -> None:
    found = list(commands(page))
    assert found
    for line in found:
        words = shlex.split(line, comments=True)
        command: click.Command = main
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            below = command.get_command(click.Context(command), words[0])
            if below is None:
                break
            command, words = below, words[1:]
        assert command is not main, line
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("page", PAGES)
def test_each_link_of_a_page_leads_somewhere(page: str) -> None:
    for target, place in re.findall(r"\]\(([\w./-]*)(#\w+)?\)", (OPS / page).read_text("utf-8")):
        file = OPS / (target or page)
        assert file.is_file(), target
        if place:
            headings = re.findall(r"^## (\w+)$", file.read_text("utf-8"), flags=re.MULTILINE)
            assert place[1:] in {heading.lower() for heading in headings}, place


def test_the_settings_for_service_are_right(tmp_path: Path) -> None:
    text = (OPS / "gateway.production.toml").read_text("utf-8")
    for folder in ("lib", "log", "backups"):
        text = text.replace(f"/var/{folder}/", f"{tmp_path}/{folder}/")
        (tmp_path / folder).mkdir()
    (tmp_path / "lib" / "csenet").mkdir()
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    settings = load_settings(file, {})
    assert settings.observe.expected.times
    assert settings.delivery.windows.times


def test_the_image_is_not_root_and_asks_for_life() -> None:
    text = (OPS / "Containerfile").read_text("utf-8")
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10027:10027$", last, flags=re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "/healthz" in last
    assert "--read-only" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_the_unit_is_hardened() -> None:
    unit = OPS / "systemd" / "csenet-gateway.service"
    command = ["systemd-analyze", "security", "--offline=true", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= 1.5
    text = unit.read_text("utf-8")
    assert re.search(r"^Type=notify$", text, flags=re.MULTILINE)
    assert re.search(r"^WatchdogSec=\d+$", text, flags=re.MULTILINE)


def logrotate() -> str:
    """Find logrotate; skip where there is none, unless it must be there."""
    found = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
    if found is None:
        assert "CSENET_REQUIRE_LOGROTATE" not in os.environ, "no logrotate, and this test may not be skipped"
        pytest.skip("no logrotate on this machine")
    return found


def test_logrotate_moves_the_log_aside_and_nothing_is_lost(tmp_path: Path) -> None:
    """Settings as they are, but for the folder and the owner: the gateway goes on in a new file by itself."""
    program = logrotate()
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    text = (OPS / "logrotate" / "csenet-gateway").read_text("utf-8")
    text = text.replace("/var/log/csenet", str(tmp_path)).replace("csenet csenet", f"{user} {group}")
    settings = tmp_path / "rotate"
    settings.write_text(text)
    settings.chmod(0o644)
    tmp_path.chmod(0o755)
    file = tmp_path / "gateway.log"
    log.configure(LogSection(format="json", file=file))
    try:
        told = structlog.get_logger("test")
        told.info("gateway.started", pid=1)
        words = [program, "--force", "--verbose", "--state", str(tmp_path / "state"), str(settings)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        told.info("gateway.stopped", pid=2)
    finally:
        log.reset()
    (moved,) = tmp_path.glob("gateway.log-*")
    assert '"pid":1' in moved.read_text("utf-8")
    assert '"pid":2' in file.read_text("utf-8")


def test_completion_is_offered_for_each_shell() -> None:
    from click.shell_completion import ShellComplete, get_completion_class

    for shell in ("bash", "zsh", "fish"):
        kind = get_completion_class(shell)
        assert kind is not None
        told: ShellComplete = kind(main, {}, "csenet", "_CSENET_COMPLETE")
        names = [each.value for each in told.get_completions([], "ti")]
        assert names == ["timeline"]
