"""Get, check, put: read the levels in one batch, compare in code, write.

What the examples of the AWS SDKs for `BatchGetItem`, `UpdateItem` and `PutItem` add up to, with the retries that
they ask for (unprocessed keys; the SDK's own for throttles), and better than a put of the number that was read: the
update subtracts in place, so no write is lost. Between the read and the write somebody else may sell the same unit.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from typing import Any

from bench.peers.shop import Shop, read

NAME = "get, check, put"
MOST_TRIES = 8


def place(client: Any, shop: Shop, body: str) -> bool:  # noqa: ANN401 - any DynamoDB client
    """Accept an order if all of it is there; answer whether it was."""
    order = read(body)
    available = _available(client, shop.stock, order.units)
    if any(available.get(sku, 0) < units for sku, units in order.units.items()):
        return False
    for sku, units in order.units.items():
        client.update_item(
            TableName=shop.stock,
            Key={"sku": {"S": sku}},
            UpdateExpression="SET units = units - :n",
            ExpressionAttributeValues={":n": {"N": str(units)}},
        )
    client.put_item(TableName=shop.orders, Item=order.item)
    return True


def _available(client: Any, table: str, skus: Iterable[str]) -> dict[str, int]:  # noqa: ANN401
    wanted = {table: {"Keys": [{"sku": {"S": sku}} for sku in skus], "ConsistentRead": True}}
    found: dict[str, int] = {}
    for tried in range(MOST_TRIES):
        answer = client.batch_get_item(RequestItems=wanted)
        found |= {item["sku"]["S"]: int(item["units"]["N"]) for item in answer["Responses"].get(table, [])}
        wanted = answer.get("UnprocessedKeys", {})
        if not wanted:
            return found
        time.sleep(random.uniform(0, 0.05 * 2**tried))  # noqa: S311
    raise TimeoutError("the table gave only part of a batch")
