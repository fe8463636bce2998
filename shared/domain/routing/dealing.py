"""Deal the blocks of an order out to the sources of one set, depth first.

What a source costs beyond its units is bounded over the range of weight and goods that is still open to it. The
ranges close as blocks are dealt out, so the bound grows into the exact cost. Before that, whatever is too dear for the
best plan known is struck out, which narrows the ranges, which strikes out more. Nodes are counted, not timed, so that
an unfinished search replays as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import add, le, sub
from typing import NamedTuple

from shared.domain.routing import billing, options
from shared.domain.routing.bounds import Measure
from shared.domain.routing.options import Option
from shared.domain.routing.reach import Reach
from shared.domain.routing.steps import NEVER
from shared.domain.routing.task import Block, Taken, Task

Span = tuple[int, int, int, int]
"""The least and the most weight, the least and the most goods that a source may come to ship."""
NOTHING: Span = (0, 0, 0, 0)


@dataclass(slots=True)
class Budget:
    """How many nodes may still be visited."""

    left: int

    def spend(self) -> bool:
        """Count one; answer whether there was one left."""
        self.left -= 1
        return self.left >= 0


@dataclass(slots=True)
class Best:
    """The best plan so far by one objective."""

    value: int
    taken: Taken


class Node(NamedTuple):
    """Some blocks dealt out: bounds by measure, of the units and of what comes on top, and what is still open."""

    bound: int
    dealt: int
    adds: tuple[int, ...]
    tops: tuple[int, ...]
    spans: tuple[Span, ...]
    taken: Taken


@dataclass(slots=True)
class Choice:
    """A block's options inside one set, the least they add, and how each changes the spans of all of them."""

    block: Block
    options: list[Option]
    least: tuple[int, ...]
    changes: list[list[tuple[int, Span]]] = field(default_factory=list)


