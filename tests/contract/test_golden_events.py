"""Every golden file is read by a test: one that nobody reads proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = "\n".join(path.read_text() for path in sorted((ROOT / "tests").rglob("*.py")))
READ_WHOLE = ("events/items", "events/webhooks/shopify")
"""Folders that a test goes through file by file."""


def golden() -> list[Path]:
    return [path.relative_to(ROOT) for path in sorted((ROOT / "events").rglob("*")) if path.is_file()]


@pytest.mark.parametrize("path", golden(), ids=str)
def test_a_golden_file_is_used(path: Path) -> None:
    if str(path.parent) in READ_WHOLE:
        assert f"{path.parent}" in TESTS
    else:
        assert path.stem in TESTS


def test_there_are_golden_files_of_every_source() -> None:
    sources = {path.parts[1] for path in golden()}

    assert sources >= {"api", "files", "items", "s3", "sqs", "streams", "webhooks"}
