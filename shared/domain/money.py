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

_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD "
    "HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN "
    "PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD "
    "TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset(_CODES.split())
"""ISO 4217 (as in Debian's iso-codes), without metals, units of account and codes for tests."""

_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?")


def exponent(currency: str) -> int:
    """Return how many decimals a currency has."""
    return EXPONENTS.get(currency, USUAL_EXPONENT)


def minor(amount: object, currency: str) -> int:
    """Read an amount such as `12.40`, text or an exact number, as minor units.

    Raises InvalidInput for anything but digits and one dot, and for a fraction that the currency does not have:
    an amount is never rounded.
    """
    whole, beyond = _split(amount, currency)
    if beyond.strip("0"):
        raise InvalidInput("an amount has more decimals than its currency", code="amount_too_fine", currency=currency)
    return whole


def minor_at_most(amount: object, currency: str) -> int:
    """Read what somebody computed more finely than a currency can be paid, as a price without tax, rounded down.

    Raises InvalidInput for anything but digits and one dot.
    """
    return _split(amount, currency)[0]


def _split(amount: object, currency: str) -> tuple[int, str]:
    """Read the minor units of an amount, and the decimals that its currency does not have."""
    is_exact = isinstance(amount, str | int | Decimal) and not isinstance(amount, bool)
    read = _DECIMAL.fullmatch(str(amount)) if is_exact else None
    if not read:
        raise InvalidInput("an amount such as 12.40 was expected", code="amount_unreadable", value=str(amount)[:40])
    places, fraction = exponent(currency), read[2] or ""
    return int(read[1] + fraction[:places].ljust(places, "0")), fraction[places:]


def decimal(amount_minor: int, currency: str) -> str:
    """Write minor units as an amount."""
    places = exponent(currency)
    digits = str(amount_minor).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
