"""How many factors the scores and items have, and which: adequacy, retention, promax factors, agreement with print.

Matrices are correlations (p, p); students of a study are n. Methods and sources: docs/methods/factors.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import minres
from learning_survey.errors import SurveyError
from learning_survey.jackknife import interval, leave_one_out, require_variance
from learning_survey.moments import Moments, Pooled
from learning_survey.students import Students

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Rows = list[dict[str, object]]


# ---------------------------------------------------------------- adequacy


def smallest_eigenvalue(R: Array) -> float:
    """Not above zero when a variable repeats others, or when missing answers differ too much from pair to pair."""
    return float(np.linalg.eigvalsh(R)[0])


def kmo(R: Array) -> tuple[float, Array]:
    """Kaiser-Meyer-Olkin measure, overall and of each variable (p): Kaiser & Rice (1974), EPM 34, 111-117.

    Σ r² / (Σ r² + Σ q²) over pairs, with q the correlations that remain given all other variables. R must be positive
    definite.
    """
    inverse = np.linalg.inv(R)
    scale = np.sqrt(np.diag(inverse))
    partial = inverse / np.outer(scale, scale)
    off = ~np.eye(len(R), dtype=bool)
    r, q = (R**2 * off).sum(axis=1), (partial**2 * off).sum(axis=1)
    with np.errstate(all="ignore"):
        return float(r.sum() / (r.sum() + q.sum())), r / (r + q)


def bartlett(R: Array, n: int) -> tuple[float, int, float, float]:
    """Bartlett's (1951) test that nothing correlates: chi-square, degrees of freedom, p, and log |R|.

    chi-square = -(n - 1 - (2p + 5)/6) log |R| with p(p-1)/2 degrees of freedom. R must be positive definite. The
    log-determinant is found as such: the determinant of many variables is too small a number to hold.
    """
    from scipy.special import chdtrc

    p, log_determinant = len(R), float(np.linalg.slogdet(R)[1])
    statistic, df = -(n - 1 - (2 * p + 5) / 6) * log_determinant, p * (p - 1) // 2
    return statistic, df, float(chdtrc(df, max(statistic, 0))), log_determinant


# ---------------------------------------------------------------- retention


def average_partials(R: Array) -> Array:
    """Velicer's (1976) mean squared partial correlation after 0, 1, … p-1 components, shape (p,).

    psych::VSS starts at one component. NaN where a component leaves a variable no variance.
    """
    p = len(R)
    w, V = np.linalg.eigh(R)
    result, left = np.full(p, np.nan), R.copy()
    for m in range(p):
        if m:
            left = left - w[-m] * np.outer(V[:, -m], V[:, -m])
        variance = np.diag(left)
        if np.all(variance > 1e-10):
            result[m] = ((left**2 / np.outer(variance, variance)).sum() - p) / (p * (p - 1))
    return result


def reduced_eigenvalues(R: Array, tolerance: float = 1e-9) -> Array:
    """Eigenvalues, falling, of R with the communalities of one minres factor in its diagonal: psych's ``fa.values``.

    Shape (draws, p) for R (draws, p, p). Matrices in which the factor is not found are left out.
    """
    psi = minres.uniquenesses(R, 1, tolerance=tolerance)
    found = np.isfinite(psi).all(axis=-1)
    reduced, at = R[found], np.arange(R.shape[-1])
    reduced[..., at, at] = minres.loadings(reduced, psi[found], 1)[..., 0] ** 2
    return eigenvalues(reduced)


def eigenvalues(R: Array) -> Array:
    """Eigenvalues, falling, shape (..., p)."""
    return np.linalg.eigvalsh(R)[..., ::-1]


def random_correlations(n: int, p: int, draws: int, rng: np.random.Generator) -> Array:
    """Correlation matrices (draws, p, p) of n rows of p independent normal variables, without the rows.

    Sums of squares and products about the means are Wishart with n - 1 degrees of freedom: A A', with A lower
    triangular, normal below the diagonal and the root of chi-square with n - 1 - i degrees of freedom on it
    (Bartlett 1933; Odell & Feiveson 1966, JASA 61, 199-203). Fewer rows than variables are drawn as they are.
    """
    if n - 1 >= p:
        a, at = np.tril(rng.standard_normal((draws, p, p)), -1), np.arange(p)
        a[:, at, at] = np.sqrt(rng.chisquare(n - 1 - at, size=(draws, p)))
    else:
        a = rng.standard_normal((draws, p, n - 1))
    products = a @ a.transpose(0, 2, 1)
    scale = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    return products / (scale[:, :, None] * scale[:, None, :])


def parallel(n: int, p: int, draws: int, quantile: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """The quantile of each eigenvalue in random data, of components and of factors, shapes (p,): Horn (1965).

    Draws in which the one factor cannot be found do not count; without any, the second is NaN.
    """
    components, factors = [], []
    for start in range(0, draws, 100):
        R = random_correlations(n, p, min(100, draws - start), rng)
        components.append(eigenvalues(R))
        factors.append(reduced_eigenvalues(R, tolerance=1e-6))
    return _quantile(np.concatenate(components), quantile), _quantile(np.concatenate(factors), quantile)


def _quantile(values: Array, quantile: float) -> Array:
    return np.quantile(values, quantile, axis=0) if len(values) else np.full(values.shape[1], np.nan)


def first_below(values: Array, random: Array) -> int:
    """How many leading eigenvalues are above those of random data, up to the first that is not."""
    above = values > random
    return len(above) if above.all() else int(np.argmin(above))


# ---------------------------------------------------------------- factors


@dataclass(frozen=True)
class Solution:
    """Oblique factors: pattern (p, k), factor correlations phi (k, k), ids and labels of variables and factors."""

    variables: tuple[str, ...]
    pattern: Array
    phi: Array
    factors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def structure(self) -> Array:
        """Correlations of variables with factors, pattern · phi."""
        return self.pattern @ self.phi

    @property
    def communality(self) -> Array:
        """Variance that the factors explain, the diagonal of P phi P'."""
        return np.einsum("ij,ij->i", self.structure, self.pattern)

    @property
    def heywood(self) -> NDArray[np.bool_]:
        """Which uniquenesses stand at their lower bound: the solution is improper there."""
        return self.communality >= 1 - minres.LOWEST - 1e-6

    def arranged(self, order: NDArray[np.int64], sign: Array) -> Solution:
        """Factors in another order and direction."""
        phi = self.phi[np.ix_(order, order)] * np.outer(sign, sign)
        return replace(self, pattern=self.pattern[:, order] * sign, phi=phi)

    def named(self, factors: list[str], labels: list[str]) -> Solution:
        return replace(self, factors=tuple(factors), labels=tuple(labels))


