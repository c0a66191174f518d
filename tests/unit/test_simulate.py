"""The synthetic cohort: planned moments hold, dirt is what the truth says, and the same seed gives the same cohort."""

from collections import Counter

import numpy as np
import pytest
from conftest import ROOT

from learning_survey import simulate as sim
from learning_survey.calibration import Block, check, load_calibration
from learning_survey.config import load_study
from learning_survey.delivery import deliver
from learning_survey.errors import SurveyError
from learning_survey.labels import Codes, lookup, normalised

SEED = 7


@pytest.fixture(scope="module")
def study():
    return load_study("phase_one", ROOT)


@pytest.fixture(scope="module")
def calibration(study):
    return load_calibration(study)


@pytest.fixture(scope="module")
def cohort(calibration, study):
    return sim.simulate(calibration, study.instrument, study.study, SEED)


@pytest.fixture(scope="module")
def delivery(cohort, calibration, study):
    return deliver(cohort, calibration, study.instrument, study.study, SEED)


# ---------------------------------------------------------------- population


@pytest.mark.parametrize("seed", range(5))
def test_planned_effects_meet_constraints_and_covariance(seed):
    rng = np.random.default_rng(seed)
    draws, weights, constraints = rng.normal(size=(30, 3)), rng.uniform(1, 9, 30), rng.uniform(0, 2, (30, 4))
    targets = rng.normal(size=(4, 3))
    root = rng.normal(size=(3, 3))
    covariance = root @ root.T + np.eye(3)
    effects = sim.planned_effects(draws, weights, constraints, targets, covariance)
    assert np.allclose(constraints.T @ effects, targets)
    # What is left after the smallest effects that meet the constraints has the planned covariance.
    base = sim.planned_effects(draws, weights, constraints, targets, covariance * 1e-20)
    free = effects - base
    assert np.allclose(free.T @ (weights[:, None] * free) / weights.sum(), covariance, rtol=1e-6, atol=1e-6)


def test_the_cohort_has_the_published_size(cohort):
    assert len(cohort.school) == 29940
    assert len(np.unique(cohort.school)) == 87
    assert (cohort.age.min(), cohort.age.max()) == (5, 18)
    primary = np.array(cohort.schools["phase"])[cohort.school] == "primary"
    assert primary.mean() == 0.5 and np.array_equal(primary, cohort.age <= 10)
    assert cohort.answers.shape == (29940, 36) and cohort.answers.max() == 5
    assert np.bincount(cohort.school).tolist() == cohort.schools["n"]


def test_schools_are_as_planned(cohort, calibration):
    kind, rating = cohort.schools["kind"], cohort.schools["ofsted_rating"]
    assert Counter(kind) == {"other": 77, "strong": 8, "top": 1, "bottom": 1}
    assert Counter(rating) == {None: 44, **{k: g.schools for k, g in calibration.ratings.groups.items()}}
    assert (rating[kind.index("top")], rating[kind.index("bottom")]) == ("Good", "Outstanding")
    assert all(c == "England" for c, r in zip(cohort.schools["country"], rating, strict=True) if r)
    assert Counter(cohort.schools["country"]) == calibration.countries.schools


def test_school_effects_average_nothing_within_a_phase(cohort):
    phase = np.array(cohort.schools["phase"])[cohort.school]
    for name in ("primary", "secondary"):
        assert np.abs(cohort.effects[cohort.school][phase == name].mean(axis=0)).max() < 1e-10


def test_ratings_have_the_planned_means(cohort, calibration, study):
    shift = np.array([list(calibration.key_stages.shifts[s].values()) for s in cohort.stages])
    total = cohort.effects + np.array([shift[cohort.stage[cohort.school == s]].mean(axis=0) for s in range(87)])
    rating = np.array([r or "" for r in cohort.schools["ofsted_rating"]])
    for name, group in calibration.ratings.groups.items():
        assert np.allclose(total[rating == name].mean(axis=0), group.mean)


