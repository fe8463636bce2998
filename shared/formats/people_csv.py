"""CSV that a person opens in a spreadsheet: text that a spreadsheet would take for a formula is marked as text.

Only for people's eyes. A file that a machine reads (`purchase_order_csv`, X12) never alters what it carries: there a
SKU `=1+1` is that SKU. (OWASP, CSV injection.)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

Cell = str | int | Decimal

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Also in the full width of East Asian text, which some spreadsheets take for the same."""
MARK = "'"


def render(heading: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write a table, with the byte-order mark by which a spreadsheet knows UTF-8. Numbers stay numbers."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([guarded(each) for each in heading])
    writer.writerows([guarded(each) if isinstance(each, str) else each for each in row] for row in rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def guarded(text: str) -> str:
    """Return text as a spreadsheet shows it and never runs it: `'` before what could begin a formula."""
    is_formula = text.startswith(STARTS_A_FORMULA) or text.lstrip().startswith(STARTS_A_FORMULA)
    return MARK + text if is_formula else text
