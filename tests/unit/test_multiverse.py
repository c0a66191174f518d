"""The multiverse: the study's own specification is what the other stages compute, and every other what rows give."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiverse_plans import KINDS, compute, every_kind, write_plan
from pipeline import step
from surveys import make_survey

from learning_survey import tables
from learning_survey.cells import Cells
from learning_survey.errors import SurveyError
from learning_survey.multiverse_plan import Holds, cuts, grid, leasts, load_multiverse
from learning_survey.score import flagged_rows, scored

FALL = {"KS1": 0.4, "KS2": 0.3, "KS3": -0.1, "KS4": -0.2, "KS5": -0.3}
GAPS = {"boys": 0.2, "girls": 0.0, "other": -0.3}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(
        tmp_path_factory.mktemp("multiverse"),
        schools=16,
        per_school=120,
        dimensions=3,
        missing=0.06,
        icc=0.15,
        group_shift=FALL,
        gender_shift=GAPS,
        study={"clean": {"careless": {"irv": {"threshold": 0.8}}}},
    )
    made.run("ingest", "clean", "score")
    write_plan(made, every_kind())
    return made


@pytest.fixture(scope="module")
def found(survey):
    return compute(survey)


@pytest.fixture(scope="module")
def own(survey, found):
    """The study's own specification of each claim, and the tables of the stages that compute the same."""
    for stage in ("describe", "key_stages", "gender", "schools", "inspection"):
        step(survey, stage, processed=survey.processed, out=survey.tables / stage)
    rows = {r["claim"]: r for r in found["specifications"].filter("configured").to_dicts()}
    return rows, lambda name: tables.read(survey.tables, name)


def close(a, b, tolerance=1e-9):
    assert a == pytest.approx(b, abs=tolerance)


# ---------------------------------------------------------------- the study's own specification


def test_shares_are_those_of_describe(own):
    rows, table = own
    shares = table("describe.dimensions").set_index("dimension").share_high
    margins = [min(x - 0.2, 0.6 - x) for x in shares[["d1", "d2"]]]
    close(rows["shares"]["estimate"], shares[["d1", "d2"]].iloc[int(np.argmin(margins))])
    close(rows["lowest_share"]["estimate"], min(shares["d1"], shares["d3"]) - shares["d2"])


def test_trends_and_steps_are_those_of_key_stages(own):
    rows, table = own
    tests = table("key_stages.tests")
    weakest = tests[tests.test == "trend_clustered"].set_index("dimension")
    at = weakest.slope_ci_high.idxmax()
    close(rows["trends"]["estimate"], weakest.slope[at])
    assert rows["trends"]["decided_by"] == f"Dimension {at[1:]}"
    # Resamples and linearised variances are two ways to one interval.
    width = rows["trends"]["estimate_ci_high"] - rows["trends"]["estimate_ci_low"]
    assert width == pytest.approx(weakest.slope_ci_high[at] - weakest.slope_ci_low[at], rel=0.35)
    falls = -table("key_stages.means").groupby("group")["mean"].mean().diff().iloc[1:]
    close(rows["largest_step"]["estimate"], falls["KS3"] - falls.drop("KS3").max())


def test_effects_are_those_of_gender(own):
    rows, table = own
    pairs = table("gender.pairs")
    g = pairs.set_index(["group_a", "group_b"]).hedges_g.sort_index()
    close(rows["group_order"]["estimate"], min(g["boys", "girls"].min(), g["girls", "other"].min()))
    margins = np.minimum(pairs.hedges_g.abs() - 0.05, 0.35 - pairs.hedges_g.abs())
    close(rows["group_effects"]["estimate"], abs(pairs.hedges_g[margins.idxmin()]))


def test_the_top_and_bottom_school_are_those_of_schools(own):
    rows, table = own
    extremes = table("schools.extremes").set_index("dimension")
    at = extremes.gap.idxmin()
    for end, sign in (("", 1), ("_ci_low", 1), ("_ci_high", 1)):
        close(rows["school_gap"][f"estimate{end}"], sign * extremes[f"gap{end}"][at] / 100)
    close(rows["school_effect"]["estimate"], extremes.d_total.min())


def test_a_strong_culture_and_ratings_are_those_of_their_stages(own):
    rows, table = own
    close(rows["culture"]["estimate"], table("schools.strong_culture").ratio.item())
    pairs = table("inspection.pairs")
    pairs = pairs[(pairs.rating_a == "Outstanding") & (pairs.rating_b == "Good")]
    close(rows["rating_pair"]["estimate"], -pairs.hedges_g.max())


