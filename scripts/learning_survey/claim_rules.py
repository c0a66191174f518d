"""How claims of a published report are computed: the models of ``config/published/<name>.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from learning_survey.strict import Strict


def _texts(value: object) -> object:
    """Cells are compared as text: ``true`` and 2 in YAML are "True" and "2" in a table."""
    if isinstance(value, list):
        return [_texts(v) for v in value]
    return str(value) if isinstance(value, bool | int | float) else value


Where = dict[str, Annotated[str | list[str], BeforeValidator(_texts)]]


class Tolerance(Strict):
    """How far a computed figure may lie from the printed one, in the published unit.

    Half a unit of the last printed place plus sampling error, together at most ``cap``. The printed places are those of
    the text unless ``decimals`` says how many the report printed; ``rounding`` replaces the half unit where a
    report gives a figure in words ("half", "about").
    """

    cap: float = Field(ge=0)
    decimals: int | None = Field(default=None, ge=0)
    rounding: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> Tolerance:
        if self.decimals is not None and self.rounding is not None:
            raise ValueError("give 'decimals' or 'rounding', not both")
        return self

    def of(self, printed: str, sampling: float) -> float:
        """The tolerance for a figure printed as ``printed`` whose 95% interval has half-width ``sampling``."""
        decimals = len(printed.partition(".")[2]) if self.decimals is None else self.decimals
        half_unit = 0.5 * 10.0**-decimals if self.rounding is None else self.rounding
        return min(self.cap, half_unit + sampling)


class _Rule(Strict):
    """What every rule has: the claims that it is for."""

    claims: str


class _OnTable(_Rule):
    """A rule that reads rows of one table."""

    table: str
    where: Where = Field(default={})
    column: str


class Value(_OnTable):
    """The computed figure lies within the tolerance of the printed one.

    ``where`` leaves one row; or several, of which ``pick`` takes the least or greatest and ``at`` says which row that
    must be. ``scale`` brings the table's unit to the published one (a share times 100 is per cent).
    """

    check: Literal["value"]
    scale: float = 1
    tolerance: str
    pick: Literal["least", "greatest"] | None = None
    at: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _picked(self) -> Value:
        if self.at and not self.pick:
            raise ValueError("'at' needs 'pick'")
        return self


class Bound(_OnTable):
    """No row passes the printed bound by more than the tolerance: the least is not below it, or the greatest not above.

    ``absolute`` compares sizes without their signs.
    """

    check: Literal["bound"]
    side: Literal["least", "greatest"]
    absolute: bool = False
    scale: float = 1
    tolerance: str


class Trend(Strict):
    """Where a linear trend stands: a row of ``table`` with its ``slope`` and ``p``."""

    table: str
    where: Where = Field(default={})
    slope: str = "slope"
    p: str = "p_holm"


class Steps(Strict):
    """Where the differences between neighbours stand: earlier minus later group, and ``p``."""

    table: str
    where: Where = Field(default={})
    difference: str = "difference"
    p: str = "p_holm"


class Range(_OnTable):
    """The least and the greatest figure of several rows are the printed ends, "a to b", each within the tolerance."""

    check: Literal["range"]
    scale: float = 1
    tolerance: str


class Compare(_OnTable):
    """A figure less, or over, the figure of another row, which ``against`` leaves, is the printed one.

    The two stand in one column. Their difference or ratio has no interval of its own, so only its rounding is allowed.
    """

    check: Literal["compare"]
    by: Literal["difference", "ratio"]
    against: Where
    scale: float = 1
    tolerance: str


class Falls(_OnTable):
    """Means fall over an ordered group.

    The linear trend is negative with p below ``alpha``, the last group's mean is below the first's, and no step upwards
    has p below ``alpha``.
    """

    check: Literal["falls"]
    order: str
    trend: Trend
    steps: Steps
    alpha: float = 0.05


class LargestStep(_OnTable):
    """The largest fall between neighbouring groups, averaged over ``each``, is the published one, "A to B"."""

    check: Literal["largest_step"]
    name: str
    order: str
    each: str


class Extreme(_OnTable):
    """The row with the highest or lowest figure has the published name; with ``each``, in every such group of rows."""

    check: Literal["extreme"]
    side: Literal["highest", "lowest"]
    name: str
    each: str | None = None


class Near(_OnTable):
    """Each of several rows lies within the tolerance of one round figure."""

    check: Literal["near"]
    about: float
    scale: float = 1
    tolerance: str


class TopItems(_OnTable):
    """The names of the ``count`` highest or lowest rows are all among the published ones (separated by semicolons)."""

    check: Literal["top_items"]
    side: Literal["highest", "lowest"]
    count: int = Field(ge=1)
    name: str


class Positive(_OnTable):
    """A difference is above zero, and so is the lower limit of its interval."""

    check: Literal["positive"]


class Order(_OnTable):
    """Means follow an order in every group of rows ``each``.

    The order is published ("a>b>c"); or ``groups`` gives it, highest first, and the published text says in how many it
    holds ("9 of 9").
    """

    check: Literal["order"]
    name: str
    each: str
    groups: list[str] = Field(default=[])


class Count(_OnTable):
    """How many rows have a figure below ``below``, as "9 of 9"."""

    check: Literal["count"]
    below: float


class Label(_OnTable):
    """A text is the published one; case does not matter."""

    check: Literal["label"]


class External(_Rule):
    """Never computable from the survey, and why."""

    check: Literal["external"]
    reason: str


Rule = Annotated[
    Value
    | Bound
    | Range
    | Compare
    | Falls
    | LargestStep
    | Extreme
    | Near
    | TopItems
    | Positive
    | Order
    | Count
    | Label
    | External,
    Field(discriminator="check"),
]


class Published(Strict):
    """How the claims of one published report are computed."""

    title: str
    source: str
    tolerances: dict[str, Tolerance]
    rules: list[Rule] = Field(min_length=1)
