"""Write codecs/schemas/transaction.schema.json, the JSON Schema of a transaction, from the layouts.

Run it after a change of `codecs/layouts/`; a test compares the file with what this would write.
"""

import json
from pathlib import Path

from csenet.codecs.jsonschema import transaction_schema

TARGET = Path(__file__).resolve().parent.parent / "codecs" / "schemas" / "transaction.schema.json"


def text() -> str:
    """Return the text of the file."""
    return json.dumps(transaction_schema(), indent=2) + "\n"


def main() -> None:
    """Write the file."""
    TARGET.write_text(text(), "utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