def solution(R: Array, variables: tuple[str, ...], k: int, kappa: float = 4, kaiser: bool = True) -> Solution:
    """Minimum-residual factors after promax, in psych's order (variance explained) and direction (positive sums).

    Rotation is factor_analyzer's Rotator, which stops varimax where R does and so agrees with psych. Extraction is
    ours: its FactorAnalyzer has one start, stops early, and loses the order of phi. Raises SurveyError when k factors
    of p variables are not identified, or when no start leads to a solution.
    """
    p = len(variables)
    if not minres.identified(p, k):
        most = max((m for m in range(1, p) if minres.identified(p, m)), default=0)
        raise SurveyError(
            f"{k} factors of {p} variables are not identified; {most} is the most", remedy="Ask for fewer factors."
        )
    unrotated = _extract(R, k)
    if k == 1:
        pattern, phi = unrotated, np.eye(1)
    else:
        from factor_analyzer.rotator import Rotator

        rotator = Rotator(method="promax", power=kappa, normalize=kaiser)
        pattern, phi = rotator.fit_transform(unrotated), rotator.phi_
    found = Solution(variables, np.asarray(pattern), np.asarray(phi))
    order = np.argsort(-np.diag(phi @ pattern.T @ pattern), kind="stable")
    found = found.arranged(order, np.where(pattern[:, order].sum(axis=0) < 0, -1.0, 1.0))
    return found.named([f"f{i + 1}" for i in range(k)], [f"Factor {i + 1}" for i in range(k)])


