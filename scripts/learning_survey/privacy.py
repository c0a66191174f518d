"""Who could be recognised: direct identifiers in the exports, keyed pseudonyms, and what the ledger withholds.

A column that is not mapped stops the run, whether it is recognised as an identifier (``identifiers``) or not, unless
the study drops it by name. Pseudonyms are keyed BLAKE2b (RFC 7693): without the key they cannot be worked out from a
list of ids, as plain hashes can. See docs/privacy.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from learning_survey.config import FIELDS
from learning_survey.errors import SurveyError
from learning_survey.identifiers import harmless, identifier_kind, kind_by_content, kind_of_text
from learning_survey.labels import normalised

if TYPE_CHECKING:
    import polars as pl

    from learning_survey.config import Loaded
    from learning_survey.exports import Sheet

WITHHELD = "withheld"  # what the ledger holds in place of a text that could identify someone

# ---------------------------------------------------------------- in the exports

# What may stand in a column that is mapped: people describe their gender and their group in their own words, ids of any
# form become pseudonyms, and a date of birth is asked for by name.
_ALLOWED = {
    "gender": {"free text"},
    "group": {"free text"},
    "year_group": {"free text"},
    "birth_date": {"date of birth"},
    "school": {"free text", "name", "postal address", "phone number", "coordinates", "date of birth"},
}
_SAMPLE = 5000  # cells of a column that are looked at, spread over the file
_LONG = 8  # words; what people write of themselves in more could tell who they are
IDENTIFYING = ("respondent", "school", "birth_date")  # no text of these stands in the ledger


def unmapped(unknown: Sequence[str], sheet: Sheet) -> SurveyError:
    """The error for columns that the study does not map: their headers and, where recognised, kinds; never a value.

    ``unknown`` holds names of ``sheet.names``.
    """
    import polars as pl

    at = {name: str(k) for k, name in enumerate(sheet.names)}
    shown, found = [], False
    for header in unknown:
        cells = sheet.rows.select(pl.col(at[header]).drop_nulls().head(_SAMPLE)).collect().to_series().to_list()
        kind = kind_of_text(header) or identifier_kind(header, sheet.questions[int(at[header])], cells)
        found = found or kind is not None
        short = header if len(header) <= 60 else header[:59] + "…"
        short = short if sayable([header]) else f"column {int(at[header]) + 1}"
        shown.append(f"'{short}'" + (f" ({kind})" if kind else ""))
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    names = "columns.identifiers if it could identify someone, or under columns.ignore if it could not"
    return SurveyError(
        f"unknown column{'s' if len(unknown) > 1 else ''} {', '.join(shown[:8])}{more}",
        where=sheet.path,
        remedy="Map each under columns in the study's file, or list it under "
        + (f"{names}; neither is kept." if found else "columns.ignore."),
    )


def sayable(headers: Sequence[str]) -> list[str]:
    """``headers`` without those that are identifiers themselves: a cell in a first row that is not of headers."""
    return [header for header in headers if kind_of_text(header) is None]


def telling(frame: pl.DataFrame) -> list[str]:
    """The fields of ``frame``, exports as ``ingest`` codes them, that ``refuse_identifiers`` has to look at."""
    fields = (field for field in FIELDS if field != "respondent" and field in frame.columns)
    return [field for field in fields if not all(map(harmless, frame[field].unique().drop_nulls()))]


def refuse_identifiers(fields: pl.DataFrame, where: object) -> None:
    """Raise SurveyError, without a value, where a mapped field of one export, as text, is a direct identifier.

    ``respondent`` may be anything, since it becomes a pseudonym; so may ``school``, except e-mail and IP addresses,
    which persons have.
    """
    for field in fields.columns:
        cells = fields[field].drop_nulls()
        kind = kind_by_content(cells.gather_every(1 + len(cells) // _SAMPLE).to_list()) if len(cells) else None
        if kind and kind not in _ALLOWED.get(field, ()):
            raise SurveyError(
                f"the column that columns.{field} names holds a direct identifier ({kind})",
                where=where,
                remedy="Map another column, and list this one under columns.identifiers in the study's file.",
            )


def pseudonymised(frame: pl.DataFrame, keyed: Pseudonyms | None, study: Loaded) -> pl.DataFrame:
    """``frame``, exports as ``ingest`` codes them, with pseudonyms in place of the ids of respondents and schools.

    In the other fields a single cell that could tell who wrote it (an identifier by its form, a text of more than
    eight words that the study does not list) becomes 'withheld'.
    """
    from learning_survey.categories import recoded

    listed, own = _listed(study), [field for field in FIELDS if field in frame.columns]
    texts = [_withheld(frame[field], listed) for field in own if field not in IDENTIFYING]
    if keyed and "respondent" in own:
        texts.append(keyed.of(frame["respondent"], "respondent"))
    if keyed and "school" in own:
        texts.append(recoded(frame["school"], lambda ids: keyed.of(ids, "school")))
    return frame.with_columns(texts)


def _listed(study: Loaded) -> set[str]:
    """Texts that the study itself gives a meaning in a field, normalised: whatever their form, nobody's own words."""
    levels = study.key_stages.levels if study.key_stages else []
    texts = [text for category in (study.gender.categories if study.gender else []) for text in category.values]
    texts += [text for level in levels for text in (*level.values, *level.years)]
    return {normalised(text) for text in (*texts, *study.clean.test_status, *study.clean.consent)}


