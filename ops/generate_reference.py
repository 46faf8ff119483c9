"""Write the reference pages in ops/reference from the policy tables.

Run it after a change of `handlers/policy/parameters` or `handlers/policy/profiles`; a test compares the pages
with what this would write. The pages say what the tables say, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from csenet.handlers.event_table import kinds
from csenet.handlers.policy.closure import Criterion, criteria
from csenet.handlers.policy.deadlines import Duty, Limit, duties
from csenet.handlers.policy.explain_paragraphs import paragraphs
from csenet.handlers.policy.kept_duties import KeptDuty, kept_duties, without_clock
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.profile_page import page

TARGET = Path(__file__).resolve().parent / "reference"
WRITTEN = "*Written by `ops/generate_reference.py` from the policy tables: change those, then run it again.*"


def pages() -> Mapping[str, str]:
    """Give the text of every page by its file name."""
    return {
        "duties.md": duties_page(),
        "closure.md": closure_page(),
        "minnesota-profile.md": f"{page(load_profile('27')).rstrip()}\n\n{WRITTEN}\n",
    }


def duties_page() -> str:
    """Write all duties in one table, and below it every duty whole."""
    rows = [
        (
            f"[{duty.id}](#{duty.id.lower()})",
            duty.who,
            duty.starts,
            _limits(duty.limits),
            _meaning(duty),
            duty.citation,
            duty.cited_in_spec,
        )
        for duty in duties().values()
    ]
    head = ("duty", "who", "the clock starts", "time", "kind", "current law", "CSENet documents")
    return "\n".join(
        [
            "# Duties and their time limits",
            "",
            WRITTEN,
            "",
            f"{len(rows)} duties of 45 CFR 301 to 310, of the CSENet interface guidance and of practice.",
            "A time marked *ours* is a default of the gateway: the law gives no number. A deadline is kept",
            "through its last day, a waiting time is over on its last day, and what falls under retention",
            "is kept through the last day.",
            "",
            *_table(head, rows),
            "",
            "## Which have a clock here",
            "",
            "A duty with a clock opens and closes by itself, is warned of and counted (`csenet duties`).",
            "What we owe opens on what comes or on an event on our case; what they owe, on what we send.",
            "",
            *_table(("duty", "ours opens on", "ours closes on", "theirs is followed"), _clocks()),
            "",
            "The others have none, for a reason each:",
            "",
            *(f"* [{duty}](#{duty.lower()}): {why}" for duty, why in without_clock().items()),
            "",
            *(line for duty in duties().values() for line in _duty(duty)),
        ]
    )


def _clocks() -> list[tuple[str, ...]]:
    """Write for each duty that is kept what opens and closes it on our side."""
    sides: dict[str, dict[str, KeptDuty]] = {}
    for each in kept_duties():
        sides.setdefault(each.duty, {})[each.side] = each
    return [
        (
            f"[{duty}](#{duty.lower()})",
            _opening(duty, has.get("we-owe")),
            _codes(has["we-owe"].answers) or "work done" if "we-owe" in has else "",
            "yes" if "they-owe" in has else "",
        )
        for duty in duties()
        if (has := sides.get(duty))
    ]


def _opening(duty: str, ours: KeptDuty | None) -> str:
    if ours is None:
        return ""
    if ours.opens_way != "event":
        return f"{_codes(ours.by)} ({ours.opens_way})"
    named = [
        row.kind
        for row in kinds().values()
        if duty in {row.duty, row.responding_duty, *(send.duty for send in row.sends)}
        and any(ours.is_owed_for([send.far]) for send in row.sends)
    ]
    return "events: " + _codes(sorted(named))


def _codes(codes: Sequence[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _limits(limits: Sequence[Limit]) -> str:
    """Write the time that holds now; earlier ones stand with the duty."""
    if not limits:
        return "always"
    return f"{limits[-1].span}{' (*ours*)' if limits[-1].ours else ''}"


def _meaning(duty: Duty) -> str:
    """Say what the end of the time means."""
    return duty.clock if duty.limits else ""


def _duty(duty: Duty) -> Iterable[str]:
    """Write one duty whole."""
    yield f"## {duty.id}"
    yield ""
    yield f"{duty.text} *({duty.who})*"
    yield ""
    yield f"* The clock starts: {duty.starts}"
    for limit in duty.limits:
        ours = ", ours" if limit.ours else ""
        yield f"* {limit.span}{ours}, {_period(limit)}: {limit.text} [{limit.citation}]"
    for name, codes in (
        ("Starts on receipt of", duty.opened_by),
        ("Can follow from", duty.leads_from),
        ("Answered by", duty.answered_by),
    ):
        if codes:
            yield f"* {name}: {', '.join(f'`{code}`' for code in codes)}"
    cited = f"; the CSENet documents cite {duty.cited_in_spec}" if duty.cited_in_spec else ""
    yield f"* Source: {duty.source}, {duty.citation}{cited}"
    yield ""


def _period(limit: Limit) -> str:
    """Write from when until when a time holds."""
    if limit.since is None and limit.until is None:
        return "any day"
    first = f"from {limit.since}" if limit.since else ""
    last = f"through {limit.until}" if limit.until else ""
    return f"{first} {last}".strip()


def closure_page() -> str:
    """Write the closure map: codes, then grounds without one, then where the paragraphs moved."""
    coded = [row for row in criteria() if row.code]
    bare = [row for row in criteria() if not row.code]
    head = ("code", "sent by", "ground", "current law", "documents", "notice before", "receiver", "answer")
    return "\n".join(
        [
            "# Closing interstate cases",
            "",
            WRITTEN,
            "",
            "Which code says which ground, after which notice, and what the receiver may or must do.",
            "",
            *_table(head, [_coded(row) for row in coded]),
            "",
            "## Grounds without a code",
            "",
            "CSENet cannot say these. They are told in words; another ground's code never stands in.",
            "",
            *_table(
                ("current law", "ground", "notice before", "told as", "remark"), [_bare(row) for row in bare]
            ),
            "",
            "## Where the documents' paragraphs stand today",
            "",
            *_table(
                ("CSENet documents", "today", "about"),
                [
                    (row.cited_in_spec + (" (misprint)" if row.misprint else ""), row.current, row.text)
                    for row in paragraphs()
                ],
            ),
            "",
        ]
    )


def _coded(row: Criterion) -> tuple[str, ...]:
    """Write one code."""
    verb = {"must": "must close", "may": "may close", "no": ""}[row.closes_receiver]
    notice = _notice(row) + (f", by {row.notice_code}" if row.notice_code else "")
    return row.code, row.sender, row.text, row.citation, row.cited_in_spec, notice, verb, row.answer


def _bare(row: Criterion) -> tuple[str, ...]:
    """Write one ground without a code."""
    remark = " ".join(part for part in ("Mandatory." if row.mandatory else "", row.changed, row.note) if part)
    return row.citation, row.text, _notice(row), row.told_as, remark


def _notice(row: Criterion) -> str:
    """Write the time of the notice that must come first."""
    return duties()[row.notice].limits[-1].span if row.notice else "none"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Write a Markdown table."""
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def main() -> None:
    """Write the pages."""
    TARGET.mkdir(exist_ok=True)
    for name, text in pages().items():
        (TARGET / name).write_text(text, "utf-8")
        print(f"wrote reference/{name}")


if __name__ == "__main__":
    main()
