"""Numbers as files write them -> exact plain text: by declared marks, or as a machine wrote them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation

from shared.errors import InvalidInput

EXACT_DIGITS = 15
"""What a spreadsheet keeps of a number; further digits are noise of its binary form."""
MOST_DIGITS = 18

_A_THOUSAND = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_PLAIN = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


class Number(str):
    """A number as a machine wrote it: with a decimal point and perhaps an exponent, in nobody's language."""

    __slots__ = ()

    @property
    def plain(self) -> str:
        """Write it without an exponent or zeros at its end, rounded to what a spreadsheet keeps."""
        try:
            value = Decimal(self)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or not -MOST_DIGITS <= value.adjusted() <= MOST_DIGITS:
            raise InvalidInput("a number is too large or too small to be true", code="number_out_of_range")
        if self.is_rounded:
            value = Context(prec=EXACT_DIGITS).create_decimal(value)
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    @property
    def is_rounded(self) -> bool:
        """Whether digits may have been lost: more than a spreadsheet keeps, with a fraction or an exponent."""
        digits = sum(each.isdigit() for each in self.upper().partition("E")[0])
        return digits > EXACT_DIGITS and not self.lstrip("-").isdigit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The marks of a file's numbers. Without them a dot is the decimal mark, and `1.000` may be either.

    `thousands`: what groups digits by three; empty: nothing does.
    """

    decimal: str = ""
    thousands: str = ""

    def plain(self, text: str, *, decimals: int = 0) -> str:
        """Write a number with a dot and without groups.

        `decimals`: how many the number can have; with three or more of them `1.000` is no riddle. Raises
        InvalidInput for what is no number by these marks, and for what may be two.
        """
        if isinstance(text, Number):
            return text.plain
        if not (self.decimal or self.thousands):
            if decimals < len("000") and _A_THOUSAND.fullmatch(text):
                raise InvalidInput("this may be thousands or decimals", code="number_ambiguous")
            return text
        mark = self.decimal or ("," if self.thousands == "." else ".")
        whole, comma, fraction = text.partition(mark)
        if self.thousands and self.thousands in whole:
            first, *groups = whole.lstrip("-").split(self.thousands)
            if not 1 <= len(first) <= len("000") or any(len(group) != len("000") for group in groups):
                raise InvalidInput("digits are not grouped by three", code="number_groups")
            whole = whole.replace(self.thousands, "")
        plain = f"{whole}.{fraction}" if comma else whole
        if not _PLAIN.fullmatch(plain):
            raise InvalidInput("this is no number by the file's marks", code="number_unreadable")
        return plain
