"""Orders and the levels they stand on: one read for a batch, and the transactions that move units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from shared.domain import stock, times
from shared.domain.names import LevelKey, OrderKey, Sku, order_key
from shared.domain.orders import Effect, Order
from shared.domain.purchase_orders import PurchaseOrder
from shared.domain.routing.candidates import Goods
from shared.domain.stock import Deduction, Level
from shared.domain.taking import Batch, Known, Needs, Planned, waits_moved
from shared.storage import (
    caps,
    dynamo,
    facts,
    feeds,
    keys,
    levels,
    offers,
    orders,
    pauses,
    people,
    plans,
    purchase_orders,
)
from shared.storage.dynamo import Action, Outcome, Table, Transactions
from shared.storage.keys import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

K = TypeVar("K")
V = TypeVar("V")

MOST_WAITING_READ = 100


@dataclass(frozen=True, slots=True)
class Deducting:
    """When a source took units off its own count, and how far its clock may be off."""

    at: datetime
    slack: timedelta


@dataclass(slots=True)
class OrderBook:
    """Both tables, as the flows that move units need them."""

    client: DynamoDBClient
    stock: Table
    orders: Table

    @classmethod
    def of(cls, client: DynamoDBClient, stock_table: str, order_table: str) -> OrderBook:
        """Build one from the names of the tables."""
        return cls(client, Table(client, stock_table), Table(client, order_table))

    def read(self, wanted: Iterable[OrderKey], needs: Needs, *, consistent: bool) -> Known:
        """Read orders and what their plans look at, 100 items a call."""
        order_of = {keys.order(key): key for key in wanted}
        counter_of = {keys.counter(source, "PO"): source for source in needs.counters}
        level_of = {keys.level(key): key for key in needs.levels}
        offer_of = {keys.offer(key): key for key in needs.levels}
        goods_of = {keys.item(sku): sku for sku in needs.goods}
        feed_of = {keys.feed(source): source for source in needs.feeds}
        pause_of = {keys.pause(pauses.supplier(source)): source for source in needs.pauses}
        cap_of = {keys.waiting(cap.channel, cap.sku): cap for cap in needs.caps}
        of_orders = [(self.orders.name, at) for at in (*order_of, *counter_of)]
        of_stock = [(self.stock.name, at) for at in (*level_of, *offer_of, *goods_of, *feed_of, *pause_of, *cap_of)]
        found = dynamo.read_all(self.client, [*of_orders, *of_stock], consistent=consistent)
        items = {at: item for (_, at), item in found.items()}
        return Known(
            orders=_read(order_of, items, orders.from_item),
            levels=_read(level_of, items, levels.from_item),
            offers=_read(offer_of, items, offers.from_item),
            goods=_read(goods_of, items, _goods),
            feeds=_read(feed_of, items, feeds.from_item),
            paused=frozenset(source for at, source in pause_of.items() if pauses.holds(items.get(at))),
            numbered=_read(counter_of, items, _numbered),
            waiting=_read(cap_of, items, caps.units),
        )

    def orders_of(self, wanted: Iterable[OrderKey], *, consistent: bool) -> dict[OrderKey, Order]:
        """Read orders alone; absent ones are absent from the answer."""
        return self.read(wanted, Needs(), consistent=consistent).orders

    def order(self, key: OrderKey) -> Order | None:
        """Read one order, strongly."""
        found = self.orders.get(keys.order(key))
        return orders.from_item(found) if found else None

    def purchase_orders(self, key: OrderKey) -> list[PurchaseOrder]:
        """Read all purchase orders of an order, strongly."""
        names = {":pk": keys.order(key).pk, ":po": "PO#"}
        found = self.orders.query("PK = :pk AND begins_with(SK, :po)", names, consistent=True)
        return [purchase_orders.from_item(item) for item in found]

    def has_moved(self, key: OrderKey, move_id: str) -> bool:
        """Answer whether a move was made, strongly read."""
        return self.orders.get(keys.event(key, move_id)) is not None

    def waiting_for(self, sku: Sku) -> list[OrderKey]:
        """List up to 100 orders that wait for a SKU, oldest first, strongly."""
        names = {":pk": f"BACK#{sku}"}
        found = self.orders.query("PK = :pk", names, consistent=True, limit=MOST_WAITING_READ)
        return list(dict.fromkeys(order_key(item["SK"].split("#", 1)[1].rpartition("#")[0]) for item in found))

    def put_beside(
        self,
        planned: Sequence[Planned],
        addresses: Mapping[OrderKey, Mapping[str, str]],
        rules_version: str,
        now: datetime,
    ) -> None:
        """Write plans, addresses and whose they are before the orders that will name them."""
        items = []
        for one in planned:
            key, attempt = one.after.key, one.after.attempt
            if one.decision:
                items.append(plans.plan_item(key, attempt, one.decision, rules_version, now))
            if attempt and one.after.ship_to == attempt:
                items.append(plans.ship_to_item(key, attempt, addresses[key], now))
            if one.before is None and one.after.customer:
                items.append(people.customer_item(one.after))
        self.orders.write_all(items)

    def take(self, batch: Batch, attempt: str, now: datetime) -> Outcome:
        """Commit a batch: every order and every level of it, or nothing."""
        actions: list[Action] = [
            orders.put_seen(self.orders.name, one.after, one.before)
            if one.before
            else orders.put_new(self.orders.name, one.after)
            for one in batch.planned
        ]
        for level, shares in sorted(batch.shares.items()):
            by_token = {key.token: units for key, units in shares.items()}
            actions.append(levels.take(self.stock.name, level, by_token, attempt, times.text(now)))
        for cap, units in sorted(batch.waits.items()):
            actions.append(caps.move(self.stock.name, cap, units, batch.caps.get(cap) if units > 0 else None))
        return Transactions(self.client).commit(actions)

    def move(
        self,
        order: tuple[Order, Order],
        effects: Sequence[Effect],
        changed: Sequence[tuple[PurchaseOrder, PurchaseOrder]],
        *,
        move_id: str,
        now: datetime,
        notes: Mapping[str, str | int] | None = None,
        deducting: Deducting | None = None,
    ) -> Outcome:
        """Commit a move once: its marker, order and purchase orders `(before, after)`, units given back or deducted.

        `notes` are kept with the marker. Whether a level's photograph shows a deduction, and which bucket it joins,
        is guessed, and guessed anew from the level that refuses.
        """
        before, after = order
        pk, sk = keys.event(before.key, move_id)
        kind = move_id.partition("#")[0]
        marker = {
            "PK": pk,
            "SK": sk,
            "entity": "event",
            "schema": 1,
            "revision": 1,
            "kind": kind,
            "at": times.text(now),
        }
        marker |= notes or {}
        actions = [
            dynamo.put_new_action(move_id, self.orders.name, marker, lambda _: move_id),
            orders.put_seen(self.orders.name, after, before),
            *(purchase_orders.put_seen(self.orders.name, new, old) for old, new in changed),
            *(caps.move(self.stock.name, cap, units) for cap, units in waits_moved(before, after).items()),
        ]
        token, cause = before.key.token, (kind, move_id)
        given_back = [
            levels.give_back(self.stock.name, effect.level, effect.give_back, token, cause, times.text(now))
            for effect in effects
            if effect.give_back
        ]
        deductions = _deductions(effects, deducting)
        shown = dict.fromkeys(deductions, False)
        while True:
            deducted = [
                levels.deduct(self.stock.name, each, token, cause, times.text(now), is_shown=shown[key])
                for key, each in deductions.items()
            ]
            outcome = Transactions(self.client).commit([*actions, *given_back, *deducted])
            if outcome.is_done or any(refusal.found == move_id for refusal in outcome.refusals):
                return outcome
            guessed = (dict(deductions), dict(shown))
            for refusal in outcome.refusals:
                if isinstance(refusal.found, Level) and (level := refusal.found).key in deductions and deducting:
                    key, each = level.key, deductions[level.key]
                    deductions[key] = stock.deduction(key, each.units, each.late, deducting.at, deducting.slack, level)
                    shown[key] = deductions[key].is_shown(level.counted_as_of)
            if (deductions, shown) == guessed:
                return outcome


def _read(at: Mapping[Key, K], items: Mapping[Key, Any], read: Callable[[Any], V]) -> dict[K, V]:
    return {named: read(items[key]) for key, named in at.items() if key in items}


def _goods(item: Mapping[str, Any]) -> Goods:
    product = facts.from_item(item)
    return Goods(
        grams=product.grams,
        hazmat=product.hazmat,
        map_minor=product.map_minor or 0,
        currency=product.currency,
        substitutes=product.substitutes,
    )


def _numbered(counter: Mapping[str, Any]) -> tuple[str, int]:
    """Read when a supplier was last given a number, and how many that day."""
    return counter.get("day", ""), counter.get("count", 0)


def _deductions(effects: Sequence[Effect], deducting: Deducting | None) -> dict[LevelKey, Deduction]:
    wanted = [effect for effect in effects if effect.deduct or effect.late]
    if deducting is None:
        if wanted:
            raise ValueError("a move deducts, and nobody says when the source did")
        return {}
    return {
        each.level: stock.deduction(each.level, each.deduct, each.late, deducting.at, deducting.slack)
        for each in wanted
    }