def _extract(R: Array, k: int) -> Array:
    """Unrotated loadings (p, k) that leave the smallest residuals, from several starts."""
    starts = [None, *(np.full(len(R), level) for level in (0.1, 0.3, 0.5, 0.7, 0.9))]
    found = [psi for start in starts if np.isfinite(psi := minres.uniquenesses(R, k, start)).all()]
    if not found:
        raise SurveyError(f"no solution of {k} factors was found", remedy="Ask for fewer factors.")
    misfit = np.array([minres.misfit(R, psi, k) for psi in found])
    # The first start, squared multiple correlations, unless another is better by more than rounding.
    return minres.loadings(R, found[int(np.argmax(misfit <= misfit.min() + 1e-9))], k)


def tucker(a: Array, b: Array) -> Array:
    """Congruence of each column of ``a`` (p, j) with each of ``b`` (..., p, k): Tucker (1951). Shape (..., j, k)."""
    length = np.sqrt((a**2).sum(axis=0))[:, None] * np.sqrt((b**2).sum(axis=-2))[..., None, :]
    with np.errstate(all="ignore"):
        return np.nan_to_num(a.T @ b / length)


def match(reference: Array, pattern: Array) -> tuple[NDArray[np.int64], Array]:
    """Order and sign in which the columns of ``pattern`` are most congruent with those of ``reference``, in total."""
    from scipy.optimize import linear_sum_assignment

    congruence = tucker(reference, pattern)
    rows, order = linear_sum_assignment(-np.abs(congruence))
    return order, np.where(congruence[rows, order] < 0, -1.0, 1.0)


def replicates(resamples: Pooled, estimate: Solution, kappa: float, kaiser: bool) -> tuple[Array, Array]:
    """Pattern (G, p, k) and phi (G, k, k) of each resample, in the order and direction of the estimate.

    A resample without a solution is NaN. Varimax goes to its end here, where R's rule stops short: otherwise the
    stopping, not the sample, would make replicates differ.
    """
    k = estimate.pattern.shape[1]
    with np.errstate(all="ignore"):
        R = resamples.cor()
    psi = minres.uniquenesses(R, k, np.clip(1 - estimate.communality, minres.LOWEST, minres.HIGHEST))
    pattern, phi = np.full((*psi.shape, k), np.nan), np.full((len(psi), k, k), np.nan)
    good = np.flatnonzero(np.isfinite(psi).all(axis=1))
    rotated = minres.promax(minres.loadings(R[good], psi[good], k), kappa, kaiser)
    for g, one_pattern, one_phi in zip(good, *rotated, strict=True):
        order, sign = match(estimate.pattern, one_pattern)
        pattern[g], phi[g] = one_pattern[:, order] * sign, one_phi[np.ix_(order, order)] * np.outer(sign, sign)
    return pattern, phi


def by_dimension(found: Solution, dimension_of: list[str], dimensions: list[str]) -> NDArray[np.int64] | None:
    """Order of factors in which each belongs to one dimension, or None when they do not belong so.

    A factor belongs to the dimension whose items load on it most in the mean, and that dimension's items on no other
    factor more.
    """
    mean = np.array([np.abs(found.pattern[[d == name for d in dimension_of]]).mean(axis=0) for name in dimensions])
    if mean.shape[0] != mean.shape[1]:
        return None
    order = mean.argmax(axis=1)
    return order if np.array_equal(mean.argmax(axis=0)[order], np.arange(len(order))) else None


# ---------------------------------------------------------------- published loadings


