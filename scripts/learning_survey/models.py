"""Mixed models of students in schools beside least squares, four ways to know how far estimates may be off.

``naive``: least squares, students as if independent. ``robust``: the same estimates, CR2 by school (HC2 in a study
without schools). ``mixed``: the mixed model, its own covariance. ``cr2``: the same estimates, CR2. ``bootstrap``: the
same estimates, the spread over resamples of schools. See docs/methods/models.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey import bootstrap, jackknife
from learning_survey.cr2 import cr2, hc2
from learning_survey.mixed import Fit, fit, least_squares, resampled, variance_intervals, why_not
from learning_survey.mixed_likelihood import Data
from learning_survey.models_design import CROSSED, Design, Level, Register, design
from learning_survey.uncertainty import NAN, Estimate, f_p, holm, t_p, t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
METHODS = ("naive", "robust", "mixed", "cr2", "bootstrap")
NO_SCHOOLS = "the study has no schools"
FEW_SCHOOLS = f"fewer than {bootstrap.FEWEST} schools"
TOO_FEW = "too few students"


@dataclass(frozen=True)
class Method:
    """Estimates with one way to know how far they may be off: ``beta`` (p), its covariance, degrees of freedom.

    ``df`` gives those of K contrasts (K × p), ``f_test`` F, df1 and df2 of several together.
    """

    beta: Array
    covariance: Array
    df: Callable[[Array], Array]
    f_test: Callable[[Array], tuple[float, float, float]]

    def estimate(self, contrast: Array, level: float) -> tuple[Estimate, dict[str, float]]:
        """Of one contrast (p): value with interval; ``se``, ``df`` and ``p``."""
        value = float(contrast @ self.beta)
        se = float(np.sqrt(max(contrast @ self.covariance @ contrast, 0)))
        df = float(self.df(contrast)[0])
        if not (se > 0 and df > 0):
            return Estimate(value), {"se": NAN, "df": NAN, "p": NAN}
        half = t_quantile(df, level) * se
        return Estimate(value, value - half, value + half), {"se": se, "df": df, "p": t_p(value / se, df)}


@dataclass(frozen=True)
class Models:
    """One dimension's models: methods for main effects and with key stage by gender, by name; why others are absent."""

    dimension: str
    design: Design | None
    main: dict[str, Method]
    joint: dict[str, Method]
    model: Fit | None
    absent: dict[str, str]

    @property
    def best(self) -> str:
        """The method of means and contrasts: that of the mixed model, or of least squares where there is none."""
        return "cr2" if "cr2" in self.main else "robust"

    def shown(self, count: float, least: int) -> float:
        """A number of students, or degrees of freedom, as results may have it.

        Where a level is too small for the model, or the students in no model are fewer than ``least``, what is near to
        the number of students is rounded to a multiple of ``least``: subtraction must not give how many they are.
        """
        if self.design is None or not self.design.exposed or not count > 0.9 * self.design.students:
            return count
        return float(round(count / least) * least)


def of_study(cells: Cells, study: Loaded, register: Register) -> list[Models]:
    """The models of every dimension; ``register`` has phase and country by school."""
    return [models(cells, d, study, register) for d in study.instrument.dimension_ids]


def models(cells: Cells, dimension: str, study: Loaded, register: Register) -> Models:
    found = design(cells, dimension, study, register)
    if found is None:
        return Models(dimension, None, {}, {}, None, dict.fromkeys(METHODS, TOO_FEW))
    how = (not cells.alone, study.resampling.draws, study.seed)
    main, model, absent = methods(found.main, *how)
    joint = methods(found.joint, *how)[0] if found.crossed else {}
    return Models(dimension, found, main, joint, model, absent)


def methods(data: Data, schools: bool, draws: int, seed: int) -> tuple[dict[str, Method], Fit | None, dict[str, str]]:
    """Every method by name for one design, the mixed model, and why methods are absent.

    ``schools``: whether the data's schools are schools; ``draws`` resamples of them.
    """
    if fault := _fault(data):
        return {}, None, dict.fromkeys(METHODS, fault)
    plain = least_squares(data)
    robust = cr2(plain) if schools else hc2(plain)
    found = {
        "naive": Method(plain.beta, plain.covariance, plain.df, plain.f_test),
        "robust": Method(plain.beta, robust.covariance, robust.df, robust.f_test),
    }
    reason = why_not(data) if schools else NO_SCHOOLS
    model = None if reason else fit(data)
    if model is None:
        return found, None, dict.fromkeys(METHODS[2:], reason)
    robust = cr2(model)
    found["mixed"] = Method(model.beta, model.covariance, model.df, model.f_test)
    found["cr2"] = Method(model.beta, robust.covariance, robust.df, robust.f_test)
    again = _bootstrap(model, draws, seed)
    if again is None:
        return found, model, {"bootstrap": FEW_SCHOOLS}
    return found | {"bootstrap": again}, model, {}


