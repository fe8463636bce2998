from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.template.roles import Call, calls_of, is_like, recorded, resource_of, uncovered

NAMES = {
    "shop-stock": "StockTable",
    "shop-orders": "OrderTable",
    "shop-files": "FilesBucket",
    "https://q": "OrderQueue",
}
SECRETS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "IngestFiles": {
            "Properties": {
                "Policies": [
                    {
                        "Statement": [
                            {
                                "Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"],
                                "Resource": {"Fn::GetAtt": ["StockTable", "Arn"]},
                            },
                            {"Action": "dynamodb:Query", "Resource": {"Fn::Sub": "${StockTable.Arn}/index/by_flag"}},
                            {
                                "Action": "s3:GetObject",
                                "Resource": [
                                    {"Fn::Sub": "${FilesBucket.Arn}/in/*"},
                                    {"Fn::Sub": "${FilesBucket.Arn}/out/*/reports/*"},
                                ],
                            },
                            {
                                "Action": "s3:ListBucket",
                                "Resource": {"Fn::GetAtt": "FilesBucket.Arn"},
                                "Condition": {"StringLike": {"s3:prefix": ["in/*", "held/*"]}},
                            },
                            {
                                "Action": "secretsmanager:GetSecretValue",
                                "Resource": {"Fn::Sub": f"{SECRETS}:secret:truestock/${{AWS::StackName}}/shops/*"},
                            },
                        ]
                    }
                ]
            }
        },
        "Reconcile": {"Properties": {}},
    }
}


def call(action: str, resource: str, function: str = "ingest_files", prefix: str | None = None) -> Call:
    service, operation = action.split(":")
    return Call(function, service, operation, (action,), resource, {} if prefix is None else {"s3:prefix": prefix})


@pytest.mark.parametrize(
    ("_case", "made"),
    [
        ("a named action on a named table", call("dynamodb:PutItem", "StockTable")),
        ("another action of the same statement", call("dynamodb:UpdateItem", "StockTable")),
        ("an index", call("dynamodb:Query", "StockTable/index/by_flag")),
        ("an object under a prefix", call("s3:GetObject", "FilesBucket/in/acme/stock.csv")),
        ("an object under a pattern", call("s3:GetObject", "FilesBucket/out/acme/reports/1.json")),
        ("a listing under a prefix", call("s3:ListBucket", "FilesBucket", prefix="in/acme/")),
        ("a secret of the stack", call("secretsmanager:GetSecretValue", "secret:truestock/shop/shops/main")),
    ],
)
def test_a_call_that_a_statement_names_is_covered(_case: str, made: Call) -> None:
    assert uncovered([made], TEMPLATE) == []


@pytest.mark.parametrize(
    ("_case", "made"),
    [
        ("an action nobody granted", call("dynamodb:DeleteItem", "StockTable")),
        ("the action on another table", call("dynamodb:PutItem", "OrderTable")),
        ("the table when only its index is granted", call("dynamodb:Query", "StockTable")),
        ("another index", call("dynamodb:Query", "StockTable/index/by_source")),
        ("an object elsewhere", call("s3:GetObject", "FilesBucket/done/acme/stock.csv")),
        ("a purchase order beside the reports", call("s3:GetObject", "FilesBucket/out/acme/PO-1.csv")),
        ("a listing elsewhere", call("s3:ListBucket", "FilesBucket", prefix="out/")),
        ("a listing of everything", call("s3:ListBucket", "FilesBucket")),
        ("a secret of someone else", call("secretsmanager:GetSecretValue", "secret:other/shop")),
        ("a function without policies", call("dynamodb:PutItem", "StockTable", function="reconcile")),
    ],
)
def test_a_call_that_no_statement_names_is_told(_case: str, made: Call) -> None:
    assert uncovered([made, made], TEMPLATE) == [made]


def test_a_call_is_covered_only_if_each_of_its_actions_is() -> None:
    both = Call(
        "ingest_files", "dynamodb", "TransactWriteItems", ("dynamodb:PutItem", "dynamodb:DeleteItem"), "StockTable"
    )

    assert uncovered([both], TEMPLATE) == [both]


def test_a_function_that_the_template_lacks_is_an_error() -> None:
    with pytest.raises(KeyError, match="NoSuchThing"):
        uncovered([call("s3:GetObject", "FilesBucket/in/x", function="no_such_thing")], TEMPLATE)


def test_a_statement_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown form"):
        resource_of({"Fn::ImportValue": "table"})


