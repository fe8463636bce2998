"""Units that a supplier must not ship any more, after what it answered: asked for by its own way and words, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.domain import rules
from shared.domain.names import SourceId
from shared.domain.people import By
from shared.domain.rules import Rules
from shared.errors import AppError, Rejected, Transient
from shared.flows.cancel_requests import CancelRequests
from shared.formats import x12_860
from shared.runtime.settings import settings
from shared.storage import pauses
from shared.storage.documents import Documents
from shared.storage.order_book import OrderBook
from shared.storage.pauses import Pause, Pauses
from shared.storage.problems import Problems
from shared.suppliers.contract import NotTaken
from shared.suppliers.file_drop import FileDrop
from tests.integration.conftest import Aws
from tests.integration.test_take_documents import ANSWERS, book, csv, drop, golden, objects, problems, row, take
from tests.support import documents, trade, x12
from tests.support.documents import NUMBER, asked
from tests.support.ingest import ingest

X12 = {"way": "file", "as": "x12", "x12": {"sender": "SHOP", "receiver": "SUPPLIER"}}
ORDER = {"po": "$number", "lines": {"$lines": {"sku": "$sku", "units": "$units"}}}
PART = csv(row(6, "accept"), row(4, "backorder"))


def of(send_by: dict[str, Any]) -> Rules:
    document = trade.shop_rules_document("alpina")
    document["sources"]["alpina"] |= {"answers": ANSWERS, "send_by": send_by}
    return rules.parse(document)


@dataclass
class FakeWay:
    """Takes requests to cancel and answers as it is told to; `sent`: what arrived."""

    says: AppError | None = None
    looks: bool = False
    cancels: bool = True
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)

    def send_cancel(self, _source: SourceId, number: str, body: bytes, request: str = "") -> None:
        self.sent.append((number, request, body))
        if self.says:
            raise self.says


def through(aws: Aws, way: Any, name: str, body: str, known: Rules, folder: Any = None) -> None:  # noqa: ANN401
    """Have the file taken, of a supplier who is sent to by this way."""
    names = settings()
    tables = (names.stock_table, names.order_table, names.files_bucket)
    flow = ingest(
        documents=documents.takes(aws.dynamodb, aws.s3, tables, ways=lambda _: way, folder=folder),
        **trade_parts(aws),
    )
    assert flow.run({"m1": drop(aws, name, body)}, known, trade.times_now()).again == {}


def trade_parts(aws: Aws) -> dict[str, Any]:
    from shared.storage.feeds import Feeds  # noqa: PLC0415
    return {"feeds": Feeds(aws.stock)}


def test_a_part_is_an_860_that_says_what_is_still_wanted_where_the_supplier_reads_x12(aws: Aws) -> None:
    asked(book(aws), {"NL-1001": 10})

    take(aws, "ack.csv", PART, of(X12))

    (text,) = [body.decode() for key, body in objects(aws).items() if key.endswith("-cancel.edi")]
    assert f"BCH*04*DS*{NUMBER}**" in text
    assert "POC*l1*QD*6*6*EA" in text
