"""The ways to ship one block: whole from one source, in parts where it may be split, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from shared.domain.routing.bounds import Measure
from shared.domain.routing.reach import Part, part
from shared.domain.routing.task import Block, Taken, Task


class Option(NamedTuple):
    """What one way adds to every measure, and who would ship what."""

    adds: tuple[int, ...]
    parts: tuple[Part, ...]
    taken: Taken


def whole(task: Task, measures: Sequence[Measure], block: Block) -> list[Option]:
    """Return the ways in which one source ships all of a block, and the one in which nobody does."""
    units = [task.lines[at].units for at in block.lines]
    found = []
    for s in task.carriers(block):
        adds = [measure.of_block(block, s) for measure in measures]
        known = tuple(value for value in adds if value is not None)
        if len(known) == len(adds):
            taken = {(at, s): task.lines[at].units for at in block.lines}
            found.append(Option(known, (part(task, block, s, units),), taken))
    found.append(Option(tuple(measure.short(sum(units)) for measure in measures), (), {}))
    return found


def splits(
    task: Task, measures: Sequence[Measure], block: Block, mask: int, most: int, spend: Callable[[], bool]
) -> list[Option]:
    """Return the ways to cut a line among the sources of a set whose first measure is at most so much.

    Where the sources that cost the same whatever they ship are the cheapest, they are filled in order of cost.
    `spend` counts the ways; when it says no, no more are looked for.
    """
    at = block.lines[0]
    line = task.lines[at]
    first = measures[0]
    rated = [(value, s) for value, s in first.rated_units(line) if mask >> s & 1]
    is_alone = len(measures) == 1 and line.sku not in task.repeated
    fills = {s for _, s in rated if is_alone and first.steps[s].is_flat and line.offers[s].is_plain}
    rated.sort(key=lambda each: (each[1] in fills, *each))
    rates = [value for value, _ in rated] + [first.short(1)]
    floors = [min(rates[n:]) for n in range(len(rates))]
    found: list[Option] = []

    def deal(index: int, left: int, value: int, taken: dict[int, int]) -> None:
        if value + left * floors[index] > most or not spend():
            return
        if not left or index == len(rated):
            found.append(_option(task, measures, block, taken, left))
            return
        s = rated[index][1]
        fullest = min(left, line.offers[s].available)
        for units in (fullest,) if s in fills else range(fullest, -1, -1):
            bought = task.bought(line, line.offers[s], units) if units else 0
            if bought is not None:
                more = {**taken, s: units} if units else taken
                deal(index + 1, left - units, value + first.of_units(line, s, units, bought), more)

    deal(0, line.units, 0, {})
    return found


def _option(task: Task, measures: Sequence[Measure], block: Block, units: dict[int, int], left: int) -> Option:
    at = block.lines[0]
    line = task.lines[at]
    bought = {s: task.bought(line, line.offers[s], n) or 0 for s, n in units.items()}
    adds = tuple(
        measure.short(left) + sum(measure.of_units(line, s, n, bought[s]) for s, n in units.items())
        for measure in measures
    )
    return Option(
        adds,
        tuple(part(task, block, s, [n]) for s, n in units.items()),
        {(at, s): n for s, n in units.items()},
    )


def cheapest_first(task: Task, measure: Measure, mask: int) -> Taken:
    """Ship every block from the sources of a set that are the best for it, full ones first; ties by source."""
    taken: Taken = {}
    for block in task.blocks:
        for at, s, units in _cheapest(task, measure, block, mask):
            taken[at, s] = units
    return taken


def _cheapest(task: Task, measure: Measure, block: Block, mask: int) -> Iterator[tuple[int, int, int]]:
    line = task.lines[block.lines[0]]
    if not block.splits:
        s = next((s for _, s in measure.rated(block) if mask >> s & 1), None)
        yield from () if s is None else ((at, s, task.lines[at].units) for at in block.lines)
        return
    left = line.units
    for _, s in measure.rated_units(line):
        if left and mask >> s & 1:
            units = min(left, line.offers[s].available)
            left -= units
            yield block.lines[0], s, units


def is_linear(task: Task, measures: Sequence[Measure]) -> bool:
    """Whether nothing depends on what else a source ships, so that the bound of a set is its optimum."""
    if task.repeated or not all(steps.is_flat for measure in measures for steps in measure.steps):
        return False
    cut = (task.lines[block.lines[0]] for block in task.blocks if block.splits)
    return all(offer.is_plain for line in cut for offer in line.offers.values())
