from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from shared.errors import Conflict, InvalidInput, Transient
from shared.storage import dynamo
from shared.storage.dynamo import Action, Table, Transactions
from shared.storage.keys import Key


class Answers:
    """A client that gives prepared answers, in order, whatever it is asked."""

    def __init__(self, *answers: Any) -> None:  # noqa: ANN401
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, _name: str) -> Any:  # noqa: ANN401
        def call(**request: Any) -> Any:  # noqa: ANN401
            self.asked.append(request)
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def put(sk: str, table: str = "Orders") -> Action:
    return dynamo.put_new_action(sk, table, {"PK": "a", "SK": sk}, lambda item: item["SK"]["S"])


def cancelled(*reasons: dict[str, Any]) -> ClientError:
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": list(reasons)}
    return ClientError(response, "TransactWriteItems")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Any")


def commit(*answers: Any, actions: tuple[Action, ...] = (put("1"), put("2"))) -> tuple[dynamo.Outcome, Answers]:  # noqa: ANN401
    client = Answers(*answers)
    return Transactions(client).commit(actions), client  # type: ignore[arg-type]


def test_refusals_come_back_by_position_with_what_was_there() -> None:
    outcome, _ = commit(cancelled({"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"SK": {"S": "there"}}}))

    assert [(r.action.about, r.is_conflict, r.found) for r in outcome.refusals] == [("2", False, "there")]
    assert not outcome.is_done
    assert not outcome.conflicts


def test_a_condition_that_met_nothing_finds_nothing() -> None:
    outcome, _ = commit(cancelled({"Code": "ConditionalCheckFailed"}, {"Code": "None"}))

    assert [r.found for r in outcome.refusals] == [None]


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_meeting_other_writes_is_a_conflict(code: str) -> None:
    outcome, _ = commit(cancelled({"Code": code}, {"Code": "None"}))

    assert outcome.conflicts


def test_no_answer_sends_the_same_request_with_the_same_token() -> None:
    outcome, client = commit(ReadTimeoutError(endpoint_url="x"), {})

    assert outcome.is_done
    first, second = client.asked
    assert first == second
    assert len(first["ClientRequestToken"]) == 32


def test_still_no_answer_is_left_to_redelivery() -> None:
    with pytest.raises(Transient):
        commit(ReadTimeoutError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x"))


def test_another_request_has_another_token() -> None:
    _, one = commit({})
    _, other = commit({}, actions=(put("1"), put("3")))

    assert one.asked[0]["ClientRequestToken"] != other.asked[0]["ClientRequestToken"]


def test_two_actions_on_one_item_are_a_bug() -> None:
    with pytest.raises(ValueError, match="same item"):
        commit({}, actions=(put("1"), put("1")))
    assert commit({}, actions=(put("1"), put("1", table="Stock")))[0].is_done


def test_more_than_a_hundred_actions_are_refused_before_the_call() -> None:
    with pytest.raises(InvalidInput):
        commit({}, actions=tuple(put(str(i)) for i in range(101)))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ValidationException", InvalidInput),
        ("ProvisionedThroughputExceededException", Transient),
        ("InternalServerError", Transient),
    ],
)
def test_other_errors_are_translated(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        commit(error(code))
    with pytest.raises(kind):
        Table(Answers(error(code)), "Orders").get(Key("a", "b"))  # type: ignore[arg-type]
    with pytest.raises(kind):
        Table(Answers(error(code)), "Orders").put_new({"PK": "a", "SK": "b"})  # type: ignore[arg-type]


def test_a_single_write_that_meets_a_transaction_is_a_conflict() -> None:
    with pytest.raises(Conflict):
        Table(Answers(error("TransactionConflictException")), "Stock").update(Key("a", "b"), {})  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["get", "put", "put_new", "put_seen", "update", "delete", "query"])
def test_no_answer_to_a_single_call_may_work_later(call: str) -> None:
    table = Table(Answers(ReadTimeoutError(endpoint_url="x")), "Orders")  # type: ignore[arg-type]
    asks: dict[str, Any] = {
        "get": lambda: table.get(Key("a", "b")),
        "put": lambda: table.put({"PK": "a", "SK": "b"}),
        "put_new": lambda: table.put_new({"PK": "a", "SK": "b"}),
        "put_seen": lambda: table.put_seen({"PK": "a", "SK": "b"}, 1),
        "update": lambda: table.update(Key("a", "b"), {}),
        "delete": lambda: table.delete(Key("a", "b")),
        "query": lambda: list(table.query("PK = :pk", {":pk": "a"})),
    }

    with pytest.raises(Transient):
        asks[call]()


def test_what_a_batch_leaves_over_is_sent_again() -> None:
    left = {"Orders": [{"PutRequest": {"Item": {"PK": {"S": "a"}}}}]}
    client = Answers({"UnprocessedItems": left}, {})

    Table(client, "Orders").write_all([{"PK": "a"}, {"PK": "b"}])  # type: ignore[arg-type]

    assert client.asked[1]["RequestItems"] == left


def test_a_batch_that_never_ends_may_work_later() -> None:
    left = {"Orders": {"Keys": [{"PK": {"S": "a"}, "SK": {"S": "b"}}]}}

    with pytest.raises(Transient):
        dynamo.read_all(Answers(*[{"Responses": {}, "UnprocessedKeys": left}] * 4), [("Orders", Key("a", "b"))])  # type: ignore[arg-type]


def test_a_query_reads_page_by_page_and_stops_at_its_limit() -> None:
    pages = [{"Items": [{"n": {"N": "1"}}], "LastEvaluatedKey": {"PK": {"S": "a"}}}, {"Items": [{"n": {"N": "2"}}]}]

    def table() -> Table:
        return Table(Answers(*pages), "Orders")  # type: ignore[arg-type]

    assert [item["n"] for item in table().query("PK = :pk", {":pk": "a"})] == [1, 2]
    assert [item["n"] for item in table().query("PK = :pk", {":pk": "a"}, limit=1)] == [1]


def test_a_put_over_what_was_seen_asks_for_its_revision() -> None:
    client = Answers({}, error("ConditionalCheckFailedException"))
    table = Table(client, "Orders")  # type: ignore[arg-type]

    assert table.put_seen({"PK": "a", "SK": "b", "revision": 8}, 7)
    assert not table.put_seen({"PK": "a", "SK": "b", "revision": 8}, 7)

    for asked in client.asked:
        assert asked["ConditionExpression"] == "revision = :seen"
        assert asked["ExpressionAttributeValues"] == {":seen": {"N": "7"}}
