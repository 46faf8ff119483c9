"""Write ops/reference/rights.md from gateway/people/rights.toml: who may do what, cell by cell.

Run it after a change of that table; tests compare the page with what this would write, and ask the gateway
itself about every cell of it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from csenet.gateway.casework.operations import OPERATIONS
from csenet.gateway.people.rights import OPEN, Right, Role, table

PAGE = Path(__file__).resolve().parent / "reference" / "rights.md"

HEAD = """# Who may do what

Written by `ops/generate_rights_page.py` from `gateway/people/rights.toml`. A ✓ means that the role opens it,
"all" that nobody's name is needed. A role without `offices.all` sees the cases of its own offices and those
of the agency as a whole; any other case is *not found*. Personal fields are masked for people; seeing them
in clear takes the right `content.unmask` and a reason each time. `GET /` says to everybody
whether the gateway serves, and no more; with `figures.read` it is the page Today.

"""


def page() -> str:
    """Write the whole page."""
    return HEAD + "\n".join(_lines())


def _lines() -> Iterator[str]:
    known = table()
    yield from ("## Roles", "", "| role | held by | what for |", "|---|---|---|")
    yield from (f"| {role} | {row.kind} | {row.text} |" for role, row in known.roles.items())
    yield from ("", "## Rights", "")
    yield from _matrix("what", ((row.text, str(right)) for right, row in known.rights.items()))
    yield from ("", "## Operations of the API", "")
    routes = {each.id: f"{each.method} {each.path}" for each in OPERATIONS}
    rows = ((f"`{routes[name]}`", need) for name, need in known.operations.items() if name in routes)
    yield from _matrix("operation", rows)
    yield from ("", "## Pages", "")
    yield from _matrix("page", ((f"`{place}`", need) for place, need in known.pages.items()))
    yield from ("", "## Commands", "")
    yield "The row of a group goes for all of its commands that have none of their own. These cells count"
    yield 'where `people.command_line = "accounts"` is set: whoever types a command has signed in before with'
    yield "`csenet sign-in`. Commands that need `figures.read`, `system.manage`, `people.manage` or"
    yield "`tokens.manage` stay with those who may open the store's files: somebody makes the first account."
    yield ""
    yield from _matrix("command", ((f"`csenet {words}`", need) for words, need in known.commands.items()))
    yield from ("", "## The same in the browser and in the terminal", "")
    yield "The first page is `csenet status`, and live `csenet top`."
    yield from ("", "| page | commands |", "|---|---|")
    for place, commands in known.twins.items():
        yield f"| `{place}` | {', '.join(f'`csenet {words}`' for words in commands)} |"
    yield ""


def _matrix(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"| {title} | right | {' | '.join(Role)} |"
    yield "|---|---|" + "---|" * len(Role)
    for name, need in sorted(rows):
        cells = " | ".join(_cell(need, role) for role in Role)
        yield f"| {name} | {need} | {cells} |"


def _cell(need: str, role: Role) -> str:
    if need == OPEN:
        return "all"
    return "✓" if role in table().roles_with(Right(need)) else ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
