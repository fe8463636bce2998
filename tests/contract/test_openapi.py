"""The committed description of the API is the one the code makes."""

from __future__ import annotations

import json
from pathlib import Path

from functions.operations_api.openapi import description

COMMITTED = Path(__file__).parents[2] / "docs/openapi.json"


def test_the_committed_description_is_current() -> None:
    assert COMMITTED.read_text() == description(), "run: python -m functions.operations_api.openapi > docs/openapi.json"


def test_it_describes_what_the_template_routes() -> None:
    assert set(json.loads(description())["paths"]) == {"/v1/stock/{sku}", "/v1/orders/{channel}/{order_id}"}
