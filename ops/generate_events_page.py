"""Write the reference page of events, ops/reference/events.md, from the table of events.

Run it after a change of `handlers/events.toml`; a test compares the page with what this would write.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from csenet.codecs.codes import VALID, elements
from csenet.handlers.event_table import EventKind, Send, kinds

TARGET = Path(__file__).resolve().parent / "reference" / "events.md"
_HEAD = ("our role", "sort or place", "what leaves", "it needs", "resolution date", "first line of text")


def page() -> str:
    """Write the page."""
    told = {send.far for row in kinds().values() for send in row.sends if send.far}
    return "\n".join(
        [
            "# What happens on a case, and what the other state is told",
            "",
            "*Written by `ops/generate_events_page.py` from `handlers/events.toml`, not by hand.*",
            "",
            f"{len(kinds())} kinds of events, {len(told)} transactions. The case system reports an event by",
            "`POST /v1/cases/{case_id}/events`; a file of them goes in by `csenet event send FILE`. What",
            "an event says about the facts becomes fact in the same commit. A transaction leaves once, in",
            "order, and only where the exchange agreement, both states' profiles and disclosure let it; what",
            "it needs and the facts do not have becomes a work item that names the element.",
            "",
            *(line for row in kinds().values() for line in _event(row)),
        ]
    )


def _event(row: EventKind) -> Iterator[str]:
    yield f"## {row.kind}"
    yield ""
    yield f"{row.title}. *({row.citation})*"
    yield ""
    for name, values in (
        ("Sorts (`of`)", row.of),
        ("May say", row.may),
        ("Must be known", row.needs),
        ("Said together", row.whole),
        (
            "Follows by itself",
            tuple(
                _fill(each.field, str(each.value).lower() if each.value is True else each.value, each.given)
                for each in row.sets
            ),
        ),
        ("Closes open work", row.closes),
    ):
        if values:
            yield f"* {name}: {', '.join(f'`{value}`' for value in values)}"
    for name, mode in (("participants", row.participants), ("orders", row.orders)):
        if mode:
            yield f"* `{name}`: {_MODES[mode]}"
    if row.silent:
        yield f"* Nothing leaves. {row.silent}"
    else:
        yield f"* Told under duty `{row.duty}`" + (
            ", also after the other state has closed" if row.over else ""
        )
        yield ""
        for cells in (_HEAD, ("---",) * len(_HEAD), *(_send(send) for send in row.sends)):
            yield f"| {' | '.join(cells)} |"
    yield ""


_MODES = {
    "add": "those in the event are added",
    "end": "those named are ended; they stay on the case as closed",
    "change": "those named are changed",
    "name": "those named are told, and stay as they are",
}


def _fill(field: str, value: str, given: str) -> str:
    when = f" where {given}" if given else ""
    return f"{field} = {'the day of the event' if value == '@on' else value}{when}"


def _send(send: Send) -> tuple[str, ...]:
    where = {"here": "address in either state", "elsewhere": "address elsewhere", "": ""}[send.place]
    day = {"on": "day of the event", "date": "day named", "": ""}[send.resolved]
    far = (
        "as the [closure map](closure.md) says" if send.closure else f"`{send.far}` {VALID[send.code].title}"
    )
    waits = f", {send.not_before} at the earliest" if send.not_before else ""
    needs = "" if send.closure else _needed(send)
    return send.role, ", ".join(filter(None, (*send.of, where))), far, needs, day + waits, send.line


def _needed(send: Send) -> str:
    """Name the elements that the code requires and the facts must have."""
    found = [
        f"{each.block}.{each.field}" if each.field else each.block
        for each in elements(send.code)
        if each.level == "required" and each.block != "header" and each.fixed is None
    ]
    return ", ".join(dict.fromkeys(found))


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
    print(f"wrote reference/{TARGET.name}")
