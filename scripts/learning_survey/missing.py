"""Answers that are missing: where, whether completely at random, and what difference their treatment makes.

Methods and sources: docs/methods/missing.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import disclosure, em, gender
from learning_survey.cells import Cells
from learning_survey.moments import Moments
from learning_survey.reliability import alpha
from learning_survey.students import Students
from learning_survey.uncertainty import NAN, withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]
BLOCK = 100_000  # students at a time
GAPS = 250_000  # most students with gaps for whom all items go into one model
ROWS_PER_PATTERN = 5  # mean rows behind a pattern with gaps, below which Little's statistic is no chi-square


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``missing.*``; raises SurveyError when the files of the step 'score' are not there."""
    rows = Students.read(processed).rows
    moments = Moments.load(processed / "moments.npz")
    return {
        "items": items(study, rows),
        "schools": schools(study, rows, Cells.read(processed, study)),
        "groups": groups(study, rows),
        **models(study, rows, moments),
    }


def items(study: Loaded, rows: pl.LazyFrame) -> pd.DataFrame:
    """Answers to each item, and how many are missing."""
    import pandas as pd

    ids = study.instrument.item_ids
    counts = rows.select(pl.len().alias("*"), *(pl.col(i).count() for i in ids)).collect().row(0, named=True)
    total = counts["*"]
    found = [(i, counts[i], total - counts[i], (total - counts[i]) / total) for i in ids]
    frame = pd.DataFrame(found, columns=["item", "n", "missing", "share"])
    return withhold(frame, "n", ["missing", "share"], study.min_group)


def schools(study: Loaded, rows: pl.LazyFrame, cells: Cells) -> pd.DataFrame:
    """Share of answers missing in each school that may be shown; no rows for a study without schools."""
    import pandas as pd

    found = _shares(study, rows, "school") if study.columns.school else []
    frame = pd.DataFrame(found, columns=["school", "n", "share"])
    hidden = disclosure.hidden_schools(cells, study)
    frame["n"] = frame["n"].mask(frame["school"].isin(np.array(cells.schools, dtype=object)[hidden]))
    return _withheld(frame, study)


def groups(study: Loaded, rows: pl.LazyFrame) -> pd.DataFrame:
    """Share of answers missing in each level of the ordered group and each gender; students in no group apart.

    A group that is withheld keeps its row; its students are among those in none (``disclosure.compared``). One that is
    counted with another has none.
    """
    import pandas as pd

    found = []
    for kind, levels in (
        ("group", study.key_stages.levels if study.key_stages else []),
        ("gender", study.gender.categories if study.gender else []),
    ):
        if not levels:
            continue
        shares = {level: (n, share) for level, n, share in _shares(study, rows, kind, unknown=True)}
        labels = {level.id: level.label for level in levels}
        for name in gender.merged(shares, study) if kind == "gender" else ():
            del labels[name]
        found += [(kind, level, label, *shares.get(level, (0, NAN))) for level, label in labels.items()]
        if "unknown" in shares:
            found.append((kind, "unknown", "Not known or withheld", *shares["unknown"]))
    return _withheld(pd.DataFrame(found, columns=["kind", "group", "label", "n", "share"]), study)


def _shares(study: Loaded, rows: pl.LazyFrame, by: str, unknown: bool = False) -> list[tuple[str, int, float]]:
    """Each value of ``by``, its students, and the share of their answers that is missing."""
    ids = study.instrument.item_ids
    key = pl.col(by).cast(pl.String)
    rows = rows.with_columns(key.fill_null("unknown").alias(by)) if unknown else rows.filter(key.is_not_null())
    answered = pl.sum_horizontal(pl.col(i).count() for i in ids)
    share = (1 - answered / (pl.len() * len(ids))).alias("share")
    return rows.group_by(by).agg(pl.len().alias("n"), share).sort(by).collect(engine="streaming").rows()


def _withheld(frame: pd.DataFrame, study: Loaded) -> pd.DataFrame:
    return withhold(frame, "n", ["share"], study.min_group)


# ---------------------------------------------------------------- models


