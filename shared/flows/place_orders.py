"""A batch of the order queue -> recorded orders that hold their units (docs/protocols.md, Take).

Only this flow takes units. An order and its units are one transaction for up to 25 orders, so nothing is ever half
there: a second delivery, another worker or a crash meets the order's own condition. What a refusal returns is the
new truth, and the next step is derived from it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain import messages, orders, taking, times, twins
from shared.domain.asking import TAKES, Asked, Step, admitted, fold, next_step, unheard
from shared.domain.customers import PeopleAsk
from shared.domain.intake import Ask, Intake
from shared.domain.messages import (
    CountCode,
    Delivered,
    FetchOrder,
    FillSku,
    Listed,
    PlanOrder,
    Publish,
    Refresh,
    ReleaseFile,
    WritePiece,
)
from shared.domain.names import CapKey, ChannelId, LevelKey, OrderKey
from shared.domain.orders import Order
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PurchaseOrder, cancel_with_order
from shared.domain.rules import Channel, Rules
from shared.domain.stock import Level
from shared.domain.taking import Batch, Known, Needs
from shared.errors import InvalidInput, Rejected, Transient
from shared.flows.people_requests import PeopleRequests
from shared.flows.sold_out import SoldOut
from shared.storage import order_lists
from shared.storage.archive import Archive
from shared.storage.dynamo import Outcome
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from shared.storefronts.contract import Inbound

MOST_ROUNDS = 12
CONFLICTS_BEFORE_HALVING = 2


@dataclass(slots=True)
class Placed:
    """What became of a batch: messages to have again with the reason, and what was counted."""

    again: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Batch:
    """A batch on its way: what is asked of which order and by which message, and what is known."""

    asked: dict[OrderKey, Asked]
    asked_by: dict[OrderKey, set[str]]
    rules: Rules
    described: list[Intake]
    known: Known = field(default_factory=Known)

    def step(self, key: OrderKey) -> Step:
        return next_step(self.asked[key], self.known.orders.get(key))

    def to_do(self) -> list[OrderKey]:
        return [key for key in self.asked if self.step(key) is not Step.DONE]

    def learn(self, key: OrderKey, order: Order | None) -> None:
        if order:
            self.known.orders[key] = order
        else:
            self.known.orders.pop(key, None)

    def waits(self, moved: Mapping[CapKey, int]) -> None:
        for cap, units in moved.items():
            self.known.waiting[cap] = self.known.waiting.get(cap, 0) + units

    def drop(self, key: OrderKey) -> None:
        self.asked[key] = Asked(key=key)

    def answered(self, key: OrderKey) -> None:
        """Its ask for units is answered, with some or with none."""
        self.asked[key] = replace(self.asked[key], plan=False, fill=False)


@dataclass(slots=True)
class PlaceOrders:
    """Runs batches.

    `inbound` reads what a channel sends, `pause` waits a moment, given how often it was already in vain, `new_id`
    never gives the same twice.
    """

    book: OrderBook
    archive: Archive
    problems: Problems
    people: PeopleRequests
    inbound: Callable[[Channel], Inbound]
    new_id: Callable[[], str]
    pause: Callable[[int], None]
    sold_out: SoldOut = field(default_factory=SoldOut)

    def run(self, batch: Mapping[str, str], rules: Rules, now: datetime) -> Placed:
        """Work off a batch, `message id -> text`; answer what shall come again."""
        placed = Placed()
        work = self._open(batch, rules, now, placed)
        try:
            self._read(work, now)
        except Transient as failure:  # an order that was not read looks as if nothing were to do about it
            self._again(work, work.asked, placed, failure.code)
            return placed
        placed.counted += unheard(work.described, work.asked, work.known.orders)
        try:
            for _ in range(MOST_ROUNDS):
                if not work.to_do():
                    break
                self._move_all(work, now, placed)
                taking_now = [key for key in work.to_do() if work.step(key) in TAKES]
                self._take(work, taking_now, now, placed)
        except Transient as failure:
            self._again(work, work.to_do(), placed, failure.code)
        if left := work.to_do():
            placed.again |= {
                message: "no_progress" for key in left for message in work.asked_by[key] - placed.again.keys()
            }
        return placed

    def _open(self, batch: Mapping[str, str], rules: Rules, now: datetime, placed: Placed) -> _Batch:
        asks: list[Intake | PlanOrder] = []
        asked_by: dict[OrderKey, set[str]] = {}
        fills: dict[OrderKey, None] = {}
        for message_id, text in batch.items():
            try:
                for key, ask in self._ask(text, rules, now, placed):
                    asked_by.setdefault(key, set()).add(message_id)
                    if ask:
                        asks.append(ask)
                    else:
                        fills[key] = None
            except InvalidInput as failure:
                self._keep_aside(text, failure, now)
                placed.counted["MessageRefused"] += 1
            except Rejected as failure:
                placed.counted[f"OrderIgnored:{failure.code}"] += 1
            except Transient as failure:
                placed.again[message_id] = failure.code
        described = [ask for ask in asks if isinstance(ask, Intake) and ask.ask is not Ask.CANCEL]
        return _Batch(fold(asks, fills), asked_by, rules, described)

    def _ask(
        self, text: str, rules: Rules, now: datetime, placed: Placed
    ) -> Iterable[tuple[OrderKey, Intake | PlanOrder | None]]:
        """Read one message: which order it is about and what it asks; None asks for a fill.

        What is asked about people is recorded at once, and is about no order.
        """
        match messages.read(text):
            case PlanOrder() as ask:
                _channel(rules, ask.order.channel)
                return [(ask.order, ask)]
            case FillSku(sku=sku):
                return [(key, None) for key in self.book.waiting_for(sku) if key.channel in rules.channels]
            case Delivered() as event:
                channel = _channel(rules, event.channel)
                body = event.body.encode() or self.archive.get(event.archive_key)
                reader = self.inbound(channel)
                if isinstance(reader.ask_of(event.topic), PeopleAsk):
                    placed.counted[self.people.run(event, reader.read_request(event.topic, body), now)] += 1
                    return []
                intake = admitted(reader.read_order(event.channel, event.topic, body), channel)
                called = self.people.called(intake.order, intake.customer)
                return [(intake.key, replace(intake, order=replace(intake.order, customer=called)))]
            case FetchOrder() | Publish() | Listed() | Refresh() | ReleaseFile() | WritePiece() | CountCode():
                raise InvalidInput("this message is not for this queue", code="message_kind")

    def _keep_aside(self, text: str, failure: InvalidInput, now: datetime) -> None:
        """Make a message that can never be understood an exception; the archive has its bytes."""
        try:
            event = messages.read(text)
        except InvalidInput:
            subject = "message"
        else:
            subject = event.archive_key if isinstance(event, Delivered) else "message"
        action = "look at the archived event; when its cause is gone, deliver it again"
        self._problem("unreadable_event", subject, failure, action, now)

    def _problem(self, kind: str, subject: str, failure: InvalidInput, action: str, now: datetime) -> None:
        self.problems.open(Problem.of(kind, subject, failure, action), times.text(now))

    def _read(self, work: _Batch, now: datetime) -> None:
        """Read orders and all that their plans look at: one call where every order comes with its description.

        Levels that this worker remembers as sold out are not read.
        """
        described = {key for key, ask in work.asked.items() if ask.newest}
        if others := work.asked.keys() - described:
            work.known.orders.update(self.book.orders_of(others, consistent=True))
        asked = list(work.asked.values())
        needs = taking.needs(asked, work.known.orders, work.rules)
        remembered = self.sold_out.among(needs.levels, now) if _may_wait_a_second(work) else {}
        wanted = needs.without(remembered.keys())
        known = self.book.read(described, wanted, consistent=any(ask.fill for ask in asked))
        levels = {key: seen.level for key, seen in remembered.items() if seen.level} | known.levels
        offers = {key: seen.offer for key, seen in remembered.items() if seen.offer} | {**known.offers}
        work.known = replace(known, orders=work.known.orders | known.orders, levels=levels, offers=offers)
        for level_key in wanted.levels:
            self._see(work, level_key, known.levels.get(level_key), now)
        self._read_alternatives(work, needs, now)
        work.known = replace(work.known, twins=self._twins(work, now))

    def _twins(self, work: _Batch, now: datetime) -> dict[OrderKey, OrderKey]:
        """Find what other channels brought already of what is new, where that is to be held."""
        found: dict[OrderKey, OrderKey] = {}
        for key, ask in work.asked.items():
            if not ask.newest or key in work.known.orders or work.rules.channels[key.channel].imported_twice != "hold":
                continue
            likeness = twins.likeness(ask.newest.order, ask.newest.ship_to)
            seconds = int(now.timestamp())
            twin = likeness and order_lists.claimed_by_another(self.book.orders, likeness, key, seconds)
            if twin:
                found[key] = twin
        return found

    def _read_alternatives(self, work: _Batch, needs: Needs, now: datetime) -> None:
        """Read what may go out instead of what these orders want, where their channel has that."""
        more = Needs()
        for channel in {key.channel for key in work.asked}:
            more |= taking.alternatives(work.rules.channels[channel], needs.goods, work.known.goods, work.rules)
        wanted = replace(more, levels=more.levels - needs.levels, goods=more.goods - needs.goods)
        if not wanted.levels:
            return
        known = self.book.read((), wanted, consistent=True)
        work.known = replace(
            work.known,
            levels=work.known.levels | known.levels,
            offers={**work.known.offers, **known.offers},
            goods={**work.known.goods, **known.goods},
        )
        for key in wanted.levels:
            self._see(work, key, known.levels.get(key), now)

    def _see(self, work: _Batch, key: LevelKey, level: Level | None, now: datetime) -> None:
        """Take over a level as it just was."""
        if level:
            work.known.levels[key] = level
        else:
            work.known.levels.pop(key, None)
        self.sold_out.note(key, level, work.known.offers.get(key), now)

    # ---- moves: cancel and edit

    def _move_all(self, work: _Batch, now: datetime, placed: Placed) -> None:
        for key in list(work.asked):
            for _ in range(MOST_ROUNDS):
                if (step := work.step(key)) not in {Step.CANCEL, Step.EDIT}:
                    break
                try:
                    self._move(work, key, step, now, placed)
                except InvalidInput as failure:
                    self._problem("order_stuck", str(key), failure, "settle the order by hand", now)
                    work.drop(key)
                    break
            else:
                raise Transient("an order keeps changing", code="order_busy", order=str(key))

    def _move(self, work: _Batch, key: OrderKey, step: Step, now: datetime, placed: Placed) -> None:
        before, asked = work.known.orders[key], work.asked[key]
        changed: list[tuple[PurchaseOrder, PurchaseOrder]] = []
        part = f"#r{before.revision}"  # of a move that is too large for one transaction
        if step is Step.CANCEL:
            version = asked.cancel.order.version if asked.cancel else before.version
            move = orders.cancel(before, version, orders.MOST_LEVELS_A_MOVE)
            changed = cancel_with_order(self.book.purchase_orders(key), times.text(now))
            move_id = "cancel" + (part if before.cancel_wanted else "")
        else:
            assert asked.newest is not None  # noqa: S101 - an edit is asked for by a newer description
            newest = asked.newest.order
            known = {line.line for line in before.lines}
            wanted_units = orders.described(before, {line.line: line.ordered for line in newest.lines})
            added = [line for line in newest.lines if line.line not in known]
            move = orders.edit(before, wanted_units, newest.version, added, orders.MOST_LEVELS_A_MOVE)
            is_whole = move.order.version == newest.version
            move_id = f"edit#{newest.version}" + ("" if is_whole else part)
        is_due = move.order.is_unfinished and not move.order.waits_for_a_person
        due_at = times.text(now) if is_due else ""
        after = replace(move.order, revision=before.revision + 1, due_at=due_at)
        outcome = self._committed(
            lambda: self.book.move((before, after), move.effects, changed, move_id=move_id, now=now), placed
        )
        if outcome.is_done:
            work.learn(key, after)
            if step is Step.EDIT and asked.newest and after.version == asked.newest.order.version:
                self._tell_of_units_left(after, asked.newest.order, now)
            work.waits(taking.waits_moved(before, after))
            for effect in move.effects:
                if level := work.known.levels.get(effect.level):
                    units = effect.give_back
                    work.known.levels[effect.level] = replace(
                        level, available=level.available + units, committed=level.committed - units
                    )
            placed.counted["OrderCancelled" if step is Step.CANCEL else "OrderEdited"] += 1
        else:
            work.learn(key, self.book.order(key))

    def _tell_of_units_left(self, order: Order, described: Order, now: datetime) -> None:
        """Tell a person of units that the customer does not want any more, and that suppliers were asked for."""
        wanted = {line.line: line.ordered for line in described.lines}
        left = {line.line: line.ordered - line.cancelled - wanted.get(line.line, 0) for line in order.lines}
        details: dict[str, str | int] = {f"line {line}": units for line, units in left.items() if units > 0}
        if details:
            problem = Problem(
                kind="units_with_supplier",
                subject=str(order.key),
                reason="the customer wants fewer than suppliers were asked for",
                action="ask the supplier to take them off, then record its answer: truestock orders answer",
                details=details,
            )
            self.problems.open(problem, times.text(now))

    # ---- takes

    def _take(self, work: _Batch, keys: list[OrderKey], now: datetime, placed: Placed) -> None:
        """Take for these orders, one transaction at a time, in halves where other writers keep meeting it."""
        conflicts = 0
        for _ in range(MOST_ROUNDS):
            keys = [key for key in keys if work.step(key) in TAKES]
            if not keys:
                return
            attempt = self.new_id()
            batch = taking.plan_batch([work.asked[key] for key in keys], work.known, work.rules, attempt, now)
            for key in batch.unchanged:
                work.answered(key)
            if not batch.planned:
                continue
            addresses = {key: ask.newest.ship_to for key in keys if (ask := work.asked[key]).newest}
            self.book.put_beside(batch.planned, addresses, work.rules.version, now)
            self._offer(work, batch, now)
            outcome = self.book.take(batch, attempt, now)
            if outcome.is_done or self._is_ours(outcome, attempt):
                self._record(work, batch, now, placed)
            elif outcome.conflicts:
                conflicts += 1
                placed.counted["TransactionConflict"] += 1
                if conflicts > CONFLICTS_BEFORE_HALVING and len(batch.planned) > 1:
                    half = len(batch.planned) // 2
                    self._take(work, [one.after.key for one in batch.planned[:half]], now, placed)
                    self._take(work, [one.after.key for one in batch.planned[half:]], now, placed)
                else:
                    self.pause(conflicts)
            else:
                self._learn(work, outcome, now)
        raise Transient("levels keep changing", code="levels_busy", orders=len(keys))

    def _offer(self, work: _Batch, batch: Batch, now: datetime) -> None:
        """Name to a person what could go out instead: before it is committed, so that no crash loses it."""
        for one in batch.planned:
            if found := taking.choices(one, work.known, work.rules, now):
                problem = Problem(
                    kind="substitute_offered",
                    subject=str(one.after.key),
                    reason="units are short, and alternatives are there",
                    action="ask the customer; then truestock orders substitute ORDER LINE SKU --reason",
                    details={f"line {line}": ", ".join(told) for line, told in found.items()},
                )
                self.problems.open(problem, times.text(now))

    def _record(self, work: _Batch, batch: Batch, now: datetime, placed: Placed) -> None:
        for one in batch.planned:
            key = one.after.key
            work.learn(key, one.after)
            work.answered(key)
            placed.counted["OrderRecorded" if one.before is None else "OrderPlanned"] += 1
            placed.counted["ReservationRefused"] += bool(one.decision and one.decision.plan.short)
            placed.counted["OrderUnroutable"] += one.after.hold.startswith(orders.UNROUTABLE)
            placed.counted["UnitsBackordered"] += sum(line.backordered for line in one.after.lines)
        work.waits(batch.waits)
        for level_key, shares in batch.shares.items():
            units = sum(shares.values())
            level = work.known.levels[level_key]
            after = replace(level, available=level.available - units, committed=level.committed + units)
            self._see(work, level_key, after, now)
            placed.counted["UnitsReserved"] += units

    def _learn(self, work: _Batch, outcome: Outcome, now: datetime) -> None:
        """Take over what a refused transaction found: it is newer than what was read."""
        for refusal in outcome.refusals:
            if refusal.is_conflict:
                continue
            match refusal.action.about, refusal.found:
                case LevelKey() as key, (Level() | None) as level:
                    self._see(work, key, level, now)
                case OrderKey() as key, Order() as order:
                    work.learn(key, order)
                case OrderKey() as key, None:
                    work.learn(key, None)
                case CapKey() as cap, int() as units:
                    work.known.waiting[cap] = units

    @staticmethod
    def _is_ours(outcome: Outcome, attempt: str) -> bool:
        """Whether a refusal met our own write: the answer to an earlier try was lost."""
        return any(isinstance(r.found, Order) and r.found.attempt == attempt for r in outcome.refusals)

    def _committed(self, commit: Callable[[], Outcome], placed: Placed) -> Outcome:
        """Try a move again while only other writers are in its way."""
        for tried in range(1, MOST_ROUNDS):
            outcome = commit()
            if not outcome.conflicts:
                return outcome
            placed.counted["TransactionConflict"] += 1
            self.pause(tried)
        raise Transient("other writers keep meeting a move", code="move_busy")

    @staticmethod
    def _again(work: _Batch, keys: Iterable[OrderKey], placed: Placed, code: str) -> None:
        for key in keys:
            placed.again |= dict.fromkeys(work.asked_by[key], code)


def _may_wait_a_second(work: _Batch) -> bool:
    """Whether all that these orders lose by a level that is remembered wrongly is a second as backorders.

    A fill or a plan is asked for once, because something may have risen; what a channel holds, no fill comes after.
    """
    return all(
        work.rules.channels[key.channel].when_short == "backorder"
        and not work.rules.channels[key.channel].backorders
        and not (ask.fill or ask.plan)
        for key, ask in work.asked.items()
    )


def _channel(rules: Rules, channel: ChannelId) -> Channel:
    if channel not in rules.channels:
        raise InvalidInput("no such channel", code="unknown_channel", channel=channel)
    return rules.channels[channel]
