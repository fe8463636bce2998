"""Own rules of cfn-lint for the templates: `cfn-lint -a tests/template/rules`.

E9001  a function writes to a log group of the template that keeps its logs for a limited time
E9002  a function has an alarm on its errors
E9003  a queue has dead letters with an alarm on them, or is a queue of dead letters
E9004  an event source mapping reports failed items one by one
E9005  a queue hides a message for at least six times the timeout of the function that reads it
E9006  a statement names its actions and its resources; a function's policies are statements
E9007  a handler is a function in a file of the repository
E9008  a function has the variables of `Settings` and of Powertools, and no other
E9009  an alarm names a section of the runbook
E9010  a stream mapping gives up on a poisoned record, and keeps what it gave up
E9011  an alias follows every property of its function

Each rule is a pure function from a template to its findings; the last lines make cfn-lint's classes of them. cfn-lint
loads this file by its path, so it imports nothing of the project.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.rules import (  # type: ignore[import-untyped]  # cfn-lint ships no types
    CloudFormationLintRule,
    RuleMatch,
)

ROOT = Path(__file__).resolve().parents[3]
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
# "set the source queue's visibility timeout to at least six times the function timeout":
# docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
VISIBILITY_PER_TIMEOUT = 6
# What the two services take when the template says nothing.
DEFAULT_VISIBILITY_SECONDS = 30
DEFAULT_TIMEOUT_SECONDS = 3
WITHOUT_END = -1

FUNCTION = "AWS::Serverless::Function"
MAPPING = "AWS::Lambda::EventSourceMapping"
QUEUE = "AWS::SQS::Queue"
ALARM = "AWS::CloudWatch::Alarm"
LOG_GROUP = "AWS::Logs::LogGroup"

Template = dict[str, Any]
Finding = tuple[list[str], str]
Check = Callable[[Template], Iterator[Finding]]


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Give the properties of every resource of a type by logical id."""
    return {
        name: resource.get("Properties") or {}
        for name, resource in template.get("Resources", {}).items()
        if isinstance(resource, dict) and resource.get("Type") == kind
    }


def target(value: object) -> str:
    """Name the resource that `!Ref` or `!GetAtt` points at; empty for any other value."""
    if not isinstance(value, dict):
        return ""
    at = value.get("Ref") or value.get("Fn::GetAtt") or ""
    return str(at[0] if isinstance(at, list) else at).split(".")[0]


def dead_letters_of(queue: dict[str, Any]) -> str:
    """Name the queue of a queue's dead letters; empty if it has none."""
    return target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))


def alarms_on(template: Template, namespace: str, metric: str, dimension: str) -> set[str]:
    """Name the resources that an alarm watches by this metric."""
    return {
        target(one.get("Value"))
        for alarm in resources(template, ALARM).values()
        if alarm.get("Namespace") == namespace and alarm.get("MetricName") == metric
        for one in alarm.get("Dimensions", [])
        if one.get("Name") == dimension
    }


