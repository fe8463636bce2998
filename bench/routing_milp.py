"""The routing problem as a MILP for HiGHS, written from the issue's text: it shares nothing with the planner.

Cases are those of `routing_price`; each line also says whether it `splits`, each source its `priority` and each offer
its `ppm` of rejects and `days`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import highspy

Case = dict[str, Any]
SLACK = 1e-6
MUCH = 10**6


def solve(case: Case, goals: Sequence[tuple[str, int]]) -> list[int]:  # noqa: C901, PLR0912, PLR0915 - one model, told in the issue's order
    """Return units short and then the best value of each (goal, tolerance in ppm), one after the other."""
    model = highspy.Highs()  # type: ignore[no-untyped-call]
    model.silent()
    for option in ("mip_rel_gap", "mip_abs_gap"):
        model.setOptionValue(option, 0.0)
    for option in ("mip_feasibility_tolerance", "primal_feasibility_tolerance"):
        model.setOptionValue(option, 1e-9)
    lines, sources, offers = case["lines"], case["sources"], case["offers"]
    whole = highspy.HighsVarType.kInteger

    def count(most: int) -> Any:  # noqa: ANN401 - HiGHS has no types
        return model.addVariable(lb=0, ub=most, type=whole)

    nothing = 0 * count(1)

    def row(left: Any, relation: str, right: Any) -> None:  # noqa: ANN401
        difference = nothing + left - right
        if relation == "<=":
            model.addConstr(difference <= 0)
        elif relation == ">=":
            model.addConstr(difference >= 0)
        else:
            model.addConstr(difference == 0)

    x = {
        (at, s): count(line["units"])
        for at, line in enumerate(lines)
        for s in range(len(sources))
        if (s, line["sku"]) in offers
    }
    alone: dict[tuple[str, int], Any] = {}
    for (at, s), units in x.items():
        line = lines[at]
        if not line["splits"]:
            key = (line["kit"] or f"only {at}", s)
            if key not in alone:
                alone[key] = count(1)
            row(units, "==", line["units"] * alone[key])
    for at, line in enumerate(lines):
        mine = [units for (which, _), units in x.items() if which == at]
        if mine:
            row(sum(mine), "<=", line["units"])
    for kit in {line["kit"] for line in lines if line["kit"]}:
        members = [at for at, line in enumerate(lines) if line["kit"] == kit]
        for s in range(len(sources)):
            if any((at, s) not in x for at in members) and (kit, s) in alone:
                row(alone[kit, s], "<=", 0)
    cost: Any = 0 * count(1)
    parcels: Any = 0 * count(1)
    late = model.addVariable(lb=0, ub=MUCH)
    used = []
    for s, source in enumerate(sources):
        y = count(1)
        used.append(y)
        goods: Any = 0 * y
        grams: Any = 0 * y
        any_sku: Any = 0 * y
        for sku in sorted({line["sku"] for line in lines}):
            mine = [(at, units) for (at, which), units in x.items() if which == s and lines[at]["sku"] == sku]
            if not mine:
                continue
            offer, wanted = offers[s, sku], sum(lines[at]["units"] for at, _ in mine)
            n = sum(units for _, units in mine)
            pack, least = offer["pack"], -(-offer["minimum"] // offer["pack"])
            z, k, by_minimum = count(1), count(MUCH), count(1)
            row(n, "<=", wanted * z)
            row(n, ">=", z)
            row(z, "<=", y)
            row(pack * k, ">=", n)
            row(k, ">=", least * z)
            row(pack * k, "<=", offer["available"])
            most = wanted + offer["minimum"] + pack
            row(k, "<=", most * z)
            row(pack * k, "<=", n + (pack - 1) + pack * most * by_minimum)
            row(k, "<=", least + most * (1 - by_minimum))
            row(late, ">=", offer["days"] * z)
            goods += offer["unit"] * pack * k
            grams += sum(lines[at]["grams"] * units for at, units in mine)
            cost += (offer["late"] + offer["reject"]) * n
            any_sku += z
        row(y, "<=", any_sku)
        row(goods, ">=", source["minimum"] * y)
        cost += goods + (source["order_fee"] + source["parcel_fee"]) * y
        parcels += y
        if source["surcharges"]:
            steps, below = [count(1) for _ in range(len(source["surcharges"]) + 1)], -1
            row(sum(steps), "==", y)
            for step, (limit, price) in zip(steps, source["surcharges"], strict=False):
                row(goods, "<=", limit + MUCH * (1 - step))
                row(goods, ">=", (below + 1) * step)
                cost += price * step
                below = limit
            row(goods, ">=", (below + 1) * steps[-1])
        if source["freight"]:
            largest, dearest = source["freight"][-1]
            steps, full, below = [count(1) for _ in source["freight"]], count(1000), 0
            row(sum(steps), "==", y)
            row(largest * full, "<=", grams - y + (1 - y))
            for step, (limit, price) in zip(steps, source["freight"], strict=True):
                row(grams - largest * full, "<=", limit + MUCH * (1 - step))
                row(grams - largest * full, ">=", (below + 1 if below else 0) * step)
                cost += price * step
                below = limit
            cost += (dearest + source["parcel_fee"]) * full
            parcels += full
    short = nothing + sum(line["units"] for line in lines) - sum(x.values(), 0 * used[0])
    told = {
        "short": short,
        "landed_cost": cost,
        "parcels": parcels,
        "promised_date": 1 * late,
        "priority": sum((sources[s]["priority"] * n for (_, s), n in x.items()), 0 * used[0]),
        "reliability": sum((offers[s, lines[at]["sku"]]["ppm"] * n for (at, s), n in x.items()), 0 * used[0]),
    }
    best = []
    for goal, tolerance in [("short", 0), *goals]:
        model.minimize(told[goal])
        if model.getModelStatus() == highspy.HighsModelStatus.kSolveError:  # seldom, from a basis of the goal before
            model.clearSolver()
            model.minimize(told[goal])
        if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise AssertionError("the MILP was not solved", goal, model.getModelStatus())
        value = round(model.getInfo().objective_function_value)
        best.append(value)
        row(told[goal], "<=", value + value * tolerance // 1_000_000 + SLACK)
    return best
