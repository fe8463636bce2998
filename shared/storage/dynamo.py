"""One DynamoDB table as the stores use it, transactions over both, and errors in our kinds.

Nothing here knows an entity. A transaction's actions carry what they are about, so that a refusal comes back in the
same words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import InvalidInput, Transient, kind_of
from shared.storage import attributes
from shared.storage.attributes import Image
from shared.storage.keys import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_ACTIONS = 100
MOST_KEYS_READ = 100
MOST_ITEMS_WRITTEN = 25


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the service's errors into our kinds; a time-out or a lost connection may work later."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise kind_of(code)("the table refused", code="storage", doing=doing, service_code=code) from error
    except BotoCoreError as error:
        raise Transient("the table did not answer", code="storage", doing=doing, error=type(error).__name__) from error


def failed_condition(error: ClientError) -> Image | None:
    """Return the item that a single write's condition met, `{}` where there was none; None for any other failure."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        return None
    found: Image = error.response.get("Item", {})  # type: ignore[assignment]  # the error's own field
    return found


@dataclass(frozen=True, slots=True)
class Action:
    """One write of a transaction: what it is about, its table and key, the request, and how to read the item it met."""

    about: object
    table: str
    key: Key
    verb: str
    request: Mapping[str, Any]
    decode: Callable[[Image], object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action was refused: its condition, which met `found`, or a conflict with another write."""

    action: Action
    is_conflict: bool
    found: object = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A transaction's answer: all of it happened, or nothing did and `refusals` say why."""

    refusals: tuple[Refusal, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether everything was written."""
        return not self.refusals

    @property
    def conflicts(self) -> bool:
        """Whether only a meeting with other writes was in the way: the same may work at once."""
        return bool(self.refusals) and all(refusal.is_conflict for refusal in self.refusals)


@dataclass(slots=True)
class Table:
    """A table by name. Every call translates the service's errors."""

    client: DynamoDBClient
    name: str

    def get(self, key: Key, *, consistent: bool = True) -> dict[str, Any] | None:
        """Read one item's values."""
        with translated("get"):
            found = self.client.get_item(TableName=self.name, Key=_key(key), ConsistentRead=consistent)
        return attributes.values(found["Item"]) if "Item" in found else None

    def put_new(self, item: Mapping[str, object]) -> bool:
        """Put an item if its key is free; answer whether it was."""
        with translated("put"):
            try:
                self.client.put_item(
                    TableName=self.name, Item=attributes.image(item), ConditionExpression="attribute_not_exists(PK)"
                )
            except ClientError as error:
                if failed_condition(error) is None:
                    raise
                return False
        return True

    def put_seen(self, item: Mapping[str, object], seen: int) -> bool:
        """Put an item over the one whose revision was seen; answer False when someone wrote it since."""
        with translated("put"):
            try:
                self.client.put_item(TableName=self.name, Item=attributes.image(item), **_seen(seen))
            except ClientError as error:
                if failed_condition(error) is None:
                    raise
                return False
        return True

    def put(self, item: Mapping[str, object]) -> None:
        """Put an item over whatever is there."""
        with translated("put"):
            self.client.put_item(TableName=self.name, Item=attributes.image(item))

    def update(self, key: Key, request: Mapping[str, Any]) -> tuple[bool, dict[str, Any] | None]:
        """Run one conditional update: (True, values after), or (False, the item the condition met)."""
        with translated("update"):
            try:
                answer = self.client.update_item(
                    TableName=self.name,
                    Key=_key(key),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **request,
                )
            except ClientError as error:
                found = failed_condition(error)
                if found is None:
                    raise
                return False, attributes.values(found) if found else None
        return True, attributes.values(answer["Attributes"])

    def delete(self, key: Key, request: Mapping[str, Any] | None = None) -> bool:
        """Delete an item under an optional condition; answer whether the condition held."""
        with translated("delete"):
            try:
                self.client.delete_item(TableName=self.name, Key=_key(key), **(request or {}))
            except ClientError as error:
                if failed_condition(error) is None:
                    raise
                return False
        return True

    def query(
        self,
        condition: str,
        names: Mapping[str, object],
        *,
        index: str = "",
        consistent: bool = False,
        limit: int = 0,
        aliases: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield all items of a key condition, page by page, in key order; `limit` > 0 stops after that many."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": attributes.image(names),
            "ConsistentRead": consistent,
        }
        if index:
            request["IndexName"] = index
        if aliases:
            request["ExpressionAttributeNames"] = aliases
        if limit:
            request["Limit"] = limit
        left = limit
        while True:
            with translated("query"):
                page = self.client.query(**request)
            for item in page["Items"]:
                yield attributes.values(item)
                left -= 1
                if left == 0:
                    return
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write_all(self, items: Sequence[Mapping[str, object]]) -> None:
        """Put many items without a condition, 25 a call."""
        write_all(self.client, [(self.name, item) for item in items])


def write_all(client: DynamoDBClient, items: Sequence[tuple[str, Mapping[str, object]]]) -> None:
    """Put items of any tables, `(table, item)`; what the service leaves over is sent again, at most four times."""
    for start in range(0, len(items), MOST_ITEMS_WRITTEN):
        waiting: dict[str, Any] = {}
        for table, item in items[start : start + MOST_ITEMS_WRITTEN]:
            waiting.setdefault(table, []).append({"PutRequest": {"Item": attributes.image(item)}})
        for _ in range(4):
            with translated("batch write"):
                waiting = client.batch_write_item(RequestItems=waiting).get("UnprocessedItems", {})
            if not waiting:
                break
        else:
            raise Transient("the table took only part of a batch", code="storage", doing="batch write")


def read_all(
    client: DynamoDBClient, keys: Iterable[tuple[str, Key]], *, consistent: bool = False
) -> dict[tuple[str, Key], dict[str, Any]]:
    """Read items of any tables, `(table, key)`, 100 a call; absent ones are absent from the answer."""
    wanted = sorted(set(keys))
    found: dict[tuple[str, Key], dict[str, Any]] = {}
    for start in range(0, len(wanted), MOST_KEYS_READ):
        waiting: dict[str, Any] = {}
        for table, key in wanted[start : start + MOST_KEYS_READ]:
            waiting.setdefault(table, {"Keys": [], "ConsistentRead": consistent})["Keys"].append(_key(key))
        for _ in range(4):
            with translated("batch read"):
                answer = client.batch_get_item(RequestItems=waiting)
            for table, items in answer["Responses"].items():
                for item in items:
                    read = attributes.values(item)
                    found[table, Key(read["PK"], read["SK"])] = read
            waiting = answer.get("UnprocessedKeys", {})
            if not waiting:
                break
        else:
            raise Transient("the table gave only part of a batch", code="storage", doing="batch read")
    return found


@dataclass(slots=True)
class Transactions:
    """Commits actions on both tables in one piece."""

    client: DynamoDBClient
    tries_without_answer: int = 2

    def commit(self, actions: Sequence[Action]) -> Outcome:
        """Write all or nothing. The token is the request's own hash, so the same request twice is one transaction.

        No answer is asked again with the same token; still none raises Transient: redelivery will read what
        happened. Raises InvalidInput for more than 100 actions, ValueError for two on one item (engines differ in
        what they then do).
        """
        if len({(action.table, action.key) for action in actions}) != len(actions):
            raise ValueError("two actions of one transaction name the same item")
        if not 0 < len(actions) <= MOST_ACTIONS:
            raise InvalidInput("a transaction holds 1 to 100 actions", code="transaction_size", actions=len(actions))
        items = [{action.verb: dict(action.request)} for action in actions]
        token = hashlib.sha256(json.dumps(items, sort_keys=True, default=repr).encode()).hexdigest()[:32]
        for attempt in range(self.tries_without_answer):
            try:
                self.client.transact_write_items(TransactItems=items, ClientRequestToken=token)  # type: ignore[arg-type]
            except ClientError as error:
                return _refusals(actions, error)
            except BotoCoreError as error:
                if attempt + 1 == self.tries_without_answer:
                    raise Transient("the transaction got no answer", code="storage", doing="transaction") from error
            else:
                return Outcome()
        raise AssertionError("unreachable")


def put_new_action(about: object, table: str, item: Mapping[str, object], decode: Callable[[Image], object]) -> Action:
    """Put an item that must not be there yet."""
    return _put_action(about, table, item, {"ConditionExpression": "attribute_not_exists(PK)"}, decode)


def put_seen_action(
    about: object, table: str, item: Mapping[str, object], seen: int, decode: Callable[[Image], object]
) -> Action:
    """Put an item over the one whose revision was seen."""
    return _put_action(about, table, item, _seen(seen), decode)


def put_action(about: object, table: str, item: Mapping[str, object]) -> Action:
    """Put an item over whatever is there."""
    return _put_action(about, table, item, {}, lambda image: image)


def delete_action(about: object, table: str, key: Key) -> Action:
    """Delete an item if it is there."""
    request = {"TableName": table, "Key": _key(key)}
    return Action(about=about, table=table, key=key, verb="Delete", request=request, decode=lambda image: image)


def unchanged_action(about: object, table: str, key: Key, seen: int, decode: Callable[[Image], object]) -> Action:
    """Go on only while an item has the revision that was seen."""
    return check_action(about, table, key, _seen(seen), decode)


def check_action(
    about: object, table: str, key: Key, request: Mapping[str, Any], decode: Callable[[Image], object]
) -> Action:
    """Go on only while the request's own condition holds."""
    checked = {"TableName": table, "Key": _key(key), "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **request}
    return Action(about=about, table=table, key=key, verb="ConditionCheck", request=checked, decode=decode)


def update_action(
    about: object, table: str, key: Key, request: Mapping[str, Any], decode: Callable[[Image], object]
) -> Action:
    """Update an item under the request's own condition."""
    return Action(
        about=about,
        table=table,
        key=key,
        verb="Update",
        request={
            "TableName": table,
            "Key": _key(key),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **request,
        },
        decode=decode,
    )


def _put_action(
    about: object,
    table: str,
    item: Mapping[str, object],
    condition: Mapping[str, Any],
    decode: Callable[[Image], object],
) -> Action:
    request = {"TableName": table, "Item": attributes.image(item), **condition}
    if condition:
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    key = Key(str(item["PK"]), str(item["SK"]))
    return Action(about=about, table=table, key=key, verb="Put", request=request, decode=decode)


def _seen(revision: int) -> dict[str, Any]:
    return {"ConditionExpression": "revision = :seen", "ExpressionAttributeValues": {":seen": {"N": str(revision)}}}


def _key(key: Key) -> dict[str, dict[str, str]]:
    return {"PK": {"S": key.pk}, "SK": {"S": key.sk}}


def _refusals(actions: Sequence[Action], error: ClientError) -> Outcome:
    code = error.response["Error"]["Code"]
    if code == "TransactionInProgressException":
        return Outcome(tuple(Refusal(action, is_conflict=True) for action in actions[:1]))
    if code != "TransactionCanceledException":
        raise kind_of(code)("the transaction was refused", code="storage", service_code=code) from error
    reasons = error.response.get("CancellationReasons", [])
    refusals = []
    for action, reason in zip(actions, reasons, strict=True):
        match reason.get("Code", "None"):
            case "None":
                continue
            case "ConditionalCheckFailed":
                met: Image = dict(reason.get("Item") or {})
                refusals.append(Refusal(action, is_conflict=False, found=action.decode(met) if met else None))
            case "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded":
                refusals.append(Refusal(action, is_conflict=True))
            case other:
                raise kind_of(other)(
                    "the transaction was refused", code="storage", service_code=other, said=reason.get("Message", "")
                ) from error
    return Outcome(tuple(refusals))
