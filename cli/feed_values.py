"""What the cells of a foreign file look like: numbers and their marks, times, the pattern of a SKU."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from shared.domain import gtin
from shared.domain.as_of import EXCEL, FIRST_SERIAL, LAST_SERIAL
from shared.domain.numerals import Number
from shared.errors import InvalidInput

_PLAIN = re.compile(r"[-+]?[0-9]{1,18}(?:[.,][0-9]{1,18})?")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[., '\u00a0][0-9]{3}){1,5}(?:[.,][0-9]{1,18})?")
_BOUND = re.compile(r"(?:[<>]=?|[≥≤])\s*[0-9]{1,9}|[0-9]{1,9}\s*\+")
_GROUP = re.compile(r"[0-9]([., '\u00a0])[0-9]{3}(?![0-9])")
_LAST_MARK = re.compile(r"([.,])([0-9]+)$")
_TRUTHS = frozenset({"true", "false"})
DIGITS_OF_A_GROUP = 3
EARLIEST, LATEST = 2000, 2100

_TIMES = (
    (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
        "",
    ),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "%Y-%m-%d"),
    (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4} [0-9]{1,2}:[0-9]{2}:[0-9]{2}", "%d.%m.%Y %H:%M:%S"),
    (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4} [0-9]{1,2}:[0-9]{2}", "%d.%m.%Y %H:%M"),
    (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}", "%d.%m.%Y"),
    (r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M", "%m/%d/%Y %I:%M:%S %p"),
    (r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{2} [AP]M", "%m/%d/%Y %I:%M %p"),
    (r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{2}:[0-9]{2}", "%d/%m/%Y %H:%M:%S"),
    (r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{2}", "%d/%m/%Y %H:%M"),
    (r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "%d/%m/%Y"),
    (r"20[0-9]{12}", "%Y%m%d%H%M%S"),
    (r"20[0-9]{6}", "%Y%m%d"),
)
"""How times are written, the fullest way first; an empty format is ISO 8601."""
_ALONE = [(re.compile(rf"(?<![0-9]){each}(?![0-9])"), how) for each, how in _TIMES]


class Told(NamedTuple):
    """A time in a text: where it stands, the format of the whole text, and what makes it doubtful, if anything does."""

    begins: int
    ends: int
    format: str
    doubt: str = ""


def is_number(cell: str) -> bool:
    """Whether a cell is a number, by whatever marks."""
    return isinstance(cell, Number) or bool(_PLAIN.fullmatch(cell) or _GROUPED.fullmatch(cell))


def is_whole(cell: str) -> bool:
    """Whether a cell may be a number of units: no fraction but zeros; `1.000` may be."""
    if isinstance(cell, Number):
        cell = _plain(cell)
    if not is_number(cell):
        return False
    mark = _LAST_MARK.search(cell)
    return not mark or not mark[2].strip("0") or bool(_GROUPED.fullmatch(cell) and len(mark[2]) == DIGITS_OF_A_GROUP)


def is_bound(cell: str) -> bool:
    """Whether a cell tells a bound: `99+`, `<10`."""
    return bool(_BOUND.fullmatch(cell))


def is_truth(cell: str) -> bool:
    """Whether a cell is true or false."""
    return cell.casefold() in _TRUTHS


def is_gtin(cell: str) -> bool:
    """Whether the check digit of a cell holds."""
    try:
        gtin.read(_plain(cell) if isinstance(cell, Number) else cell)
    except InvalidInput:
        return False
    return True


def _plain(cell: Number) -> str:
    try:
        return cell.plain
    except InvalidInput:
        return str(cell)


def marks(cells: Iterable[str]) -> tuple[str, str, str]:
    """Find decimal and thousands marks, and what is doubtful about them. Machine numbers have none to find."""
    decimals: set[str] = set()
    groups: set[str] = set()
    unclear: list[str] = []
    for cell in cells:
        if isinstance(cell, Number) or not is_number(cell):
            continue
        last = _LAST_MARK.search(cell)
        inner = cell[: last.start()] if last else cell
        groups |= {found[1] for found in _GROUP.finditer(inner) if _GROUPED.fullmatch(cell)}
        if last and (len(last[2]) != DIGITS_OF_A_GROUP or any(mark != last[1] for mark in groups if mark in inner)):
            decimals.add(last[1])
        elif last and last[1] in inner:
            groups.add(last[1])
        elif last:
            unclear.append(cell)
    if len(decimals) > 1 or decimals & groups:
        return "", "", "some numbers have a decimal comma, others a decimal point"
    decimal = next(iter(decimals), "")
    for cell in unclear:
        mark = (_LAST_MARK.search(cell) or [None, ""])[1]
        if mark and not decimal:
            return "", next(iter(groups), ""), f"{cell} may be thousands or decimals: say decimal or thousands"
        if mark and mark != decimal:
            groups.add(mark)
    thousands = next(iter(groups), "") if len(groups) == 1 else ""
    return (decimal if decimal == "," or thousands else ""), thousands, ""


def mask(skus: Sequence[str]) -> str:
    """Return the one pattern that all SKUs have; empty where they differ."""
    found = {"".join(_sign(letter) for letter in sku) for sku in skus}
    return found.pop() if len(found) == 1 else ""


def _sign(letter: str) -> str:
    if letter.isascii() and letter.isdigit():
        return "9"
    if letter.isascii() and letter.isalpha():
        return "A"
    return letter if letter in "-_./ #" else "?"


def time_in(text: str, *, is_dated: bool = False) -> Told | None:
    """Find a time in a text. `is_dated`: what stands beside a bare number says that it is a date."""
    if isinstance(text, Number):
        plain = _plain(text).partition(".")[0]
        is_serial = plain.isascii() and plain.isdigit() and FIRST_SERIAL <= int(plain) <= LAST_SERIAL
        return Told(0, len(text), EXCEL) if is_serial and is_dated else None
    for pattern, how in _ALONE:
        found = pattern.search(text)
        if found is None:
            continue
        told = _format(found[0], how)
        if told is None:
            continue
        before, after = (text[each].replace("%", "%%") for each in (slice(found.start()), slice(found.end(), None)))
        doubt = _doubt(found[0], told, around=before + after)
        if not told and before + after:
            return None  # what stands around a time has no place in ISO 8601
        return Told(found.start(), found.end(), f"{before}{told}{after}", doubt)
    return None


def _format(text: str, how: str) -> str | None:
    for each in (how, how.replace("%d/%m", "%m/%d")):
        try:
            at = datetime.strptime(text, each) if each else datetime.fromisoformat(text)  # noqa: DTZ007 - whether only
        except ValueError:
            continue
        if EARLIEST <= at.year <= LATEST:
            return each
    return None


def _doubt(text: str, how: str, around: str) -> str:
    if "/" in how and _format(text, how.replace("%d", "%x").replace("%m", "%d").replace("%x", "%m")) is not None:
        return "the day or the month may stand first"
    if how and "%H" not in how and "%I" not in how:
        return "it tells no time of day: counted as of midnight"
    return "what stands around the time must stay as it is" if around else ""
