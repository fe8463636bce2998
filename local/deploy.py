"""Deploy the template that goes to AWS to the emulator, with artifacts built for this machine's interpreter.

What differs from AWS: `Stage=local`, `TlsOnly=false`, where the code lies, what SENDS adds, and what AFTER sets.
What the emulator drops from the template without a word and nobody here needs: point-in-time recovery, encryption,
lifecycles, throttling, access logs, the batching window, retry limits, bisection and partial failures of streams.
"""

from __future__ import annotations

import compileall
import hashlib
import io
import py_compile
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.cloud import ROOT, Failure, Say
from local.emulator import ENVIRONMENT, lock_hash, uv

TEMPLATE = ROOT / "template.yaml"
STACK = "truestock-local"
BUCKET = "truestock-local-artifacts"
LAYERS = ROOT / ".local" / "layers"
PARAMETERS = {"Stage": "local", "TlsOnly": "false"}
DEPLOYS_WITHIN_SECONDS = 150
ASKS_EVERY_SECONDS = 0.5
LONGEST_REASON = 500

Connect = Callable[[str], Any]
"""Service -> client."""


class Refused(Failure):
    """The stack could not be deployed."""

    status = 3


@dataclass(frozen=True)
class Stack:
    """What is deployed. `resources`: logical id -> physical id."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]


def _expire(connect: Connect, table: str) -> None:
    setting = {"Enabled": True, "AttributeName": "expires_at"}
    try:
        connect("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=setting)
    except ClientError as error:
        if "already enabled" not in str(error):
            raise


def _redeliver_soon(connect: Connect, queue: str) -> None:
    connect("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "10"})


SENDS = ("Action: sqs:SendMessage\n", "Action: [sqs:SendMessage, sqs:SendMessageBatch]\n")
"""The emulator asks for an action of the batch's own name; on AWS sending is one action, whatever the call."""

AFTER: tuple[tuple[str, Callable[[Connect, str], None], str], ...] = (
    # resource        what is set       why
    ("StockTable", _expire, "TimeToLiveSpecification is dropped"),
    ("OrderTable", _expire, "TimeToLiveSpecification is dropped"),
    ("OrderQueue", _redeliver_soon, "a redelivery is to be seen in seconds, not after the template's minutes"),
    ("FileQueue", _redeliver_soon, "likewise"),
    ("ChannelQueue", _redeliver_soon, "likewise"),
    ("ShopEventQueue", _redeliver_soon, "likewise"),
)


def deploy(connect: Connect, say: Say, template: Path = TEMPLATE) -> Stack:
    """Bring the emulator's stack to what the template and the code say; quick when it is there. Raises Refused."""
    connect("s3").create_bucket(Bucket=BUCKET)  # no complaint when it is ours already, in this region
    body = _placed(connect, template, say)
    fingerprint = hashlib.sha256(body.encode()).hexdigest()[:32]
    formation = connect("cloudformation")
    before = _describe(formation)
    if before and {"Key": "fingerprint", "Value": fingerprint} in before["Tags"]:
        say("the stack is there already, and nothing has changed")
    else:
        key = f"template-{fingerprint}.yaml"  # too long to be sent with the request
        connect("s3").put_object(Bucket=BUCKET, Key=key, Body=body.encode())
        _apply(formation, key, fingerprint, say, is_new=before is None)
    stack = _read(formation)
    for resource, set_it, _ in AFTER:
        if resource in stack.resources:
            set_it(connect, stack.resources[resource])
    return stack


# ---- artifacts


def _placed(connect: Connect, template: Path, say: Say) -> str:
    """Return the template with its code in the emulator's bucket instead of this folder."""
    try:
        text = template.read_text()
    except OSError as error:
        raise Refused(f"the template cannot be read: {error}") from error
    here = r"(?m)^( +{}:) \.$"
    if re.search(own := here.format("CodeUri"), text):
        files = own_files()
        text = re.sub(own, rf"\1 {_put(connect, f'code-{content_hash(files)}.zip', partial(zip_own, files))}", text)
    if re.search(others := here.format("ContentUri"), text):
        text = re.sub(others, rf"\1 {_put(connect, f'layer-{lock_hash()}.zip', partial(layer, say))}", text)
    return text.replace(*SENDS)


def _put(connect: Connect, key: str, build: Callable[[], bytes]) -> str:
    """Bring an artifact to the emulator, unless it is there since an earlier start; keys name contents."""
    s3 = connect("s3")
    if not s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=build())
    return f"s3://{BUCKET}/{key}"


