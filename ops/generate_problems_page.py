"""Write ops/reference/problems.md and ops/reference/edits.md from the tables of edits.

Run it after a change of the layouts or of the tables under `codecs/tables`; a test compares the pages with
what this would write.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from csenet.codecs import codes
from csenet.codecs.edits import edits, layouts_of
from csenet.codecs.edits_catalogue import Entry, entries
from csenet.codecs.edits_language import MUST
from csenet.codecs.layout import python_name
from csenet.codecs.model import BLOCKS

REFERENCE = Path(__file__).resolve().parent / "reference"

RULES = {
    "blank": ("A field that must be empty here is filled.", "-", "Leave it blank."),
    "case": (
        "Letters are small where the chart wants capitals. They are read as capitals.",
        "`Fernwood`",
        "Send capitals.",
    ),
    "century": ("A date lies outside 1900 to 2099.", "`18991231`", "Correct the date."),
    "characters": (
        "Something that is no printable ASCII, or in a case ID an asterisk or a backslash.",
        "a letter with an accent; `12*4`",
        "Replace the character.",
    ),
    "custodian": (
        "No participant is the custodial party.",
        "every Relationship is `D`",
        "Add the custodial party.",
    ),
    "date": ("No day of the calendar in the form CCYYMMDD.", "`20260230`", "Correct the date."),
    "dependent": (
        "No participant is a dependent; or a field about dependents is filled for somebody else.",
        "every Relationship is `C`",
        "Add the child; or correct Relationship, or blank the field.",
    ),
    "digits": ("Something that is no digit in a number.", "`90055O1O1`", "Correct the number."),
    "duplicate": (
        "The sender has used the serial number before. Only who keeps books of the sender finds this.",
        "the same transaction sent twice",
        "Take the next number, if it is a new transaction; do nothing, if it is a repetition.",
    ),
    "explained": (
        "Paternity was established in some other way, and no text says how.",
        "Dependent-Paternity-Status `6` without an information block",
        "Add the information block.",
    ),
    "filler": ("A position kept blank is filled.", "`X`", "Leave it blank; most often columns have shifted."),
    "fixed": (
        "The transaction's list of elements gives one value, and another one stands here.",
        "Case-Status `O` in MSC P GSC17",
        "Send the value named, or another transaction.",
    ),
    "form": (
        "An amount that can be read but is not twelve zero-filled positions.",
        "`+00000412.00`",
        "Send `000000041200`.",
    ),
    "future": ("A day that has not come yet.", "a transaction date of tomorrow", "Correct the date."),
    "information": (
        "Attachments are announced, and no information block lists them.",
        "Attachments-Ind. `Y` alone",
        "Add the information block, or send `N`.",
    ),
    "justification": (
        "Blanks or zeros stand at the wrong end of the field.",
        "`   GARRETT`",
        "Move the value.",
    ),
    "least": (
        "Fewer data blocks than the transaction needs, or a number below the least.",
        "MSC P GSTAI without information",
        "Add what is missing.",
    ),
    "line": (
        "A part of the first information line is missing or wrong: the code names part and fault, as in "
        "`information.information_text_line_1.as_of_date.missing`.",
        "`NOTHING OWED` in MSC P GSTAI",
        "Write the line in the form of chart C-11.",
    ),
    "missing": (
        "A block or a field that must, or should, be filled is blank.",
        "no Case-Type",
        "Fill it; where it is only recommended, the transaction goes without.",
    ),
    "money": ("No amount.", "`12 DOLLARS`", "Correct the amount."),
    "negative": ("An amount below zero in a field that knows none.", "`-00000000100`", "Check the amount."),
    "one_of": (
        "None of several fields is filled, of which one is needed.",
        "neither address nor employer in LO1 P LSADR",
        "Fill one of them.",
    ),
    "order": (
        "Of two dates, the later one comes first.",
        "an order that ends before it begins",
        "Correct one.",
    ),
    "position": ("A case ID does not begin in its first position.", "` 124`", "Move it to the left."),
    "range": ("A year outside 1900 to 2099.", "`1899`", "Correct the year."),
    "reserved": ("A field kept for a future version is filled.", "Due-Date `20261231`", "Leave it blank."),
    "serial": ("An error record names no transaction.", "a blank serial number", "Ask the federal office."),
    "short": ("Fewer digits than such a number has.", "a ZIP code `123`", "Complete the number."),
    "state": ("Not the abbreviation of a state or territory.", "`ZZ`", "Correct it."),
    "time": ("No time of day in the form HHMMSS.", "`250000`", "Correct the time."),
    "triple": (
        "Function, action and reason form none of the 186 valid transactions.",
        "MSC P ZZZZZ",
        "Look the code up: `csenet far`.",
    ),
    "unknown": (
        "No such state, county, territory, tribe or country.",
        "state `03`; county `002` of Minnesota",
        "Correct the code. If the exchange's own table has it, add it to `codecs/tables/fips_counties.csv`.",
    ),
    "value": ("Not one of the valid values.", "Case-Status `X`", "Send one of the values."),
    "zero": (
        "Zeros fill a field that is blank when unused; in a case ID, nothing but zeros and blanks.",
        "`00000000` for no date",
        "Leave it blank; give the real case ID.",
    ),
}
"""What the last part of a code means, a value that is told, and what to do."""

ELSEWHERE = {
    "transaction.length.total": (
        "The length does not fit the block counts: something is lost, or the counts are wrong.",
        "Ask the sender to send it again.",
    ),
    "transaction.length.line": ("A line longer than any transaction.", "Look at the file: it is no batch."),
    "transaction.length.padding": ("Blanks follow the last position (a warning).", "Send the exact length."),
    "transaction.length.separator": ("The end of the line is damaged (a warning).", "Look at the transfer."),
    "transaction.blocks.sequence": (
        "With one record for each data block: records are not those the header announces.",
        "Ask the sender to send it again.",
    ),
    "transaction.descriptor.value": (
        "No record descriptor word that fits what is around it.",
        "Ask for the file again; check how it was transferred.",
    ),
    "transaction.descriptor.segment": ("The segments of a spanned record do not follow.", "As before."),
    "transaction.descriptor.end": ("The file ends within a record.", "As before."),
    "transaction.descriptor.block": (
        "A block is not as long as its descriptor word says (a warning).",
        "Check how the file was transferred.",
    ),
    "xml.form.*, xml.prolog.*, xml.root.*, xml.transaction.limit": (
        "The XML document cannot be read, or is refused for safety: the message says why.",
        "Correct the document; the schema refuses the same.",
    ),
    "xml.element.*, xml.block.*, xml.field.*": (
        "An element where the schema has none, or twice.",
        "Correct the document; the schema refuses the same.",
    ),
    "error.record.shape": ("Not a record of the exchange's error file.", "Look at the file."),
    "BLOCK.count.most": ("A block more often than nine times.", "Split the transaction."),
    "BLOCK.FIELD.type": ("A value of another type than the field's.", "Correct the program that made it."),
    "BLOCK.FIELD.length": ("A value longer than its field.", "Shorten it."),
    "BLOCK.FIELD.decimals": ("An amount with more than two decimals.", "Round it."),
}
"""Codes that do not come from a chart but from files, or from programs that write transactions."""

NAMES = {"layout": "Form", "edits": "Statements", "block_rules": "Block counts", "elements": "Elements"}


def charts() -> list[str]:
    """Name the charts in order."""
    return list(
        dict.fromkeys(layout.chart for block in ("header", *BLOCKS, "error") for layout in layouts_of(block))
    )


def titles() -> dict[str, str]:
    """Title each chart."""
    blocks = ("header", *BLOCKS, "error")
    return {layout.chart: layout.title for block in blocks for layout in layouts_of(block)}


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Write a table."""
    heads = list(heads)
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
    yield ""


