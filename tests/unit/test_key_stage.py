"""The ordered group: year group, date of birth, age; what contradicts goes to the ledger."""

from datetime import date

import polars as pl
import pytest
from readable import readable
from surveys import KEY_STAGES, make_survey, read_ingested, write_ingested

from learning_survey.key_stage import age_on_31_august, completed_years, with_ages
from learning_survey.people import AGES

SURVEY = date(2021, 6, 15)
YEARS = {
    "KS1": ["Year 1", "Y2", "2"],
    "KS2": ["Year 3", "6"],
    "KS3": ["Year 7"],
    "KS4": ["Year 10"],
    "KS5": ["Year 12"],
}
LEVELS = [{"id": k, "label": v[0], "ages": list(v[1]), "years": YEARS[k], "stage": v[2]} for k, v in KEY_STAGES.items()]
OFF = {"drop_duplicates": False, "min_answered": 0.0, "straight_liners": "keep"}


@pytest.mark.parametrize(
    ("born", "survey", "august", "now"),
    [
        (date(2010, 8, 31), SURVEY, 10, 10),
        (date(2010, 9, 1), SURVEY, 9, 10),
        (date(2010, 6, 15), SURVEY, 10, 11),
        (date(2010, 6, 16), SURVEY, 10, 10),
        (date(2010, 8, 31), date(2021, 8, 31), 10, 11),
        (date(2010, 8, 31), date(2021, 9, 1), 11, 11),
        (date(2010, 9, 1), date(2021, 9, 1), 10, 11),
        (date(2008, 2, 29), date(2021, 2, 28), 12, 12),
        (date(2008, 2, 29), date(2021, 3, 1), 12, 13),
    ],
)
def test_ages_on_the_day_that_counts(born, survey, august, now):
    frame = pl.DataFrame({"b": [born]})
    found = frame.select(a=age_on_31_august(pl.col("b"), survey), n=completed_years(pl.col("b"), survey)).row(0)
    assert found == (august, now)


@pytest.fixture
def survey(tmp_path):
    made = make_survey(tmp_path, schools=2, per_school=5, dimensions=2, files=1, study={"clean": OFF})
    made.run("ingest")
    made.change(survey_date=SURVEY, key_stages={"levels": LEVELS})
    return made


def cleaned(survey, columns, **cells):
    path = survey.processed / "ingested.arrow"
    frame = read_ingested(path)
    blank = [None] * frame.height
    for column, texts in cells.items():
        frame = frame.with_columns(pl.Series(column, [*texts, *blank][: frame.height], dtype=pl.String))
    survey.change(columns=columns)
    write_ingested(with_ages(frame.drop(AGES), survey.load()).select(frame.columns), path)
    survey.run("clean")
    ledger = pl.read_csv(survey.processed / "ledger.csv", schema_overrides={"raw": pl.String})
    return pl.read_parquet(survey.processed / "clean.parquet"), ledger.select("line", "column", "raw", "rule").rows()


def test_the_year_group_stands_before_the_age_and_the_age_where_there_is_none(survey):
    frame, ledger = cleaned(
        survey,
        {"year_group": "year"},
        year_group=["year 1", "Y2", "Year 7", "Year 7", "Year 7", None, "Form 9", "Year 10"],
        age=["6", "7", "11", "12", "15", "9", "8", None],
    )
    assert frame["group"].head(8).to_list() == ["KS1", "KS1", "KS3", "KS3", "KS3", "KS2", "KS2", "KS4"]
    assert frame["age"].head(8).to_list() == [6, 7, 11, 12, None, 9, 8, None]
    assert ledger == [(8, "year_group", "Form 9", "year_group"), (6, "age", "15", "group_conflict_age")]


def test_the_date_of_birth_decides_where_the_age_cannot(survey):
    born = ["2014-08-31", "2014-09-01", "2007-01-01", "31/08/2014", "2031-01-01", None]
    frame, ledger = cleaned(survey, {"birth_date": "born", "age": None}, birth_date=born, age=[])
    # Both of the first two are six on the day of the survey; one is in Year 2, the other in Year 1.
    assert frame["age"].head(6).to_list() == [6, 6, 14, None, None, None]
    assert frame["group"].head(6).to_list() == ["KS1", "KS1", "KS3", None, None, None]
    assert [(line, rule) for line, _, _, rule in ledger] == [(5, "birth_date"), (6, "birth_date")]
    assert [raw for _, _, raw, _ in ledger] == ["withheld", "withheld"]
    assert "birth_date" not in frame.columns


