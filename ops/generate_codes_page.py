"""Write ops/reference/codes.md, what each transaction means, from the tables behind `csenet far`.

Run it after a change of `codecs/tables/` or of the policy tables; a test compares the file with what this
would write.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csenet.codecs.codes import VALID
from csenet.gateway.cli.far import facts

TARGET = Path(__file__).resolve().parent / "reference" / "codes.md"

HEAD = """\
# Transactions

Written by `ops/generate_codes_page.py` from the tables behind `csenet far`: change those, then run it again.

The core set is what the states agreed to use. The other valid transactions are accepted and not sent unless
somebody asks for one; they stand at the end. Where the federal rule has moved since the CSENet documents
were written, the old number is given as *cited as*.
"""

FUNCTIONS = {
    "LO1": "Quick locate",
    "CSI": "Case status information",
    "ENF": "Enforcement",
    "EST": "Order establishment",
    "PAT": "Paternity establishment",
    "COL": "Collection",
    "MSC": "Managing state cases",
}


def page() -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, *_core(), *_others()]).rstrip() + "\n"


def _core() -> Iterator[str]:
    for function, name in FUNCTIONS.items():
        yield f"## {name} ({function})\n"
        for code, row in VALID.items():
            if row.core and code.function == function:
                yield from _entry(facts(code))


def _entry(found: dict[str, Any]) -> Iterator[str]:
    yield f"### {found['code']} – {found['title']}\n"
    yield f"{found['says']} Sent by {found['sent_by']}.\n"
    yield f"* Receiver: {found['receiver']}"
    if "deadline" in found:
        yield f"* Within: {found['deadline']}"
    if "answer" in found:
        yield f"* Answer: {', '.join(answer.partition(' – ')[0] for answer in found['answer'])}"
    rule = found.get("rule", {})
    if "ground" in rule:
        yield f"* Ground: {rule['ground']} {_moved(rule['ground_cited'], rule['ground_current'])}"
    if "current" in rule or "cited" in rule:
        yield f"* Federal rule: {_moved(rule.get('cited', ''), rule.get('current', ''))}"
    for block in found["blocks"]:
        least = f", {block['least']} or more" if block.get("least", 0) > 1 else ""
        if block["block"] != "Header":
            yield f"* {block['block']} ({block['level']}{least}): {_fields(block)}"
    yield ""


def _moved(cited: str, current: str) -> str:
    return current if cited in ("", current) else f"{current} (cited as {cited})".strip()


def _fields(block: dict[str, Any]) -> str:
    told = [f"{level} {', '.join(block[level])}" for level in ("required", "recommended") if level in block]
    return "; ".join(told) or "no field named"


def _others() -> Iterator[str]:
    yield "## Valid outside the core set\n"
    yield "| code | title | sent by |"
    yield "|---|---|---|"
    for code, row in VALID.items():
        if not row.core:
            yield f"| {code} | {row.title} | {row.sent_by} |"


def main() -> None:
    """Write the page."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(), "utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
