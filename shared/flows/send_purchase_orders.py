"""Orders that have changed -> purchase orders made, claimed, sent once, looked up, cancelled (docs/protocols.md).

What happens next follows from what is stored, never from the event that called: a second delivery finds the work
done. Nobody sends without a claim that stands in the item, and nobody asks or sends again before the claim of
another is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain import clocks, identity, orders, times
from shared.domain.facts import Codes
from shared.domain.gate import Ended
from shared.domain.names import LevelKey, OrderKey, SourceId
from shared.domain.orders import Effect, LineState, Order
from shared.domain.problems import Problem
from shared.domain.purchase_orders import ASKED_AGAIN, PoEvent, PoLine, PoState, PurchaseOrder, step
from shared.domain.rules import Rules, Source
from shared.domain.sending_rules import AS_FILES, Mode, WrittenAs
from shared.errors import AppError, Conflict, InvalidInput, Rejected, Transient
from shared.flows import cancel_requests, watch_clocks, written_orders
from shared.formats.purchase_order_csv import Document, Request
from shared.storage import pauses
from shared.storage.gates import Gates
from shared.storage.order_book import Deducting
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes
from shared.suppliers.contract import NotTaken, UnderWay, Way

TRIES = 3
SWEPT_AFTER = timedelta(minutes=2)
"""When the sweep takes over a purchase order that was made and not claimed."""
PAUSED_FOR = timedelta(minutes=15)
"""How long a paused purchase order waits before it is looked at again; who resumes looks at it at once."""
LOOKED_AGAIN_AFTER = timedelta(minutes=2)
"""When what is on its way is looked at again."""
THROTTLED = "throttled"
"""The code of a supplier that says itself how long to wait."""
TRIED_AGAIN_AFTER = timedelta(hours=1)
"""When what a person should mend is tried again."""
MOST_LINES_A_MOVE = 90
"""A transaction's hundred actions hold the marker, the order and the purchase order beside the levels."""

WATCHED = frozenset({PoState.SENT, PoState.ACKNOWLEDGED, PoState.CANCELLING, PoState.SHIPPED})
"""States in which nothing is left to do but to wait for the supplier."""

