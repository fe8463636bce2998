"""One level between what we sold, what its source says and what is true: moves, photographs, feed runs, holds.

Time goes by in ticks, one for everything the source does. What the source really has, `shelf`, is known here and to
nobody else: the level must never promise more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from shared.domain import feeds, orders, stock, times
from shared.domain.feeds import Feed, Run, Standing
from shared.domain.names import Sku, SourceId
from shared.domain.orders import DeductsAt, Move, Order
from shared.domain.photographs import Row
from shared.domain.stock import UNTIL_COUNTED, Blind, Count, CountWrite, First, Level
from shared.errors import Rejected
from tests.model.conditions import may
from tests.model.frozen import Frozen, put, spend, with_, without_
from tests.support import photos, trade

A, ALPINA = Sku("A"), SourceId("alpina")
BEGIN = times.read(trade.T0)
WINDOW = timedelta(minutes=15)
ACCEPT = DeductsAt.ACCEPT


@dataclass(frozen=True, slots=True, order=True)
class Document:
    """What a supplier says about an order, or the time limit says for it. `at`: the tick it gives."""

    kind: str
    order: int
    units: int
    at: int
    id: str

    def __str__(self) -> str:
        return f"'{self.kind} {self.units} of order {self.order}'"


@dataclass(frozen=True, slots=True)
class Doing:
    """A move on its way: the order as it was read, and the side of the photograph as it is guessed."""

    document: Document
    seen: Order
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A run of a file on its way: what it does next, with what it read."""

    photograph: int
    stage: str = "claim"
    feed: Feed | None = None
    write: CountWrite | None = None
    compared: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """Everything, at one moment."""

    shelf: int
    level: Level | None
    feed: Feed
    orders: tuple[Order, ...]
    left: Mapping[str, int]
    tick: int = 0
    taken_off: tuple[int, ...] = ()
    photographs: tuple[tuple[int, int], ...] = ()
    documents: tuple[Document, ...] = ()
    doing: tuple[Doing, ...] = ()
    runs: tuple[Running, ...] = ()
    markers: frozenset[str] = frozenset()
    put_back: frozenset[int] = frozenset()
    holds: tuple[int, ...] = ()
    held_at: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class StockModel:
    """A world to search. `left`: how often each thing may still happen. `tick`: how long it is."""

    units: int = 2
    orders: int = 1
    ordered: int = 1
    photographs: int = 2
    left: Mapping[str, int] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    tick: timedelta = WINDOW
    skew: int = 0
    is_new: bool = False
    without: frozenset[str] = frozenset()

    def start(self) -> World:
        first = Row(line=1, sku=A, units=self.units)
        level = trade.level("A", "alpina", first.units, deducted=Frozen(), last=Frozen())
        applied = Run(as_of=trade.T0, file="0", snapshot="0", reading="")
        made = tuple(trade.order(str(i), ("A", self.ordered)) for i in range(self.orders))
        world = World(
            shelf=self.units,
            level=None if self.is_new else level,
            feed=Feed(source=ALPINA, unconfirmed=Frozen(), applied=None if self.is_new else applied, revision=1),
            orders=made,
            left=Frozen(self.left),
            taken_off=(0,) * self.orders,
            photographs=((0, self.units),),
        )
        for document in self.documents:  # a world about documents alone: they are all there, about sent orders
            if world.orders[document.order].next_n == 1:
                world = self._take(world, document.order)
        return replace(world, documents=self.documents)

    # ---- what can happen

    def steps(self, w: World) -> Iterator[tuple[str, World]]:
        yield from self._source(w)
        yield from self._sales(w)
        for i, document in enumerate(w.documents):
            read = Doing(document, w.orders[document.order])
            reads = replace(w, doing=with_(w.doing, read))
            yield (
                f"{document} arrives; its worker reads the order",
                replace(reads, documents=w.documents[:i] + w.documents[i + 1 :]),
            )
            if w.left.get("again"):
                yield f"{document} arrives, and will come again", _spend(reads, "again")
        for doing in w.doing:
            yield self._commit(w, doing)
        yield from self._hold(w)
        for running in w.runs:
            yield from self._run(w, running)

    def _source(self, w: World) -> Iterator[tuple[str, World]]:
        now = w.tick + 1
        at = f"tick {now}: the source"
        if w.left.get("restocks"):
            yield f"{at} restocks 1", replace(_spend(w, "restocks"), tick=now, shelf=w.shelf + 1)
        if w.left.get("sells") and w.shelf > self._owed(w):
            yield f"{at} sells 1 elsewhere", replace(_spend(w, "sells"), tick=now, shelf=w.shelf - 1)
        if len(w.photographs) <= self.photographs:
            number = len(w.photographs)
            taken = replace(w, tick=now, photographs=(*w.photographs, (now, w.shelf)))
            yield (
                f"{at} writes file {number}: {w.shelf} units",
                replace(taken, runs=with_(w.runs, Running(photograph=number))),
            )
        for i, order in enumerate(w.orders):
            if order.allocations and not _is_live(order) and w.taken_off[i] and i not in w.put_back:
                shelf = w.shelf + self.ordered
                yield f"{at} puts order {i} back", replace(w, tick=now, shelf=shelf, put_back=w.put_back | {i})
            if self.documents or not order.allocations or w.taken_off[i] or w.shelf < self.ordered:
                continue
            for said in sorted({now - self.skew, now, now + self.skew}):
                document = Document("accept", i, self.ordered, said, f"accept#{i}")
                yield (
                    f"{at} takes {self.ordered} off for order {i}, says: at tick {said}",
                    replace(
                        w,
                        tick=now,
                        shelf=w.shelf - self.ordered,
                        taken_off=put(w.taken_off, i, now),
                        documents=with_(w.documents, document),
                    ),
                )

    def _sales(self, w: World) -> Iterator[tuple[str, World]]:
        for i, order in enumerate(w.orders):
            if not order.allocations and w.level and w.level.takeable(self.time(w.tick)) >= self.ordered:
                yield f"order {i} takes {self.ordered} and is sent", self._take(w, i)
            if order.allocations and w.left.get("rejects"):
                document = Document("reject", i, self.ordered, w.tick, f"reject#{i}")
                yield (
                    f"the source rejects order {i}",
                    replace(_spend(w, "rejects"), documents=with_(w.documents, document)),
                )
            if order.allocations and w.taken_off[i] and w.left.get("limits"):
                document = Document("limit", i, self.ordered, w.tick, f"limit#{i}")
                yield (
                    f"the time limit of order {i} is over",
                    replace(_spend(w, "limits"), documents=with_(w.documents, document)),
                )

    def _take(self, w: World, i: int) -> World:
        assert w.level
        order = orders.take(w.orders[i], {("l1", ALPINA): self.ordered}, attempt="t")
        order = replace(orders.send(order, 1, deducts_at=ACCEPT).order, revision=order.revision + 1)
        available, committed = w.level.available - self.ordered, w.level.committed + self.ordered
        return replace(
            w, orders=put(w.orders, i, order), level=replace(w.level, available=available, committed=committed)
        )

    # ---- moves

    def _commit(self, w: World, doing: Doing) -> tuple[str, World]:
        """One transaction: marker, order, level; or what its refusal leads to."""
        document, seen, level = doing.document, doing.seen, w.level
        assert level
        over = replace(w, doing=without_(w.doing, doing))
        says = f"the worker of {document}"
        try:
            move = self._move(document, seen)
        except Rejected:
            return f"{says} is told that nothing is left to do", over
        wanted = move.effects[0] if move.effects else orders.Effect(level=level.key)
        deduction = _deduction(wanted.deduct, wanted.late, self.time(document.at), self.slack)
        gave_back = self._give_back(level, wanted.give_back)
        after = (
            self._deduct(gave_back, deduction, is_shown=doing.is_shown) if wanted.deduct or wanted.late else gave_back
        )
        if not may("move: marker", document.id if document.id in w.markers else None, self.without):
            return f"{says} finds it done", over
        if (
            (wanted.deduct or wanted.late)
            and deduction.is_shown(level.counted_as_of) != doing.is_shown
            and after is None
        ):
            other = replace(doing, is_shown=not doing.is_shown)
            return f"{says} meets a photograph on the other side", replace(over, doing=with_(over.doing, other))
        order = w.orders[document.order]
        if after is None or not may("move: order", order, self.without, seen=seen.revision):
            again = Doing(document, order)
            return f"{says} meets a change and reads again", replace(over, doing=with_(over.doing, again))
        changed = replace(move.order, revision=seen.revision + 1)
        side = ", already in the photograph" if doing.is_shown else ""
        what = f"deducts {wanted.deduct + wanted.late}{side}" if wanted.deduct or wanted.late else "moves the order"
        return (
            f"{says} {f'gives {wanted.give_back} back' if wanted.give_back else what}: committed",
            replace(
                over,
                level=after,
                orders=put(w.orders, document.order, changed),
                markers=w.markers | {document.id},
            ),
        )

    def _move(self, document: Document, seen: Order) -> Move:
        match document.kind:
            case "accept":
                move = orders.accept(seen, 1, "l1", document.units, deducts_at=ACCEPT)
            case "ship":
                move = orders.ship(seen, 1, "l1", document.units, deducts_at=ACCEPT)
            case "reject":
                move = orders.reject(seen, 1, "l1", document.units)
            case _:
                move = orders.limit(seen, 1)
        if "late units are paid" in self.without:
            move = replace(move, effects=tuple(replace(each, late=0) for each in move.effects))
        if "the limit is remembered" in self.without:
            forgot = tuple(replace(each, limited=0) for each in move.order.allocations)
            move = replace(move, order=replace(move.order, allocations=forgot))
        if "deducted units stay deducted" in self.without and document.kind == "reject":
            move = replace(move, effects=(orders.Effect(level=trade.at("A", "alpina"), give_back=document.units),))
        return move

    def _give_back(self, level: Level, units: int) -> Level | None:
        if not units:
            return level
        if not may("give back: level", level, self.without, units=units):
            return None
        return replace(level, available=level.available + units, committed=level.committed - units)

    def _deduct(self, level: Level | None, deduction: stock.Deduction, *, is_shown: bool) -> Level | None:
        """Apply a deduction on the side that is guessed, as the request does, whatever the level says."""
        side = "deduct, shown: level" if is_shown else "deduct, not shown: level"
        if level is None or not may(side, level, self.without, units=deduction.units, edge=deduction.shown_from):
            return None
        guessed = replace(level, counted_as_of=deduction.shown_from if is_shown else "")
        after = stock.deduct(guessed, deduction)
        drev = level.drev if "deductions raise drev" in self.without else after.drev
        return replace(after, counted_as_of=level.counted_as_of, deducted=Frozen(after.deducted), drev=drev)

    # ---- a hold until the next count, as the source's word that it has none

    def _hold(self, w: World) -> Iterator[tuple[str, World]]:
        if w.left.get("holds"):
            now = w.tick + 1
            said = replace(_spend(w, "holds"), tick=now, holds=(*w.holds, now))
            yield f"tick {now}: the source says that it has none left", said
        for at in w.holds:
            over = replace(w, holds=tuple(each for each in w.holds if each != at))
            time = self.time(at)
            if w.level is None or w.level.counted_as_of >= time:
                yield f"the word of tick {at} is older than the count", over
                continue
            since = max(w.level.held_since, time)
            held = replace(w.level, held_since=since, held_until=UNTIL_COUNTED, drev=w.level.drev + 1)
            yield f"the hold of tick {at} is set", replace(over, level=held, held_at=max(at, w.held_at))

    # ---- runs of files

    def _run(self, w: World, running: Running) -> Iterator[tuple[str, World]]:
        says = f"the run of file {running.photograph}"
        me = self._me(w, running)
        if w.left.get("deliveries") and running.stage == "claim":
            yield f"{says} is delivered twice", _spend(replace(w, runs=with_(w.runs, running)), "deliveries")
        if w.left.get("crashes") and running.stage != "claim":
            again = Running(photograph=running.photograph)
            yield f"{says} crashes and comes again", _spend(self._goes_on(w, running, again), "crashes")
        match running.stage:
            case "claim":
                yield self._claim(w, running, me, says)
            case "claimed":
                yield self._claimed(w, running, me, says)
            case "rows":
                yield self._rows(w, running, me, says)
            case "write":
                yield self._write(w, running, says)
            case "finish":
                finishing = replace(running, stage="finished", feed=w.feed)
                yield f"{says} has written its rows", self._goes_on(w, running, finishing)
            case _:
                yield self._finish(w, running, me, says)

    def _claim(self, w: World, running: Running, me: Run, says: str) -> tuple[str, World]:
        claim = feeds.claim(w.feed, me)
        standing = claim.standing
        if standing is Standing.OLDER and "older files are refused" in self.without:
            standing = Standing.GOES_ON
        if standing in {Standing.DONE, Standing.OLDER}:
            return f"{says} is {standing}", replace(w, runs=without_(w.runs, running))
        stage = "claimed" if standing is Standing.OPENED else "rows"
        return f"{says} reads the feed", self._goes_on(w, running, replace(running, stage=stage, feed=w.feed))

    def _claimed(self, w: World, running: Running, me: Run, says: str) -> tuple[str, World]:
        assert running.feed
        if not may("feed", w.feed, self.without, seen=running.feed.revision):
            return f"{says} meets another run", self._goes_on(w, running, replace(running, stage="claim", feed=None))
        opened = replace(w, feed=feeds.claim(running.feed, me).feed)
        return f"{says} is open", self._goes_on(opened, running, replace(running, stage="rows"))

    def _rows(self, w: World, running: Running, me: Run, says: str) -> tuple[str, World]:
        """Compare with the snapshot and the open runs as they were when it claimed; ask which levels wait, now."""
        assert running.feed
        applied = running.feed.applied
        others = [self._photo(w, run) for run in feeds.claim(running.feed, me).others]
        waits = w.level is not None and (w.level.deducted or w.level.held_until)
        waiting = {A} if waits and "open levels are visited" not in self.without else set()
        found = photos.rows_to_write(
            self._photo(w, me),
            self._photo(w, applied) if applied else None,
            waiting,
            others if "open runs are looked at" not in self.without else (),
        )
        row = next((each for each in found if each.count), None)
        compared = applied.file if applied else ""
        if row is None:
            return (
                f"{says} skips its row, which says what file {compared} said",
                self._goes_on(w, running, Running(running.photograph, "finish", compared=compared)),
            )
        count = Count(key=trade.at("A", "alpina"), units=row.row.units, as_of=me.as_of, count_id=me.file)
        write: CountWrite = First(count=count) if row.old is None else stock.blind(count, row.old)
        planned = Running(running.photograph, "write", write=write, compared=compared)
        return f"{says} has a row to write", self._goes_on(w, running, planned)

    def _write(self, w: World, running: Running, says: str) -> tuple[str, World]:
        assert running.write
        if after := self._counted(w.level, running.write):
            done = replace(running, stage="finish", write=None)
            return f"{says} counts {after.counted}, {_kind(running.write)}", self._goes_on(
                replace(w, level=after), running, done
            )
        slack = self.slack
        if "gone with slack" in self.without:
            slack = timedelta(0)
        if "gone by its end" in self.without:
            slack -= stock.BUCKET
        planned = stock.exact(running.write.count, w.level, slack)
        if planned is None:
            done = replace(running, stage="finish", write=None)
            return f"{says} meets a newer count", self._goes_on(w, running, done)
        again = replace(running, write=planned)
        return f"{says} is refused its row ({_kind(running.write)}) and gets the level", self._goes_on(
            w, running, again
        )

    def _counted(self, level: Level | None, write: CountWrite) -> Level | None:  # noqa: PLR0911 - one return a refusal
        """Write a count; None where a condition refuses it."""
        count = write.count
        fields: dict[str, Any] = {"counted": count.units, "counted_as_of": count.as_of, "count_id": count.count_id}
        if isinstance(write, First):
            if not may("row, first", level, self.without):
                return None
            return trade.level("A", "alpina", count.units, **fields, deducted=Frozen(), last=Frozen())
        if level is None:
            return None
        if isinstance(write, Blind):
            if not may("row, blind", level, self.without, old=write.old, as_of=count.as_of):
                return None
            rise = count.units - write.old
            return replace(level, available=level.available + rise, drev=level.drev + 1, **fields)
        if not may("row, exact", level, self.without, seen=write.seen):
            return None
        left = Frozen({bucket: units for bucket, units in level.deducted.items() if bucket not in write.gone})
        if write.lifts_hold:
            fields |= {"held_since": "", "held_until": ""}
        return replace(level, available=level.available + write.rise, drev=level.drev + 1, deducted=left, **fields)

    def _finish(self, w: World, running: Running, me: Run, says: str) -> tuple[str, World]:
        assert running.feed
        over = replace(w, runs=without_(w.runs, running))
        rows = self._photo(w, me)
        compared = {A: Row(line=1, sku=A, units=w.photographs[int(running.compared)][1])} if running.compared else None
        after = photos.finish(running.feed, me, rows, compared)
        if after is None and "the snapshot never moves back" in self.without:
            after = replace(running.feed, applied=me, revision=running.feed.revision + 1)
        if after is None:
            return f"{says} ends after a newer one", over
        if not may("feed", w.feed, self.without, seen=running.feed.revision):
            return f"{says} meets another run", self._goes_on(w, running, replace(running, stage="finish", feed=None))
        return f"{says} is finished: it is the snapshot", replace(over, feed=replace(after, unconfirmed=Frozen()))

    # ---- what must hold

    def wrong(self, w: World) -> str:  # noqa: PLR0911 - one return a promise
        level = w.level
        if level is None:
            return ""
        if not stock.adds_up(level):
            return f"the level does not add up: {_told(level)}"
        promised = sum(each.committed for order in w.orders for each in order.allocations)
        if level.committed < 0:
            return f"the level promises less than nothing: {_told(level)}"
        if level.committed != promised:
            return f"the level promises {level.committed}, the orders hold {promised}"
        if not self.documents and sum(level.deducted.values()) > self.ordered * sum(1 for each in w.taken_off if each):
            return f"undersold: more is subtracted than the source has taken off: {_told(level)}"
        if any(stock.is_gone(bucket, level.counted_as_of, self.slack) for bucket in level.deducted):
            return f"undersold: what the photograph shows is still subtracted from it: {_told(level)}"
        return self._oversold(w, level) or (self._at_rest(w) if self._rests(w) else "")

    def _oversold(self, w: World, level: Level) -> str:
        if self.documents:
            return ""
        tick = next(tick for tick, _ in w.photographs if self.time(tick) == level.counted_as_of)
        photographed = dict(w.photographs)[tick]
        not_in_it = sum(
            self.ordered
            for order, taken_off in zip(w.orders, w.taken_off, strict=True)
            if _is_promised(order) and (not taken_off or taken_off > tick)
        )
        if level.available > photographed - not_in_it:
            return (
                f"OVERSOLD: {level.available} are offered; the file of tick {tick} says {photographed}, "
                f"of which {not_in_it} were promised and are not taken off in it"
            )
        if w.held_at > tick and not level.held_until:
            return f"OVERSOLD: the hold of tick {w.held_at} is gone, and the last count is of tick {tick}"
        return ""

    def _rests(self, w: World) -> bool:
        return not (w.documents or w.doing or w.runs or w.holds)

    def _at_rest(self, w: World) -> str:
        """Everything has arrived: one more photograph, and what is offered is what is there."""
        if self.documents:
            return self._documents_count_once(w)
        tick = w.tick + 2 + WINDOW // self.tick + 2 * self.skew
        number = len(w.photographs)
        last = replace(
            w,
            tick=tick,
            left=Frozen(),
            photographs=(*w.photographs, (tick, w.shelf)),
            runs=(Running(photograph=number),),
        )
        while last.runs:
            ((_, last),) = self._run(last, last.runs[0])
        level, truth = last.level, w.shelf - self._owed(w)
        assert level
        if level.available != truth:
            side = "OVERSOLD" if level.available > truth else "undersold for ever"
            return f"{side}: after a last file of {w.shelf} units {level.available} are offered, {truth} are there"
        if level.deducted or level.held_until or last.feed.open:
            return f"something stays open for ever: {_told(level)}, {last.feed.open}"
        return ""

    def _documents_count_once(self, w: World) -> str:
        for i, order in enumerate(w.orders):
            (allocation,) = order.allocations
            for kind, counted in (("accept", allocation.acked), ("ship", allocation.shipped)):
                said = sum(each.units for each in self.documents if (each.kind, each.order) == (kind, i))
                if counted != min(said, self.ordered):
                    return f"'{kind}' of order {i} says {said} in all, {counted} are counted"
        return ""

    def _owed(self, w: World) -> int:
        """Units that are promised and still on the shelf."""
        zipped = zip(w.orders, w.taken_off, strict=True)
        return sum(self.ordered for order, taken_off in zipped if _is_live(order) and not taken_off)

    # ---- words

    @property
    def slack(self) -> timedelta:
        return self.skew * self.tick

    def time(self, tick: int) -> str:
        return _time(tick, self.tick)

    def _me(self, w: World, running: Running) -> Run:
        number = running.photograph
        return Run(as_of=self.time(w.photographs[number][0]), file=str(number), snapshot=str(number), reading="")

    def _photo(self, w: World, run: Run) -> dict[Sku, Row]:
        return {A: Row(line=1, sku=A, units=w.photographs[int(run.file)][1])}

    @staticmethod
    def _goes_on(w: World, running: Running, after: Running) -> World:
        return replace(w, runs=with_(without_(w.runs, running), after))


def _told(level: Level) -> str:
    return (
        f"available {level.available}, counted {level.counted}, committed {level.committed}, "
        f"deducted {sum(level.deducted.values())}"
    )


def _kind(write: CountWrite) -> str:
    return type(write).__name__.lower()


def _is_live(order: Order) -> bool:
    return any(each.live for each in order.allocations)


def _is_promised(order: Order) -> bool:
    """Whether its units are, or were after all, taken off the source's count for it."""
    return _is_live(order) or any(each.acked for each in order.allocations)


@cache
def _time(tick: int, length: timedelta) -> str:
    return times.text(BEGIN + tick * length)


@cache
def _deduction(units: int, late: int, at: str, slack: timedelta) -> stock.Deduction:
    return stock.deduction(trade.at("A", "alpina"), units, late, times.read(at), slack)


def _spend(w: World, what: str) -> World:
    return replace(w, left=spend(w.left, what))
