from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.pauses import is_set_aside, scope
from shared.domain import rules
from shared.domain.names import SourceId
from shared.domain.purchase_orders import PoState, PurchaseOrder
from tests.support import trade

ROOT = Path(__file__).parents[3]
RULES = rules.parse(yaml.safe_load((ROOT / "config/rules.yaml").read_text()))
BEFORE, NOW, SOON, UNTIL, LATER = (f"2026-11-24T09:{minute:02}:00.000Z" for minute in (0, 1, 10, 16, 17))


def po(state: PoState, **changes: Any) -> PurchaseOrder:  # noqa: ANN401 - any field of a purchase order
    made = PurchaseOrder(order=trade.key(), source=SourceId("alpina"), n=1, number="A-1", lines=(), due_at=SOON)
    return replace(made, state=state, **changes)


@pytest.mark.parametrize(
    ("_case", "waits"),
    [
        ("it was never sent", po(PoState.READY)),
        ("a person wants it sent again", po(PoState.FAILED)),
        ("it has to be looked up", po(PoState.UNKNOWN, claimed_until=BEFORE)),
        ("its sender died", po(PoState.CLAIMED, claimed_until=BEFORE)),
        ("its cancel has to go out", po(PoState.CANCELLING)),
        ("it is due at the end of the wait", po(PoState.READY, due_at=UNTIL)),
    ],
)
def test_a_pause_sets_aside_what_should_go_out(_case: str, waits: PurchaseOrder) -> None:
    assert is_set_aside(waits, NOW, UNTIL)


@pytest.mark.parametrize(
    ("_case", "other"),
    [
        ("the supplier should answer it", po(PoState.SENT)),
        ("the supplier should ship it", po(PoState.ACKNOWLEDGED)),
        ("the supplier should answer its cancel", po(PoState.CANCELLING, cancel_told=True)),
        ("it is being sent now", po(PoState.CLAIMED, claimed_until=SOON)),
        ("it is due already", po(PoState.READY, due_at=NOW)),
        ("it is due later than a pause lets it wait", po(PoState.READY, due_at=LATER)),
        ("it failed, and nobody wants it sent again", po(PoState.FAILED, due_at="")),
    ],
)
def test_what_waits_for_something_else_is_left_alone(_case: str, other: PurchaseOrder) -> None:
    assert not is_set_aside(other, NOW, UNTIL)


@pytest.mark.parametrize(
    ("asked", "named", "suppliers", "channels"),
    [
        (("", "alpina", ""), "supplier#alpina", ("alpina",), ()),
        (("", "", "nordlys"), "channel#nordlys", (), ("nordlys",)),
        (("all", "", ""), "all", tuple(RULES.sources), ("havn", "nordlys", "torg")),
    ],
)
def test_a_scope_is_everything_a_supplier_or_a_shop(
    asked: tuple[str, str, str], named: str, suppliers: tuple[str, ...], channels: tuple[str, ...]
) -> None:
    stop = scope(RULES, *asked)

    assert (stop.scope, stop.suppliers, stop.channels) == (named, suppliers, channels)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("", "", ""), "name one scope"),
        (("all", "alpina", ""), "name one scope"),
        (("", "alpina", "nordlys"), "name one scope"),
        (("alpina", "", ""), "'alpina' is no scope: it is all, --supplier S or --channel C"),
        (("", "alpine", ""), "'alpine' is no supplier of the current rules; known: alpina, baltic, celtic"),
        (("", "", "alpina"), "'alpina' is no channel of the current rules; known: havn, nordlys, torg"),
    ],
)
def test_what_is_no_scope_is_refused(asked: tuple[str, str, str], told: str) -> None:
    with pytest.raises(typer.BadParameter, match=told):
        scope(RULES, *asked)
