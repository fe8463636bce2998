"""A running local cloud, as the programs that use it see it: clients, outputs, functions, the HTTP API."""

from __future__ import annotations

import http.client
import json
import os
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

ROOT = Path(__file__).resolve().parent.parent
CLOUDS = ROOT / ".local" / "cloud"
REGION = "us-east-1"
RECORD = "cloud.json"
# The emulator takes an account's number as the key of its root user, with any secret.
KEY, SECRET = "000000000000", "local"
CONFIG = Config(connect_timeout=2, read_timeout=30, retries={"mode": "standard", "max_attempts": 3}, proxies={})
# The user's profile and files are for the user's own account: variable -> (in files, in the environment, value, type).
NO_FILES: dict[str, tuple[None, list[str], str | None, None]] = {
    "profile": (None, [], None, None),
    "config_file": (None, [], os.devnull, None),
    "credentials_file": (None, [], os.devnull, None),
}
ANSWERS_WITHIN_SECONDS = 35
"""A little more than HTTP APIs wait for a function."""


Say = Callable[[str], None]
"""Tells the person at the terminal a line."""


class Failure(RuntimeError):
    """The local cloud cannot go on; the message is for the person at the terminal."""

    status = 1


class NotRunning(Failure):
    """No local cloud of this name runs."""

    status = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What the HTTP API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Cloud:
    """A deployed stack on a running emulator.

    `resources`: logical id -> physical id. `state`: the folder that is saved and restored with the emulator's own
    state; what stands beside the emulator keeps its memory there.
    """

    name: str
    url: str
    pid: int
    emulator_pid: int
    stack: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    state: Path
    started_at: str
    seed: int

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Make a client of a service, as the root user."""
        return connect(self.url, service)

    def invoke(self, function: str, event: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """Call a function by its logical id and return its answer. Raises Failure with its error."""
        called = self.client("lambda").invoke(
            FunctionName=self.resources[function], Payload=json.dumps(event or {}).encode()
        )
        answer = json.loads(called["Payload"].read() or b"null")
        if "FunctionError" in called:
            raise Failure(f"{function} failed: {json.dumps(answer)}")
        return answer

    def api(
        self,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        *,
        is_signed: bool = False,
    ) -> Answer:
        """Call the HTTP API of the output `ApiId`; `is_signed`: as the root user, for routes that ask who calls."""
        there = urllib.parse.urlsplit(self.url)
        # Clients find an API by its host name, which resolves nowhere: the header is what counts.
        host = f"{self.outputs['ApiId']}.execute-api.localhost:{there.port}"
        request = AWSRequest(method, f"http://{host}{path}", dict(headers or {}), body)
        if is_signed:
            SigV4Auth(Credentials(KEY, SECRET), "execute-api", REGION).add_auth(request)
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=ANSWERS_WITHIN_SECONDS)
        try:
            connection.request(method, path, body, {"Host": host} | dict(request.headers.items()))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def record(self, file: Path) -> None:
        """Write down what `current` reads, at once or not at all."""
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self) | {"state": str(self.state)}, indent=2) + "\n")
        draft.replace(file)


def connect(url: str, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Make a client of a service of the emulator at a URL, as the root user."""
    core = botocore.session.Session(NO_FILES)
    session = boto3.Session(KEY, SECRET, region_name=REGION, botocore_session=core)
    return session.client(service, endpoint_url=url, config=CONFIG)  # type: ignore[call-overload] # any name


def current(name: str = "default", clouds: Path = CLOUDS) -> Cloud:
    """Return the running cloud of a name. Raises NotRunning."""
    try:
        told = json.loads((clouds / name / RECORD).read_text())
    except FileNotFoundError:
        told = None
    if told is None or not is_alive(told["emulator_pid"]):
        raise NotRunning(f"no local cloud named {name} is running; start it with: make run{_naming(name)}")
    return Cloud(**told | {"state": Path(told["state"])})


def is_alive(pid: int) -> bool:
    """Whether a process is there, and is no zombie that nobody has asked about."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def _naming(name: str) -> str:
    return "" if name == "default" else f" NAME={name}"


def shown(path: Path) -> str:
    """Write a path as a person in the repository would type it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
