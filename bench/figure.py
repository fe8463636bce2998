"""One measured figure, its peer and its bar."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`bar` is the most that `ratio` may be, or `value` where there is no peer."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    bar: float | None = None

    @property
    def ratio(self) -> float | None:
        """How the value compares with its peer's."""
        return None if self.peer_value is None else self.value / self.peer_value

    @property
    def ok(self) -> bool:
        """Whether the bar holds."""
        held = self.value if self.ratio is None else self.ratio
        return self.bar is None or held <= self.bar

    def as_dict(self) -> dict[str, Any]:
        """Return it as `build/bench.json` has it."""
        return asdict(self) | {"ratio": self.ratio, "ok": self.ok}
