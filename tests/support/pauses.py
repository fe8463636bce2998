"""What a person has stopped."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.storage.pauses import Pause
from tests.support import trade


@dataclass
class FakePauses:
    """Stops the scopes it was given."""

    scopes: set[str] = field(default_factory=set)

    def stops(self, scope: str) -> Pause | None:
        return Pause(scope=scope, actor="ada", reason="they moved", since=trade.T0) if scope in self.scopes else None
