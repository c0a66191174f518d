"""Drafts of studies from exports: what is proposed, what is asked, and that a confirmed draft gives the right codes."""

import random
from collections import Counter

import polars as pl
import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from surveys import make_survey, read_ingested

from learning_survey.config import Study, load_study
from learning_survey.draft import draft, stem_of
from learning_survey.draft_columns import Column, identifying
from learning_survey.draft_fields import find_fields
from learning_survey.draft_files import write
from learning_survey.errors import SurveyError
from learning_survey.ingest import ingest
from learning_survey.instrument import Instrument
from learning_survey.lexicon import ordered, scale_of, strays

AGREE = ["Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"]
OFTEN = ["Never", "Rarely", "Sometimes", "Often", "Always"]
SECRETS = ["Ada Example", "ada@example.org", "Ben Sample", "ben@example.org", "10.1.2.3", "07700 900123"]


def confirmed(survey, name="new"):
    """The draft as a person leaves it who agrees with all of it."""
    path = survey.root / "config" / "studies" / f"{name}.yaml"
    content = yaml.safe_load(path.read_text())
    assert content.pop("draft") is True and content.pop("confirm")
    path.write_text(yaml.safe_dump(content, allow_unicode=True))
    return load_study(name, survey.root)


def drafted(survey, name="new"):
    return write(name, [p.relative_to(survey.root) for p in survey.exports], survey.root)


def table(rows=120, seed=3):
    """A made-up export: two matrices, reversed items, identifiers, key columns and noise."""
    rng = random.Random(seed)
    people = [rng.random() for _ in range(rows)]

    def answer(trait, labels, turned=False):
        k = min(4, max(0, round(4 * (1 - trait if turned else trait) + rng.gauss(0, 0.5))))
        return labels[k]

    frame = {
        "ResponseId": [f"R_{n:05d}" for n in range(rows)],
        "Your name": [rng.choice(SECRETS[::2][:2]) + f" {n}" for n in range(rows)],
        "Email": [f"{n}{rng.choice(SECRETS[1:4:2])}" for n in range(rows)],
        "IPAddress": [SECRETS[4]] * rows,
        "Status": [rng.choice(["Complete"] * 9 + ["Survey Preview"]) for _ in range(rows)],
        "Which school do you go to?": [f"School {n % 4}" for n in range(rows)],
        "How old are you?": [str(7 + n % 12) for n in range(rows)],
        "Year group": [f"Year {3 + n % 9}" for n in range(rows)],
        "Are you a boy or a girl?": [["Boy", "girl", "Girl ", "Prefer not to say"][n % 4] for n in range(rows)],
    }
    frame |= {f"Q1[I like it {k}]": [answer(p, AGREE, k == 3) for p in people] for k in (1, 2, 3, 4)}
    frame |= {f"Q2[I do it {k}]": [answer(p, OFTEN, k == 1) for p in people] for k in (1, 2, 3)}
    frame |= {"Siblings": [str(n % 3) for n in range(rows)], "Colour": [["red", "blue"][n % 2] for n in range(rows)]}
    frame["Q1[I like it 1]"][:3] = ["Don't know", "dont know", "-"]
    frame["Q1[I like it 2]"][:2] = ["STRONGLY AGREE", "Neutral"]
    return pl.DataFrame(frame)


@pytest.fixture
def made_up(tmp_path):
    table().write_csv(tmp_path / "a.csv")
    return tmp_path


# ---------------------------------------------------------------- a clean survey


