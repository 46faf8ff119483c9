"""Write codecs/blocks.pyi, the types of the block structs, from the layouts.

Run it after a change of `codecs/layouts/`; a test compares the file with what this would write.
"""

from pathlib import Path

from csenet.codecs import blocks

TARGET = Path(__file__).resolve().parent.parent / "codecs" / "blocks.pyi"

HEAD = """\
# Written by ops/generate_block_stubs.py from codecs/layouts: change those, then run it again.

from datetime import date, time
from decimal import Decimal

import msgspec

from csenet.codecs.layout import Field

INDICATORS: dict[str, str]
SOURCES: dict[str, tuple[str, ...]]

def struct_fields(name: str) -> dict[str, Field]: ...
def value_type(field: Field) -> str: ...
"""


def stubs() -> str:
    """Return the text of the stub file."""
    lines = [HEAD]
    for name in blocks.SOURCES:
        lines.append(f"class {name}(msgspec.Struct, frozen=True, kw_only=True, gc=False):")
        lines += (
            f"    {field.name}: {blocks.value_type(field)} | None = None"
            for field in blocks.struct_fields(name).values()
        )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Write the stub file."""
    TARGET.write_text(stubs(), "utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
