"""Say once how patient a test is."""

from typing import Final

# The longest wait of a test, in seconds, on however slow a machine: only a test that fails waits for so long.
BOUND: Final = 90.0