@pytest.mark.parametrize(
    ("_case", "operation", "parameters", "needed"),
    [
        (
            "a transaction needs the action of each part, once a table",
            "dynamodb.TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "shop-orders"}},
                    {"Put": {"TableName": "shop-orders"}},
                    {"Update": {"TableName": "shop-stock"}},
                    {"ConditionCheck": {"TableName": "shop-orders"}},
                ]
            },
            [
                ("dynamodb:ConditionCheckItem", "OrderTable"),
                ("dynamodb:PutItem", "OrderTable"),
                ("dynamodb:UpdateItem", "StockTable"),
            ],
        ),
        (
            "a batch needs its action on each table",
            "dynamodb.BatchGetItem",
            {"RequestItems": {"shop-stock": {}, "shop-orders": {}}},
            [("dynamodb:BatchGetItem", "OrderTable"), ("dynamodb:BatchGetItem", "StockTable")],
        ),
        ("a query of a table", "dynamodb.Query", {"TableName": "shop-stock"}, [("dynamodb:Query", "StockTable")]),
        (
            "a query of an index",
            "dynamodb.Query",
            {"TableName": "shop-orders", "IndexName": "due"},
            [("dynamodb:Query", "OrderTable/index/due")],
        ),
        (
            "a head is a read",
            "s3.HeadObject",
            {"Bucket": "shop-files", "Key": "in/a"},
            [("s3:GetObject", "FilesBucket/in/a")],
        ),
        (
            "a version has an action of its own",
            "s3.GetObject",
            {"Bucket": "shop-files", "Key": "in/a", "VersionId": "1"},
            [("s3:GetObjectVersion", "FilesBucket/in/a")],
        ),
        (
            "a copy reads and writes",
            "s3.CopyObject",
            {"Bucket": "shop-files", "Key": "done/a", "CopySource": {"Bucket": "shop-files", "Key": "in/a"}},
            [("s3:GetObject", "FilesBucket/in/a"), ("s3:PutObject", "FilesBucket/done/a")],
        ),
        (
            "a deletion of many needs its action on each",
            "s3.DeleteObjects",
            {"Bucket": "shop-files", "Delete": {"Objects": [{"Key": "in/a"}, {"Key": "in/b"}]}},
            [("s3:DeleteObject", "FilesBucket/in/a"), ("s3:DeleteObject", "FilesBucket/in/b")],
        ),
        ("a batch of messages", "sqs.SendMessageBatch", {"QueueUrl": "https://q"}, [("sqs:SendMessage", "OrderQueue")]),
        (
            "a secret",
            "secretsmanager.GetSecretValue",
            {"SecretId": "truestock/shop/shops/main"},
            [("secretsmanager:GetSecretValue", "secret:truestock/shop/shops/main")],
        ),
        (
            "a transfer",
            "transfer.StartFileTransfer",
            {"ConnectorId": "c-1", "SendFilePaths": ["/shop-files/out/a"]},
            [("transfer:StartFileTransfer", "connector/c-1")],
        ),
        (
            "a raw mail",
            "sesv2.SendEmail",
            {"FromEmailAddress": "a@shop.example", "Content": {"Raw": {"Data": b""}}},
            [("ses:SendRawEmail", "identity/a@shop.example")],
        ),
    ],
)
def test_a_request_needs(_case: str, operation: str, parameters: dict[str, Any], needed: list[tuple[str, str]]) -> None:
    service, name = operation.split(".")

    calls = list(calls_of("process_orders", service, name, parameters, NAMES))

    assert [(*made.actions, made.resource) for made in calls] == needed
    assert {(made.function, made.service, made.operation) for made in calls} == {("process_orders", service, name)}


def test_a_listing_carries_the_prefix_that_the_role_may_bind() -> None:
    (made,) = calls_of("ingest_files", "s3", "ListObjectsV2", {"Bucket": "shop-files", "Prefix": "in/acme/"}, NAMES)

    assert made == Call(
        "ingest_files", "s3", "ListObjectsV2", ("s3:ListBucket",), "FilesBucket", {"s3:prefix": "in/acme/"}
    )


@pytest.mark.parametrize(
    ("_case", "service", "operation", "parameters"),
    [
        ("an operation without a line", "dynamodb", "ExecuteStatement", {"TableName": "shop-stock"}),
        ("a service without a line", "lambda", "Invoke", {}),
        ("mails by a template", "sesv2", "SendBulkEmail", {}),
        ("a table without a name", "dynamodb", "GetItem", {"TableName": "other"}),
    ],
)
def test_an_unknown_request_is_an_error(_case: str, service: str, operation: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        list(calls_of("reconcile", service, operation, parameters, NAMES))


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = [call("dynamodb:PutItem", "StockTable"), call("s3:ListBucket", "FilesBucket", prefix="in/")]
    path = tmp_path / "calls.jsonl"

    path.write_text("".join(one.to_json() + "\n" for one in made), encoding="utf-8")

    assert recorded(path) == made


@pytest.mark.parametrize(
    ("pattern", "text", "alike"),
    [
        ("a/*", "a/b/c", True),
        ("a/*", "b/a/c", False),
        ("a", "ab", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_are_read_as_iam_reads_them(pattern: str, text: str, alike: bool) -> None:  # noqa: FBT001 - an example's value
    assert is_like(text, pattern) is alike
