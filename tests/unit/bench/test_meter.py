from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.figure import Figure
from bench.meter import Index, Metered, Shape, index_units, read_steps, size, write_units

KEY = {"id": {"S": "a"}}  # 2 + 1 bytes
BY_STATE = Index(("state",), frozenset({"id", "state", "due"}))


def item(bytes_: int, **others: Any) -> dict[str, Any]:  # noqa: ANN401
    """An item of so many bytes: its key, other attributes, and text for the rest."""
    found = {**KEY, **others}
    return found | {"t": {"S": "x" * (bytes_ - size(found) - 1)}}


class Engine:
    """One table in memory. It refuses what it is told to refuse."""

    def __init__(self, *items: dict[str, Any], refuses_with: str = "") -> None:
        self.items = {each["id"]["S"]: each for each in items}
        self.refuses_with = refuses_with

    def describe_table(self, **_: object) -> dict[str, Any]:
        index = {"KeySchema": [{"AttributeName": "state"}], "Projection": {"ProjectionType": "KEYS_ONLY"}}
        return {"Table": {"KeySchema": [{"AttributeName": "id"}], "GlobalSecondaryIndexes": [index]}}

    def get_item(self, *, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803 - as the API has it
        found = self.items.get(Key["id"]["S"])
        return {"Item": found} if found else {}

    def put_item(self, *, Item: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803
        self._may_refuse()
        self.items[Item["id"]["S"]] = Item
        return {}

    def delete_item(self, *, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803
        self._may_refuse()
        self.items.pop(Key["id"]["S"], None)
        return {}

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._may_refuse()
        for action in TransactItems:
            if "Put" in action:
                self.put_item(**action["Put"])
        return {}

    def transact_get_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        return {"Responses": [self.get_item(**each["Get"]) for each in TransactItems]}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        found = [self.get_item(Key=key) for key in RequestItems["t"]["Keys"]]
        return {"Responses": {"t": [each["Item"] for each in found if each]}}

    def _may_refuse(self) -> None:
        if self.refuses_with:
            raise ClientError({"Error": {"Code": self.refuses_with}}, "Write")


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        ({"S": "abc"}, 3),
        ({"S": "Käse"}, 5),
        ({"S": ""}, 0),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "27"}, 2),
        ({"N": "127"}, 3),
        ({"N": "-27"}, 3),
        ({"N": "1000000"}, 2),
        ({"N": "0.05"}, 2),
        ({"N": "19.90"}, 3),
        ({"N": "1E+5"}, 2),
        ({"NS": ["7", "127"]}, 2 + 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"B": b"\x00\x01"}, 2),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"N": "1"}]}, 3 + (1 + 2) + (1 + 2)),
        ({"M": {}}, 3),
        ({"M": {"sku": {"S": "A"}, "n": {"N": "12"}}}, 3 + (1 + 3 + 1) + (1 + 1 + 2)),
        ({"L": [{"M": {"a": {"L": [{"NULL": True}]}}}]}, 3 + 1 + (3 + 1 + 1 + (3 + 1 + 1))),
    ],
)
def test_a_value_has_the_size_the_guide_says(value: dict[str, Any], bytes_: int) -> None:
    assert size({"name": value}) == 4 + bytes_


def test_a_value_without_a_rule_is_not_guessed() -> None:
    with pytest.raises(NotImplementedError):
        size({"tags": {"SS": ["a"]}})


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (None, item(100), 1),
        (None, item(1024), 1),
        (None, item(1025), 2),
        (item(2048), item(100), 2),
        (item(2049), None, 3),
        (None, None, 1),
    ],
)
def test_a_write_pays_for_the_larger_of_both_items(
    before: dict[str, Any] | None, after: dict[str, Any] | None, units: int
) -> None:
    assert write_units(before, after) == units


@pytest.mark.parametrize(("bytes_", "steps"), [(0, 1), (4096, 1), (4097, 2)])
def test_a_read_pays_in_steps_of_4_kb_and_nothing_found_is_one(bytes_: int, steps: int) -> None:
    assert read_steps(bytes_) == steps


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        ({}, {"state": {"S": "open"}}, 1),
        ({"state": {"S": "open"}}, {"state": {"S": "open"}, "other": {"S": "x"}}, 0),
        ({"state": {"S": "open"}}, {"state": {"S": "open"}, "due": {"S": "x"}}, 1),
        ({"state": {"S": "open"}}, {"state": {"S": "done"}}, 2),
        ({"state": {"S": "open"}}, {}, 1),
        ({}, {"other": {"S": "x"}}, 0),
    ],
)
def test_an_index_is_paid_where_its_entry_changes(before: dict[str, Any], after: dict[str, Any], units: int) -> None:
    assert index_units([BY_STATE], KEY | before, KEY | after) == units


