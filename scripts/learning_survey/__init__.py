"""Learning Survey: from raw survey exports to an audited report."""

import os

# One thread for linear algebra: sums in another order differ in the last bit, and results must be byte-identical
# on any number of cores. The workflow runs rules in parallel instead.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

__version__ = "0.1.0"
