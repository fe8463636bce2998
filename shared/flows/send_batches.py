"""Purchase orders that go out together -> claimed each in its own item, sent in one file, and that one looked up.

The claim of a batch stands in the batch: who claims it sends it, and nobody asks or sends again before that is over.
What is in the file follows from the batch and the claims of its members alone (docs/protocols.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from shared.domain import times
from shared.domain.batches import Batch, BatchState, Member
from shared.domain.gate import Ended
from shared.domain.orders import Order
from shared.domain.purchase_orders import PoEvent, PoState, PurchaseOrder, step
from shared.domain.rules import Rules, Source
from shared.domain.sending_rules import MOST_IN_A_BATCH, WrittenAs
from shared.errors import Conflict, InvalidInput, Rejected, Transient
from shared.flows import written_orders
from shared.flows.send_purchase_orders import (
    LOOKED_AGAIN_AFTER,
    THROTTLED,
    TRIED_AGAIN_AFTER,
    Lifetime,
    Run,
    SendPurchaseOrders,
    Sent,
    Try,
    reserved_lines,
    source_of,
)
from shared.formats.purchase_order_csv import Document
from shared.storage.batches import Batches
from shared.suppliers.contract import NotTaken, UnderWay

STOPS_CLAIMING_WITH = timedelta(seconds=10)
"""How much more time than a send takes is left when no more is claimed."""

In = tuple[Order, PurchaseOrder]
"""A member, and its order."""


@dataclass(slots=True)
class SendBatches:
    """Sends what `purchase_orders` left for a batch, and finishes batches that nobody finished."""

    purchase_orders: SendPurchaseOrders
    batches: Batches

    def run(self, found: Sent, rules: Rules, now: datetime, life: Lifetime) -> Sent:
        """Work off what was found to be due. A batch that fails stops no other; it is still due in a minute."""
        run = Run(rules, now, life)
        for source, number in dict.fromkeys((po.source, po.batch) for po in found.unfinished):
            mine = [po for po in found.unfinished if (po.source, po.batch) == (source, number)]
            self._guarded(mine, run, self._finish)
        for source in dict.fromkeys(po.source for po in found.batched):
            waiting = sorted((po for po in found.batched if po.source == source), key=lambda po: po.number)
            batching = rules.sources[source].send_by.batch
            most = batching.most if batching else MOST_IN_A_BATCH
            for begin in range(0, len(waiting), most):
                chunk = waiting[begin : begin + most]
                self._guarded(chunk, run, self._begin)
        return run.sent

    def _guarded(
        self, pos: Sequence[PurchaseOrder], run: Run, work: Callable[[Sequence[PurchaseOrder], Run], None]
    ) -> None:
        try:
            work(pos, run)
        except InvalidInput as failure:
            self.purchase_orders.problem(pos[0].number, failure, run)
            self._postpone(pos, TRIED_AGAIN_AFTER, run)
        except (Conflict, Transient) as failure:
            run.sent.failure = run.sent.failure or failure

    # ---- begin one

    def _begin(self, pos: Sequence[PurchaseOrder], run: Run) -> None:
        source = source_of(pos[0], run)
        with self.purchase_orders.turn(pos[0], source, run) as mine:
            if mine is None:
                return
            batch = self._opened(pos, mine, run)
            claimed = []
            for po in pos:
                if run.life.left() < mine.way.times_out + STOPS_CLAIMING_WITH:
                    break
                if one := self._claim(po, batch, source, run):
                    claimed.append(one)
            self._put(self._closed(batch, claimed, mine), claimed, mine, run, is_first=True)

    def _opened(self, pos: Sequence[PurchaseOrder], mine: Try, run: Run) -> Batch:
        """Write down who may be in it, before anybody is claimed for it."""
        outbox, source = self.purchase_orders.outbox, mine.source
        batch = Batch(
            source=source.source,
            number=f"{source.source.upper()}-B{outbox.number(source.source, 'BATCH'):06d}",
            candidates=tuple(Member(po.order, po.n) for po in pos),
            claimed_by=mine.claim,
            claimed_until=mine.until,
            sent_by=source.send_by.name,
            made_at=run.time,
            control=outbox.number(source.source, "X12") if source.send_by.written_as is WrittenAs.X12 else 0,
        )
        if not self.batches.open(batch):
            raise Conflict("a batch has this number", code="batch_taken", number=batch.number)
        return batch

    def _claim(self, po: PurchaseOrder, batch: Batch, source: Source, run: Run) -> In | None:
        """Claim one for the batch; none where it changed meanwhile, or cannot go out as it is."""
        flow = self.purchase_orders
        order = flow.outbox.order(po.order)
        is_new = po.state is PoState.READY
        lines = reserved_lines(order, po.n) if order and is_new else po.lines
        if order is None or order.hold or order.cancel_wanted or not lines:
            return None  # whoever works for its order decides
        try:
            asked = replace(po, lines=flow.as_called(lines, source, run)) if is_new else po
            claimed = replace(
                step(asked, PoEvent.CLAIM),
                claimed_by=batch.claimed_by,
                claimed_until=batch.claimed_until,
                due_at=batch.claimed_until,
                sent_by=batch.sent_by,
                batch=batch.number,
            )
            written_orders.batched([(flow.document(order, claimed, run), claimed)], batch, source)
            if is_new:
                flow.claim(order, po, claimed, source, run)
            else:
                flow.outbox.change(po, claimed)
        except InvalidInput as failure:
            flow.problem(po.number, failure, run)
            flow.postpone(po, TRIED_AGAIN_AFTER, run)
            return None
        except (Conflict, Rejected):
            return None
        return order, claimed

    def _closed(self, batch: Batch, claimed: Iterable[In], mine: Try) -> Batch:
        """Say who is in it: a claim that comes after this is void. Raises Conflict when someone else closed it."""
        members = tuple(Member(po.order, po.n) for _, po in claimed)
        closed = replace(
            batch,
            members=members,
            state=BatchState.SENDING if members else BatchState.FAILED,
            claimed_by=mine.claim,
            claimed_until=mine.until,
        )
        return self._written(closed)

    # ---- send it

    def _put(self, batch: Batch, members: Sequence[In], mine: Try, run: Run, *, is_first: bool) -> None:
        """Send a batch that is ours, record how that ended, and then in each member."""
        if not members:
            return
        content = self._content(batch, members, mine.source, run)
        run.needs(mine.way.times_out)
        try:
            mine.way.send(batch.source, batch.number, content)
        except (Rejected, Transient) as failure:
            ended = self._failed(batch, failure, members, mine, run, is_first=is_first)
        else:
            mine.ended = Ended.ANSWERED
            ended = replace(batch, state=BatchState.SENT)
            run.count("BatchSent")
        self._settle(self._written(ended), members, run)

    def _failed(
        self,
        batch: Batch,
        failure: Rejected | Transient,
        members: Sequence[In],
        mine: Try,
        run: Run,
        *,
        is_first: bool,
    ) -> Batch:
        """Say what a send that was not answered by a yes comes to; an earlier try may have arrived."""
        flow, surely = self.purchase_orders, BatchState.FAILED if is_first else BatchState.UNKNOWN
        match failure:
            case Rejected():
                mine.ended = Ended.ANSWERED
                flow.problem(members[0][1].number, failure, run)
                return replace(batch, state=surely)
            case NotTaken():
                mine.ended = Ended.THROTTLED if failure.code == THROTTLED else Ended.FAILED
                mine.wait = timedelta(seconds=failure.wait)
                run.count("SendNotTaken")
                return replace(batch, state=surely, retry_at=run.later(mine.wait))
        mine.ended = Ended.ANSWERED if isinstance(failure, UnderWay) else Ended.FAILED
        run.count("SendUnanswered")
        return replace(batch, state=BatchState.UNKNOWN)

    def _settle(self, batch: Batch, members: Iterable[In], run: Run) -> None:
        """Let each member say what became of the batch, unless it says so already."""
        flow = self.purchase_orders
        for order, po in members:
            match batch.state:
                case BatchState.SENT:
                    flow.record(order, po, run)
                case BatchState.UNKNOWN:
                    flow.change(po, partial(_unknown, batch=batch))
                case BatchState.FAILED:
                    flow.change(po, partial(_freed, batch=batch, due_at=batch.retry_at, run=run))

    # ---- finish what nobody finished

    def _finish(self, pos: Sequence[PurchaseOrder], run: Run) -> None:
        """Bring a batch to its end, by any of its members that is due."""
        po = pos[0]
        batch = self.batches.read(po.source, po.batch)
        if batch is None:
            raise InvalidInput("a batch is gone", code="batch_gone", number=po.batch)
        source = source_of(po, run)
        if batch.state in {BatchState.SENT, BatchState.FAILED}:
            self._settle(batch, self._members(batch, batch.members), run)
        elif batch.claimed_until >= run.time:
            self._postpone(pos, times.read(batch.claimed_until) - run.now, run)
            return
        elif self.purchase_orders.is_paused(po, run):
            return
        elif batch.sent_by != source.send_by.name:
            raise InvalidInput("it went out another way than the rules say now", code="way_changed", by=batch.sent_by)
        elif batch.state is BatchState.OPEN:
            self._send(batch, source, run)
        else:
            self._look(batch, source, run)
        self._free(pos, run)

    def _free(self, pos: Iterable[PurchaseOrder], run: Run) -> None:
        """Let go of what was claimed for a batch after it was closed: it is in no file."""
        for po in pos:
            batch = self.batches.read(po.source, po.batch)
            if batch and batch.state is not BatchState.OPEN and Member(po.order, po.n) not in batch.members:
                self.purchase_orders.change(po, partial(_freed, batch=batch, due_at=run.time, run=run))

    def _send(self, batch: Batch, source: Source, run: Run) -> None:
        """Claim a batch and send it: for the first time, or because it surely is not there."""
        is_first = batch.state is BatchState.OPEN
        members = self._members(batch, batch.candidates if is_first else batch.members)
        inside = [(order, po) for order, po in members if po.batch == batch.number]
        if is_first:
            inside = [(order, po) for order, po in inside if po.state is PoState.CLAIMED]
        if not inside:
            self._written(replace(batch, state=BatchState.FAILED))
            return
        with self.purchase_orders.turn(inside[0][1], source, run) as mine:
            if mine is None:
                return
            claimed = replace(batch, claimed_by=mine.claim, claimed_until=mine.until)
            ours = self._closed(batch, inside, mine) if is_first else self._written(claimed)
            self._put(ours, inside, mine, run, is_first=is_first)

    def _look(self, batch: Batch, source: Source, run: Run) -> None:
        way, members = self.purchase_orders.ways(source), self._members(batch, batch.members)
        pos = [po for _, po in members]
        until = times.read(batch.claimed_until) + source.send_by.unknown_for
        unknown = replace(batch, state=BatchState.UNKNOWN)
        if not way.looks:
            if batch.state is not BatchState.UNKNOWN:
                self._settle(self._written(unknown), members, run)
            elif until > run.now:
                self._postpone(pos, until - run.now, run)
            else:
                raise InvalidInput("nobody knows whether the supplier has it", code="not_looked_up")
            return
        try:
            is_there = way.has(batch.source, batch.number, self._content(batch, members, source, run))
        except UnderWay:
            self._postpone(pos, LOOKED_AGAIN_AFTER, run)
            return
        except Transient as failure:
            if batch.state is not BatchState.UNKNOWN:
                self._settle(self._written(unknown), members, run)
            raise InvalidInput("nobody knows whether the supplier has it", code="not_looked_up") from failure
        if is_there:
            self._settle(self._written(replace(batch, state=BatchState.SENT)), members, run)
        else:
            self._send(batch, source, run)

    # ---- what all of them use

    def _members(self, batch: Batch, wanted: Iterable[Member]) -> list[In]:
        """Read purchase orders of a batch with their orders, strongly, in the order of the batch."""
        found = []
        for member in wanted:
            order = self.purchase_orders.outbox.order(member.order)
            there = self.purchase_orders.outbox.purchase_orders(member.order)
            po = next((each for each in there if (each.source, each.n) == (batch.source, member.n)), None)
            if order is None or po is None:
                raise InvalidInput("a purchase order of a batch is gone", code="po_gone", number=batch.number)
            found.append((order, po))
        return found

    def _content(self, batch: Batch, members: Sequence[In], source: Source, run: Run) -> bytes:
        documents: list[tuple[Document, PurchaseOrder]] = [
            (self.purchase_orders.document(order, po, run), po) for order, po in members
        ]
        return written_orders.batched(documents, batch, source)

    def _written(self, batch: Batch) -> Batch:
        """Write a batch over the revision that was seen. Raises Conflict when someone wrote it since."""
        after = replace(batch, revision=batch.revision + 1)
        if not self.batches.change(after):
            raise Conflict("a batch has changed", code="batch_changed", number=batch.number)
        return after

    def _postpone(self, pos: Iterable[PurchaseOrder], by: timedelta, run: Run) -> None:
        for po in pos:
            self.purchase_orders.postpone(po, by, run)


def _unknown(seen: PurchaseOrder, batch: Batch) -> PurchaseOrder | None:
    """Note that nobody knows whether a batch arrived."""
    if seen.batch != batch.number or seen.state is not PoState.CLAIMED:
        return None
    return replace(step(seen, PoEvent.NO_ANSWER), due_at=batch.claimed_until)


def _freed(seen: PurchaseOrder, batch: Batch, due_at: str, run: Run) -> PurchaseOrder | None:
    """Let a purchase order go out by another batch: it surely was not sent by this one."""
    if seen.batch != batch.number or seen.state is not PoState.CLAIMED:
        return None
    return replace(step(seen, PoEvent.REFUSED), batch="", due_at=run.time if seen.cancel_wanted else due_at)
