"""Read a state's profile page: lines of text into what the state says at each place of the questionnaire.

The page's form is that of the public profile pages: a section heading ("F. Support Details"), then for each
question a line with its place and wording ("F2. Does your state ..."), the answer's lines directly under it
or none, and perhaps a note on further information. A line that cannot be placed is told and never guessed at:
text that stands apart from its question by a blank line is nobody's answer, and a question without an answer
is blank.
"""

import re
from collections.abc import Iterable

import msgspec

from csenet.handlers.policy.questionnaire import Questionnaire

_SECTION = re.compile(r"(?P<id>[A-Z])\.\s+(?P<name>\S.*)")
_QUESTION = re.compile(r"(?P<letter>[A-Z])\.?(?P<number>\d+(?:\.\d+)*)\.?(?:\s+|$)")
_LINK = re.compile(r"For Additional Information\s*-\s*(?P<link>.+)")
_STATE = re.compile(r"(?P<name>\S.*\S)\s+State Law")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one question found on the page: place, line (from 1), the answer's text or None, the link.

    `doubtful` marks one below which text stands apart that may have been meant for its answer.
    """

    place: str
    line: int
    answer: str | None = None
    link: str = ""
    doubtful: bool = False


class Unplaced(msgspec.Struct, frozen=True, kw_only=True):
    """Tell a line that found no place, and why."""

    line: int
    why: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a page as read: the state it names, its questions, what found no place, what it does not ask.

    `before` counts the lines before the first section, which are the site's and not the questionnaire's.
    """

    state: str
    asked: tuple[Asked, ...]
    unplaced: tuple[Unplaced, ...]
    missing: tuple[str, ...]
    before: int


def read_page(lines: Iterable[str], questionnaire: Questionnaire) -> Page:
    """Read a page's lines as the given version of the questionnaire prints them."""
    reader = _Reader(questionnaire)
    for number, line in enumerate(lines, 1):
        reader.take(number, line.replace("\ufeff", "").strip())
    return reader.page()


class _Reader:
    """Take a page line by line; what the last line was decides what the next may be."""

    def __init__(self, questionnaire: Questionnaire) -> None:
        self._questionnaire = questionnaire
        self._state = ""
        self._section = ""
        self._before = 0
        self._asked: dict[str, Asked] = {}
        self._unplaced: list[Unplaced] = []
        self._open: str | None = None
        """The place whose answer may follow."""
        self._apart = True
        """A blank line or a note has come since the open question and its answer."""

    def page(self) -> Page:
        """Give what was read."""
        missing = (row.place for row in self._questionnaire.question if row.place not in self._asked)
        return Page(
            state=self._state,
            asked=tuple(self._asked.values()),
            unplaced=tuple(self._unplaced),
            missing=tuple(missing),
            before=self._before,
        )

    def take(self, number: int, line: str) -> None:
        """Take one line, its number from 1."""
        if not line:
            self._apart = True
        elif not (self._is_section(number, line) or self._is_question(number, line) or self._is_link(line)):
            self._text(number, line)

    def _is_section(self, number: int, line: str) -> bool:
        match = _SECTION.fullmatch(line)
        if match is None or not self._apart:
            return False
        known = self._questionnaire.section_named(match["name"])
        self._open = None
        if known is None or known.id != match["id"]:
            self._cannot(number, "no section of the questionnaire has this letter and name")
        self._section = match["id"]
        return True

    def _is_question(self, number: int, line: str) -> bool:
        match = _QUESTION.match(line)
        if match is None or match["letter"] != self._section:
            return False
        place = match["letter"] + match["number"]
        self._apart, self._open = False, None
        if self._questionnaire.place(place) is None:
            self._cannot(number, f"the questionnaire has no question {place}")
        elif place in self._asked:
            self._cannot(number, f"question {place} has stood on line {self._asked[place].line} already")
        else:
            self._asked[place] = Asked(place=place, line=number)
            self._open = place
        return True

    def _is_link(self, line: str) -> bool:
        match = _LINK.fullmatch(line)
        if match is None or self._open is None:
            return False
        self._change(self._open, link=match["link"])
        self._apart = True
        return True

    def _text(self, number: int, line: str) -> None:
        if not self._section:
            self._before += 1
            named = _STATE.fullmatch(line)
            self._state = named["name"] if named else self._state
        elif self._open is None:
            self._cannot(number, "belongs to no question that could be placed")
        elif self._apart:
            self._cannot(
                number, f"stands apart from question {self._open}, so it is not taken for its answer"
            )
            self._change(self._open, doubtful=True)
        else:
            before = self._asked[self._open].answer
            self._change(self._open, answer=line if before is None else f"{before}\n{line}")

    def _change(self, place: str, **changes: str | bool) -> None:
        self._asked[place] = msgspec.structs.replace(self._asked[place], **changes)

    def _cannot(self, number: int, why: str) -> None:
        self._unplaced.append(Unplaced(line=number, why=why))
