"""A person at a terminal who types `truestock`, on a cloud that is moto's."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import main, target
from cli.target import Target
from shared.runtime.settings import settings

if TYPE_CHECKING:
    import pytest


@dataclass
class Terminal:
    """Runs the command; `--stack` is the same cloud, which then asks."""

    cloud: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    out: str = ""
    err: str = ""

    def run(self, *arguments: str, said: str = "") -> int:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(said))
        status = main.main([*arguments] if "--stack" in arguments else [*arguments, "--cloud", str(self.cloud)])
        self.out, self.err = self.capsys.readouterr()
        return status

    def document(self, *arguments: str, status: int = 0) -> Any:  # noqa: ANN401 - a command's JSON
        """Run with --json; nothing else may be on stdout."""
        assert self.run(*arguments, "--json") == status
        return json.loads(self.out)


def at(
    cloud: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    outputs: Mapping[str, str] | None = None,
) -> Terminal:
    """Sit down at a cloud made of the tables and buckets of the settings, and of more `outputs`."""
    names = settings()
    known = {
        "StockTable": names.stock_table,
        "OrderTable": names.order_table,
        "FilesBucket": names.files_bucket,
        "ArchiveBucket": names.archive_bucket,
        "ConfigBucket": names.config_bucket,
        "OrderQueueUrl": names.order_queue_url,
        "ChannelQueueUrl": names.channel_queue_url,
        "ShopEventQueueUrl": names.shop_event_queue_url,
    }
    stack = names.secret_prefix.partition("/")[2]
    record = {"url": None, "stack": stack, "outputs": known | dict(outputs or {})}
    (cloud / "cloud.json").write_text(json.dumps(record))

    def in_aws(name: str) -> Target:
        return replace(target.local(str(cloud)), called=f"stack {name}", is_local=False)

    monkeypatch.setattr(target, "stack", in_aws)
    return Terminal(cloud, capsys, monkeypatch)