def _withheld(texts: pl.Series, listed: Container[str] = ()) -> pl.Series:
    """``texts`` without those that could tell who wrote them."""
    telling = {
        text: WITHHELD
        for text in texts.unique().drop_nulls()
        if (kind_of_text(text) or len(text.split()) > _LONG) and normalised(text) not in listed
    }
    return texts.replace(telling) if telling else texts


def refuse_in_answers(cells: pl.DataFrame, where: object) -> None:
    """Raise SurveyError, without a value, where answers that are no labels are direct identifiers.

    ``cells`` has ``line``, ``item`` and ``label``, the text that no label matches.
    """
    for (item,), of in cells.group_by("item", maintain_order=True):
        kinds = [kind_of_text(text) for text in of["label"]]
        kind = kind_by_content(of["label"].head(_SAMPLE).to_list()) or next((k for k in kinds if k), None)
        if kind:
            line = of["line"][next((k for k, found in enumerate(kinds) if found), 0)]
            raise SurveyError(
                f"the column of item '{item}' holds a direct identifier ({kind})",
                where=f"{where}, line {line}",
                remedy="Map the column that has the answers, and list this one under columns.identifiers; or empty the "
                "cell where a respondent wrote it by mistake.",
            )


def shown(label: str, known: Sequence[str]) -> str:
    """``label`` as an error may print it: withheld where it is longer than a label, since it may tell who wrote it."""
    words = len(label.split())
    return f"a text of {words} words" if words > max([_LONG, *(len(k.split()) for k in known)]) else label


# ---------------------------------------------------------------- in the ledger


def ledger_text(column: str, raw: pl.Series) -> pl.Series:
    """``raw`` as the ledger may hold it: withheld for identifying columns, and where a text could identify someone."""
    import polars as pl

    if column in IDENTIFYING:
        return pl.Series(raw.name, [None if text is None else WITHHELD for text in raw], dtype=pl.String)
    return _withheld(raw.cast(pl.String))


# ---------------------------------------------------------------- pseudonyms

# Not a secret: anyone can work out pseudonyms made with it. For generated people, and for data that anyone can have.
PUBLIC_KEY = b"learning survey: a public key for data without real people"
SHORTEST, LONGEST = 16, 64  # bytes; BLAKE2b takes keys up to 64
DIGEST = 10  # bytes: among three million ids the chance that any two share a pseudonym is 4e-12
MAKE_ONE = 'python -c "import secrets; print(secrets.token_hex(32))" > ../learning-survey.key'


