"""One measured figure, its peer and its bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`bar` is the most that `ratio` may be, or `value` where there is no peer or `bars_value` says so."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    bar: float | None = None
    bars_value: bool = False

    @property
    def ratio(self) -> float | None:
        """How the value compares with its peer's; nothing compares with a peer's 0."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def ok(self) -> bool:
        """Whether the bar holds."""
        if self.bar is None:
            return True
        of_peer = self.peer_value is not None and not self.bars_value
        return self.value <= (self.bar * (self.peer_value or 0) if of_peer else self.bar)

    def as_dict(self) -> dict[str, Any]:
        """Return it as `build/bench.json` has it."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer": self.peer,
            "peer_value": self.peer_value,
            "ratio": self.ratio,
            "bar": self.bar,
            "ok": self.ok,
        }