@pytest.mark.parametrize(
    "parameters", [{"missing": 0.1}, {"points": 4, "schools": 0, "per_school": 200}, {"points": 7}]
)
def test_a_confirmed_draft_of_a_clean_survey_gives_the_right_codes(tmp_path, parameters):
    survey = make_survey(tmp_path, dimensions=3, **parameters)
    study_file, instrument_file = drafted(survey)
    with pytest.raises(SurveyError, match="is a draft"):
        load_study("new", survey.root)
    study, truth = confirmed(survey), survey.load()
    assert study.instrument.item_ids == truth.instrument.item_ids
    assert study.instrument.reversed_ids == truth.instrument.reversed_ids
    assert [study.instrument.items_of(d) for d in study.instrument.dimension_ids] == [
        truth.instrument.items_of(d) for d in truth.instrument.dimension_ids
    ]
    from learning_survey.clean import clean
    from learning_survey.score import score

    ingest(study, survey.root / "out" / "ingested.arrow", survey.root / "tables")
    clean(study, survey.root / "out" / "ingested.arrow", survey.root / "out", survey.root / "tables")
    out = survey.root / "out"
    score(study, out / "clean.parquet", out / "flags.parquet", out)
    items = truth.instrument.item_ids
    ingested = read_ingested(survey.root / "out" / "ingested.arrow")
    assert ingested.select(items).equals(survey.truth.select(items))
    cleaned = pl.read_parquet(survey.root / "out" / "clean.parquet")
    assert cleaned.height == survey.truth.height
    assert cleaned["gender"].to_list() == survey.truth["gender"].to_list()
    assert cleaned["group"].to_list() == survey.truth["group"].to_list()
    scores = pl.read_parquet(survey.root / "out" / "scores.parquet")
    turned = survey.truth["d1_4"].to_list()
    points = len(truth.instrument.response.codes)
    assert scores["d1_4"].to_list() == [None if x is None else points + 1 - x for x in turned]
    assert study_file.exists() and instrument_file.exists()


def test_numeric_codes_are_items_and_ages_are_not(tmp_path):
    survey = make_survey(tmp_path, dimensions=2, schools=3, per_school=60)
    for path in survey.exports:
        frame = pl.read_csv(path, infer_schema=False)
        frame = frame.with_columns(pl.col("^d._.$").str.replace("Answer ", ""))
        frame.with_columns(d1_1=pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("-1")).otherwise("d1_1")).write_csv(
            path
        )
    drafted(survey)
    study = confirmed(survey)
    assert study.instrument.item_ids == survey.load().instrument.item_ids
    assert study.instrument.response.codes == [1, 2, 3, 4, 5] and study.exports.missing_labels == ["-1"]
    ingest(study, survey.root / "out.arrow", survey.root / "tables")
    frame = read_ingested(survey.root / "out.arrow")
    assert frame["d1_1"].null_count() == 4 and frame["d2_4"].equals(survey.truth["d2_4"])


# ---------------------------------------------------------------- a made-up export


def test_fields_items_scales_and_directions_are_proposed_with_evidence(made_up):
    study_file, instrument_file = write("new", [made_up / "a.csv"], made_up)
    text = study_file.read_text()
    content, instrument = yaml.safe_load(text), yaml.safe_load(instrument_file.read_text())
    columns = content["columns"]
    assert columns["respondent"] == "ResponseId" and columns["school"] == "Which school do you go to?"
    assert columns["age"] == "How old are you?" and columns["gender"] == "Are you a boy or a girl?"
    assert columns["group"] == "Year group" and columns["status"] == "Status"
    assert set(columns["identifiers"]) == {"Your name", "Email", "IPAddress"}
    assert set(columns["ignore"]) == {"Siblings", "Colour"}
    assert content["clean"]["test_status"] == ["Survey Preview"]
    assert content["exports"]["missing_labels"] == ["Don't know"] and content["exports"]["missing_values"] == ["-"]
    assert [level["id"] for level in content["key_stages"]["levels"]] == ["KS2", "KS3", "KS4"]
    assert content["gender"]["categories"][1] == {"id": "girls", "label": "Girls", "values": ["Girl"]}
    assert "respondent: ResponseId  # named as an id; 120 different texts in 120 of 120 rows" in text
    Instrument.model_validate(instrument)
    Study.model_validate(content)
    assert {d["id"] for d in instrument["dimensions"]} == {"q1", "q2"}
    assert [i["wording"] for i in instrument["items"]][:2] == ["I like it 1", "I like it 2"]
    assert [i["id"] for i in instrument["items"] if i.get("reversed")] == ["Q1_I_like_it_3", "Q2_I_do_it_1"]
    assert instrument["response"]["labels"][3] == ["Neither agree nor disagree", "Neutral"]
    assert instrument["responses"]["frequency"]["labels"] == {k: [label] for k, label in enumerate(OFTEN, start=1)}
    assert "r = -0." in instrument_file.read_text() and "order of the common scale agreement_5" in text