def _fault(data: Data) -> str:
    """Why not even least squares says anything; empty where it does."""
    if data.students <= data.parameters:
        return TOO_FEW
    if not data.q.sum() > 1e-12 * data.students * (1 + data.centre**2):
        return "scores do not vary"
    if not least_squares(data).sigma2 > 1e-12 * data.q.sum() / data.students:
        return "scores do not vary beside the fixed effects"
    return ""


def _bootstrap(model: Fit, draws: int, seed: int) -> Method | None:
    """From the spread of the estimates over resamples of schools, as ``bootstrap.normal_interval`` has it.

    Several contrasts together: Hotelling's (1931, Annals of Mathematical Statistics 2, 360-378) T² with as many
    degrees of freedom as schools, less one. None with too few schools or where a tenth of resamples lacks a level.
    """
    part = jackknife.parts(model.data.schools, seed)
    count = int(part.max()) + 1
    if count < bootstrap.FEWEST:
        return None
    weights = _resamples(count, draws, seed)
    drawn = resampled(model, weights, part)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    if len(drawn) < max(2, 0.9 * len(weights)):
        return None
    covariance = np.atleast_2d(np.cov(drawn, rowvar=False))

    def f_test(contrasts: Array) -> tuple[float, float, float]:
        q, estimate = len(contrasts), contrasts @ model.beta
        if count <= q:
            return NAN, q, NAN
        wald = float(estimate @ np.linalg.solve(contrasts @ covariance @ contrasts.T, estimate))
        return (count - q) / (q * (count - 1)) * wald, q, count - q

    return Method(model.beta, covariance, lambda contrasts: np.full(len(np.atleast_2d(contrasts)), count - 1.0), f_test)


@lru_cache(maxsize=2)
def _resamples(count: int, draws: int, seed: int) -> Array:
    """The same for all dimensions."""
    return bootstrap.resamples(count, draws, np.random.default_rng(seed))


# ---------------------------------------------------------------- tables


def coefficients(found: list[Models], study: Loaded) -> pd.DataFrame:
    """Table ``models.coefficients``: every level of every term by every method; why not, where it is not estimated."""
    rows = []
    for m in found:
        levels = m.design.levels if m.design else []
        for item in (x for x in levels if x.status != "reference"):
            reference = m.design.of(item.term)[:1] if m.design else []
            for name in METHODS:
                status = item.status or m.absent.get(name, "")
                estimate, numbers = Estimate(), {"se": NAN, "df": NAN, "p": NAN}
                if item.column is not None and name in m.main:
                    contrast = np.eye(len(m.main[name].beta))[item.column]
                    estimate, numbers = m.main[name].estimate(contrast, study.resampling.level)
                rows.append(
                    {
                        "dimension": m.dimension,
                        "term": item.term,
                        "level": item.id,
                        "method": name,
                        "label": item.label,
                        "reference": reference[0].label if reference and item.term != "age" else None,
                        **estimate.columns("difference"),
                        **numbers | {"df": m.shown(numbers["df"], study.min_group)},
                        "status": status or None,
                    }
                )
    return _frame(rows, "models.coefficients")


def tests(found: list[Models], study: Loaded) -> pd.DataFrame:
    """Table ``models.tests``: key stage, gender and their interaction, each as a whole, by every method."""
    asked = [t for t, plan in zip(CROSSED, (study.key_stages, study.gender), strict=True) if plan]
    rows = []
    for m in found:
        for test in [*asked, *(["group_gender"] if len(asked) == 2 else [])]:
            crossed = test == "group_gender"
            columns = [] if m.design is None else m.design.crossed if crossed else m.design.columns(test)
            own = m.joint if crossed else m.main
            for name in METHODS:
                result = (NAN, len(columns) or NAN, NAN)
                if columns and name in own:
                    result = own[name].f_test(np.eye(len(own[name].beta))[columns])
                status = m.absent.get(name, "") if columns or m.design is None else "nothing to compare"
                f, df1, df2 = result
                rows.append(
                    {
                        "dimension": m.dimension,
                        "test": test,
                        "method": name,
                        "statistic": f,
                        "df1": df1,
                        "df2": m.shown(df2, study.min_group),
                        "p": f_p(f, df1, df2) if np.isfinite(f) else NAN,
                        "status": status or None,
                    }
                )
    frame = _frame(rows, "models.tests")
    frame["p_holm"] = _holm(frame, ["test", "method"])
    return frame


