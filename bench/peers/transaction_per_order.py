"""One transaction an order: take the units of each level if they are there, and put the order if it is new.

The order-processing example of the DynamoDB developer guide ("DynamoDB transactions example") with units in place of
its IN_STOCK, and the retry of conflicts that the SDKs leave to the caller (the token for lost answers they add).
"""

from __future__ import annotations

import random
import time
from typing import Any

from botocore.exceptions import ClientError

from bench.peers.shop import Shop, read

NAME = "transaction per order"
MOST_TRIES = 8


def place(client: Any, shop: Shop, body: str) -> bool:  # noqa: ANN401 - any DynamoDB client
    """Accept an order if all of it is there; answer whether it was."""
    order = read(body)
    put = {"TableName": shop.orders, "Item": order.item, "ConditionExpression": "attribute_not_exists(id)"}
    takes = [
        {
            "TableName": shop.stock,
            "Key": {"sku": {"S": sku}},
            "UpdateExpression": "SET units = units - :n",
            "ConditionExpression": "units >= :n",
            "ExpressionAttributeValues": {":n": {"N": str(units)}},
        }
        for sku, units in order.units.items()
    ]
    actions = [{"Put": put}, *({"Update": take} for take in takes)]
    for tried in range(MOST_TRIES):
        try:
            client.transact_write_items(TransactItems=actions)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            codes = {reason["Code"] for reason in error.response["CancellationReasons"]}
            if "ConditionalCheckFailed" in codes:
                return False
            time.sleep(random.uniform(0, 0.05 * 2**tried))  # noqa: S311
        else:
            return True
    raise TimeoutError("other transactions kept meeting this one")
