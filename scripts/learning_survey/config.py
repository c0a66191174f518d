"""Studies and instruments: strict models of the YAML in ``config/``.

An unknown key is an error that names the file, the key and the nearest valid one. ``load_study`` is the one way in.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from learning_survey.errors import SurveyError, nearest
from learning_survey.instrument import Instrument
from learning_survey.places import Places
from learning_survey.plans import (
    Cleaning,
    ConfirmatoryPlan,
    FactorPlan,
    InspectionPlan,
    InvariancePlan,
    ModelPlan,
    Resampling,
    SchoolPlan,
)
from learning_survey.strict import Identifier, Strict
from learning_survey.yaml_files import LOADER

ALL = "all"  # stands beside the dimensions for the mean over those that have a score

# ---------------------------------------------------------------- study


class Match(Strict):
    """A column named by something else than its exact header.

    ``pattern`` is a regular expression that the whole header fits; ``question`` is the question's text, compared
    without case, spaces and punctuation; ``constant`` says that ``exports.constants`` states the value file by file.
    """

    pattern: str | None = None
    question: str | None = None
    constant: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Match:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of 'pattern' and 'question'")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"the pattern '{self.pattern}' is no regular expression: {error}") from None
        if self.question is not None and not self.question.strip():
            raise ValueError("the question has no text")
        return self


# The tags stand in brackets so that they cannot be taken for keys where an error is placed.
Header = Annotated[
    Annotated[str, Tag("(text)")] | Annotated[Match, Tag("(match)")],
    Discriminator(lambda value: "(match)" if isinstance(value, dict | Match) else "(text)"),
]


Delimiter = Literal["comma", "semicolon", "tab", "pipe"]
HeaderRows = Literal["one_row", "two_rows", "three_rows"]


class Exports(Strict):
    """The raw files: glob patterns below ``folder`` and what an unanswered cell holds besides nothing.

    ``missing_values`` hold in every column, ``missing_labels`` are answers to items that count as none. A file may be
    without the items and fields in ``optional``. ``constants`` gives fields the same value on all rows of the files
    that a glob pattern matches.

    ``encoding``, ``delimiter``, ``sheet`` and ``header`` state what a file does not tell: one value for all files, or
    values by glob pattern, the first that fits. Without them each file is looked at, and refused where it is ambiguous.
    """

    folder: str
    files: list[str] = Field(min_length=1)
    missing_values: list[str] = Field(default=[])
    missing_labels: list[str] = Field(default=[])
    optional: list[str] = Field(default=[])
    constants: dict[str, dict[str, str]] = Field(default={})
    encoding: str | dict[str, str] | None = Field(default=None, description="utf-8, utf-16, cp1252, mac_roman, …")
    delimiter: Delimiter | dict[str, Delimiter] | None = None
    sheet: str | dict[str, str] | None = Field(default=None, description="the sheet of a workbook with several")
    header: HeaderRows | dict[str, HeaderRows] | None = None


class Columns(Strict):
    """Column headers of the exports. An item's header is its id, or its wording, unless ``items`` says otherwise."""

    respondent: Header | None = None
    school: Header | None = None
    age: Header | None = None
    gender: Header | None = None
    group: Header | None = None
    status: Header | None = None
    consent: Header | None = Field(default=None, description="what the respondent agreed to; see clean.consent")
    seconds: Header | None = Field(default=None, description="seconds taken to answer the items")
    year_group: Header | None = Field(default=None, description="school year; see years in key_stages.levels")
    birth_date: Header | None = Field(default=None, description="date of birth; see clean.birth_date_format")
    items: dict[str, Header] = Field(default={})
    ignore: list[Header] = Field(default=[])
    identifiers: list[Header] = Field(
        default=[], description="columns that could identify someone: dropped at the first read and never written"
    )


# What an export says of a respondent besides the answers, in the order of columns in ``ingested.arrow``.
FIELDS = tuple(name for name in Columns.model_fields if name not in ("items", "ignore", "identifiers"))