def test_a_confirmed_draft_of_it_reads_its_own_export(made_up):
    write("new", [made_up / "a.csv"], made_up)
    path = made_up / "config" / "studies" / "new.yaml"
    content = yaml.safe_load(path.read_text())
    del content["draft"], content["confirm"]
    path.write_text(yaml.safe_dump(content))
    ingest(load_study("new", made_up), made_up / "out.arrow", made_up / "tables")
    frame, raw = read_ingested(made_up / "out.arrow"), table()
    assert frame["Q1_I_like_it_1"].to_list()[:3] == [None] * 3 and frame["Q1_I_like_it_2"].to_list()[:2] == [5, 3]
    assert [AGREE[c - 1] for c in frame["Q1_I_like_it_4"]] == raw["Q1[I like it 4]"].to_list()
    assert [OFTEN[c - 1] for c in frame["Q2_I_do_it_3"]] == raw["Q2[I do it 3]"].to_list()


def test_nothing_that_identifies_someone_stands_in_a_draft(made_up):
    for path in write("new", [made_up / "a.csv"], made_up):
        assert not [
            secret for secret in [*SECRETS, "Ada", "example.org", "R_0", "School 1"] if secret in path.read_text()
        ]


def test_questions_name_what_a_person_must_decide(made_up):
    study_file, _ = write("new", [made_up / "a.csv"], made_up)
    asked = "\n".join(yaml.safe_load(study_file.read_text())["confirm"])
    for part in ("reversed items Q1_I_like_it_3, Q2_I_do_it_1", "from 1 (Strongly disagree) to 5 (Strongly agree)"):
        assert part in asked
    for part in ("columns.identifiers", "columns.ignore", "'Don't know' count as no answer", "the school?", "bands"):
        assert part in asked
    with pytest.raises(SurveyError) as error:
        load_study("new", made_up)
    assert "reversed items Q1_I_like_it_3" in error.value.problem and error.value.where.endswith("new.yaml")


def test_files_may_differ_and_what_is_missing_from_one_is_said(made_up):
    table(seed=4).drop("Status", "Q2[I do it 2]").write_csv(made_up / "b.csv")
    study_file, _ = write("new", [made_up / "a.csv", made_up / "b.csv"], made_up)
    content = yaml.safe_load(study_file.read_text())
    assert content["exports"]["optional"] == ["status", "Q2_I_do_it_2"]
    assert content["exports"]["files"] == ["a.csv", "b.csv"] and any(
        "missing from some" in q for q in content["confirm"]
    )


def test_headers_that_differ_in_capitals_between_files_are_one_column(made_up):
    table(seed=4).rename(str.upper).write_csv(made_up / "b.csv")
    study_file, _ = write("new", [made_up / "a.csv", made_up / "b.csv"], made_up)
    content = yaml.safe_load(study_file.read_text())
    assert "optional" not in content["exports"] and len(content["columns"]["items"]) == 7
    assert content["columns"]["age"] == {"pattern": r"(?i)How\ old\ are\ you\?"}
    del content["draft"], content["confirm"]
    study_file.write_text(yaml.safe_dump(content))
    ingest(load_study("new", made_up), made_up / "out.arrow", made_up / "tables")
    frame = read_ingested(made_up / "out.arrow")
    assert frame["Q2_I_do_it_3"].null_count() == 0 and frame["age"].null_count() == 0 and frame.height == 240


def test_what_is_there_is_never_written_over(made_up):
    write("new", [made_up / "a.csv"], made_up)
    for kind in ("studies", "instruments"):
        (made_up / "config" / kind / "new.yaml").write_text("mine")
        with pytest.raises(SurveyError, match="is there already"):
            write("new", [made_up / "a.csv"], made_up)
        assert (made_up / "config" / kind / "new.yaml").read_text() == "mine"
        (made_up / "config" / kind / "new.yaml").unlink()
        other = made_up / "config" / ("instruments" if kind == "studies" else "studies") / "new.yaml"
        assert other.exists()
        if kind == "studies":
            (made_up / "config" / kind / "new.yaml").write_text("again")


