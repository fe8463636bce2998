"""Runs last in this folder: the calls that handlers made here, against the roles in the template."""

from __future__ import annotations

import pytest

from tests.support.recording import RECORDED
from tests.support.tables import ROOT, template
from tests.template.roles import uncovered

FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}


def test_every_call_a_handler_made_is_covered_by_its_role(request: pytest.FixtureRequest) -> None:
    if len({item.path for item in request.session.items if item.path.parent == request.path.parent}) == 1:
        pytest.skip("alone, it has no calls to look at: run the folder")

    assert {call.function for call in RECORDED} == FUNCTIONS
    assert uncovered(RECORDED, template()) == []
