"""DynamoDB Local, in memory on a free port of 127.0.0.1.

The jar comes in the npm package `amplify-dynamodb-simulator`; it is kept in the user's cache, never in the
repository.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
STARTS_WITHIN_SECONDS = 60
PR_SET_PDEATHSIG = 1


class EngineMissing(RuntimeError):
    """The machine lacks what the engine needs; the message says what and how to get it."""


def jar_folder() -> Path:
    """Return the folder with the engine, fetched with npm the first time. Raises EngineMissing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "truestock" / PACKAGE
    found = list(cache.glob("**/DynamoDBLocal.jar"))
    if found:
        return found[0].parent
    if not shutil.which("npm"):
        raise EngineMissing(
            "npm is needed once, to fetch DynamoDB Local: install Node.js (Debian: apt-get install npm)"
        )
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=300
        )
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        shutil.rmtree(cache, ignore_errors=True)
        (Path(folder) / "package").rename(cache)
    return jar_folder()


@contextmanager
def running() -> Iterator[str]:
    """Run the engine; give its URL. It ends with the block, and with this process however that ends."""
    if not shutil.which("java"):
        raise EngineMissing("Java 17 or newer is needed (Debian: apt-get install default-jre-headless)")
    folder = jar_folder()
    port = _free_port()
    process = subprocess.Popen(
        [
            *("java", "-Xmx512m", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"),
            *("-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)),
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, safe after a fork
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def client(url: str) -> DynamoDBClient:
    """Make a client of the engine that nobody shares."""
    config = Config(retries={"mode": "standard", "max_attempts": 4}, max_pool_connections=32)
    session = boto3.Session("engine", "engine", region_name="us-east-1")
    return session.client("dynamodb", endpoint_url=url, config=config)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EngineMissing(
                f"DynamoDB Local ended at once with status {process.returncode}; it needs Java 17 or newer"
            )
        try:
            urllib.request.urlopen(url, timeout=1)  # noqa: S310 - our own loopback URL
        except urllib.error.HTTPError:
            return  # it answers: 400, for the request has no body
        except OSError:
            time.sleep(0.1)
    raise EngineMissing(f"DynamoDB Local did not answer within {STARTS_WITHIN_SECONDS} s")
