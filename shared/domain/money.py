"""Money in minor units: exact text <-> whole numbers, by the exponent that ISO 4217 gives a currency."""

from __future__ import annotations

import re
from decimal import Decimal

from shared.errors import InvalidInput

_NO_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_TEN_THOUSANDTHS = "CLF UYW"
EXPONENTS = {
    **dict.fromkeys(_NO_MINOR_UNIT.split(), 0),
    **dict.fromkeys(_THOUSANDTHS.split(), 3),
    **dict.fromkeys(_TEN_THOUSANDTHS.split(), 4),
}
USUAL_EXPONENT = 2

_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?")


def exponent(currency: str) -> int:
    """Return how many decimals a currency has."""
    return EXPONENTS.get(currency, USUAL_EXPONENT)


def minor(amount: object, currency: str) -> int:
    """Read an amount such as `12.40`, text or an exact number, as minor units.

    Raises InvalidInput for anything but digits and one dot, and for a fraction that the currency does not have:
    an amount is never rounded.
    """
    is_exact = isinstance(amount, str | int | Decimal) and not isinstance(amount, bool)
    read = _DECIMAL.fullmatch(str(amount)) if is_exact else None
    if not read:
        raise InvalidInput("an amount such as 12.40 was expected", code="amount_unreadable", value=str(amount)[:40])
    whole, fraction = read[1], read[2] or ""
    kept, beyond = fraction[: exponent(currency)], fraction[exponent(currency) :]
    if beyond.strip("0"):
        raise InvalidInput("an amount has more decimals than its currency", code="amount_too_fine", currency=currency)
    return int(whole + kept.ljust(exponent(currency), "0"))


def decimal(amount_minor: int, currency: str) -> str:
    """Write minor units as an amount."""
    places = exponent(currency)
    digits = str(amount_minor).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
