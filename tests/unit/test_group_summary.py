"""What prose points at in the comparisons of groups, and which words stand in a report of one time or of several."""

import pytest
import yaml
from conftest import ROOT
from report_fixture import make_results, project

from learning_survey.config import load_study
from learning_survey.markdown import Source
from learning_survey.report import about, comparable, known, visible_lines
from learning_survey.report_tables import TABLES
from learning_survey.summary import summary_values
from learning_survey.values import Tables


def values_of(folder, change=None, **keys):
    root = project(folder)
    path = root / "config/studies/phase_one.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")) | keys), encoding="utf-8")
    study = load_study("phase_one", root)
    make_results(study, root / "results/phase_one", change)
    tables = Tables(root / "results/phase_one/tables", study)
    return study, tables, summary_values(tables, study)


def test_the_order_holds_where_nothing_contradicts_it_and_the_largest_step_is_named(tmp_path):
    def order(rows):
        for k, row in enumerate(r for r in rows if r["direction"] == "falls"):
            p_equal, p_order, holm = [(0.01, 0.5, 1.0), (0.01, 0.04, 0.2), (0.01, 0.001, 0.01), (0.2, 0.9, 1.0)][k % 4]
            row |= {"p_equal_holm": p_equal, "p_order": p_order, "p_order_holm": holm}

    def steps(rows):
        for row in rows:
            row |= {"step": -0.1, "largest": 0.1}
            if (row["dimension"], row["group_a"]) == ("all", "KS2"):
                row |= {"step": -0.4, "largest": 0.7}

    _, _, values = values_of(tmp_path, {"key_stages.order": order, "key_stages.steps": steps})
    said = {name.removeprefix("summary.key_stages."): value for name, value in values.items()}
    assert [said[f"order.{k}"]["value"] for k in ("falls", "not_falls", "tested")] == [3, 2, 9]
    assert said["mean_step.group_a_label"]["text"] == "Key Stage 2" and said["mean_step.largest"]["text"] == "70%"
    assert said["ordinal.agrees"]["value"] == said["ordinal.checked"]["value"] == 90


def test_small_groups_are_told_of(tmp_path):
    _, _, values = values_of(tmp_path / "none")
    assert values["summary.gender.small"]["text"] == "No group is too small to show."

    def small(rows):
        for row in rows:
            if row["group"] == "other":
                row |= {"n": None, "mean": None, "merged_with": "Girls"}
            elif row["group"] == "girls":
                row |= {"includes": row["group_label"]}

    study, tables, values = values_of(tmp_path / "merged", {"gender.means": small})
    said = values["summary.gender.small"]["text"]
    assert "“Other or prefer not to say” with “Girls”" in said
    assert values["summary.gender.merged"]["value"] == 1 and values["summary.gender.withheld"]["value"] == 0
    table = TABLES["gender"](Source(tables, study, []))
    assert "few, and counted with Girls." in table

    def withheld(rows):
        for row in rows:
            if row["group"] == "KS5":
                row |= {"n": None, "mean": None}

    _, _, values = values_of(tmp_path / "withheld", {"key_stages.means": withheld})
    said = values["summary.key_stages.small"]["text"]
    assert said.startswith("Withheld where there are fewer than 10 of them: “Key Stage 5”. So that totals do not tell")


@pytest.mark.parametrize("longitudinal", [False, True])
def test_only_a_study_of_the_same_students_may_speak_of_change(tmp_path, longitudinal):
    study, tables, values = values_of(tmp_path, longitudinal=longitudinal)
    meta = about(study, [], set(TABLES), in_schools=tables.in_schools) | {
        "compare": comparable(Source(tables, study, []))
    }
    meta["known"] = known(ROOT / "reports", values)
    for section, change, one_time in (
        ("key_stages", "the differences are changes", "One survey cannot show that"),
        ("survey_groups", "The groups are the same people", "asked at one time"),
    ):
        text = (ROOT / f"reports/sections/{section}.qmd").read_text(encoding="utf-8")
        shown = "\n".join(line for _, line, stands in visible_lines(text, meta, section) if stands)
        assert (change in shown) == longitudinal and (one_time in shown) != longitudinal
        assert "decline" not in shown.replace("writes of students who decline", "").replace("declines", "")
