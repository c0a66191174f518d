"""Paths for every test: the library is imported from ``scripts/``, as the steps do."""

import os
import sys
from pathlib import Path

import threadpoolctl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

# One thread for linear algebra, as in the steps. They set it before numpy is imported; pytest has imported it by now
# (its filter of pandas' warnings). Beside other processes two threads would take ten times as long.
import learning_survey  # noqa: E402, F401

threadpoolctl.threadpool_limits(1)

# Generated surveys are real studies to the pipeline; they have this key, unless a test takes it away.
os.environ["LEARNING_SURVEY_KEY"] = "a key for surveys made by tests, not a secret"