class Pseudonyms:
    """Keyed pseudonyms: the same id has the same pseudonym in every file, wave and study with the same key."""

    def __init__(self, key: bytes) -> None:
        self._key = key if len(key) <= LONGEST else hashlib.blake2b(key).digest()

    @cached_property
    def fingerprint(self) -> str:
        """Tells two keys apart without giving either away."""
        return hashlib.blake2b(b"", digest_size=4, key=self._key, person=b"fingerprint").hexdigest()

    def of(self, ids: pl.Series, kind: Literal["respondent", "school"]) -> pl.Series:
        """A pseudonym for each id, ``r`` or ``s`` and twenty hexadecimal digits; null stays null.

        Two spellings of a school in capitals and small letters are one school; respondents are taken as they are.
        """
        import polars as pl

        if kind == "school":
            texts = ids.unique().drop_nulls()
            folded = pl.Series([text.casefold() for text in texts], dtype=pl.String)
            return ids.replace_strict(texts, self._keyed(folded, kind), return_dtype=pl.String).alias(ids.name)
        return self._keyed(ids, kind).alias(ids.name)

    def _keyed(self, texts: pl.Series, kind: str) -> pl.Series:
        import polars as pl

        copy = hashlib.blake2b(digest_size=DIGEST, key=self._key, person=kind.encode()).copy
        digests: list[bytes | None] = []
        for text in texts.cast(pl.Binary).to_list():
            if text is None:
                digests.append(None)
            else:
                hasher = copy()
                hasher.update(text)
                digests.append(hasher.digest())
        return kind[0] + pl.Series(digests, dtype=pl.Binary).bin.encode("hex")


def fingerprint(study: Loaded) -> str:
    """What a workflow compares to see that the key has changed; empty where the step itself will refuse the key."""
    try:
        keyed = pseudonyms(study)
    except SurveyError:
        return ""
    return keyed.fingerprint if keyed else ""


def pseudonyms(study: Loaded) -> Pseudonyms | None:
    """The study's pseudonyms; None where it has no ids of respondents or schools.

    A synthetic study, and one whose exports are public and come with this project, has the public key. Raises
    SurveyError for a key that is missing, too short or inside the project's folder.
    """
    place = f"study '{study.id}', key"
    if not study.columns.respondent and not study.columns.school:
        return None
    if study.synthetic:
        return Pseudonyms(PUBLIC_KEY)
    if study.key.public:
        shipped = (study.root / "tests" / "data").resolve()
        if not study.export_folder.resolve().is_relative_to(shipped):
            raise SurveyError(
                "the public key is for data that come with this project, in tests/data",
                where=place,
                remedy=f"Remove key.public; make a key of your own: {MAKE_ONE}",
            )
        return Pseudonyms(PUBLIC_KEY)
    if study.key.file:
        path = (study.root / Path(study.key.file).expanduser()).resolve()
        if path.is_relative_to(study.root.resolve()):
            raise SurveyError(
                "the key is inside the project's folder, where it can be shared by mistake",
                where=f"{place}.file",
                remedy="Move it out, beside the folder for instance, and correct key.file.",
            )
        try:
            key = path.read_bytes().strip()
        except OSError as error:
            raise SurveyError(
                f"cannot read the key file: {error.strerror}",
                where=f"{place}.file, {study.key.file}",
                remedy=f"Make a key, and keep it as long as the study: {MAKE_ONE}",
            ) from None
        source = f"{place}.file, {study.key.file}"
    else:
        key, source = os.environ.get(study.key.env, "").strip().encode(), f"environment variable {study.key.env}"
        if not key:
            raise SurveyError(
                "there is no key for the pseudonyms of students and schools",
                where=place,
                remedy=f"Make one outside this folder and keep it as long as the study: {MAKE_ONE}\n"
                f"  Then name it under key.file in the study's file, or put its text into {study.key.env}.",
            )
    if len(key) < SHORTEST:
        raise SurveyError(
            f"the key has {len(key)} bytes; it needs at least {SHORTEST}", where=source, remedy=f"Make one: {MAKE_ONE}"
        )
    return Pseudonyms(key)
