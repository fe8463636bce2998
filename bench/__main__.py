"""Measure, and hold the figures against their bars: writes build/bench.json, fails where a bar is broken.

`python -m bench feeds feed_bill` runs those alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import (
    cpu,
    documents,
    feed_bill,
    feeds,
    hot,
    imports,
    life,
    meter_check,
    orders,
    plans,
    race,
    routing,
    storefronts,
)
from bench.figure import Figure
from local import dynamodb_local

OUT = Path("build/bench.json")
ROOMS = (imports, storefronts, orders, plans, race, life, cpu, hot, feeds, feed_bill, documents, routing)
BENCHMARKS = {room.__name__.rpartition(".")[2]: room for room in ROOMS}


def main() -> int:
    """Run benchmarks, a line a figure. Nothing is printed while the meter does not say what is known."""
    wanted = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(wanted) - BENCHMARKS.keys():
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    with dynamodb_local.running() as url:
        try:
            meter_check.check(dynamodb_local.client(url))
        except meter_check.MeterWrong as wrong:
            sys.exit(f"no figures: {wrong}")
    figures: list[Figure] = []
    for name in wanted:
        for figure in BENCHMARKS[name].measure():
            figures.append(figure)
            print(_line(figure), flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([figure.as_dict() for figure in figures], indent=1) + "\n")
    return 0 if all(figure.ok for figure in figures) else 1


def _line(figure: Figure) -> str:
    peer = "" if figure.peer_value is None else f"  {figure.peer} {figure.peer_value:.4g}"
    ratio = "" if figure.ratio is None else f", ratio {figure.ratio:.3g}"
    bar = "" if figure.bar is None else f"  bar {figure.bar:g}  {'ok' if figure.ok else 'BROKEN'}"
    return f"{figure.name:<52} {figure.value:>10.4g} {figure.unit}{peer}{ratio}{bar}"


if __name__ == "__main__":
    sys.exit(main())
