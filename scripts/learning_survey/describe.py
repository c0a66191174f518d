"""Items and dimensions one by one: means, distributions, shares rated high, what is wanted against what is met.

Formulae for the intervals are in ``uncertainty``. Tables are those of ``schemas``, ``describe.*``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.bands import band_of, is_high
from learning_survey.uncertainty import mean, share, withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.instrument import Instrument, Item
    from learning_survey.students import Students

Array = NDArray[np.float64]


def upper_half(codes: list[int]) -> list[int]:
    """The codes above the middle of the scale; with an odd number of codes the neutral one is not among them."""
    return codes[(len(codes) + 1) // 2 :]


def items(students: Students, instrument: Instrument, level: float, min_group: int) -> pd.DataFrame:
    """Table ``describe.items``."""
    import pandas as pd

    lowest = upper_half(instrument.response.codes)[0]
    rows = []
    for item in instrument.items:
        x = students.scores(item.id)
        estimate = mean(x, students.cluster, level)
        reached = np.where(np.isnan(x), np.nan, x >= lowest)
        rows.append(
            {
                "item": item.id,
                "dimension": item.dimension,
                "wording": item.wording,
                "reversed": item.reversed,
                "n": estimate.n,
                "n_missing": len(x) - estimate.n,
                **estimate.columns("mean"),
                "sd": estimate.sd,
                **share(reached, students.cluster, level).columns("share_high"),
            }
        )
    frame = withhold(pd.DataFrame(rows), "n", _numbers(rows, "n_missing", "mean", "sd", "share_high"), min_group)
    return frame.assign(rank=frame["mean"].rank(ascending=False, method="min"))


def item_distribution(students: Students, instrument: Instrument, level: float, min_group: int) -> pd.DataFrame:
    """Table ``describe.item_distribution``: withheld as a whole for an item that fewer than ``min_group`` answered."""
    import pandas as pd

    rows = []
    for item in instrument.items:
        x = students.scores(item.id)
        answered = int((~np.isnan(x)).sum())
        for code in instrument.response.codes:
            gave = np.where(np.isnan(x), np.nan, x == code)
            rows.append(
                {
                    "item": item.id,
                    "code": code,
                    "label": answer_label(instrument, item, code),
                    "n": float(np.nansum(gave)),
                    **share(gave, students.cluster, level).columns("share"),
                    "answered": answered,
                }
            )
    return withhold(pd.DataFrame(rows), "answered", _numbers(rows, "n", "share"), min_group).drop(columns="answered")


def answer_label(instrument: Instrument, item: Item, code: int) -> str:
    """The answer that scores ``code``: for a reversed item, the label at the other end of the scale."""
    response = instrument.response_of(item.id)
    recorded = response.codes[0] + response.codes[-1] - code if item.reversed else code
    return response.labels.get(recorded, [str(recorded)])[0]


def dimensions(students: Students, instrument: Instrument, level: float, min_group: int) -> pd.DataFrame:
    """Table ``describe.dimensions``; the design effect is the clustered variance of the mean over s²/n (Kish 1965)."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimensions:
        x = students.scores(dimension.id)
        estimate = mean(x, students.cluster, level)
        rows.append(
            {
                "dimension": dimension.id,
                "label": dimension.label,
                "n": estimate.n,
                "n_missing": len(x) - estimate.n,
                **estimate.columns("mean"),
                "sd": estimate.sd,
                **share(is_high(x, instrument), students.cluster, level).columns("share_high"),
                "design_effect": estimate.design_effect,
            }
        )
    numbers = _numbers(rows, "n_missing", "mean", "sd", "share_high", "design_effect")
    frame = withhold(pd.DataFrame(rows), "n", numbers, min_group)
    return frame.assign(rank=frame["share_high"].rank(ascending=False, method="min"))


def bands(students: Students, instrument: Instrument, level: float, min_group: int) -> pd.DataFrame:
    """Table ``describe.bands``: withheld as a whole for a dimension that fewer than ``min_group`` have a score on."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimensions:
        band = band_of(students.scores(dimension.id), instrument)
        scored = int((band >= 0).sum())
        for position, spec in enumerate(instrument.bands):
            within = np.where(band < 0, np.nan, band == position)
            rows.append(
                {
                    "dimension": dimension.id,
                    "band": spec.id,
                    "label": spec.label,
                    "band_order": position + 1,
                    "n": float(np.nansum(within)),
                    **share(within, students.cluster, level).columns("share"),
                    "scored": scored,
                }
            )
    return withhold(pd.DataFrame(rows), "scored", _numbers(rows, "n", "share"), min_group).drop(columns="scored")


def contrasts(students: Students, instrument: Instrument, level: float, min_group: int) -> pd.DataFrame:
    """Table ``describe.contrasts``: for each dimension with items of both roles, the mean of a student's answers on
    either side, among students who answered something on both. Empty when no item has a role.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    rows = []
    for dimension in instrument.dimensions:
        sides = [
            [i.id for i in instrument.items if i.dimension == dimension.id and i.role == role]
            for role in ("wanted", "experienced")
        ]
        if not all(sides):
            continue
        wanted, experienced = (row_mean(students.scores(item) for item in side) for side in sides)
        both = ~np.isnan(wanted - experienced)
        cluster = students.cluster[both]
        difference = mean((wanted - experienced)[both], cluster, level)
        rows.append(
            {
                "dimension": dimension.id,
                "n": difference.n,
                **mean(wanted[both], cluster, level).columns("wanted"),
                **mean(experienced[both], cluster, level).columns("experienced"),
                **difference.columns("difference"),
                "p": difference.p,
            }
        )
    if not rows:
        return pd.DataFrame(columns=list(TABLES["describe.contrasts"].columns))
    return withhold(pd.DataFrame(rows), "n", _numbers(rows, "wanted", "experienced", "difference", "p"), min_group)


def row_mean(columns: Iterable[Array]) -> Array:
    """Each student's mean over columns (each of length N) of the answers that there are; NaN where there are none."""
    total = count = 0.0
    for x in columns:
        answered = ~np.isnan(x)
        total, count = total + np.where(answered, x, 0.0), count + answered
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _numbers(rows: list[dict], *names: str) -> list[str]:
    """The columns that are ``names`` or limits of them."""
    return [column for column in rows[0] if column.removesuffix("_ci_low").removesuffix("_ci_high") in names]
