"""Reading a table from a CSV file, with a sentence for each way in which it can be broken."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import Any

from ..utils.packages import need
from .common import TableError, UsageError

MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "<na>"}
BINARY = {
    b"PK": "an Excel or zip file",
    b"\xd0\xcf\x11": "an old Excel file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite": "a database",
}


def read_table(path: str, encoding: str | None = None, separator: str | None = None, missing: list[str] | None = None):
    """The CSV file as a pandas DataFrame of texts (missing cells None), its index the line numbers of the file.

    path: a file, also .gz, or "-" for standard input. The separator, if not given, is the one of comma, semicolon, tab
    and bar that the first line has most of. Raises UsageError if there is no such file, and TableError, which says what
    to fix and in which line, for what is not a table: empty, binary, another encoding, rows of different lengths,
    columns without a name or with the same name.
    """
    pandas = need("pandas", "reading tables")
    name = "standard input" if path == "-" else path
    text = _text(path, name, encoding)
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise TableError(f"{name} is empty: write a line with the names of the columns, then a line per row")
    separator = {"tab": "\t", "\\t": "\t"}.get(separator or "", separator) or max(",;\t|", key=first.count)
    if len(separator) != 1:
        raise UsageError(f"--separator must be one character or 'tab', got {separator!r}")
    header, rows, places = _rows(text, name, separator)
    drop_first = header[0] == "" and len(header) > 1  # the row numbers that pandas writes
    if drop_first:
        header[0] = "row number"
    _check_header(header, name, separator)
    absent = MISSING | {m.strip().lower() for m in missing or []}
    frame = pandas.DataFrame(rows, columns=header, index=places, dtype=object)
    frame = frame.map(lambda cell: None if cell.strip().lower() in absent else cell.strip())
    return frame.drop(columns=header[0]) if drop_first else frame


def _text(path: str, name: str, encoding: str | None) -> str:
    if path == "-":
        data = sys.stdin.buffer.read()
    else:
        file = Path(path)
        if file.is_dir():
            inside = sorted(f.name for f in file.glob("*.csv"))
            hint = f", such as {file / inside[0]}" if inside else ""
            raise UsageError(f"{path} is a folder: name the CSV file in it{hint}")
        if not file.exists():
            beside = sorted(f.name for f in file.parent.glob("*.csv")) if file.parent.is_dir() else []
            known = f" CSV files there: {', '.join(beside[:8])}." if beside else ""
            raise UsageError(f"{path}: there is no such file.{known}")
        data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise TableError(f"{name} is a damaged gzip file: {error}") from error
    for start, kind in BINARY.items():
        if data.startswith(start):
            raise TableError(f"{name} is {kind}, not a CSV file: save the table as CSV (comma separated) first")
    if encoding is None:
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise UsageError(f"--encoding {encoding}: Python knows no such encoding") from error
    except UnicodeError as error:
        place = getattr(error, "start", 0)
        line = data[:place].count(b"\n") + 1
        shown = encoding.removesuffix("-sig").upper()
        raise TableError(
            f"{name} is not {shown} text: line {line} holds the byte 0x{data[place] if data else 0:02x}. Save it as "
            f"UTF-8, or say how it is written: --encoding cp1252 (Western Windows), latin-1, utf-16 ..."
        ) from error
    if "\0" in text:
        raise TableError(f"{name} holds zero bytes: it is not a CSV file, or needs --encoding utf-16")
    return text


def _rows(text: str, name: str, separator: str) -> tuple[list[str], list[list[str]], list[int]]:
    header: list[str] = []
    rows, places, bad = [], [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        begins = 1
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not cells or (len(cells) == 1 and len(header) != 1 and not cells[0].strip()):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
            elif len(cells) != len(header):
                bad.append((line, len(cells)))
            else:
                rows.append(cells)
                places.append(line)
    except csv.Error as error:
        raise TableError(
            f"{name}, line {reader.line_num}: {error}. Check the quotation marks there: each that opens must close, "
            f'and one inside a quoted cell is written twice ("")'
        ) from error
    if bad:
        line, count = bad[0]
        more = f" ({len(bad)} rows are so)" if len(bad) > 1 else ""
        raise TableError(
            f"{name}, line {line} has {count} cells, but the first line names {len(header)} columns{more}. Put cells "
            f"that contain {separator!r} into quotation marks, fill the missing ones, or give --separator"
        )
    return header, rows, places


def _check_header(header: list[str], name: str, separator: str) -> None:
    twice = sorted({c for c in header if header.count(c) > 1})
    if "" in twice or "" in header:
        raise TableError(f"{name}: column {header.index('') + 1} has no name: write one into the first line")
    if twice:
        raise TableError(f"{name} has {header.count(twice[0])} columns named {twice[0]!r}: give each its own name")
    if len(header) == 1:
        raise TableError(
            f"{name} has one column only, {header[0][:60]!r}: it is not a CSV file, or its columns are separated by "
            f"something else than {separator!r} (--separator ';' or tab)"
        )
    if all(_is_number(c) for c in header):
        raise TableError(
            f"{name}: the first line is all numbers ({', '.join(header[:4])} ...), so the names of the columns are "
            f"missing: write them above it"
        )


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True
