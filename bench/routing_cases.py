"""Seeded routing cases with every feature of the cost model, as plain data and as what the planner takes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.names import Sku, SourceId
from shared.domain.routing import problem

Case = dict[str, Any]
Asked = tuple[problem.Demands, list[problem.Candidate], problem.Policy, datetime]
GOALS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("landed_cost", 0),),
    (("landed_cost", 20_000), ("parcels", 0)),
    (("parcels", 0), ("landed_cost", 0)),
    (("promised_date", 0), ("landed_cost", 0)),
    (("priority", 100_000), ("reliability", 0), ("landed_cost", 0)),
    (("parcels", 0), ("promised_date", 0), ("landed_cost", 0)),
    (("reliability", 500_000), ("promised_date", 200_000), ("parcels", 0)),
)
"""Objectives with their tolerances in ppm; the MILP is asked for the cost at the end as the planner asks itself."""
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


def case(seed: int, lines: int, sources: int, *, features: bool, most_units: int = 4) -> Case:
    """Make one: goods lognormal, suppliers 5 % apart, noise 8 %, 60 % carry a SKU, a quarter short of stock."""
    random_ = random.Random(seed)  # noqa: S311 - a generator of examples
    repeats = features and random_.random() < 0.4  # noqa: PLR2004
    told: list[dict[str, Any]] = []
    for at in range(lines):
        kit = "a" if features and lines > 2 and at < 2 and seed % 3 == 0 else ""  # noqa: PLR2004
        units = random_.randint(1, most_units) if random_.random() < 0.4 else 1  # noqa: PLR2004
        sku = f"S{random_.randrange(at + 1) if repeats else at}"
        grams = next((line["grams"] for line in told if line["sku"] == sku), random_.randint(50, 900))
        told.append(
            {"sku": sku, "units": units, "grams": grams, "kit": kit, "splits": not kit and units > 1 and seed % 2 == 0}
        )
    level = [random_.gauss(1, 0.05) for _ in range(sources)]
    offers: dict[tuple[int, str], dict[str, int]] = {}
    for sku in sorted({line["sku"] for line in told}):
        base = random_.lognormvariate(7, 0.6)
        for s in range(sources):
            if random_.random() < 0.6:  # noqa: PLR2004
                pack, minimum = (random_.choice((1, 1, 2, 3)), random_.choice((1, 1, 2))) if features else (1, 1)
                offers[s, sku] = {
                    "available": random_.randint(0, 3) if random_.random() < 0.25 else random_.randint(6, 40),  # noqa: PLR2004
                    "unit": max(int(base * level[s] * random_.gauss(1, 0.08)), 1),
                    "reject": random_.choice((0, 10, 40)) if features else 0,
                    "late": 0,
                    "pack": pack,
                    "minimum": minimum,
                    "days": random_.randint(1, 6),
                }
                offers[s, sku]["ppm"] = offers[s, sku]["reject"] * 1000
                offers[s, sku]["late"] = max(offers[s, sku]["days"] - 4, 0) * 25
    terms = []
    for _ in range(sources):
        freight: list[tuple[int, int]] = []
        surcharges: list[tuple[int, int]] = []
        if features and random_.random() < 0.8:  # noqa: PLR2004
            price = random_.randint(200, 500)
            freight = [
                (500, price),
                (1000, price + random_.randint(50, 200)),
                (2000, price + random_.randint(250, 500)),
            ]
        if features and random_.random() < 0.4:  # noqa: PLR2004
            surcharges = [(1000, random_.randint(100, 400)), (3000, random_.randint(20, 99))]
        terms.append(
            {
                "order_fee": random_.randint(350, 950) - (200 if freight else 0),
                "parcel_fee": random_.choice((0, 50)) if features else 0,
                "minimum": random_.choice((0, 0, 0, 1500)) if features else 0,
                "surcharges": surcharges,
                "freight": freight,
                "priority": random_.randint(0, 3),
            }
        )
    return {"lines": told, "sources": terms, "offers": offers}


def asked(case: Case, **policy: Any) -> Asked:  # noqa: ANN401 - any field of a policy
    """Say a case in the planner's words."""
    demands = problem.Demands(
        lines=tuple(
            problem.Demand(
                line=f"{at:03}",
                sku=Sku(line["sku"]),
                units=line["units"],
                grams=line["grams"],
                kit=line["kit"],
                price_minor=10**5,
            )
            for at, line in enumerate(case["lines"])
        ),
        to=problem.Destination(country="DE"),
        currency="EUR",
        promised_by=(NOW + timedelta(days=4)).date(),
    )
    suppliers = [
        problem.Supplier(
            source=SourceId(f"{s:02}"),
            currency="EUR",
            order_fee_minor=source["order_fee"],
            parcel_fee_minor=source["parcel_fee"],
            order_minimum_minor=source["minimum"],
            surcharges=tuple(problem.Bracket(upto=u, price_minor=p) for u, p in source["surcharges"]),
            tariffs=(
                problem.Tariff(
                    countries=frozenset({"DE"}),
                    brackets=tuple(problem.Bracket(upto=u, price_minor=p) for u, p in source["freight"]),
                ),
            )
            if source["freight"]
            else (),
            priority=source["priority"],
        )
        for s, source in enumerate(case["sources"])
    ]
    candidates = [
        problem.Candidate(
            supplier=suppliers[s],
            sku=Sku(sku),
            available=o["available"],
            cost_minor=o["unit"],
            pack=o["pack"],
            reject_ppm=o["ppm"],
            minimum=o["minimum"],
            lead_days=o["days"],
        )
        for (s, sku), o in case["offers"].items()
    ]
    splits = any(line["splits"] for line in case["lines"])
    rule = problem.Split.ALLOWED if splits else problem.Split.FORBIDDEN
    return demands, candidates, problem.Policy(split=rule, late_day_minor=25, reject_cost_minor=1000, **policy), NOW


def mixed(seed: int) -> tuple[Case, Asked, list[tuple[str, int]]]:
    """Return a small case of any kind with goals of any kind: the case, the planner's question and the MILP's."""
    case_ = case(seed, 1 + seed % 7, 2 + seed // 7 % 4, features=seed % 10 != 0)
    goals = GOALS[seed % len(GOALS)]
    asked_ = asked(case_, goals=tuple(problem.Goal(objective=problem.Objective(o), tolerance_ppm=t) for o, t in goals))
    is_decided = ("landed_cost", 0) in goals
    return case_, asked_, [*goals] if is_decided else [*goals, ("landed_cost", 0)]


def as_taken(plan: problem.Plan) -> dict[tuple[int, int], int]:
    """Say a plan in the case's words."""
    return {(int(line), int(source)): units for (line, source), units in plan.taken.items()}