ACTIONS = {
    "no_ship_to": "give the order an address, or cancel it",
    "other_content": "compare the file with the purchase order; then cancel the order or settle it with the supplier",
    "no_supplier_code": "map a code of the supplier to the SKU, or give the units to another source",
    "not_whole_packs": "correct the pack of the mapping, or change the order to whole packs, or cancel it",
    "not_looked_up": "ask the supplier whether it has the purchase order; it is not sent again before that is known",
    "way_changed": "put the way of sending back until it is looked up, or ask the supplier and record its answer",
    **cancel_requests.ACTIONS,
    "supplier_failing": "see why the supplier fails; it is left alone for a while, then one purchase order tries",
    "send_failed_again": "see why the supplier cannot be reached; it is looked up and tried again",
}
MEND = "mend what the reason says; it is tried again by itself"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long this process may live: to `ends_at` at the latest; `left` answers how long that is from now."""

    ends_at: datetime
    left: Callable[[], timedelta]


@dataclass(slots=True)
class Sent:
    """What became of a run: what was counted, and the first failure that another run may not meet.

    `batched` are due to go out in one file with others, `unfinished` are in one that nobody finished: `SendBatches`.
    """

    counted: Counter[str] = field(default_factory=Counter)
    batched: list[PurchaseOrder] = field(default_factory=list)
    unfinished: list[PurchaseOrder] = field(default_factory=list)
    failure: AppError | None = None


@dataclass(slots=True)
class Run:
    """One run: by which rules, at what time, how long it may live, and what became of it."""

    rules: Rules
    now: datetime
    life: Lifetime
    sent: Sent = field(default_factory=Sent)

    @property
    def time(self) -> str:
        """Write the time of the run."""
        return times.text(self.now)

    def later(self, by: timedelta) -> str:
        """Write a time after it."""
        return times.text(self.now + by)

    def day_of(self, source: SourceId) -> str:
        """Return the day where a source is whose orders have a daily cap, else nothing."""
        found = self.rules.sources.get(source)
        return found.day(self.now) if found and found.shipping.orders_a_day is not None else ""

    def count(self, name: str) -> None:
        """Count one."""
        self.sent.counted[name] += 1

    def needs(self, time: timedelta) -> None:
        """Raise Transient when less time is left than a send can take: a sender must not end while it sends."""
        if self.life.left() < time:
            raise Transient("no time is left to send", code="no_time")


@dataclass(slots=True)
class Try:
    """One try to send: its claim, how the source is sent to, and how the try ended."""

    claim: str
    until: str
    source: Source
    way: Way
    ended: Ended = Ended.NOTHING
    wait: timedelta = timedelta()


@dataclass(slots=True)
class SendPurchaseOrders:
    """Brings the purchase orders of orders to their next state.

    `ways` answers how a source is sent to; `new_id` never gives the same twice.
    """

    outbox: Outbox
    pauses: Pauses
    problems: Problems
    codes: SupplierCodes
    gates: Gates
    ways: Callable[[Source], Way]
    new_id: Callable[[], str]

    def run(self, wanted: Iterable[OrderKey], rules: Rules, now: datetime, life: Lifetime) -> Sent:
        """Work for these orders. Every claim outlives this process and its last request."""
        run = Run(rules, now, life)
        for key in dict.fromkeys(wanted):
            try:
                self._order(key, run)
            except InvalidInput as failure:
                self.problem(str(key), failure, run)
            except (Conflict, Transient) as failure:
                run.sent.failure = run.sent.failure or failure
        return run.sent

    def _order(self, key: OrderKey, run: Run) -> None:
        order = self.outbox.order(key)
        if order is None:
            return
        there = self.outbox.purchase_orders(key)
        for i, po in enumerate([*there, *self._make(order, there, run)]):
            try:
                self._advance(self.outbox.order(key) or order if i else order, po, run)
            except (Conflict, Transient) as failure:
                run.sent.failure = run.sent.failure or failure

    def _make(self, order: Order, there: list[PurchaseOrder], run: Run) -> list[PurchaseOrder]:
        """Make a purchase order for each `n` that has reserved units; a held order waits for whoever lifts the hold."""
        numbered = {po.n for po in there}
        reserved = {each.n: each.source for each in order.allocations if each.count(LineState.RESERVED)}
        made = []
        for n, source in sorted(reserved.items()):
            if n in numbered or order.hold or order.cancel_wanted:
                continue
            po = PurchaseOrder(
                order=order.key,
                source=source,
                n=n,
                number=f"{source.upper()}-{self.outbox.number(source, day=run.day_of(source)):06d}",
                lines=reserved_lines(order, n),
                made_at=run.time,
                due_at=self._first_due(source, run),
            )
            if self.outbox.make(po):
                made.append(po)
                run.count("PurchaseOrderMade")
        return made

    @staticmethod
    def _first_due(source: SourceId, run: Run) -> str:
        """Say by when it is sent at the latest: what waits for its supplier to open is not looked at before."""
        found = run.rules.sources.get(source)
        waits_until = found.waits_until(run.now) if found else run.now
        return times.text(waits_until) if waits_until > run.now else run.later(SWEPT_AFTER)

    def _advance(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        """Take one step by what was read; after a write that met another one, read again and decide again."""
        if po.due_at and po.due_at <= run.time:
            self._tell(po, run)
        for _ in range(TRIES):
            try:
                self._step(order, po, run)
            except Conflict:
                po = self.outbox.purchase_order(po)
                order = self.outbox.order(po.order) or order
            except InvalidInput as failure:
                self.problem(po.number, failure, run)
                self.postpone(po, TRIED_AGAIN_AFTER, run)
                return
            else:
                return
        raise Transient("a purchase order keeps changing", code="po_busy", number=po.number)

    def _step(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        match po.state:
            case PoState.READY:
                self._claim(order, po, run)
            case PoState.CLAIMED | PoState.UNKNOWN if po.claimed_until < run.time:
                self._look(order, po, run)
            case PoState.CANCELLING if not po.cancel_told:
                self._tell_cancel(order, po, run)
            case PoState.SENT | PoState.ACKNOWLEDGED if self._is_past_limit(order, po, run):
                self._limit(order, po, run)
            case state if state in WATCHED and po.due_at and po.due_at <= run.time:
                self._watch(order, po, run)
            case PoState.FAILED if not po.cancel_wanted and po.due_at and po.due_at <= run.time:
                self._send_again(order, po, PoEvent.CLAIM, run)
            case PoState.FAILED if po.cancel_wanted:
                self._release(order, po, replace(step(po, PoEvent.CANCEL), due_at=""), run)
            case PoState.CANCELLED if _sent_lines(order, po.n):
                self._release(order, po, None, run)

    # ---- claim and send

    def _claim(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        lines = () if order.cancel_wanted else reserved_lines(order, po.n)
        if not lines:
            self.outbox.drop(order, po, replace(step(po, PoEvent.CANCEL), due_at=""))
            run.count("PurchaseOrderDropped")
            return
        if order.hold:
            self.postpone(po, TRIED_AGAIN_AFTER, run)
            return
        source = source_of(po, run)
        if self.is_paused(po, run) or not self._is_open(po, source, run):
            return
        if source.send_by.batch:
            self._await_batch(po, source, run)
            return
        asked = replace(po, lines=self.as_called(lines, source, run))
        content = self._content(order, asked, source, run)
        if self._is_shadowed(po, source, run):
            return
        with self.turn(po, source, run) as mine:
            if mine is None:
                return
            claimed, content = self._claimed(order, asked, PoEvent.CLAIM, mine, content, run)
            self.claim(order, po, claimed, source, run)
            self._send(order, claimed, content, mine, run)

    def claim(self, order: Order, po: PurchaseOrder, claimed: PurchaseOrder, source: Source, run: Run) -> None:
        """Write a claim, and its units as sent. Raises Conflict, or Rejected where nothing is reserved any more."""
        move = orders.send(order, po.n, deducts_at=source.deducts_at)
        sent = (order, replace(move.order, revision=order.revision + 1))
        if move.effects:  # it deducts at receipt, which is when it has surely taken the purchase order in
            deducting = Deducting(run.now + source.takes_in_within, source.feed.slack)
            move_id = f"send#{po.source}#{po.n}"
            self.outbox.settle(sent, move.effects, [(po, claimed)], move_id=move_id, now=run.now, deducting=deducting)
        else:
            self.outbox.claim(sent, (po, claimed))

    def _await_batch(self, po: PurchaseOrder, source: Source, run: Run) -> None:
        """Leave what is due to whoever sends it in one file with others."""
        if po.due_at and po.due_at <= run.time and not self._is_shadowed(po, source, run):
            run.sent.batched.append(po)

    @contextmanager
    def turn(self, po: PurchaseOrder, source: Source, run: Run) -> Iterator[Try | None]:
        """Begin a try when the source's limits let it; else the purchase order waits, and there is none."""
        way, limits = self.ways(source), source.send_by.limits
        run.needs(way.times_out)
        mine = Try(self.new_id(), times.text(run.life.ends_at + way.lands_within), source, way)
        if limits.are_none:
            yield mine
            return
        wait = self.gates.enter(po.source, limits, mine.claim, mine.until, run.now)
        if wait:
            self.postpone(po, wait - run.now, run)
            run.count("PurchaseOrderWaits")
            yield None
            return
        try:
            yield mine
        except AppError:
            self._leave(po, mine, run)
            raise
        self._leave(po, mine, run)

    def _leave(self, po: PurchaseOrder, mine: Try, run: Run) -> None:
        if self.gates.leave(po.source, mine.source.send_by.limits, mine.claim, mine.ended, run.now, mine.wait):
            self.problem(po.source, InvalidInput("a supplier fails", code="supplier_failing"), run)

    def as_called(self, lines: tuple[PoLine, ...], source: Source, run: Run) -> tuple[PoLine, ...]:
        """Put lines under the supplier's own codes as they are mapped now; the claim keeps them for later tries."""
        called = self.codes.called(source.source, {line.sku for line in lines}, identity.day_of(run.time, source.zone))
        unnamed = sorted({line.sku for line in lines} - called.keys())
        if unnamed and source.codes is Codes.MAPPED:
            raise InvalidInput("the supplier has no code for a SKU", code="no_supplier_code", sku=unnamed[0])
        return tuple(identity.theirs(line, *called[line.sku]) if line.sku in called else line for line in lines)

    def _claimed(
        self, order: Order, po: PurchaseOrder, event: PoEvent, mine: Try, content: bytes, run: Run
    ) -> tuple[PurchaseOrder, bytes]:
        """Claim for this very try: equal claims of two senders would be one transaction to the table.

        An interchange gets its control number with the first claim, and keeps it.
        """
        claimed = replace(
            step(po, event),
            claimed_by=mine.claim,
            claimed_until=mine.until,
            due_at=mine.until,
            sent_by=mine.source.send_by.name,
        )
        if mine.source.send_by.written_as is WrittenAs.X12 and not po.control:
            claimed = replace(claimed, control=self.outbox.number(po.source, "X12"))
            content = self._content(order, claimed, mine.source, run)
        return claimed, content

    def _send(
        self, order: Order, po: PurchaseOrder, content: bytes, mine: Try, run: Run, *, again: PoEvent | None = None
    ) -> None:
        run.needs(mine.way.times_out)
        try:
            mine.way.send(po.source, po.number, content)
        except Rejected as failure:
            mine.ended = Ended.ANSWERED
            self.problem(po.number, failure, run)  # first: what has failed is not looked at again
            self.change(
                po,
                lambda seen: _answered(seen, po, PoEvent.REFUSED, due_at=run.time if seen.cancel_wanted else ""),
            )
        except NotTaken as failure:
            mine.ended = Ended.THROTTLED if failure.code == THROTTLED else Ended.FAILED
            mine.wait = timedelta(seconds=failure.wait)
            due_at = run.later(mine.wait)
            self.change(
                po,
                lambda seen: _answered(seen, po, PoEvent.REFUSED, due_at=run.time if seen.cancel_wanted else due_at),
            )
            run.count("SendNotTaken")
            if again and mine.ended is Ended.FAILED:
                self._failed_again(po, failure, run)
        except Transient as failure:
            mine.ended = Ended.ANSWERED if isinstance(failure, UnderWay) else Ended.FAILED
            self.change(po, lambda seen: _answered(seen, po, PoEvent.NO_ANSWER, due_at=seen.claimed_until))
            run.count("SendUnanswered")
            if again is PoEvent.ABSENT or (again and mine.ended is Ended.FAILED):
                self._failed_again(po, failure, run)
        else:
            mine.ended = Ended.ANSWERED
            run.count("PurchaseOrderSent")
            self.record(order, po, run)

    def _failed_again(self, po: PurchaseOrder, failure: Transient, run: Run) -> None:
        twice = InvalidInput("a send got no answer again", code="send_failed_again", because=failure.code)
        self.problem(po.number, twice, run)

    def record(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        """Record that the supplier has it, whoever sent it; a wanted cancel can go out now."""

        def sent(seen: PurchaseOrder) -> PurchaseOrder | None:
            if seen.state not in ASKED_AGAIN:
                return None
            after = step(seen, PoEvent.SENT)
            after = replace(after, sent_at=run.time)
            return replace(after, due_at=self._due(order, after, run) if after.state is PoState.SENT else run.time)

        recorded = self.change(po, sent)
        if recorded.state is PoState.CANCELLING and not recorded.cancel_told:
            self._tell_cancel(order, recorded, run)

    # ---- after a claim that nobody finished

    def _look(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        if po.batch:
            run.sent.unfinished.append(po)
            return
        source = source_of(po, run)
        way = self.ways(source)
        if (po.sent_by or AS_FILES.name) != source.send_by.name:
            raise InvalidInput("it went out another way than the rules say now", code="way_changed", by=po.sent_by)
        if not way.looks:
            self._await(po, source, run)
            return
        content = self._content(order, po, source, run)
        try:
            is_there = way.has(po.source, po.number, content)
        except UnderWay:
            self.postpone(po, LOOKED_AGAIN_AFTER, run)
            return
        except Transient as failure:
            unknown = InvalidInput("nobody knows whether the supplier has it", code="not_looked_up")
            if po.state is not PoState.CLAIMED:
                raise unknown from failure
            self.problem(po.number, unknown, run)
            due_at = run.later(TRIED_AGAIN_AFTER)
            self.change(po, lambda seen: _answered(seen, po, PoEvent.NO_ANSWER, due_at=due_at))
            return
        if is_there:
            self.record(order, po, run)
        elif po.cancel_wanted:
            self._release(order, po, replace(step(po, PoEvent.ABSENT), due_at=""), run)
        else:
            self._send_again(order, po, PoEvent.ABSENT, run)

    def _await(self, po: PurchaseOrder, source: Source, run: Run) -> None:
        """Wait for the supplier's own answer, then ask a person: this way shows nobody what has arrived."""
        until = times.read(po.claimed_until) + source.send_by.unknown_for
        if po.state is PoState.CLAIMED:  # whoever claimed it is gone, and may have sent it
            self.change(po, lambda seen: _answered(seen, po, PoEvent.NO_ANSWER, due_at=times.text(until)))
        elif until > run.now:
            self.postpone(po, until - run.now, run)
        elif not po.due_at or po.due_at <= run.time:
            raise InvalidInput("nobody knows whether the supplier has it", code="not_looked_up")

    def _send_again(self, order: Order, po: PurchaseOrder, event: PoEvent, run: Run) -> None:
        """Claim and send what the supplier is known not to have; a refused one only when a person wants it."""
        source = source_of(po, run)
        if self.is_paused(po, run) or not self._is_open(po, source, run):
            return
        if source.send_by.batch:
            self._await_batch(po, source, run)
            return
        content = self._content(order, po, source, run)
        if self._is_shadowed(po, source, run):
            return
        with self.turn(po, source, run) as mine:
            if mine is None:
                return
            claimed, content = self._claimed(order, po, event, mine, content, run)
            self.outbox.change(po, claimed)
            self._send(order, claimed, content, mine, run, again=event)

    def _release(self, order: Order, before: PurchaseOrder, after: PurchaseOrder | None, run: Run) -> None:
        """Cancel the units of a purchase order that no supplier has, `after` it unless it is cancelled already."""
        lines = _sent_lines(order, before.n)
        now, left = lines[:MOST_LINES_A_MOVE], lines[MOST_LINES_A_MOVE:]
        freed: Counter[LevelKey] = Counter()
        cancelled = order
        for line in now:
            move = orders.confirm_cancel(cancelled, before.n, line.line, line.units)
            cancelled = move.order
            freed.update({effect.level: effect.give_back for effect in move.effects})
        released = replace(cancelled, revision=order.revision + 1)
        self.outbox.settle(
            (order, released),
            [Effect(level=level, give_back=units) for level, units in sorted(freed.items())],
            [(before, after)] if after and not left else [],
            move_id=f"never_sent#{before.source}#{before.n}#{len(left)}",
            now=run.now,
        )
        if left:
            self._release(released, before, after, run)
        else:
            run.count("PurchaseOrderDropped")

    def _tell_cancel(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        if self.is_paused(po, run):
            return
        source = source_of(po, run)
        way = self.ways(source)
        cancel_requests.takes(po, source, way, run.now)
        if self._is_shadowed(po, source, run):
            return
        run.needs(way.times_out)
        if source.send_by.written_as is WrittenAs.X12 and not po.cancel_control:
            number = self.outbox.number(po.source, "X12")
            numbered = replace(po, cancel_control=number, cancel_at=run.time, revision=po.revision + 1)
            self.outbox.change(po, numbered)
            po = numbered
        body = written_orders.written(written_orders.document(Request.CANCEL, order, po), po, source)
        try:
            cancel_requests.ask(way, po, body)
        except NotTaken as failure:
            self.postpone(po, timedelta(seconds=failure.wait), run)
            return

        def told(seen: PurchaseOrder) -> PurchaseOrder | None:
            if seen.state is not PoState.CANCELLING or seen.cancel_told:
                return None
            asked = replace(seen, cancel_told=True, cancel_at=seen.cancel_at or run.time, revision=seen.revision + 1)
            return replace(asked, due_at=self._due(order, asked, run))

        self.change(po, told)
        run.count("CancelRequested")

    # ---- what takes too long

    def _tell(self, po: PurchaseOrder, run: Run) -> None:
        """Open an exception for each clock that has run out; where a parcel is known, none for its number."""
        source = run.rules.sources.get(po.source)
        found = clocks.alerts(po, source, run.now) if source else ()
        if source is None or not found or (po.state is PoState.SHIPPED and self.outbox.is_tracked(po)):
            return
        run.sent.counted["ClockRanOut"] += watch_clocks.tell(self.problems, po, source, found, run.now)

    def _watch(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        """Look again when the next clock runs out; what is shipped and tracked needs nobody any more."""
        is_over = po.state is PoState.SHIPPED and self.outbox.is_tracked(po)
        try:
            due_at = "" if is_over else self._due(order, po, run)
            self.outbox.change(po, replace(po, due_at=due_at, revision=po.revision + 1))
        except Conflict:
            run.count("PostponeOvertaken")

    @staticmethod
    def _due(order: Order, po: PurchaseOrder, run: Run) -> str:
        return clocks.due_at(order, po, source_of(po, run), run.rules, run.now)

    # ---- what was shipped, and never said to be

    @staticmethod
    def _is_past_limit(order: Order, po: PurchaseOrder, run: Run) -> bool:
        """Whether the supplier must have shipped by now what its level still counts as promised."""
        source = run.rules.sources.get(po.source)
        if source is None or not po.sent_at or not po.due_at or po.due_at > run.time:
            return False
        is_promised = any(each.n == po.n and each.sent and each.committed for each in order.allocations)
        return is_promised and times.read(po.sent_at) + source.ships_within <= run.now

    def _limit(self, order: Order, po: PurchaseOrder, run: Run) -> None:
        """Take it off the level as of now: later than the supplier did is safe, earlier would not be."""
        move = orders.limit(order, po.n)
        self.outbox.settle(
            (order, replace(move.order, revision=order.revision + 1)),
            move.effects,
            [],
            move_id=f"limit#{po.source}#{po.n}",
            now=run.now,
            deducting=Deducting(run.now, run.rules.sources[po.source].feed.slack),
        )
        run.count("ShipmentAssumed")

    # ---- what all of them use

    def is_paused(self, po: PurchaseOrder, run: Run) -> bool:
        """Whether a person has stopped what goes to this supplier: then the purchase order waits."""
        if self.pauses.stops(pauses.supplier(po.source)) is None:
            return False
        self.postpone(po, PAUSED_FOR, run)
        run.count("PurchaseOrderPaused")
        return True

    def _is_open(self, po: PurchaseOrder, source: Source, run: Run) -> bool:
        """Whether a source takes purchase orders now: else it waits for the opening."""
        opens = source.may_send(run.now)
        if opens > run.now:
            self.postpone(po, opens - run.now, run)
            run.count("PurchaseOrderWaits")
        return opens <= run.now

    def _is_shadowed(self, po: PurchaseOrder, source: Source, run: Run) -> bool:
        """Whether nothing goes out to this source, though all of it is written and checked: then it waits."""
        if source.send_by.mode is not Mode.SHADOW:
            return False
        self.postpone(po, PAUSED_FOR, run)
        run.count("PurchaseOrderShadowed")
        return True

    def _content(self, order: Order, po: PurchaseOrder, source: Source, run: Run) -> bytes:
        """Write it with its address. What has no control number yet is written by the first, to see whether it can."""
        return written_orders.written(self.document(order, po, run), replace(po, control=po.control or 1), source)

    def document(self, order: Order, po: PurchaseOrder, run: Run) -> Document:
        """Say what is ordered, with the address. Raises InvalidInput where there is none."""
        address = self.outbox.ship_to(order, run.now)
        if not address:
            raise InvalidInput("the order has no address to ship to", code="no_ship_to")
        return replace(written_orders.document(Request.ORDER, order, po), ship_to=address)

    def change(self, po: PurchaseOrder, changed: Callable[[PurchaseOrder], PurchaseOrder | None]) -> PurchaseOrder:
        """Write what `changed` makes of the purchase order as it now is, None for nothing; return what then stands."""
        for _ in range(TRIES):
            after = changed(po)
            if after is None:
                return po
            try:
                self.outbox.change(po, after)
            except Conflict:
                po = self.outbox.purchase_order(po)
            else:
                return after
        raise Transient("a purchase order keeps changing", code="po_busy", number=po.number)

    def postpone(self, po: PurchaseOrder, by: timedelta, run: Run) -> None:
        """Let the sweep rest: every write wakes the stream again, so what is not due is left alone."""
        if not po.due_at or po.due_at > run.time:
            return
        try:
            self.outbox.change(po, replace(po, due_at=run.later(by), revision=po.revision + 1))
        except Conflict:
            run.count("PostponeOvertaken")

    def problem(self, subject: str, failure: AppError, run: Run) -> None:
        """Make a failure an exception, with what to do about it."""
        run.count("PurchaseOrderStuck")
        action = ACTIONS.get(failure.code, MEND)
        details = {name: value for name, value in failure.details.items() if isinstance(value, str | int)}
        self.problems.open(Problem.of(failure.code, subject, failure, action, details), run.time)


def reserved_lines(order: Order, n: int) -> tuple[PoLine, ...]:
    """Say what of an order is reserved under a number."""
    return _lines(order, n, lambda each: each.count(LineState.RESERVED))


def _sent_lines(order: Order, n: int) -> tuple[PoLine, ...]:
    return _lines(order, n, lambda each: each.count(LineState.SENT) + each.count(LineState.ACCEPTED))


def _lines(order: Order, n: int, units: Callable[[orders.Allocation], int]) -> tuple[PoLine, ...]:
    mine = [each for each in order.allocations if each.n == n and units(each)]
    return tuple(PoLine(line=each.line, sku=order.line(each.line).sku, units=units(each)) for each in mine)


def source_of(po: PurchaseOrder, run: Run) -> Source:
    """Find a source in the rules. Raises InvalidInput for one that is gone."""
    source = run.rules.sources.get(po.source)
    if source is None:
        raise InvalidInput("no such source", code="unknown_source", source=po.source)
    return source


def _answered(seen: PurchaseOrder, mine: PurchaseOrder, event: PoEvent, *, due_at: str) -> PurchaseOrder | None:
    """Record the answer to a send while its claim stands: a claim made since belongs to another sender."""
    if seen.state is not PoState.CLAIMED or seen.claimed_by != mine.claimed_by:
        return None
    return replace(step(seen, event), due_at=due_at)