def models(study: Loaded, rows: pl.LazyFrame, moments: Moments) -> dict[str, pd.DataFrame]:
    """``mcar`` and ``sensitivity``, which share the models of each dimension's items and of all items."""
    import pandas as pd

    instrument = study.instrument
    everything = fitted(rows, instrument.item_ids, GAPS)
    tests, compared = [], []
    for dimension in instrument.dimensions:
        own = instrument.items_of(dimension.id)
        model = fitted(rows, own)
        head = {"scale": dimension.id, "label": dimension.label, "n_items": len(own)}
        tests.append(head | little(model))
        compared.append(
            {"dimension": dimension.id, "label": dimension.label}
            | _treatments(rows, moments, dimension.id, own)
            | _full_information(everything or model, instrument.item_ids if everything else own, own)
        )
    tests.append({"scale": "all", "label": "All items", "n_items": len(instrument.items)} | little(everything))
    frame = pd.DataFrame(compared)
    for estimate in ("mean", "alpha"):
        for other in ("listwise", "fiml"):
            frame[f"{estimate}_{other}_difference"] = frame[f"{estimate}_{other}"] - frame[estimate]
    listwise = [c for c in frame if "listwise" in c]
    # Of few who left something out, what they answered would be the difference.
    left_out = frame["n"] - frame["n_complete"]
    frame.loc[(left_out > 0) & (left_out < study.min_group), listwise] = NAN
    frame = withhold(frame, "n_complete", listwise, study.min_group)
    others = [c for c in frame if c.startswith(("mean", "alpha", "fiml")) and c not in listwise]
    mcar = withhold(pd.DataFrame(tests), "n", ["patterns", "chi_square", "df", "p"], study.min_group)
    return {"mcar": mcar, "sensitivity": withhold(frame, "n", others, study.min_group)}


def fitted(rows: pl.LazyFrame, ids: list[str], limit: float = np.inf) -> em.Fit | None:
    """The maximum-likelihood model of items; None where there is none (see ``em.arranged`` and ``em.fit``)."""
    answers = em.arranged(_blocks(rows, ids), limit)
    return em.fit(answers) if answers else None


def _blocks(rows: pl.LazyFrame, ids: list[str]) -> Iterator[Array]:
    """Answers to ``ids``, NaN where missing, a block of students at a time. Codes are small: bytes hold them."""
    frame = rows.select(pl.col(ids).cast(pl.Int16)).collect(engine="streaming")
    for start in range(0, frame.height, BLOCK):
        yield frame[start : start + BLOCK].cast(pl.Float64).fill_null(NAN).to_numpy()


def little(model: em.Fit | None) -> dict[str, float]:
    """Students with an answer, patterns, and Little's test; no p where patterns are too many for their students."""
    if model is None:
        return dict.fromkeys(("n", "patterns", "chi_square", "df", "p"), NAN)
    a = model.answers
    found = {"n": a.n, "patterns": a.patterns, "chi_square": NAN, "df": NAN, "p": NAN}
    if a.patterns < 2:
        return found
    from scipy.special import chdtrc

    chi, df = model.little()
    per_pattern = (a.n - a.complete) / (a.patterns - (a.complete > 0))
    p = float(chdtrc(df, chi)) if df > 0 and per_pattern >= ROWS_PER_PATTERN else NAN
    return found | {"chi_square": chi, "df": df, "p": p}


def _treatments(rows: pl.LazyFrame, moments: Moments, dimension: str, own: list[str]) -> dict[str, float]:
    """Mean and alpha as reported (person means; pairwise covariances) and from students who answered every item."""
    some = moments.select([dimension, *own]).pooled()
    complete = rows.select(pl.col(own)).filter(pl.all_horizontal(pl.col(own).is_not_null())).collect()
    x = complete.to_numpy()
    return {
        "n": float(some.count[0]),
        "n_complete": len(x),
        "mean": float(some.mean[0]),
        "mean_listwise": float(x.mean()) if len(x) else NAN,
        "alpha": float(alpha(some.select(own).cov())),
        "alpha_listwise": float(alpha(np.cov(x, rowvar=False))) if len(x) > 2 else NAN,
    }


def _full_information(model: em.Fit | None, ids: list[str], own: list[str]) -> dict[str, float]:
    """Mean and alpha of a dimension from the maximum-likelihood means and covariances of ``ids``."""
    if model is None:
        return {"fiml_items": NAN, "mean_fiml": NAN, "alpha_fiml": NAN}
    at = [ids.index(i) for i in own]
    found = float(alpha(model.cov[np.ix_(at, at)]))
    return {"fiml_items": len(ids), "mean_fiml": float(model.mean[at].mean()), "alpha_fiml": found}
