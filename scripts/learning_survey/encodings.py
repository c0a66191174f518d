"""Which encoding a text file is in, decided by its bytes; where bytes cannot decide, by words; else not at all.

A byte order mark decides. So does UTF-8 with letters beyond ASCII: other encodings hardly ever form valid UTF-8 by
chance, and where there are so few that they could have, the words decide. What is left has one byte for each letter,
and its words decide (``one_byte``). Where they do not, the file is refused until the study states ``exports.encoding``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from learning_survey import one_byte
from learning_survey.errors import SurveyError

BLOCK = 1 << 18  # bytes read at a time
WORDS = 200_000  # words that are looked at
FEW = 100  # bytes beyond ASCII that may form valid UTF-8 by chance
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16 does, so it comes first
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with BOM",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "utf-32-le": "UTF-32 LE",
    **one_byte.NAMES,
}
STATE = (
    "State exports.encoding in the study's file (utf-8, utf-16, cp1252, mac_roman, …), or export it again as "
    "CSV (UTF-8)."
)

_FROM = re.compile(rb"[\x80-\xff][A-Za-z'\x80-\xff]*[^\s\x80-\xff]?")  # from the first byte beyond ASCII on
SURROUND = "\"',;|\t "
_BEFORE = re.compile(rb"[^\s\x80-\xff]?[A-Za-z']*\Z")


@dataclass(frozen=True)
class Encoding:
    """``codec`` is Python's name, ``name`` a person's; ``mark`` is the length of the byte order mark."""

    codec: str
    name: str
    mark: int = 0


def detect(
    path: Path, stated: str | None = None, known: Iterable[str] = (), content: bytes | Path | None = None
) -> Encoding:
    """The encoding of the text file ``path``.

    ``stated`` is what the study says; ``known`` are texts of the study, as evidence; ``content`` is the whole file
    where it has been read. Raises SurveyError for bytes that are no text, that do not fit what is stated, or that do
    not tell their encoding.
    """
    given = codec_of(stated, path) if stated else None
    if isinstance(content, bytes):
        head = content[:4096]
    else:
        with path.open("rb") as file:
            head = file.read(4096)
    found = next((Encoding(c, NAMES[c], len(mark)) for mark, c in MARKS if head.startswith(mark)), None)
    found = found or _unmarked(head)
    if found and found.codec != "utf-8-sig":
        _agree(path, stated, found)
        _decodes(path, found)
        return found
    if b"\x00" in head:
        raise SurveyError("is not text: it holds binary data", where=path, remedy="Export it again, as CSV or XLSX.")
    plain = isinstance(content, bytes) and content.isascii() and b"\x00" not in content
    beyond, wrong = (0, 0) if plain else _utf8(path)
    if not wrong:
        chance = not found and 0 < beyond <= FEW and _by_chance(path, known)
        if chance and not given:
            words = _words(path)
            raise _undecided(path, 1, words, one_byte.decide(words, known)[1])
        if not chance and (found or beyond):
            _agree(path, stated, found or Encoding("utf-8", "UTF-8"))
        if not chance or given == "utf-8":
            return found or Encoding("utf-8", "UTF-8")
    if given:
        encoding = Encoding(given, NAMES.get(given, stated))
        _decodes(path, encoding)
        return encoding
    if found:
        raise SurveyError("is marked as UTF-8 and is not encoded as UTF-8", where=f"{path}, line {wrong}", remedy=STATE)
    return _one_byte(path, wrong, known)


def codec_of(stated: str, path: Path) -> str:
    """Python's name of the encoding that a study states; raises SurveyError for one that is unknown."""
    try:
        name = codecs.lookup(stated).name
        "é".encode(name, "ignore").decode(name)
    except (LookupError, UnicodeError, TypeError):
        raise SurveyError(
            f"exports.encoding: '{stated}' is no encoding",
            where=path,
            remedy="Known: utf-8, utf-16, cp1252, mac_roman.",
        ) from None
    return {"utf-8-sig": "utf-8"}.get(name, name)


def decoded(path: Path, encoding: Encoding) -> Iterator[str]:
    """The text of ``path`` in blocks, without its byte order mark. Raises UnicodeDecodeError."""
    codec = {"utf-8-sig": "utf-8"}.get(encoding.codec, encoding.codec)
    decoder = codecs.getincrementaldecoder(codec)()
    with path.open("rb") as file:
        file.seek(encoding.mark)
        while block := file.read(BLOCK):
            yield decoder.decode(block)
        yield decoder.decode(b"", True)


def _unmarked(head: bytes) -> Encoding | None:
    """UTF-16 without a mark: most of its text is ASCII, so that every other byte is zero and no other is."""
    half = len(head) // 2
    for codec, zero, letter in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if half >= 2 and head[zero::2].count(0) > 0.7 * half and not head[letter::2].count(0):
            return Encoding(codec, NAMES[codec] + " without BOM")
    return None


