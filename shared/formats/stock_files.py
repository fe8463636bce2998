"""A supplier's stock file, whatever its format and wrapping -> rows.

What a supplier sends is untrusted: bytes, lines, cells and amounts are bounded, nothing is guessed, and only
InvalidInput comes out. A fault of the file raises; a fault of one row is that row's refusal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import BinaryIO

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile, Format, cell, span
from shared.errors import InvalidInput
from shared.formats import containers, delimited, fixed_width, json_rows, x12_846, xlsx, xml_rows

READER = 2
"""Raise it when the same bytes are read otherwise than before: rows that equal a snapshot are skipped."""

_READERS = {
    Format.DELIMITED: delimited.read,
    Format.FIXED: fixed_width.read,
    Format.XLSX: xlsx.read,
    Format.JSON: json_rows.read_array,
    Format.NDJSON: json_rows.read_lines,
    Format.XML: xml_rows.read,
    Format.X12: x12_846.read,
}
_NOT_OF_THE_READING = ("lag", "slack", "as_of", "full", "volatile", "guard", "counts")


def read(file: BinaryIO, profile: FeedProfile, currency: str) -> Iterator[Row | Refusal]:
    """Yield every row of a file, which can be sought, from its first byte: as it reads, or why it does not.

    Raises InvalidInput when the file as a whole cannot be read.
    """
    with containers.unwrapped(file, is_workbook=profile.format is Format.XLSX) as inner:
        yield from _READERS[profile.format](inner, profile, currency)


def taken_at(file: BinaryIO, profile: FeedProfile, zone: str) -> datetime | None:
    """Return the time that a file itself says it was taken at; None when its profile knows of none.

    Raises InvalidInput when it should say one and does not: its age would be a guess.
    """
    if profile.as_of is None:
        return None
    with containers.unwrapped(file, is_workbook=profile.format is Format.XLSX) as inner:
        return profile.as_of.read(_text_at(inner, profile, profile.as_of.at), zone)


def fingerprint(profile: FeedProfile, currency: str) -> str:
    """Name the way a file is read: two files read the same way can be compared row by row."""
    way = {name: value for name, value in asdict(profile).items() if name not in _NOT_OF_THE_READING}
    told = json.dumps([READER, way, currency], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _text_at(file: BinaryIO, profile: FeedProfile, at: str) -> str:
    match profile.format:
        case Format.X12:
            return x12_846.text_at(file, at)
        case Format.XML:
            return xml_rows.text_at(file, profile, at)
        case Format.JSON:
            return json_rows.text_at(file, profile, at)
        case Format.NDJSON:
            raise InvalidInput("a file of lines has no place for its time", code="as_of_unreadable")
        case Format.FIXED:
            line, _, columns = at.partition(":")
            return fixed_width.cells_of(file, profile, int(line))[span(columns)]
        case Format.DELIMITED | Format.XLSX:
            line_of, column = cell(at)
            cells_of = xlsx.cells_of if profile.format is Format.XLSX else delimited.cells_of
            cells = cells_of(file, profile, line_of)
            return cells[column - 1] if column <= len(cells) else ""
