"""Let marked people live through everything, then search everything for their marks.

    python tests/canaries/run.py --people 10000

Ends with status 0 and one line of counts when no mark stands anywhere outside the folders through which
plain files change hands; else names file and form.  `make canaries` runs it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from living import HANDED_OVER, live
from searching import forms, search_file


def main() -> int:
    """Live, search, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where to live; a temporary one if left out")
    asked = parser.parse_args()
    if asked.folder is not None:
        asked.folder.mkdir(parents=True)
        return _run(asked.folder, asked.people)
    with tempfile.TemporaryDirectory(prefix="csenet-canaries-") as folder:
        return _run(Path(folder), asked.people)


def _run(folder: Path, wanted: int) -> int:
    began = time.monotonic()
    people, kept = asyncio.run(live(folder, wanted))
    known = forms()
    files = size = handed_over = 0
    leaks: list[tuple[str, Counter[str]]] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        found = search_file(path, known)
        if _is_handed_over(path.relative_to(folder)) or _is_another_s(path.relative_to(folder)):
            handed_over += sum(found.values())
            continue
        files, size = files + 1, size + path.stat().st_size
        if found:
            leaks.append((str(path.relative_to(folder)), found))
    for name, found in leaks[:50]:
        print(f"LEAK {name}: {dict(found)}", file=sys.stderr)
    if not handed_over:
        print("nothing was found in the exchange's books either: the search is blind", file=sys.stderr)
    marks = sum(sum(found.values()) for _, found in leaks)
    print(
        f"{people.made} marked people, {kept.pages} pages, {kept.answers} answers "
        f"({kept.statuses[200]} shown, {kept.statuses[403]} refused), {kept.commands} commands; "
        f"{files} files, {size / 1e6:.0f} MB searched for {len(known)} forms in "
        f"{time.monotonic() - began:.0f} s: {marks} marks "
        f"({handed_over} where plain content belongs: the exchange's books, hand-over folders)"
    )
    return 1 if marks or not handed_over else 0


def _is_another_s(path: Path) -> bool:
    """Tell the books of the simulated exchange, which are plain and not ours to guard."""
    return path.parts[:2] == ("world", "exchange")


def _is_handed_over(path: Path) -> bool:
    """Tell files that lie in folders through which plain files change hands."""
    return path.parts[0] == "world" and len(path.parts) > 3 and path.parts[2] in HANDED_OVER


if __name__ == "__main__":
    sys.exit(main())
