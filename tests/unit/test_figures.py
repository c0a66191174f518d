"""Figures hold what their tables hold, fit the page, and say it in words."""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from aggregates import frames, make_study, make_tables
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from learning_survey import figure_plan, figures, plots, style
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.multiverse_plan import CURVE, load_multiverse
from learning_survey.shown import Shown, gender_panels, item_names

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {
    "small": {"dimensions": 3, "per": 2, "points": 2, "groups": 2, "levels": 2},
    "middle": {"dimensions": 9, "per": 4, "points": 7, "groups": 4, "levels": 5},
    "large": {"dimensions": 20, "per": 5, "points": 11, "groups": 8, "levels": 8},
}
SCHOOLS = {"small": 5, "middle": 87, "large": 1000}


def shown(study, **changes):
    """What each figure shows, with some tables replaced."""
    made = frames(study, n_schools=changes.pop("n_schools", 30)) | changes
    return Shown(study, made, figures.read_published(study))


@pytest.fixture(scope="module")
def phase_one():
    return shown(load_study("phase_one", ROOT))


def texts(fig):
    """The texts that are drawn: an axis also holds labels of ticks out of sight."""
    drawn, draw_one = {}, Text.draw

    def draw(text, renderer):
        if text.get_visible() and text.get_text().strip():
            drawn[id(text)] = text
        draw_one(text, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        fig.draw_without_rendering()
    return list(drawn.values())


@pytest.fixture(scope="module", params=["phase_one", "bfi", *SHAPES])
def drawn(request):
    """A study and its figures, drawn: name → (figure, texts)."""
    if request.param in SHAPES:
        study = make_study(ROOT, synthetic=True, calibration="none", **SHAPES[request.param])
    else:
        study = load_study(request.param, ROOT)
    with style.applied():
        content = shown(study, n_schools=SCHOOLS.get(request.param, 87))
        made = {name: figures.draw(name, content) for name in figure_plan.names(study)}
        yield study, {name: (fig, texts(fig)) for name, fig in made.items()}


def draw(name, content):
    with style.applied():
        fig = figures.draw(name, content)
        fig.draw_without_rendering()
        return fig


# ---------------------------------------------------------------- which figures


def test_a_study_has_the_figures_that_its_analyses_feed():
    assert figure_plan.names(load_study("bfi", ROOT)) == [
        "flow", "share_high", "items", "loadings", "key_stages", "key_stage_steps", "gender",
    ]  # fmt: skip
    study = load_study("phase_one", ROOT)
    assert figure_plan.names(study) == [
        *figure_plan.FIGURES,
        *(f"{CURVE}{c.id}" for c in load_multiverse(study).claims),
    ]


def test_every_figure_has_a_drawing_words_and_a_caption_for_the_workflow_report():
    caption = (ROOT / "workflow" / "report" / "figure.rst").read_text()
    assert 'startswith("curve_")' in caption
    for name in figure_plan.FIGURES:
        assert callable(getattr(plots, name)) and name in figures.WORDS
        assert f'"{name}":' in caption


# ---------------------------------------------------------------- on the page


def test_figures_are_as_wide_as_the_text_and_no_taller_than_a_page(drawn):
    for name, (fig, _) in drawn[1].items():
        width, height = fig.get_size_inches()
        assert width == pytest.approx(style.WIDTH), name
        assert 1 < height <= style.TALLEST + 1e-9, name


def test_no_text_is_cut_or_too_small(drawn):
    for name, (fig, written) in drawn[1].items():
        page = fig.bbox.padded(1)  # a pixel of antialiasing
        for text in written:
            box = text.get_window_extent()
            inside = page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
            assert inside, f"{name}: '{text.get_text()}' is cut"
            assert text.get_fontsize() >= style.SMALL, f"{name}: '{text.get_text()}'"


def test_no_texts_overlap(drawn):
    for name, (_, written) in drawn[1].items():
        boxes = [(Text.get_window_extent(t).padded(-2, -4), t) for t in written]
        for i, (one, a) in enumerate(boxes):
            for other, b in boxes[i + 1 :]:
                assert not one.overlaps(other), f"{name}: '{a.get_text()}' on '{b.get_text()}'"


def test_a_synthetic_cohort_is_marked_clear_of_the_panels_and_a_real_one_is_not(drawn):
    study, made = drawn
    for name, (fig, written) in made.items():
        marks = [t for t in written if t.get_text() == "Synthetic cohort"]
        assert len(marks) == study.synthetic, name
        for mark in marks:
            assert not any(mark.get_window_extent().overlaps(ax.bbox) for ax in fig.axes), name


# ---------------------------------------------------------------- what is drawn


def offsets(ax, index):
    return ax.collections[index].get_offsets().data


def test_shares_are_sorted_with_their_published_values_on_the_same_row(phase_one):
    ax = draw("share_high", phase_one).axes[0]
    d = phase_one.tables["describe.dimensions"].sort_values("share_high", ascending=False)
    computed, published = offsets(ax, 1), offsets(ax, 2)
    np.testing.assert_allclose(computed[:, 0], 100 * d.share_high)
    np.testing.assert_allclose(published[:, 0], [float(phase_one.published[f"high.{v}"]) for v in d.dimension])
    np.testing.assert_array_equal(computed[:, 1], published[:, 1])


@pytest.mark.parametrize("points", [2, 5, 6, 11])
def test_bars_meet_at_the_middle_of_the_scale(points):
    study = make_study(ROOT, points=points)
    content = shown(study)
    bars = draw("items", content).axes[0].containers
    assert len(bars) == points
    half = points // 2
    if points % 2:
        for bar in bars[half]:
            assert bar.get_x() == pytest.approx(-bar.get_x() - bar.get_width())
    else:
        for bar in bars[half]:
            assert bar.get_x() == pytest.approx(0, abs=1e-9)
    top = content.tables["describe.items"].sort_values("mean").item.iloc[-1]
    d = content.tables["describe.item_distribution"]
    share = d[d["item"] == top].sort_values("code").share
    np.testing.assert_allclose([bar[0].get_width() for bar in bars], 100 * share)


def test_the_step_between_stages_is_marked_once_in_every_panel(phase_one):
    fig = draw("key_stages", phase_one)
    panels = [ax for ax in fig.axes if ax.axison]
    assert len(panels) == 9
    for ax in panels:
        assert [line.get_xdata()[0] for line in ax.lines if line.is_dashed()] == [1.5]
    assert {t.get_text() for t in panels[0].texts} >= {"primary", "secondary"}


def test_the_published_range_of_gender_effects_lies_on_the_side_that_was_published(phase_one):
    panel = draw("gender", phase_one).axes[0]
    assert panel.get_title(loc="left") == "Boys minus girls"
    np.testing.assert_allclose(
        panel.patches[0].get_extents().transformed(panel.transData.inverted()).intervalx, [0.1, 0.3]
    )
    turned = dataclasses.replace(phase_one, published={**phase_one.published, "gender.order": "girls>boys>other"})
    panel = draw("gender", turned).axes[0]
    np.testing.assert_allclose(
        panel.patches[0].get_extents().transformed(panel.transData.inverted()).intervalx, [-0.3, -0.1]
    )


def test_many_groups_share_one_panel_with_the_first_one(phase_one):
    study = make_study(ROOT, **SHAPES["large"])
    pairs = shown(study).tables["gender.pairs"]
    assert gender_panels(study, pairs) == [[("g0", f"g{i}") for i in range(1, 8)]]
    assert [len(panel) for panel in gender_panels(phase_one.study, phase_one.tables["gender.pairs"])] == [1, 1, 1]


def test_items_are_named_by_id_only_where_wordings_pass_a_page(phase_one):
    names, by_id = item_names(phase_one.tables["describe.items"])
    assert not by_id and "When work is hard I give up. (R)" in names
    content = shown(make_study(ROOT, **SHAPES["large"]))
    names, by_id = item_names(content.tables["describe.items"])
    assert by_id and names[:2] == ["i0_0", "i0_1 (R)"]
    assert "named by their ids" in figures.describe("items", content)[1]


def test_schools_are_told_apart_by_where_their_interval_lies(phase_one):
    d = phase_one.tables["schools.means"].query("dimension == 'all'")
    centre = d.shrunken.mean()
    above, below = (d.shrunken_ci_low > centre).sum(), (d.shrunken_ci_high < centre).sum()
    words = {t.get_text() for t in draw("schools", phase_one).texts}
    assert {
        f"interval above the mean ({above})",
        f"below it ({below})",
        f"around it ({len(d) - above - below})",
    } <= words


def test_loadings_are_printed_in_the_cells_and_without_published_ones_stand_alone(phase_one):
    panels = draw("loadings", phase_one).axes
    assert [ax.get_title(loc="left") for ax in panels] == ["Published", "Computed", "Difference"]
    assert panels[0].texts[0].get_text() == "−0.15"
    alone = draw("loadings", shown(make_study(ROOT))).axes
    assert [ax.get_title(loc="left") for ax in alone] == ["Pattern loadings"]


@pytest.mark.parametrize("number", range(2, 12))
def test_answer_colours_darken_towards_both_ends_and_a_middle_is_grey(number):
    grey = [np.dot(to_rgb(c), (0.299, 0.587, 0.114)) for c in style.answer_colours(number)]
    assert len(grey) == number == len(set(grey))
    half = number // 2
    assert grey[:half] == sorted(grey[:half]) and grey[-half:] == sorted(grey[-half:], reverse=True)
    if number % 2:
        assert len(set(to_rgb(style.answer_colours(number)[half]))) == 1 and grey[half] == max(grey)


# ---------------------------------------------------------------- in words


def test_words_follow_the_numbers(phase_one):
    d = phase_one.tables["describe.dimensions"].copy()
    d.loc[d.dimension == "learning", ["share_high", "share_high_ci_low", "share_high_ci_high"]] = 0.91, 0.882, 0.938
    d.loc[d.dimension == "challenge", ["share_high", "share_high_ci_low", "share_high_ci_high"]] = 0.02, 0.012, 0.03
    alt, caption = figures.describe("share_high", shown(phase_one.study, **{"describe.dimensions": d}))
    assert "The highest is Learning with 91% (88 to 94), the lowest Challenge with 2% (1 to 3)." in alt
    assert "46.0 percentage points, for Challenge" in alt  # 48 published
    assert "allow for students sitting in schools" in caption and alt.endswith("Synthetic cohort.")


def test_words_on_groups_follow_the_numbers(phase_one):
    d = phase_one.tables["key_stages.means"].copy()
    d["mean"] = d.group_order.map({1: 3.5, 2: 3.4, 3: 2.9, 4: 2.8, 5: 2.7})
    d.loc[d.dimension == "learning", "mean"] = d.group_order.map({1: 3.0, 2: 3.1, 3: 3.1, 4: 3.1, 5: 3.2})
    alt, _ = figures.describe("key_stages", shown(phase_one.study, **{"key_stages.means": d}))
    assert "the mean falls on 8 of 9 dimensions" in alt and "least for Learning (3.00 to 3.20)" in alt
    assert "largest step is from Key Stage 2 to Key Stage 3, −0.44" in alt

    d = phase_one.tables["gender.pairs"].copy()
    d[["hedges_g", "hedges_g_ci_low", "hedges_g_ci_high"]] = 0.15, 0.1, 0.2
    d.loc[3, ["hedges_g", "hedges_g_ci_low", "hedges_g_ci_high"]] = -0.4, -0.5, 0.1
    alt, _ = figures.describe("gender", shown(phase_one.study, **{"gender.pairs": d}))
    assert "The largest difference is Boys minus girls on Learning, −0.40 (−0.50 to 0.10)" in alt
    assert "exclude zero: 26 of 27" in alt


def test_words_on_schools_follow_the_numbers(phase_one):
    d = phase_one.tables["schools.extremes"].copy()
    d["share_top"], d["share_bottom"] = 0.8, 0.4
    d.loc[d.dimension == "school_is_fair", ["share_top", "share_bottom"]] = 0.92, 0.07
    d["d"] = [float(phase_one.published.get(f"schools.top_bottom_effect.{v}", 1)) for v in d.dimension]
    d.loc[d.dimension == "learning", "d"] -= 0.25
    alt, caption = figures.describe("extremes", shown(phase_one.study, **{"schools.extremes": d}))
    assert "widest for School is Fair (92% against 7%)" in alt and "0.25, for Learning" in alt
    assert "from 1.00 (Expectations) to 2.02 (School is Fair)" in alt and "Diamonds" in caption

    d = phase_one.tables["inspection.means"].copy()
    d["mean"] = d.rating.map({"Outstanding": 3.0, "Good": 3.1, "Requires improvement": 2.9})
    alt, _ = figures.describe("inspection", shown(phase_one.study, **{"inspection.means": d}))
    assert (
        "Good is above Outstanding on all 9 dimensions" in alt and "2.90 (Requires improvement) to 3.10 (Good)" in alt
    )


def test_words_for_a_real_study_without_schools_name_neither():
    content = shown(load_study("bfi", ROOT))
    for name in figure_plan.names(content.study):
        words = " ".join(figures.describe(name, content))
        assert "ynthetic" not in words and "student" not in words and "ublished" not in words, name


# ---------------------------------------------------------------- what is not there


@pytest.mark.parametrize("name", [*figure_plan.FIGURES, "curve_two_fifths"])
def test_withheld_numbers_leave_a_figure_that_says_so(phase_one, name):
    withheld, none = {}, {}
    for table in figure_plan.tables_of(name):
        frame = phase_one.tables[table].copy()
        none[table] = frame.iloc[:0]
        numbers = frame.select_dtypes("number").columns.difference(["code", "group_order"])
        withheld[table] = frame.assign(**dict.fromkeys(numbers, np.nan))
    for changes in (withheld, none):
        content = shown(phase_one.study, **changes)
        assert any("Nothing to show" in t.get_text() for t in draw(name, content).texts)
        assert "Every number is withheld" in figures.describe(name, content)[0]


@pytest.mark.parametrize("name", [*figure_plan.FIGURES, "curve_two_fifths"])
def test_one_number_withheld_takes_nothing_else_with_it(phase_one, name):
    changes = {}
    for table in figure_plan.tables_of(name):
        frame = phase_one.tables[table].copy()
        numbers = frame.select_dtypes("number").columns.difference(["code", "group_order"])
        frame.loc[frame.index[0], numbers] = np.nan
        changes[table] = frame
    content = shown(phase_one.study, **changes)
    assert not any("Nothing to show" in t.get_text() for t in draw(name, content).texts)
    alt, caption = figures.describe(name, content)
    assert "nan" not in alt + caption and "withheld" not in alt


def test_a_missing_file_of_published_figures_is_named(tmp_path):
    study = make_study(tmp_path, published="nowhere")
    with pytest.raises(SurveyError, match=r"nowhere\.csv"):
        figures.read_published(study)


def test_what_is_written_is_named_in_the_index(tmp_path):
    study = make_study(tmp_path, synthetic=True, calibration="none")
    figures.make(study, make_tables(study, tmp_path / "tables"), tmp_path / "figures")
    index = json.loads((tmp_path / "figures" / "figures.json").read_text())
    assert list(index) == sorted(figure_plan.names(study))
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert written == {f"{name}_synthetic.{kind}" for name in index for kind in ("svg", "png")} | {"figures.json"}
    for about in index.values():
        assert about["alt"] and about["caption"]


def test_a_real_table_read_back_from_disk_draws_the_same(tmp_path):
    study = make_study(tmp_path)
    folder = make_tables(study, tmp_path / "tables")
    pd.testing.assert_frame_equal(
        figures.tables.read(folder, "gender.pairs")[["hedges_g"]], frames(study)["gender.pairs"][["hedges_g"]]
    )


# ---------------------------------------------------------------- surveys of other kinds


def test_a_label_with_dollar_signs_is_drawn_as_it_is(phase_one):
    one = phase_one.tables["describe.dimensions"].copy()
    one.loc[0, "label"] = "$5_a & $6^"
    content = replace(phase_one, tables=phase_one.tables | {"describe.dimensions": one})
    fig = draw("share_high", content)
    labels = [t for t in fig.findobj(Text) if t.get_text() == "$5_a & $6^"]
    assert labels and not any(label.get_parse_math() for label in labels)


def test_words_on_key_stages_go_from_the_first_that_is_shown_to_the_last(phase_one):
    means = phase_one.tables["key_stages.means"].copy()
    means.loc[means.group == "KS1", "mean"] = np.nan
    content = replace(phase_one, tables=phase_one.tables | {"key_stages.means": means})
    assert "From Key Stage 2 to Key Stage 5 the mean falls" in figures.describe("key_stages", content)[0]
    means.loc[means.group != "KS5", "mean"] = np.nan
    content = replace(phase_one, tables=phase_one.tables | {"key_stages.means": means})
    assert "Every number is withheld" in figures.describe("key_stages", content)[0]


def test_words_on_one_factor_and_on_one_school(phase_one):
    table = phase_one.tables["factors.loadings"]
    one = table[(table.solution != "dimensions") | (table.factor == table.factor[0])]
    content = replace(phase_one, tables=phase_one.tables | {"factors.loadings": one}, one_school=True)
    caption = figures.describe("loadings", content)[1]
    assert "on 1 factor (" in caption and "rotation" not in caption
    assert "from random groups of students" in figures.describe("share_high", content)[1]
    assert "allow for students sitting in schools" in figures.describe("share_high", phase_one)[1]