class Key(Strict):
    """Where the key of the pseudonyms is: in a file outside the project's folder, or in an environment variable.

    ``public`` takes a key that everyone has, for data that everyone has: exports in ``tests/data``, and a reason.
    """

    file: str | None = Field(default=None, description="a path; a relative one starts from the project's folder")
    env: str = Field(default="LEARNING_SURVEY_KEY", description="the variable that holds the key, without key.file")
    public: bool = False
    public_data: str = Field(default="", description="why nobody can be harmed: where the data are public already")

    @model_validator(mode="after")
    def _reasoned(self) -> Key:
        if self.public and not self.public_data.strip():
            raise ValueError("public: say under public_data why the data need no key of their own")
        if self.public and self.file:
            raise ValueError("public: a study has a key file or the public key, not both")
        return self


class Register(Strict):
    """The school register: one row per school."""

    file: str
    id: str = "school_id"
    phase: str | None = "phase"
    country: str | None = "country"
    rating: str | None = "ofsted_rating"
    rating_date: str | None = Field(
        default=None, description="date of the rating, as 2019-11-05 or 05/11/2019; see inspection.frameworks"
    )


class Level(Strict):
    """One level of an ordered group: recognised by age (first and last year) or by its labels in the exports."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    label: str
    ages: tuple[int, int] | None = None
    values: list[str] = Field(default=[])
    years: list[str] = Field(default=[], description="labels of columns.year_group that mean this level")
    stage: str | None = None


class OrderedGroup(Strict):
    """Key stages, or whatever ordered group a study has: levels from first to last."""

    label: str
    source: Literal["age", "column"]
    levels: list[Level] = Field(min_length=2)

    @model_validator(mode="after")
    def _recognisable(self) -> OrderedGroup:
        for level in self.levels:
            if self.source == "age" and level.ages is None:
                raise ValueError(f"level '{level.id}' needs 'ages: [first, last]'")
            if self.source == "column" and not level.values:
                raise ValueError(f"level '{level.id}' needs 'values', the labels that mean it")
        return self


class Category(Strict):
    """A category of an unordered group, and the values in the exports that mean it (case and spaces are ignored)."""

    id: Identifier
    label: str
    values: list[str] = Field(min_length=1)


class Gender(Strict):
    """Gender categories in the order in which they are shown and, where one is published, ranked."""

    label: str = "Gender"
    categories: list[Category] = Field(min_length=2)
    small: Literal["withhold", "merge"] = Field(
        default="withhold", description="what becomes of categories of fewer than min_group students, in all stages"
    )
    merge_into: Identifier | None = Field(default=None, description="the category that small ones are counted with")

    @model_validator(mode="after")
    def _mergeable(self) -> Gender:
        if (self.small == "merge") != (self.merge_into is not None):
            raise ValueError("'small: merge' and 'merge_into' go together")
        known = [category.id for category in self.categories]
        if self.merge_into is not None and self.merge_into not in known:
            raise ValueError(f"merge_into: unknown category '{self.merge_into}'. {nearest(self.merge_into, known)}")
        return self


class Study(Strict):
    """One study: its exports, column map, groups, exclusions and analyses."""

    id: Identifier
    title: str
    subtitle: str = ""
    synthetic: bool = False
    seed: int
    instrument: Identifier
    published: Identifier | None = None
    multiverse: Identifier | None = Field(default=None, description="a file of config/multiverse: headline claims")
    verdicts: Identifier | None = Field(default=None, description="a file of config/verdicts; needs 'published'")
    calibration: Identifier | None = None
    report: Identifier
    source: str = ""
    survey_date: date | None = None
    longitudinal: bool = Field(default=False, description="the groups of key_stages are the same students, asked again")
    draft: bool = Field(default=False, description="drafted from exports; a person must confirm it before it runs")
    confirm: list[str] = Field(default=[], description="what a person must confirm in a draft")
    exports: Exports
    columns: Columns
    register_: Register | None = Field(default=None, alias="register")
    key_stages: OrderedGroup | None = None
    gender: Gender | None = None
    clean: Cleaning = Cleaning()
    factors: FactorPlan = FactorPlan()
    confirmatory: ConfirmatoryPlan = ConfirmatoryPlan()
    invariance: InvariancePlan = InvariancePlan()
    models: ModelPlan = ModelPlan()
    schools: SchoolPlan | None = None
    inspection: InspectionPlan | None = None
    resampling: Resampling = Resampling()
    key: Key = Key()
    min_group: int = Field(
        default=10, ge=1, description="smallest number of students that a published cell may rest on"
    )

    @model_validator(mode="before")
    @classmethod
    def _with_constants(cls, content: Any) -> Any:
        """A field that ``exports.constants`` states needs no column: ``{constant: true}`` stands in its place."""
        exports, columns = (content.get(k) for k in ("exports", "columns")) if isinstance(content, dict) else (0, 0)
        constants = exports.get("constants") if isinstance(exports, dict) else None
        if not isinstance(constants, dict) or not isinstance(columns, dict):
            return content
        stated = {f for fields in constants.values() if isinstance(fields, dict) for f in fields if f in FIELDS}
        new = {f: {"constant": True} for f in FIELDS if f in stated and columns.get(f) is None}
        return {**content, "columns": {**columns, **new}}

    @model_validator(mode="after")
    def _complete(self) -> Study:
        needs = [
            (
                self.key_stages and self.key_stages.source == "age",
                self.columns.age or self.columns.birth_date or self.columns.year_group,
                "key_stages from age need columns.age, columns.birth_date or columns.year_group",
            ),
            (
                self.key_stages and self.key_stages.source == "column",
                self.columns.group,
                "key_stages from a column need columns.group",
            ),
            (self.gender, self.columns.gender, "gender needs columns.gender"),
            (self.schools, self.columns.school, "schools need columns.school"),
            (
                self.inspection,
                self.register_ and self.register_.rating,
                "inspection needs a register with a rating column",
            ),
            (self.synthetic, self.calibration, "a synthetic study needs 'calibration'"),
            (self.clean.test_status, self.columns.status, "clean.test_status needs columns.status"),
            (self.clean.consent, self.columns.consent, "clean.consent needs columns.consent"),
            (self.columns.consent, self.clean.consent, "columns.consent needs clean.consent, the values that consent"),
            (self.verdicts, self.published, "verdicts need 'published', the claims that they are about"),
            (self.columns.birth_date, self.survey_date, "columns.birth_date needs survey_date"),
            *(
                (covariate in self.models.covariates, given, f"models.covariates: {covariate} needs {place}")
                for covariate, given, place in (
                    ("age", self.columns.age or self.columns.birth_date, "columns.age or columns.birth_date"),
                    ("phase", self.register_ and self.register_.phase, "a register with a phase column"),
                    ("country", self.register_ and self.register_.country, "a register with a country column"),
                )
            ),
            (self.clean.unknown_school == "drop", self.register_, "clean.unknown_school: drop needs a register"),
            (
                self.columns.year_group,
                self.key_stages and any(level.years for level in self.key_stages.levels),
                "columns.year_group needs years in the levels of key_stages",
            ),
            *(
                (field in self.clean.require, given, f"clean.require: {field} needs {place}")
                for field, given, place in (
                    ("school", self.columns.school, "columns.school"),
                    ("age", self.columns.age or self.columns.birth_date, "columns.age"),
                    ("group", self.key_stages, "key_stages"),
                    ("gender", self.gender, "gender"),
                )
            ),
        ]
        for wanted, given, message in needs:
            if wanted and not given:
                raise ValueError(message)
        return self

    @property
    def stages(self) -> list[str]:
        """The analyses that apply to this study, in the order of the report."""
        optional = {
            "confirmatory": self.confirmatory.models,
            "invariance": ("group" in self.invariance.groupings and self.key_stages)
            or ("gender" in self.invariance.groupings and self.gender),
            "key_stages": self.key_stages,
            "gender": self.gender,
            "schools": self.schools,
            "inspection": self.inspection,
            "models": self.key_stages or self.gender,
            "multiverse": self.multiverse,
            "published": self.published,
            "verdicts": self.verdicts,
        }
        always = ["describe", "reliability", "missing", "polychoric", "factors"]
        return always + [name for name, plan in optional.items() if plan]

    @property
    def cohort(self) -> str:
        return "synthetic" if self.synthetic else "real"

    @property
    def mark(self) -> str:
        """What file names carry: ``_synthetic`` or nothing."""
        return "_synthetic" if self.synthetic else ""


class Project(Strict):
    """``config/config.yaml``: which studies ``make`` builds."""

    studies: list[Identifier] = Field(min_length=1)


# ---------------------------------------------------------------- loading


class Loaded:
    """A study with its instrument and the folder that all its paths start from."""

    def __init__(self, study: Study, instrument: Instrument, root: Path) -> None:
        self.study, self.instrument, self.root = study, instrument, root

    def __getattr__(self, name: str) -> Any:
        if name == "study":  # not set yet: a copy is being made in another process
            raise AttributeError(name)
        return getattr(self.study, name)

    @property
    def people(self) -> str:
        """What the report calls those who answered."""
        return "students" if self.study.columns.school else "respondents"

    @cached_property
    def export_folder(self) -> Path:
        return self.root / self.study.exports.folder


def load_study(name: str | Path, root: Path = Path()) -> Loaded:
    """Read ``config/studies/<name>.yaml`` and its instrument below ``root``.

    Raises SurveyError for a missing file, broken YAML, an unknown key or an impossible value.
    """
    path = root / "config" / "studies" / f"{name}.yaml"
    study = read_model(path, Study)
    if study.id != path.stem:
        raise SurveyError(f"id is '{study.id}'", where=path, remedy=f"Make it the file's name, '{path.stem}'.")
    instrument = read_model(root / "config" / "instruments" / f"{study.instrument}.yaml", Instrument)
    _fits(study, instrument, path)
    return Loaded(study, instrument, root)


def load_project(root: Path = Path()) -> Project:
    """Read ``config/config.yaml``."""
    return read_model(root / "config" / "config.yaml", Project)


def _fits(study: Study, instrument: Instrument, path: Path) -> None:
    """Raise where the study names what its instrument does not have."""
    fields = [field for field in FIELDS if field != "respondent"]
    named = [
        *(("columns.items: unknown item", item, instrument.item_ids) for item in study.columns.items),
        *(
            ("exports.optional: unknown item or field", name, [*instrument.item_ids, *FIELDS])
            for name in study.exports.optional
        ),
        *(("exports.constants: unknown field", f, fields) for c in study.exports.constants.values() for f in c),
    ]
    for problem, name, known in named:
        if name not in known:
            raise SurveyError(f"{problem} '{name}'", where=path, remedy=nearest(name, known))
    stated = {field for fields in study.exports.constants.values() for field in fields}
    headers = {f"columns.{field}": getattr(study.columns, field) for field in FIELDS if field not in stated}
    headers |= {f"columns.items.{item}": header for item, header in study.columns.items.items()}
    for place, header in headers.items():
        if isinstance(header, Match) and header.constant:
            raise SurveyError(f"{place}: no file states it", where=path, remedy="State it under exports.constants.")
    if study.confirmatory.second_order:
        below = [d for dimensions in study.confirmatory.second_order.values() for d in dimensions]
        place = "confirmatory.second_order"
        for dimension in below:
            if dimension not in instrument.dimension_ids:
                raise SurveyError(
                    f"{place}: unknown dimension '{dimension}'",
                    where=path,
                    remedy=nearest(dimension, instrument.dimension_ids),
                )
        if sorted(below) != sorted(instrument.dimension_ids):
            wrong = [d for d in instrument.dimension_ids if below.count(d) != 1]
            raise SurveyError(
                f"{place}: not under exactly one higher factor: {', '.join(wrong)}",
                where=path,
                remedy="Name each dimension once.",
            )
    if study.factors.dimension_factors and study.factors.dimension_factors >= len(instrument.dimensions):
        raise SurveyError(
            f"factors.dimension_factors is {study.factors.dimension_factors}"
            f" for {len(instrument.dimensions)} dimensions",
            where=path,
            remedy="Use fewer factors than dimensions, or leave the key out: then the scores are not factored.",
        )


def read_model(path: Path, model: type[Strict]) -> Any:
    """The YAML file at ``path`` as ``model``; raises SurveyError for a missing file, broken YAML or an unknown key."""
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.yaml"))
        raise SurveyError("no such file", where=path, remedy=nearest(path.stem, known))
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SurveyError(
            f"not valid YAML: {error}", where=path, remedy="Correct the file at the place named."
        ) from None
    if not isinstance(content, dict):
        raise SurveyError("holds no keys", where=path, remedy="Compare it with another file in the same folder.")
    if model is Study:
        _confirmed(content, path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        place = Places(path).of(*error.errors()[0]["loc"]).partition(": ")[0]
        raise SurveyError(*_first(error, model), where=place, remedy=_remedy(error, model)) from None


def _confirmed(content: dict[str, Any], path: Path) -> None:
    """Raise for a draft: a person has not said yet that it is right."""
    questions = content.get("confirm") or []
    if content.get("draft") or questions:
        listed = [str(q) for q in questions] if isinstance(questions, list) else [str(questions)]
        raise SurveyError(
            "\n  - ".join(["is a draft; to be confirmed by a person:", *(listed or ["everything in it"])]),
            where=path,
            remedy="Check each in the file and its instrument, correct what is wrong, then remove"
            " 'draft' and 'confirm'.",
        )


def _first(error: ValidationError, model: type[Strict]) -> tuple[str]:
    lines = []
    for e in error.errors():
        place = ".".join(str(p) for p in e["loc"] if not str(p).startswith("("))
        lines.append("unknown key" if e["type"] == "extra_forbidden" else e["msg"].removeprefix("Value error, "))
        lines[-1] = f"{place}: {lines[-1]}" if place else lines[-1]
    return ("; ".join(lines),)


def _remedy(error: ValidationError, model: type[Strict]) -> str:
    for e in error.errors():
        if e["type"] == "extra_forbidden":
            return nearest(e["loc"][-1], _keys_at(model, e["loc"][:-1]))
        if e["type"] == "union_tag_invalid":
            return nearest(e["ctx"]["tag"], [t.strip("' ") for t in e["ctx"]["expected_tags"].split(",")])
    return "Correct the value; workflow/schemas/ describes every key."


def _keys_at(model: Any, place: tuple[int | str, ...]) -> list[str]:
    """The valid keys at a place in a model, found by walking its JSON schema."""
    schema = model.model_json_schema()

    def resolve(node: dict[str, Any]) -> dict[str, Any]:
        while {"$ref", "anyOf", "allOf"} & set(node) or ("oneOf" in node and "discriminator" not in node):
            if "$ref" in node:
                node = schema["$defs"][node["$ref"].split("/")[-1]]
            else:
                options = node.get("anyOf") or node.get("allOf") or node["oneOf"]
                node = next((o for o in options if "$ref" in o or o.get("type") not in ("null", "string")), {})
        return node

    node: dict[str, Any] = schema
    for part in place:
        if str(part).startswith("("):
            continue  # which of two kinds a value is, not a key
        node = resolve(node)
        if "discriminator" in node:
            # A list of several models: the place names the one that was chosen, not a key.
            node = {"$ref": node["discriminator"]["mapping"].get(str(part), "")}
            continue
        inner = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        node = node.get("items", {}) if isinstance(part, int) else inner if isinstance(inner, dict) else {}
    return list(resolve(node).get("properties", {}))
