"""Factor models of real answers that R's packages ship, beside lavaan where R is installed. Nothing of them is kept.

R takes seconds for the sets here, minutes for the larger ones of ``tests/golden/real.R``: these run where the
environment variable R is "all" (``R=all make test``). Other versions of lavaan may differ, so they are left out.
"""

import json
import os
import shutil
import subprocess

import numpy as np
import polars as pl
import pytest
from cfa_golden import lavaan
from conftest import ROOT

from learning_survey import cfa_builders as build
from learning_survey import (
    cfa_catml,
    cfa_fiml,
    cfa_fiml_indices,
    cfa_ml,
    cfa_robust,
    cfa_wls,
    cfa_wls_moments,
    fit_indices,
)
from learning_survey.cfa_fiml import Data, Free
from learning_survey.cfa_ml import Sample
from learning_survey.cfa_ordinal import invariant, ordinal
from learning_survey.fit_indices import ChiSquare
from learning_survey.invariance_levels import carried
from learning_survey.invariance_levels import model as level_model
from learning_survey.polychoric_estimates import polychoric
from learning_survey.two_way import TwoWay, choices

NEEDED = "for (p in c('psychTools', 'semTools', 'jsonlite')) library(p, character.only = TRUE);" + (
    "stopifnot(packageVersion('lavaan') == '0.6.14')"
)
LONG = pytest.mark.skipif(os.environ.get("R") != "all", reason="takes R minutes: R=all")
SETS = ["holzinger", "epi", *(pytest.param(name, marks=LONG) for name in ("msq", "sai", "spi"))]
NEAR = 2e-5  # of themselves


def r_is_there() -> bool:
    if not shutil.which("Rscript"):
        return False
    return not subprocess.run(["Rscript", "-e", NEEDED], capture_output=True, check=False).returncode


class Answers:
    """One set: lavaan's numbers, the answers by scale, and the rows of each group without gaps."""

    def __init__(self, name, folder):
        script = ROOT / "tests/golden/real.R"
        subprocess.run(["Rscript", script, folder, name], check=True, capture_output=True)
        self.folder, self.name = folder, name
        self.known = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.scales = self.known["scales"]
        self.items = [i for own in self.scales.values() for i in own]
        frame = pl.read_csv(folder / f"{name}.csv", infer_schema_length=None)
        self.x = frame.select(pl.col(self.items).cast(pl.Float64).fill_null(np.nan)).to_numpy()
        complete = ~np.isnan(self.x).any(axis=1)
        self.whole = self.x[complete]
        groups = frame["group"].cast(pl.String).to_numpy()[complete] if "group" in frame.columns else None
        names = self.known.get("groups", [])
        self.groups = {name: self.whole[groups == name] for name in names}
        self.codes = [tuple(np.unique(own)) for own in self.whole.T]

    def ordinal(self, x):
        chosen = choices(x, self.codes)
        tables = TwoWay.of(chosen, self.items, self.codes, np.full((len(x), 3), ""))
        return cfa_wls_moments.sample(polychoric(tables.pooled()), chosen)


@pytest.fixture(scope="module", params=SETS)
def answers(request, tmp_path_factory):
    if not r_is_there():
        pytest.skip("R with psychTools, semTools and lavaan 0.6-14 is not installed")
    return Answers(request.param, tmp_path_factory.mktemp(request.param))


def columns(indices, suffix=""):
    return {f"{name}{suffix}": getattr(indices, name) for name in ("cfi", "tli", "rmsea")}


def near(found, known):
    for name, value in found.items():
        assert value == pytest.approx(known[name], rel=NEAR, abs=1e-7), name


def estimated(fit, vcov, known):
    assert fit.converged and fit.identified
    np.testing.assert_allclose(fit.x, lavaan(known["params"], fit.model, "est"), atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(vcov)), lavaan(known["params"], fit.model, "se"), rtol=3e-4)


def test_maximum_likelihood(answers):
    sample, known = Sample.of(answers.whole), answers.known
    fit, base = (cfa_ml.fit(m, [sample]) for m in (build.correlated(answers.scales), build.baseline(answers.items)))
    found = fit_indices.plain(ChiSquare(fit.chi2, fit.df), ChiSquare(base.chi2, base.df), fit.n)
    own = {"chisq": fit.chi2, "df": fit.df, "srmr": fit_indices.srmr(fit), "aic": fit_indices.aic(fit)}
    near(own | columns(found) | {"rmsea.ci.upper": found.rmsea_high}, known["ML"]["fit"])
    estimated(fit, fit.vcov, known["ML"])
    robust, other = (cfa_robust.by_row(f, [answers.whole]) for f in (fit, base))
    tests = ChiSquare(fit.chi2, fit.df, robust.scaling), ChiSquare(base.chi2, base.df, other.scaling)
    own = {"chisq.scaled": robust.chi2, "chisq.scaling.factor": robust.scaling}
    own |= columns(fit_indices.scaled(*tests, fit.n), ".scaled")
    robust_ = fit_indices.robust(*tests, fit.n)
    near(own | {"cfi.robust": robust_.cfi, "rmsea.robust": robust_.rmsea}, known["MLR"]["fit"])
    estimated(fit, robust.vcov, known["MLR"])