# ---------------------------------------------------------------- every other one


@pytest.mark.parametrize(
    ("cleaning", "scoring", "high"),
    list(itertools.product(["configured", "unflagged"], ["any", "all"], ["band_lower", "above_middle"])),
)
def test_a_share_is_what_the_rows_give_under_any_choice(survey, found, cleaning, scoring, high):
    study = survey.load()
    people = pl.read_parquet(survey.processed / "clean.parquet")
    rows = scored(people, study.instrument).with_columns(
        flagged=flagged_rows(people, pl.read_parquet(survey.processed / "flags.parquet"))
    )
    if cleaning == "unflagged":
        rows = rows.filter(~pl.col("flagged"))
        assert 0 < rows.height < people.height
    shares = []
    for d in ("d1", "d2"):
        items = rows.select(study.instrument.items_of(d)).to_numpy()
        answered = (~np.isnan(items.astype(float))).sum(axis=1)
        enough = answered >= leasts(study.instrument)[scoring]
        x = np.nanmean(items[enough].astype(float), axis=1)
        cut, passed = cuts(study.instrument)[high]
        shares.append((x > cut + 1e-9 if passed else x >= cut - 1e-9).mean())
    spec = found["specifications"].filter(
        claim="shares", cleaning=cleaning, scoring=scoring, high=high, adjustment="none"
    )
    margins = [min(x - 0.2, 0.6 - x) for x in shares]
    close(spec["estimate"].item(), shares[int(np.argmin(margins))])


def test_composition_and_equal_schools_are_averages_of_averages(survey, found):
    means = pl.read_parquet(survey.processed / "scores.parquet").drop_nulls(["d1", "d2", "d3", "group", "gender"])
    weight = means.group_by("gender").len()

    def falls(by_group: pl.DataFrame) -> np.ndarray:
        return -np.diff(by_group.sort("group")["x"].to_numpy())

    x = pl.mean_horizontal(pl.mean("d1"), pl.mean("d2"), pl.mean("d3")).alias("x")
    cells = means.group_by("group", "gender").agg(x).join(weight, on="gender")
    standard = cells.group_by("group").agg(x=(pl.col("x") * pl.col("len")).sum() / pl.col("len").sum())
    spec = found["specifications"].filter(claim="largest_step", cleaning="configured", scoring="configured")
    fall = falls(standard)
    # Students without one of the three scores are in the table and not here.
    close(spec.filter(adjustment="composition")["estimate"].item(), fall[1] - max(np.delete(fall, 1)), 0.03)
    schools = means.group_by("group", "school").agg(x, n=pl.len()).filter(pl.col("n") >= survey.load().min_group)
    fall = falls(schools.group_by("group").agg(pl.mean("x")))
    close(spec.filter(adjustment="schools")["estimate"].item(), fall[1] - max(np.delete(fall, 1)), 0.05)


def test_a_model_is_that_of_the_stage_models(tmp_path):
    """Schools in which all key stages meet, so that the school's phase is in neither."""
    mixed = make_survey(tmp_path, schools=12, per_school=80, dimensions=2, phases=False, group_shift=FALL, icc=0.2)
    mixed.run("ingest", "clean", "score")
    write_plan(mixed, [c for c in every_kind() if c["kind"] in ("largest_step", "group_order")])
    step(mixed, "models", processed=mixed.processed, out=mixed.tables / "models")
    step(mixed, "gender", processed=mixed.processed, out=mixed.tables / "gender")
    made = compute(mixed)["specifications"].filter(cleaning="configured", scoring="configured", adjustment="model")
    effects = tables.read(mixed.tables, "models.coefficients").query("method == 'mixed'")
    wide = effects.pivot(index="dimension", columns="level", values="difference").assign(KS1=0.0, boys=0.0)
    falls = -wide[["KS1", "KS2", "KS3", "KS4", "KS5"]].mean().diff().iloc[1:]
    close(made.filter(claim="largest_step")["estimate"].item(), falls["KS3"] - falls.drop("KS3").max(), 1e-7)
    pairs = tables.read(mixed.tables, "gender.pairs").set_index(["dimension", "group_a", "group_b"])
    # g is the difference over a spread and corrected; both are the stage's.
    scale = pairs.hedges_g / pairs.difference
    g = [
        (wide.loc[d, a] - wide.loc[d, b]) * scale[d, a, b]
        for d in ("d1", "d2")
        for a, b in (("boys", "girls"), ("girls", "other"))
    ]
    close(made.filter(claim="group_order")["estimate"].item(), min(g), 1e-7)


