"""Which columns of an export look like fields of a study (respondent's id, school, age, gender, …), and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from learning_survey.draft_columns import MISSING_CODES
from learning_survey.labels import normalised, whole_number
from learning_survey.lexicon import scale_of

if TYPE_CHECKING:
    from learning_survey.draft_columns import Column

# Names of an id, the likeliest first; a header is compared without case, spaces and punctuation.
_IDS = re.findall(
    r"\w+",
    "responseid respondentid participantid recordid submissionid caseid entryid sessionid responsenumber studentid "
    "pupilid candidateid uniqueid respondent participant response uid uuid guid token id recordno serial seriesno case "
    "casenumber interviewnumber",
)
_SCHOOL = re.compile(
    r"(?:the |your |my )?(?:school|academy|site|establishment|college|institution|centre)s?"
    r"(?: (?:id|code|name|number|no|urn|ref|reference))?|urn|(?:which|what)(?: is)? (?:the name of )?(?:your )?"
    r"(?:school|academy|college)\b.*|(?:name of )?(?:your )?(?:school|academy|college)(?: name)?"
)
_AGE = re.compile(r"\bage\b|\bhow old\b")
_GENDER = re.compile(r"\bgender\b|\bsex\b|\bboy or (?:a )?girl\b|\bgirl or (?:a )?boy\b")
_GROUP = re.compile(
    r"\bkey ?stage\b|\byear ?group\b|\bschool year\b|^(?:year|ks|grade|class year|y)$|\bwhat year\b|\bwhich year\b"
)
WAVE = re.compile(r"(?:survey |data )?(?:wave|round|time ?point|occasion)")
_STATUS = re.compile(r"status|response type|response status|distribution channel|mode|preview")
_CONSENT = re.compile(r"\bconsents?\b|\b(?:agree|happy|willing|want) to (?:take part|participate)\b|\bq ?consent\b")
_CONSENTS = re.compile(r"(?:yes|i agree|agree|i consent|i do|consent(?:ed| given)|true|ok)\b(?!.*\bnot\b)")
_SECONDS = re.compile(
    r"(?:total )?(?:duration|time taken|(?:completion|response|interview|total) ?time)(?: in)? ?(?:seconds|secs?|s)?"
)
_TESTS = frozenset(
    map(normalised, ["test", "preview", "survey preview", "survey test", "spam", "test response", "pretest", "debug"])
)
# The numbers that Qualtrics exports for the status of a response, and whether they are tests, previews or spam.
_QUALTRICS = dict.fromkeys(["0", "4", "16", "32", "48"], False) | dict.fromkeys(
    ["1", "2", "8", "9", "12", "17", "40"], True
)
GENDERS = {
    "boys": ("Boys", ["boy", "boys", "male", "m", "man", "boy / man", "boy (male)", "he"]),
    "girls": ("Girls", ["girl", "girls", "female", "f", "woman", "girl / woman", "girl (female)", "she"]),
    "other": (
        "Other or prefer not to say",
        ["other", "non-binary", "nonbinary", "prefer to self-describe", "transgender", "neither", "in another way"],
    ),
}
_SILENT = ["prefer not to say", "prefer not to answer", "rather not say"]  # counted with 'other'
_SPELT = {normalised(text): "other" for text in _SILENT} | {
    normalised(text): ident for ident, (_, texts) in GENDERS.items() for text in texts
}
KEY_STAGES = {
    "KS1": ("Key Stage 1", (5, 6), (1, 2), "primary"),
    "KS2": ("Key Stage 2", (7, 10), (3, 6), "primary"),
    "KS3": ("Key Stage 3", (11, 13), (7, 9), "secondary"),
    "KS4": ("Key Stage 4", (14, 15), (10, 11), "secondary"),
    "KS5": ("Key Stage 5", (16, 18), (12, 13), "secondary"),
}
MOST_GENDERS, MOST_LEVELS = 6, 15  # of groups whose words are not known
_STAGE = re.compile(r"(?:ks|key ?stage) ?([1-5])")
_YEAR = re.compile(r"(?:year|yr|y|year group) ?(\d{1,2})")


@dataclass(frozen=True)
class Found:
    """A column proposed for a field, why, and which of its texts mean what (levels, categories, test states)."""

    column: Column
    evidence: str
    meanings: dict[str, list[str]] = field(default_factory=dict)
    unknown: int = 0  # different texts without a meaning
    others: tuple[str, ...] = ()  # headers of further candidates
    own_words: bool = False  # whether each text is a meaning of its own, in an order that nobody knows


def find_fields(columns: Sequence[Column], rows: int) -> dict[str, Found]:
    """The best candidate for each field, by field, in the order in which the study lists them.

    ``rows`` is the number of rows that the columns were read from. A column has one field at most.
    """
    waves = max((len(c.values) for c in columns if _named(c, WAVE, whole=True)), default=1)
    finders: dict[str, Callable[[Column], tuple[float, Found] | None]] = {
        "respondent": lambda c: _respondent(c, rows, waves),
        "status": _status,
        "gender": _gender,
        "group": _group,
        "age": _age,
        "consent": _consent,
        "seconds": _seconds,
        "school": lambda c: _school(c, rows),
    }
    found: dict[str, Found] = {}
    taken: list[Column] = []
    for name, finder in finders.items():
        candidates = [hit for c in columns if all(c is not t for t in taken) and (hit := finder(c))]
        if not candidates:
            continue
        candidates.sort(key=lambda hit: -hit[0])
        best = candidates[0][1]
        others = tuple(hit.column.header for _, hit in candidates[1:])
        found[name] = replace(best, others=others)
        taken.append(best.column)
    order = ("respondent", "school", "age", "gender", "group", "status", "consent", "seconds")
    return {name: found[name] for name in order if name in found}


def words(text: str) -> str:
    """``text`` in lower case, words apart: ``SchoolID``, ``school_id`` and ``School - ID`` are all ``school id``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W_]+", apart)).lower()


