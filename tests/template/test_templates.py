from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file  # type: ignore[import-untyped]  # cfn-lint ships no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]  # cfn-lint ships no types
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # cfn-lint ships no types
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]  # ships no types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]  # ships no types

from deploy.check_artifact import folder_of
from tests.template.roles import grants_of
from tests.template.rules import house

ROOT = house.ROOT
TEMPLATES = [ROOT / "template.yaml", *sorted((ROOT / "deploy").glob("*.yaml"))]
FUNCTIONS = {
    "receive_webhook",
    "poll_storefronts",
    "process_orders",
    "ingest_files",
    "record_stock",
    "record_orders",
    "send_purchase_orders",
    "publish_to_channels",
    "sweep_due_work",
    "reconcile",
    "operations_api",
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    return loaded


@pytest.fixture(scope="module")
def translated(template: dict[str, Any]) -> dict[str, Any]:
    # The translator takes no local path: `sam package` puts addresses in their place.
    packaged = deepcopy(template)
    packaged["Globals"]["Function"]["CodeUri"] = "s3://artifacts/code.zip"
    packaged["Resources"]["Dependencies"]["Properties"]["ContentUri"] = "s3://artifacts/layer.zip"
    result: dict[str, Any] = Translator({}, Parser()).translate(packaged, parameter_values={})
    return result


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(path: Path) -> None:
    config = ManualArgs(append_rules=[str(Path(house.__file__).parent), "cfn_lint_serverless.rules"])

    assert [f"{match.rule.id} {match.message}" for match in lint_file(path, config)] == []


def test_a_function_has_one_spelling(template: dict[str, Any]) -> None:
    handlers = {name: function["Handler"] for name, function in house.resources(template, house.FUNCTION).items()}

    assert {folder_of(name) for name in handlers} == FUNCTIONS
    assert handlers == {name: f"functions.{folder_of(name)}.handler.lambda_handler" for name in handlers}


def test_sam_translates_each_function_with_an_alias_and_a_role_of_its_own(translated: dict[str, Any]) -> None:
    roles = [
        function["Role"]["Fn::GetAtt"][0] for function in house.resources(translated, "AWS::Lambda::Function").values()
    ]

    assert len(house.resources(translated, "AWS::Lambda::Alias")) == len(FUNCTIONS)
    assert len(set(roles)) == len(roles) == len(FUNCTIONS)


def test_no_role_gets_a_ready_made_policy_beside_the_one_that_writes_logs(translated: dict[str, Any]) -> None:
    managed = {
        str(arn).rpartition("/")[2].rstrip("'}")
        for role in house.resources(translated, "AWS::IAM::Role").values()
        for arn in role.get("ManagedPolicyArns", [])
    }

    assert managed == {"AWSLambdaBasicExecutionRole"}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_statement_of_a_role_can_be_compared_with_calls(template: dict[str, Any], function: str) -> None:
    actions = {action for grant in grants_of(template, function) for action in grant.actions}

    assert actions
    assert {
        action
        for action in actions
        if not re.fullmatch(r"(dynamodb|s3|secretsmanager|ses|sqs|transfer):[A-Z]\w+", action)
    } == set()


def test_every_alarm_has_its_section_in_the_runbook(template: dict[str, Any]) -> None:
    runbook = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^#+ `?([a-z_]+)`?$", runbook, re.MULTILINE))

    named = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in house.resources(template, house.ALARM).values()}

    assert named - sections == set()


def test_every_metric_of_ours_that_an_alarm_watches_is_counted(template: dict[str, Any]) -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for room in ("functions", "shared") for path in (ROOT / room).rglob("*.py")
    )
    alarms = house.resources(template, house.ALARM).values()

    watched = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "Truestock"}

    # An alarm on a metric that nobody counts is silent for ever.
    assert watched
    assert {metric for metric in watched if f'"{metric}"' not in code} == set()


def test_a_file_is_announced_only_under_in(template: dict[str, Any]) -> None:
    bucket = house.resources(template, "AWS::S3::Bucket")["FilesBucket"]

    (announced,) = bucket["NotificationConfiguration"]["QueueConfigurations"]

    # A report or a purchase order that announced itself would come back as a feed.
    assert announced["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "in/"}]


def test_the_queue_admits_the_bucket_by_the_name_that_it_will_have(template: dict[str, Any]) -> None:
    name = house.resources(template, "AWS::S3::Bucket")["FilesBucket"]["BucketName"]["Fn::Sub"]
    (statement,) = template["Resources"]["FileQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    arn = statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]

    assert arn == [f"arn:${{AWS::Partition}}:s3:::{name[0]}", name[1]]


def test_the_shop_event_queue_admits_one_rule_of_our_bus_and_amazon_where_they_are_asked_for(
    template: dict[str, Any],
) -> None:
    found = template["Resources"]
    policy, rule = found["ShopEventQueuePolicy"], found["ShopifyWebhooks"]["Properties"]
    bus, amazon = (each["Fn::If"] for each in policy["Properties"]["PolicyDocument"]["Statement"])

    assert (bus[0], amazon[0], policy["Condition"]) == ("ShopifyBus", "AmazonNotifies", "OthersSendShopEvents")
    assert bus[1]["Principal"] == {"Service": "events.amazonaws.com"}
    assert bus[1]["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ShopifyWebhooks", "Arn"]}}}
    assert amazon[1]["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::437568002678:root"}}
    assert set(amazon[1]["Action"]) == {"sqs:SendMessage", "sqs:GetQueueAttributes"}
    assert rule["EventPattern"] == {"source": [{"Ref": "ShopifyEventSource"}], "detail-type": ["shopifyWebhook"]}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["ShopEventQueue", "Arn"]}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["ShopEventDeadLetters", "Arn"]}


@pytest.mark.parametrize("parameter", ["ShopifyEventSource", "AmazonNotifications"])
def test_nobody_else_sends_shop_events_unless_asked_to(template: dict[str, Any], parameter: str) -> None:
    assert template["Parameters"][parameter]["Default"] in {"", "false"}
    for name in ("ShopifyBusOfApp", "ShopifyWebhooks", "ShopEventDeadLettersPolicy"):
        assert template["Resources"][name]["Condition"] == "ShopifyBus"