def test_genders_have_the_planned_shares_in_every_school(cohort, calibration):
    planned = [calibration.cohort.gender[g] for g in cohort.genders]
    for school in range(87):
        mine = cohort.gender[cohort.school == school]
        assert np.abs(np.bincount(mine, minlength=3) / len(mine) - planned).max() < 3 / len(mine)


def test_seeds_change_the_students_and_nothing_else_does(cohort, calibration, study):
    again = sim.simulate(calibration, study.instrument, study.study, SEED)
    assert np.array_equal(again.answers, cohort.answers) and again.schools == cohort.schools
    other = sim.simulate(calibration, study.instrument, study.study, SEED + 1)
    assert not np.array_equal(other.answers, cohort.answers) and other.schools != cohort.schools


def test_no_student_is_taken_for_a_straight_liner(cohort, study):
    reverse = np.array([i.reversed for i in study.instrument.items])
    assert not sim.straight(sim.recorded(cohort.answers, reverse, 5)).any()
    assert ((cohort.answers > 0).mean(axis=1) >= 0.5).all()


def test_straight_ignores_missing_answers_and_counts_recorded_codes():
    reverse = np.array([False, True, False])
    answers = np.array([[4, 2, 0], [4, 4, 4], [0, 0, 0], [5, 1, 5]], dtype=np.int8)
    codes = sim.recorded(answers, reverse, 5)
    assert codes.tolist() == [[4, 4, 0], [4, 2, 4], [0, 0, 0], [5, 5, 5]]
    assert sim.straight(codes).tolist() == [True, False, True, True]


def test_draws_are_exact_where_they_should_be():
    rng = np.random.default_rng(3)
    group = rng.integers(0, 3, 600)
    rows = np.arange(100)
    found = sim.planned_draws(4, np.eye(3)[group], [rows], rng)
    assert np.allclose(found[rows].mean(axis=0), 0) and np.allclose(np.cov(found[rows].T, ddof=0), np.eye(4))
    assert np.allclose(np.cov(found.T), np.eye(4), atol=0.2) and not np.allclose(np.cov(found.T), np.eye(4), atol=1e-6)
    alone = sim.planned_draws(4, np.eye(3)[group], [], rng)
    assert max(np.abs(alone[group == g].sum(axis=0)).max() for g in range(3)) < 1e-9


def test_whole_numbers_keep_the_total_and_the_least():
    assert sim._whole(np.array([1.0, 1.0, 1.0]), 100) == [34, 33, 33]
    sizes = sim._whole(np.array([0.01, 1.0, 5.0]), 1000, 60)
    assert sum(sizes) == 1000 and min(sizes) >= 60 and sizes == sorted(sizes)


# ---------------------------------------------------------------- exports


def rows_of(delivery, kind):
    """The planted rows of one kind, as dictionaries by column."""
    for name, line in delivery.truth["where"][kind]:
        yield name, line, delivery.exports[name].row(line - 2, named=True)


def test_rows_are_students_and_dirt(delivery):
    truth = delivery.truth
    rows = sum(frame.height for frame in delivery.exports.values())
    assert rows == truth["rows"] == truth["students"] + sum(truth["planted"].values())
    places = [tuple(p) for kind in truth["where"].values() for p in kind]
    assert len(set(places)) == len(places) == sum(truth["planted"].values())
    assert min(truth["planted"].values()) > 0


def test_every_export_says_that_it_is_synthetic(delivery):
    assert len([n for n in delivery.exports if n.endswith(".csv")]) == 5
    assert len([n for n in delivery.exports if n.endswith(".xlsx")]) == 2
    assert all("synthetic" in name for name in delivery.exports)
    assert delivery.register["cohort"].unique().to_list() == ["synthetic"]
    assert all(0 < f.height <= 1500 for n, f in delivery.exports.items() if n.endswith(".xlsx"))


def test_headers_are_ids_in_some_exports_and_wordings_in_others(delivery, study):
    ids, wordings = study.instrument.item_ids, [i.wording for i in study.instrument.items]
    kinds = Counter(frame.columns[-36:] == ids for frame in delivery.exports.values())
    assert kinds[True] and kinds[False]
    assert all(frame.columns[-36:] in (ids, wordings) for frame in delivery.exports.values())


