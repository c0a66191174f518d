"""What a file is, by its first bytes and, for containers, by what is in them: not by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path

from learning_survey.errors import SurveyError

SAVE_AGAIN = "Export it again, as CSV (UTF-8) or XLSX."
FORMATS = {
    ".csv": "text",
    ".tsv": "text",
    ".tab": "text",
    ".txt": "text",
    ".xlsx": "XLSX",
    ".xlsm": "XLSX",
    ".xls": "XLS",
    ".ods": "ODS",
    ".sav": "SPSS",
    ".zsav": "SPSS",
    ".parquet": "Parquet",
}
_CALLED = {
    "text": "a text file",
    "XLSX": "an XLSX workbook",
    "XLS": "an XLS workbook",
    "ODS": "an ODS workbook",
    "SPSS": "an SPSS data file",
    "Parquet": "a Parquet file",
}
_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a rich text document"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"\x1f\x8b", "a compressed file (gzip); unpack it first"),
    (b"7z\xbc\xaf'\x1c", "an archive (7z); unpack it first"),
    (b"Rar!", "an archive (RAR); unpack it first"),
    (b"SQLite format 3", "a database (SQLite)"),
)
_MARKUP = (
    (("<!doctype html", "<html", "<head", "<script", "<body", "<table"), "a web page, not an export (a sign-in page, "
     "perhaps)"),
    (("<?xml", "<workbook", "<!doctype"), "an XML file"),
    (('[{"', '{"'), "a JSON file"),
)  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def format_of(path: Path, head: bytes) -> str:
    """The format of ``path``, one of the values of FORMATS; ``head`` holds its first bytes.

    Raises SurveyError, saying what the file is, where it is no format that can be read or another than its name says.
    """
    wanted = FORMATS.get(path.suffix.lower())
    found = _found(path, head)
    if found not in _CALLED:
        raise SurveyError(f"is {found}", where=path, remedy=SAVE_AGAIN)
    if wanted is None:
        raise SurveyError(f"'{path.suffix}' is not a kind of file that can be read", where=path, remedy=SAVE_AGAIN)
    if found == wanted:
        return found
    if found == "text":
        raise SurveyError(f"is not {_CALLED[wanted]}, whatever its name says", where=path, remedy=SAVE_AGAIN)
    fitting = next(suffix for suffix, name in FORMATS.items() if name == found)
    raise SurveyError(
        f"is {_CALLED[found]}, whatever its name says",
        where=path,
        remedy=f"Give it a name that ends in {fitting}, or export it again.",
    )


def _found(path: Path, head: bytes) -> str:
    """One of the formats, or what the file is instead, in words."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(path)
    if head.startswith(_OLE):
        return _ole(path)
    if head.startswith(b"PAR1"):
        return "Parquet"
    if head.startswith((b"$FL2", b"$FL3")):
        return "SPSS"
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    start = head[:400]
    text = start.decode("utf-16", "ignore") if start[:2] in (b"\xff\xfe", b"\xfe\xff") else start.decode("latin-1")
    text = text.removeprefix("\xef\xbb\xbf").lstrip().lower()
    return next((words for starts, words in _MARKUP if text.startswith(starts)), "text")


def _zipped(path: Path) -> str:
    """What a file is that begins as a ZIP archive does."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            protected = any(info.flag_bits & 1 for info in archive.infolist())
            manifest = archive.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in names else b""
            mime = archive.read("mimetype").decode("latin-1").strip() if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError, zipfile.zlib.error):
        return "a workbook or an archive that is cut short or damaged: its end is missing or broken"
    tests = (
        (protected or b"encryption-data" in manifest, "protected by a password; save it without one"),
        ("xl/workbook.xml" in names, "XLSX"),
        ("opendocument.spreadsheet" in mime, "ODS"),
        ("xl/workbook.bin" in names, "an XLSB workbook"),
        ("word/document.xml" in names or "opendocument.text" in mime, "a text document, not a workbook"),
        (any(name.startswith("Index/") for name in names), "a Numbers document"),
    )
    return next((words for is_so, words in tests if is_so), "a ZIP archive, not an export; unpack it first")


def _ole(path: Path) -> str:
    """What a file is that begins as the older Office formats and every encrypted workbook do."""
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        return "protected by a password; save it without one"
    if any(f"{name}\0".encode("utf-16-le") in content for name in ("Workbook", "Book")):
        return "XLS"
    return "an older Office document (Word or PowerPoint, perhaps), not a workbook"