def mappings_of(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the event source mappings that read a resource of this type."""
    sources = resources(template, kind)
    for name, mapping in resources(template, MAPPING).items():
        if target(mapping.get("EventSourceArn")) in sources:
            yield name, mapping


def function_without_logs(template: Template) -> Iterator[Finding]:
    """E9001."""
    groups = resources(template, LOG_GROUP)
    for name, function in resources(template, FUNCTION).items():
        group = groups.get(target(function.get("LoggingConfig", {}).get("LogGroup")))
        if group is None:
            yield ["Resources", name], f"{name} names no log group of the template in LoggingConfig"
        elif "RetentionInDays" not in group:
            yield ["Resources", name], f"the log group of {name} keeps its logs for ever"


def function_without_alarm(template: Template) -> Iterator[Finding]:
    """E9002."""
    watched = alarms_on(template, "AWS/Lambda", "Errors", "FunctionName")
    for name in resources(template, FUNCTION):
        if name not in watched:
            yield ["Resources", name], f"{name} has no alarm on AWS/Lambda Errors"


def queue_without_dead_letters(template: Template) -> Iterator[Finding]:
    """E9003."""
    queues = resources(template, QUEUE)
    dead_letters = {dead_letters_of(queue) for queue in queues.values()}
    watched = alarms_on(template, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName")
    for name, queue in queues.items():
        if name in dead_letters and name not in watched:
            yield ["Resources", name], f"{name} has no alarm on ApproximateNumberOfMessagesVisible"
        if name not in dead_letters and dead_letters_of(queue) not in queues:
            yield ["Resources", name], f"{name} has no queue for its dead letters"


def mapping_without_item_failures(template: Template) -> Iterator[Finding]:
    """E9004."""
    for name, mapping in resources(template, MAPPING).items():
        if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
            yield ["Resources", name], f"{name} repeats a whole batch for one failed item"


def message_seen_too_early(template: Template) -> Iterator[Finding]:
    """E9005."""
    functions, queues = resources(template, FUNCTION), resources(template, QUEUE)
    for _, mapping in mappings_of(template, QUEUE):
        function, queue = target(mapping.get("FunctionName")), target(mapping["EventSourceArn"])
        timeout = functions.get(function, {}).get("Timeout", DEFAULT_TIMEOUT_SECONDS)
        visibility = queues[queue].get("VisibilityTimeout", DEFAULT_VISIBILITY_SECONDS)
        if visibility < VISIBILITY_PER_TIMEOUT * timeout:
            yield (
                ["Resources", queue],
                f"{queue} hides a message for {visibility} s; {function} may take {timeout} s, six times over",
            )


def listed(value: object) -> list[object]:
    """Read a value of a policy that may stand alone as a list."""
    return value if isinstance(value, list) else [value]


def allowances(node: object, path: list[str]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Find every statement that allows something, at any depth."""
    if isinstance(node, dict):
        if node.get("Effect") == "Allow":
            yield path, node
        for key, value in node.items():
            yield from allowances(value, [*path, key])
    elif isinstance(node, list):
        for value in node:
            yield from allowances(value, path)


def statement_too_wide(template: Template) -> Iterator[Finding]:
    """E9006."""
    for name, resource in template.get("Resources", {}).items():
        for path, statement in allowances(resource, ["Resources", name]):
            for action in listed(statement.get("Action", "*")):
                if "*" in str(action):
                    yield path, f"{name} allows {action}: name the actions"
            # A trust policy has no Resource: it is the role's own.
            if "NotResource" in statement or "*" in listed(statement.get("Resource")):
                yield path, f"{name} allows its actions on everything: name the resources"
    for name, function in resources(template, FUNCTION).items():
        for policy in listed(function.get("Policies", [])):
            if not (isinstance(policy, dict) and "Statement" in policy):
                yield ["Resources", name], f"{name} has a ready-made policy, which grants more than it needs"


def handler_missing(template: Template) -> Iterator[Finding]:
    """E9007."""
    for name, function in resources(template, FUNCTION).items():
        module, _, attribute = str(function.get("Handler", "")).rpartition(".")
        path = ROOT / (module.replace(".", "/") + ".py")
        if not path.is_file():
            yield ["Resources", name], f"the handler of {name} has no file {path.relative_to(ROOT)}"
        elif attribute not in functions_in(path):
            yield ["Resources", name], f"{path.relative_to(ROOT)} defines no {attribute}"


@cache
def functions_in(path: Path) -> frozenset[str]:
    """Name the functions that a module defines, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@cache
def variables() -> frozenset[str]:
    """Name the variables that a function reads: the fields of `Settings`, in capitals, and those of Powertools."""
    tree = ast.parse((ROOT / "shared/runtime/settings.py").read_text(encoding="utf-8"))
    fields = {
        field.target.id.upper()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }
    return frozenset(fields | POWERTOOLS)


def variables_differ(template: Template) -> Iterator[Finding]:
    """E9008."""
    for name, function in resources(template, FUNCTION).items():
        own = set(function.get("Environment", {}).get("Variables", {}))
        if missing := sorted(variables() - own):
            yield ["Resources", name], f"{name} lacks {', '.join(missing)}"
        if surplus := sorted(own - variables()):
            yield ["Resources", name], f"nobody reads {', '.join(surplus)} of {name}"


def alarm_without_advice(template: Template) -> Iterator[Finding]:
    """E9009."""
    for name, alarm in resources(template, ALARM).items():
        if not re.search(r"docs/runbook\.md#[a-z_]+$", str(alarm.get("AlarmDescription", ""))):
            yield ["Resources", name], f"the description of {name} ends with no docs/runbook.md#section"


def stream_without_end(template: Template) -> Iterator[Finding]:
    """E9010."""
    for name, mapping in mappings_of(template, "AWS::DynamoDB::Table"):
        for bound in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds"):
            if mapping.get(bound, WITHOUT_END) == WITHOUT_END:
                yield ["Resources", name], f"{name} lets a poisoned record block its shard: no {bound}"
        if mapping.get("BisectBatchOnFunctionError") is not True:
            yield ["Resources", name], f"{name} gives up a whole batch for one poisoned record"
        kept = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if target(kept) not in resources(template, "AWS::S3::Bucket"):
            yield ["Resources", name], f"{name} keeps no copy of the records it gives up: only a bucket gets them"


def alias_left_behind(template: Template) -> Iterator[Finding]:
    """E9011."""
    for name, function in resources(template, FUNCTION).items():
        if function.get("AutoPublishAliasAllProperties") is not True:
            yield ["Resources", name], f"a changed variable of {name} never reaches its alias"


def as_rule(code: str, check: Check) -> type[Any]:
    """Make cfn-lint's kind of rule of a check."""

    def match(_self: object, cfn: Any) -> list[Any]:  # noqa: ANN401  # cfn-lint ships no types
        return [RuleMatch(path, message) for path, message in check(cfn.template)]

    text = check.__name__.replace("_", " ")
    return type(code, (CloudFormationLintRule,), {"id": code, "shortdesc": text, "description": text, "match": match})


E9001 = as_rule("E9001", function_without_logs)
E9002 = as_rule("E9002", function_without_alarm)
E9003 = as_rule("E9003", queue_without_dead_letters)
E9004 = as_rule("E9004", mapping_without_item_failures)
E9005 = as_rule("E9005", message_seen_too_early)
E9006 = as_rule("E9006", statement_too_wide)
E9007 = as_rule("E9007", handler_missing)
E9008 = as_rule("E9008", variables_differ)
E9009 = as_rule("E9009", alarm_without_advice)
E9010 = as_rule("E9010", stream_without_end)
E9011 = as_rule("E9011", alias_left_behind)
