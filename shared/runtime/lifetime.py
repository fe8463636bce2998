"""How long this invocation may live, as flows that send ask."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.flows.send_purchase_orders import Lifetime

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def of(context: LambdaContext, now: datetime) -> Lifetime:
    """Tell when this invocation ends, and how long that is at any time."""

    def left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    return Lifetime(now + left(), left)