def test_labels_vary_and_are_all_known(delivery, study):
    codes = Codes(study.instrument)
    missing = {m.strip().casefold() for m in study.exports.missing_values}
    seen = {cell for f in delivery.exports.values() for c in f.columns[-36:] for cell in f[c].unique()}
    assert all(codes.of(cell) or cell.strip().casefold() in missing for cell in seen)
    assert {"Agree", "agree", "AGREE", " Agree", "Agree strongly", "Neither", "", "n/a"} <= seen
    genders = lookup(((c.id, c.values) for c in study.gender.categories), "gender")
    spelt = {cell for f in delivery.exports.values() for cell in f["gender"].unique()} - set(
        study.exports.missing_values
    )
    assert all(normalised(g) in genders for g in spelt) and len(spelt) > len(study.gender.categories)


def test_duplicates_repeat_an_earlier_row_of_their_file(delivery):
    for name, line, row in rows_of(delivery, "duplicates"):
        earlier = delivery.exports[name].head(line - 2)
        same = earlier.filter(earlier["response_id"] == row["response_id"])
        assert same.height == 1
        assert same.drop("started_at").row(0) == tuple(v for k, v in row.items() if k != "started_at")


def test_respondents_are_unique_apart_from_duplicates(delivery):
    ids = [i for frame in delivery.exports.values() for i in frame["response_id"]]
    assert len(ids) - len(set(ids)) == delivery.truth["planted"]["duplicates"]


def test_dirt_is_what_it_says(delivery, study):
    missing = set(study.exports.missing_values)
    codes = Codes(study.instrument)
    for _, _, row in rows_of(delivery, "tests"):
        assert row["status"].lower() in study.clean.test_status
    for _, _, row in rows_of(delivery, "blanks"):
        assert sum(v not in missing for v in list(row.values())[-36:]) < 18
    for _, _, row in rows_of(delivery, "straight_liners"):
        assert len({codes.of(v) for v in list(row.values())[-36:]}) == 1
    for _, _, row in rows_of(delivery, "impossible_ages"):
        assert not 5 <= int(row["age"]) <= 18
    for _, _, row in rows_of(delivery, "missing_ages"):
        assert row["age"] == ""
    for _, _, row in rows_of(delivery, "missing_schools"):
        assert row["school_id"] in missing


def test_the_register_lists_every_school(delivery, cohort, study):
    assert delivery.register.columns == ["school_id", "phase", "country", "ofsted_rating", "ofsted_date", "cohort"]
    assert delivery.register["school_id"].to_list() == cohort.schools["school_id"]
    assert delivery.register["ofsted_rating"].drop_nulls().len() == 43
    rated, dated = (delivery.register[c].is_not_null() for c in ("ofsted_rating", "ofsted_date"))
    assert rated.equals(dated) and delivery.register["ofsted_date"].max() < study.survey_date
    named = {s for f in delivery.exports.values() for s in f["school_id"].unique()} - set(study.exports.missing_values)
    assert named == set(cohort.schools["school_id"])


# ---------------------------------------------------------------- calibration


def test_every_block_says_what_is_published_or_assumed(calibration, study):
    blocks = [b for b in calibration.__dict__.values() if isinstance(b, Block)]
    assert len(blocks) == len(calibration.__dict__) - 3
    assert all(b.published or b.assumed for b in blocks)


def test_a_calibration_for_another_instrument_is_refused(calibration, study):
    items = dict(calibration.items.items)
    items["exp9"] = items.pop("exp1")
    wrong = calibration.model_copy(update={"items": calibration.items.model_copy(update={"items": items})})
    with pytest.raises(SurveyError, match="'exp1' is not in both"):
        check(wrong, study)