def problems_page() -> str:
    """Return the page that lists every code."""
    lines = [
        "# Problems",
        "",
        "Written by `ops/generate_problems_page.py`; do not edit.",
        "",
        "A code has three parts: block, field, rule, as in `orders.order_freq.missing`. It never changes its",
        "meaning. *Fatal* stops the transaction at once (the header cannot be trusted), an *error* makes the",
        "exchange refuse it after all others have been told, a *warning* lets it pass. Federal error numbers",
        "are given where they are known for certain: see the last column of the tables below.",
        "",
        "`csenet validate FILE` prints all of them with their places. A value that may tell of a person is",
        "shown by its form only: `A` for a capital letter, `a` for a small one, `9` for a digit.",
        "",
        "## What the rules mean, and what to do",
        "",
        *table(("rule", "meaning", "example", "what to do"), ((f"`{rule}`", *RULES[rule]) for rule in RULES)),
        "## Codes that come from files and programs",
        "",
        *table(("code", "meaning", "what to do"), ((f"`{code}`", *ELSEWHERE[code]) for code in ELSEWHERE)),
    ]
    for chart in charts():
        lines += [f"## Chart {chart}: {titles()[chart]}", ""]
        lines += _chart(chart)
    return "\n".join(lines).rstrip() + "\n"


