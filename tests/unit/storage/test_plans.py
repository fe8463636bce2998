from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import routing_cases
from bench.meter import size
from shared.domain.names import Sku, SourceId
from shared.domain.routing import decisions
from shared.domain.routing.decisions import decide, is_same
from shared.domain.routing.planner import plan
from shared.domain.routing.problem import (
    Bracket,
    Candidate,
    Cutoff,
    Decision,
    Demand,
    Demands,
    Destination,
    Goal,
    Objective,
    Packs,
    Policy,
    Rates,
    ShipTo,
    Split,
    Supplier,
    Tariff,
)
from shared.errors import InvalidInput
from shared.storage import attributes, plans
from tests.support import trade

GOLDEN = Path(__file__).parents[3] / "events/plans/schema_2.json"
NOW = datetime(2026, 11, 24, 9, 0, 0, 123456, UTC)
KILOBYTE = 1024

FREIGHT = (
    Tariff(
        countries=frozenset({"DE", "AT", "CH"}),
        brackets=(Bracket(upto=2000, price_minor=540), Bracket(upto=10_000, price_minor=890)),
    ),
    Tariff(countries=frozenset({"NO", "SE"}), brackets=(Bracket(upto=2000, price_minor=1290),)),
)
FULL = Supplier(
    source=SourceId("alpina"),
    currency="USD",
    order_fee_minor=200,
    parcel_fee_minor=60,
    order_minimum_minor=500,
    surcharges=(Bracket(upto=2500, price_minor=300), Bracket(upto=5000, price_minor=100)),
    tariffs=FREIGHT,
    ship_to=ShipTo(
        countries=frozenset({"AT", "DE", "ES", "NO"}), without_regions=frozenset({"HE", "GC"}), po_box=False
    ),
    cutoff=Cutoff(
        at=time(14, 30),
        zone="Europe/Vienna",
        holidays=frozenset({date(2026, 11, 25), date(2026, 12, 25), date(2027, 12, 8)}),
        weekdays=frozenset(range(6)),
    ),
    priority=2,
    orders_today=3,
    orders_a_day=200,
)
OTHERS = (
    replace(FULL, source=SourceId("baltic"), currency="EUR", paused=True, held="a person holds it"),
    replace(FULL, source=SourceId("celtic"), currency="EUR", cutoff=None, tariffs=FREIGHT[:1], order_minimum_minor=0),
)
POLICY = Policy(
    goals=(Goal(objective=Objective.LANDED_COST, tolerance_ppm=20_000), Goal(objective=Objective.PROMISED_DATE)),
    split=Split.ABOVE,
    split_above_minor=4000,
    packs=Packs.ROUND_UP,
    margin_floor_ppm=50_000,
    late_day_minor=50,
    reject_cost_minor=600,
    rates=Rates(
        rates={"USD": Decimal("0.8631105817365786"), "GBP": Decimal("1.1435"), "JPY": Decimal("0.0055")},
        as_of=datetime(2026, 11, 24, tzinfo=UTC),
        max_age_days=7,
    ),
)


def asked(lines: int = 1, country: str = "DE", **changes: Any) -> Demands:  # noqa: ANN401 - any field of demands
    fields: dict[str, Any] = {
        "lines": tuple(
            Demand(
                line=f"14{i:012}",
                sku=Sku(f"NL-10{i:02}"),
                units=1 + i % 3,
                grams=450 + i,
                price_minor=3990 + i,
                map_minor=2990,
                kit="k" if i in {1, 2} else "",
            )
            for i in range(lines)
        ),
        "to": Destination(country=country, region="BY"),
        "currency": "EUR",
        "promised_by": date(2026, 12, 3),
        "rejected_by": frozenset({(SourceId("celtic"), Sku("NL-1009")), (SourceId("alpina"), Sku("NL-1008"))}),
    }
    return Demands(**fields | changes)


def offered(demands: Demands, *suppliers: Supplier) -> list[Candidate]:
    return [
        Candidate(
            supplier=supplier,
            sku=line.sku,
            available=5 + at,
            cost_minor=None if at == 3 else 1500 + 7 * at,
            reject_ppm=15_000,
            pack=1 + at % 2,
            minimum=1,
            lead_days=2 + at,
            stale=at == 2,
            refused="is held there" if at == 4 else "",
        )
        for line in demands.lines
        for at, supplier in enumerate(suppliers)
    ]


def full(lines: int = 1, country: str = "DE") -> Decision:
    """A decision that uses every field."""
    demands = asked(lines, country)
    return decide(demands, offered(demands, FULL, *OTHERS), POLICY, NOW)


@given(seed=st.integers(0, 10_000), lines=st.integers(1, 6), sources=st.integers(1, 5), features=st.booleans())
def test_a_decision_comes_back_as_it_was(seed: int, lines: int, sources: int, *, features: bool) -> None:
    decision = decide(*routing_cases.asked(routing_cases.case(seed, lines, sources, features=features)))

    assert plans.unpacked(plans.packed(decision)) == decision


