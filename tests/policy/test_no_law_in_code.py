"""No number and no date of law stands in the code of handlers and policy: they are rows of tables."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from csenet.handlers import policy

HANDLERS = Path(policy.__file__).parents[1]
FILES = sorted(HANDLERS.rglob("*.py"))

# Named constants that are no law, each with what it is instead.
CONSTANTS = {
    ("_MONTHS_A_YEAR", 12): "the calendar",
    ("(_FEBRUARY, _LEAP_DAY)", 2): "the calendar: 29 February",
    ("(_FEBRUARY, _LEAP_DAY)", 29): "the calendar: 29 February",
    ("_CENTS", 100): "cents in a dollar",
    ("_PERCENT", 100): "what per cent means",
    ("_CENT", "0.01"): "a cent in dollars",
    ("_MILLIONTHS", 1_000_000): "places shown of an exact fraction",
    ("_REMEMBERED", 4096): "how many answers a cache holds",
    ("_READABLE", 100): "how long a title may be to be read at a glance",
    ("_PRIORITIES", 4): "kinds of urgency that a person tells apart",
    ("_LONGEST", 365): "a bound for mistakes of typing",
    ("_NAME_LENGTH", 64): "room for a name in the store",
    ("_SECOND", 2): "counting pairs from the second",
    ("_PLACES", 6): "places shown of an exact fraction",
    ("_CASE_ID_LENGTH", 15): "field width of Case-ID",
    ("_LINE_LENGTH", 80): "field width of Information-Text-Line-1",
    ("MOST_OF_A_BLOCK", 9): "field width: a block count is one digit",
    ("MOST", "9999999999.99"): "field width: twelve positions, two implied decimals",
}
# Expressions of exact arithmetic.
EXPRESSIONS = {
    "Fraction(1, 2)": "half, to round half up",
    "-2": "two decimals, as an exponent of ten",
}
PLAIN = (0, 1)
MAKERS = {"date", "datetime", "time", "timedelta", "fromisoformat"}
AMOUNTS = {"Decimal", "Fraction"}
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parents_of(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}


def above(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while node in parents:
        node = parents[node]
        yield node


def constant_name(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str:
    """Give the name of the module's constant that a literal stands in."""
    for each in above(node, parents):
        target = each.target if isinstance(each, ast.AnnAssign) else None
        if isinstance(each, ast.Assign):
            target = each.targets[0]
        if target is not None and isinstance(parents.get(each), ast.Module):
            return ast.unparse(target)
    return ""


def allowed(node: ast.Constant, parents: dict[ast.AST, ast.AST]) -> bool:
    """Tell a slice of columns, a listed constant and a listed expression from anything else."""
    lineage = list(above(node, parents))
    if any(isinstance(each, ast.Slice) for each in lineage):
        return True
    if (constant_name(node, parents), node.value) in CONSTANTS:
        return True
    return any(isinstance(each, ast.expr) and ast.unparse(each) in EXPRESSIONS for each in lineage)


def called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_docstring(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    return isinstance(parents.get(node), ast.Expr)


def is_number(node: ast.Constant, parents: dict[ast.AST, ast.AST]) -> bool:
    """Tell a number, or a text that is made into an amount, from other literals."""
    if type(node.value) in (int, float, complex):
        return True
    in_amount = called(parents.get(node, node)) in AMOUNTS and isinstance(node.value, str)
    return in_amount and not is_docstring(node, parents)


def faults(source: str) -> list[str]:
    """List the literals of law in a module's text."""
    tree = ast.parse(source)
    parents = parents_of(tree)
    found = []
    for node in ast.walk(tree):
        if called(node) in MAKERS and isinstance(node, ast.Call):
            literals = [arg for arg in node.args if isinstance(arg, ast.Constant) and arg.value not in PLAIN]
            if literals:
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        if not isinstance(node, ast.Constant):
            continue
        dated = isinstance(node.value, str) and ISO_DATE.fullmatch(node.value)
        # len("2026-01-31") is the form of a date, not a date.
        if dated and not is_docstring(node, parents) and called(parents[node]) != "len":
            found.append(f"{node.lineno}: {node.value!r}")
        plain = type(node.value) is int and node.value in PLAIN
        if is_number(node, parents) and not plain and not allowed(node, parents):
            zero = isinstance(node.value, str) and not node.value.strip("0.")
            found += [] if zero else [f"{node.lineno}: {node.value!r}"]
    return found


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(HANDLERS)) for path in FILES])
def test_a_module_holds_no_number_and_no_date_of_law(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "LIMIT = 60",
        "due = start + timedelta(days=10)",
        "due = start + timedelta(10)",
        "RATE = Decimal('4')",
        "if day >= date(2017, 1, 19): pass",
        "SINCE = '2022-08-01'",
        "def f(days=20): pass",
        "rate = 0.04",
        "if arrears < 500: pass",
    ],
)
def test_law_in_code_is_found(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        "state = fips[:2]",
        "_MONTHS_A_YEAR = 12",
        "n += 1",
        "'''Since 2017-01-19.'''",
        "half = Fraction(1, 2)",
        "nothing = Decimal('0.00')",
    ],
)
def test_what_is_no_law_is_let_pass(source: str) -> None:
    assert faults(source) == []


def test_nothing_is_listed_that_the_code_no_longer_has() -> None:
    used = {
        (constant_name(node, parents), node.value)
        for path in FILES
        for tree in [ast.parse(path.read_text("utf-8"))]
        for parents in [parents_of(tree)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
    }
    unused = {name for name, value in CONSTANTS if (name, value) not in used}
    assert unused == set()