def _named(column: Column, form: re.Pattern[str], whole: bool = False, most: int = 7) -> bool:
    """Whether the header or the question fits; a longer sentence is a statement to answer, whatever words are in it."""
    texts = [words(text) for text in _names(column)]
    return any(form.fullmatch(t) if whole else form.search(t) and len(t.split()) <= most for t in texts)


def _names(column: Column) -> list[str]:
    """Header and question, and the header without what tools put before it: ``group/name``, ``code. Question``."""
    header = column.header
    apart = [header.rpartition("/")[2], re.sub(r"^[\w\[\]]+\. ", "", header)]
    apart += [] if " " in header else [header.rpartition("-")[2]]
    return list(dict.fromkeys(text for text in (header, column.question, *apart) if text))


def _respondent(column: Column, rows: int, waves: int) -> tuple[float, Found] | None:
    """A column of ids; each respondent may have one row in each of the ``waves``."""
    name = next((name for name in map(normalised, _names(column)) if name in _IDS), None)
    few = len(column.values) < 0.9 * column.filled / max(waves, 1)
    if name is None or column.filled < 0.9 * rows or few:
        return None
    evidence = f"named as an id; {len(column.values):,} different texts in {column.filled:,} of {rows:,} rows"
    return len(_IDS) - _IDS.index(name), Found(column, evidence)


def _status(column: Column) -> tuple[float, Found] | None:
    if not _named(column, _STATUS, whole=True) or not 1 <= len(column.values) <= 20:
        return None
    tests = sorted(t for t in column.values if normalised(t) in _TESTS)
    if normalised(column.question) == "responsetype" and column.values.keys() <= _QUALTRICS.keys():
        tests = sorted(t for t in column.values if _QUALTRICS[t])
    marked = sum(column.values[t] for t in tests)
    evidence = f"named as a status; {marked:,} of {column.filled:,} rows say that they are tests"
    return (2 if tests else 1), Found(column, evidence, {"test": tests} if tests else {})


def _consent(column: Column) -> tuple[float, Found] | None:
    """A column that says who agreed to take part: a few texts, of which some agree."""
    if not _named(column, _CONSENT, most=30) or len(column.values) > 6:
        return None
    if len(column.values) >= 3 and scale_of(map(normalised, column.values)) not in (None, "yes_no_3"):
        return None  # 'I am happy to take part in lessons' is an item
    agreed = [t for t in column.values if _CONSENTS.match(words(t))]
    if not agreed:
        return None
    given = sum(column.values[t] for t in agreed)
    evidence = f"named so; {given:,} of {column.filled:,} texts agree"
    return given / column.filled, Found(column, evidence, {"agreed": sorted(agreed)})


def _seconds(column: Column) -> tuple[float, Found] | None:
    if not _named(column, _SECONDS, whole=True):
        return None
    numbers = sum(n for t, n in column.values.items() if re.fullmatch(r"\d+(?:\.\d+)?", t))
    if numbers < 0.9 * column.filled or len(column.values) < 2:
        return None
    stated = "second" in words(column.header) or "second" in words(column.question)
    evidence = f"named so; {numbers:,} of {column.filled:,} texts are numbers" + (
        "" if stated else "; the unit is not stated"
    )
    return 1.0 + stated, Found(column, evidence)


