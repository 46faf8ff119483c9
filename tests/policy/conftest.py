"""Find the policy cases, and give tables a place to be wrong in."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[2] / "fixtures" / "policy"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for every case of the table its argument names, under the case's own name."""
    for name in metafunc.fixturenames:
        if name in _TABLES:
            file, table = _TABLES[name]
            cases = read_cases(file)[table]
            metafunc.parametrize(name, cases, ids=[_title(case) for case in cases])


_TABLES = {
    "ledger_case": ("interest.toml", "case"),
    "refused_ledger": ("interest.toml", "refused"),
    "counting_case": ("working_days.toml", "case"),
    "day_case": ("working_days.toml", "day"),
    "deadline_case": ("deadlines.toml", "case"),
    "permission_case": ("permissions.toml", "case"),
    "profile_case": ("profiles.toml", "case"),
    "closure_case": ("closure.toml", "case"),
    "closing_case": ("closure_plans.toml", "plan"),
    "refused_plan": ("closure_plans.toml", "refused"),
    "receipt_case": ("working_days_receipt.toml", "case"),
    "review_case": ("disclosure_reviews.toml", "case"),
    "release_case": ("disclosure_reviews.toml", "release"),
    "tax_case": ("disclosure_reviews.toml", "tax"),
    "partner_case": ("agreements_partners.toml", "case"),
}


def _title(case: dict[str, Any]) -> str:
    return str(case.get("name") or case.get("code") or f"{case['date']} in {case['state']}")


def read_cases(file: str) -> dict[str, Any]:
    """Read one file of cases."""
    return tomllib.loads((CASES / file).read_text(encoding="utf-8"))


@pytest.fixture
def cases() -> Callable[[str], dict[str, Any]]:
    """Read a file of cases by its name."""
    return read_cases


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a policy table to a file, for its loader to read."""

    def write(text: str, name: str = "table.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
