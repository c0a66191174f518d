"""Learning Survey: from raw survey exports to an audited report."""

import atexit
import gc
import os

# One thread for linear algebra: sums in another order differ in the last bit, and results must be byte-identical
# on any number of cores. The workflow runs rules in parallel instead.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# What a step makes lives until it ends. To look for garbage as often as Python does takes an eighth of its start, and
# to look through everything once more at the end as long again.
gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)

__version__ = "0.1.0"
