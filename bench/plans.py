"""What a stored plan weighs: the answer with all it was made from, deflated with words known beforehand.

A plan of one line costs one write unit while its item stays under a kilobyte, whatever features the suppliers' terms
have (`routing_cases` says how they are made).
"""

from __future__ import annotations

from collections.abc import Iterator

from bench import routing_cases
from bench.figure import Figure
from bench.meter import size
from shared.domain.names import ChannelId, OrderKey
from shared.domain.routing.decisions import decide
from shared.storage import attributes, plans

SIZES = ((1, 3), (3, 5), (10, 8))
INSTANCES = 40
KILOBYTE = 1024
KEY = OrderKey(ChannelId("nordlys"), "820982911946154508")


def measure() -> Iterator[Figure]:
    """Yield the largest item of many orders for every size."""
    for lines, sources in SIZES:
        cases = (routing_cases.case(seed, lines, sources, features=True) for seed in range(INSTANCES))
        items = [
            plans.plan_item(KEY, "a" * 16, decide(*routing_cases.asked(case)), "sample-2", routing_cases.NOW)
            for case in cases
        ]
        yield Figure(
            name=f"stored plan, {lines} lines x {sources} sources: largest of {INSTANCES}",
            value=max(size(attributes.image(item)) for item in items),
            unit="bytes",
            bar=KILOBYTE if lines == 1 else None,
        )
