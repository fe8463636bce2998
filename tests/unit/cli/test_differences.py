from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cli import differences
from cli.differences import Changed
from shared.domain.facts import Meaning, Product, SupplierCode
from shared.domain.names import Sku, SourceId
from shared.storage.facts import Change, Difference


def rules(**over: Any) -> dict[str, Any]:  # noqa: ANN401 - a document
    document: dict[str, Any] = {
        "schema": 1,
        "version": "v1",
        "channels": {"web": {"percent": 100}, "pos": {"percent": 50}},
        "sources": {"alpina": {"low_at": 3, "freshness": [{"after_hours": 4, "percent": 80}]}},
    }
    return document | over


def test_rules_are_compared_path_by_path() -> None:
    after = rules(
        channels={"web": {"percent": 90, "sources": ["alpina"]}},
        sources={"alpina": {"low_at": 5, "freshness": [{"after_hours": 4, "percent": 70}]}},
    )

    assert [str(change) for change in differences.of_rules(rules(), after)] == [
        "channels.pos.percent: 50 -> (none)",
        "channels.web.percent: 100 -> 90",
        'channels.web.sources: (none) -> ["alpina"]',
        "sources.alpina.freshness.0.percent: 80 -> 70",
        "sources.alpina.low_at: 3 -> 5",
    ]


def test_equal_rules_do_not_differ() -> None:
    assert differences.of_rules(rules(), rules()) == []


@pytest.mark.parametrize(
    ("_case", "after", "wanted"),
    [
        ("a name of a version", rules(version="v2"), Changed()),
        ("one channel", rules(channels={"web": {"percent": 9}, "pos": {"percent": 50}}), Changed(channels=("web",))),
        ("a channel less", rules(channels={"web": {"percent": 100}}), Changed(channels=("pos",))),
        ("a source", rules(sources={}), Changed(sources=("alpina",))),
        ("what is everybody's", rules(reconcile={"compensate_up_to": 1}), Changed(channels=("pos", "web"))),
        ("rates move no number", rules(rates={"base": "EUR"}), Changed()),
        ("nor do holidays", rules(holidays={"austria": ["2026-12-25"]}), Changed()),
    ],
)
def test_it_is_said_whose_rules_differ(_case: str, after: dict[str, Any], wanted: Changed) -> None:
    assert differences.changed(rules(), after, Difference()) == wanted
    assert bool(wanted) == (wanted != Changed())


def test_the_first_rules_are_news_to_all() -> None:
    assert differences.changed(None, rules(), Difference()) == Changed(channels=("pos", "web"), sources=("alpina",))


def test_facts_are_counted_and_the_first_twenty_listed() -> None:
    new = [Change(None, Product(sku=Sku(f"N-{n:02}"), title="New")) for n in range(21)]
    renamed = Change(
        Product(sku=Sku("A"), title="Tray"), Product(sku=Sku("A"), title="Oak tray", parts={Sku("B"): 2, Sku("C"): 1})
    )

    lines = differences.described(Difference(products=(renamed, *new), unchanged_products=7))

    assert lines[:3] == [
        "products: 21 new, 1 changed, 7 unchanged",
        "  A: title 'Tray' -> 'Oak tray'; parts (none) -> B 2, C 1",
        "  N-00: new, 'New'",
    ]
    assert lines[-1] == "  and 2 more"
    assert len(lines) == 22


def test_a_code_is_told_with_what_it_meant() -> None:
    def code(*meanings: Meaning) -> SupplierCode:
        return SupplierCode(supplier=SourceId("alpina"), code="60-1", meanings=meanings)

    until = Meaning(sku=Sku("A"), last=date(2026, 12, 31))
    after = Meaning(sku=Sku("B"), pack=6, first=date(2027, 1, 1))

    lines = differences.described(
        Difference(codes=(Change(code(until), code(until, after)), Change(None, code(after))))
    )

    assert lines[1:] == [
        "supplier SKUs: 1 new, 1 changed, 0 unchanged",
        "  alpina 60-1: 1 x A until 2026-12-31 -> 1 x A until 2026-12-31, 6 x B from 2027-01-01",
        "  alpina 60-1: new, 6 x B from 2027-01-01",
    ]
