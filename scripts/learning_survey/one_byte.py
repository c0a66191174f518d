"""Which encoding with one byte for each letter a text is in: its words decide, or nothing does.

The same bytes are letters in each of READINGS. Every word with a byte beyond ASCII is read in all of them; what reads
every word alike is one reading. A word speaks for a reading in which the study knows it (its labels, headers and
wordings) and against the others. Failing that, it speaks for one in which it is built as words are and has letters of
one language only, and against one in which it does not (``donÕt``, ``cafŽ``, ``s¹``). A reading is taken when words
speak for it, hardly any against it, and more than a few against each other one. Windows-1252 and Mac Roman can be
found so; the others, which are needed to see where these two are not certain, only by words that the study knows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёґєіїўђјљњћџѓќѕ"
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"
WESTERN = "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœßšž"
_CENTRAL = {
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Croatian, Slovene": "čćđšž",
    "Romanian": "ăâîşţșț",
}
_BALTIC = {
    "Lithuanian": "ąčęėįšųūž",
    "Latvian": "āčēģīķļņšūž",
    "Estonian": "äõöüšž",
    "Polish": "ąćęłńóśźż",
}
_TURKISH = {"Turkish": "âçğîıöşûüi̇"}
ALONE = {WESTERN: "àéèáåøöôóú", _CYRILLIC: "абвжикосуяіє", _GREEK: "ηοήόω"}  # words of one letter

# Python's name, a person's, and the letters beyond ASCII of each language that is written in it.
READINGS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("cp1252", "Windows-1252", (WESTERN,)),
    ("mac-roman", "Mac Roman", (WESTERN,)),
    ("iso8859-15", "ISO 8859-15", (WESTERN,)),
    ("cp850", "code page 850", (WESTERN,)),
    ("cp437", "code page 437", (WESTERN,)),
    ("cp1250", "Windows-1250", tuple(_CENTRAL.values())),
    ("iso8859-2", "ISO 8859-2", tuple(_CENTRAL.values())),
    ("cp852", "code page 852", tuple(_CENTRAL.values())),
    ("mac-latin2", "Mac Central European", tuple(_CENTRAL.values())),
    ("cp1257", "Windows-1257", tuple(_BALTIC.values())),
    ("iso8859-13", "ISO 8859-13", tuple(_BALTIC.values())),
    ("cp1254", "Windows-1254", tuple(_TURKISH.values())),
    ("cp857", "code page 857", tuple(_TURKISH.values())),
    ("mac-turkish", "Mac Turkish", tuple(_TURKISH.values())),
    ("cp1251", "Windows-1251", (_CYRILLIC,)),
    ("koi8-r", "KOI8-R", (_CYRILLIC,)),
    ("cp866", "code page 866", (_CYRILLIC,)),
    ("iso8859-5", "ISO 8859-5", (_CYRILLIC,)),
    ("mac-cyrillic", "Mac Cyrillic", (_CYRILLIC,)),
    ("cp1253", "Windows-1253", (_GREEK,)),
    ("iso8859-7", "ISO 8859-7", (_GREEK,)),
)
FOUND = ("cp1252", "mac-roman")  # without words that the study knows
NAMES = {codec: name for codec, name, _ in READINGS}
FEW = 20  # one word in so many may look wrong

# Frequent words of western European languages whose letters are others elsewhere. They are known without a study.
COMMON = (
    "très après être même où ça français française garçon garçons êtes naïve élève élèves père mère problème première "
    "collège règle leçon plaît plutôt bientôt goût août cœur sœur œil España español española niño niña niños niñas "
    "año años señor señora mañana enseñanza pequeño não são João São mãe irmão ações até você più perché così città "
    "può però già sarà på år också må når får både også være første prøve spørgsmål først læreren læse"
)

_LETTERS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_RUNS = re.compile(r"[^\W\d_]+")
_MARKS_IN_TEXT = frozenset("’‘“”–—…£€•°½²«»©®¿¡\xa0")
_BETWEEN = re.compile(r"[^\W\d_][£€•°½²©®¿¡][^\W\d_]")  # c½ur, where cœur was meant
_CONTRACTED = re.compile(r"(?i)(?:n['’]t|i['’]m|['’](?:re|ve|ll))$")


def familiar(known: Iterable[str]) -> set[str]:
    """The words of the study's texts that can tell a reading: those with a letter beyond ASCII or an apostrophe."""
    parts = (part for text in known for part in _LETTERS.findall(_apostrophes(text)))
    return {_plain(part) for part in parts if not part.isascii() or "'" in part}


