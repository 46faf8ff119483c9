"""The reference pages say what the tables say."""

from pathlib import Path
from typing import Any

import pytest

OPS = Path(__file__).resolve().parents[2] / "ops"


@pytest.mark.parametrize("name", ["codes", "layouts", "metrics", "events", "rights"])
def test_the_page_is_what_its_generator_would_write(name: str) -> None:
    source = OPS / f"generate_{name}_page.py"
    scope: dict[str, Any] = {"__name__": "generator", "__file__": str(source)}
    exec(compile(source.read_text("utf-8"), str(source), "exec"), scope)
    assert (OPS / "reference" / f"{name}.md").read_text("utf-8") == scope["page"]()
