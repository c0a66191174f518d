"""Time the measurement steps on a scored study: bench_steps.py <study> <processed> rows|moments <out.json>.

``rows`` times every step on the study's own students. ``moments`` reads them REPEATS times over, block by block, takes
the moments of that many students, and times what needs moments only on both, in turns. The functions are those that
the stages call; the library must be on Python's path. Times are the best of several rounds.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import (
    cfa_builders,
    cfa_fiml,
    cfa_ml,
    cfa_ordinal,
    cfa_robust,
    cfa_wls,
    cfa_wls_moments,
    confirmatory_models,
    fit_indices,
    retention,
    score,
)
from learning_survey import confirmatory_ordinal as ordinal
from learning_survey import invariance_levels as levels
from learning_survey import reliability as of
from learning_survey.cfa_robust import Clusters
from learning_survey.config import Loaded, load_study
from learning_survey.fit_indices import ChiSquare
from learning_survey.invariance_ordinal import joined
from learning_survey.moments import Moments
from learning_survey.polychoric_estimates import polychoric
from learning_survey.two_way import TwoWay, choices

Array = NDArray[np.float64]
Step = Callable[[], Any]
ROUNDS, BRIEF, MORE = 3, 0.5, 25  # a step that takes less than BRIEF seconds is timed MORE times
DRAWS = 100
COPIES, BLOCKS = 8, 13  # cohorts in a block, and blocks
REPEATS = COPIES * BLOCKS
COMPARED = ("configural", "metric", "scalar")


@dataclass(frozen=True)
class Given:
    """What one pass over the rows leaves: moments and two-way tables, and sums of complete rows, of all and by group.

    ``n`` students. The groups are the two largest genders.
    """

    n: int
    moments: Moments
    pairs: TwoWay
    whole: Clusters
    groups: dict[str, Clusters]

    @classmethod
    def of(cls, scores: pl.DataFrame, study: Loaded) -> Given:
        instrument, items = study.instrument, study.instrument.item_ids
        moments, _ = score.moments_of(scores, items + instrument.dimension_ids, items)
        pairs = score.pairs_of(scores, instrument, study.seed)
        whole = complete(scores, items)
        groups = {g: clusters(own, items) for g, own in by_gender(whole).items()}
        return cls(len(scores), moments, pairs, clusters(whole, items), groups)

    def __add__(self, other: Given) -> Given:
        """Of the students of both, who are in the same cells."""
        return Given(
            self.n + other.n,
            Moments.joined([self.moments, other.moments]).summed(self.moments.clusters + other.moments.clusters),
            replace(
                self.pairs,
                items=self.pairs.items.astype(np.uint32) + other.pairs.items,
                pairs=self.pairs.pairs.astype(np.uint32) + other.pairs.pairs,
            ),
            added(self.whole, other.whole),
            {g: added(own, other.groups[g]) for g, own in self.groups.items()},
        )


def added(a: Clusters, b: Clusters) -> Clusters:
    return Clusters(a.labels, a.n + b.n, a.s + b.s, a.c + b.c)


def complete(scores: pl.DataFrame, items: list[str]) -> pl.DataFrame:
    return scores.select("cluster", "gender", *items).drop_nulls(items)


def clusters(whole: pl.DataFrame, items: list[str]) -> Clusters:
    return Clusters.of(whole.select(pl.col(items).cast(pl.Int16)).to_numpy(), whole["cluster"].to_numpy().astype(str))


def by_gender(scores: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The students of the two largest genders."""
    counts = scores["gender"].drop_nulls().value_counts(sort=True)
    return {g: scores.filter(pl.col("gender") == g) for g in sorted(counts["gender"].head(2))}


# ---------------------------------------------------------------- steps


def alphas(given: Given, study: Loaded) -> None:
    for dimension in study.instrument.dimension_ids:
        own = given.moments.select(study.instrument.items_of(dimension)).pooled()
        C = own.cov()
        R = of.standardised(C)
        value = of.alpha(C)
        of.alpha(R), of.average_r(R), of.lambda6(R), of.alpha_if_dropped(C), of.item_rest_r(C), own.mean
        of.feldt(float(value), int(own.count.min()), len(C))


