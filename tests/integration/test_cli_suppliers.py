from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.conftest import Aws, push_rules
from tests.support import terminal as terminals
from tests.support.document_files import book, golden, take
from tests.support.documents import asked

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_how_a_supplier_did_is_shown_since_a_day(
    aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    push_rules(aws, {}, {})
    asked(book(aws), {"NL-1001": 10, "NL-1002": 3})
    take(aws, "po.x12", golden("accepts_six_of_ten"))
    terminal = terminals.at(tmp_path, capsys, monkeypatch)

    (found,) = terminal.document("suppliers", "score", "alpina", "--since", "2026-11-24")

    assert (found["source"], found["since"], found["orders"], found["ack_hours"]) == ("alpina", "2026-11-24", 1, 0.4)
    assert (found["fill_percent"], found["cancelled"]) == (69.2, {"out_of_stock": 4})
    (later,) = terminal.document("suppliers", "score", "alpina", "--since", "2026-11-25")
    assert (later["orders"], later["fill_percent"]) == (0, None)
    assert terminal.run("suppliers", "score", "--since", "2026-11-24") == 0
    assert "69.2 %" in terminal.out
