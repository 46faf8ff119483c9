"""The table of steps: each code tells of one, its words fit, and a wrong table is refused by name."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from csenet.codecs.codes import VALID
from csenet.handlers.policy.advances import advance_of, advances, load_advances, milestone_words
from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.work import LINE_WIDTH

ROW = """
[[advance]]
id = "a"
codes = ["MSC P GSFWD"]
reached = ["passed_on"]
words = "PASSED ON"
text = "t"
citation = "c"
"""


def test_each_row_is_of_valid_codes_and_each_answer_of_a_request_tells_of_a_step() -> None:
    names = [str(code) for code in VALID]
    assert [
        each for row in advances() for each in row.codes if not any(fnmatchcase(n, each) for n in names)
    ] == []
    answers = [str(code) for code in VALID if code.action in "AP" and code.function in ("ENF", "EST", "PAT")]
    assert [name for name in answers if advance_of(name) is None] == []
    assert advance_of("MSC P GSWKR") is None


def test_the_words_of_each_milestone_fit_the_line_with_their_day() -> None:
    assert max(len(f"{words} 2026-11-04") for words in milestone_words().values()) <= LINE_WIDTH


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (ROW + ROW, "advance 'a': stands twice"),
        (ROW.replace('["passed_on"]', "[]"), "names no milestone"),
        (ROW + 'work = "w"', "work and title go together"),
        (ROW + "until = 1", "until"),
    ],
)
def test_a_wrong_table_is_refused_by_file_and_key(table: Any, changed: str, said: str) -> None:
    assert load_advances(table(ROW))[0].why().rule == "advance.a"
    with pytest.raises(PolicyError, match=said):
        load_advances(table(changed))