def test_thresholds_must_ascend(calibration, study):
    items = dict(calibration.items.items)
    items["exp1"] = items["exp1"].model_copy(update={"thresholds": [0.0, -1.0, 1.0, 2.0]})
    wrong = calibration.model_copy(update={"items": calibration.items.model_copy(update={"items": items})})
    with pytest.raises(SurveyError, match="4 ascending thresholds"):
        check(wrong, study)


def test_a_covariance_must_be_one(calibration, study):
    broken = np.array(calibration.students.covariance)
    broken[0, 1] = broken[1, 0] = 5
    students = calibration.students.model_copy(update={"covariance": broken.tolist()})
    with pytest.raises(SurveyError, match="not a covariance matrix"):
        check(calibration.model_copy(update={"students": students}), study)


def test_impossible_limits_end_with_an_error(calibration, study):
    narrow = calibration.other_schools.model_copy(update={"highest": -5.0})
    with pytest.raises(SurveyError, match="no draw of 77 schools"):
        sim.simulate(calibration.model_copy(update={"other_schools": narrow}), study.instrument, study.study, 1)


# Each breaks the calibration of Phase One in one place: where, the new value, what the error says.
WRONG = [
    ("cohort.students", {"primary": 100}, "cohort.students is by primary, and cohort.schools by primary, secondary"),
    ("strong_schools.schools", {"infant": 5, "primary": 0}, "strong_schools.schools is by infant, primary"),
    ("top_school.phase", "infant", "top_school.phase: 'infant' is not a phase"),
    ("bottom_school.students", 45, "bottom_school.students: 45 are too few; more than 45 are needed"),
    (
        "strong_schools.schools.secondary",
        36,
        "cohort.schools.secondary: 35 schools beside the extremes, and more strong",
    ),
    ("cohort.students.primary", 3000, "too few for 50 schools of 60"),
    ("cohort.schools", {"primary": 12, "secondary": 10}, "12 schools are neither extreme nor strong"),
    ("cohort.ages.primary", {4: 0.1, 7: 0.9}, "no key stage for age 4"),
    ("cohort.gender.boys", 0.5, "the shares add up to 1.025, not to 1"),
    ("dirt.tests", 30000, "rows are more than there are students"),
    ("top_school.rating", "Goood", r"top_school.rating: 'Goood' is not in ratings.groups. Did you mean 'Good'"),
    ("ratings.groups.Good.strong", 26, "ratings.groups.Good: 26 schools, and 27 of them strong or extreme"),
    ("ratings.groups.Requires improvement.strong", 7, "more strong schools than the 8"),
    ("countries.schools.Wales", 6, "countries.schools: 86 schools, and cohort.schools has 87"),
    ("ratings.country", "Wales", "ratings.groups: 43 schools, and only 7 are in Wales"),
]


@pytest.mark.parametrize(("at", "value", "message"), WRONG)
def test_parts_of_a_calibration_must_fit_each_other(calibration, study, at, value, message):
    content = calibration.model_dump()
    *path, last = at.split(".")
    inside = content
    for step in path:
        inside = inside[step]
    assert last in inside
    inside[last] = value
    with pytest.raises(SurveyError, match=message):
        check(type(calibration).model_validate(content), study)


@pytest.mark.filterwarnings("error")
def test_a_cohort_need_not_have_strong_schools_or_schools_that_differ(calibration, study):
    content = calibration.model_dump()
    content["strong_schools"]["schools"] = {"primary": 0, "secondary": 0}
    content["other_schools"] |= {"level_sd": 0.0, "profile_sd": 0.001}
    for group in content["ratings"]["groups"].values():
        group |= {"strong": 0, "mean": 0.0}
    for block in (content["top_school"], content["bottom_school"]):
        block["effect"] = dict.fromkeys(block["effect"], 0.0)
    for shifts in content["key_stages"]["shifts"].values():
        shifts.update(dict.fromkeys(shifts, 0.0))
    alike = type(calibration).model_validate(content)
    check(alike, study)
    drawn = sim.simulate(alike, study.instrument, study.study, SEED)
    assert np.abs(drawn.effects).max() < 0.01
    assert set(drawn.schools["kind"]) == {"top", "bottom", "other"}