def _agree(path: Path, stated: str | None, found: Encoding) -> None:
    """Raise where the study states another encoding than the one that the bytes prove."""
    given = stated and codec_of(stated, path)
    plain = {"utf-8-sig": "utf-8"}.get(found.codec, found.codec)
    if given and given not in (plain, plain.rpartition("-")[0]):
        raise SurveyError(
            f"is encoded as {found.name}, not as {stated}, which exports.encoding states",
            where=path,
            remedy="Correct exports.encoding in the study's file; it can name each file: {export.csv: cp1252}.",
        )


def _decodes(path: Path, encoding: Encoding) -> None:
    """Raise where ``path`` is not in ``encoding``, with the line of the first byte that is not."""
    line = 1
    try:
        for text in decoded(path, encoding):
            if "\x00" in text:
                raise SurveyError(f"is not text in {encoding.name}: it holds binary data", where=path, remedy=STATE)
            line += max(text.count("\n"), text.count("\r"))
    except UnicodeDecodeError as error:
        line += max(bytes(error.object)[: error.start].count(b"\n"), bytes(error.object)[: error.start].count(b"\r"))
        problem = f"is not encoded as {encoding.name}"
        raise SurveyError(problem, where=f"{path}, line {line}", remedy=STATE) from None


def _utf8(path: Path) -> tuple[int, int]:
    """How many bytes are beyond ASCII, up to FEW and some, and the first line that is not UTF-8, or 0."""
    decoder, beyond = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if b"\x00" in block:
                raise SurveyError(
                    "is not text: it holds binary data", where=path, remedy="Export it again, as CSV or XLSX."
                )
            if not block.isascii() or decoder.getstate()[0]:
                if beyond <= FEW:
                    beyond += len(block.translate(None, bytes(range(128))))
                try:
                    decoder.decode(block)
                except UnicodeDecodeError as error:
                    before = file.tell() - len(error.object) + error.start  # bytes kept from the last block count
                    return beyond, _line_of(path, before)
        try:
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return beyond, _line_of(path, file.tell())
    return beyond, 0


def _line_of(path: Path, place: int) -> int:
    """The line that the byte at ``place`` is in."""
    lf = cr = 0
    with path.open("rb") as file:
        while place and (block := file.read(min(BLOCK, place))):
            lf, cr, place = lf + block.count(b"\n"), cr + block.count(b"\r"), place - len(block)
    return 1 + max(lf, cr)


# ---------------------------------------------------------------- one byte for each letter


class UndecidedError(SurveyError):
    """The words of a file do not tell its encoding."""


def _one_byte(path: Path, wrong: int, known: Iterable[str]) -> Encoding:
    """The encoding that the words of the file speak for. Raises UndecidedError when they do not speak for one."""
    words = _words(path)
    codec, readings = one_byte.decide(words, known)
    if codec is None:
        raise _undecided(path, wrong, words, readings)
    found = Encoding(codec, NAMES[codec])
    _decodes(path, found)
    return found


def _by_chance(path: Path, known: Iterable[str]) -> bool:
    """Whether the few bytes beyond ASCII are UTF-8 perhaps by chance: odd letters there, good words elsewhere."""
    words = _words(path)
    if not any(re.search(r"[^\x00-\u017f\u2010-\u2122]", word.decode("utf-8", "ignore")) for word in words):
        return False
    _, readings = one_byte.decide(words, known)
    return any(r.codec in one_byte.FOUND and r.votes[0] and not r.votes[1] for r in readings)


def _undecided(path: Path, wrong: int, words: list[bytes], readings: list[one_byte.Reading]) -> UndecidedError:
    shown = readings[:3]
    telling = [k for k in range(len(words)) if len({r.texts[k] for r in shown}) == len(shown)] or range(len(words))
    sample = min(telling, key=lambda k: (-len(words[k]), words[k]))
    said = " or ".join(f"'{r.texts[sample].strip(SURROUND)}' ({NAMES[r.codec]})" for r in shown)
    return UndecidedError(
        f"is not encoded as UTF-8 for certain, and its words do not tell its encoding: {said}",
        where=f"{path}, line {wrong}",
        remedy=STATE,
    )


def _words(path: Path) -> list[bytes]:
    """Different words with a byte beyond ASCII, among the first WORDS, each with the character before and after."""
    found: dict[bytes, None] = {}
    count, rest, more = 0, b"", True
    with path.open("rb") as file:
        while more and count < WORDS:
            block = file.read(BLOCK)
            more = bool(block)
            data = rest + block
            cut = len(data)
            if more:  # a word may go on in the next block
                cut = max(data.rfind(b" "), data.rfind(b"\n"), data.rfind(b"\r"), len(data) - 4096, 0)
            rest = data[cut:]
            for match in _FROM.finditer(data, 0, cut):
                found[_BEFORE.search(data[max(0, match.start() - 40) : match.start()])[0] + match[0]] = None
                count += 1
    return list(found)
