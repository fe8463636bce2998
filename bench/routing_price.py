"""Price an assignment from the issue's text: short enough to check by eye, and sharing nothing with the planner.

A case is plain data: `lines` [{sku, units, grams, kit}], `sources` [{order_fee, parcel_fee, minimum, surcharges,
freight, priority}] and `offers` {(source, sku): {available, unit, reject, late, pack, minimum}}.
"""

from __future__ import annotations

from typing import Any

Case = dict[str, Any]


def price(case: Case, taken: dict[tuple[int, int], int]) -> tuple[int, int] | None:
    """Return (units short, landed cost), None for what no source would accept."""
    cost = 0
    for s, source in enumerate(case["sources"]):
        mine = {line: n for (line, at), n in taken.items() if at == s and n}
        if not mine:
            continue
        goods = 0
        for sku in {case["lines"][line]["sku"] for line in mine}:
            offer, n = case["offers"][s, sku], sum(n for line, n in mine.items() if case["lines"][line]["sku"] == sku)
            packs = -(-max(n, offer["minimum"]) // offer["pack"])
            if packs * offer["pack"] > offer["available"]:
                return None
            goods, cost = goods + packs * offer["pack"] * offer["unit"], cost + n * (offer["late"] + offer["reject"])
        grams = sum(n * case["lines"][line]["grams"] for line, n in mine.items())
        if goods < source["minimum"]:
            return None
        parcels = 1
        while source["freight"] and grams > source["freight"][-1][0]:
            grams, parcels, cost = grams - source["freight"][-1][0], parcels + 1, cost + source["freight"][-1][1]
        cost += next((p for limit, p in source["freight"] if grams <= limit), 0)
        cost += next((p for limit, p in source["surcharges"] if goods <= limit), 0)
        cost += goods + source["order_fee"] + parcels * source["parcel_fee"]
    return sum(line["units"] for line in case["lines"]) - sum(taken.values()), cost
