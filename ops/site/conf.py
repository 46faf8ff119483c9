"""Build the documentation site: `make docs`.

The pages are the Markdown files below `ops/`.  What follows from code (commands, settings, the API) is
written into `ops/reference/generated/` before each build and is not kept in version control.
"""

import sys
from importlib.metadata import version as installed
from pathlib import Path

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE))

from generated import write_pages  # noqa: E402 - lies beside this file, not in a package

project = "CSENet gateway"
author = "the CSENet gateway's authors"
copyright = "the CSENet gateway's authors"  # noqa: A001 - Sphinx reads this name
release = version = installed("csenet-gateway")

extensions = ["myst_parser", "sphinx.ext.graphviz"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["site", "systemd", "prometheus/*.yml"]

html_theme = "furo"
html_title = f"CSENet gateway {release}"
html_show_sourcelink = False
html_static_path: list[str] = []
graphviz_output_format = "svg"
graphviz_dot_args = ["-Gfontname=sans-serif", "-Nfontname=sans-serif", "-Efontname=sans-serif"]

write_pages(_HERE.parent / "reference" / "generated")
