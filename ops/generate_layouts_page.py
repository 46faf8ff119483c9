"""Write ops/reference/layouts.md, the record layouts, from the tables behind `csenet layout`.

Run it after a change of `codecs/layouts/` or of `codecs/tables/meanings.csv`; a test compares the file with
what this would write.
"""

from collections.abc import Iterator
from pathlib import Path

from csenet.codecs.layout import Layout, load_layouts
from csenet.gateway.cli.layout import fields

TARGET = Path(__file__).resolve().parent / "reference" / "layouts.md"

HEAD = """\
# Record layouts

Written by `ops/generate_layouts_page.py` from the tables behind `csenet layout`: change those, then run it
again. The charts are those of the CSENet Interface Guidance Document.

Positions count from 1 and include both ends. A transaction is a header and the blocks its seven counts
announce, in the order of the charts. Kinds: *text* left-justified, blank-filled, upper case; *code* one of
the values; *digits* an identifier of digits; *number* right-justified, zero-filled; *date* CCYYMMDD; *time*
HHMMSS; *money* twelve positions with two implied decimals, `-` first when negative. What is unused is blank.
*Sometimes* depends on the transaction: see [codes.md](codes.md).
"""


def page() -> str:
    """Return the text of the page."""
    charts = sorted(load_layouts().values(), key=lambda each: int(each.chart.partition("-")[2]))
    lines = [HEAD]
    for chart in charts:
        lines += _chart(chart)
    return "\n".join(lines).rstrip() + "\n"


def _chart(chart: Layout) -> Iterator[str]:
    yield f"## {chart.title} (chart {chart.chart})\n"
    yield f"{chart.length} positions; `csenet layout {chart.name}`.\n"
    yield "| field | JSON name | from | to | kind | required | values and notes |"
    yield "|---|---|---|---|---|---|---|"
    for row in fields(chart):
        told = " ".join(part for part in (row["values"], row["note"]) if part)
        name = f"`{row['name']}`" if row["kind"] != "filler" else ""
        cells = (row["field"], name, row["first"], row["last"], row["kind"], row["required"], told)
        yield f"| {' | '.join(str(cell) for cell in cells)} |"
    yield ""


def main() -> None:
    """Write the page."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(), "utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
