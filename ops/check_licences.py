"""Refuse a run-time dependency whose licence is not on the list.

Usage: python ops/check_licences.py VENV

Takes the run-time requirements from pyproject.toml, follows them through the metadata of what is installed,
and compares each licence with what the project accepts. Tools for development are not looked at: nobody
receives them.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ACCEPTED = re.compile(
    r"MIT|BSD|Apache|MPL|Mozilla Public|EPL|Eclipse|LGPL|Lesser General|ISC|PSF|Python Software Foundation|"
    r"Public Domain|Unlicense|CNRI",
    re.IGNORECASE,
)
REFUSED = re.compile(r"(?<!L)GPL|(?<!Lesser )General Public", re.IGNORECASE)

LIST_REQUIREMENTS = """
import importlib.metadata as m, json, re
from packaging.requirements import Requirement
def walk(name, extras, seen):
    key = re.sub(r"[-_.]+", "-", name).lower()
    if (key, extras) in seen: return
    try: dist = m.distribution(name)
    except m.PackageNotFoundError: return
    seen.add((key, extras))
    for line in dist.requires or []:
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            walk(need.name, tuple(sorted(need.extras)), seen)
seen = set()
walk("csenet-gateway", (), seen)
print(json.dumps(sorted({key for key, _ in seen} - {"csenet-gateway"})))
"""


def normal(name: str) -> str:
    """Write a distribution's name the way indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(venv: str) -> int:
    """Print one line a dependency; return 1 when one is not acceptable."""
    binaries = Path(venv, "bin")
    wanted = json.loads(subprocess.check_output([binaries / "python", "-c", LIST_REQUIREMENTS], text=True))
    listing = subprocess.check_output([binaries / "pip-licenses", "--from=mixed", "--format=json"], text=True)
    licences = {normal(row["Name"]): row["License"] for row in json.loads(listing)}
    declared = {normal(re.split(r"[^\w.-]", line)[0]) for line in project()["dependencies"]}
    if missing := declared - set(wanted):
        print(f"not installed, so not checked: {', '.join(sorted(missing))}")
        return 1
    bad = 0
    for name in wanted:
        licence = licences.get(name, "unknown")
        # Where a licence offers a choice, one acceptable choice is enough.
        fine = any(ACCEPTED.search(one) and not REFUSED.search(one) for one in licence.split(" OR "))
        bad += not fine
        print(f"{'ok ' if fine else 'BAD'} {name}: {licence}")
    print(f"{len(wanted)} run-time dependencies, {bad} not acceptable")
    return 1 if bad else 0


def project() -> dict[str, list[str]]:
    """Read the project table of pyproject.toml."""
    table: dict[str, list[str]] = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ".venv"))
