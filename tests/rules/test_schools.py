"""The command 'schools': planted extremes, pseudonyms only, one school, no school."""

import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(
        tmp_path_factory.mktemp("survey"),
        schools=20,
        per_school=50,
        school_shift={"school-004": 1.5, "school-005": 1.4, "school-011": -1.5},
        missing=0.02,
    )
    made.run("ingest", "clean", "score")
    done = run_stage(made, "schools")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def pseudonym(survey, school):
    return survey.label(school)


def test_planted_extremes_are_found_under_pseudonyms(survey):
    tables = read_tables(survey, "schools")
    extremes = tables["extremes"]
    assert set(extremes["top_school"]) <= {pseudonym(survey, s) for s in ("school-004", "school-005")}
    assert set(extremes["bottom_school"]) == {pseudonym(survey, "school-011")}
    assert (extremes["gap_ci_low"] > 0).all() and (extremes["p_holm"] < 1e-6).all()
    assert len(tables["means"]) == 20 * 5
    assert tables["variance"]["icc1"].between(0.05, 0.6).all()
    assert tables["strong_culture"].loc[0, "n_schools"] >= 2
    assert (extremes["d_shrunken"] < extremes["d_total"]).all() and (extremes["gap_shrunken"] > 0).all()
    for name in ("gaps", "gaps_high"):
        gaps = tables[name]
        assert (gaps["p"] < 0.01).all() and (gaps["observed"] > gaps["chance_most"]).all()
        assert (gaps["corrected"] < gaps["observed"]).all() and (gaps["other_half"] <= gaps["observed"] + 1e-9).all()
    means = tables["means"]
    assert means["adjusted"].notna().all() and means.groupby("dimension")["top_tenth"].sum().round(9).eq(2).all()
    assert set(tables["cultures"]["measure"]) == {"share_high", "mean"}
    for text in contents(survey.tables / "schools").values():
        assert b"school-0" not in text


def test_again_gives_the_same_bytes(survey, tmp_path):
    assert run_stage(survey, "schools", tmp_path / "again").returncode == 0
    assert contents(tmp_path / "again") == contents(survey.tables / "schools")


def test_one_school_has_rows_without_comparisons(tmp_path):
    made = make_survey(tmp_path, schools=1, per_school=60)
    made.run("ingest", "clean", "score")
    done = run_stage(made, "schools")
    assert (done.returncode, done.stderr) == (0, "")
    tables = read_tables(made, "schools")
    assert tables["variance"]["icc1"].isna().all()
    assert tables["extremes"]["gap"].isna().all()


def test_a_study_without_schools_is_told_so(tmp_path):
    made = make_survey(tmp_path, schools=0, per_school=60)
    made.run("ingest", "clean", "score")
    done = run_stage(made, "schools")
    assert done.returncode == 2
    assert "no 'schools' to compare" in done.stderr and "Traceback" not in done.stderr
