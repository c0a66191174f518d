"""What keeps a withheld group from being worked out as the total minus the groups that are shown.

A total of all students is published beside the groups (``describe.*``). Where a group of fewer than ``min_group`` is
withheld, the total less what is shown is a few students: the withheld and those in no group. If they are fewer than
``min_group``, counts of the shown groups are rounded to multiples of ``min_group``, and means and shares so coarsely
that subtraction tells the mean of those few to no better than a quarter of the scale's range, and their share to no
better than a half. With N students shown and at most m = ``min_group`` - 1 not, a unit u leaves N u / 2 in the sum, so
u is at least m · range / (2 N), and m / N for a share: the next of 1, 2 and 5 times a power of ten. Standardised
differences carry neither counts nor levels and stay as they are. Rounding as protection: Hundepool et al. (2012),
Statistical Disclosure Control, 5.4. A group that was merged into another counts as withheld: its size may be had from
the other's size elsewhere.
"""

from __future__ import annotations

from math import floor, isnan, log10
from typing import TYPE_CHECKING, Any

from learning_survey.uncertainty import NAN

if TYPE_CHECKING:
    from learning_survey.group_sample import Groups, Sample
    from learning_survey.instrument import Instrument

FINEST = 0.001
COUNTS = ("n", "n_a", "n_b")
LEVELS = ("mean", "sd", "difference", "isotonic", "sd_total", "sd_within", "sd_between")
SHARES = {"share_high": 1, "share_difference": 100}
"""Columns with a share and in which units: of one, or of a hundred."""


def exposed(sample: Sample, groups: Groups) -> bool:
    """Whether subtraction would tell of fewer than ``min_group`` students something that is withheld."""
    if groups.merged:
        return True
    sizes = [sample.size(g) for g in range(len(groups.ids))]
    small = [n for n in sizes if 0 < n < groups.min_group]
    total = sample.students if sample.total is None else sample.total
    return bool(small) and total - sum(n for n in sizes if n >= groups.min_group) < groups.min_group


def rounded(numbers: dict[str, Any], sample: Sample, groups: Groups, instrument: Instrument) -> dict[str, Any]:
    """``numbers`` of a row, rounded where a group is ``exposed``; ``rounded_to`` says how the means are, NaN if not."""
    if not exposed(sample, groups):
        return numbers | {"rounded_to": NAN}
    few, shown = groups.min_group - 1, sum(sample.size(g) for g in sample.large(groups.min_group))
    codes = instrument.response.codes
    mean = unit(few * (codes[-1] - codes[0]) / 2 / max(shown, 1))
    share = unit(few / max(shown, 1))
    units = dict.fromkeys(COUNTS, groups.min_group) | dict.fromkeys(LEVELS, mean)
    units |= {name: share * of for name, of in SHARES.items()}

    def to(column: str, value: Any) -> Any:
        size = units.get(column.removesuffix("_ci_low").removesuffix("_ci_high"))
        return value if size is None or isnan(value) else round(round(value / size) * size, 10)

    return {column: to(column, value) for column, value in numbers.items()} | {"rounded_to": mean}


def unit(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is ``least`` or more, and ``FINEST`` or more."""
    least = max(least, FINEST)
    power = 10.0 ** floor(log10(least))
    return next(step for k in (1, 2, 5, 10) if (step := round(k * power, 10)) >= least * (1 - 1e-9))
