"""Whether the means of ordered groups fall all along: tests, and the means that such an order would have.

With d the k - 1 steps between neighbours (each group's mean minus the next one's) and V their clustered covariance, the
means fall where d lies in the cone of steps of 0 or more. Let d' be the point of the cone nearest to d in the metric of
V⁻¹. Two tests (Robertson, Wright & Dykstra 1988, Order Restricted Statistical Inference, ch. 2; Silvapulle & Sen 2005,
Constrained Statistical Inference, ch. 3):

    equal means against a fall    T = d'' V⁻¹ d'                 p = Σ_j w_j P(j F(j, ν) ≥ T)
    a fall against anything else  T = (d - d')' V⁻¹ (d - d')     p = Σ_j w_j P((m - j) F(m - j, ν) ≥ T), m = k - 1

w_j is the chance that, with equal means, d' has exactly j steps that are not 0. The F tails with ν = G - 1 in place of
chi-square ones allow for V having been estimated from G schools, as the clustered Wald test does. The second p is the
largest that any falling means could have (that of equal ones), so it is cautious.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.groups import clustered_steps
from learning_survey.uncertainty import NAN, f_p

if TYPE_CHECKING:
    from learning_survey.group_sample import Sample

Array = NDArray[np.float64]
EXACT = 4  # steps up to which chances of orthants are exact
DRAWS = 20_000
NODES = 64


DIRECTIONS = {"falls": 1, "rises": -1}


def order_tests(sample: Sample, seed: int) -> dict[str, dict[str, float]]:
    """Both tests over the groups of ``sample``, by column, for means that fall and for means that rise.

    NaN where the clustered Wald test has none.
    """
    found = clustered_steps(sample)
    if found is None:
        empty = dict.fromkeys(("n_groups", "statistic_equal", "p_equal", "statistic_order", "p_order", "df2"), NAN)
        return dict.fromkeys(DIRECTIONS, empty)
    steps, V, clusters = found
    m, df, w = len(steps), clusters - 1, level_probabilities(V, seed)
    results = {}
    for direction, sign in DIRECTIONS.items():
        step = sign * steps
        nearest = project(step, V)
        apart = step - nearest
        apart[np.abs(apart) < 1e-12 * np.abs(step).max()] = 0.0  # rounding errors where the point is in the cone
        equal, order = (float(x @ np.linalg.solve(V, x)) for x in (nearest, apart))
        results[direction] = {
            "n_groups": m + 1,
            "statistic_equal": equal,
            "p_equal": tail(equal, w, range(m + 1), df),
            "statistic_order": order,
            "p_order": tail(order, w, range(m, -1, -1), df),
            "df2": df,
        }
    return results


def tail(statistic: float, w: Array, degrees: range, df: float) -> float:
    """Σ_j w_j P(k F(k, df) ≥ statistic) for each k of ``degrees``; with no degrees of freedom it is 0 for sure."""
    if statistic == 0:
        return 1.0
    return float(min(1.0, sum(weight * f_p(statistic / k, k, df) for weight, k in zip(w, degrees, strict=True) if k)))


def project(step: Array, V: Array) -> Array:
    """The point without negative coordinates that is nearest to ``step`` in the metric of V⁻¹."""
    from scipy.optimize import nnls

    root = np.linalg.inv(np.linalg.cholesky(V))
    return nnls(root, root @ step)[0]


def level_probabilities(V: Array, seed: int) -> Array:
    """w_0 … w_m: chances that the projection of normal steps with covariance V (m × m) has j positive coordinates.

    For each set S of coordinates the chance that exactly these are positive is that of two orthants (Kudô 1963,
    Biometrika 50, 403-418): of V_SS - V_ST V_TT⁻¹ V_TS and of V_TT⁻¹, T being the others. Above ``EXACT`` steps the
    chances come from ``DRAWS`` draws with ``seed``.
    """
    m = len(V)
    if m > EXACT:
        drawn = np.random.default_rng(seed).multivariate_normal(np.zeros(m), V, DRAWS, method="cholesky")
        positive = np.array([(project(x, V) > 0).sum() for x in drawn])
        return np.bincount(positive, minlength=m + 1) / DRAWS
    w = np.zeros(m + 1)
    for size in range(m + 1):
        for S in combinations(range(m), size):
            T = [i for i in range(m) if i not in S]
            outer, inner = np.linalg.inv(V[np.ix_(T, T)]), V[np.ix_(S, S)]
            across = V[np.ix_(S, T)]
            w[size] += orthant(inner - across @ outer @ across.T) * orthant(outer)
    return w / w.sum()


def orthant(V: Array) -> float:
    """Chance that all of up to four normal variables with mean 0 and covariance V are positive.

    Exact up to three. For four, the derivative of the chance as correlations grow from 0 to R in proportion t is, by
    Plackett (1954, Biometrika 41, 351-360), Σ_ij r_ij φ(0, 0; t r_ij) P(the other two > 0, given that i and j are 0),
    which is integrated over t by Gauss and Legendre's rule.
    """
    m = len(V)
    R = V / np.sqrt(np.outer(np.diag(V), np.diag(V)))
    if m < 3:
        return (1.0, 0.5, 0.25)[m] + (float(np.arcsin(R[0, 1]) / (2 * np.pi)) if m == 2 else 0.0)
    if m == 3:
        return 0.125 + float(np.arcsin(R[np.triu_indices(3, 1)]).sum() / (4 * np.pi))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    t = ((nodes + 1) / 2)[:, None, None]
    grown = t * R + (1 - t) * np.eye(4)
    total = 1 / 16
    for i, j in combinations(range(4), 2):
        given, rest = [i, j], [k for k in range(4) if k not in (i, j)]
        across = grown[:, given][:, :, rest]
        inner = grown[:, rest][:, :, rest] - across.transpose(0, 2, 1) @ np.linalg.solve(
            grown[:, given][:, :, given], across
        )
        r = inner[:, 0, 1] / np.sqrt(inner[:, 0, 0] * inner[:, 1, 1])
        both = 0.25 + np.arcsin(r) / (2 * np.pi)
        total += weights / 2 @ (R[i, j] / (2 * np.pi * np.sqrt(1 - grown[:, i, j] ** 2)) * both)
    return float(total)


def falling(mean: Array, weight: Array) -> Array:
    """Weighted least-squares means that never rise along the last axis; both arrays have the same shape.

    Pool adjacent violators as min over s ≤ i of max over t ≥ i of the mean of s … t (Robertson, Wright & Dykstra 1988,
    theorem 1.4.4).
    """
    k = mean.shape[-1]
    n, s = (np.cumsum(np.concatenate([np.zeros((*a.shape[:-1], 1)), a], axis=-1), axis=-1)
            for a in (weight, weight * mean))  # fmt: skip
    best = np.full(mean.shape, np.inf)
    for start in range(k):
        averages = (s[..., start + 1 :] - s[..., start, None]) / (n[..., start + 1 :] - n[..., start, None])
        largest = np.maximum.accumulate(averages[..., ::-1], axis=-1)[..., ::-1]
        best[..., start:] = np.minimum(best[..., start:], largest)
    return best