@pytest.mark.parametrize(
    ("name", "files", "problem"),
    [
        ("New study", ["a.csv"], "cannot be the name of a study"),
        ("new", ["a.csv", "a.csv"], "is named twice"),
        ("new", [], "no exports are named"),
        ("new", ["gone.csv"], "cannot read"),
        ("new", ["twice.csv"], "the header 'a' is given twice"),
        ("new", ["plain.csv"], "no two columns share a set of 2 to 11 answers"),
        ("new", ["bare.csv"], "no two columns share a set of 2 to 11 answers"),
        ("new", ["answers.csv"], "has no headers: [0-9]+ cells of its first row come again"),
        ("new", ["address.csv"], "the header of column 3 is an identifier"),
        ("new", ["caret.csv"], "has only one column, 'a\\^b'"),
    ],
)
def test_what_cannot_be_drafted_is_refused_and_nothing_is_written(made_up, name, files, problem):
    (made_up / "twice.csv").write_text("a,a\n1,2\n")
    (made_up / "plain.csv").write_text("a,b\n1,x\n2,y\n")
    (made_up / "bare.csv").write_text("a,\n1,x\n2,y\n")
    table(3).write_csv(made_up / "address.csv", include_header=False)
    wanted = ["Which school do you go to?", "How old are you?", *(c for c in table().columns if c.startswith("Q"))]
    table().select(wanted).write_csv(made_up / "answers.csv", include_header=False)
    (made_up / "caret.csv").write_text("a^b\n1^x\n2^y\n")
    with pytest.raises(SurveyError, match=problem) as error:
        write(name, [made_up / f for f in files], made_up)
    assert error.value.remedy and not (made_up / "config").exists()
    assert not any(secret in error.value.message for secret in [*SECRETS, "School 0"])


def test_items_of_one_group_ask_for_dimensions(tmp_path):
    frame = table().select(pl.col(r"^Q1\[.*$"), "ResponseId")
    frame.rename({c: c.split("[")[1][:-1] for c in frame.columns if "[" in c}).write_csv(tmp_path / "a.csv")
    proposal = draft("new", [tmp_path / "a.csv"])
    assert list(proposal.dimensions.values()) == ["I like it"]
    study_file, _ = write("new", [tmp_path / "a.csv"], tmp_path)
    assert "All are in one dimension" in study_file.read_text()
    lines = study_file.read_text().splitlines()
    confirmed = [line for line in lines[: lines.index("confirm:")] if line != "draft: true"]
    rest = lines[lines.index("confirm:") + 1 :]
    confirmed += rest[next(k for k, line in enumerate(rest) if not line.startswith((" ", "-"))) :]
    study_file.write_text("\n".join(confirmed) + "\n")
    assert load_study("new", tmp_path).instrument.dimension_ids == list(proposal.dimensions)


def test_columns_on_another_number_of_points_are_not_mixed_in(made_up):
    frame = table().with_columns(x1=pl.lit("Yes"), x2=pl.Series(["No", "yes"] * 60))
    frame.write_csv(made_up / "b.csv")
    proposal = draft("new", [made_up / "b.csv"])
    reasons = {c.header: why for c, why in proposal.ignored}
    assert reasons["x1"] == reasons["x2"] == "has answers like an item, but on 2 points, not on 5"


def test_real_answers_give_the_published_directions_and_scales(tmp_path):
    proposal = draft("new", [ROOT / "tests" / "data" / "bfi.csv"])
    published = load_study("bfi", ROOT).instrument
    assert [i.id for i in proposal.items] == published.item_ids
    assert [i.id for i in proposal.items if i.reversed] == published.reversed_ids
    assert [i.dimension for i in proposal.items] == [i.dimension[0] for i in published.items]
    assert proposal.codes == published.response.codes and {c.header for c, _ in proposal.ignored} == {"education"}
    text = write("new", [ROOT / "tests" / "data" / "bfi.csv"], tmp_path)[0].read_text()
    assert "key_stages" not in text  # most of them are grown up


# ---------------------------------------------------------------- label sets


@pytest.mark.parametrize(
    ("labels", "scale"),
    [
        (AGREE, "agreement_5"),
        (["agree", "Strongly agree", "DISAGREE", "strongly  disagree"], "agreement_4"),
        (["Never", "always", "Sometimes", "Often"], "frequency_4"),
        (["very likely", "Unlikely"], "likelihood_4"),
        (OFTEN, "frequency_5"),
        (["Moderately inaccurate", "Slightly accurate", "Very accurate"], "accuracy_6"),
        (["red", "agree"], None),
        ([], None),
    ],
)
def test_common_scales_are_recognised(labels, scale):
    from learning_survey.labels import normalised

    assert scale_of(map(normalised, labels)) == scale


