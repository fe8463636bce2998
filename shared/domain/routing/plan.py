"""Which source ships what: the cheapest source that has a line, and why.

Pure and total: `plan` reads nothing and writes nothing, ties break by source id, and permuting the input never
changes the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.domain.names import LevelKey, Sku, SourceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Units of one line that somebody has to ship."""

    line: str
    sku: Sku
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a source offers: takeable units, cost of one in minor units (None: unknown), or why it is out."""

    level: LevelKey
    available: int
    cost_minor: int | None
    currency: str
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a channel wants its orders shipped."""

    split_lines: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One candidate for one line, as the plan saw it, and the verdict in words."""

    line: str
    source: SourceId
    available: int
    cost_minor: int | None
    currency: str
    taken: int
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer: units per (line, source), what is short per line, and every candidate with its verdict."""

    taken: Mapping[tuple[str, SourceId], int]
    short: Mapping[str, int]
    weighed: tuple[Weighed, ...]


def plan(demands: Iterable[Demand], candidates: Iterable[Candidate], policy: Policy) -> Plan:
    """Choose sources line by line, counting what earlier lines of the same SKU have used up."""
    by_sku: dict[Sku, list[Candidate]] = {}
    for candidate in candidates:
        by_sku.setdefault(candidate.level.sku, []).append(candidate)
    left = {c.level: 0 if c.refused else max(c.available, 0) for found in by_sku.values() for c in found}
    taken: dict[tuple[str, SourceId], int] = {}
    short: dict[str, int] = {}
    weighed: list[Weighed] = []
    for demand in sorted(demands, key=lambda d: d.line):
        ranked = sorted(by_sku.get(demand.sku, []), key=_rank)
        chosen = _choose(demand, ranked, left, policy)
        for candidate in ranked:
            units = chosen.get(candidate.level, 0)
            weighed.append(
                Weighed(
                    line=demand.line,
                    source=candidate.level.source,
                    available=left[candidate.level],
                    cost_minor=candidate.cost_minor,
                    currency=candidate.currency,
                    taken=units,
                    verdict=_verdict(candidate, left[candidate.level], demand.units, units),
                )
            )
            left[candidate.level] -= units
            if units:
                taken[demand.line, candidate.level.source] = units
        missing = demand.units - sum(chosen.values())
        if missing:
            short[demand.line] = missing
    return Plan(taken=taken, short=short, weighed=tuple(weighed))


def _rank(candidate: Candidate) -> tuple[bool, int, SourceId]:
    return (candidate.cost_minor is None, candidate.cost_minor or 0, candidate.level.source)


def _choose(
    demand: Demand, ranked: list[Candidate], left: Mapping[LevelKey, int], policy: Policy
) -> dict[LevelKey, int]:
    for candidate in ranked:
        if left[candidate.level] >= demand.units:
            return {candidate.level: demand.units}
    if not policy.split_lines:
        return {}
    chosen: dict[LevelKey, int] = {}
    missing = demand.units
    for candidate in ranked:
        units = min(left[candidate.level], missing)
        if units:
            chosen[candidate.level] = units
            missing -= units
    return chosen


def _verdict(candidate: Candidate, available: int, wanted: int, taken: int) -> str:
    if candidate.refused:
        return candidate.refused
    if taken == wanted:
        return "cheapest source that has all of it"
    if taken:
        return "part of a split: no source has all of it"
    if available == 0:
        return "has none"
    if available < wanted:
        return "has too few"
    return "costs more"
