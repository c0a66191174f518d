"""What published figures imply about each other: the tables ``published.*``, from the printed figures alone.

No answer of a student is read. Formulas and sources: docs/methods/published.md.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.claim_rules import Tolerance
from learning_survey.claims import Matched, load_published, number
from learning_survey.printed import figure, printed_claims, printed_file, published_loadings
from learning_survey.printed_rotation import WAYS, Fit, Way, communality, nearest_solution

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Rows = list[dict[str, object]]

RANDOM_MATRICES = 100_000
FREE = 0.99
"""Bound of a communality where reliabilities set none."""


# ---------------------------------------------------------------- loadings, communalities and alpha


def alpha_of_all(R: Array, alpha: Array, items: Array) -> float:
    """Cronbach's alpha of all items together, from correlations R of scales, their alphas and numbers of items.

    Items have unit variance, and those of a scale correlate equally: the sum of scale i has variance
    n + n(n - 1) r with r = alpha / (n - (n - 1) alpha) (Spearman-Brown), and alpha is N/(N - 1) (1 - N / variance).
    """
    r = alpha / (items - (items - 1) * alpha)
    spread = np.sqrt(items + items * (items - 1) * r)
    total = items.sum()
    return float(total / (total - 1) * (1 - total / (spread @ R @ spread)))


def random_phi(k: int, count: int, rng: np.random.Generator) -> Array:
    """Correlation matrices (count, k, k), all equally likely: Joe (2006), J. Multivariate Analysis 97, 2177-2189.

    They are the correlations of k rows of k + 1 independent normal numbers about zero.
    """
    x = rng.standard_normal((count, k, k + 1))
    x /= np.sqrt((x**2).sum(axis=2, keepdims=True))
    return x @ x.transpose(0, 2, 1)


def _structure(study: Loaded) -> dict[str, Rows]:
    """What rests on the printed loadings; nothing where they, or the alphas of dimensions, are not printed."""
    pattern, claims, path = published_loadings(study), printed_claims(study), printed_file(study)
    dimensions = study.instrument.dimension_ids
    names = [f"reliability.{d}" for d in dimensions]
    if pattern is None or pattern.shape[1] < 2 or not set(names) <= set(claims):
        return {}
    printed = np.array([figure(claims[name], path) for name in names])
    half = np.full(len(names), _half_unit([claims[name].published for name in names]))
    items = np.array([len(study.instrument.items_of(d)) for d in dimensions])
    fits = {
        way: (
            nearest_solution(pattern, way, np.full(len(printed), FREE)),
            nearest_solution(pattern, way, printed + half),
        )
        for way in WAYS
    }
    overall = claims.get("reliability.overall")
    rows = _rotations(fits, (printed, half, items), None if overall is None else figure(overall, path))
    # A rounded figure is anywhere within its unit with equal chance: variance unit² / 12.
    unit = 2 * _half_unit([c.published for name, c in claims.items() if name.startswith("loading.")])
    rows["rotations"] = [row | {"rounding": unit / np.sqrt(12)} for row in rows["rotations"]]
    factors = [f.id for f in study.instrument.factors]
    return rows | {
        "phi": [
            {
                "rotation": way.id,
                "factor_a": factors[a],
                "factor_b": factors[b],
                "phi": free.phi[a, b],
                "phi_bounded": bounded.phi[a, b],
            }
            for way, (free, bounded) in fits.items()
            for a, b in combinations(range(len(factors)), 2)
        ],
        "communalities": [
            {
                "rotation": way.id,
                "dimension": d,
                "alpha": printed[i],
                "communality": free.communality[i],
                "communality_bounded": bounded.communality[i],
                "exceeds": bool(free.communality[i] > printed[i] + half[i]),
            }
            for way, (free, bounded) in fits.items()
            for i, d in enumerate(dimensions)
        ],
        "feasible": _feasible(pattern, printed + half, factors, study.seed),
    }


def _rotations(fits: dict[Way, tuple[Fit, Fit]], scales: tuple[Array, Array, Array], overall: float | None) -> dict:
    """Rows of ``rotations`` and ``alpha``; the rotation that stands out is chosen."""
    (alpha, half, items), alphas, rows = scales, [], []
    for way, (free, bounded) in fits.items():
        low, middle, high = (alpha_of_all(_implied(bounded), alpha + s * half, items) for s in (-1, 0, 1))
        alphas.append(
            {
                "rotation": way.id,
                "printed": np.nan if overall is None else overall,
                "alpha": middle,
                "alpha_low": low,
                "alpha_high": high,
                "alpha_free": alpha_of_all(_implied(free), alpha, items),
                "agrees": bool(overall is not None and abs(round(middle, 2) - overall) < 1e-9),
            }
        )
        rows.append(
            {
                "rotation": way.id,
                "kappa": np.nan if way.kappa is None else way.kappa,
                "kaiser": way.kaiser,
                "rms": free.rms,
                "max_difference": free.largest,
                "excess": (free.communality - alpha).max(),
                "rms_bounded": bounded.rms,
                "max_difference_bounded": bounded.largest,
            }
        )
    # Only a rotation whose factors imply the printed alpha of all items can be the one behind the print.
    agree = [i for i, a in enumerate(alphas) if a["agrees"] and np.isfinite(rows[i]["rms_bounded"])]
    known = agree or [i for i, r in enumerate(rows) if np.isfinite(r["rms_bounded"])]
    best = min(known, key=lambda i: rows[i]["rms_bounded"], default=None)
    order = np.argsort(np.argsort([r["rms_bounded"] for r in rows], kind="stable"), kind="stable")
    for i, row in enumerate(rows):
        row |= {"rank": order[i] + 1, "chosen": i == best}
    return {"rotations": rows, "alpha": alphas}


def _implied(fit: Fit) -> Array:
    R = fit.pattern @ fit.phi @ fit.pattern.T
    np.fill_diagonal(R, 1)
    return R


def _feasible(pattern: Array, bound: Array, factors: list[str], seed: int) -> Rows:
    """How far each factor correlation may go while the pattern as printed keeps every communality below its bound."""
    phi = random_phi(len(factors), RANDOM_MATRICES, np.random.default_rng(seed))
    kept = phi[(communality(pattern, phi) <= bound).all(axis=1)]
    return [
        {
            "factor_a": factors[a],
            "factor_b": factors[b],
            "low": kept[:, a, b].min() if len(kept) else np.nan,
            "high": kept[:, a, b].max() if len(kept) else np.nan,
            "share": len(kept) / len(phi),
        }
        for a, b in combinations(range(len(factors)), 2)
    ]


# ---------------------------------------------------------------- percentages


def possible_counts(percent: float, half: float, n: int) -> Array:
    """The whole numbers k for which 100 k / n rounds to ``percent``, half a printed unit being ``half``.

    Brown & Heathers (2017), Social Psychological and Personality Science 8, 363-369, for shares. Both ends count, since
    the rule of rounding is not known.
    """
    low, high = (max(0.0, percent - half) * n / 100, min(100.0, percent + half) * n / 100)
    return np.arange(np.ceil(low - 1e-9), np.floor(high + 1e-9) + 1)


def impossible_share(n: int, decimals: int) -> float:
    """The share of percentages with so many decimals that no count of n gives: what the test can find at all."""
    step = 10.0**-decimals
    values = np.arange(round(100 / step) + 1) * step
    nearest = np.round(values * n / 100) * 100 / n
    return float((np.abs(nearest - values) > step / 2 + 1e-9).mean())


def _percentages(matched: list[Matched], tolerances: dict[str, Tolerance], counts: dict[str, int]) -> Rows:
    rows: Rows = []
    strong = np.array([])
    for m in matched:
        claim = m.claim
        if claim.unit != "percent" or claim.kind not in ("value", "external"):
            continue
        try:
            printed = number(claim.published)
        except ValueError:
            continue  # given in words
        tolerance = tolerances.get(getattr(m.rule, "tolerance", None) or "")
        words = tolerance is not None and tolerance.rounding is not None
        decimals = tolerance.decimals if tolerance and tolerance.decimals is not None else _decimals(claim.published)
        half = tolerance.rounding if words else 0.5 * 10.0**-decimals
        of = "schools" if claim.claim_id.startswith("schools.") else "students"
        sizes = [counts[of]] if of in counts else []
        if claim.claim_id == "schools.strong_culture_leadership":
            sizes = [int(k) for k in strong if k]
        if not sizes:
            continue
        found = {n: possible_counts(printed, half, n) for n in sizes}
        if claim.claim_id == "schools.strong_culture_share":
            strong = found[sizes[0]]
        rows.append(
            {
                "claim": claim.claim_id,
                "statistic": claim.statistic,
                "printed": printed,
                "half_unit": half,
                "n_low": min(sizes),
                "n_high": max(sizes),
                "counts": sum(map(len, found.values())),
                "possible": any(len(k) for k in found.values()),
                "impossible_share": impossible_share(sizes[0], decimals) if len(sizes) == 1 else np.nan,
            }
        )
    return rows


# ---------------------------------------------------------------- effects


def expected_range(m: int) -> float:
    """Expected largest less smallest of m independent standard normals: Tippett (1925), Biometrika 17, 364-387."""
    from scipy.special import ndtr

    x = np.linspace(-12, 12, 24_001)
    below = ndtr(x)
    return float(np.trapezoid(1 - below**m - ndtr(-x) ** m, x))


def least_difference(gap: float) -> float:
    """The smallest difference of two normal means, in their common standard deviation, with shares ``gap`` apart.

    Shares above one threshold, in percentage points of difference. It is smallest where the threshold lies halfway
    between the means: 2 z(1/2 + gap/200).
    """
    from scipy.special import ndtri

    return float(2 * ndtri(0.5 + gap / 200))


def _effects(matched: list[Matched], study: Loaded, counts: dict[str, int]) -> Rows:
    claims, path, family = {m.claim.claim_id: m for m in matched}, printed_file(study), "schools.top_bottom_effect."
    gaps = {
        m.rule.at["dimension"]: m
        for m in matched
        if m.claim.unit == "percentage points" and "dimension" in (getattr(m.rule, "at", None) or {})
    }
    unit = _half_unit([m.claim.published for name, m in claims.items() if name.startswith(family)])
    rows: Rows = []
    for d in study.instrument.dimension_ids:
        if family + d not in claims:
            continue
        effect = figure(claims[family + d].claim, path)
        row: dict[str, object] = {"dimension": d, "d": effect}
        if d in gaps:
            gap = figure(gaps[d].claim, path)
            # The rounding that is kindest to the print: a smaller gap, a larger effect.
            smaller, larger = gap - _half_unit([gaps[d].claim.published]), effect + unit
            least = least_difference(smaller) / larger
            row |= {"gap": gap, "difference_least": least_difference(gap), "standardiser_least": least}
            row["icc_least"] = max(0.0, 1 - 1 / least**2)
        if {"schools", "students"} <= set(counts):
            row |= _schools(effect, counts["schools"], counts["students"])
        rows.append(row)
    return rows


def _schools(effect: float, schools: int, students: int) -> dict[str, float]:
    """What spread of schools makes the extremes of so many lie ``effect`` apart, and what it does to precision.

    School means of n students, as if equal in size, have variance rho + (1 - rho) / n in units of the total variance,
    or rho / (1 - rho) + 1 / n in units of that within schools; their extremes lie the expected range apart.
    """
    n = students / schools
    between = (effect / expected_range(schools)) ** 2
    ratio = max(0.0, between - 1 / n)
    icc = ratio / (1 - 1 / n)
    design = 1 + (n - 1) * icc
    return {
        "icc_total": icc,
        "icc_within": ratio / (1 + ratio),
        "design_effect": design,
        "n_effective": students / design,
    }


# ---------------------------------------------------------------- tables


def tables(study: Loaded) -> dict[str, pd.DataFrame]:
    """The tables ``published.*`` of a study with published figures; one that its claims do not allow has no rows."""
    import pandas as pd

    from learning_survey.schemas import TABLES

    rules, matched = load_published(study.published, study.root)
    path = printed_file(study)
    counts = {
        m.claim.claim_id.removeprefix("sample."): int(figure(m.claim, path))
        for m in matched
        if m.claim.claim_id in ("sample.students", "sample.schools")
    }
    rows = _structure(study)
    rows |= {
        "percentages": _percentages(matched, rules.tolerances, counts),
        "effects": _effects(matched, study, counts),
    }
    names = [name.split(".")[1] for name in TABLES if name.startswith("published.")]
    return {name: pd.DataFrame(rows.get(name, []), columns=list(TABLES[f"published.{name}"].columns)) for name in names}


def _half_unit(column: list[str]) -> float:
    """Half a unit of the last place that figures of one kind are printed with; a table of text loses final zeros."""
    return 0.5 * 10.0 ** -max(map(_decimals, column), default=0)


def _decimals(printed: str) -> int:
    return len(printed.partition(".")[2])