def test_labels_are_ordered_by_scale_then_by_their_numbers_and_else_not_known():
    scale = ordered({"Agree": 5, "agree ": 2, "Strongly disagree": 1, "Neutral": 4, "Not sure": 6})
    assert scale.points[0] == ("Strongly disagree",) and scale.points[2] == ("Not sure", "Neutral")
    assert scale.points[3] == ("Agree",) and "not among the answers: Disagree, Strongly agree" in scale.evidence
    between = ordered({"Agree strongly": 1, "4": 2, "2": 3, "3": 1, "Strongly disagree": 1})
    assert between.known and [p[0] for p in between.points] == ["Strongly disagree", "2", "3", "4", "Agree strongly"]
    between = ordered({"wenig": 1, "2": 2, "viel": 1})
    assert not between.known and between.points == (("viel",), ("2",), ("wenig",)) and "NOT KNOWN" in between.evidence
    given = ordered({"viel": 1, "mittel": 2}, {"wenig": 1, "mittel": 2, "etwas": 2.5, "viel": 3, "k. A.": 9})
    assert given.known and [p[0] for p in given.points] == ["mittel", "etwas", "viel"]
    assert ordered({"viel": 1, "mittel": 2}, {"viel": 1, "wenig": 2}).known is False
    assert ordered({"10 best": 1, "2": 1, "1 worst": 1}).points == (("1 worst",), ("2",), ("10 best",))
    unknown = ordered({"zebra": 9, "ant": 1})
    assert not unknown.known and unknown.points == (("ant",), ("zebra",)) and "NOT KNOWN" in unknown.evidence


def test_strays_are_told_from_points_only_where_the_others_are_a_scale():
    whole = dict.fromkeys(AGREE, 40)
    assert strays(whole | {"dunno": 2, "a@example.org": 60}) == {"dunno", "a@example.org"}
    assert strays(whole | {"dunno": 3}) == set()
    assert strays(whole | {"1": 40, "5": 40}) == {"1", "5"}
    assert strays(whole | {"0": 40, "4": 40}) == set()  # these are no codes of that scale
    assert strays({"Strongly disagree": 40, "2": 40, "3": 40, "Strongly agree": 40}) == set()
    assert strays({"rot": 100, "blau": 100, "lila": 1}) == set()


@pytest.mark.parametrize(
    ("header", "question", "stem"),
    [
        ("d1_1", "", "d1"),
        ("exp4", "", "exp"),
        ("Q12", "", "Q"),
        ("Q7[SQ003]", "", "Q7"),
        ("Q7_3", "About you - I like maths", "About you"),
        ("How true? [I like maths]", "", "How true?"),
        ("I like maths", "", ""),
        ("A1", "", "A"),
    ],
)
def test_columns_of_a_matrix_have_one_stem(header, question, stem):
    assert stem_of(Column(header, question)) == stem


def test_how_each_file_is_written_is_said_and_may_be_stated(made_up):
    (made_up / "b.csv").write_bytes((made_up / "a.csv").read_bytes().replace(b"\n", b"\r\n"))
    text = write("new", [made_up / "a.csv", made_up / "b.csv"], made_up)[0].read_text()
    assert '"a.csv"  # CSV, ' in text and '"b.csv"  # CSV, ' in text and "CRLF, 1 header row" in text
    text = write("other", [made_up / "a.csv"], made_up, {"encoding": "utf-8", "delimiter": "comma"})[0].read_text()
    assert yaml.safe_load(text)["exports"]["encoding"] == "utf-8"
    with pytest.raises(SurveyError, match="--delimiter: Input should be"):
        write("third", [made_up / "a.csv"], made_up, {"delimiter": "spaces"})


POOLS = [
    AGREE,
    ["1", "2", "3"],
    ["x: y", "#a", "'q'", '"w"', "{a}", "[b]", "- c", "null", "yes", "*", "é"],
    ["0", "9", "5", "-1"],
    ["10:00", "a@example.org", "Ben Sample"],
]
HEADERS = ["Q1[{}]", "{}", "a: {}", "#{}", "Question - {}?", "no{}", "'x'{}", "y {}"]


