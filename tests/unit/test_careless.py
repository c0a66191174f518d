"""Indices of careless responding: worked examples, the definition, and what is done with the flagged."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2
from surveys import make_survey, read_ingested, write_ingested

from learning_survey import careless
from learning_survey.errors import SurveyError
from learning_survey.people import faults, schema

OFF = {"drop_duplicates": False, "min_answered": 0.0, "straight_liners": "keep"}
N = np.nan


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path, schools=3, per_school=60, dimensions=4, study={"clean": OFF}, seed=5)


def run(survey, change=None, **rules):
    survey.run("ingest")
    path = survey.processed / "ingested.arrow"
    if change:
        write_ingested(change(read_ingested(path)), path)
    survey.change(clean={"careless": rules})
    survey.run("clean")
    read = pl.read_parquet
    return read(survey.processed / "flags.parquet"), read(survey.processed / "clean.parquet")


def table(survey, name):
    return pl.read_csv(survey.tables / "clean" / f"{name}.csv").drop("study", "cohort")


def answers(x):
    seen = ~np.isnan(x).T
    return careless.Answers(np.where(seen, x.T, 0).astype(np.int8), seen)


def straight(frame, rows=12, code=3):
    """The first ``rows`` rows give one code throughout."""
    items = [c for c in frame.columns if c.startswith("d")]
    first = pl.int_range(pl.len()) < rows
    return frame.with_columns(pl.when(first).then(pl.lit(code, pl.Int8)).otherwise(i).alias(i) for i in items)


def test_the_longest_run_passes_over_gaps():
    x = np.array([[1, 1, 2, 2, 2, 1], [1, N, 1, 1, 2, N], [5, 5, 5, 5, 5, 5], [N] * 6, [1, 2, 3, 4, 5, 1]])
    np.testing.assert_array_equal(careless.longest_run(answers(x)), [3, 3, 6, N, 1])


def test_variability_is_the_standard_deviation_of_what_is_answered():
    x = np.array([[1, 2, 3, 4], [5, N, 5, 5], [2, N, 4, N], [1, N, N, N]])
    expected = [np.std([1, 2, 3, 4], ddof=1), 0, np.sqrt(2), N]
    np.testing.assert_allclose(careless.variability(answers(x)), expected, atol=1e-12)


def test_even_odd_is_the_stepped_up_correlation_of_halves(survey):
    instrument = survey.load().instrument
    rng = np.random.default_rng(1)
    x = rng.integers(1, 6, (50, 16)).astype(float)
    x[3, :4] = N
    turned = np.isin(instrument.item_ids, instrument.reversed_ids)
    assert turned.any()

    def even_odd():
        recorded = answers(np.where(turned, 6 - x, x))
        return careless.even_odd(careless.Halves.of(recorded, instrument))

    found = even_odd()
    for k in (0, 1, 3, 20):
        odd = np.array([np.mean(x[k, 4 * d : 4 * d + 4][0::2]) for d in range(4)])
        even = np.array([np.mean(x[k, 4 * d : 4 * d + 4][1::2]) for d in range(4)])
        known = ~np.isnan(odd)
        r = np.corrcoef(odd[known], even[known])[0, 1]
        assert found[k] == pytest.approx(max(2 * r / (1 + r), -1), abs=1e-9)
    x[4, :8] = N
    x[5] = 3
    assert np.isnan(even_odd()[4:6]).all()


def test_a_reversed_item_is_turned_by_its_own_response_scale(survey):
    """Scales of one instrument share their ends; here they do not, so that the two ways of turning differ."""
    instrument = survey.load().instrument
    turned = instrument.items_of("d1")[3]
    assert turned in instrument.reversed_ids
    own = instrument.response.model_copy(update={"codes": [1, 2, 3]})
    items = [i.model_copy(update={"response": "own"}) if i.id == turned else i for i in instrument.items]
    mixed = instrument.model_copy(update={"items": items, "responses": {"own": own}})
    x = np.full((2, 16), 2.0)
    x[:, 3] = [1, N]
    halves = careless.Halves.of(answers(x), mixed)
    assert halves.total[1, 0].tolist() == [2 + 3, 2] and halves.count[1, 0].tolist() == [2, 1]
    assert careless.Halves.of(answers(x), instrument).total[1, 0].tolist() == [2 + 5, 2]


def test_mahalanobis_is_that_of_the_answered_items(survey):
    flags, kept = run(survey)
    items = survey.load().instrument.item_ids
    x = kept.select(items).to_numpy().astype(float)
    d = x - x.mean(axis=0)
    expected = np.einsum("ni,ni->n", d @ np.linalg.inv(np.cov(x, rowvar=False)), d)
    np.testing.assert_allclose(flags["mahalanobis"].to_numpy(), expected, rtol=1e-9)
    np.testing.assert_allclose(flags["mahalanobis_p"].to_numpy(), chi2.sf(expected, len(items)), rtol=1e-9)


def test_the_index_finds_what_is_planted(survey):
    flags, kept = run(survey, straight)
    assert kept.height == 180 and flags["kept"].all()
    planted = flags.head(12)
    assert (
        planted["flag_longest_run"].all()
        and planted["flag_irv"].all()
        and planted["longest_run"].to_list() == [16] * 12
    )
    rest = flags.tail(168)
    assert rest["flag_longest_run"].sum() == rest["flag_irv"].sum() == 0
    summary = table(survey, "careless")
    assert summary.filter(pl.col("index") == "irv").select("n", "flagged", "action").row(0) == (180, 12, "flag")
    assert summary["index"].to_list() == [*careless.INDICES, "any"]


def test_random_answers_are_less_consistent_and_further_away(survey):
    def noise(frame):
        rng, items = np.random.default_rng(2), [c for c in frame.columns if c.startswith("d")]
        new = {i: np.where(np.arange(180) < 60, rng.integers(1, 6, 180), frame[i].to_numpy()) for i in items}
        return frame.with_columns(pl.Series(i, v, dtype=pl.Int8) for i, v in new.items())

    flags, _ = run(survey, noise)
    assert flags["even_odd"].head(60).median() < flags["even_odd"].tail(120).median() - 0.3
    assert flags["mahalanobis"].head(60).mean() > flags["mahalanobis"].tail(120).mean() + 5


def test_seconds_are_divided_by_the_answers_and_odd_texts_emptied(survey):
    survey.change(columns={"seconds": "time"})
    for k, path in enumerate(survey.exports):
        times = pl.Series("time", [f"{8 + 16 * j}" for j in range(90)] if k == 0 else ["soon", "-3", "40.5"] * 30)
        pl.read_csv(path, infer_schema=False).with_columns(times).write_csv(path)
    flags, _ = run(survey)
    assert flags["seconds_per_item"].head(2).to_list() == [0.5, 1.5]
    assert flags["flag_seconds_per_item"].head(2).to_list() == [True, False]
    assert flags["seconds_per_item"].tail(90).count() == 30
    ledger = pl.read_csv(survey.processed / "ledger.csv", schema_overrides={"raw": pl.String})
    assert set(ledger["rule"]) == {"seconds"} and ledger.height == 60


def test_rows_are_dropped_only_where_the_study_says_so_and_results_show_both(survey):
    flags, kept = run(survey, straight, longest_run={"action": "drop"}, irv={"action": "off"})
    assert kept.height == 168 and flags.height == 180 and flags["kept"].sum() == 168
    assert flags["flag_irv"].null_count() == 180
    ledger = pl.read_csv(survey.processed / "ledger.csv")
    assert ledger.select("column", "raw", "rule", "action").unique().rows() == [
        ("items", "16 in a row", "careless_longest_run", "drop_row")
    ]
    assert table(survey, "flow")["step"].to_list()[-1] == "careless_longest_run"
    one = table(survey, "sensitivity").filter(pl.col("dimension") == "d1")
    n = dict(one.select("sample", "n").rows())
    others = flags.filter("kept").select(pl.any_horizontal("flag_even_odd", "flag_mahalanobis").sum()).item()
    assert n == {"analysed": 168, "with_dropped": 180, "without_flagged": 168 - others}


def test_the_sensitivity_table_is_that_of_the_scores(survey):
    run(survey, straight)
    survey.run("score")
    scores = pl.read_parquet(survey.processed / "scores.parquet")
    one = table(survey, "sensitivity").filter((pl.col("dimension") == "d2") & (pl.col("sample") == "analysed"))
    own = scores.select(survey.load().instrument.items_of("d2")).to_numpy()
    cov = np.cov(own, rowvar=False)
    assert one["mean"][0] == pytest.approx(scores["d2"].mean(), rel=1e-9)
    assert one["share_high"][0] == pytest.approx((scores["d2"] >= 3.5).mean(), rel=1e-9)
    assert one["alpha"][0] == pytest.approx(4 / 3 * (1 - np.trace(cov) / cov.sum()), rel=1e-9)


def test_the_defaults_flag_hardly_anyone_who_is_careful(tmp_path):
    careful = make_survey(tmp_path, schools=20, per_school=200, dimensions=9, loading=0.7, trait_r=0.6)
    flags, _ = run(careful)
    counts = table(careful, "careless").filter(pl.col("index") != "seconds_per_item")
    assert counts["n"].min() >= 3990 and counts["action"].drop_nulls().unique().to_list() == ["flag"]
    flagged = flags.select(pl.col("^flag_.*$").mean()).row(0, named=True)
    assert all(share is None or share <= 0.01 for share in flagged.values()), flagged
    # Why even-odd consistency has no default: at the lowest value that it can have are more than that already.
    assert (flags["even_odd"] <= -1).mean() > 0.01


def test_a_short_instrument_has_no_long_runs_by_default(tmp_path):
    short = make_survey(tmp_path, schools=2, per_school=40, dimensions=2, study={"clean": OFF})
    flags, _ = run(short, straight)
    assert flags["longest_run"].max() == 8 and not flags["flag_longest_run"].any() and flags["flag_irv"].sum() == 12
    flags, _ = run(short, straight, longest_run={"threshold": 0.5})
    assert (flags["flag_longest_run"] == (flags["longest_run"] >= 4)).all()


def test_even_odd_flags_and_drops_by_a_stated_threshold_only(survey):
    flags, _ = run(survey)
    assert flags["flag_even_odd"].sum() == 0 and flags["flag_even_odd"].count() == flags["even_odd"].count()
    row = table(survey, "careless").filter(pl.col("index") == "even_odd")
    assert row["threshold"][0] is None and row["flagged"][0] == 0
    flags, kept = run(survey, even_odd={"threshold": 0.0, "action": "drop"})
    assert kept.height == 180 - (flags["even_odd"] < 0).sum() < 180
    with pytest.raises(SurveyError, match="even_odd has no default threshold"):
        run(survey, even_odd={"threshold": None, "action": "drop"})


@pytest.mark.parametrize("index", ["longest_run", "mahalanobis"])
def test_a_threshold_that_no_respondent_can_meet_is_refused(survey, index):
    """A run is a share of the items: 12 would flag nobody."""
    survey.change(clean={"careless": {index: {"threshold": 12}}})
    with pytest.raises(SurveyError, match=rf"{index}\.threshold is a .*, 0 to 1, not 12"):
        survey.load()


def test_a_threshold_is_the_studys(survey):
    flags, _ = run(survey, longest_run={"threshold": 0.1}, irv={"threshold": 0.9})
    assert (flags["flag_longest_run"] == (flags["longest_run"] >= 2)).all()
    assert (flags["flag_irv"] == (flags["irv"] <= 0.9)).all()
    assert table(survey, "careless")["threshold"].to_list()[:2] == [0.1, 0.9]


def test_few_flagged_are_not_counted_in_public(survey):
    run(survey, lambda frame: straight(frame, rows=3))
    row = table(survey, "careless").filter(pl.col("index") == "irv")
    assert row["n"][0] == 180 and row["flagged"][0] is None and row["share"][0] is None


def test_what_cannot_be_computed_is_null(tmp_path):
    small = make_survey(tmp_path, schools=0, per_school=15, dimensions=2, study={"clean": OFF})
    flags, kept = run(small)
    assert kept.height == 15 and flags["mahalanobis"].null_count() == flags["even_odd"].null_count() == 15
    assert flags["seconds_per_item"].null_count() == 15
    assert faults(flags, schema("flags", small.load().instrument)) == []


@pytest.mark.parametrize("block", [1, 7, 100])
def test_blocks_of_rows_give_what_all_rows_together_give(survey, monkeypatch, block):
    def gaps(frame):
        items = [c for c in frame.columns if c.startswith("d")]
        return frame.with_columns(
            pl.when((pl.int_range(pl.len()) + k) % 11 > 0).then(pl.col(i)).alias(i) for k, i in enumerate(items)
        )

    whole, kept = run(survey, gaps)
    tables = [table(survey, name) for name in ("careless", "sensitivity")]
    monkeypatch.setattr(careless, "BLOCK", block)
    parts, same = run(survey, gaps)
    assert same.equals(kept)
    for column in whole.columns:
        a, b = whole[column], parts[column]
        assert np.allclose(a.drop_nulls(), b.drop_nulls(), rtol=1e-9, atol=1e-12) if a.dtype.is_float() else a.equals(b)
        assert a.is_null().equals(b.is_null())
    for name, before in zip(("careless", "sensitivity"), tables, strict=True):
        after = table(survey, name)
        assert after.select(pl.exclude(pl.Float64)).equals(before.select(pl.exclude(pl.Float64)))
        for column in before.select(pl.col(pl.Float64)).columns:
            assert np.allclose(before[column].to_numpy(), after[column].to_numpy(), rtol=1e-8, equal_nan=True)
