"""How much weight and how many goods may come together at a source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.domain.routing.task import Block, Task


class Part(NamedTuple):
    """What some units of a block are at a source: their weight and the goods bought for them, at least and at most."""

    source: int
    grams: int
    cheapest: int
    dearest: int


def part(task: Task, block: Block, s: int, amounts: Sequence[int]) -> Part:
    """Say what a source would ship with so many units of each line of a block."""
    grams = cheapest = dearest = 0
    for at, units in zip(block.lines, amounts, strict=True):
        line = task.lines[at]
        offer = line.offers[s]
        grams += units * line.grams
        cheapest += (task.bought(line, offer, units) or units) * offer.unit
        dearest += _most_bought(task, at, s, units) * offer.unit
    return Part(s, grams, cheapest, dearest)


def most(task: Task, block: Block, s: int) -> Part:
    """Say what a source ships of a block at most."""
    offered = (task.lines[at].offers[s] for at in block.lines)
    amounts = [min(task.lines[at].units, offer.available) for at, offer in zip(block.lines, offered, strict=True)]
    most_of_all = part(task, block, s, amounts)
    if not block.splits:
        return most_of_all
    at = block.lines[0]
    offer = task.lines[at].offers[s]
    more = min(offer.available, amounts[0] + offer.pack + offer.minimum)
    return most_of_all._replace(dearest=more * offer.unit)


class Reach(NamedTuple):
    """The ranges of weight and goods of a source that ships anything."""

    lightest: int
    heaviest: int
    cheapest: int
    dearest: int


def reaches(task: Task) -> list[Reach]:
    """Return the reach of every source."""
    least: list[list[Part]] = [[] for _ in task.sources]
    all_of: list[list[Part]] = [[] for _ in task.sources]
    for block in task.blocks:
        for s in task.carriers(block):
            amounts = [1] if block.splits else [task.lines[at].units for at in block.lines]
            least[s].append(part(task, block, s, amounts))
            all_of[s].append(most(task, block, s))
    return [
        Reach(
            min((p.grams for p in few), default=0),
            sum(p.grams for p in many),
            min((p.cheapest for p in few), default=0),
            sum(p.dearest for p in many),
        )
        for few, many in zip(least, all_of, strict=True)
    ]


def _most_bought(task: Task, at: int, s: int, units: int) -> int:
    line = task.lines[at]
    offer = line.offers[s]
    if line.sku in task.repeated:
        return min(offer.available, units + offer.pack + offer.minimum)
    return task.bought(line, offer, units) or units
