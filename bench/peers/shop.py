"""What both peers stand on: a table of stock by SKU, and one of orders that hold their lines and their address."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeSerializer


@dataclass(frozen=True, slots=True)
class Order:
    """What an order wants of each SKU, and the item it becomes."""

    order_id: str
    units: Counter[str]
    item: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shop:
    """Both tables by name."""

    stock: str
    orders: str

    @classmethod
    def opened(cls, client: Any, units: Mapping[str, int]) -> Shop:  # noqa: ANN401 - any DynamoDB client
        """Create both tables, with so many units of each SKU."""
        prefix = f"peer-{uuid.uuid4().hex[:8]}"
        shop = cls(f"{prefix}-stock", f"{prefix}-orders")
        for table, key in ((shop.stock, "sku"), (shop.orders, "id")):
            client.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        for sku, number in units.items():
            client.put_item(TableName=shop.stock, Item={"sku": {"S": sku}, "units": {"N": str(number)}})
        return shop

    def sold(self, client: Any) -> Counter[str]:  # noqa: ANN401
        """Count the units of all orders that were accepted."""
        sold: Counter[str] = Counter()
        for page in client.get_paginator("scan").paginate(TableName=self.orders, ConsistentRead=True):
            for item in page["Items"]:
                for line in item["lines"]["L"]:
                    sold[line["M"]["sku"]["S"]] += int(line["M"]["units"]["N"])
        return sold


def read(body: str) -> Order:
    """Read a store's order."""
    order = json.loads(body)
    lines = [{"sku": line["sku"], "units": line["quantity"]} for line in order["line_items"]]
    kept = {name: order[name] for name in ("name", "created_at", "currency")} | {
        "id": str(order["id"]),
        "state": "reserved",
        "lines": lines,
        "ship_to": order["shipping_address"],
    }
    units: Counter[str] = Counter()
    for line in lines:
        units[line["sku"]] += line["units"]
    return Order(kept["id"], units, dict(TypeSerializer().serialize(kept)["M"]))
