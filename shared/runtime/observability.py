"""Logger and metrics, the same in every function.

Log messages are constant phrases; no personal data, no whole events.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics()
