"""What an invocation says of itself: how long it may live, as flows that send ask, and whose it is."""

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


def account_of(context: LambdaContext) -> str:
    """Name the account that the function is of: `arn:aws:lambda:<region>:<account>:function:...`."""
    return context.invoked_function_arn.split(":")[4]
