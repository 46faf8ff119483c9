"""Every story of fixtures/stories: what comes in on a day, and all that must follow from it."""

from __future__ import annotations

import json
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.codecs import jsonform
from csenet.codecs.blocks import Header
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.validation import validate
from csenet.handlers.context import Context, WorkView, apply
from csenet.handlers.decision import Decision, to_json
from csenet.handlers.router import completed, dispatch

FIXTURES = Path(__file__).parents[2] / "fixtures"
FOLDER = FIXTURES / "stories"
FILES = sorted(FOLDER.glob("*.toml"))
STORIES = [
    pytest.param(story, id=f"{path.stem}-{number:02}-{story['comes'].replace(' ', '-')}")
    for path in FILES
    for number, story in enumerate(tomllib.loads(path.read_text("utf-8"))["story"], 1)
]
KEYS = {
    *("tells", "why", "role", "comes", "on", "header", "blocks", "blocks_of", "facts", "state", "switches"),
    *("open_work", "out", "says", "omits", "opens", "details", "closes", "changes", "notes", "done"),
}
PERSONAL = ("EXAMPLESON", "ROWAN", "900112233", "SAMPLEDOTTIR", "LARK", "NOWHERE", "PRAIRIE GRAIN", "7788.99")


def incoming(make: Any, story: dict[str, Any]) -> Transaction:
    """Read the transaction a story begins with; an empty header value leaves the field out."""
    code = FarCode.parse(story["comes"])
    values = msgspec.structs.asdict(make.incoming(str(code)).header)
    values["transaction_date"] = story["on"] - timedelta(days=1)
    values |= {name: value or None for name, value in story.get("header", {}).items()}
    blocks: dict[str, Any] = {}
    if "blocks_of" in story:
        golden = json.loads((FIXTURES / "transactions" / f"{story['blocks_of']}.json").read_text("utf-8"))
        blocks = {name: block for name, block in golden.items() if name != "header"}
    header = jsonform.dump_block(Header(**values))
    return jsonform.load({"header": header, **blocks, **story.get("blocks", {})})


def surroundings(make: Any, story: dict[str, Any]) -> Context:
    """Make the case and what is known around it; without a role no case of ours is meant."""
    record = None
    if story.get("role"):
        facts = {name: value or None for name, value in story.get("facts", {}).items()}
        record = make.case(story["role"], state=story.get("state"), **{"ncp_locate": None, **facts})
    held = [
        WorkView(id=number, case_id=make.case_id, **work)
        for number, work in enumerate(story.get("open_work", []), 1)
    ]
    return make.context(
        record,
        today=story["on"],
        received_on=story["on"],
        open_work=tuple(held),
        switches=story.get("switches", {}),
    )


def path_value(value: Any, path: str) -> Any:
    """Follow a dotted path through JSON; nothing where it breaks off."""
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def check_replies(decision: Decision, story: dict[str, Any]) -> None:
    """Compare what goes out, and let the exchange's own edits read it."""
    assert [str(reply.transaction.far) for reply in decision.replies] == story.get("out", [])
    written = [reply["transaction"] for reply in to_json(decision)["replies"]]
    for path, value in story.get("says", {}).items():
        assert path_value(written[0], path) == value, path
    for path in story.get("omits", []):
        assert path_value(written[0], path) is None, path
    for reply in decision.replies:
        header = msgspec.structs.replace(reply.transaction.header, transaction_serial_number="000000000001")
        whole = msgspec.structs.replace(reply.transaction, header=header)
        found = validate(whole, today=story["on"], direction=Direction.TO_SERVER)
        assert not [problem.code for problem in found if problem.stops]


def check_work(decision: Decision, story: dict[str, Any]) -> None:
    """Compare the work: each item's kind, duty and day, and the details the story names."""
    told = [
        {"kind": item.kind}
        | ({"duty": item.duty} if item.duty else {})
        | ({"due": item.due} if item.due else {})
        for item in decision.work_items
    ]
    assert told == story.get("opens", [])
    for name, value in story.get("details", {}).items():
        assert decision.work_items[0].details.get(name) == value, name
    assert list(decision.closes_work) == story.get("closes", [])


def finish(decision: Decision, context: Context, step: dict[str, Any]) -> None:
    """Complete the first work item a story opened, and compare what follows."""
    assert context.record is not None
    record = context.record
    for change in decision.case_changes:
        record = apply(record, change)
    item = decision.work_items[0]
    work = WorkView(
        id=1, kind=item.kind, case_id=item.case_id, group=item.group, due=item.due, details=item.details
    )
    context = msgspec.structs.replace(context, record=record, today=step["on"])
    after = completed(work, step["on"], (), context, done=step.get("outcome", "done") == "done")
    assert isinstance(after, Decision)
    changes = {name: value for change in after.case_changes for name, value in change.set.items()}
    assert changes == step.get("changes", {})
    check_replies(after, step)


@pytest.mark.parametrize("story", STORIES)
def test_a_story_goes_as_told(make: Any, story: dict[str, Any]) -> None:
    assert not story.keys() - KEYS
    assert story["tells"]
    assert story["why"]
    assert isinstance(story["on"], date)
    context = surroundings(make, story)
    decision = dispatch(incoming(make, story), context)
    check_replies(decision, story)
    check_work(decision, story)
    changes = {name: value for change in decision.case_changes for name, value in change.set.items()}
    assert changes == story.get("changes", {})
    assert list(decision.notes) == story.get("notes", [])
    assert decision.reasons
    for named in story["why"].split("; "):
        assert any(named in why.citation for why in decision.reasons), named
    for item in decision.work_items:
        assert not [word for word in PERSONAL if word in f"{item.title}{item.details}{decision.notes}"]
    if "done" in story:
        finish(decision, context, story["done"])


def test_there_are_stories_of_every_function() -> None:
    functions = {story.values[0]["comes"].split()[0] for story in STORIES}
    assert functions == {"LO1", "CSI", "ENF", "EST", "PAT", "MSC", "COL"}
    assert len(STORIES) >= 60
