"""The whole template on the emulator, IAM enforced, once for the suite. If it cannot start, the suite fails."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from local import day, lifecycle
from local.cloud import Cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    clouds = tmp_path_factory.mktemp("clouds")
    name = f"suite-{uuid.uuid4().hex[:8]}"
    with lifecycle.up(name, say=print, clouds=clouds) as running, day.standing(running, print):
        yield running
