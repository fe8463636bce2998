"""Starting, stopping, dying: each with its status, and with nothing left running. A small template keeps it quick."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import lifecycle
from local.cloud import ROOT, Cloud, NotRunning, current, is_alive

MINI = ROOT / "tests" / "local" / "mini.yaml"
TIME_LIMIT_SECONDS = 60


@pytest.fixture
def clouds(tmp_path: Path) -> Iterator[Path]:
    """A place for states; whatever runs in it when the test ends is a failure, and is ended."""
    yield tmp_path
    left = processes(tmp_path)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def processes(clouds: Path) -> list[int]:
    """The guard, the emulator and its workers all carry the state's folder in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            told = environment.read_bytes()
        except OSError:
            continue
        if str(clouds).encode() in told:
            found.append(int(environment.parent.name))
    return found


def until(happens: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + TIME_LIMIT_SECONDS
    while not happens():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)  # noqa: TID251 - another process is awaited


def local(clouds: Path, command: str, *options: str, **variables: str) -> subprocess.Popen[str]:
    if command == "up":
        options = ("--template", str(MINI), *options)
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "local", command, "--clouds", str(clouds), *options],
        cwd=ROOT,
        env=dict(os.environ) | variables,  # noqa: TID251 - what a terminal would pass on
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    told, _ = process.communicate(timeout=TIME_LIMIT_SECONDS)
    return process.returncode, told


def started(clouds: Path, *options: str, **variables: str) -> tuple[subprocess.Popen[str], Cloud]:
    process = local(clouds, "up", *options, **variables)
    told: list[str] = []

    def is_up() -> bool:
        assert process.stdout
        told.append(process.stdout.readline())
        assert told[-1], f"it ended: {told}"
        return "to stop it" in told[-1]

    until(is_up, "the cloud is up")
    return process, current("default", clouds)


def keep_a_worker_busy(cloud: Cloud, clouds: Path) -> None:
    before = len(processes(clouds))
    cloud.client("lambda").invoke(
        FunctionName=cloud.resources["Sleeper"], InvocationType="Event", Payload=b'{"seconds": 100}'
    )
    until(lambda: len(processes(clouds)) > before, "a worker is busy")


def mended(template: Path, wrong: str, right: str = "") -> str:
    text = MINI.read_text()
    assert wrong in text
    template.write_text(text.replace(wrong, right))
    return str(template)


def test_a_busy_port_is_named_and_the_status_is_2(clouds: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])

        status, told = ended(local(clouds, "up", "--port", port))

    assert (status, f"port {port} of 127.0.0.1 is busy" in told) == (2, True), told


def test_two_names_run_side_by_side_and_one_name_only_once(clouds: Path) -> None:
    with (
        lifecycle.up("one", say=print, template=MINI, clouds=clouds) as one,
        lifecycle.up("two", say=print, template=MINI, clouds=clouds) as two,
    ):
        one.client("sqs").send_message(QueueUrl=one.outputs["QueueUrl"], MessageBody="for one")
        status, told = ended(local(clouds, "up", "--name", "one"))

        assert two.client("sqs").receive_message(QueueUrl=two.outputs["QueueUrl"]).get("Messages", []) == []
        assert current("one", clouds) == one

    assert status == 2
    assert f"already running at {one.url} (process {os.getpid()})" in told


@pytest.mark.parametrize(
    ("_case", "wrong", "right", "reason"),
    [
        ("no YAML", "Resources:", "Resources: [", "the template was refused"),
        ("an unknown type", "AWS::SQS::Queue", "AWS::SQS::Queueue", "AWS::SQS::Queueue"),
        (
            "a resource that fails",
            "    Type: AWS::SQS::Queue\n",
            "    Type: AWS::SQS::Queue\n    Properties: {RedrivePolicy: {maxReceiveCount: 5}}\n",
            "OrderQueue (AWS::SQS::Queue): ",
        ),
    ],
)
def test_a_broken_template_tells_why_and_the_status_is_3(
    clouds: Path, _case: str, wrong: str, right: str, reason: str
) -> None:
    template = mended(clouds / "broken.yaml", wrong, right)

    status, told = ended(local(clouds, "up", "--template", template))

    assert (status, reason in told) == (3, True), told
    assert list((clouds / "default").glob("saved-*")) == []
    with pytest.raises(NotRunning):
        current("default", clouds)


def test_a_dead_emulator_is_told_with_status_4_and_its_workers_go_along(clouds: Path) -> None:
    assert ended(local(clouds, "up", "--once"))[0] == 0
    process, cloud = started(clouds)
    keep_a_worker_busy(cloud, clouds)

    os.kill(cloud.emulator_pid, signal.SIGKILL)

    status, told = ended(process)
    assert (status, "the emulator has died" in told) == (4, True), told
    until(lambda: not processes(clouds), "no process is left")
    assert "the emulator was killed; starting from the state saved at" in ended(local(clouds, "up", "--once"))[1]


def test_a_killed_run_leaves_no_process_and_the_next_start_says_so(clouds: Path) -> None:
    process, cloud = started(clouds)
    keep_a_worker_busy(cloud, clouds)

    process.kill()
    ended(process)

    until(lambda: not processes(clouds), "no process is left")
    with pytest.raises(NotRunning, match="no local cloud named default is running"):
        current("default", clouds)
    status, told = ended(local(clouds, "up", "--once"))
    assert (status, "killed before it had saved anything; starting afresh" in told) == (0, True), told


