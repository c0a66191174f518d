"""A step's command line is its main's signature."""

from pathlib import Path

import pytest

from learning_survey import cli
from learning_survey.errors import SurveyError


def test_arguments_become_parameters_of_the_annotated_kind():
    seen = {}

    def main(study: str, out_folder: Path, draws: int = 3, level: float | None = None) -> None:
        seen.update(locals())

    cli.run(main, ["--study", "s", "--out-folder", "a/b", "--level", ".9", "--draws", "7"])
    assert (seen["study"], seen["out_folder"], seen["draws"], seen["level"]) == ("s", Path("a/b"), 7, 0.9)
    cli.run(main, ["--study", "s", "--out-folder", "a"])
    assert (seen["draws"], seen["level"]) == (3, None)


def test_a_list_takes_several_values():
    seen = []

    def main(files: list[Path]) -> None:
        seen.extend(files)

    cli.run(main, ["--files", "a", "b"])
    assert seen == [Path("a"), Path("b")]


def test_a_survey_error_ends_with_its_message_and_code_two(capsys):
    def main() -> None:
        raise SurveyError("is empty", where="a.csv", remedy="Export it again.")

    with pytest.raises(SystemExit) as end:
        cli.run(main, [])
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: a.csv: is empty\n  Export it again.\n"


def test_a_defect_keeps_its_traceback():
    def main() -> None:
        raise KeyError("defect")

    with pytest.raises(KeyError):
        cli.run(main, [])


def test_a_missing_argument_and_a_wrong_number_are_refused(capsys):
    def main(draws: int) -> None:
        raise AssertionError("must not run")

    for words in ([], ["--draws", "many"], ["--draws", "1", "--other", "2"]):
        with pytest.raises(SystemExit) as end:
            cli.run(main, words)
        assert end.value.code == 2
    assert "--draws" in capsys.readouterr().err


def test_an_annotation_that_no_command_line_can_hold_is_a_defect():
    def main(table: dict) -> None:
        raise AssertionError("must not run")

    with pytest.raises(TypeError, match="cannot be"):
        cli.run(main, [])
