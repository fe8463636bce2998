"""What people change by hand: who, why and when, written with the change itself, once.

Every change is one transaction of its marker and its writes on levels (docs/protocols.md). It is planned from levels
as they are read; where a condition refuses, they changed since, and it is planned again from what is there then. A
marker that is there already means done: also where the change could not be made a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from shared.domain import orders as order_moves
from shared.domain import physical, times
from shared.domain.names import LevelKey, OrderKey, Sku
from shared.domain.orders import Order
from shared.domain.people import Wish
from shared.domain.physical import Adjustment, Operation
from shared.domain.rules import Source
from shared.domain.stock import BY_HAND, UNTIL_COUNTED, Count, First, Level
from shared.errors import Conflict, InvalidInput, Rejected
from shared.storage import attributes, dynamo, keys, level_changes, levels, orders
from shared.storage.dynamo import Action, Table, Transactions
from shared.storage.keys import Key
from shared.storage.levels import Stamp

SCHEMA = 1
KEPT_FOR = timedelta(days=13 * 31)
"""As long as the movement that it explains."""
TRIES = 20
"""A level that sells fast changes between the read and the write; a person waits, but not for ever."""

Seen = Mapping[LevelKey, Level]
Plan = Callable[[Seen], Sequence[Action]]


@dataclass(slots=True)
class Operations:
    """Changes levels by a person's word, and reads who did.

    Every change answers False when this very wish was carried out already. It raises InvalidInput for what can
    never be (units, a level that is not there, an id that names another change), Rejected for what the levels do
    not allow, Conflict when they never stand still.
    """

    stock: Table
    orders: Table

    def adjust(self, key: LevelKey, units: int, adjustment: Adjustment, wish: Wish) -> bool:
        """Correct a count by `units`, until the next photograph: that one is the truth again."""
        physical.check_change(units, adjustment)

        def plan(seen: Seen) -> list[Action]:
            physical.adjust(_level(seen, key), units)
            return [level_changes.adjust(self.stock.name, key, units, _stamp("adjust", wish))]

        what = f"{adjustment}: {units} of {physical.named(key)}"
        return self._once(_marker(self.orders, "adjust", what, wish, adjustment=adjustment), [key], plan)

    def expect(self, key: LevelKey, units: int, due: str, wish: Wish) -> bool:
        """Expect `units` more there, on a day where one is known; fewer, of what will not come after all."""
        physical.check_change(units)

        def plan(seen: Seen) -> list[Action]:
            physical.expect(_level(seen, key), units)
            return [level_changes.expect(self.stock.name, key, units, _stamp("expect", wish))]

        what = f"expect {units} of {physical.named(key)}, due {due or 'some day'}"
        return self._once(_marker(self.orders, "expect", what, wish, due=due), [key], plan)

    def receive(self, key: LevelKey, units: int, wish: Wish) -> bool:
        """Let `units` arrive: out of what is expected, and beyond it."""
        physical.check_units(units)

        def plan(seen: Seen) -> list[Action]:
            incoming = _level(seen, key).incoming
            return [level_changes.receive(self.stock.name, key, units, incoming, _stamp("receive", wish))]

        return self._once(
            _marker(self.orders, "receive", f"receive {units} of {physical.named(key)}", wish), [key], plan
        )

    def transfer(self, sku: Sku, units: int, leaves: Source, awaits: Source, wish: Wish) -> bool:
        """Send units from one source of our own to another: on their way they count for neither.

        A source that was never counted is refused, not given a level of zero: moves never create one, and a count
        by hand, which does, is one command away.
        """
        physical.check_units(units)
        for source in (leaves, awaits):
            physical.check_own(source)
        if leaves.source == awaits.source:
            raise InvalidInput("from a source to itself", code="same_source", source=leaves.source)
        here, there = LevelKey(sku, leaves.source), LevelKey(sku, awaits.source)

        def plan(seen: Seen) -> list[Action]:
            physical.send_off(_level(seen, here), units)
            physical.expect(_level(seen, there), units)
            stamp = _stamp("transfer", wish)
            return [
                level_changes.send_off(self.stock.name, here, units, stamp),
                level_changes.expect(self.stock.name, there, units, stamp),
            ]

        what = f"transfer {units} of {physical.named(here)} to {awaits.source}"
        return self._once(_marker(self.orders, "transfer", what, wish), [here, there], plan)

    def count(self, sku: Sku, units: int, source: Source, as_of: str, wish: Wish) -> bool:
        """Count what is there, as of a time, or of now where none is said: a photograph, and nothing stands still.

        The first one of a SKU that something is known of makes its level.
        """
        physical.check_units(units, least=0)
        now, key = times.text(wish.at), LevelKey(sku, source.source)
        if as_of > now:
            raise InvalidInput("a count of the future", code="count_from_future", as_of=as_of)
        photographed = Count(
            key=key, units=units, as_of=as_of or now, count_id=physical.count_id(wish.op_id), kind=BY_HAND
        )

        def plan(seen: Seen) -> list[Action]:
            write = physical.photograph(photographed, seen.get(key), source.feed.slack)
            if isinstance(write, First):
                self._check_known(sku)
            return [levels.count(self.stock.name, write, now)]

        what = f"count {units} of {physical.named(key)}, as of {as_of or 'now'}"
        return self._once(_marker(self.orders, BY_HAND, what, wish), [key], plan)

    def put_back(self, key: OrderKey, line: str, units: int, source: Source, wish: Wish) -> bool:
        """Put units on the shelf of a source of our own that a customer sent back: never more than were shipped."""
        physical.check_units(units)
        physical.check_own(source)
        level = LevelKey(self.order(key).line(line).sku, source.source)
        stamp = replace(_stamp("return", wish, return_id(wish.op_id)), token=key.token)

        def plan(seen: Seen) -> list[Action]:
            before = self.order(key)
            after = replace(order_moves.put_back(before, line, units), revision=before.revision + 1)
            _level(seen, level)
            return [
                orders.put_seen(self.orders.name, after, before),
                level_changes.put_back(self.stock.name, level, units, stamp),
            ]

        what = f"return {units} of line {line} to {source.source}"
        marker = _marker(self.orders, "return", what, wish, at=keys.event(key, return_id(wish.op_id)))
        return self._once(marker, [level], plan)

    def hold(self, key: LevelKey, until: str, wish: Wish) -> bool:
        """Let nobody take of a level until a time, or, where none is said, until its next count."""
        now = times.text(wish.at)

        def plan(seen: Seen) -> list[Action]:
            held = physical.hold(_level(seen, key), now, until or UNTIL_COUNTED)
            stamp = _stamp("hold", wish)
            return [level_changes.hold(self.stock.name, key, held.held_since, held.held_until, stamp)]

        what = f"hold {physical.named(key)} until {until or 'counted'}"
        return self._once(_marker(self.orders, "hold", what, wish), [key], plan)

    def unhold(self, key: LevelKey, wish: Wish) -> bool:
        """Let orders take of a level again."""

        def plan(seen: Seen) -> list[Action]:
            physical.unhold(_level(seen, key))
            return [level_changes.unhold(self.stock.name, key, _stamp("unhold", wish))]

        return self._once(_marker(self.orders, "unhold", f"unhold {physical.named(key)}", wish), [key], plan)

    def order(self, key: OrderKey) -> Order:
        """Read an order, strongly. Raises InvalidInput for one that is not there."""
        found = self.orders.get(keys.order(key))
        if found is None:
            raise InvalidInput("no such order", code="unknown_order", order=str(key))
        return orders.from_item(found)

    def levels(self, wanted: Collection[LevelKey]) -> dict[LevelKey, Level]:
        """Read levels, strongly; what is not there is absent."""
        found = dynamo.read_all(
            self.stock.client, [(self.stock.name, keys.level(key)) for key in wanted], consistent=True
        )
        return {level.key: level for level in map(levels.from_item, found.values())}

    def level(self, key: LevelKey) -> Level:
        """Read a level, strongly. Raises InvalidInput for one that is not there."""
        return _level(self.levels([key]), key)

    def is_made(self, at: Key) -> bool:
        """Answer whether a change was made, by the key of its marker, strongly read."""
        return self.orders.get(at) is not None

    def known(self, op_ids: Collection[str]) -> dict[str, Operation]:
        """Read who made changes, and why; what is not known is absent."""
        at = {keys.operation(op_id): op_id for op_id in op_ids}
        found = dynamo.read_all(self.orders.client, [(self.orders.name, key) for key in at])
        return {
            at[key]: Operation(
                kind=item["kind"],
                actor=item["actor"],
                reason=item["reason"],
                adjustment=item.get("adjustment", ""),
                due=item.get("due", ""),
            )
            for (_, key), item in found.items()
        }

    def _once(self, marker: Action, wanted: Collection[LevelKey], plan: Plan) -> bool:
        for _ in range(TRIES):
            try:
                actions = plan(self.levels(wanted))
            except (InvalidInput, Rejected):
                made = self.orders.get(marker.key)
                if made is None:
                    raise
                return _repeated(marker, str(made.get("what", marker.about)))
            outcome = Transactions(self.stock.client).commit([marker, *actions])
            if outcome.is_done:
                return True
            for refusal in outcome.refusals:
                if refusal.action is marker and not refusal.is_conflict:
                    return _repeated(marker, str(refusal.found))
        raise Conflict("what is to be changed keeps changing", code="level_busy", what=marker.about)

    def _check_known(self, sku: Sku) -> None:
        """Raise InvalidInput for a SKU of which nothing is known at all: it is misspelt."""
        if not any(True for _ in self.stock.query("PK = :pk", {":pk": keys.item(sku).pk}, consistent=True, limit=1)):
            raise InvalidInput("no such SKU; truestock config push makes it known", code="unknown_sku", sku=sku)


def return_id(op_id: str) -> str:
    """Name the move of an order by which units come back."""
    return f"return#{op_id}"


def _marker(table: Table, kind: str, what: str, wish: Wish, *, at: Key | None = None, **told: str) -> Action:
    """Mark a change as made, with what it was: an id that names another one is refused. Marks of an order stay."""
    key = at or keys.operation(wish.op_id)
    item: dict[str, Any] = {"PK": key.pk, "SK": key.sk, "entity": "event" if at else "operation", "schema": SCHEMA}
    item |= {"revision": 1, "kind": kind, "what": what, "at": times.text(wish.at)} | asdict(wish.by)
    item |= {name: value for name, value in told.items() if value}
    if at is None:
        item["expires_at"] = int((wish.at + KEPT_FOR).timestamp())
    return dynamo.put_new_action(what, table.name, item, lambda image: attributes.values(image).get("what", what))


def _repeated(marker: Action, made: str) -> bool:
    if made != marker.about:
        raise InvalidInput("this id names another change", code="id_taken", made=made, asked=marker.about)
    return False


def _stamp(kind: str, wish: Wish, cause: str = "") -> Stamp:
    return Stamp((kind, cause or wish.op_id), times.text(wish.at))


def _level(seen: Seen, key: LevelKey) -> Level:
    if key not in seen:
        raise InvalidInput(
            "no such level; truestock stock count makes it", code="unknown_level", sku=key.sku, source=key.source
        )
    return seen[key]
