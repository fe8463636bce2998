"""Write every row of a file over what is there: what a script does that compares nothing.

Either 25 puts a call, which asks nothing and loses whatever a reservation wrote in between, or an update a row.
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

A_CALL = 25
MOST_TRIES = 8


def open_table(client: Any, table: str) -> None:  # noqa: ANN401 - any DynamoDB client
    """Create a table of stock by SKU."""
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "sku", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "sku", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def by_batches(client: Any, table: str, path: Path) -> None:  # noqa: ANN401
    """Put every row, 25 a call."""
    waiting: list[Any] = []
    for row in _rows(path):
        item = {"sku": {"S": row["sku"]}, "units": {"N": row["qty"]}, "cost": {"S": row["cost"]}}
        waiting.append({"PutRequest": {"Item": item}})
        if len(waiting) == A_CALL:
            _put(client, table, waiting)
            waiting = []
    if waiting:
        _put(client, table, waiting)


def by_updates(client: Any, table: str, path: Path) -> None:  # noqa: ANN401
    """Update every row, one a call."""
    for row in _rows(path):
        client.update_item(
            TableName=table,
            Key={"sku": {"S": row["sku"]}},
            UpdateExpression="SET units = :units, cost = :cost",
            ExpressionAttributeValues={":units": {"N": row["qty"]}, ":cost": {"S": row["cost"]}},
        )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _put(client: Any, table: str, writes: list[Any]) -> None:  # noqa: ANN401
    wanted = {table: writes}
    for tried in range(MOST_TRIES):
        wanted = client.batch_write_item(RequestItems=wanted).get("UnprocessedItems", {})
        if not wanted:
            return
        time.sleep(random.uniform(0, 0.05 * 2**tried))  # noqa: S311
    raise TimeoutError("the table took only part of a batch")
