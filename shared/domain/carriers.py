"""Carriers as suppliers write them -> one name each, and whether a tracking number can be one of theirs.

A check digit says that a number was not mistyped, not that a parcel exists. Where a carrier has kinds of numbers
without one, such a number is told apart from one that is wrong: nobody is blamed for what cannot be checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from shared.domain import gtin


class Carrier(StrEnum):
    """A carrier whose numbers are known here."""

    UPS = "ups"
    FEDEX = "fedex"
    USPS = "usps"
    DHL = "dhl"


class Validity(StrEnum):
    """Whether a number can be one of the carrier's.

    `unchecked`: it has the look of one that carries no check digit; `unknown`: no carrier is known that it would be of.
    """

    VALID = "valid"
    UNCHECKED = "unchecked"
    INVALID = "invalid"
    UNKNOWN = "unknown"


CODES: Mapping[str, Carrier] = MappingProxyType(
    {
        **dict.fromkeys(("UPS", "UPSN", "UPSG", "UPSS", "UPGF", "UPSC"), Carrier.UPS),
        **dict.fromkeys(("FEDEX", "FDX", "FDE", "FDEG", "FDXE", "FDXG", "FXFE", "FEDX"), Carrier.FEDEX),
        **dict.fromkeys(("USPS", "USPSN"), Carrier.USPS),
        **dict.fromkeys(("DHL", "DHLC", "DHLG", "DHLE"), Carrier.DHL),
    }
)
"""Codes of carriers (SCAC and what partners write for it), in capitals."""

_NAMES = (
    (re.compile(r"\bUPS\b|UNITED PARCEL", re.IGNORECASE), Carrier.UPS),
    (re.compile(r"\bFED ?EX\b|FEDERAL EXPRESS", re.IGNORECASE), Carrier.FEDEX),
    (re.compile(r"\bUSPS\b|POSTAL SERVICE|\bU\.?S\.? MAIL\b", re.IGNORECASE), Carrier.USPS),
    (re.compile(r"\bDHL\b", re.IGNORECASE), Carrier.DHL),
)
LONGEST_NUMBER = 50
_LOOKS_LIKE_ONE = re.compile(r"[A-Z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """A tracking number without blanks, whose it is as far as is known, and whether it can be that."""

    number: str
    carrier: Carrier | None
    validity: Validity


def carrier(code: str, service: str = "") -> Carrier | None:
    """Name a carrier by its code, else by the words for how it goes; None for any other, or when words name two."""
    known = CODES.get(code.strip().upper())
    if known:
        return known
    named = {each for look, each in _NAMES if look.search(f"{code} {service}")}
    return named.pop() if len(named) == 1 else None


def read(number: str, said: Carrier | None = None) -> Tracking:
    """Check a number against the carrier that was said, else against whose numbers look so and check.

    A number that would be valid of several carriers, none of which was said, is of an unknown one.
    """
    plain = re.sub(r"[\s-]", "", number[: 2 * LONGEST_NUMBER]).upper()
    if said:
        return Tracking(number=plain, carrier=said, validity=_of(plain, said))
    found = {each: validity for each in Carrier if (validity := _of(plain, each)) is not Validity.INVALID}
    valid = [each for each, validity in found.items() if validity is Validity.VALID] or list(found)
    if len(valid) == 1:
        return Tracking(number=plain, carrier=valid[0], validity=found[valid[0]])
    return Tracking(number=plain, carrier=None, validity=Validity.UNKNOWN)


def _of(number: str, of: Carrier) -> Validity:
    if len(number) > LONGEST_NUMBER or not (number.isascii() and _LOOKS_LIKE_ONE.fullmatch(number)):
        return Validity.INVALID
    kinds = [check for look, check in KINDS[of] if look.fullmatch(number)]
    if any(check is not None and check(number) for check in kinds):
        return Validity.VALID
    return Validity.UNCHECKED if None in kinds else Validity.INVALID


# ---- check digits


def _ups(number: str) -> bool:
    """UPS 1Z: of the fifteen characters behind `1Z`, every second counts double, the sum is filled up to a ten.

    Letters count as their place in the alphabet plus one, of which the last digit (A 2, B 3 ... H 9, I 0).
    Source: UPS's answer in answers.google.com/answers/threadview/id/207899, and its "Guide to Labeling".
    """
    values = [int(each) if each.isdigit() else (ord(each) - ord("A") + 2) % 10 for each in number[2:-1]]
    total = sum(value * (2 if at % 2 else 1) for at, value in enumerate(values))
    return str(-total % 10) == number[-1]


def _fedex_express(number: str) -> bool:
    """FedEx Express: weights 1, 3, 7 from the right; the remainder by 11, of which ten is written 0.

    Source: FedEx's answer at the same place. Of a number of 34 digits the last twelve are the parcel's own, with two
    zeros before them (FedEx Ground's GSN and Express labels).
    """
    total = sum(int(each) * (1, 3, 7)[at % 3] for at, each in enumerate(reversed(number[:-1])))
    return str(total % 11 % 10) == number[-1]


def _mod_ten(number: str) -> bool:
    """Weights 3 and 1 from the right, filled up to a ten, as GS1 has it.

    FedEx Ground (15 digits; 22 of which the last 15 count, behind `96`), FedEx Ground Label Layout Specification;
    USPS IMpb (Publication 199: all digits behind the ZIP) and its twenty digits without the leading `91`.
    """
    return gtin.check_digit(number[:-1]) == number[-1]


def _s10(number: str) -> bool:
    """UPU S10: weights 8 6 4 2 3 5 9 7; 11 less the remainder by 11, of which ten is written 0 and eleven 5."""
    total = sum(int(each) * weight for each, weight in zip(number[2:10], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    return str({10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11)) == number[10]


def _dhl(number: str) -> bool:
    """DHL Express waybill: the first nine digits' remainder by seven is the tenth."""
    return int(number[:-1]) % 7 == int(number[-1])


Check = Callable[[str], bool]

KINDS: Mapping[Carrier, tuple[tuple[re.Pattern[str], Check | None], ...]] = MappingProxyType(
    {
        Carrier.UPS: (
            (re.compile(r"1Z[A-Z0-9]{15}[0-9]"), _ups),
            (re.compile(r"T[0-9]{10}|[0-9]{9}|MI[0-9]{6}[A-Z0-9]{1,22}"), None),
        ),
        Carrier.FEDEX: (
            (re.compile(r"[0-9]{12}"), _fedex_express),
            (re.compile(r"(?:100|96)[0-9]*"), lambda number: len(number) == 34 and _fedex_express(number[-14:])),  # noqa: PLR2004
            (re.compile(r"[0-9]{15}"), _mod_ten),
            (re.compile(r"96[0-9]{20}"), lambda number: _mod_ten(number[-15:])),
            (re.compile(r"92[0-9]{20}"), _mod_ten),
            (re.compile(r"[0-9]{20}"), lambda number: _mod_ten(f"92{number}")),
        ),
        Carrier.USPS: (
            (re.compile(r"9[1-5][0-9]{20}(?:[0-9]{4})?"), _mod_ten),
            (re.compile(r"420(?:[0-9]{5}|[0-9]{9})9[1-5][0-9]{20}"), lambda number: _mod_ten(number[-22:])),
            (re.compile(r"[0-9]{20}"), lambda number: _mod_ten(number) or _mod_ten(f"91{number}")),
            (re.compile(r"[A-Z]{2}[0-9]{9}US"), _s10),
        ),
        Carrier.DHL: (
            (re.compile(r"[0-9]{10}"), _dhl),
            (re.compile(r"J[A-Z]{2,3}[0-9]{9,20}|GM[0-9]{10,37}"), None),
        ),
    }
)
"""Of each carrier the kinds of numbers it has: how they look, and their check; None: they carry no check digit."""
