from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]  # cfn-lint ships no types
from cfnlint.rules import RulesCollection  # type: ignore[import-untyped]  # cfn-lint ships no types

from tests.template.rules import house

RULES = RulesCollection()
RULES.create_from_directory(str(Path(house.__file__).parent))

SOUND: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Globals": {"Function": {"Timeout": 10, "Environment": {"Variables": dict.fromkeys(house.variables(), "x")}}},
    "Resources": {
        "Worker": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Handler": "deploy.check_artifact.main",
                "AutoPublishAliasAllProperties": True,
                "LoggingConfig": {"LogGroup": {"Ref": "WorkerLogs"}},
                "Policies": [
                    {
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
                                "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                            }
                        ]
                    }
                ],
            },
        },
        "WorkerLogs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 14}},
        "WorkerErrors": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmDescription": "It failed. See docs/runbook.md#worker",
                "Namespace": "AWS/Lambda",
                "MetricName": "Errors",
                "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Worker"}}],
            },
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 60,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}, "maxReceiveCount": 5},
            },
        },
        "DeadLetters": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1209600}},
        "DeadLettersWaiting": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmDescription": "It failed five times. See docs/runbook.md#queue",
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetters", "QueueName"]}}],
            },
        },
        "QueueSource": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": "Worker.Alias"},
                "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"OwnershipControls": {}}},
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"PolicyDocument": {"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}},
        },
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"BillingMode": "PAY_PER_REQUEST"}},
        "TableSource": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": "Worker.Alias"},
                "EventSourceArn": {"Fn::GetAtt": ["Table", "StreamArn"]},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 0,
                "MaximumRecordAgeInSeconds": 3600,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Bucket", "Arn"]}}},
            },
        },
    },
}
GONE = object()
STATEMENT = "Worker.Policies.0.Statement.0"
READY_MADE = {"DynamoDBCrudPolicy": {"TableName": "Table"}}


def findings(template: dict[str, Any]) -> list[tuple[str, str]]:
    return [(match.rule.id, match.message) for match in lint(json.dumps(template), rules=RULES)]


def broken(where: str, value: object) -> dict[str, Any]:
    template = deepcopy(SOUND)
    name, *steps, last = where.split(".")
    node = template["Resources"][name]["Properties"]
    for step in steps:
        node = node[int(step)] if step.isdigit() else node.setdefault(step, {})
    if value is GONE:
        del node[last]
    else:
        node[int(last) if last.isdigit() else last] = value
    return template


def test_a_sound_template_has_no_finding() -> None:
    assert findings(SOUND) == []


@pytest.mark.parametrize(
    ("_case", "where", "value", "rule", "words"),
    [
        ("no log group", "Worker.LoggingConfig", GONE, "E9001", "Worker names no log group"),
        ("a log group elsewhere", "Worker.LoggingConfig.LogGroup", "/aws/x", "E9001", "Worker names no log group"),
        ("logs for ever", "WorkerLogs.RetentionInDays", GONE, "E9001", "the log group of Worker keeps"),
        ("no alarm", "WorkerErrors.MetricName", "Invocations", "E9002", "Worker has no alarm"),
        ("an alarm on another", "WorkerErrors.Dimensions.0.Value", {"Ref": "Other"}, "E9002", "Worker has no alarm"),
        ("no alarm on dead letters", "DeadLettersWaiting.MetricName", "NumberOfMessagesSent", "E9003", "DeadLetters"),
        ("whole batches", "QueueSource.FunctionResponseTypes", GONE, "E9004", "QueueSource repeats"),
        ("whole batches of a stream", "TableSource.FunctionResponseTypes", [], "E9004", "TableSource repeats"),
        ("seen too early", "Queue.VisibilityTimeout", 59, "E9005", "Queue hides a message for 59 s"),
        ("seen too early by default", "Queue.VisibilityTimeout", GONE, "E9005", "Queue hides a message for 30 s"),
        ("a slower function", "Worker.Timeout", 11, "E9005", "Worker may take 11 s"),
        ("every action", f"{STATEMENT}.Action", "*", "E9006", "Worker allows *"),
        ("a family of actions", f"{STATEMENT}.Action.1", "sqs:Delete*", "E9006", "Worker allows sqs:Delete*"),
        ("all but one action", f"{STATEMENT}.Action", GONE, "E9006", "Worker allows *"),
        ("every resource", f"{STATEMENT}.Resource", "*", "E9006", "Worker allows its actions on everything"),
        ("every resource in a list", f"{STATEMENT}.Resource", ["*"], "E9006", "Worker allows its actions on everyth"),
        ("all but one resource", f"{STATEMENT}.NotResource", "x", "E9006", "Worker allows its actions on everything"),
        ("an open bucket", "BucketPolicy.PolicyDocument.Statement.0.Effect", "Allow", "E9006", "BucketPolicy allows"),
        ("a ready-made policy", "Worker.Policies.0", READY_MADE, "E9006", "Worker has a ready-made policy"),
        ("a managed policy", "Worker.Policies.0", "AmazonS3FullAccess", "E9006", "Worker has a ready-made policy"),
        ("no handler file", "Worker.Handler", "deploy.gone.main", "E9007", "has no file deploy/gone.py"),
        ("no handler function", "Worker.Handler", "deploy.check_artifact.gone", "E9007", "defines no gone"),
        ("a variable too many", "Worker.Environment.Variables.SURPLUS", "x", "E9008", "nobody reads SURPLUS"),
        ("no advice", "WorkerErrors.AlarmDescription", GONE, "E9009", "the description of WorkerErrors"),
        ("advice without section", "WorkerErrors.AlarmDescription", "See docs/runbook.md", "E9009", "WorkerErrors"),
        ("no bisection", "TableSource.BisectBatchOnFunctionError", False, "E9010", "gives up a whole batch"),
        ("retries without end", "TableSource.MaximumRetryAttempts", -1, "E9010", "no MaximumRetryAttempts"),
        ("records without end", "TableSource.MaximumRecordAgeInSeconds", GONE, "E9010", "no MaximumRecordAge"),
        ("lost records", "TableSource.DestinationConfig", GONE, "E9010", "keeps no copy"),
        ("an alias left behind", "Worker.AutoPublishAliasAllProperties", GONE, "E9011", "never reaches its alias"),
    ],
)
def test_a_breach_is_found_by_its_rule(_case: str, where: str, value: object, rule: str, words: str) -> None:
    found = findings(broken(where, value))

    assert {code for code, _ in found} == {rule}
    assert all(words in message for _, message in found)


def test_a_queue_without_dead_letters_is_found() -> None:
    template = broken("Queue.RedrivePolicy", GONE)

    # Nothing falls into the second queue any more, so it is a queue like others.
    assert findings(template) == [
        ("E9003", "Queue has no queue for its dead letters"),
        ("E9003", "DeadLetters has no queue for its dead letters"),
    ]


def test_a_variable_that_the_settings_lack_is_found() -> None:
    template = deepcopy(SOUND)
    del template["Globals"]["Function"]["Environment"]["Variables"]["STOCK_TABLE"]

    assert findings(template) == [("E9008", "Worker lacks STOCK_TABLE")]


def test_every_rule_is_documented_and_has_a_breach_here() -> None:
    table = Path(__file__).read_text(encoding="utf-8")
    codes = {name for name in vars(house) if name.startswith("E9")}

    assert codes == {rule.id for rule in RULES}
    assert {code for code in codes if f"{code}  " not in (house.__doc__ or "") or f'"{code}"' not in table} == set()
