"""What a study says of its cleaning and of each analysis."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from learning_survey.strict import Identifier, Strict


class Ages(Strict):
    """Plausible ages; a cell outside them is emptied and goes to the ledger."""

    min: int
    max: int


class CarelessRule(Strict):
    """One index of careless responding: from where it flags a respondent, and what becomes of the flagged."""

    threshold: float | None = Field(default=None, ge=0, description="the default of docs/methods/cleaning.md if absent")
    action: Literal["flag", "drop", "off"] = "flag"


class Careless(Strict):
    """Indices of careless responding; docs/methods/cleaning.md has their formulas, units and sources."""

    longest_run: CarelessRule = CarelessRule()
    irv: CarelessRule = CarelessRule()
    even_odd: CarelessRule = CarelessRule()
    mahalanobis: CarelessRule = CarelessRule()
    seconds_per_item: CarelessRule = CarelessRule()

    @model_validator(mode="after")
    def _thresholds_can_be_met(self) -> Careless:
        rule = self.even_odd
        if rule.action == "drop" and rule.threshold is None:
            raise ValueError("even_odd has no default threshold: state one to drop by it")
        for name, what in (("longest_run", "a share of the items"), ("mahalanobis", "a p-value")):
            limit = getattr(self, name).threshold
            if limit is not None and limit > 1:
                raise ValueError(f"{name}.threshold is {what}, 0 to 1, not {limit:g}")
        return self


class Cleaning(Strict):
    """What leaves the data. Each rule is applied in the order given here and writes to the ledger."""

    test_status: list[str] = Field(default=[])
    consent: list[str] = Field(default=[], description="values of columns.consent that consent; others are dropped")
    drop_duplicates: bool = Field(default=True, description="drop repeats of an identical row")
    repeated_ids: Literal["keep", "first", "last", "most_complete"] = Field(
        default="keep", description="which row stays of a respondent with different answers"
    )
    min_answered: float = Field(default=0.5, ge=0, le=1, description="least share of items answered")
    straight_liners: Literal["drop", "flag", "keep"] = "flag"
    unknown_school: Literal["error", "drop"] = Field(default="error", description="a school not in the register")
    ages: Ages | None = None
    birth_date_format: str = Field(default="%Y-%m-%d", description="of columns.birth_date, as strftime writes it")
    require: list[Literal["school", "age", "group", "gender"]] = Field(default=[])
    careless: Careless = Careless()


class FactorPlan(Strict):
    """The factor analysis of the dimension scores and of the items."""

    dimension_factors: int | None = Field(default=None, ge=1, description="none: scores are not factored")
    item_factors: int | None = Field(default=None, ge=1, description="none: items are not factored")
    extraction: Literal["minres", "ml", "pa"] = Field(
        default="minres", description="minimum residuals, maximum likelihood or principal axis"
    )
    rotation: Literal["promax", "oblimin", "varimax"] = "promax"
    kappa: int = Field(default=4, description="promax's power")
    kaiser: bool = Field(default=True, description="rows are set to one length for the rotation")
    starts: int = Field(default=50, ge=1, description="random starts of the rotation")
    parallel_draws: int = 500
    parallel_quantile: float = 0.95


class ConfirmatoryPlan(Strict):
    """The confirmatory factor analysis of the items. Without ``second_order`` there is no such model."""

    models: list[Literal["correlated", "second_order", "one_factor", "bifactor"]] = Field(
        default=["correlated", "second_order", "one_factor", "bifactor"], description="an empty list: none is fitted"
    )
    second_order: dict[Identifier, list[Identifier]] = Field(
        default={}, description="dimensions below each higher factor; a factor of the instrument lends its label"
    )
    full_information: bool = Field(default=True, description="also from students with missing answers")
    modifications: int = Field(default=20, ge=0, description="how many modification indices of each model are shown")


class InvariancePlan(Strict):
    """Measurement invariance across groups: which groups, and from where a change counts."""

    groupings: list[Literal["group", "gender"]] = Field(
        default=["group", "gender"], description="group is the ordered one (key stage); an empty list: none is examined"
    )
    ordinal: bool = Field(default=True, description="also for ordinal items, by weighted least squares")
    min_students: int = Field(default=200, ge=10, description="complete rows that a group must have")
    cfi: float = Field(default=0.010, gt=0, description="fall that counts: Chen (2007)")
    rmsea: float = Field(default=0.015, gt=0, description="rise that counts: Chen (2007)")
    srmr_loadings: float = Field(default=0.030, gt=0, description="rise that counts, for equal loadings: Chen (2007)")
    srmr: float = Field(default=0.010, gt=0, description="rise that counts, for equal intercepts: Chen (2007)")
    dmacs: float = Field(default=0.2, ge=0, description="effect size from which an item works differently")
    level: float = Field(default=0.05, gt=0, lt=1, description="of the tests of items, after Holm's correction")
    min_cfi: float = Field(default=0.90, gt=0, lt=1, description="fit from which groups are compared at all")
    max_rmsea: float = Field(default=0.08, gt=0, lt=1)
    draws: int = Field(default=1000, ge=100, description="draws of schools for the null of changes in fit")
    quantile: float = Field(default=0.95, gt=0, lt=1)


class ModelPlan(Strict):
    """Mixed models of students in schools: key stage and gender, and the phase where key stages do not tell it."""

    covariates: list[Literal["age", "phase", "country"]] = Field(
        default=[], description="beside key stage and gender; phase and country are the register's"
    )


class StrongCulture(Strict):
    """Which schools have a strong learning culture.

    A school counts when its share of students rated high, averaged over the dimensions, is at least ``min_share``.
    """

    min_share: float = Field(gt=0, lt=1)


class SchoolPlan(Strict):
    """School comparisons."""

    standardiser: Literal["total", "pooled_within"] = "total"
    min_students: int = 20
    strong_culture: StrongCulture | None = None
    culture_shares: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=[0.5, 0.55, 0.6, 0.65, 0.7], description="other values of min_share that schools.cultures tries"
    )


class Framework(Strict):
    """How schools were rated from a date on: ``overall`` says whether a school got one grade for everything."""

    id: Identifier
    label: str
    start: date | None = Field(default=None, alias="from", description="first day; none for the earliest framework")
    overall: bool = True


# Overall grades of state schools in England ended on 2 September 2024; report cards began on 10 November 2025.
OFSTED = [
    Framework(id="four_grades", label="One of four grades overall"),
    Framework(id="no_overall", label="Grades without an overall one", **{"from": date(2024, 9, 2)}, overall=False),
    Framework(id="report_card", label="Report card", **{"from": date(2025, 11, 10)}, overall=False),
]


class InspectionPlan(Strict):
    """Rating groups, best first, and the pair that the report compares.

    A rating given under a framework without an overall grade is in no comparison (register.rating_date tells which).
    """

    label: str = "Ofsted rating"
    ratings: list[str] = Field(min_length=2)
    higher: str | None = None
    lower: str | None = None
    frameworks: list[Framework] = Field(default=OFSTED, min_length=1, description="from the earliest to the latest")
    after_survey: Literal["keep", "exclude"] = Field(
        default="keep", description="ratings given after survey_date: counted and kept, or counted and left out"
    )
    equivalence: float = Field(
        default=0.5,
        gt=0,
        description="a difference smaller than this, in standard deviations between schools, counts as none",
    )

    @model_validator(mode="after")
    def _in_order(self) -> InspectionPlan:
        starts = [framework.start for framework in self.frameworks]
        if starts[0] is not None or None in starts[1:] or starts[1:] != sorted(set(starts[1:])):
            raise ValueError("frameworks: the first has no 'from', each other one a later date than the one before")
        return self

    def framework_on(self, day: date) -> Framework:
        """The framework of a rating given on a day."""
        return [f for f in self.frameworks if f.start is None or f.start <= day][-1]


class Resampling(Strict):
    """Intervals by resampling schools (or, without schools, random groups of respondents)."""

    draws: int = 1000
    random_groups: int = 100
    level: float = 0.95