def _gender(column: Column) -> tuple[float, Found] | None:
    known = {t: _SPELT[normalised(t)] for t in column.values if normalised(t) in _SPELT}
    share = sum(column.values[t] for t in known) / max(column.filled, 1)
    named = _named(column, _GENDER)
    if not known or share < (0.5 if named else 0.95) or len(set(known.values()) - {"other"}) < 2:
        return _own_words(column, "gender", 2, MOST_GENDERS) if named else None
    meanings = {ident: _spellings(column.values, known, ident) for ident in GENDERS}
    evidence = f"{'named so; ' if named else ''}{share:.0%} of {column.filled:,} texts are words for a gender"
    unknown = len({normalised(t) for t in column.values if t not in known})
    return share + named, Found(column, evidence, {k: v for k, v in meanings.items() if v}, unknown)


def _group(column: Column) -> tuple[float, Found] | None:
    named = _named(column, _GROUP) or _named(column, WAVE, whole=True)
    known = {t: stage for t in column.values if (stage := _stage_of(t, bare=named))}
    share = sum(column.values[t] for t in known) / max(column.filled, 1)
    if share < (0.5 if named else 0.95) or len(set(known.values())) < 2:
        return _own_words(column, "level", 2, MOST_LEVELS) if named and not known else None
    meanings = {ident: _spellings(column.values, known, ident) for ident in KEY_STAGES}
    evidence = f"{'named so; ' if named else ''}{share:.0%} of {column.filled:,} texts are key stages or school years"
    unknown = len({normalised(t) for t in column.values if t not in known})
    return share + named, Found(column, evidence, {k: v for k, v in meanings.items() if v}, unknown)


def _own_words(column: Column, kind: str, least: int, most: int) -> tuple[float, Found] | None:
    """A column named as a group whose words nobody here knows: each is a group of its own, as ``<kind>_<number>``.

    They stand by the number in them where their words are the same, as ``S2`` before ``S10``, else by the alphabet.
    """
    given = [t for t in column.values if whole_number(t) not in MISSING_CODES]
    spelt = _spellings(column.values, dict.fromkeys(given, kind), kind)
    if not least <= len(spelt) <= most or column.filled < 5 * len(spelt):
        return None
    spelt.sort(key=lambda t: [int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", f" {t.casefold()}")])
    evidence = f"named so; each of its {len(spelt)} words is taken for a group of its own, in the order shown"
    meanings = {f"{kind}_{k}": [text] for k, text in enumerate(spelt, start=1)}
    left = len({normalised(t) for t in column.values}) - len({normalised(t) for t in given})
    return 0.1, Found(column, evidence, meanings, left, own_words=True)


def _stage_of(text: str, bare: bool) -> str | None:
    """The key stage that ``KS3``, ``Key stage 3``, ``Year 8`` or, in a column named so, ``8`` means."""
    plain = words(text)
    if found := _STAGE.fullmatch(plain):
        return f"KS{found[1]}"
    year = _YEAR.fullmatch(plain)
    number = int(year[1]) if year else whole_number(plain) if bare else None
    return next((k for k, (_, _, (a, b), _) in KEY_STAGES.items() if number is not None and a <= number <= b), None)


def _age(column: Column) -> tuple[float, Found] | None:
    if not _named(column, _AGE):
        return None
    ages = sum(times for text, times in column.values.items() if (n := whole_number(text)) is not None and 3 <= n <= 99)
    share = ages / max(column.filled, 1)
    if share < 0.8 or len(column.values) < 2:
        return None
    short = len(words(column.header).split()) <= 3
    return share + short, Found(column, f"named so; {share:.0%} of {column.filled:,} texts are numbers from 3 to 99")


def at_school(column: Column) -> float:
    """The share of the texts of a column of ages that are from 5 to 18 years."""
    young = sum(n for text, n in column.values.items() if (age := whole_number(text)) is not None and 5 <= age <= 18)
    return young / max(column.filled, 1)


def _school(column: Column, rows: int) -> tuple[float, Found] | None:
    if not _named(column, _SCHOOL, whole=True) or not 1 <= len(column.values) <= max(rows / 2, 1):
        return None
    identified = re.search(r"\b(?:id|code|urn|number|no)\b", words(column.header)) is not None
    evidence = f"named so; {len(column.values):,} different texts in {column.filled:,} of {rows:,} rows"
    return column.filled / max(rows, 1) + identified, Found(column, evidence)


def _spellings(values: Counter[str], known: dict[str, str], ident: str) -> list[str]:
    """The texts that mean ``ident``, the commonest spelling of each: by the number in them, else by falling count."""
    texts = sorted((t for t, i in known.items() if i == ident), key=lambda t: (-values[t], t))
    spelt = list({normalised(t): t for t in reversed(texts)}.values())[::-1]
    return sorted(spelt, key=lambda t: int(found[0]) if (found := re.search(r"\d+", t)) else 0)
