"""Variance between and within schools, and intraclass correlations, from sums by school.

Students by school, Σx and Σx² are all that they need. Methods: docs/methods/schools.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey import jackknife
from learning_survey.uncertainty import NAN, Codes, Estimate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """Additive sums of one score by school, three arrays of length G: students, Σx, Σx². Every school has a student."""

    n: Array
    s: Array
    q: Array

    @classmethod
    def of(cls, x: Array, school: Codes, n: Array | None = None) -> Sums:
        """Of scores ``x`` (M) in ``school`` (M codes), each of ``n`` students (M), of one without.

        Without a score or school a student is left out, as is an empty school.
        """
        keep = ~np.isnan(x) & (school >= 0)
        x, school, n = x[keep], school[keep], np.ones(keep.sum()) if n is None else n[keep]
        # Centred, Σx² keeps its digits where scores lie far from zero; components do not depend on the centre.
        centred = x - np.average(x, weights=n) if len(x) else x
        students, s, q = (np.bincount(school, weights=n * w) for w in (np.ones(len(x)), centred, centred**2))
        return cls(students[students > 0], s[students > 0], q[students > 0])

    def without_each(self) -> Sums:
        """G samples that each lack one school: arrays of G × G, where a school left out has no students."""
        keep = 1.0 - np.eye(len(self.n))
        return Sums(keep * self.n, keep * self.s, keep * self.q)


@dataclass(frozen=True)
class Components:
    """One-way random effects by the ANOVA method; see ``components``."""

    students: int
    schools: int
    mean_size: float
    between: float = NAN
    within: float = NAN
    icc1: float = NAN
    icc2: float = NAN


def mean_squares(sums: Sums) -> tuple[Array, Array, Array]:
    """Mean squares between and within schools and n0, along the last axis."""
    students, schools = sums.n.sum(axis=-1), (sums.n > 0).sum(axis=-1)
    square = sums.s**2 / np.where(sums.n > 0, sums.n, 1.0)
    between = (square.sum(axis=-1) - sums.s.sum(axis=-1) ** 2 / students) / (schools - 1)
    within = (sums.q - square).sum(axis=-1) / (students - schools)
    return between, within, (students - (sums.n**2).sum(axis=-1) / students) / (schools - 1)


def components(sums: Sums) -> Components:
    """Variance components and intraclass correlations of unbalanced schools.

    With mean squares MSB and MSW and n0 = (N - Σ n_j² / N) / (G - 1): variance between (MSB - MSW) / n0, not below 0;
    icc1 = (MSB - MSW) / (MSB + (n0 - 1) MSW), which is negative where schools differ less than chance would make
    them; icc2 = (MSB - MSW) / MSB. Searle, Casella & McCulloch (1992), Variance Components, section 3.6; Bliese (2000).
    NaN with fewer than two schools, or where students in a school do not differ.
    """
    students, schools = int(sums.n.sum()), len(sums.n)
    size = students / schools if schools else NAN
    if schools < 2 or students <= schools:
        return Components(students, schools, size)
    between, within, n0 = (float(v) for v in mean_squares(sums))
    if not within > 1e-12 * (1 + abs(between)):
        return Components(students, schools, size)
    return Components(
        students,
        schools,
        size,
        max(0.0, (between - within) / n0),
        within,
        (between - within) / (between + (n0 - 1) * within),
        (between - within) / between if between > 0 else NAN,
    )


def icc1_interval(sums: Sums, level: float) -> Estimate:
    """icc1 with a jackknife interval over schools.

    r = variance between / variance within is jackknifed on the scale θ = log(r + 1 / n0), leaving out a school at a
    time, and its limits (``jackknife.interval``) go back to icc1 = r / (1 + r) (Arvesen & Schmitz 1970, Biometrics 26,
    677-686). It needs neither equal sizes nor normal school effects; how it fares beside others is in
    docs/methods/schools.md. NaN limits with fewer than three schools.
    """
    full = components(sums)
    if np.isnan(full.icc1) or full.schools < 3:
        return Estimate(full.icc1)
    between, within, n0 = mean_squares(sums)
    with np.errstate(divide="ignore", invalid="ignore"):  # without its one larger school a sample may have no MSW
        b, w, size = mean_squares(sums.without_each())
    if not between > 0 or not (w > 0).all():
        return Estimate(full.icc1)
    least = 1e-9 / n0  # a sample without one school may have a smaller n0, and its r may pass below -1 / n0
    theta = float(np.log(between / within / n0))
    left_out = np.log(np.maximum((b / w - 1) / size + 1 / n0, least))
    ratios = (np.exp(limit) - 1 / n0 for limit in jackknife.interval(np.array(theta), left_out, level))
    return Estimate(full.icc1, *(float(r / (1 + r)) for r in ratios))
