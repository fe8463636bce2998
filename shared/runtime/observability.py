"""Logger and metrics, the same in every function. Messages are constant phrases; no personal data, no whole events."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()


def count(counted: Mapping[str, int]) -> None:
    """Count what a flow counted: names in the past tense."""
    for name, value in counted.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