def parallel(given: Given, study: Loaded) -> None:
    R = given.moments.select(study.instrument.item_ids).pooled().cor()
    rng = np.random.default_rng(study.seed)
    found = retention.eigenvalues(R), retention.reduced_eigenvalues(R[None])[0]
    random = retention.parallel(given.n, len(R), DRAWS, study.factors.parallel_quantile, rng)
    for values, others in zip(found, random, strict=True):
        retention.first_below(values, others)


def scales_of(study: Loaded) -> dict[str, list[str]]:
    return {d: study.instrument.items_of(d) for d in study.instrument.dimension_ids}


def model_ml(study: Loaded, whole: Clusters) -> tuple[cfa_ml.Fit, cfa_ml.Fit]:
    """The correlated-factors model and the one of items that do not correlate, with errors and fit indices."""
    make, sample = confirmatory_models.models(study)["correlated"], whole.sample
    fit, _ = cfa_ml.bounded(make(False), lambda model: cfa_ml.fit(model, [sample]))
    base = cfa_ml.fit(cfa_builders.baseline(study.instrument.item_ids), [sample])
    fit_indices.plain(ChiSquare(fit.chi2, fit.df), ChiSquare(base.chi2, base.df), fit.n)
    fit_indices.srmr(fit), fit.vcov
    return fit, base


def robustly(fits: tuple[cfa_ml.Fit, cfa_ml.Fit], robust: Callable[[cfa_ml.Fit], cfa_robust.Robust]) -> None:
    own, base = (ChiSquare(fit.chi2, fit.df, robust(fit).scaling) for fit in fits)
    fit_indices.scaled(own, base, fits[0].n), fit_indices.robust(own, base, fits[0].n)


def levels_ml(study: Loaded, groups: Mapping[str, Clusters]) -> list[cfa_ml.Fit]:
    """Configural, metric and scalar, each from the one before, with errors and fit indices."""
    scales, samples = scales_of(study), [g.sample for g in groups.values()]
    base, found = fit_indices.baseline(samples), []
    for level in COMPARED:
        model = levels.model(scales, list(groups), level)
        fit = cfa_ml.fit(model, samples, levels.carried(found[-1], model) if found else None)
        fit_indices.plain(ChiSquare(fit.chi2, fit.df), base, fit.n / len(groups))
        fit_indices.srmr(fit), fit.vcov
        found.append(fit)
    return found


def levels_by_school(study: Loaded, groups: Mapping[str, Clusters]) -> None:
    found: list[levels.Fitted] = []
    for level in COMPARED:
        found.append(levels.fitted(scales_of(study), groups, level, start=found[-1].fit if found else None))
    for general, restricted in pairwise(found):
        levels.difference(restricted, general)


def levels_wlsmv(study: Loaded, groups: Mapping[str, Array]) -> None:
    """Two levels for ordinal items: nothing equal; thresholds, loadings and intercepts equal. Rows with gaps count."""
    items = study.instrument.item_ids
    codes = [study.instrument.response_of(i).codes for i in items]
    chosen = {group: choices(x, codes) for group, x in groups.items()}
    points = joined(chosen)
    samples = []
    for x in chosen.values():
        table = TwoWay.of(x, items, [list(range(k)) for k in points], np.full((len(x), 3), ""))
        samples.append(cfa_wls_moments.sample(polychoric(table.pooled()), x))
    one = cfa_builders.correlated(scales_of(study), std=True, means=True)
    thresholds = {i: k - 1 for i, k in zip(items, points, strict=True)}
    for level in ("configural", "scalar"):
        fit = cfa_wls.fit(cfa_ordinal.invariant(one, thresholds, list(chosen), level), samples)
        fit.indices(), fit.srmr(), fit.vcov