@pytest.mark.parametrize("country", ["DE", "NO", "FR"])
def test_every_field_comes_back_as_it_was(country: str) -> None:
    decision = full(4, country)

    read = plans.unpacked(plans.packed(decision))

    assert read == decision
    assert repr(read.policy.rates) == repr(decision.policy.rates)
    assert is_same(decisions.again(read), decision.plan)


@pytest.mark.parametrize("country", ["DE", "AT", "NO", "ES", "FR"])
@pytest.mark.parametrize("region", ["", "BY", "HE"])
def test_what_is_left_out_of_the_terms_changes_nothing(country: str, region: str) -> None:
    demands = asked(3, to=Destination(country=country, region=region, po_box=region == ""))
    candidates = offered(demands, FULL, *OTHERS)

    decision = decide(demands, candidates, POLICY, NOW)

    assert replace(decision.plan, digest="") == replace(plan(demands, candidates, POLICY, NOW), digest="")
    assert decision.policy.rates is not None
    assert set(decision.policy.rates.rates) == {"USD"}
    (alpina,) = {each.supplier for each in decision.candidates if each.supplier.source == "alpina"}
    assert alpina.cutoff is not None
    assert date(2027, 12, 8) not in alpina.cutoff.holidays
    assert sum(len(tariff.countries) for tariff in alpina.tariffs) <= 1


def test_a_plan_made_again_in_another_process_is_the_same_to_the_bit(tmp_path: Path) -> None:
    (tmp_path / "plan").write_bytes(plans.packed(full(4)))
    script = (
        "import sys; from pathlib import Path\n"
        "from shared.storage import plans; from shared.domain.routing import decisions, plain\n"
        "kept = plans.unpacked(Path(sys.argv[1]).read_bytes()); again = decisions.again(kept);"
        "print(plain.to_plain(again) == plain.to_plain(kept.plan), again.digest == kept.plan.digest)\n"
        "print(plans.packed(kept) == Path(sys.argv[1]).read_bytes())"
    )

    for seed in ("1", "2"):
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", script, str(tmp_path / "plan")],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["True"] * 3


def test_another_answer_than_the_stored_one_is_seen() -> None:
    decision = full(4)
    one, *others = decision.plan.weighed

    for other in (
        replace(decision.plan, landed_minor=decision.plan.landed_minor + 1),
        replace(decision.plan, weighed=(replace(one, verdict="of another opinion"), *others)),
        replace(decision.plan, digest="0" * 64),
    ):
        assert not is_same(other, decision.plan)


def test_a_plan_of_one_line_and_three_sources_fits_a_kilobyte_with_every_feature() -> None:
    item = plans.plan_item(trade.key("820982911946154508"), "a" * 16, full(), "sample-2", NOW)

    assert size(attributes.image(item)) < KILOBYTE


def test_a_stored_plan_is_read_as_ever() -> None:
    last = plans.read(attributes.values(plain_image(json.loads(GOLDEN.read_text()))))

    assert last.decision is not None
    assert (last.rules_version, last.short) == ("sample-2", {})
    assert last.decision.plan.taken == {("1", "baltic"): 3}
    assert decisions.again(last.decision).taken == last.decision.plan.taken
    assert [each["verdict"] for each in last.weighed] == ["the whole order is better with baltic", "ships all of it"]
    assert last.weighed[0]["cost_minor"] == 500


def plain_image(item: dict[str, Any]) -> dict[str, Any]:
    """The golden item as the API gives it: JSON holds bytes as digits."""
    return {name: {"B": bytes.fromhex(each["B"])} if "B" in each else each for name, each in item.items()}


def test_a_plan_of_the_first_schema_is_read_and_cannot_be_made_again() -> None:
    weighed = {"line": "1", "source": "baltic", "available": 4, "cost_minor": 400, "currency": "EUR", "taken": 3}
    told = {"taken": [["1", "baltic", 3]], "short": {"2": 1}, "weighed": [weighed | {"verdict": "has it"}]}
    item = {"schema": 1, "attempt": "a1", "made_at": trade.NOW, "rules_version": "1", "plan": json.dumps(told)}

    last = plans.read(item)

    assert (last.short, last.weighed, last.decision) == ({"2": 1}, (weighed | {"verdict": "has it"},), None)


@given(st.binary(max_size=200))
def test_what_no_writer_wrote_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        plans.unpacked(content)


def test_a_time_of_another_zone_comes_back_as_the_same_moment() -> None:
    demands = asked()
    there = NOW.astimezone(timezone(timedelta(hours=13)))
    decision = decide(demands, offered(demands, FULL), POLICY, there)

    assert is_same(decisions.again(plans.unpacked(plans.packed(decision))), decision.plan)