def published_loadings(study: Loaded) -> Array | None:
    """Published pattern (dimensions, factors), or None where the study has none.

    Cells are the claims ``loading.<dimension>.<factor>``. Raises SurveyError when some but not all are there.
    """
    if not (study.published and study.instrument.factors):
        return None
    from learning_survey.claims import read_claims

    path = study.root / "config" / "published" / f"{study.published}.csv"
    cells = {c.claim_id: c.published for c in read_claims(path) if c.claim_id.startswith("loading.")}
    names = [[f"loading.{d}.{f.id}" for f in study.instrument.factors] for d in study.instrument.dimension_ids]
    wanted = {name for row in names for name in row}
    if not cells:
        return None
    if wanted != set(cells):
        raise SurveyError(
            f"loadings do not fit the instrument: {', '.join(sorted(wanted ^ set(cells))[:5])} missing or unknown",
            where=path,
            remedy="Give one row for each dimension and factor of the instrument.",
        )
    try:
        return np.array([[float(cells[name]) for name in row] for row in names])
    except ValueError as error:
        raise SurveyError(f"a loading is not a number: {error}", where=path, remedy="Correct the row.") from None


# ---------------------------------------------------------------- tables


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``factors.*``; raises SurveyError for a variable without variance or too many factors.

    A matrix of fewer than three variables has no factors to find and no rows.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    source = processed / "moments.npz"
    moments = Moments.load(source)
    n = int(Students.read(processed).rows.select(pl.len()).collect().item())
    rng = np.random.default_rng(study.seed)
    instrument, plan = study.instrument, study.factors
    matrices = {
        "dimensions": (instrument.dimension_ids, plan.dimension_factors, "dimension"),
        "items": (instrument.item_ids, plan.item_factors, "item"),
    }
    rows: dict[str, Rows] = {name.split(".")[1]: [] for name in TABLES if name.startswith("factors.")}
    for name, (variables, k, kind) in matrices.items():
        if len(variables) < 3:
            continue
        chosen = moments.select(variables)
        pooled = chosen.pooled()
        require_variance(pooled, kind, source)
        R = pooled.cor()
        rows["adequacy"] += _adequacy(name, R, chosen.variables, n)
        retention, suggested = _retention(name, R, n, study, rng)
        rows["retention"] += retention
        rows["suggested"] += suggested
        if k is not None:
            for table, more in _solution(name, chosen, R, k, study).items():
                rows[table] += more
    return {name: _frame(pd, TABLES[f"factors.{name}"].columns, rows[name], n, study) for name in rows}


def _frame(pd: object, columns: dict, rows: Rows, n: int, study: Loaded) -> pd.DataFrame:
    """Rows as a frame with the table's columns; too small a study keeps its rows and loses its numbers."""
    frame = pd.DataFrame(rows, columns=list(columns))
    if n < study.min_group:
        for name, column in columns.items():
            if not column.key and column.unit not in ("id", "text", "flag"):
                frame[name] = np.nan
    return frame


def _adequacy(name: str, R: Array, variables: tuple[str, ...], n: int) -> Rows:
    """A matrix that is not positive definite has its smallest eigenvalue for a reason, and no other statistic."""
    smallest = smallest_eigenvalue(R)
    overall, each = np.nan, np.full(len(R), np.nan)
    statistic = df = p = log_determinant = np.nan
    if smallest > 1e-10:
        overall, each = kmo(R)
        statistic, df, p, log_determinant = bartlett(R, n)
    values = {"kmo": overall, "bartlett": statistic, "determinant_log": log_determinant}
    values |= {"smallest_eigenvalue": smallest} | {f"kmo:{v}": x for v, x in zip(variables, each, strict=True)}
    rows: Rows = [{"matrix": name, "statistic": key, "value": value} for key, value in values.items()]
    rows[1] |= {"df": df, "p": p}
    return rows


