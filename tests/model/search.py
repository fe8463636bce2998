"""Search every interleaving, breadth first: what is found first is a shortest way to break something."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

State = TypeVar("State", bound=Hashable)


class Model(Protocol[State]):
    """A protocol to search: where it starts, what can happen next, and what must never be so."""

    def start(self) -> State: ...

    def steps(self, state: State) -> Iterator[tuple[str, State]]: ...

    def wrong(self, state: State) -> str: ...


@dataclass(frozen=True, slots=True)
class Searched:
    """How many states there are; what is wrong in the first bad one, and what happened before it, step by step."""

    states: int
    wrong: str = ""
    trace: tuple[str, ...] = ()


def search(model: Model[State], most: int = 2_000_000) -> Searched:
    """Search until something is wrong or nothing is left. Raises OverflowError for a world that is too large."""
    start = model.start()
    came_from: dict[State, tuple[str, State] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        try:
            wrong = model.wrong(state)
            nexts = [] if wrong else list(model.steps(state))
        except AssertionError as broken:  # the domain's own checks
            wrong, nexts = f"{broken}", []
        if wrong:
            return Searched(len(came_from), wrong, _trace(came_from, state))
        for says, after in nexts:
            step = (says, state)
            if came_from.setdefault(after, step) is step:
                waiting.append(after)
        if len(came_from) > most:
            raise OverflowError(f"more than {most} states")
    return Searched(len(came_from))


def _trace(came_from: dict[State, tuple[str, State] | None], state: State) -> tuple[str, ...]:
    said: list[str] = []
    while step := came_from[state]:
        says, state = step
        said.append(says)
    return tuple(reversed(said))
