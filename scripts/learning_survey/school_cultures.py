"""Schools with a strong learning culture: by the study's definition, and by every other that is reasonable.

Schools are units and the shown ones a sample of schools. A share of schools has Wilson's interval; a ratio, strong over
rest, a percentile interval from resampling schools with the study's seed, which schools are strong taken as given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.config import ALL
from learning_survey.school_extremes import normal
from learning_survey.school_means import top_tenth
from learning_survey.uncertainty import NAN, Estimate, wilson

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def strong_culture(school_means: pd.DataFrame, study: Loaded) -> pd.DataFrame:
    """Table ``schools.strong_culture``: one row, or none where the study defines no strong culture."""
    import pandas as pd

    from learning_survey.schemas import TABLES

    columns = list(TABLES["schools.strong_culture"].columns)
    plan = study.schools.strong_culture
    if plan is None:
        return pd.DataFrame(columns=columns)
    share = school_means.loc[school_means["dimension"] == ALL, "share_high"].dropna().to_numpy()
    row = against_rest(share, share >= plan.min_share, study)
    named = {"strong": "strong_mean", "rest": "rest_mean"}
    row = {named.get(name, name): value for name, value in row.items()}
    return pd.DataFrame([{"measure": "share_high", "definition": _share_text(plan.min_share)} | row], columns=columns)


def cultures(school_means: pd.DataFrame, study: Loaded) -> pd.DataFrame:
    """Table ``schools.cultures``: two rows for each definition, by what strong schools and the rest are compared on.

    Schools that lack a number on any dimension are left out.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    rows = []
    wide = {c: school_means.pivot(index="school", columns="dimension", values=c) for c in ("mean", "share_high")}
    whole = wide["mean"].notna().all(axis=1) & wide["share_high"].notna().all(axis=1)
    chosen = school_means[school_means["school"].isin(whole.index[whole])]
    for definition, (text, strong) in definitions(chosen, study).items():
        for measure, table in (("share_high", wide["share_high"]), ("mean", wide["mean"])):
            row = against_rest(table.loc[whole, ALL].to_numpy(float), strong, study)
            rows.append({"definition": definition, "measure": measure, "text": text} | row)
    return pd.DataFrame(rows, columns=list(TABLES["schools.cultures"].columns))


def definitions(school_means: pd.DataFrame, study: Loaded) -> dict[str, tuple[str, Flags]]:
    """Each definition in words, and which schools (sorted by name) it calls strong; none without a school.

    Definitions that need variance components are left out where there are none.
    """
    instrument, cut = study.instrument, study.instrument.high_from
    wide = {
        c: school_means.pivot(index="school", columns="dimension", values=c)
        for c in ("mean", "share_high", "shrunken", "shrunken_ci_low")
    }
    mean, share = wide["mean"], wide["share_high"]
    if not len(mean):
        return {}
    overall, dimensions = mean[ALL].to_numpy(), instrument.dimension_ids
    found: dict[str, tuple[str, Flags]] = {}
    shares = set(study.schools.culture_shares)
    if study.schools.strong_culture:
        shares.add(study.schools.strong_culture.min_share)
    for least in sorted(shares):
        name = f"share_{100 * least:g}".replace(".", "_")
        found[name] = f"share high at least {100 * least:g}%", share[ALL].to_numpy() >= least
    every = (share[dimensions] >= 0.5).all(axis=1).to_numpy()
    found["majority_each"] = "share high at least 50% on every dimension", every
    found["mean_high"] = f"mean at least {cut:g}", overall >= cut
    above = (mean[dimensions] > mean[dimensions].mean()).all(axis=1).to_numpy()
    found["above_average_each"] = "mean above that of schools on every dimension", above
    shrunken, low = wide["shrunken"][ALL].to_numpy(), wide["shrunken_ci_low"][ALL].to_numpy()
    if not np.isnan(shrunken).any():
        found["shrunken_high"] = f"shrunken mean at least {cut:g}", shrunken >= cut
        clear = low > shrunken.mean()
        found["clearly_above"] = "interval of the shrunken mean above the mean of schools", clear
    order = np.argsort(-overall, kind="stable")
    top = np.zeros(len(overall), bool)
    top[order[: top_tenth(len(overall))]] = True
    found["top_tenth"] = "mean among the highest tenth", top
    for groups, name in ((2, "two"), (3, "three")):
        if len(np.unique(overall)) >= groups:
            text = f"mean in the highest of {name} natural groups"
            found[f"highest_of_{name}"] = text, overall >= natural_cut(overall, groups)
    return found


def _share_text(least: float) -> str:
    return f"a school's share of students rated high, averaged over the dimensions, is at least {100 * least:g}%"


def natural_cut(x: Array, groups: int) -> float:
    """The least value of the highest of ``groups`` groups of ``x`` (N) with the smallest sum of squares inside.

    Exact, by dynamic programming over the sorted values: Fisher (1958), JASA 53, 789-798. ``x`` has as many distinct
    values as there are groups, or more.
    """
    x = np.sort(x)
    count = len(x)
    s, q = np.concatenate([[0], np.cumsum(x)]), np.concatenate([[0], np.cumsum(x**2)])
    start, end = np.arange(count)[:, None], np.arange(count)[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = q[end + 1] - q[start] - (s[end + 1] - s[start]) ** 2 / (end - start + 1)
    inside = np.where(end >= start, inside, np.inf)
    best = inside[0]  # of the first values up to each, in one group
    for _ in range(groups - 1):
        with_last = np.concatenate([[np.inf], best[:-1]])[:, None] + inside  # by where the last group starts and ends
        first, best = with_last.argmin(axis=0), with_last.min(axis=0)
    return float(x[first[-1]])


def against_rest(x: Array, strong: Flags, study: Loaded) -> dict[str, float]:
    """How many schools are strong, the share of them, the means of ``x`` (G) on either side and their ratio.

    Without a school on either side there is no ratio; with fewer than two on a side it has no interval.
    """
    count, total = int(strong.sum()), len(x)
    share = Estimate()
    if total:
        limits = wilson(count / total, total, normal(study.resampling.level)) if total > 1 else (NAN, NAN)
        share = Estimate(count / total, *limits)
    return {
        "n_schools": count,
        "n_rest": total - count,
        **share.columns("share"),
        "strong": x[strong].mean() if count else NAN,
        "rest": x[~strong].mean() if count < total else NAN,
        **ratio_interval(x, strong, study).columns("ratio"),
    }


def ratio_interval(x: Array, strong: Flags, study: Loaded) -> Estimate:
    """Mean of ``x`` over strong schools divided by that over the rest; a resample without either is left out."""
    sides = np.column_stack([strong, ~strong]).astype(float)
    schools = sides.sum(axis=0)
    if schools.min(initial=np.inf) < 1 or not x[~strong].mean() > 0:
        return Estimate()
    value = float(x[strong].mean() / x[~strong].mean())
    if schools.min() < 2:
        return Estimate(value)
    total = len(x)
    rng = np.random.default_rng(study.seed)
    weights = rng.multinomial(total, np.full(total, 1 / total), size=study.resampling.draws).astype(float)
    drawn, sums = weights @ sides, weights @ (sides * x[:, None])
    usable = (drawn > 0).all(axis=1) & (sums[:, 1] > 0)
    means = sums[usable] / drawn[usable]
    tail = (1 - study.resampling.level) / 2
    low, high = np.quantile(means[:, 0] / means[:, 1], [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
