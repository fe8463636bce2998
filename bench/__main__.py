"""Measure, and hold the figures against their bars: writes build/bench.json, fails where a bar is broken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import imports, orders
from bench.figure import Figure

OUT = Path("build/bench.json")


def main() -> int:
    """Run all benchmarks; print a line a figure."""
    figures: list[Figure] = []
    for room in (imports, orders):
        for figure in room.measure():
            figures.append(figure)
            bar = "" if figure.bar is None else f"  bar {figure.bar:g}  {'ok' if figure.ok else 'BROKEN'}"
            peer = (
                f"  {figure.peer} {figure.peer_value:.4g}, ratio {figure.ratio:.3g}" if figure.ratio is not None else ""
            )
            print(f"{figure.name:<52} {figure.value:>10.4g} {figure.unit}{peer}{bar}", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([figure.as_dict() for figure in figures], indent=1) + "\n")
    return 0 if all(figure.ok for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
