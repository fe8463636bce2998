"""A cold start pays for what a handler imports: counted in modules, not with a stopwatch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANDLERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
WITH_VALIDATION = {"operations_api"}
MOST_MODULES = 600

PROBE = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


def modules_of(function: str) -> set[str]:
    command = [sys.executable, "-c", PROBE, f"functions.{function}.handler"]
    done = subprocess.run(  # noqa: S603 - our own interpreter and modules
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("function", HANDLERS)
def test_a_handler_imports_no_more_than_it_needs(function: str) -> None:
    modules = modules_of(function)

    assert "aws_xray_sdk" not in modules
    if function not in WITH_VALIDATION:
        assert "pydantic" not in modules
        assert len(modules) < MOST_MODULES
    others = {name for name in modules if name.startswith("functions.") and name.split(".")[1] != function}
    assert not others
