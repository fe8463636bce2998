"""Lines of one SKU that may be cut anywhere are one line: the same plans, searched once instead of in every order."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.routing.task import Block, Line, Taken, Task


@dataclass(frozen=True, slots=True)
class Merged:
    """The smaller task; `members`: for each of its lines those it stands for, none where nothing could be merged."""

    task: Task
    members: tuple[tuple[int, ...], ...]

    def spread(self, taken: Taken, original: Task) -> Taken:
        """Give every original line its units, the largest first: so few of them are cut."""
        if self.task is original:
            return taken
        spread: Taken = {}
        by_line: dict[int, dict[int, int]] = {at: {} for at in range(len(self.members))}
        for (at, s), units in sorted(taken.items()):
            by_line[at][s] = units
        for members, left in zip(self.members, by_line.values(), strict=True):
            for member in sorted(members, key=lambda at: (-original.lines[at].units, at)):
                wanted = original.lines[member].units
                while wanted and left:
                    s = next((s for s, n in left.items() if n >= wanted), max(left, key=lambda s: (left[s], -s)))
                    units = min(wanted, left[s])
                    spread[member, s] = units
                    wanted -= units
                    left[s] -= units
                    if not left[s]:
                        del left[s]
        return spread


def merged(task: Task) -> Merged:
    """Merge what can be merged; the same task where no SKU repeats."""
    if not task.repeated:
        return Merged(task, ())
    groups: dict[object, list[Block]] = {}
    for block in task.blocks:
        line = task.lines[block.lines[0]]
        is_free = line.sku in task.repeated and len(block.lines) == 1 and (block.splits or line.units == 1)
        alike = (line.sku, line.grams, tuple(sorted(line.offers.items()))) if is_free else block.lines
        groups.setdefault(alike, []).append(block)
    if len(groups) == len(task.blocks):
        return Merged(task, ())
    lines: list[Line] = []
    blocks: list[Block] = []
    members: list[tuple[int, ...]] = []
    for group in groups.values():
        if len(group) == 1:
            blocks.append(Block(tuple(range(len(lines), len(lines) + len(group[0].lines))), group[0].splits))
            lines += (task.lines[at] for at in group[0].lines)
            members += ((at,) for at in group[0].lines)
        else:
            together = tuple(block.lines[0] for block in group)
            blocks.append(Block((len(lines),), splits=True))
            lines.append(task.lines[together[0]]._replace(units=sum(task.lines[at].units for at in together)))
            members.append(together)
    smaller = Task.of(task.sources, lines, blocks, packs=task.packs, single_source=task.single_source)
    return Merged(smaller, tuple(members))
