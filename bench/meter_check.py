"""What the meter must say of calls whose bill is known, before anybody believes its figures."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from bench.meter import KB, Metered, size

KS = (1, 3, 5, 10)
SMALL, LARGE, ABSENT = "small", "large", "absent"
IS_NEW = "attribute_not_exists(id)"


class MeterWrong(RuntimeError):
    """The meter does not say what is known; no figure of it is worth printing."""


@dataclass(frozen=True, slots=True)
class Known:
    """Calls, and what they cost by the rules."""

    what: str
    run: Callable[[Metered], object]
    write_units: float
    read_units: float
    calls: int


def check(client: Any) -> None:  # noqa: ANN401 - any DynamoDB client
    """Bill what is known with the meter. Raises MeterWrong at the first difference."""
    table = f"meter-{uuid.uuid4().hex[:8]}"
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "state")],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_state",
                "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    for item in (_item(SMALL), _item(LARGE, KB + 1), *(_item(f"level-{i}") for i in range(max(KS)))):
        client.put_item(TableName=table, Item=item)
    for known in _known(table):
        metered = Metered(client)
        with suppress(ClientError):  # a refusal has its bill too
            known.run(metered)
        bill = metered.bill
        said = (bill.write_units, bill.read_units, bill.calls)
        if said != (known.write_units, known.read_units, known.calls):
            raise MeterWrong(
                f"the meter is wrong about {known.what}: (write units, read units, calls) is "
                f"{(known.write_units, known.read_units, known.calls)}, it says {said}"
            )


def _known(table: str) -> Iterator[Known]:
    for k in KS:
        yield Known(f"get, check, put of {k} lines", partial(_get_check_put, table, k), k + 1, k, 2 * k + 1)
        yield Known(f"a transaction of {k} lines", partial(_transaction, table, k), 2 * (k + 1), 0, 1)
    for bytes_, units in ((KB, 1), (KB + 1, 2)):
        item = _item("sized", bytes_)
        yield Known(f"an item of {bytes_} bytes", lambda to, item=item: _put(to, table, item), units, 0, 1)  # type: ignore[misc]
        yield Known("its removal", lambda to: to.delete_item(TableName=table, Key=_key("sized")), units, 0, 1)
    for met, units in ((SMALL, 1), (LARGE, 2), (ABSENT, 1)):
        refused = _update(table, met, "units < :n")
        yield Known(f"a refusal by a {met} item", lambda to, one=refused: to.update_item(**one), units, 0, 1)  # type: ignore[misc]
    cancelled = [{"Update": _update(table, LARGE, "units < :n")}, {"Update": _update(table, SMALL, "units >= :n")}]
    yield Known("a cancelled transaction", lambda to: to.transact_write_items(TransactItems=cancelled), 6, 0, 1)
    checked = [
        {"ConditionCheck": {"TableName": table, "Key": _key(LARGE), "ConditionExpression": "attribute_exists(id)"}},
        {"Put": {"TableName": table, "Item": _item("indexed") | {"state": {"S": "open"}}}},
    ]
    yield Known(
        "a condition check, and an indexed item, in a transaction",
        lambda to: to.transact_write_items(TransactItems=checked),
        4 + 2 + 1,
        0,
        1,
    )
    moved = _item("indexed") | {"state": {"S": "done"}}
    yield Known("an indexed key that changes", lambda to: _put(to, table, moved), 1 + 2, 0, 1)
    both = {table: {"Keys": [_key(SMALL), _key(ABSENT)]}}
    yield Known("an eventually consistent batch", lambda to: to.batch_get_item(RequestItems=both), 0, 1, 1)
    got = [{"Get": {"TableName": table, "Key": _key(LARGE)}}]
    yield Known("a read in a transaction", lambda to: to.transact_get_items(TransactItems=got), 0, 2, 1)


def _get_check_put(table: str, k: int, client: Metered) -> None:
    for i in range(k):
        found = client.get_item(TableName=table, Key=_key(f"level-{i}"), ConsistentRead=True)["Item"]
        _put(client, table, found | {"units": {"N": str(int(found["units"]["N"]) - 1)}})
    _put(client, table, _item(f"order-of-{k}"))


def _transaction(table: str, k: int, client: Metered) -> None:
    order = {"TableName": table, "Item": _item(f"order-in-one-of-{k}"), "ConditionExpression": IS_NEW}
    levels = [{"Update": _update(table, f"level-{i}", "units >= :n")} for i in range(k)]
    client.transact_write_items(TransactItems=[{"Put": order}, *levels])


def _put(client: Metered, table: str, item: dict[str, Any]) -> None:
    client.put_item(TableName=table, Item=item)


def _update(table: str, item_id: str, condition: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": _key(item_id),
        "UpdateExpression": "SET units = units - :n",
        "ConditionExpression": condition,
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }


def _item(item_id: str, bytes_: int = 0) -> dict[str, Any]:
    """Make an item of so many bytes; at least what it needs."""
    item = _key(item_id) | {"units": {"N": "1000"}, "text": {"S": ""}}
    return item | {"text": {"S": "x" * (bytes_ - size(item))}}


def _key(item_id: str) -> dict[str, Any]:
    return {"id": {"S": item_id}}
