"""Tell stories of cases: what came, what followed, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from csenet.gateway.cli.common import Unusable, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from csenet.gateway.stories import Cast, Played, Story
    from csenet.handlers.decision import Decision

_WIDTH = 80


def tell_stories(paths: Sequence[Path], *, quiet: bool) -> int:
    """Play files of stories, or all files of folders, and count them last; give the exit code."""
    from csenet.gateway.stories import StoryError, read_stories

    read = []
    for each in _files(paths):
        try:
            read.append((each, *read_stories(each)))
        except StoryError as error:
            raise Unusable(str(error)) from None
    count = sum(len(stories) for _, _, stories in read)
    # Stories told on a terminal show by themselves how far it is.
    telling = not quiet and sys.stdout.isatty()
    with nullcontext(lambda done, total: None) if telling else progress("Playing stories") as bar:
        try:
            wrong = _play(read, quiet, lambda done: bar(done, count))
        except StoryError as error:
            raise Unusable(str(error)) from None
    click.echo(f"{_count(count)}: {count - wrong} went as told, {wrong} did not")
    return 1 if wrong else 0


def _files(paths: Sequence[Path]) -> list[Path]:
    found = []
    for path in paths:
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not files:
            raise Unusable(f"{path}: holds no stories")
        found += files
    return found


def _play(
    read: Sequence[tuple[Path, Cast, Sequence[Story]]], quiet: bool, told: Callable[[int], None]
) -> int:
    """Play story after story and count those that do not go as told."""
    from csenet.gateway.stories import play

    done = wrong = 0
    for file, cast, stories in read:
        for number, story in enumerate(stories, 1):
            played = play(cast, story)
            done, wrong = done + 1, wrong + bool(played.differences)
            if played.differences or not quiet:
                click.echo("\n".join(_told(f"{file.name} {number}", story, played)) + "\n")
            told(done)
    return wrong


def _count(number: int) -> str:
    return "1 story" if number == 1 else f"{number} stories"


def _told(name: str, story: Story, played: Played) -> Iterator[str]:
    part = f", we are the {story.role} state" if story.role else ", no case of ours is named"
    yield _line(f"{name}: {story.tells}", "")
    yield _line(f"On {story.on} {story.begins}{part}.")
    if story.refused:
        yield _line(f"is refused: {', '.join(story.refused)}")
    yield from _decided(played.decision)
    if played.after is not None and story.done is not None:
        yield _line(f"The work is completed on {story.done.on} ({story.done.outcome}).")
        yield from _decided(played.after)
    for each in played.differences:
        yield _line(f"NOT AS TOLD: {each}")


def _decided(decision: Decision) -> Iterator[str]:
    for reply in decision.replies:
        yield _line(f"sends {reply.transaction.far}")
    for work in decision.work_items:
        due = f", due {work.due}" if work.due else ""
        duty = f" (duty {work.duty})" if work.duty else ""
        yield _line(f"opens {work.kind}{due}{duty}: {work.title}")
    for number in decision.closes_work:
        yield _line(f"closes work {number}")
    for change in decision.case_changes:
        yield _line(f"changes the case: {', '.join(sorted(change.set))}")
    for note in decision.notes:
        yield _line(f"notes: {note}")
    for why in decision.reasons:
        yield _line(f"because {why.text} [{why.citation}]", "    ")


def _line(text: str, indent: str = "  ") -> str:
    return fill(text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")