def test_a_killed_guard_leaves_no_process(clouds: Path) -> None:
    process, cloud = started(clouds)
    keep_a_worker_busy(cloud, clouds)
    guard = int(Path(f"/proc/{cloud.emulator_pid}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(guard, signal.SIGKILL)
    until(lambda: not is_alive(guard), "the guard is gone")
    process.send_signal(signal.SIGTERM)

    assert ended(process)[0] == 4
    until(lambda: not processes(clouds), "no process is left")


def test_what_was_stopped_goes_on_where_it_was_on_another_port_too(clouds: Path) -> None:
    process, cloud = started(clouds)
    cloud.client("dynamodb").put_item(TableName=cloud.outputs["Table"], Item={"PK": {"S": "kept"}})
    cloud.client("sqs").send_message(QueueUrl=cloud.outputs["QueueUrl"], MessageBody="kept")
    (cloud.state / "shop").write_text("kept")
    stopped = ended(local(clouds, "stop"))
    assert (stopped[0], ended(process)[0]) == (0, 0), stopped

    with socket.create_server(("127.0.0.1", int(cloud.url.rpartition(":")[2]))):
        process, again = started(clouds)
    items = again.client("dynamodb").scan(TableName=again.outputs["Table"])["Items"]
    messages = again.client("sqs").receive_message(QueueUrl=again.outputs["QueueUrl"])["Messages"]
    again.client("dynamodb").put_item(TableName=again.outputs["Table"], Item={"PK": {"S": "lost"}})
    (again.state / "shop").write_text("lost")
    process.kill()
    ended(process)
    until(lambda: not processes(clouds), "no process is left")
    process, last = started(clouds)
    items_at_last = last.client("dynamodb").scan(TableName=last.outputs["Table"])["Items"]
    process.send_signal(signal.SIGINT)
    status, told = ended(process)

    assert again.url != cloud.url
    assert items == items_at_last == [{"PK": {"S": "kept"}}]
    assert [message["Body"] for message in messages] == ["kept"]
    assert [(saved / "shop").read_text() for saved in (clouds / "default").glob("saved-*")] == ["kept"]
    assert (status, "its state is kept in" in told) == (0, True)


def test_a_stack_that_has_not_changed_is_left_alone_and_a_changed_one_is_updated(clouds: Path) -> None:
    assert "deploying" in ended(local(clouds, "up", "--once"))[1]
    assert "nothing has changed" in ended(local(clouds, "up", "--once"))[1]

    changed = mended(clouds / "changed.yaml", "Timeout: 120", "Timeout: 60")
    process, cloud = started(clouds, "--template", changed)
    timeout = cloud.client("lambda").get_function_configuration(FunctionName=cloud.resources["Sleeper"])["Timeout"]
    process.send_signal(signal.SIGTERM)

    assert (ended(process)[0], timeout) == (0, 60)


def test_nothing_of_the_user_reaches_a_function_and_nothing_stays_in_the_temporary_folder(clouds: Path) -> None:
    before = set(Path(tempfile.gettempdir()).glob("ministack*"))
    process, cloud = started(
        clouds,
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_PROFILE="work",
        HTTP_PROXY="http://127.0.0.1:9",
        A_SECRET="mine",
    )

    environment = cloud.invoke("Sleeper")["environment"]
    process.send_signal(signal.SIGTERM)

    assert ended(process)[0] == 0
    assert environment["AWS_ENDPOINT_URL"] == cloud.url
    assert {"AWS_PROFILE", "HTTP_PROXY", "A_SECRET"} & environment.keys() == set()
    assert environment["TMPDIR"].startswith(str(clouds))
    assert environment["HOME"].startswith(str(clouds))
    assert set(Path(tempfile.gettempdir()).glob("ministack*")) == before
    assert sorted(re.sub("-.*", "", each.name) for each in (clouds / "default").iterdir()) == [
        "emulator.log",
        "lock",
        "saved",
    ]


def test_a_state_that_cannot_be_read_is_refused_and_left_as_it_is(clouds: Path) -> None:
    assert ended(local(clouds, "up", "--once"))[0] == 0
    (queues,) = (clouds / "default").glob("saved-*/emulator/sqs.json")
    queues.write_text("{")

    status, told = ended(local(clouds, "up", "--once"))

    assert (status, "the saved state cannot be read; FRESH=1 forgets it" in told) == (1, True), told
    assert queues.read_text() == "{"
    assert ended(local(clouds, "up", "--once", "--fresh"))[0] == 0


def test_a_state_that_could_not_be_saved_does_not_take_the_place_of_the_last(clouds: Path) -> None:
    assert ended(local(clouds, "up", "--once"))[0] == 0
    saved = list((clouds / "default").glob("saved-*"))
    process, cloud = started(clouds)
    (cloud.state / "emulator" / "sqs.json.tmp").mkdir()

    process.send_signal(signal.SIGTERM)

    status, told = ended(process)
    assert (status, "did not save its state; the last save stays" in told) == (1, True), told
    assert list((clouds / "default").glob("saved-*")) == saved