def _retention(name: str, R: Array, n: int, study: Loaded, rng: np.random.Generator) -> tuple[Rows, Rows]:
    plan, p = study.factors, len(R)
    components, found = eigenvalues(R), reduced_eigenvalues(R[None])
    factors = found[0] if len(found) else np.full(p, np.nan)
    random_components, random_factors = parallel(n, p, plan.parallel_draws, plan.parallel_quantile, rng)
    partials = average_partials(R)
    columns = {
        "k": np.arange(1, p + 1),
        "eigenvalue_components": components,
        "parallel_components": random_components,
        "eigenvalue_factors": factors,
        "parallel_factors": random_factors,
        "map": np.append(partials[1:], np.nan),
    }
    suggested = {
        "parallel_factors": first_below(factors, random_factors) if np.isfinite(factors).all() else np.nan,
        "parallel_components": first_below(components, random_components),
        "map": int(np.nanargmin(partials)),
        "kaiser": int((components > 1).sum()),
    }
    rows = [{"matrix": name} | dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return rows, [{"matrix": name, "method": method, "factors": k} for method, k in suggested.items()]


def _solution(name: str, moments: Moments, R: Array, k: int, study: Loaded) -> dict[str, Rows]:
    plan, instrument = study.factors, study.instrument
    try:
        found = solution(R, moments.variables, k, plan.kappa, plan.kaiser)
    except SurveyError as error:
        where = study.root / "config" / "studies" / f"{study.id}.yaml"
        raise SurveyError(
            error.problem, where=f"{where}: factors.{name.removesuffix('s')}_factors", remedy=error.remedy
        ) from None
    published = published_loadings(study) if name == "dimensions" else None
    if published is not None and published.shape[1] == k:
        found = found.arranged(*match(published, found.pattern))
        found = found.named([f.id for f in instrument.factors], [f.label for f in instrument.factors])
    else:
        published = None
    if name == "items":
        order = by_dimension(found, [i.dimension for i in instrument.items], instrument.dimension_ids)
        if order is not None:
            found = found.arranged(order, np.where(found.pattern[:, order].sum(axis=0) < 0, -1.0, 1.0))
            found = found.named(instrument.dimension_ids, [d.label for d in instrument.dimensions])
    resampled = replicates(leave_one_out(moments, study.seed), found, plan.kappa, plan.kaiser)
    return _rows(name, found, resampled, study.resampling.level, published)


def _rows(name: str, found: Solution, resampled: tuple[Array, Array], level: float, published: Array | None) -> dict:
    pattern, phi = resampled
    if found.heywood.any():
        # At its bound a solution does not move smoothly with the sample, so leaving clusters out shows nothing.
        pattern, phi = pattern * np.nan, phi * np.nan
    low, high = interval(found.pattern, pattern, level)
    # Fisher's z keeps limits of a correlation within -1 and 1.
    phi_low, phi_high = interval(found.phi, phi, level, np.arctanh, np.tanh)
    compared = np.full(found.pattern.shape, np.nan) if published is None else published
    difference = found.pattern - compared
    structure, communality, heywood = found.structure, found.communality, found.heywood
    loadings = [
        {
            "solution": name,
            "variable": variable,
            "factor": factor,
            "factor_label": found.labels[j],
            "pattern": found.pattern[i, j],
            "pattern_ci_low": low[i, j],
            "pattern_ci_high": high[i, j],
            "structure": structure[i, j],
            "published": compared[i, j],
            "difference": difference[i, j],
        }
        for i, variable in enumerate(found.variables)
        for j, factor in enumerate(found.factors)
    ]
    pairs = [
        {
            "solution": name,
            "factor_a": a,
            "factor_b": found.factors[j],
            "phi": found.phi[i, j],
            "phi_ci_low": phi_low[i, j],
            "phi_ci_high": phi_high[i, j],
        }
        for i, a in enumerate(found.factors)
        for j in range(i + 1, len(found.factors))
    ]
    communalities = [
        {"solution": name, "variable": v, "communality": h, "uniqueness": 1 - h, "heywood": bool(at_bound)}
        for v, h, at_bound in zip(found.variables, communality, heywood, strict=True)
    ]
    congruence = [
        {
            "solution": name,
            "factor": factor,
            "tucker": tucker(compared[:, [j]], found.pattern[:, [j]])[0, 0],
            "rms_difference": np.sqrt((difference[:, j] ** 2).mean()),
            "max_difference": np.abs(difference[:, j]).max(),
        }
        for j, factor in enumerate(found.factors)
        if published is not None
    ]
    return {"loadings": loadings, "phi": pairs, "communalities": communalities, "congruence": congruence}