def own_files() -> list[Path]:
    """List the files of `functions` and `shared`."""
    found = (file for room in ("functions", "shared") for file in (ROOT / room).rglob("*"))
    return sorted(file for file in found if file.is_file() and "__pycache__" not in file.parts)


def content_hash(files: list[Path]) -> str:
    """Name what files hold and are called."""
    told = hashlib.sha256()
    for file in files:
        told.update(f"{file.relative_to(ROOT)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return told.hexdigest()[:16]


def zip_own(files: list[Path]) -> bytes:
    """Zip files under their repository paths."""
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            copy = Path(folder) / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        return _zip(Path(folder))


def layer(say: Say) -> bytes:
    """Zip the locked third-party code without boto3, which the runtime brings here and on AWS."""
    path = LAYERS / f"{lock_hash()}.zip"
    if not path.exists():
        say("building the layer of third-party code")
        LAYERS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=LAYERS) as folder:
            required, content, packed = (Path(folder) / name for name in ("requirements.txt", "content", "packed.zip"))
            required.write_text(
                uv("export", "--frozen", "--quiet", "--no-dev", "--no-emit-project", "--prune", "boto3")
            )
            strict = ["--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
            there = ["--target", str(content / "python"), "--python", str(ENVIRONMENT / "bin" / "python")]
            uv("pip", "install", *strict, *there, "--requirements", str(required))
            packed.write_bytes(_zip(content))
            packed.rename(path)
    return path.read_bytes()


def _zip(folder: Path) -> bytes:
    """Compile what a folder holds and zip it. Bytecode is unchecked: unpacking changes the times of files."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=1, stripdir=str(folder), invalidation_mode=unchecked)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return packed.getvalue()


# ---- the stack


def _apply(formation: Any, key: str, fingerprint: str, say: Say, *, is_new: bool) -> None:  # noqa: ANN401 - a boto3 client
    name = f"at-{time.time_ns()}"
    say(f"{'deploying' if is_new else 'updating'} the stack {STACK}")
    try:
        formation.create_change_set(
            StackName=STACK,
            ChangeSetName=name,
            ChangeSetType="CREATE" if is_new else "UPDATE",
            TemplateURL=f"https://s3.amazonaws.com/{BUCKET}/{key}",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Tags=[{"Key": "fingerprint", "Value": fingerprint}],
        )
    except ClientError as error:
        raise Refused(f"the template was refused: {_short(error.response['Error']['Message'])}") from error
    for _ in _until_deadline():
        change = formation.describe_change_set(StackName=STACK, ChangeSetName=name)
        if change["Status"] == "FAILED":
            raise Refused(f"the template was refused: {_short(change.get('StatusReason', ''))}")
        if change["Status"] == "CREATE_COMPLETE":
            break
    formation.execute_change_set(StackName=STACK, ChangeSetName=name)
    _see_through(formation, say)


def _see_through(formation: Any, say: Say) -> None:  # noqa: ANN401 - a boto3 client
    told = time.monotonic()
    for _ in _until_deadline():
        stack = _describe(formation)
        status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return
        if not status.endswith("_IN_PROGRESS") or "ROLLBACK" in status:
            raise Refused(f"the stack ended as {status}:\n" + "\n".join(_failures(formation)))
        if time.monotonic() - told > 2:  # noqa: PLR2004 - a line now and then
            told = time.monotonic()
            say(f"{len(_resources(formation))} resources are there")
    raise AssertionError  # the deadline raises


def _until_deadline() -> Iterator[None]:
    deadline = time.monotonic() + DEPLOYS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(ASKS_EVERY_SECONDS)
    raise Refused(f"the stack was not deployed within {DEPLOYS_WITHIN_SECONDS} s")


def _failures(formation: Any) -> list[str]:  # noqa: ANN401 - a boto3 client
    events = formation.describe_stack_events(StackName=STACK)["StackEvents"]
    return [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {_short(event.get('ResourceStatusReason', ''))}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def _short(reason: str) -> str:
    """Cut a reason that quotes the whole template."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}..."


def _describe(formation: Any) -> dict[str, Any] | None:  # noqa: ANN401 - a boto3 client
    try:
        (stack,) = formation.describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return dict(stack)


def _resources(formation: Any) -> dict[str, str]:  # noqa: ANN401 - a boto3 client
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each.get("PhysicalResourceId")
    }


def _read(formation: Any) -> Stack:  # noqa: ANN401 - a boto3 client
    stack = _describe(formation) or {}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    return Stack(STACK, outputs, _resources(formation))
