"""Direct identifiers, recognised by the name of a column and by what stands in it.

Recognition by name knows English words and the names that survey tools give to such columns; recognition by content
needs no words. Neither is complete: first names alone look like any other word. See docs/privacy.md.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

PERSON = (
    "first|last|middle|family|given|full|maiden|preferred|legal|user|nick|sur|fore|recipient|respondent|student|pupil|"
    "child|parent|guardian|carer|teacher|contact|participant|my|your|candidate|learner|their|submitter|sibling|friend|"
    "mother|father|tutor|author|owner|enumerator|interviewer|account|screen|display|login|profile|staff"
)
_NAMES: list[tuple[str, str]] = [
    # The words of a header, in lower case and with single spaces between; the first that matches decides.
    (r"e ?mail|e ?mails|email ?address|mail address", "e-mail address"),
    (r"ip|ip ?addr(?:ess)?|ipv[46]|ip v[46]", "IP address"),
    (r"device ?id|imei|mac address|user ?agent|cookies?", "device"),
    (r"lat|lng|lon|latitude|longitude|geo ?location|gps|coordinates?", "coordinates"),
    (
        r"(?:tele|cell)?phones?|(?:mobile|cell) (?:number|no)|tel|fax|whats ?app",
        "phone number",
    ),
    (
        r"d ?o ?b|(?:date|day) of birth|birth ?dates?|birth ?days?|born on|when were you born|"
        "geburts(?:datum|tag)|date de naissance|fecha de nacimiento|dyddiad geni",
        "date of birth",
    ),
    (r"post ?codes?|zip|zip ?codes?|postal codes?|address(?: line)?|street|house number", "postal address"),
    (r"upn|uln|unique (?:pupil|learner) number|nhs (?:number|no)|national insurance|passport|ssn", "official number"),
    (
        rf"(?:{PERSON}) ?names?|surname|forename|initials|signature|nickname|known as|login|vorname|nachname|"
        "familienname|prénom|nom|apellidos?|enw",
        "name",
    ),
    (
        r"(?:snapchat|instagram|tiktok|facebook|twitter|discord|skype|whats ?app) ?"
        r"(?:names?|id|handle|profile|account)",
        "name",
    ),
    (r"custom ?data|external (?:data )?reference|external ?data", "data about the recipient"),
    (
        r"comments?|open ended response|open response|free ?text|feedback|anything else|verbatim|remarks|suggestions|"
        r"own words|please (?:specify|explain|describe)|tell us (?:more|why)",
        "free text",
    ),
]
_BY_NAME = [(re.compile(rf"(?:^|(?<= ))(?:{words})(?= |$)"), kind) for words, kind in _NAMES]
# A header of many words is a sentence: only one that asks for the identifier counts, not 'My teachers know my name'.
_SENTENCE = 5
_ASKS = re.compile(
    r"^(?:please |kindly )?(?:what is|what s|whats|enter|give|type|write|state|provide|tell us|leave|fill in)\b"
    r"|^(?:is there |do you have |have you (?:got )?)?anything else\b|\bplease (?:specify|explain|describe)\b"
    r"|\btell us (?:more|why)\b|\bin your own words\b"
)
_BARE = {"name": "name", "names": "name", "contact": "name", "mobile": "phone number", "mail": "e-mail address"}
# Where a word of these comes before 'name' or 'address', no person is meant.
_NO_PERSON = re.compile(
    r"\b(?:school|class|file|trust|course|survey|collector|company|project|group|web|url) (?=name|ad)"
)

_EMAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>.]+(?:\.[^\s@<>.]+)+", re.ASCII)
_PHONE = re.compile(
    r"\+[1-9][\d ()-]{7,18}|00[1-9][\d ()-]{7,17}|\(?0[1-9][\d ()-]{8,14}|(?:\+?1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"
)
_MOBILE = re.compile(r"(?:44)?7\d{9}")  # as spreadsheets leave it, without 0 or +
# Latitude and longitude; KoBo and ODK write altitude and accuracy behind.
_PAIR = re.compile(
    r"[(\[]?([+-]?\d{1,2}\.\d{2,})\s*[,;/ ]\s*([+-]?\d{1,3}\.\d{2,})[)\]]?(?:[, ][+-]?\d+(?:\.\d+)?){0,2}"
)
_DEGREES = re.compile(r"\d{1,3} ?° ?\d{1,2} ?['’′].*[NSEW].*")
_OFFICIAL = re.compile(  # a pupil's, a National Insurance and a Social Security number
    r"[A-HJ-NP-RT-Z]\d{11}[A-Z\d]|[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]|\d{3}-\d{2}-\d{4}"
)
_MAC = re.compile(r"[\da-f]{2}(?:[:-][\da-f]{2}){5}", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_HANDLE = re.compile(r"@[^\W_][\w.]{2,29}")
_TITLED = re.compile(r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Sir)\.? [^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z][\w'’-]+)?")
_POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]{1,2}\d{1,2}[A-Z]?\d[A-Z]{2}", re.IGNORECASE)
_STREET = re.compile(
    r"\d{1,4}[a-z]? (?:[\w'’.-]+ ){1,3}(?:street|st|road|rd|avenue|ave|lane|drive|close|way|court|crescent)\b.*",
    re.IGNORECASE,
)
_MONTH = r"(?:[A-Za-z]{3,9}|\d{1,2})"
_DATE = re.compile(
    r"(\d{4})[-/.]\d{1,2}[-/.]\d{1,2}(?:[ T]00:00(?::00(?:\.0+)?)?Z?)?"
    r"|((?:19|20)\d{2})(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[-/. ]{_MONTH}[-/. ](\d{{4}})"
    r"|\d{1,2}[-/]\d{1,2}[-/](\d{2})"
    r"|(?:[A-Za-z]{3,9}, )?[A-Za-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,? (\d{4})"
)
_NAME = re.compile(
    r"[^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z]\.?)?(?: (?:de |van |von |al |bin )?[^\W\d_a-z][\w'’-]+){1,2}"
    r"|(?:de |van |von |al |bin )?[^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z][\w'’-]+)?, [^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z]\.?)?"
    r"|[a-z]{2,}[._][a-z'’-]{2,}\d{0,3}"  # how the users of a school's network are called
)
_LONG = re.compile(r"\d{10,12}")
_WORDS = 5  # words that make a text of an answer


def identifier_kind(header: str, question: str = "", values: Sequence[str] = ()) -> str | None:
    """The kind of direct identifier that a column holds, such as 'e-mail address'; None where it holds none.

    ``header`` is the column's name, ``question`` the text above or below it where the export has one, ``values`` its
    cells as text, repeats included (a sample will do): a list of answer labels is told from free text by its repeats.
    """
    return kind_by_name(header) or kind_by_name(question) or kind_by_content(values)


def kind_by_name(text: str) -> str | None:
    """The kind that a header or a question names; None where it names none."""
    # RecipientEmail, IPAddress and e-mail_address become words of their own.
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    words = " ".join(re.sub(r"[\W_]+", " ", spaced).casefold().split())
    words = re.sub(r"\be mail\b", "email", words)
    if not words:
        return None
    if words in _BARE:
        return _BARE[words]
    many = words.count(" ") >= _SENTENCE
    if many and not _ASKS.search(words):
        return None
    if _NO_PERSON.search(words):
        return None
    return next((kind for pattern, kind in _BY_NAME if pattern.search(words)), None)


def kind_of_text(text: str) -> str | None:
    """The kind of identifier that one cell is by its form alone; None for anything else, long texts included."""
    cell = text.strip()
    if len(cell) < 5:
        return None
    return next((kind for kind, holds in _FORMS if holds(cell)), None)


def kind_by_content(values: Sequence[str]) -> str | None:
    """The kind that most of the filled cells are, or three different ones among them; None otherwise."""
    cells: Counter[str] = Counter()
    for value, n in Counter(values).items():
        if value and value.strip():
            cells[value.strip()] += n
    if not cells:
        return None
    filled, different = cells.total(), set(cells)
    kinds = {cell: kind for cell in cells if (kind := kind_of_text(cell))}
    counts: Counter[str] = Counter()
    for cell, kind in kinds.items():
        counts[kind] += cells[cell]
    for kind, n in counts.most_common(1):
        if 2 * n >= filled or sum(k == kind for k in kinds.values()) >= 3:
            return kind
    if form := next((kind for kind, holds in _ALL_ALIKE if holds(different)), None):
        return form
    varied = len(different) >= 4 and (
        len(different) >= 0.8 * filled or (len(different) >= 20 and len(different) >= 0.3 * filled)
    )
    if varied and 2 * sum(len(cell.split()) >= _WORDS for cell in different) >= len(different):
        return "free text"
    return "name" if varied and _person_names(different) else None


@lru_cache(maxsize=1 << 12)
def harmless(text: str) -> bool:
    """Whether no list of such texts is an identifier by its content, whatever else is in it."""
    cell = text.strip()
    alike = (
        _DATE.fullmatch(cell)
        or _LONG.fullmatch(cell)
        or _HANDLE.fullmatch(cell)
        or _NAME.fullmatch(cell)
        or len(cell.split()) >= _WORDS
    )
    return not alike and kind_of_text(cell) is None


def _is_ip(cell: str) -> bool:
    if cell.count(".") != 3 and cell.count(":") < 2:
        return False
    try:
        ipaddress.ip_address(cell.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_pair(cell: str) -> bool:
    pair = _PAIR.fullmatch(cell)
    return pair is not None and abs(float(pair[1])) <= 90 and abs(float(pair[2])) <= 180


_FORMS: list[tuple[str, Callable[[str], bool]]] = [
    ("e-mail address", lambda cell: "@" in cell and _EMAIL.search(cell) is not None),
    ("IP address", _is_ip),
    ("coordinates", _is_pair),
    ("phone number", lambda cell: bool(_PHONE.fullmatch(cell)) and 9 <= sum(c.isdigit() for c in cell) <= 15),
    ("coordinates", lambda cell: "°" in cell and _DEGREES.fullmatch(cell) is not None),
    ("official number", lambda cell: _OFFICIAL.fullmatch(cell) is not None),
    ("postal address", lambda cell: bool(_POSTCODE.fullmatch(cell) or _STREET.fullmatch(cell))),
    ("device", lambda cell: _MAC.fullmatch(cell) is not None),
    ("link", lambda cell: _LINK.fullmatch(cell) is not None),
    ("name", lambda cell: _TITLED.fullmatch(cell) is not None),
]


def _birth_dates(cells: set[str]) -> bool:
    """Days without a time of day, in four years or more: answers are collected in fewer."""
    found = [_DATE.fullmatch(cell) for cell in cells]
    return all(found) and len({next(filter(None, m.groups())) for m in found if m}) >= 4


def _health_number(cell: str) -> bool:
    """Ten digits of which the last is the check digit of an NHS number (weights 10 to 2, modulo 11)."""
    if len(cell) != 10 or not cell.isascii() or not cell.isdecimal():
        return False
    check = -sum(int(digit) * weight for digit, weight in zip(cell, range(10, 1, -1), strict=False)) % 11
    return check == int(cell[9])


# Forms that a single cell may have by chance.
_ALL_ALIKE: list[tuple[str, Callable[[set[str]], bool]]] = [
    ("date of birth", _birth_dates),
    ("official number", lambda cells: len(cells) >= 5 and all(map(_health_number, cells))),
    ("phone number", lambda cells: len(cells) >= 5 and all(map(_MOBILE.fullmatch, cells))),
    ("name", lambda cells: len(cells) >= 3 and all(map(_HANDLE.fullmatch, cells))),
]


def _person_names(cells: set[str]) -> bool:
    """Mostly two or three capitalised words, ten cells or more, with no word in a third of them ('Hill School')."""
    if len(cells) < 10:
        return False
    words = Counter(word for cell in cells for word in set(cell.split()))
    alike = words.most_common(1)[0][1]
    return 5 * sum(bool(_NAME.fullmatch(cell)) for cell in cells) >= 4 * len(cells) and 3 * alike < len(cells)