def wlsmv(study: Loaded, whole: NDArray[np.int16]) -> None:
    found = ordinal.Fitted.of(confirmatory_models.models(study)["correlated"], ordinal.Samples.of(study, whole, None))
    found.fits[ordinal.ALONE].indices(), found.values


def fiml(study: Loaded, x: Array) -> None:
    data = cfa_fiml.Data.of(x)
    fit = cfa_fiml.fit(confirmatory_models.models(study)["correlated"](True), [data])
    base = cfa_fiml.independence(study.instrument.item_ids, [data])
    fit_indices.plain(ChiSquare(fit.chi2, fit.df), ChiSquare(base.chi2, base.df), fit.n)
    fit_indices.srmr(fit), fit.vcov


def from_moments(given: Given, study: Loaded) -> dict[str, Step]:
    """Steps that need no rows, by name."""
    return {
        "alphas": lambda: alphas(given, study),
        "parallel": lambda: parallel(given, study),
        "polychoric": lambda: polychoric(given.pairs.pooled()),
        "cfa_ml": lambda: model_ml(study, given.whole),
        "cfa_by_school": lambda: robustly(
            model_ml(study, given.whole), lambda fit: cfa_robust.by_cluster(fit, [given.whole])
        ),
        "invariance_ml": lambda: levels_ml(study, given.groups),
        "invariance_by_school": lambda: levels_by_school(study, given.groups),
    }


def from_rows(given: Given, scores: pl.DataFrame, study: Loaded) -> dict[str, Step]:
    """Every step, by name: those that need rows, and the pass that makes the moments, beside the others."""
    items = study.instrument.item_ids
    whole = complete(scores, items)
    rows = whole.select(pl.col(items).cast(pl.Int16)).to_numpy()
    by_group = [own.select(pl.col(items).cast(pl.Int16)).to_numpy() for own in by_gender(whole).values()]
    answers = pl.col(items).fill_null(float("nan"))
    x = scores.select(answers).to_numpy()
    gaps = {g: own.select(answers).to_numpy() for g, own in by_gender(scores).items()}
    return {
        "pass": lambda: Given.of(scores, study),
        **from_moments(given, study),
        "cfa_mlr": lambda: robustly(model_ml(study, given.whole), lambda fit: cfa_robust.by_row(fit, [rows])),
        "cfa_wlsmv": lambda: wlsmv(study, rows),
        "cfa_fiml": lambda: fiml(study, x),
        "invariance_mlr": lambda: [cfa_robust.by_row(fit, by_group) for fit in levels_ml(study, given.groups)],
        "invariance_wlsmv": lambda: levels_wlsmv(study, gaps),
    }


# ---------------------------------------------------------------- times


def seconds(step: Step) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def best(*steps: Step) -> list[float]:
    """The best time of each of some steps, which take turns."""
    found = [[seconds(step)] for step in steps]
    more = (MORE if max(found)[0] < BRIEF else ROUNDS) - 1
    for _ in range(more):
        for times, step in zip(found, steps, strict=True):
            times.append(seconds(step))
    return [min(times) for times in found]


def main(name: str, processed: Path, what: str, out: Path) -> None:
    study, scores = load_study(name), pl.read_parquet(processed / "scores.parquet")
    given = Given.of(scores, study)
    report: dict[str, Any]
    if what == "rows":
        report = {"n": given.n, "complete": given.whole.n.sum(), "two": sum(len(g) for g in by_gender(scores).values())}
        report["seconds"] = {k: best(step)[0] for k, step in from_rows(given, scores, study).items()}
    else:
        began, many = time.perf_counter(), None
        for _ in range(BLOCKS):
            part = Given.of(pl.concat([pl.read_parquet(processed / "scores.parquet")] * COPIES), study)
            many = part if many is None else many + part
        report = {"n": many.n, "pass": time.perf_counter() - began}
        report["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pairs = zip(from_moments(given, study).items(), from_moments(many, study).values(), strict=True)
        report["seconds"] = {k: best(few, more) for (k, few), more in pairs}
    out.write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
