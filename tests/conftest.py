"""Paths for every test, and how many examples property tests draw: the library is imported from ``scripts/``."""

import os
import sys
from pathlib import Path

import threadpoolctl
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

# One thread for linear algebra, as in the steps. They set it before numpy is imported; pytest has imported it by now
# (its filter of pandas' warnings). Beside other processes two threads would take ten times as long.
import learning_survey  # noqa: E402, F401

threadpoolctl.threadpool_limits(1)

# Generated surveys are real studies to the pipeline; they have this key, unless a test takes it away.
os.environ["LEARNING_SURVEY_KEY"] = "a key for surveys made by tests, not a secret"

# How many examples a property test draws is stated here and nowhere else. The same ones each time by default, so that
# a failure comes back; the nightly profile draws new ones each time and prints what repeats a failure. A generated
# survey is written to files, which takes longer than hypothesis expects of an example.
COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=200, derandomize=True, **COMMON)
settings.register_profile("nightly", max_examples=2000, derandomize=False, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
