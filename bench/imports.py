"""CPU of a worker's cold import against boto3 with one client: fresh interpreters, minimum of several."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bench.figure import Figure

RUNS = 9
BASE = "import boto3; boto3.client('dynamodb', region_name='us-east-1')"
WORKERS = (
    "process_orders",
    "ingest_files",
    "record_stock",
    "record_orders",
    "send_purchase_orders",
    "publish_to_channels",
)
BAR = 1.4

TIMED = "import time; start = time.process_time(); {code}; print(time.process_time() - start)"


def measure() -> Iterator[Figure]:
    """Yield a figure a worker."""
    for worker in WORKERS:
        code = f"import functions.{worker}.handler; {BASE}"
        pairs = [(_seconds(code), _seconds(BASE)) for _ in range(RUNS)]
        yield Figure(
            name=f"cold import of {worker}, CPU",
            value=min(ours for ours, _ in pairs),
            unit="s",
            peer="boto3 and one client",
            peer_value=min(base for _, base in pairs),
            bar=BAR,
        )


def _seconds(code: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code=code)], capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout)