@given(seed=st.integers(0, 10**6), width=st.integers(1, 6), height=st.integers(1, 30))
def test_any_draft_is_valid_once_confirmed_and_reads_its_export_or_is_refused(tmp_path_factory, seed, width, height):
    rng, root = random.Random(seed), tmp_path_factory.mktemp("any")
    headers = [rng.choice(HEADERS).format(k) for k in range(width)]
    pool = [*rng.choice(POOLS), ""]
    pl.DataFrame({h: [rng.choice(pool) for _ in range(height)] for h in headers}).write_csv(root / "a.csv")
    try:
        study_file, instrument_file = write("no", [root / "a.csv"], root)
    except SurveyError as error:
        assert error.where and error.remedy and not (root / "config").exists()
        return
    content, instrument = (yaml.safe_load(path.read_text()) for path in (study_file, instrument_file))
    asked = content.pop("confirm")
    del content["draft"]
    Study.model_validate(content), Instrument.model_validate(instrument)
    if len(instrument["dimensions"]) > 1:
        study_file.write_text(yaml.safe_dump(content))
        try:
            ingest(load_study("no", root), root / "out.arrow", root / "tables")
        except SurveyError:  # no other text stops the run than those that the draft asked about
            assert any("What do these mean" in question for question in asked)


def test_a_draft_says_how_to_state_what_a_file_does_not_tell(made_up):
    (made_up / "b.csv").write_bytes("id,word\n1,It’s\n".encode("cp1252"))
    with pytest.raises(SurveyError) as error:
        write("new", [made_up / "b.csv"], made_up)
    assert error.value.remedy.endswith('For a draft: OPTIONS="--encoding …".')


def test_a_code_for_missing_is_no_gender():
    found = find_fields([Column("gender", "", values=Counter({"1": 30, "2": 25, "-9": 5}))], 60)["gender"]
    assert found.own_words and found.meanings == {"gender_1": ["1"], "gender_2": ["2"]} and found.unknown == 1


def test_consent_time_and_items_about_feedback_are_recognised():
    people = range(60)
    answers = Counter(dict.fromkeys(AGREE, 12))
    columns = {
        "QConsent": Counter({"I agree": 55, "I do not agree": 5}),
        "Duration (in seconds)": Counter(str(30 + n) for n in people),
        "Are you happy to take part?": Counter({"No": 60}),
        "Time": Counter(f"9:{n:02d}" for n in people),
    }
    found = find_fields([Column(header, "", values=texts) for header, texts in columns.items()], 60)
    assert {name: f.column.header for name, f in found.items()} == {
        "consent": "QConsent",
        "seconds": "Duration (in seconds)",
    }
    assert found["consent"].meanings == {"agreed": ["I agree"]}
    item = {"I am happy to take part in lessons": answers}
    assert not find_fields([Column(header, "", values=texts) for header, texts in item.items()], 60)
    assert identifying(Column("My teachers give useful feedback", "", values=answers)) is None
    assert (
        identifying(Column("Any feedback?", "", values=Counter(f"It was {n} out of ten" for n in people)))
        == "free text"
    )
    assert identifying(Column("Feedback", "", values=Counter({"a@b.example": 30, "c@d.example": 30}))) is not None


# ---------------------------------------------------------------- designs of other countries and other years


def wide(path, rows=400, seed=5, **columns):
    """An export of two matrices on five points, with other ``columns`` as functions of the row's number."""
    rng = random.Random(seed)
    frame = {"ResponseId": [f"R{n}" for n in range(rows)]}
    frame |= {name: [str(of(n)) for n in range(rows)] for name, of in columns.items()}
    for stem in ("Work", "Play"):
        frame |= {f"{stem} [s{k}]": [rng.choice(AGREE) for _ in range(rows)] for k in (1, 2, 3)}
    pl.DataFrame(frame).write_csv(path)
    return path


def proposed(root, *paths):
    study_file, instrument_file = write("new", list(paths), root)
    text = study_file.read_text()
    content = yaml.safe_load(text)
    Study.model_validate({k: v for k, v in content.items() if k not in ("draft", "confirm")})
    Instrument.model_validate(yaml.safe_load(instrument_file.read_text()))
    return content, text


def test_schools_with_long_names_that_come_again_are_schools_and_no_free_text(tmp_path):
    names = [f"Szkoła Podstawowa nr {k} im. Żwirki i Wigury w Łodzi" for k in range(20)]
    path = wide(tmp_path / "a.csv", School=lambda n: names[n % 20], Comment=lambda n: f"I said {n} long things to you")
    content, _ = proposed(tmp_path, path)
    assert content["columns"]["school"] == "School" and content["columns"]["identifiers"] == ["Comment"]


