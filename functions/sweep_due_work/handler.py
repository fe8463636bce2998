"""Every minute -> whatever is due and was not done by a stream, and what time alone changes.

A second run finds what the first one did: it reads what is due again before it does anything about it.
"""

from __future__ import annotations

import uuid
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.compensate import Compensate
from shared.flows.cure import Cure
from shared.flows.erase_people import ErasePeople
from shared.flows.guard_margins import GuardMargins
from shared.flows.operate_orders import OperateOrders
from shared.flows.personal_data import PersonalData
from shared.flows.send_batches import SendBatches
from shared.flows.send_purchase_orders import SendPurchaseOrders
from shared.flows.sweep_due_work import ENDS_WITH_LEFT, SweepDueWork
from shared.flows.watch import Watch
from shared.flows.watch_clocks import TellDelays
from shared.runtime import clients, clock, lifetime, queues, rules, ways
from shared.runtime.observability import count, logger, metrics
from shared.runtime.secrets import people_key
from shared.runtime.settings import in_lambda, settings
from shared.storage.availability import Availability, Leases
from shared.storage.batches import Batches
from shared.storage.feeds import Feeds
from shared.storage.flags import Flags
from shared.storage.gates import Gates
from shared.storage.ledger import Ledger
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.pauses import Pauses
from shared.storage.people import People
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes
from shared.storage.versions import Versions

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def book() -> OrderBook:
    """Connect both tables."""
    names = settings()
    return OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)


@cache
def sweep() -> SweepDueWork:
    """Connect the flow, and in it the one that sends purchase orders."""
    names, outbox, problems = settings(), Outbox(book()), Problems(book().orders)
    people = People(book().orders)
    purchase_orders = SendPurchaseOrders(
        outbox=outbox,
        pauses=Pauses(book().stock),
        problems=problems,
        codes=SupplierCodes(book().stock),
        gates=Gates(book().orders),
        ways=ways.of,
        new_id=lambda: uuid.uuid4().hex[:16],
    )
    return SweepDueWork(
        table=book().orders,
        outbox=outbox,
        problems=problems,
        purchase_orders=purchase_orders,
        batches=SendBatches(purchase_orders, Batches(book().orders)),
        delays=TellDelays(problems, operate().cancel),
        erase=ErasePeople(
            people=people,
            data=PersonalData(
                people=people,
                outbox=outbox,
                archive=Versions(clients.s3(), names.archive_bucket),
                files=Versions(clients.s3(), names.files_bucket),
            ),
            problems=problems,
            key=people_key,
            ends_with_left=ENDS_WITH_LEFT,
        ),
        to_orders=partial(queues.send, names.order_queue_url),
    )


@cache
def operate() -> OperateOrders:
    """Connect the flow that cancels what a customer did not agree to wait for."""
    return OperateOrders(book(), partial(queues.send, settings().order_queue_url))


@cache
def watch() -> Watch:
    """Connect the flow that looks at what time alone changes."""
    names, stock = settings(), book().stock
    return Watch(
        feeds=Feeds(stock),
        flags=Flags(stock),
        availability=Availability(stock),
        leases=Leases(stock),
        pauses=Pauses(stock),
        problems=Problems(book().orders),
        to_channels=partial(queues.send, names.channel_queue_url),
        to_orders=partial(queues.send, names.order_queue_url),
        dead_letters=dead_letters,
    )


@cache
def cure() -> Cure:
    """Connect the flow that closes what is over."""
    stock, orders = book().stock, book().orders
    problems, to_channels = Problems(orders), partial(queues.send, settings().channel_queue_url)
    return Cure(
        book=book(),
        feeds=Feeds(stock),
        availability=Availability(stock),
        leases=Leases(stock),
        problems=problems,
        compensate=Compensate(stock=stock, orders=orders, ledger=Ledger(stock), problems=problems),
        margins=GuardMargins(stock, problems, to_channels),
        dead_letters=dead_letters,
    )


def dead_letters() -> dict[str, int]:
    """Count the messages that were tried in vain, by queue."""
    names = settings()
    urls = {
        "orders": names.order_dead_letters_url,
        "files": names.file_dead_letters_url,
        "channels": names.channel_dead_letters_url,
        "events": names.shop_event_dead_letters_url,
    }
    return {queue: queues.depth(url) for queue, url in urls.items()}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Do what is due."""
    now = clock.now()
    current = rules.current(now)
    counted = sweep().run(current, now, lifetime.of(context, now)) + watch().run(current, now)
    counted["ExceptionClosed"] = cure().run(current, now)
    count(counted)
    return dict(counted)


if in_lambda():
    sweep()
