"""File queue -> counted levels, offers, the feed's snapshot, answered purchase orders; files kept, held and reported.

A second delivery finds its version of the object in the feed or in its history and goes on, or changes nothing:
each row's own condition refuses what is written already.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from shared.flows.answer_orders import AnswerOrders
from shared.flows.count_codes import CountCodes
from shared.flows.feed_runs import FeedRuns
from shared.flows.guard_margins import GuardMargins
from shared.flows.ingest_counts import IngestCounts
from shared.flows.settle_documents import SettleDocuments
from shared.flows.take_documents import TakeDocuments
from shared.flows.write_rows import WriteRows
from shared.runtime import clients, clock, queues, rules
from shared.runtime.observability import count, logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage.documents import Documents
from shared.storage.dynamo import Table
from shared.storage.feeds import Feeds
from shared.storage.files import Files
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.operations import Operations
from shared.storage.order_book import OrderBook
from shared.storage.pauses import Pauses
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from shared.domain.rules import Source
    from shared.flows.cancel_requests import CancelRequests
    from shared.suppliers.contract import Folder


COMES_AGAIN_SECONDS = 60


@cache
def cancels() -> CancelRequests:
    """Connect what asks to cancel: few files need it, and every cold start would pay for all ways of sending."""
    from shared.flows.cancel_requests import CancelRequests  # noqa: PLC0415
    from shared.runtime import ways  # noqa: PLC0415

    names = settings()
    book = OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)
    return CancelRequests(Documents(book.orders), Pauses(book.stock), Problems(book.orders), ways.of)


def folder(source: Source) -> Folder:
    """Return where answers to X12 files are put."""
    from shared.runtime import ways  # noqa: PLC0415 - as above

    return ways.folder(source)


def documents() -> TakeDocuments:
    """Connect what takes documents about purchase orders."""
    names = settings()
    book = OrderBook.of(clients.dynamodb(), names.stock_table, names.order_table)
    problems, seen = Problems(book.orders), Documents(book.orders)
    settle = SettleDocuments(
        book=book,
        documents=seen,
        answers=AnswerOrders(book=book, problems=problems, pause=clock.pause),
        operations=Operations(book.stock, book.orders),
        problems=problems,
        cancels=cancels,
    )
    files = Files(clients.s3(), names.files_bucket)
    return TakeDocuments(files=files, documents=seen, settle=settle, problems=problems, folder=folder)


@cache
def flow() -> IngestCounts:
    """Connect the flow."""
    names = settings()
    stock = Table(clients.dynamodb(), names.stock_table)
    files, feeds, levels = Files(clients.s3(), names.files_bucket), Feeds(stock), Levels(stock)
    offers, codes = Offers(stock), SupplierCodes(stock)
    problems = Problems(Table(clients.dynamodb(), names.order_table))
    margins = GuardMargins(stock, problems, partial(queues.send, names.channel_queue_url))
    runs = FeedRuns(
        files=files,
        feeds=feeds,
        rows=WriteRows(levels=levels, offers=offers, codes=codes, margins=margins, pause=clock.pause),
        send=partial(queues.send, names.file_queue_url),
        pause=clock.pause,
    )
    return IngestCounts(
        files=files,
        feeds=feeds,
        levels=levels,
        problems=problems,
        runs=runs,
        documents=documents(),
        mappings=CountCodes(codes=codes, feeds=feeds, levels=levels, offers=offers, pause=clock.pause),
        pause=clock.pause,
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Take in the files of a batch of notifications."""
    now = clock.now()
    batch = queues.bodies(event)
    done = flow().run(batch, rules.current(now), now, queues.tries(event))
    queues.soon(settings().file_queue_url, event, done.again, COMES_AGAIN_SECONDS)
    count(done.counted)
    return queues.failures(done.again)


if in_lambda():
    flow()