@dataclass(slots=True)
class Dealing:
    """One objective's search inside sets: `measures` are the goal and what is limited, `limits` those of the latter."""

    task: Task
    measures: Sequence[Measure]
    limits: Sequence[int]
    reach: Sequence[Reach]
    budget: Budget
    best: Best
    wholes: dict[Block, list[Option]] = field(default_factory=dict)

    def within(self, mask: int) -> None:
        """Find the best plan inside a set, if it is better than the best so far."""
        inside = [s for s in range(len(self.task.sources)) if mask >> s & 1]
        choices = [self._choice(block, mask) for block in self.task.blocks]
        root = self._narrowed(choices, inside)
        if root is None:
            return
        choices.sort(key=lambda choice: _spread(choice.options), reverse=True)
        stack = [root]
        while stack and self.budget.spend():
            node = stack.pop()
            if node.bound > (self.best.value - 1) * self.measures[0].scale:
                continue
            if node.dealt == len(choices):
                self._keep(node.taken)
            else:
                stack += sorted(self._children(node, choices[node.dealt], inside), reverse=True, key=_bound)

    def _most(self) -> tuple[int, ...]:
        """Return what the bound of a better plan may be by each measure."""
        most = ((self.best.value - 1), *self.limits)
        return tuple(value * measure.scale for value, measure in zip(most, self.measures, strict=True))

    def _choice(self, block: Block, mask: int) -> Choice:
        task, measures = self.task, self.measures
        if block.splits:
            least = tuple(measure.of_split(task.lines[block.lines[0]], mask) for measure in measures)
            return Choice(block, [], least)
        if block not in self.wholes:
            self.wholes[block] = sorted(options.whole(task, measures, block), key=_adds)
        mine = [option for option in self.wholes[block] if all(mask >> part.source & 1 for part in option.parts)]
        return Choice(block, mine, _least(mine))

    def _narrowed(self, choices: list[Choice], inside: Sequence[int]) -> Node | None:
        """Strike out what is too dear until nothing is, and return the root; None if nothing better is left."""
        spans: tuple[Span, ...] = tuple((0, self.reach[s].heaviest, 0, self.reach[s].dearest) for s in inside)
        count = -1
        while True:
            adds = tuple(map(sum, zip(*(choice.least for choice in choices), strict=True)))
            tops = tuple(self._tops(measure, spans, inside) for measure in self.measures)
            slack = tuple(map(sub, map(sub, self._most(), adds), tops))
            if min(slack) < 0:
                return None
            for choice in choices:
                self._strike_out(choice, slack, inside)
                if not choice.options:
                    return None
            kept = sum(len(choice.options) for choice in choices)
            if kept == count:
                return Node(adds[0] + tops[0], 0, adds, tops, spans, {})
            count = kept
            spans = self._spans(choices, inside)

    def _strike_out(self, choice: Choice, slack: Sequence[int], inside: Sequence[int]) -> None:
        """Keep of a block's options those that add no more than the least and what may come on top of it."""
        most = tuple(map(add, choice.least, slack))
        if choice.block.splits and not choice.options:
            mask = sum(1 << s for s in inside)
            ways = options.splits(self.task, self.measures, choice.block, mask, most[0], self.budget.spend)
            choice.options = sorted(ways, key=_adds)
        choice.options = [option for option in choice.options if all(map(le, option.adds, most))]
        if choice.options:
            choice.least = _least(choice.options)

    def _children(self, node: Node, choice: Choice, inside: Sequence[int]) -> list[Node]:
        most, found = self._most(), []
        for option, changes in zip(choice.options, choice.changes, strict=True):
            adds = tuple(map(add, node.adds, map(sub, option.adds, choice.least)))
            if adds[0] + node.tops[0] > most[0]:
                break
            spans, tops = node.spans, node.tops
            if changes:
                moved = list(spans)
                for n, change in changes:
                    moved[n] = tuple(map(add, spans[n], change))
                spans = tuple(moved)
                tops = tuple(self._tops(measure, spans, inside) for measure in self.measures)
            if all(map(le, map(add, adds, tops), most)):
                taken = {**node.taken, **option.taken}
                if not self.task.repeated or self._has_stock(taken):
                    found.append(Node(adds[0] + tops[0], node.dealt + 1, adds, tops, spans, taken))
        return found

    def _tops(self, measure: Measure, spans: Sequence[Span], inside: Sequence[int]) -> int:
        """Return what the sources of a set add beyond units; each ships something, else a smaller set has the plan."""
        top = 0
        for s, (lightest, heaviest, cheapest, dearest) in zip(inside, spans, strict=True):
            steps, least = measure.steps[s], self.reach[s]
            if not (heaviest or dearest) and least.dearest:
                return NEVER
            if steps.is_flat:
                top += steps.fixed
            else:
                lo, low = max(lightest, least.lightest), max(cheapest, least.cheapest)
                top += steps.least(lo, max(heaviest, lo), low, max(dearest, low))
        return top

    def _spans(self, choices: Sequence[Choice], inside: Sequence[int]) -> tuple[Span, ...]:
        """Add up what every source may come to, and note how each option changes that."""
        total = [NOTHING for _ in inside]
        for choice in choices:
            by_option = [{part.source: part for part in option.parts} for option in choice.options]
            choice.changes = [[] for _ in choice.options]
            for n, s in enumerate(inside):
                parts = [parts.get(s) for parts in by_option]
                if not any(parts):
                    continue
                each = [(p.grams, p.grams, p.cheapest, p.dearest) if p else NOTHING for p in parts]
                grams, _, low, high = zip(*each, strict=True)
                span = (min(grams), max(grams), min(low), max(high))
                total[n] = tuple(map(add, total[n], span))
                for change, own in zip(choice.changes, each, strict=True):
                    if own != span:
                        change.append((n, tuple(map(sub, own, span))))
        return tuple(total)

    def _has_stock(self, taken: Taken) -> bool:
        used: dict[tuple[str, int], int] = {}
        for (at, s), units in taken.items():
            line = self.task.lines[at]
            if line.sku in self.task.repeated:
                used[line.sku, s] = used.get((line.sku, s), 0) + units
                if used[line.sku, s] > line.offers[s].available:
                    return False
        return True

    def _keep(self, taken: Taken) -> None:
        values = billing.values(self.task, taken)
        if values is None or values[self.measures[0].objective] >= self.best.value:
            return
        limited = zip(self.measures[1:], self.limits, strict=True)
        if all(values[measure.objective] <= limit for measure, limit in limited):
            self.best = Best(values[self.measures[0].objective], taken)


def _least(ways: Sequence[Option]) -> tuple[int, ...]:
    return tuple(map(min, zip(*(option.adds for option in ways), strict=True)))


def _adds(option: Option) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return option.adds, tuple(part.source for part in option.parts)


def _bound(node: Node) -> int:
    return node.bound


def _spread(ways: Sequence[Option]) -> int:
    """Return what the second best option costs more; the one that has no second comes first."""
    return ways[1].adds[0] - ways[0].adds[0] if len(ways) > 1 else 1 << 200
