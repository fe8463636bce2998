"""One purchase order: made, claimed, sent once, looked up, cancelled, by workers that crash and requests that are late.

What a worker does follows `SendPurchaseOrders`: it reads, takes one step by what it read, and reads again where its
write met another one. A request that was sent arrives when it likes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from shared.domain import orders
from shared.domain.names import SourceId
from shared.domain.orders import DeductsAt, LineState, Order
from shared.domain.purchase_orders import ASKED_AGAIN, PoEvent, PoState, PurchaseOrder, cancel_with_order, step
from tests.model.conditions import may
from tests.model.frozen import Frozen, spend, with_, without_
from tests.support import trade

ALPINA = SourceId("alpina")
SENDS = frozenset({"send", "answer", "record", "no answer"})
"""What only a worker does whose claim is not over: it does not live longer."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, or a cancel, and what it does next with what it has read."""

    name: str
    does: str = "read"
    order: Order | None = None
    po: PurchaseOrder | None = None
    found: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """Everything, at one moment. `arrived`: orders that the supplier got; `has`: whether it will ship one."""

    order: Order
    left: Mapping[str, int]
    po: PurchaseOrder | None = None
    workers: tuple[Worker, ...] = ()
    on_the_way: tuple[str, ...] = ()
    arrived: int = 0
    has: bool = False
    is_over: bool = False
    named: int = 0
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingModel:
    """A world to search. `left`: how often workers start, cancels come, workers crash, answers are lost."""

    left: Mapping[str, int] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    def start(self) -> World:
        order = orders.take(trade.order("1", ("A", 1)), {("l1", ALPINA): 1}, attempt="t")
        return World(order=order, left=Frozen(self.left))

    # ---- what can happen

    def steps(self, w: World) -> Iterator[tuple[str, World]]:
        for kind, says in (("workers", "a worker starts"), ("cancels", "the customer cancels")):
            if w.left.get(kind):
                name = f"worker {w.named + 1}" if kind == "workers" else "the cancel"
                started = replace(w, workers=with_(w.workers, Worker(name)), named=w.named + (kind == "workers"))
                yield f"{says}: {name}", replace(started, left=spend(w.left, kind))
        for request in sorted(set(w.on_the_way)):
            arrived = replace(w, on_the_way=without_(w.on_the_way, request))
            if request == "order":
                yield "the order arrives at the supplier", replace(arrived, arrived=w.arrived + 1, has=True)
            else:
                has = "has it" if w.has else "knows no such order"
                yield f"the cancel request arrives at the supplier, which {has}", replace(arrived, has=False)
        is_sending = "order" in w.on_the_way or any(each.does in SENDS for each in w.workers)
        if w.po and w.po.state in ASKED_AGAIN and not w.is_over and not is_sending:
            yield "the claim is over", replace(w, is_over=True)
        for worker in w.workers:
            if w.left.get("crashes"):
                gone = replace(w, workers=without_(w.workers, worker), left=spend(w.left, "crashes"))
                yield f"{worker.name} crashes", replace(gone, left=Frozen({**gone.left, **_comes_again(gone, worker)}))
            yield from self._work(w, worker)

    def _work(self, w: World, worker: Worker) -> Iterator[tuple[str, World]]:  # noqa: C901 - one case a stage
        name = worker.name
        match worker.does:
            case "read":
                read = replace(worker, does="act", order=w.order, po=w.po)
                yield f"{name} reads", _goes_on(w, worker, read)
            case "act" if name == "the cancel":
                yield self._cancel(w, worker)
            case "act":
                yield self._act(w, worker)
            case "send":
                sent = replace(w, on_the_way=tuple(sorted((*w.on_the_way, "order"))))
                yield f"{name} sends the order", _goes_on(sent, worker, replace(worker, does="answer"))
            case "answer":
                if "order" not in w.on_the_way:
                    yield (
                        f"{name} is told that it arrived",
                        _goes_on(w, worker, replace(worker, does="record", po=w.po)),
                    )
                if w.left.get("time-outs"):
                    lost = replace(w, left=spend(w.left, "time-outs"))
                    yield f"{name} gets no answer", _goes_on(lost, worker, replace(worker, does="no answer"))
            case "no answer":
                yield self._no_answer(w, worker)
            case "record":
                yield self._record(w, worker)
            case "look":
                looked = replace(worker, does="looked", found=w.has)
                yield f"{name} asks the supplier: {'there' if w.has else 'not there'}", _goes_on(w, worker, looked)
            case "looked":
                yield self._looked(w, worker)
            case _:
                sent = replace(w, on_the_way=tuple(sorted((*w.on_the_way, "cancel"))))
                yield f"{name} sends the cancel request", self._told(sent, worker)

    def _act(self, w: World, worker: Worker) -> tuple[str, World]:  # noqa: PLR0911 - one return an outcome
        """Take one step by what was read."""
        name, order, po = worker.name, worker.order, worker.po
        assert order
        if po is None:
            if not order.total(LineState.RESERVED):
                return f"{name} has nothing to make", _ends(w, worker)
            made = PurchaseOrder(order=order.key, source=ALPINA, n=1, number="ALPINA-1", lines=())
            if not may("purchase order, make", w.po, self.without):
                return f"{name} finds it made", _goes_on(w, worker, Worker(name))
            return f"{name} makes the purchase order", _goes_on(replace(w, po=made), worker, replace(worker, po=made))
        looks_early = "nobody looks before the claim is over" in self.without
        match po.state:
            case PoState.READY:
                return self._claim(w, worker, order, po)
            case PoState.CLAIMED | PoState.UNKNOWN if w.is_over or looks_early:
                return f"{name} takes over a claim", _goes_on(w, worker, replace(worker, does="look"))
            case PoState.CANCELLING if not po.cancel_told:
                return f"{name} has a cancel to tell", _goes_on(w, worker, replace(worker, does="tell"))
        return f"{name} has nothing to do", _ends(w, worker)

    def _claim(self, w: World, worker: Worker, order: Order, po: PurchaseOrder) -> tuple[str, World]:
        name = worker.name
        is_po = may("purchase order, claim", w.po, self.without, seen=po.revision)
        if not order.total(LineState.RESERVED) and "a claim needs reserved units" not in self.without:
            is_order = may("purchase order, drop: order", w.order, self.without, seen=order.revision)
            if not (is_po and is_order):
                return f"{name} meets a change", _goes_on(w, worker, Worker(name))
            return f"{name} drops it: nothing is reserved", _ends(replace(w, po=step(po, PoEvent.CANCEL)), worker)
        sent = orders.send(order, 1, deducts_at=DeductsAt.SHIP).order if order.total(LineState.RESERVED) else order
        claimed = replace(step(po, PoEvent.CLAIM), claimed_by=self._claimed_by(name))
        is_order = may("purchase order, claim: order", w.order, self.without, seen=order.revision)
        if is_po and is_order:
            after = replace(w, order=replace(sent, revision=order.revision + 1), po=claimed, is_over=False)
        elif w.po == claimed:  # a refusal that meets its own write; equal requests are one to the table
            after = w
        else:
            return f"{name} meets a change", _goes_on(w, worker, Worker(name))
        return f"{name} has the claim", _goes_on(after, worker, Worker(name, "send", po=claimed))

    def _claimed_by(self, name: str) -> str:
        return "" if "a claim is new for every try" in self.without else name

    def _no_answer(self, w: World, worker: Worker) -> tuple[str, World]:
        mine, name = worker.po, worker.name
        assert mine
        assert w.po
        if w.po.state is not PoState.CLAIMED or w.po.claimed_by != mine.claimed_by:
            return f"{name} leaves it to who has claimed since", _ends(w, worker)
        return f"{name} records that nobody knows", _ends(replace(w, po=step(w.po, PoEvent.NO_ANSWER)), worker)

    def _record(self, w: World, worker: Worker) -> tuple[str, World]:
        """Record that the supplier has it; a wanted cancel can go out now."""
        seen, name = worker.po, worker.name
        assert seen
        if seen.state not in ASKED_AGAIN:
            return f"{name} finds it recorded", _ends(w, worker)
        if not may("purchase order, change", w.po, self.without, seen=seen.revision):
            return f"{name} meets a change", _goes_on(w, worker, replace(worker, po=w.po))
        after = step(seen, PoEvent.SENT)
        recorded = replace(w, po=after)
        if after.state is PoState.CANCELLING:
            return f"{name} records it as sent, to be cancelled", _goes_on(recorded, worker, Worker(name, "tell"))
        return f"{name} records it as sent", _ends(recorded, worker)

    def _looked(self, w: World, worker: Worker) -> tuple[str, World]:
        seen, order, name = worker.po, worker.order, worker.name
        assert seen
        assert order
        if worker.found:
            return f"{name} will record it", _goes_on(w, worker, replace(worker, does="record"))
        after = step(seen, PoEvent.ABSENT)
        if not may("purchase order, change", w.po, self.without, seen=seen.revision):
            return f"{name} meets a change", _goes_on(w, worker, Worker(name))
        if after.state is PoState.CANCELLED:
            if not may("move: order", w.order, self.without, seen=order.revision):
                return f"{name} meets a change", _goes_on(w, worker, Worker(name))
            freed = replace(orders.confirm_cancel(order, 1, "l1", 1).order, revision=order.revision + 1)
            return f"{name} cancels what was never sent", _ends(replace(w, po=after, order=freed), worker)
        claimed = replace(after, claimed_by=self._claimed_by(name))
        again = replace(w, po=claimed, is_over=False)
        return f"{name} claims it again", _goes_on(again, worker, Worker(name, "send", po=claimed))

    def _cancel(self, w: World, worker: Worker) -> tuple[str, World]:
        order, po = worker.order, worker.po
        assert order
        if order.cancel_wanted:
            return "the cancel is done already", _ends(w, worker)
        moved = replace(orders.cancel(order, 2).order, revision=order.revision + 1)
        changed = dict(cancel_with_order([po] if po else [], trade.NOW))
        is_po = not changed or may("purchase order, cancel", w.po, self.without, seen=po.revision if po else 0)
        if not may("move: order", w.order, self.without, seen=order.revision) or not is_po:
            return "the cancel meets a change", _goes_on(w, worker, Worker(worker.name))
        after = replace(w, order=moved, po=next(iter(changed.values()), w.po), is_cancelled=True)
        if "a wanted cancel waits for the send" in self.without and after.po and after.po.state in ASKED_AGAIN:
            told = replace(after, po=replace(after.po, state=PoState.CANCELLING))
            return "the cancel is committed, and tells the supplier", _goes_on(
                told, worker, Worker(worker.name, "tell")
            )
        return "the cancel is committed", _ends(after, worker)

    @staticmethod
    def _told(w: World, worker: Worker) -> World:
        ended = _ends(w, worker)
        if w.po and w.po.state is PoState.CANCELLING and not w.po.cancel_told:
            return replace(ended, po=replace(w.po, cancel_told=True, revision=w.po.revision + 1))
        return ended

    # ---- what must hold

    def wrong(self, w: World) -> str:  # noqa: PLR0911 - one return a promise
        if w.arrived + w.on_the_way.count("order") > 1:
            return "the same units were sent for TWICE"
        if w.order.is_cancelled and (w.has or "order" in w.on_the_way):
            return "the order is cancelled, and the supplier will ship it"
        if w.is_cancelled and not w.order.cancel_wanted:
            return "the cancel of the order is lost"
        if w.workers or w.on_the_way or w.po is None:
            return ""
        if w.po.state is PoState.SENT and not w.has:
            return "the purchase order says sent, and the supplier has nothing"
        if w.po.state is PoState.SENT and w.order.cancel_wanted:
            return "the cancel of the order never reaches the supplier"
        if w.po.state is PoState.CANCELLING and w.po.cancel_told and w.has:
            return "the supplier was told of the cancel, and will ship"
        if w.po.state is PoState.CANCELLED and w.order.total(LineState.RESERVED) + w.order.total(LineState.SENT):
            return "the purchase order is cancelled, and the order waits for it"
        return ""


def _goes_on(w: World, worker: Worker, after: Worker) -> World:
    return replace(w, workers=with_(without_(w.workers, worker), after))


def _ends(w: World, worker: Worker) -> World:
    return replace(w, workers=without_(w.workers, worker))


def _comes_again(w: World, worker: Worker) -> dict[str, int]:
    kind = "cancels" if worker.name == "the cancel" else "workers"
    return {kind: w.left.get(kind, 0) + 1}