def test_full_information(answers):
    if "FIML" not in answers.known:
        pytest.skip("no answers are missing")
    data, known = [Data.of(answers.x)], answers.known["FIML"]
    free = [Free.of(data[0])]
    fit, base = (
        cfa_fiml.fit(build.correlated(answers.scales, means=True), data),
        cfa_fiml.independence(answers.items, data),
    )
    robust, other = (cfa_fiml.robust(f, data, free) for f in (fit, base))
    tests = ChiSquare(fit.chi2, fit.df, robust.scaling), ChiSquare(base.chi2, base.df, other.scaling)
    own = {"chisq": fit.chi2, "srmr": fit_indices.srmr(fit), "chisq.scaling.factor": robust.scaling}
    own |= columns(fit_indices.plain(*tests, fit.n)) | columns(fit_indices.scaled(*tests, fit.n), ".scaled")
    whole = fit_indices.robust(*(cfa_fiml_indices.complete(f, free, normal=False) for f in (fit, base)), fit.n)
    near(own | {"cfi.robust": whole.cfi, "rmsea.robust": whole.rmsea}, known["fit"])
    estimated(fit, robust.vcov, known)


def test_errors_are_lavaans_at_the_same_estimates(answers):
    """What is left of the differences above is lavaan's distance from the maximum, where its gradient is not zero."""
    fit, data = cfa_ml.fit(build.correlated(answers.scales), [Sample.of(answers.whole)]), [Data.of(answers.x)]
    found = {"ML": (fit, cfa_robust.by_row(fit, [answers.whole]))}
    if "FIML" in answers.known:
        fit = cfa_fiml.fit(build.correlated(answers.scales, means=True), data)
        found["FIML"] = (fit, cfa_fiml.robust(fit, data, [Free.of(data[0])]))
    values = {how: dict(zip(f.model.parameters, map(float, f.x), strict=True)) for how, (f, _) in found.items()}
    file = answers.folder / f"{answers.name}_ours.json"
    file.write_text(json.dumps({"scales": answers.scales} | values), encoding="utf-8")
    script = ROOT / "tests/golden/at_estimates.R"
    subprocess.run(["Rscript", script, answers.folder, answers.name], check=True, capture_output=True)
    there = json.loads((answers.folder / f"{answers.name}_there.json").read_text(encoding="utf-8"))
    for how, (fit, robust) in found.items():
        known = [there[how]["se"][name] for name in fit.model.parameters]
        np.testing.assert_allclose(np.sqrt(np.diag(robust.vcov)), known, rtol=1e-6)
        assert there[how]["gradient"] < 1e-7 and there[how]["gradient"] < there[how]["stopped"] / 10


def test_weighted_least_squares(answers):
    if "WLSMV" not in answers.known:
        pytest.skip("not ordinal")
    sample, known = answers.ordinal(answers.whole), answers.known["WLSMV"]
    fit = cfa_wls.fit(ordinal(build.correlated(answers.scales), sample.points(answers.items)), [sample])
    robust = cfa_catml.robust_indices(fit)
    own = {"chisq": fit.chi2, "df": fit.df, "chisq.scaled": fit.scaled, "srmr": fit.srmr(), "cfi.robust": robust.cfi}
    near(own | {"rmsea.robust": robust.rmsea} | columns(fit.indices(), ".scaled"), known["fit"])
    estimated(fit, fit.vcov, known)


def test_levels_of_invariance(answers):
    if not answers.groups:
        pytest.skip("no groups")
    rows, names = list(answers.groups.values()), list(answers.groups)
    samples, before = [Sample.of(x) for x in rows], None
    n = sum(len(x) for x in rows) / len(rows)
    free = cfa_ml.fit(build.baseline(answers.items, means=True).by_group(names), samples)
    base = ChiSquare(free.chi2, free.df, cfa_robust.by_row(free, rows).scaling)
    for level, known in answers.known["levels"].items():
        model = level_model(answers.scales, names, level)
        before = cfa_ml.fit(model, samples, carried(before, model) if before else None)
        test = ChiSquare(before.chi2, before.df, cfa_robust.by_row(before, rows).scaling)
        robust = fit_indices.robust(test, base, n)
        own = {"chisq": before.chi2, "df": before.df, "srmr": fit_indices.srmr(before), "chisq.scaled": test.scaled}
        own |= columns(fit_indices.plain(test, base, n)) | columns(fit_indices.scaled(test, base, n), ".scaled")
        near(own | {"cfi.robust": robust.cfi, "rmsea.robust": robust.rmsea}, known)


def test_levels_of_ordinal_invariance_and_their_changes(answers):
    if "ordinal" not in answers.known:
        pytest.skip("no ordinal items in groups")
    samples, before = [answers.ordinal(x) for x in answers.groups.values()], None
    one = build.correlated(answers.scales, std=True, means=True)
    for level, known in answers.known["ordinal"].items():
        fit = cfa_wls.fit(invariant(one, samples[0].points(answers.items), list(answers.groups), level), samples)
        own = {"chisq": fit.chi2, "df": fit.df, "chisq.scaled": fit.scaled, "srmr": fit.srmr()}
        near(own | columns(fit.indices(), ".scaled"), known)
        if before:
            change = cfa_wls.difference(fit, before)
            assert change.chi2 == pytest.approx(answers.known["changes"][level], rel=NEAR)
        before = fit