def test_no_specification_stands_twice_and_the_first_is_the_study_s_own(survey, found):
    study, specs = survey.load(), found["specifications"]
    cells = Cells.read(survey.processed, study)
    for claim in load_multiverse(study).claims:
        ways = list(grid(claim, study, cells))
        assert len(ways) == len(set(ways))
        own = specs.filter(claim=claim.id)
        assert own.height == len(ways)
        assert own.filter("configured")["specification"].to_list() == [1]
        first = own.row(0, named=True)
        assert {first[c] for c in ("cleaning", "scoring", "high")} <= {"configured", ""}
        for choice in ("high", "standardiser", "culture"):
            assert (own[choice] == "").all() == (choice not in claim.CHOICES)
    sizes = dict(specs.group_by("claim").len().iter_rows())
    # cleaning × scoring × rule for high × adjustment, and so on
    assert sizes["shares"] == 2 * 3 * 3 * 2 and sizes["trends"] == 2 * 3 * 4 and sizes["school_effect"] == 2 * 3 * 3 * 2


def test_claims_sum_up_their_specifications(found):
    for claim in found["claims"].to_dicts():
        specs = found["specifications"].filter(claim=claim["claim"])
        held = specs.filter("holds").height
        assert claim["n_holds"] == held and claim["n_specifications"] == specs.height
        close(claim["share_holds"], held / specs.filter("computed").height)
        values = specs["estimate"].drop_nulls()
        close(claim["least"], values.min())
        close(claim["greatest"], values.max())
        assert claim["configured_holds"] == specs["holds"][0]
        assert ((specs["parts_holding"] == specs["parts"]) == specs["holds"]).all()
        assert claim["matters_most"] in ("", "cleaning", "scoring", "high", "standardiser", "adjustment", "culture")


def test_a_choice_that_moves_nothing_does_not_matter_most(found):
    most = dict(found["claims"].select("claim", "matters_most").iter_rows())
    assert most["shares"] == "high" and most["school_effect"] == "standardiser"


def test_the_same_seed_gives_the_same_bytes_and_ten_times_the_students_the_same_estimates(survey, found):
    again = compute(survey)
    for name, frame in found.items():
        assert frame.write_csv() == again[name].write_csv()
    from learning_survey import multiverse

    study = survey.load()
    cells = pl.read_parquet(survey.processed / "cells.parquet")
    more = Cells.of(cells.with_columns(n=10 * pl.col("n")), study.instrument)
    ten = multiverse.tables(study, more, survey.processed)["specifications"]
    same = ~found["specifications"]["claim"].is_in(["group_order", "group_effects", "school_chance", "school_effect"])
    a, b = (
        f.filter(same & (~found["specifications"]["adjustment"].is_in(["schools", "model"])))["estimate"]
        for f in (found["specifications"], ten)
    )
    np.testing.assert_allclose(a.to_numpy(), b.to_numpy(), rtol=2e-3)


# ---------------------------------------------------------------- what turns a claim


@pytest.mark.parametrize(
    ("kind", "shift", "holds"),
    [
        ("trends", {"group_shift": FALL}, True),
        ("trends", {"group_shift": {}}, False),
        ("trends", {"group_shift": {k: -v for k, v in FALL.items()}}, False),
        ("largest_step", {"group_shift": {"KS1": 0.4, "KS2": 0.4, "KS3": -0.4, "KS4": -0.4, "KS5": -0.4}}, True),
        ("largest_step", {"group_shift": {"KS1": 0.4, "KS2": 0.4, "KS3": 0.4, "KS4": -0.4, "KS5": -0.4}}, False),
        ("group_order", {"gender_shift": {"boys": 0.5, "girls": 0, "other": -0.6}}, True),
        ("group_order", {"gender_shift": {"boys": 0, "girls": 0.5, "other": -0.6}}, False),
        ("rating_pair", {"rating_shift": {"Good": 1.0, "Outstanding": -1.0}}, True),
        ("rating_pair", {"rating_shift": {"Good": -1.0, "Outstanding": 1.0}}, False),
        ("rating_correlation", {"rating_shift": {"Good": 0, "Outstanding": 2.0, "Requires improvement": -2.0}}, False),
        ("school_chance", {"icc": 0.3}, True),
        ("school_chance", {"icc": 0.0}, False),
    ],
)
def test_planted_truth_and_its_opposite(tmp_path, kind, shift, holds):
    planted = make_survey(tmp_path, schools=24, per_school=60, dimensions=2, seed=5, **({"icc": 0.02} | shift))
    planted.run("ingest", "clean", "score")
    write_plan(planted, [c for c in every_kind() if c["kind"] == kind])
    claim = compute(planted)["claims"].row(0, named=True)
    assert claim["configured_holds"] == holds
    assert claim["share_holds"] > 0.6 if holds else claim["share_holds"] < 0.4