def test_an_index_of_everything_pays_for_the_whole_item() -> None:
    assert index_units([Index(("state",), None)], None, item(1025, state={"S": "open"})) == 2


def test_a_tables_shape_is_read_from_its_description() -> None:
    assert Shape.of(
        {
            "KeySchema": [{"AttributeName": "id"}],
            "GlobalSecondaryIndexes": [
                {
                    "KeySchema": [{"AttributeName": "state"}],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["due"]},
                }
            ],
        }
    ) == Shape(("id",), (BY_STATE,))


@pytest.mark.parametrize(("met", "units"), [([], 1), ([item(100)], 1), ([item(1025)], 2)])
def test_a_failed_condition_pays_for_the_item_it_met(met: list[dict[str, Any]], units: int) -> None:
    metered = Metered(Engine(*met, refuses_with="ConditionalCheckFailedException"))
    with pytest.raises(ClientError):
        metered.put_item(TableName="t", Item=item(5000))
    assert (metered.bill.write_units, metered.bill.calls) == (units, 1)


def test_a_cancelled_transaction_pays_twice_for_each_of_its_actions() -> None:
    metered = Metered(Engine(item(1025), refuses_with="TransactionCanceledException"))
    new = {"id": {"S": "b"}}
    actions = [
        {"ConditionCheck": {"TableName": "t", "Key": KEY, "ConditionExpression": "x"}},
        {"Put": {"TableName": "t", "Item": new}},
    ]
    with pytest.raises(ClientError):
        metered.transact_write_items(TransactItems=actions)
    assert metered.bill.write_units == 2 * 2 + 2 * 1


def test_a_throttled_write_pays_nothing_but_its_call() -> None:
    metered = Metered(Engine(item(100), refuses_with="ThrottlingException"))
    with pytest.raises(ClientError):
        metered.delete_item(TableName="t", Key=KEY)
    assert (metered.bill.write_units, metered.bill.calls) == (0, 1)


def test_a_transaction_pays_twice_also_for_what_it_only_checks() -> None:
    metered = Metered(Engine(item(1025)))
    actions = [
        {"ConditionCheck": {"TableName": "t", "Key": KEY, "ConditionExpression": "x"}},
        {"Put": {"TableName": "t", "Item": {"id": {"S": "b"}, "entity": {"S": "order"}}}},
    ]
    metered.transact_write_items(TransactItems=actions)
    assert metered.bill.write_units == 2 * 2 + 2 * 1
    assert metered.bill.by_entity == {"?": 4, "order": 2}


def test_an_index_is_paid_once_in_a_transaction() -> None:
    metered = Metered(Engine())
    indexed = {"id": {"S": "b"}, "state": {"S": "open"}}
    metered.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": indexed}}])
    assert metered.bill.write_units == 2 * 1 + 1


def test_reads_pay_by_their_consistency() -> None:
    def units(call: str, **request: Any) -> float:  # noqa: ANN401
        metered = Metered(Engine(item(4097)))
        getattr(metered, call)(**request)
        return metered.bill.read_units

    absent = {"id": {"S": "b"}}
    assert units("get_item", TableName="t", Key=KEY) == 1
    assert units("get_item", TableName="t", Key=KEY, ConsistentRead=True) == 2
    assert units("get_item", TableName="t", Key=absent, ConsistentRead=True) == 1
    assert units("batch_get_item", RequestItems={"t": {"Keys": [KEY, absent]}}) == 1.5
    assert units("transact_get_items", TransactItems=[{"Get": {"TableName": "t", "Key": KEY}}]) == 4


def test_calls_without_a_rule_are_not_counted_as_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Metered(Engine()).get_item(TableName="t", Key=KEY, ProjectionExpression="id")


@pytest.mark.parametrize(
    ("value", "peer_value", "bars_value", "ok"),
    [
        (1.0, None, False, True),
        (1.1, None, False, False),
        (2.0, 2.0, False, True),
        (2.1, 2.0, False, False),
        (0.0, 0.0, False, True),
        (0.1, 0.0, False, False),
        (1.0, 0.0, True, True),
        (1.1, 5.0, True, False),
    ],
)
def test_a_bar_holds_the_ratio_or_the_value_and_a_peer_may_have_0(
    value: float,
    peer_value: float | None,
    bars_value: bool,  # noqa: FBT001
    ok: bool,  # noqa: FBT001
) -> None:
    figure = Figure(name="n", value=value, unit="u", peer_value=peer_value, bar=1, bars_value=bars_value)
    assert figure.ok is ok
    assert list(figure.as_dict()) == ["name", "value", "unit", "peer", "peer_value", "ratio", "bar", "ok"]