def decide(words: list[bytes], known: Iterable[str]) -> tuple[str | None, list[Reading]]:
    """The encoding of ``words``, each with a byte beyond ASCII; None where they do not tell.

    The readings are those that a person has to choose from, the likelier first.
    """
    own = familiar(known)
    usual = own | familiar([COMMON])
    different: dict[tuple[str, ...], Reading] = {}
    for codec, _, languages in READINGS:
        texts = tuple(word.decode(codec, "replace") for word in words)
        different.setdefault(texts, Reading(codec, texts, languages, usual))
    readings = list(different.values())
    for one in readings:
        sure = one.codec in FOUND or any(_plain(part) in own for text in one.texts for part in _parts(text))
        if sure and one.believable and all(one.beats(other) for other in readings if other is not one):
            return one.codec, [one]
    tenable = [r for r in readings if r.tenable]
    return None, tenable if len(tenable) > 1 else [r for r in readings if r.codec in FOUND or r in tenable]


@dataclass(eq=False)
class Reading:
    """Words as an encoding has them."""

    codec: str
    texts: tuple[str, ...]
    languages: tuple[str, ...]
    usual: set[str]

    @cached_property
    def known(self) -> set[int]:
        """Which words are among the usual ones."""
        return {k for k, text in enumerate(self.texts) if any(_plain(p) in self.usual for p in _parts(text))}

    @cached_property
    def votes(self) -> tuple[int, int]:
        """Words that speak for the reading and words against it, in the language that fits best."""
        looks = [Looks.of(text) for k, text in enumerate(self.texts) if k not in self.known]
        votes = []
        for letters in self.languages:
            verdicts = [look.verdict(letters) for look in looks]
            votes.append((verdicts.count(1) + len(self.known), verdicts.count(-1)))
        return min(votes, key=lambda vote: (vote[1], -vote[0]))

    @property
    def tenable(self) -> bool:
        """Whether hardly any word speaks against it."""
        fit, unfit = self.votes
        return unfit * FEW <= fit

    @property
    def believable(self) -> bool:
        return self.tenable and self.votes[0] > 0

    def beats(self, other: Reading) -> bool:
        """Whether the words that the two read differently rule ``other`` out."""
        differ = {k for k, (a, b) in enumerate(zip(self.texts, other.texts, strict=True)) if a != b}
        mine, theirs = self.known & differ, other.known & differ
        if bool(mine) != bool(theirs):
            return bool(mine)
        return not other.tenable


@dataclass(frozen=True)
class Looks:
    """How a word looks in one reading, whatever the language."""

    wrong: bool
    letters: frozenset[str]  # beyond ASCII, in small letters
    alone: frozenset[str]  # those that are words of their own
    dense: bool  # three letters beyond ASCII in a row, or two or more and no other
    speaks: bool

    @classmethod
    def of(cls, text: str) -> Looks:
        """``text`` is a word and the characters around it."""
        bare = text.strip("\"',;.!?()|\t ")
        contracted = bool(_CONTRACTED.search(bare.replace("í", "'")))  # "don’t", or its misreading as "donít"
        wrong, dense, speaks = (contracted and "í" in bare) or bool(_BETWEEN.search(text)), False, contracted
        letters: set[str] = set()
        alone: set[str] = set()
        for run in _RUNS.findall(text):
            special = [c.lower() for c in run if not c.isascii()]
            if not special:
                continue
            letters.update(special)
            wrong |= not (run.islower() or run.isupper() or run.istitle())  # a capital inside a word
            foreign = any(c in _CYRILLIC + _GREEK for c in special)
            wrong |= foreign and len(special) < len(run)
            dense |= bool(re.search(r"[^\x00-\x7f]{3}", run)) or len(special) == len(run) > 1
            if len(run) == 1:
                alone.update(special)
            elif "’" not in text:
                speaks = True
        odd = (c for c in text if not c.isascii() and not c.isalpha() and c not in _MARKS_IN_TEXT)
        wrong |= any(unicodedata.category(c)[0] in "SMCP" for c in odd)
        return cls(wrong, frozenset(letters), frozenset(alone), dense, speaks)

    def verdict(self, letters: str) -> int:
        """1 where the word is as words of a language with these ``letters`` are, -1 where it is as none is, else 0."""
        single = ALONE.get(letters, "")
        if self.wrong or not self.letters <= _alphabet(letters) or not self.alone <= set(single):
            return -1
        return -1 if self.dense and letters == WESTERN else int(self.speaks)


def _alphabet(letters: str) -> set[str]:
    return set(letters) | {"i̇"} if "ı" in letters else set(letters)  # the small letter of İ is two characters


def _parts(text: str) -> list[str]:
    return [p for p in _LETTERS.findall(_apostrophes(text)) if not p.isascii() or "'" in p]


def _apostrophes(text: str) -> str:
    return text.replace("’", "'").replace("ʼ", "'")


def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold().strip("'")
