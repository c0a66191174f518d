"""Everything that can be read in a file that the pipeline writes, for tests that search it.

    readable(path.name, path.read_bytes())     # a list of texts

Compressed files, members of archives (Word), streams of a PDF and text chunks of a PNG are unpacked; the text of PDF
pages is decoded with the fonts' own tables.
"""

from __future__ import annotations

import gzip
import html
import io
import re
import struct
import unicodedata
import zipfile
import zlib

import numpy as np
import polars as pl


def plain(text: str) -> str:
    """``text`` without case, accents, spaces, hyphens and kinds of apostrophe: every writing of a name is one."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[\s\u00ad\u2010\u2011-]+", "", bare.replace("’", "'").casefold())


def readable(name: str, data: bytes) -> list[str]:
    """The texts in a file."""
    if name.endswith(".parquet"):
        metadata = pl.read_parquet_metadata(io.BytesIO(data))
        frame = pl.read_parquet(io.BytesIO(data))
        cells = [str(v) for c in frame.select(pl.col(pl.String)) for v in c.unique()]
        return ["\n".join([*frame.columns, *cells]), str(metadata), data.decode("utf-8", "replace")]
    if name.endswith(".arrow"):
        frame = pl.read_ipc(io.BytesIO(data))
        cells = [str(v) for c in frame.select(pl.col(pl.String, pl.Enum)) for v in c.unique()]
        kept = [text for dtype in frame.dtypes if dtype == pl.Enum for text in dtype.categories]
        return ["\n".join([*frame.columns, *cells, *kept]), data.decode("utf-8", "replace")]
    if name.endswith(".gz"):
        return readable(name.removesuffix(".gz"), gzip.decompress(data))
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            return [text for part in parts.namelist() for text in [part, *readable(part, parts.read(part))]]
    if name.endswith(".npy"):
        array = np.load(io.BytesIO(data))
        return ["\n".join(map(str, np.unique(array)))] if array.dtype.kind == "U" else []
    text = data.decode("utf-8", "replace")
    inside = pdf_texts(data) if data.startswith(b"%PDF") else png_texts(data) if data.startswith(b"\x89PNG") else []
    if name.endswith((".html", ".xml", ".svg", ".rels")):
        inside = [html.unescape(re.sub(r"<[^>]*>", "", text)), html.unescape(text)]
    return [text, *inside]


def png_texts(data: bytes) -> list[str]:
    """What the text chunks of a PNG hold, compressed ones too."""
    found, at = [], 8
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf"):
            found.append(body.decode("utf-8", "replace"))
            for start in (m.end() for m in re.finditer(b"\0", body)):
                try:
                    found.append(zlib.decompress(body[start + 1 * (kind == b"zTXt") :]).decode("utf-8", "replace"))
                except zlib.error:
                    continue
        at += size + 12
    return found


def pdf_texts(data: bytes) -> list[str]:
    """The streams of a PDF unpacked, and its strings decoded.

    A page shows numbers of glyphs; a font's ToUnicode table (ISO 32000-1, 9.10.3) says which letters they are. Every
    stream is decoded with every table, the right one among them: what is on a page is in one of the texts.
    """
    streams = [data]
    for start in re.finditer(rb"stream\r?\n", data):
        try:
            streams.append(zlib.decompressobj().decompress(data[start.end() :]))
        except zlib.error:
            continue
    tables = [table for stream in streams if b"begincmap" in stream and (table := _letters(stream))]
    texts = [stream.decode("utf-8", "replace") for stream in streams]
    for stream in streams:
        strings = _strings(stream)
        texts.append("".join(s[2:].decode("utf-16-be", "replace") for s in strings if s.startswith(b"\xfe\xff")))
        if re.search(rb"\bT[jJ]\b", stream):
            glyphs = [int.from_bytes(s[k : k + 2], "big") for s in strings for k in range(0, len(s), 2)]
            texts += ["".join(table.get(g, "") for g in glyphs) for table in tables]
    return texts


def _letters(table: bytes) -> dict[int, str]:
    """A ToUnicode table: letters by number of glyph."""
    found = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.S):
        for code, text in re.findall(rb"<(\w+)>\s*<(\w+)>", block):
            found[int(code, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.S):
        for first, last, text in re.findall(rb"<(\w+)>\s*<(\w+)>\s*<(\w+)>", block):
            for k in range(int(first, 16), int(last, 16) + 1):
                found[k] = chr(int(text, 16) + k - int(first, 16))
    return found


_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b""}


def _strings(stream: bytes) -> list[bytes]:
    """The literal and hexadecimal strings in a stream (ISO 32000-1, 7.3.4)."""
    found, at = [], 0
    while (start := re.compile(rb"\(|<(?=[0-9A-Fa-f\s]+>)").search(stream, at)) is not None:
        at = start.end()
        if start[0] == b"<":
            end = stream.index(b">", at)
            digits = re.sub(rb"\s", b"", stream[at:end])
            found.append(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()))
            at = end
            continue
        depth, out = 1, []
        for piece in re.compile(rb"\\([0-7]{1,3}|.)|([()])|([^\\()]+)", re.S).finditer(stream, at):
            escape, bracket, text = piece.groups()
            depth += {b"(": 1, b")": -1}.get(bracket, 0)
            at = piece.end()
            if depth == 0:
                break
            if escape is None:
                out.append(bracket or text)
            else:
                octal = escape.isdigit() and escape[:1] < b"8"
                out.append(bytes([int(escape, 8) % 256]) if octal else _ESCAPED.get(escape, escape))
        found.append(b"".join(out))
    return found
