"""GTINs (EAN, UPC): the check digit, and one form for all lengths (GS1 General Specifications, 7.9)."""

from __future__ import annotations

from shared.errors import InvalidInput

LENGTHS = (8, 12, 13, 14)
"""GTIN-8, UPC-A, EAN-13, GTIN-14."""


def read(text: str) -> str:
    """Return a GTIN as fourteen digits, which is the same whatever its length was.

    A mark before it that only keeps spreadsheets away (`#`, `'`) is no part of it. Raises InvalidInput for other
    lengths, other characters, and a check digit that does not fit.
    """
    digits = text.strip().lstrip("#'")
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in LENGTHS:
        raise InvalidInput("a GTIN has 8, 12, 13 or 14 digits", code="gtin_unreadable")
    if check_digit(digits[:-1]) != digits[-1]:
        raise InvalidInput("the check digit of a GTIN does not fit", code="gtin_check_digit")
    return digits.zfill(max(LENGTHS))


def check_digit(digits: str) -> str:
    """Return the digit that belongs after these: weights 3 and 1 from the right, up to the next ten."""
    total = sum(int(digit) * (1 if at % 2 else 3) for at, digit in enumerate(reversed(digits)))
    return str(-total % 10)