# ---------------------------------------------------------------- what is not there


def test_claims_that_a_study_has_no_data_for_say_so(tmp_path):
    bare = make_survey(tmp_path, schools=0, per_school=300, dimensions=3, key_stages=False, gender=False)
    bare.run("ingest", "clean", "score")
    write_plan(bare, every_kind())
    made = compute(bare)
    notes = dict(made["claims"].select("claim", "note").iter_rows())
    assert notes["shares"] == "" and notes["trends"] == "The study has no ordered groups."
    assert notes["group_order"] == "The study has no gender." and notes["culture"] == "The study has no schools."
    assert set(made["specifications"]["claim"]) == {"shares", "lowest_share"}
    assert set(made["specifications"]["adjustment"]) == {"none"}
    assert made["claims"].filter(claim="trends")["share_holds"].item() is None


def test_a_withheld_group_leaves_no_number(tmp_path):
    small = make_survey(tmp_path, schools=6, per_school=60, dimensions=2, study={"min_group": 30})
    small.run("ingest", "clean", "score")
    few = pl.read_parquet(small.processed / "cells.parquet").filter(
        (pl.col("gender") != "other") | (pl.col("school") == "S01")
    )
    few.write_parquet(small.processed / "cells.parquet")
    write_plan(small, every_kind())
    made = compute(small)["specifications"]
    gone = made.filter(pl.col("claim").is_in(["group_order", "group_effects"]))
    assert not gone["computed"].any() and gone["estimate"].is_null().all() and not gone["holds"].any()
    assert made.filter(claim="shares")["computed"].all()


@pytest.mark.parametrize(
    ("change", "message", "remedy"),
    [
        ({"shares": {"dimensions": ["d9"]}}, "unknown dimension 'd9'", "'d1'"),
        ({"lowest_share": {"dimension": "d22"}}, "unknown dimension 'd22'", "'d2'"),
        ({"largest_step": {"step": ["KS2", "KS6"]}}, "unknown group 'KS6'", "'KS"),
        ({"largest_step": {"step": ["KS2", "KS4"]}}, "no neighbours", "KS1, KS2"),
        ({"group_order": {"groups": ["boys", "grils"]}}, "unknown gender 'grils'", "'girls'"),
        ({"shares": {"id": "trends"}}, "'trends' is given twice", "own id"),
        ({"shares": {"kind": "sharez"}}, "sharez", "'shares'"),
        ({"trends": {"hold": 1}}, "unknown key", "'holds'"),
        ({"trends": {"holds": {"surely": True}}}, "give 'above', 'below' or both", ""),
        ({"trends": {"holds": {"above": 2, "below": 1}}}, "must be smaller", ""),
        ({"trends": {"holds": {"includes": 0, "surely": True}}}, "about the interval already", ""),
    ],
)
def test_a_wrong_plan_names_its_place_and_the_nearest_name(survey, change, message, remedy):
    before = survey.study_file.read_text()
    write_plan(survey, every_kind(**change))
    try:
        with pytest.raises(SurveyError, match=message) as error:
            load_multiverse(survey.load())
        assert "multiverse" in str(error.value.where) and remedy in error.value.remedy
    finally:
        write_plan(survey, every_kind())
        survey.study_file.write_text(before)


# ---------------------------------------------------------------- when an estimate bears a claim out


@given(
    value=st.floats(-5, 5),
    half=st.floats(0, 3),
    edges=st.tuples(st.floats(-4, 4), st.floats(-4, 4)).filter(lambda e: e[0] < e[1]),
)
def test_a_margin_is_above_zero_just_where_a_claim_holds(value, half, edges):
    low, high = value - half, value + half
    arrays = [np.array([x]) for x in (value, low, high)]
    for holds, truth in (
        (Holds(above=edges[0], below=edges[1]), edges[0] <= value <= edges[1]),
        (Holds(above=edges[0], surely=True), low >= edges[0]),
        (Holds(below=edges[1], surely=True), high <= edges[1]),
        (Holds(includes=edges[0]), low <= edges[0] <= high),
    ):
        assert bool(holds.margin(*arrays)[0] >= 0) == truth
        assert holds.words


def test_every_kind_has_a_claim_here():
    from learning_survey.multiverse_kinds import ESTIMATORS

    assert set(KINDS) == set(ESTIMATORS)
