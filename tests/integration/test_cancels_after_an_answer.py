"""Units that a supplier must not ship any more, after what it answered: asked for by its own way and words, once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.domain.names import SourceId
from shared.errors import AppError, Rejected, Transient
from shared.storage import pauses
from shared.storage.pauses import Pause, Pauses
from shared.suppliers.contract import NotTaken
from tests.integration.conftest import Aws
from tests.support.document_files import book, csv, drop, golden, objects, of, problems, row, run, take
from tests.support.documents import ALPINA, NUMBER, SENT_AT, asked

X12 = {"way": "file", "as": "x12", "x12": {"sender": "SHOP", "receiver": "SUPPLIER"}}
EMAIL = {"way": "email", "email": {"from": "orders@shop.example", "to": ["orders@alpina.example"]}}
ORDER = {"po": "$number", "lines": {"$lines": {"sku": "$sku", "units": "$units"}}}
PART = csv(row(6, "accept"), row(4, "backorder"))


def https(cancel: dict[str, Any]) -> dict[str, Any]:
    urls = {"url": "https://a.example/orders", "cancel_url": "https://a.example/cancels"}
    return {"way": "https", "https": urls, "json": {"order": ORDER, "cancel": cancel}}


@dataclass
class FakeWay:
    """Takes requests to cancel, and answers as it is told to; `sent`: what arrived."""

    says: AppError | None = None
    looks: bool = False
    cancels: bool = True
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)

    def send_cancel(self, _source: SourceId, number: str, body: bytes, request: str = "") -> None:
        self.sent.append((number, request, body))
        if self.says:
            raise self.says


def answered(aws: Aws, way: FakeWay, send_by: dict[str, Any], body: str = PART) -> list[str]:
    """Have alpina, which is sent to by that way, answer for ten units; say what a person is told."""
    asked(book(aws), {"NL-1001": 10})
    take(aws, "ack.csv", body, of(send_by=send_by), ways=lambda _: way)
    return problems(aws)


def test_who_reads_x12_is_told_by_an_860_what_is_still_wanted(aws: Aws) -> None:
    asked(book(aws), {"NL-1001": 10})

    take(aws, "ack.csv", PART, of(send_by=X12))

    (text,) = [body.decode() for key, body in objects(aws).items() if key.endswith("-cancel.edi")]
    assert f"BCH*04*DS*{NUMBER}**3*" in text
    assert "POC*l1*QD*6*6*EA" in text


def test_of_an_order_of_which_nothing_is_wanted_all_is_cancelled(aws: Aws) -> None:
    asked(book(aws), {"NL-1001": 10})
    take(aws, "ack1.csv", csv(row(10, "reject")), of(send_by=X12))

    take(aws, "ack2.csv", csv(row(10, "accept")), of(send_by=X12))

    (text,) = [body.decode() for key, body in objects(aws).items() if key.endswith("-cancel.edi")]
    assert f"BCH*01*DS*{NUMBER}**1*" in text
    assert "POC*l1*DI*10*0*EA" in text


def test_an_api_is_asked_with_a_key_of_its_own(aws: Aws) -> None:
    way = FakeWay()

    assert answered(aws, way, https({"po": "$number", "lines": {"$lines": {"sku": "$sku", "units": "$units"}}})) == []

    ((number, request, body),) = way.sent
    assert (number, len(request)) == (NUMBER, 8)
    assert json.loads(body) == {"po": NUMBER, "lines": [{"sku": "NL-1001", "units": 4}]}


def test_a_mail_says_that_it_is_only_a_part(aws: Aws) -> None:
    way = FakeWay()

    assert answered(aws, way, EMAIL) == []

    assert f"Subject: Please cancel a part of purchase order {NUMBER}" in way.sent[0][2].decode()


@pytest.mark.parametrize(
    ("_case", "way", "send_by", "told"),
    [
        ("it takes none", FakeWay(cancels=False), X12, "no_cancel"),
        ("only of a whole order", FakeWay(), https({"po": "$number"}), "no_part_cancel"),
        ("not any more", FakeWay(), X12 | {"cancel_minutes": 5}, "cancel_too_late"),
        ("shadow", FakeWay(), X12 | {"mode": "shadow"}, "cancel_not_sent"),
    ],
)
def test_who_cannot_be_asked_is_rung_up(_case: str, way: FakeWay, send_by: dict[str, Any], told: str, aws: Aws) -> None:
    assert answered(aws, way, send_by) == [told]
    assert way.sent == []


def test_who_is_paused_is_rung_up(aws: Aws) -> None:
    Pauses(aws.stock).set(Pause(scope=pauses.supplier(ALPINA), actor="ann", reason="moving", since=SENT_AT))
    way = FakeWay()

    assert (answered(aws, way, X12), way.sent) == (["cancel_not_sent"], [])


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (NotTaken("it throttles", code="throttled", wait=60.0), "cancel_not_sent"),
        (Rejected("it refuses", code="supplier_refused"), "supplier_refused"),
        (Transient("no answer", code="no_answer"), "cancel_unanswered"),
    ],
)
def test_a_request_that_fails_is_for_a_person_and_is_not_sent_again(failure: AppError, told: str, aws: Aws) -> None:
    way = FakeWay(failure)
    asked(book(aws), {"NL-1001": 10})
    message, known = drop(aws, "ack.csv", PART), of(send_by=EMAIL)

    for _ in range(2):
        assert run(aws, message, known, ways=lambda _: way).again == {}

    assert problems(aws) == [told]
    assert len(way.sent) == 1


def test_where_it_can_be_looked_for_it_is_asked_again_in_the_same_words(aws: Aws) -> None:
    way = FakeWay(Transient("no answer", code="no_answer"), looks=True)
    asked(book(aws), {"NL-1001": 10})
    message, known = drop(aws, "ack.csv", PART), of(send_by=X12)

    assert list(run(aws, message, known, ways=lambda _: way).again) == ["m1"]
    way.says = None
    run(aws, message, known, ways=lambda _: way)
    run(aws, message, known, ways=lambda _: way)

    assert problems(aws) == []
    assert (len(way.sent), way.sent[0]) == (2, way.sent[1])


# ---- a 997


@dataclass
class Folder:
    says: AppError | None = None
    put: list[tuple[str, bytes]] = field(default_factory=list)

    def send_answer(self, _source: SourceId, name: str, body: bytes) -> None:
        self.put.append((name, body))
        if self.says:
            raise self.says


def test_a_997_goes_where_the_supplier_reads(aws: Aws) -> None:
    asked(book(aws), {"NL-1001": 10, "NL-1002": 3})
    there = Folder()

    take(aws, "po.x12", golden("accepts_six_of_ten"), folder=lambda _: there)

    assert [name for name, _ in there.put] == ["997-000000001.x12"]
    assert not [key for key in objects(aws) if "997-" in key]


def test_a_997_that_is_refused_does_not_stop_the_document(aws: Aws) -> None:
    asked(book(aws), {"NL-1001": 10, "NL-1002": 3})
    there = Folder(Rejected("no such connector", code="connector_refused"))

    counted = take(aws, "po.x12", golden("accepts_six_of_ten"), folder=lambda _: there)

    assert counted["DocumentApplied"] == 1
    assert problems(aws) == ["answer_not_sent"]
