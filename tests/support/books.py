"""Both tables of a test through one client: what they hold, and whether it is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.domain import orders, stock
from shared.domain.names import LevelKey
from shared.domain.orders import Order
from shared.domain.stock import Level
from shared.flows.place_orders import PlaceOrders
from shared.storage import levels as level_items
from shared.storage import orders as order_items
from shared.storage.dynamo import MOST_ITEMS_WRITTEN, Table
from tests.support import trade
from tests.support.workers import place_orders

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Books:
    """The tables by name, and a client that nobody else uses."""

    client: DynamoDBClient
    stock: str
    orders: str

    def flow(self, client: Any = None) -> PlaceOrders:  # noqa: ANN401 - or a faulty one
        """A worker of its own; with this client or another."""
        return place_orders(client or self.client, self.stock, self.orders)

    def stock_up(self, *found: Level) -> None:
        """Have these levels, whatever was there."""
        Table(self.client, self.stock).write_all([level_items.to_item(level) for level in found])

    def items(self, table: str) -> list[dict[str, Any]]:
        """All items of a table, as the API carries them."""
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def restore(self, table: str, items: Sequence[dict[str, Any]]) -> None:
        """Have exactly these items in a table."""
        kept = [(item["PK"], item["SK"]) for item in items]
        gone = [item for item in self.items(table) if (item["PK"], item["SK"]) not in kept]
        writes: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        writes += [{"DeleteRequest": {"Key": {name: item[name] for name in ("PK", "SK")}}} for item in gone]
        for start in range(0, len(writes), MOST_ITEMS_WRITTEN):
            answer = self.client.batch_write_item(RequestItems={table: writes[start : start + MOST_ITEMS_WRITTEN]})
            assert answer["UnprocessedItems"] == {}

    def levels(self) -> list[Level]:
        """All levels, by key."""
        found = [level_items.read_image(item) for item in self.items(self.stock) if "counted" in item]
        return sorted(found, key=lambda level: level.key)

    def placed(self) -> list[Order]:
        """All orders, by key."""
        found = [item for item in self.items(self.orders) if item["entity"]["S"] == "order"]
        return sorted(map(order_items.read_image, found), key=lambda order: order.key)

    def available(self) -> dict[tuple[str, str], int]:
        """What is left, by SKU and source."""
        return {(level.key.sku, level.key.source): level.available for level in self.levels()}

    def assert_sound(self) -> None:
        """Nothing oversold, nothing leaked: levels add up, and hold exactly what orders have committed."""
        reserved: Counter[LevelKey] = Counter()
        for order in self.placed():
            orders.check(order)
            sku_of = {line.line: line.sku for line in order.lines}
            for allocation in order.allocations:
                reserved[trade.at(sku_of[allocation.line], allocation.source)] += allocation.committed
        found = self.levels()
        assert min(level.available for level in found) >= 0
        assert all(map(stock.adds_up, found))
        assert {level.key: level.committed for level in found if level.committed} == +reserved
