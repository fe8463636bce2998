"""Which parcel the units are in that a shop has to be told as fulfilled.

A shop says how many units of a line it has as fulfilled and which parcels it knows, not what was in which. Its units
are taken as those of the parcels it knows, and then of those that were shipped first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A parcel of an order and the units of its lines, `line -> units`.

    `carrier`: as `carriers` names it, else as it was told. `number`: how it is tracked; one that nobody can track has no
    `validity` (`carriers.Validity`), and a name of ours. `document`: the supplier's, that told of it.
    """

    number: str
    carrier: str
    lines: Mapping[str, int]
    source: str = ""
    service: str = ""
    validity: str = ""
    shipped_at: str = ""
    document: str = ""


def in_order(packages: Sequence[Package], known: Collection[str]) -> list[Package]:
    """Put those before all others that the shop knows."""
    return sorted(packages, key=lambda package: package.number not in known)


def deal(line: str, units: int, fulfilled: int, packages: Sequence[Package]) -> Iterator[tuple[int, int]]:
    """Deal a line's units, which the shop lacks, to the parcels in their order: yield the place of each, and its units.

    `fulfilled`: units that the shop has. What is in no parcel comes last, at the place behind them.
    """
    for at, package in enumerate(packages):
        packed = package.lines.get(line, 0)
        had = min(packed, fulfilled)
        fulfilled -= had
        given = min(packed - had, units)
        units -= given
        if given > 0:
            yield at, given
    if units > 0:
        yield len(packages), units