def test_two_students_of_one_age_can_be_of_two_stages(survey):
    frame, _ = cleaned(survey, {"birth_date": "born"}, birth_date=["2013-09-01", "2013-08-31"], age=["7", "7"])
    assert frame["group"].head(2).to_list() == ["KS1", "KS2"]


def test_what_contradicts_a_better_source_is_emptied(survey):
    frame, ledger = cleaned(
        survey,
        {"birth_date": "born", "year_group": "year"},
        birth_date=["2014-03-01", "2014-03-01", "2014-03-01"],
        year_group=[None, "Year 7", "Year 1"],
        age=["12", "7", "7"],
    )
    assert frame["age"].head(3).to_list() == [None, None, 7]
    assert frame["group"].head(3).to_list() == ["KS1", "KS3", "KS1"]
    assert [(line, column, rule) for line, column, _, rule in ledger] == [
        (2, "age", "age_conflict"),
        (3, "birth_date", "group_conflict_birth_date"),
        (3, "age", "group_conflict_age"),
    ]


def test_an_age_of_no_level_contradicts_the_year_group(survey):
    frame, ledger = cleaned(
        survey,
        {"birth_date": "born", "year_group": "year"},
        birth_date=["2001-01-01", None, None],
        year_group=["Year 7", "Year 7", "Year 12"],
        age=[None, "40", "19"],
    )
    assert frame["group"].head(3).to_list() == ["KS3", "KS3", "KS5"]
    assert [(line, rule) for line, _, _, rule in ledger] == [
        (2, "group_conflict_birth_date"),
        (3, "group_conflict_age"),
    ]
    assert frame["age"].head(3).to_list() == [None, None, 19]


def test_a_table_of_another_system_yields_to_the_year_group(survey):
    levels = [
        {"id": "A", "label": "First", "values": ["primaire"], "years": ["CP"]},
        {"id": "B", "label": "Second", "values": ["college"], "years": ["6e"]},
    ]
    survey.change(key_stages={"source": "column", "levels": levels})
    frame, ledger = cleaned(
        survey,
        {"group": "school_kind", "year_group": "year"},
        group=["Primaire", "collège", "college", "college"],
        year_group=["CP", "CP", "CP", None],
    )
    assert frame["group"].head(4).to_list() == ["A", "A", "A", "B"]
    assert [entry[3] for entry in ledger] == ["group", "group_conflict_group"]


def test_dates_of_birth_are_in_no_file_and_their_ages_are(tmp_path):
    survey = make_survey(tmp_path, schools=2, per_school=5, dimensions=2, files=1, study={"clean": OFF})
    born = ["14/06/2010", "16/06/2010", "01/09/2010", "31/08/2010", "2010-06-15", "unknown", "-", "01/01/1066"]
    path = survey.exports[0]
    raw = pl.read_csv(path, infer_schema=False)
    raw.drop("age").with_columns(pl.Series("born", [*born, "05/05/2011", "06/07/2009"])).write_csv(path)
    survey.change(
        survey_date=SURVEY,
        columns={"birth_date": "born", "age": None},
        clean={"birth_date_format": "%d/%m/%Y", "ages": {"min": 5, "max": 18}},
        key_stages={"levels": LEVELS},
    )
    survey.run("ingest")
    frame = read_ingested(survey.processed / "ingested.arrow")
    given = ["withheld"] * 6 + [None] + ["withheld"] * 3
    assert frame["birth_date"].to_list() == given
    assert frame["birth_age"].to_list() == [11, 10, 10, 10, None, None, None, 955, 10, 11]
    assert frame["birth_age_august"].to_list() == [10, 10, 9, 10, None, None, None, 954, 9, 11]
    survey.run("clean")
    ledger = pl.read_csv(survey.processed / "ledger.csv")
    assert ledger.select("line", "column", "raw", "rule").rows() == [
        (line, "birth_date", "withheld", "birth_date") for line in (6, 7, 9)
    ]
    for file in (p for f in (survey.processed, survey.results) for p in f.rglob("*") if p.is_file()):
        text = "\n".join(readable(file.name, file.read_bytes()))
        assert not any(date in text for date in born if len(date) > 8), file