def test_groups_whose_words_are_not_known_are_proposed_as_they_stand_and_asked_about(tmp_path):
    years = ["S10", "S2", "S1", "P7"]
    path = wide(
        tmp_path / "a.csv",
        Gender=lambda n: ["Bachgen", "Merch"][n % 2],
        **{"Year group": lambda n: years[n % 4]},
    )
    content, text = proposed(tmp_path, path)
    assert [c["values"] for c in content["gender"]["categories"]] == [["Bachgen"], ["Merch"]]
    assert content["key_stages"]["label"] == "Year group" and content["key_stages"]["source"] == "column"
    assert [v["values"] for v in content["key_stages"]["levels"]] == [["P7"], ["S1"], ["S2"], ["S10"]]
    asked = " ".join(content["confirm"])
    assert "in that order?" in asked and "what do its words mean?" in asked
    assert "named so; each of its 4 words" in text and "longitudinal" not in content
    many = wide(tmp_path / "b.csv", Gender=lambda n: f"text {n}", **{"Year group": lambda n: f"group {n % 40}"})
    assert set(draft("new", [many]).found) == {"respondent"}
    three = wide(tmp_path / "c.csv", Gender=lambda n: ["Male", "Female", "Non-binary"][n % 3])
    (tmp_path / "config").rename(tmp_path / "old")
    labels = [c["label"] for c in proposed(tmp_path, three)[0]["gender"]["categories"]]
    assert labels == ["Boys", "Girls", "Non-binary"]


def test_waves_are_groups_and_ids_that_come_again_make_the_study_longitudinal(tmp_path):
    paths = [wide(tmp_path / f"{k}.csv", seed=k, Wave=lambda n, k=k: f"Wave {k}") for k in (1, 2)]
    content, _ = proposed(tmp_path, *paths)
    assert content["longitudinal"] is True and content["columns"]["respondent"] == "ResponseId"
    assert [v["label"] for v in content["key_stages"]["levels"]] == ["Wave 1", "Wave 2"]


def test_key_stages_without_students_and_small_schools_are_seen(tmp_path):
    path = wide(tmp_path / "a.csv", Age=lambda n: 11 + n % 5, School=lambda n: f"Hill {n // 15}")
    content, text = proposed(tmp_path, path)
    assert [v["id"] for v in content["key_stages"]["levels"]] == ["KS3", "KS4"]
    assert content["schools"]["min_students"] == 10 and "0 of 27 schools have 20 rows or more" in text
    one = wide(tmp_path / "b.csv", Age=lambda n: 11 + n % 3, School=lambda n: f"Hill {n // 40}")
    (tmp_path / "config").rename(tmp_path / "old")
    content, _ = proposed(tmp_path, one)
    assert "key_stages" not in content and content["schools"]["min_students"] == 20


def test_items_that_never_have_answers_which_others_often_have_are_asked_about(tmp_path):
    rng, seven = random.Random(1), [*AGREE[:2], "Somewhat disagree", AGREE[2], "Somewhat agree", *AGREE[3:]]
    frame = {f"Work [s{k}]": [rng.choice(AGREE) for _ in range(200)] for k in (1, 2, 3)}
    frame |= {f"Play [s{k}]": [rng.choice(seven) for _ in range(200)] for k in (1, 2, 3)}
    odd = {"Play [s4]": [None] * 200, "Play [s5]": ["Agree"] * 200}
    pl.DataFrame(frame | odd).write_csv(tmp_path / "a.csv")
    content, text = proposed(tmp_path, tmp_path / "a.csv")
    doubt = [q for q in content["confirm"] if q.startswith("Were 3 items, Work_s1 to Work_s3, asked with the labels")]
    assert len(doubt) == 1 and "Nobody answered 'Somewhat disagree' or 'Somewhat agree'" in doubt[0]
    assert "Play [s4]  # nobody answered it\n" in text
    assert "Play [s5]  # everyone gave the same answer; one text in 200 rows" in text
    frame = {name: answers[:90] for name, answers in frame.items()}  # too few to tell
    pl.DataFrame(frame).write_csv(tmp_path / "b.csv")
    (tmp_path / "config").rename(tmp_path / "old")
    assert not [q for q in proposed(tmp_path, tmp_path / "b.csv")[0]["confirm"] if q.startswith("Were")]
