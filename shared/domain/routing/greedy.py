"""Plans that need no search: where the search starts, and what it falls back to when its budget ends."""

from __future__ import annotations

from shared.domain.routing import billing
from shared.domain.routing.bounds import Measure
from shared.domain.routing.task import Block, Taken, Task


def plan(task: Task, measure: Measure, mask: int, *, counts_fixed: bool) -> Taken:
    """Give every block to the source that is the best for it; leave out what its packs or minimum then forbid.

    `counts_fixed`: the first block at a source pays for what the source costs at least.
    """
    while True:
        taken: Taken = {}
        left = {(line.sku, s): offer.available for line in task.lines for s, offer in line.offers.items()}
        paid = 0 if counts_fixed else mask
        for block in task.blocks:
            for (at, s), units in _dealt(task, measure, block, mask, paid, left).items():
                taken[at, s] = units
                left[task.lines[at].sku, s] -= units
                paid |= 1 << s
        wrong = [s for s in {s for _, s in taken} if billing.bills(task, _only(taken, s)) is None]
        if not wrong:
            return taken
        mask &= ~sum(1 << s for s in wrong)


def _only(taken: Taken, source: int) -> Taken:
    return {(at, s): units for (at, s), units in taken.items() if s == source}


def _dealt(task: Task, measure: Measure, block: Block, mask: int, paid: int, left: dict[tuple[str, int], int]) -> Taken:
    rated = [
        (value + (0 if paid >> s & 1 else measure.fixed[s]), s)
        for value, s in measure.rated(block)
        if mask >> s & 1 and all(left[task.lines[at].sku, s] >= task.lines[at].units for at in block.lines)
    ]
    if rated:
        _, s = min(rated)
        return {(at, s): task.lines[at].units for at in block.lines}
    return _in_parts(task, measure, block.lines[0], mask, left) if block.splits else {}


def _in_parts(task: Task, measure: Measure, at: int, mask: int, left: dict[tuple[str, int], int]) -> Taken:
    line = task.lines[at]
    taken: Taken = {}
    wanted = line.units
    for _, s in measure.rated_units(line):
        offer = line.offers[s]
        units = min(wanted, left[line.sku, s]) if mask >> s & 1 else 0
        if task.bought(line, offer, units) is None:
            units -= units % offer.pack
        if units and task.bought(line, offer, units) is not None:
            taken[at, s] = units
            wanted -= units
    return taken