def _chart(chart: str) -> Iterator[str]:
    mine = [entry for entry in entries() if entry.chart == chart]
    yield "Form of each field:"
    yield ""
    forms: dict[str, list[str]] = {}
    for entry in mine:
        if entry.source == "layout":
            mark = "" if entry.severity.value != "warning" else " (warning)"
            forms.setdefault(entry.field, []).append(f"`{entry.code}`{mark}")
    yield from table(
        ("field", "codes"), ((field, "<br>".join(dict.fromkeys(told))) for field, told in forms.items())
    )
    stated = [entry for entry in mine if entry.source != "layout"]
    if stated:
        yield "What the transaction demands:"
        yield ""
        yield from table(("code", "severity", "meaning", "applies", "example", "federal"), map(_row, stated))


def _row(entry: Entry) -> tuple[str, ...]:
    federal = {edit.code: edit.federal for edit in edits() if edit.federal}
    example = f"`{entry.example}`" if entry.example else ""
    return (
        f"`{entry.code}`",
        entry.severity.value,
        entry.message,
        entry.when.replace("far ", "") or "always",
        example,
        federal.get(entry.code, ""),
    )


EDITS_HEAD = """\
# Edits

Written by `ops/generate_problems_page.py`; do not edit.

Every rule that the federal record layout charts state is one row of a table, or one small named function
beside it. The reference of each is its chart.

* **Form**: what follows from a field alone, such as valid values, digits, dates, amounts and justification;
  from `codecs/layouts/`.
* **Statements**: what a chart says of a field in words (required if, greater than, a valid code ...); one
  row of `codecs/tables/edits.csv` a field.
* **Block counts**: how often a transaction needs a block; `codecs/tables/block_rules.csv`.
* **Elements**: fields and blocks that a transaction lists, `codecs/tables/transaction_elements.csv`; counted
  here once for each field, level and value. Required gives an error, recommended a warning.

`codecs/tables/edits_stated.csv` lists every field of every chart with the kinds of rules that its text
states and the codes that hold them; a test fails when one has none.

## How many rules each chart yielded
"""

EDITS_END = """\
## Where the charts leave something open

* An element list may call a field required where the chart demands it only under a condition: both hold,
  and the stricter one is told.
* County codes are those of the census, with the codes it has given up. Of our own transactions the exchange
  would refuse an unknown one (fatal); of those it has let pass we only tell (warning).
* In orders, `90` and three positions name a tribe, `80` and an ISO 3166-1 number a country (federal letter
  DCL-07-02). Tribal codes and the forms of Canada's provinces are accepted unchecked.
* State abbreviations are those of the Postal Service: states, territories, freely associated states and the
  armed forces' addresses.
* Chart C-3 explains that a request needs the custodial party and a dependent, but tests the count: their
  absence is a warning, and an error in MSC R GRPAY, where chart C-8 tests it.
* Numbers with too few digits are errors for ZIP codes, whose length the charts give, and warnings elsewhere.
* That two states have agreed to exchange a functional type is not an edit of a field: it is checked where
  transactions are made.
* On the way from the exchange, case IDs have changed sides, and so have their rules.

## The language of the table

`far` names the transactions: functions, actions and a pattern of reasons, alternatives with a semicolon,
exceptions with a minus sign: `PAT/EST/ENF R/U`, `LO1 P ?S*`, `* ; -MSC P REJCT`. `when` is a condition over
fields: bare names ask whether a field is filled. `must` is one of:

{demands}.

The last three are named functions. Whatever can apply to a transaction code is compiled once, so that a
clean transaction costs a few microseconds.
"""


def edits_page() -> str:
    """Return the page that says how many rules each chart yielded, and how they are written."""
    stated = list(codes.rows("edits_stated"))
    heads = ("chart", "title", "fields", "with a stated rule", *NAMES.values(), "all")
    counted = "\n".join(table(heads, (_counted(chart, stated) for chart in charts())))
    demands = ", ".join(f"`{word}`" for word in (*MUST, "someone", "triple", "reject_line", "interest_line"))
    return "\n".join((EDITS_HEAD, counted, _elements_line(), "", EDITS_END.format(demands=demands)))


def _counted(chart: str, stated: list[dict[str, str]]) -> tuple[object, ...]:
    sources = Counter(entry.source for entry in entries() if entry.chart == chart)
    mine = [row for row in stated if row["chart"] == chart]
    with_rule = sum(bool(row["states"]) for row in mine)
    return (
        chart,
        titles()[chart],
        len({python_name(row["field"]) for row in mine}),
        with_rule,
        *(sources[name] for name in NAMES),
        sources.total(),
    )


def _elements_line() -> str:
    levels: Counter[str] = Counter()
    for code in codes.VALID:
        levels.update(element.level for element in codes.elements(code))
    return (
        f"Written out for each of the {len(codes.VALID)} transactions, the element lists make "
        f"{levels['required']} required and {levels['recommended']} recommended blocks and fields."
    )


PAGES = {"problems.md": problems_page, "edits.md": edits_page}


def main() -> None:
    """Write both pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")
        print(f"wrote reference/{name}")


if __name__ == "__main__":
    main()
