"""The one place that asks what time it is, and that waits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


def wait(seconds: float) -> None:
    """Wait so many seconds."""
    time.sleep(seconds)


def pause(tried: int) -> None:
    """Wait a random moment that grows with what was tried in vain."""
    time.sleep(moment(tried))


def moment(tried: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Draw how long to wait, in seconds: up to 20 ms, 40 ms, ... 640 ms. Who met once is not to meet again."""
    return uniform(0, 0.02 * 2 ** min(tried - 1, 5))