def variance(found: list[Models], study: Loaded) -> pd.DataFrame:
    """Table ``models.variance``: variance components, R² and what is explained of the empty model's variances."""
    rows = []
    for m in found:
        row = {"dimension": m.dimension, "n": NAN, "n_schools": NAN, "status": m.absent.get("mixed") or None}
        row |= {f"{name}{end}": NAN for name in ("tau2", "sigma2", "icc") for end in ("", "_ci_low", "_ci_high")}
        row |= {"boundary": False, "icc_empty": NAN, "explained_between": NAN, "explained_within": NAN}
        row |= {"r2_marginal": NAN, "r2_conditional": NAN, "terms": None, "left_out": None}
        if m.design is not None:
            row |= {"n": m.shown(m.design.students, study.min_group), "n_schools": m.design.schools, **_terms(m.design)}
        if m.design is not None and m.main:
            row["r2_marginal"], row["r2_conditional"] = (m.model or least_squares(m.design.main)).r_squared()
        if m.model is None:
            row["r2_conditional"] = NAN
        else:
            row |= _variances(m.model, study.resampling.level)
        rows.append(row)
    return _frame(rows, "models.variance")


def _variances(model: Fit, level: float) -> dict[str, object]:
    row: dict[str, object] = {"boundary": model.boundary}
    for name, estimate in variance_intervals(model, level).items():
        row |= estimate.columns(name)
    if model.boundary:
        row["status"] = "schools differ no more than chance"
    empty = fit(replace(model.data, X=np.ones((len(model.data.X), 1))))
    if empty is not None:
        row["icc_empty"] = empty.icc
        row["explained_within"] = 1 - model.sigma2 / empty.sigma2
        row["explained_between"] = 1 - model.tau2 / empty.tau2 if empty.tau2 > 0 else NAN
    return row


def _terms(found: Design) -> dict[str, str | None]:
    terms = dict.fromkeys(level.term for level in found.levels)
    inside = [term for term in terms if found.columns(term)]
    out = {
        term: next(level.status for level in found.levels if level.term == term) for term in terms if term not in inside
    }
    words = "; ".join(f"{term} ({status})" for term, status in out.items())
    return {"terms": ", ".join(inside) or None, "left_out": words or None}


def means(found: list[Models], study: Loaded) -> pd.DataFrame:
    """Table ``models.means``: the mean of each key stage and gender, the other's levels counting equally."""
    rows = []
    for m, term, item in _levels(found):
        estimate, numbers = Estimate(), {"se": NAN, "df": NAN}
        if item in m.design.of(term) and m.main:
            estimate, numbers = m.main[m.best].estimate(m.design.row(term, item), study.resampling.level)
        rows.append(
            {
                "dimension": m.dimension,
                "grouping": term,
                "group": item.id,
                "label": item.label,
                **estimate.columns("mean"),
                "se": numbers["se"],
                "df": m.shown(numbers["df"], study.min_group),
                "method": m.best,
                "status": None if item.status == "reference" else item.status or None,
            }
        )
    return _frame(rows, "models.means")


def contrasts(found: list[Models], study: Loaded) -> pd.DataFrame:
    """Table ``models.contrasts``: neighbouring key stages and all pairs of genders, first minus second, adjusted."""
    rows = []
    for m in found:
        for term in CROSSED if m.design else ():
            levels = [x for x in m.design.levels if x.term == term]
            pairs = pairwise(levels) if term == "group" else combinations(levels, 2)
            for a, b in pairs:
                shown = bool(m.main) and {a, b} <= set(m.design.of(term))
                estimate, numbers = Estimate(), {"se": NAN, "df": NAN, "p": NAN}
                if shown:
                    contrast = m.design.row(term, a) - m.design.row(term, b)
                    estimate, numbers = m.main[m.best].estimate(contrast, study.resampling.level)
                sd = m.design.sd if shown else NAN
                d = Estimate(*(x / sd for x in (estimate.value, estimate.low, estimate.high)))
                rows.append(
                    {
                        "dimension": m.dimension,
                        "grouping": term,
                        "group_a": a.id,
                        "group_b": b.id,
                        **estimate.columns("difference"),
                        **d.columns("d"),
                        **numbers | {"df": m.shown(numbers["df"], study.min_group)},
                        "method": m.best,
                        "status": _why([a, b]) if not shown else None,
                    }
                )
    frame = _frame(rows, "models.contrasts")
    frame["p_holm"] = _holm(frame, ["grouping"])
    return frame


def _levels(found: list[Models]) -> Iterable[tuple[Models, str, Level]]:
    for m in found:
        for term in CROSSED if m.design else ():
            for item in m.design.levels:
                if item.term == term:
                    yield m, term, item


def _why(levels: list[Level]) -> str | None:
    return next((x.status for x in levels if x.status not in ("", "reference")), TOO_FEW)


def _holm(frame: pd.DataFrame, by: list[str]) -> pd.Series:
    return frame.groupby(by, sort=False)["p"].transform(lambda p: holm(p.to_numpy(float)))


def _frame(rows: list[dict[str, object]], table: str) -> pd.DataFrame:
    import pandas as pd

    from learning_survey.schemas import TABLES

    return pd.DataFrame(rows, columns=list(TABLES[table].columns))
