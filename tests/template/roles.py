"""What the suites called, against what each function's role allows.

A recording is a file of JSON lines, one per action and resource of a call:

    {"function": "process_orders", "service": "dynamodb", "operation": "TransactWriteItems",
     "actions": ["dynamodb:PutItem"], "resource": "OrderTable", "context": {}}

A resource is named as the template names it: `StockTable`, `StockTable/index/by_flag`, `FilesBucket/in/acme/stock.csv`,
`OrderQueue`, `secret:truestock/shop/shops/main`, `connector/c-1`, `identity/a@shop.example`. `context` holds the
condition keys of the call, such as `{"s3:prefix": "in/acme/"}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The action that authorises each operation, where it is one and the same for every request:
# docs.aws.amazon.com/service-authorization/latest/reference, by service.
ACTION_OF = {
    ("dynamodb", "GetItem"): "dynamodb:GetItem",
    ("dynamodb", "BatchGetItem"): "dynamodb:BatchGetItem",
    ("dynamodb", "Query"): "dynamodb:Query",
    ("dynamodb", "Scan"): "dynamodb:Scan",
    ("dynamodb", "PutItem"): "dynamodb:PutItem",
    ("dynamodb", "UpdateItem"): "dynamodb:UpdateItem",
    ("dynamodb", "DeleteItem"): "dynamodb:DeleteItem",
    ("dynamodb", "BatchWriteItem"): "dynamodb:BatchWriteItem",
    ("s3", "PutObject"): "s3:PutObject",
    ("s3", "DeleteObject"): "s3:DeleteObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "ListObjectVersions"): "s3:ListBucketVersions",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPart"): "s3:PutObject",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
    ("s3", "AbortMultipartUpload"): "s3:AbortMultipartUpload",
    ("sqs", "SendMessage"): "sqs:SendMessage",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sqs", "ChangeMessageVisibility"): "sqs:ChangeMessageVisibility",
    ("sqs", "GetQueueAttributes"): "sqs:GetQueueAttributes",
    ("secretsmanager", "GetSecretValue"): "secretsmanager:GetSecretValue",
    ("transfer", "StartFileTransfer"): "transfer:StartFileTransfer",
    ("transfer", "ListFileTransferResults"): "transfer:ListFileTransferResults",
}
# A transaction has no action of its own: each of its parts is authorised as if it came alone.
ACTION_OF_PART = {
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
Need = tuple[str, str, Mapping[str, str]]  # action, resource, condition keys
STACK = "${AWS::StackName}"


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of a function needs, on one resource."""

    function: str
    service: str
    operation: str
    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    def to_json(self) -> str:
        """Write the call as a line of a recording."""
        names = ("function", "service", "operation", "actions", "resource", "context")
        return json.dumps({name: getattr(self, name) for name in names}, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Grant:
    """One statement of a role: every one of its actions on every one of its resources."""

    actions: frozenset[str]
    resources: tuple[str, ...]
    like: Mapping[str, tuple[str, ...]]

    def covers(self, action: str, call: Call) -> bool:
        """Say whether the statement allows this action of the call."""
        return (
            action in self.actions
            and any(is_like(call.resource, pattern) for pattern in self.resources)
            and all(
                key in call.context and any(is_like(call.context[key], pattern) for pattern in patterns)
                for key, patterns in self.like.items()
            )
        )


def is_like(text: str, pattern: str) -> bool:
    """Compare as IAM does: `*` stands for any text, `?` for one character, nothing else is special."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def recorded(path: Path) -> list[Call]:
    """Read a recording."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Call(**(line | {"actions": tuple(line["actions"])})) for line in lines]


def calls_of(
    function: str, service: str, operation: str, parameters: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[Call]:
    """Give what a request of the SDK needs: one call per action and resource.

    `names` gives the template's name of each table, bucket and queue URL. Raises LookupError for an operation that has
    no line in the tables above, and for a resource without a name: an unknown call is never covered by silence.
    """
    for action, resource, context in NEEDS_OF[service](operation, parameters, names):
        yield Call(function, service, operation, (action,), resource, context)


def needs_of_dynamodb(operation: str, parameters: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Need]:
    """Give the actions on tables and indexes."""
    match operation:
        case "TransactWriteItems" | "TransactGetItems":
            parts = {(kind, part["TableName"]) for item in parameters["TransactItems"] for kind, part in item.items()}
            for kind, table in sorted(parts):
                yield ACTION_OF_PART[kind], names[table], {}
        case "BatchGetItem" | "BatchWriteItem":
            for table in sorted(parameters["RequestItems"]):
                yield ACTION_OF["dynamodb", operation], names[table], {}
        case _:
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            yield ACTION_OF["dynamodb", operation], names[parameters["TableName"]] + index, {}


def needs_of_s3(operation: str, parameters: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Need]:
    """Give the actions on buckets and objects."""
    bucket = names[parameters["Bucket"]]
    match operation:
        case "GetObject" | "HeadObject":
            yield reading_of(parameters), f"{bucket}/{parameters['Key']}", {}
        case "CopyObject":
            source = parameters["CopySource"]
            yield reading_of(source), f"{names[source['Bucket']]}/{source['Key']}", {}
            yield "s3:PutObject", f"{bucket}/{parameters['Key']}", {}
        case "DeleteObjects":
            for one in parameters["Delete"]["Objects"]:
                action = "s3:DeleteObjectVersion" if "VersionId" in one else "s3:DeleteObject"
                yield action, f"{bucket}/{one['Key']}", {}
        case "ListObjectsV2" | "ListObjectVersions":
            yield ACTION_OF["s3", operation], bucket, {"s3:prefix": parameters.get("Prefix", "")}
        case _:
            key = f"/{parameters['Key']}" if "Key" in parameters else ""
            yield ACTION_OF["s3", operation], bucket + key, {}


def reading_of(parameters: Mapping[str, Any]) -> str:
    """Name the action that reads an object, or one version of it."""
    return "s3:GetObjectVersion" if "VersionId" in parameters else "s3:GetObject"


def needs_of_sqs(operation: str, parameters: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Need]:
    """Give the action on a queue."""
    yield ACTION_OF["sqs", operation], names[parameters["QueueUrl"]], {}


def needs_of_secretsmanager(operation: str, parameters: Mapping[str, Any], _names: object) -> Iterator[Need]:
    """Give the action on a secret, which is known by its name."""
    yield ACTION_OF["secretsmanager", operation], f"secret:{parameters['SecretId']}", {}


def needs_of_transfer(operation: str, parameters: Mapping[str, Any], _names: object) -> Iterator[Need]:
    """Give the action on a connector."""
    yield ACTION_OF["transfer", operation], f"connector/{parameters['ConnectorId']}", {}


def needs_of_ses(operation: str, parameters: Mapping[str, Any], _names: object) -> Iterator[Need]:
    """Give the action on the identity that a mail is from: a raw message has one of its own."""
    if operation != "SendEmail":
        raise LookupError(operation)
    action = "ses:SendRawEmail" if "Raw" in parameters["Content"] else "ses:SendEmail"
    yield action, f"identity/{parameters['FromEmailAddress']}", {}


NEEDS_OF: dict[str, Callable[[str, Mapping[str, Any], Mapping[str, str]], Iterator[Need]]] = {
    "dynamodb": needs_of_dynamodb,
    "s3": needs_of_s3,
    "secretsmanager": needs_of_secretsmanager,
    "sesv2": needs_of_ses,
    "sqs": needs_of_sqs,
    "transfer": needs_of_transfer,
}


def listed(value: Any) -> list[Any]:  # noqa: ANN401  # a policy's value: text, intrinsic or list of them
    """Read a value of a policy that may stand alone as a list."""
    return value if isinstance(value, list) else [value]


def resource_of(value: Any) -> str:  # noqa: ANN401  # text or intrinsic
    """Name a statement's resource as a recording does. Raises ValueError for what it cannot read."""
    match value:
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return name
        case {"Fn::GetAtt": str(text)} if text.endswith(".Arn"):
            return text.removesuffix(".Arn")
        case {"Fn::Sub": str(text)} if secret := re.search(r":secretsmanager:.*:(secret:.*)$", text):
            return secret[1].replace(STACK, "*")
        case {"Fn::Sub": str(text)} if named := re.search(r":(?:transfer|ses):.*:((?:connector|identity)/.*)$", text):
            return named[1]
        case {"Fn::Sub": str(text)} if inside := re.fullmatch(r"\$\{(\w+)\.Arn\}(/.+)", text):
            return inside[1] + inside[2]
    message = f"a statement's resource has an unknown form: {value}"
    raise ValueError(message)


def grants_of(template: Mapping[str, Any], function: str) -> list[Grant]:
    """Read the statements of a function's role; the function by its folder."""
    logical_id = "".join(word.title() for word in function.split("_"))
    policies = template["Resources"][logical_id]["Properties"].get("Policies", [])
    return [
        Grant(
            actions=frozenset(listed(statement["Action"])),
            resources=tuple(resource_of(one) for one in listed(statement["Resource"])),
            like={key: tuple(listed(values)) for key, values in conditions_of(statement).items()},
        )
        for policy in policies
        for statement in policy["Statement"]
    ]


def conditions_of(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Give a statement's patterns by condition key. Raises ValueError for any other kind of condition."""
    condition = statement.get("Condition", {})
    if set(condition) - {"StringLike"}:
        message = f"a statement's condition has an unknown form: {condition}"
        raise ValueError(message)
    patterns: dict[str, Any] = condition.get("StringLike", {})
    return patterns


def uncovered(calls: Iterable[Call], template: Mapping[str, Any]) -> list[Call]:
    """Give the calls that no statement of their function's role covers, each once, in the order they were made."""
    distinct = list(dict.fromkeys(calls))
    grants = {function: grants_of(template, function) for function in {call.function for call in distinct}}
    return [
        call
        for call in distinct
        if not all(any(grant.covers(action, call) for grant in grants[call.function]) for action in call.actions)
    ]
