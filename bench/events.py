"""Orders as `events/` has them, with other lines."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from shared.domain.messages import Delivered, write
from shared.domain.names import ChannelId
from tests.support import trade

GOLDEN = Path("events/webhooks/shopify/orders_create.json")


def body(order_id: int, *lines: tuple[str, int]) -> str:
    """Write the body of a store's order of these lines, (sku, units)."""
    order = _golden()
    line = order["line_items"][0]
    described = [
        line | {"id": order_id * 100 + i, "sku": sku, "quantity": units, "current_quantity": units}
        for i, (sku, units) in enumerate(lines, 1)
    ]
    return json.dumps(order | {"id": order_id, "name": f"#{order_id}", "line_items": described})


def delivered(order_id: int, text: str) -> str:
    """Write the message that brings a body to the order queue."""
    return write(
        Delivered(
            channel=ChannelId("nordlys"),
            topic="orders/create",
            archive_key=f"webhooks/nordlys/{order_id}.json",
            received_at=trade.NOW,
            body=text,
        )
    )


@cache
def _golden() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(GOLDEN.read_text())
    return read
