"""A compensation as one transaction: its marker, the level or the revision it was seen at, orders, ledger entries."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from shared.domain import stock, times
from shared.domain.conservation import Mend
from shared.domain.ledger import RECOVERED, Movement
from shared.domain.people import By
from shared.storage import attributes, dynamo, keys, ledger, levels, orders
from shared.storage.dynamo import Action, Outcome, Table, Transactions
from shared.storage.operations import KEPT_FOR, SCHEMA


def commit(stock_table: Table, order_table: Table, mend: Mend, by: By, op_id: str, now: datetime) -> Outcome:
    """Write a compensation once, if level and orders are as they were seen.

    An `op_id` that was used before is refused by its marker, which is then what the refusal found.
    """
    level, at = mend.seen, keys.operation(op_id)
    marker = {
        "PK": at.pk,
        "SK": at.sk,
        "entity": "operation",
        "schema": SCHEMA,
        "revision": 1,
        "kind": "compensate",
        "at": times.text(now),
        "expires_at": int((now + KEPT_FOR).timestamp()),
    }
    seen = (
        compensate(stock_table.name, mend, op_id, now)
        if mend.writes_level
        else dynamo.unchanged_action(
            level.key, stock_table.name, keys.level(level.key), level.revision, levels.read_image
        )
    )
    argued = [
        dynamo.unchanged_action(each.order, order_table.name, keys.order(each.order), each.revision, orders.read_image)
        for each in mend.orders
    ]
    return Transactions(stock_table.client).commit(
        [
            dynamo.put_new_action(op_id, order_table.name, marker | asdict(by), lambda _: op_id),
            seen,
            *argued,
            *(_enter(stock_table.name, each) for each in mend.entries),
        ]
    )


def compensate(table: str, mend: Mend, op_id: str, now: datetime) -> Action:
    """Make a level right, if it is the one that was seen.

    Units that an order says were deducted go to the open deductions of now: the next count settles them.
    """
    level = mend.seen
    change = "SET available = available + :available, committed = committed + :committed, drev = drev + :one, "
    change += "revision = revision + :one, changed_at = :now, cause = :cause, #last = :last"
    names = {"#last": "last"}
    values: dict[str, object] = {
        ":available": mend.available,
        ":committed": mend.committed,
        ":one": 1,
        ":now": times.text(now),
        ":cause": ["compensate", op_id],
        ":last": dict(mend.last),
        ":seen": level.revision,
    }
    if mend.deducted:
        change += ", deducted.#bucket = if_not_exists(deducted.#bucket, :zero) + :deducted"
        change += ", flag = :flag, since = if_not_exists(since, :now)"
        names["#bucket"] = stock.deduction(level.key, mend.deducted, 0, now, timedelta(0), level).bucket
        values |= {":zero": 0, ":deducted": mend.deducted, ":flag": keys.open_flag(level.key.source)}
    request = {
        "UpdateExpression": change,
        "ConditionExpression": "revision = :seen",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": attributes.image(values),
    }
    return dynamo.update_action(level.key, table, keys.level(level.key), request, levels.read_image)


def _enter(table: str, entry: Movement) -> Action:
    """Add an entry to a ledger; only what was recovered before, of fewer or more records, stands back for it."""
    request = {
        "TableName": table,
        "Item": attributes.image(ledger.to_item(entry)),
        "ConditionExpression": "attribute_not_exists(PK) OR kind = :recovered",
        "ExpressionAttributeValues": {":recovered": {"S": RECOVERED}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    at = keys.movement(entry.key, entry.changed_at, entry.revision)
    return Action(about=entry.key, table=table, key=at, verb="Put", request=request, decode=lambda image: image)
