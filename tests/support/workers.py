"""Workers of the order queue as processes of their own, each with its own client, cache and pauses."""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

from local import dynamodb_local
from shared.domain.messages import Delivered, write
from shared.domain.names import ChannelId
from shared.flows.place_orders import Placed, PlaceOrders
from shared.storage.archive import Archive
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from shared.storefronts import shopify
from tests.support import trade

PAUSE_SHARE = 0.1
LONGEST_PAUSE_SECONDS = 0.03


def delivered(order_id: int, *lines: tuple[str, int], topic: str = "orders/create") -> str:
    """A message of the order queue."""
    body = trade.shopify_body(order_id, *lines).decode()
    return write(
        Delivered(
            channel=ChannelId("nordlys"), topic=topic, archive_key=f"{order_id}", received_at=trade.NOW, body=body
        )
    )


def place_orders(client: Any, stock_table: str, order_table: str) -> PlaceOrders:  # noqa: ANN401 - or a faulty one
    """The flow of `process_orders` over these tables."""
    book = OrderBook.of(client, stock_table, order_table)
    return PlaceOrders(
        book=book,
        archive=Archive(client, "none"),
        problems=Problems(book.orders),
        platforms={"shopify": shopify},
        new_id=lambda: uuid.uuid4().hex[:16],
        pause=lambda tried: time.sleep(random.uniform(0, 0.005 * tried)),  # noqa: S311, TID251
    )


def pausing_client(url: str, seed: int) -> Any:  # noqa: ANN401 - a client
    """A client that stands still at one call in ten."""
    chance = random.Random(seed)  # noqa: S311
    client = dynamodb_local.client(url)

    def stand_still(**_: object) -> None:
        if chance.random() < PAUSE_SHARE:
            time.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: TID251 - it is what is tested

    client.meta.events.register("before-call.dynamodb.*", stand_still)
    return client


def work(url: str, stock_table: str, order_table: str, seed: int, batches: list[dict[str, str]]) -> list[Placed]:
    """Run batches in this process; a message that shall come again comes again at once, at most ten times."""
    flow = place_orders(pausing_client(url, seed), stock_table, order_table)
    rules = trade.shop_rules("alpina", "baltic", "celtic")
    placed = []
    for batch in batches:
        left = batch
        for _ in range(10):
            placed.append(flow.run(left, rules, trade.times_now()))
            left = {message: text for message, text in left.items() if message in placed[-1].again}
            if not left:
                break
    return placed
