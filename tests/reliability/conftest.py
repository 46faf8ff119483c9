"""Let the tests of this folder use what the proofs use; the proofs are programs and lie in no package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
