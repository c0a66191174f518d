"""Paths for every test: the library is imported from ``scripts/``, as the steps do."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

# One thread for linear algebra, before any test imports numpy: as in the steps, and not at odds with parallel tests.
import learning_survey  # noqa: E402, F401
