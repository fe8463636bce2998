"""One number for everything a plan was made from, the same in every process and for every order of the input."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from shared.domain.routing.problem import Candidate, Demand, Demands, Policy

_AS_IT_IS = frozenset({str, int, bool, type(None)})
_OF_CANDIDATE = attrgetter("supplier.source", *(f.name for f in fields(Candidate) if f.name != "supplier"))
_OF_DEMAND = attrgetter(*(f.name for f in fields(Demand)))


def digest(demands: Demands, candidates: Iterable[Candidate], policy: Policy, now: datetime) -> str:
    """Return the SHA-256 of an input, sorted and written out field by field."""
    offered = tuple(candidates)
    suppliers = {candidate.supplier.source: candidate.supplier for candidate in offered}
    written = (
        sorted(map(_OF_DEMAND, demands.lines)),
        [_canonical(getattr(demands, f.name)) for f in fields(Demands) if f.name != "lines"],
        sorted(map(_OF_CANDIDATE, offered), key=lambda each: each[:2]),
        [_canonical(suppliers[source]) for source in sorted(suppliers)],
        _canonical(policy),
        now.isoformat(),
    )
    return hashlib.sha256(repr(written).encode()).hexdigest()


def _canonical(value: Any) -> Any:  # noqa: ANN401 - any value an input consists of
    kind: Any = type(value)
    if kind in _AS_IT_IS:
        return value
    parts = _parts(kind)
    if parts is not None:
        return [part if type(part) in _AS_IT_IS else _canonical(part) for part in parts(value)]
    if kind is tuple:
        return [_canonical(part) for part in value]
    if kind is frozenset:
        return sorted(map(_canonical, value))
    if isinstance(value, Mapping):
        return sorted((key, _canonical(held)) for key, held in value.items())
    return str(value)


@cache
def _parts(kind: type[Any]) -> attrgetter[tuple[Any, ...]] | None:
    """Return what takes a dataclass apart, None for anything else."""
    return attrgetter(*(f.name for f in fields(kind))) if is_dataclass(kind) else None
