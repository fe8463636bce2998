"""A batch of stream images becomes movements, marks and messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import pytest

from local.generic_shop import MAPPING
from shared.domain.messages import FillSku, Message, Publish
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.rules import parse
from shared.domain.stock import UNTIL_COUNTED, Level
from shared.errors import Transient
from shared.flows.changes import Change
from shared.flows.record_stock import RecordStock
from shared.storage import attributes, keys, levels
from shared.storage.dynamo import Table
from shared.storage.keys import Key
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.problems import FakeProblems
from tests.support.streams import FakeTable
from tests.support.streams import of_level as change


class Run:
    """One flow with its fakes, and what it sent."""

    def __init__(self, waiting: tuple[str, ...] = ()) -> None:
        self.stock, self.orders, self.problems = FakeTable(), FakeTable(waiting=waiting), FakeProblems()
        self.sent: list[Message] = []
        self.flow = RecordStock(
            stock=cast("Table", self.stock),
            orders=cast("Table", self.orders),
            problems=cast("Problems", self.problems),
            to_orders=self.send,
            to_channels=self.send,
        )

    def send(self, messages: Iterable[Message]) -> None:
        self.sent += messages

    def __call__(self, *changes: Change, **channel: object) -> None:
        rules = trade.shop_rules("alpina", "baltic", **channel)
        alpina = replace(rules.sources[SourceId("alpina")], low_at=7)
        rules = replace(rules, sources={**rules.sources, alpina.source: alpina})
        self.counted = self.flow.run(changes, rules, trade.times_now())

    def keys(self, prefix: str) -> list[Key]:
        return self.stock.keys(prefix)


FIRST = trade.level("NL-1001", "alpina", 10)
TAKEN = replace(FIRST, available=7, committed=3, revision=2, cause=("take", "a1"), last={"token": 3})
GONE = replace(TAKEN, available=0, committed=10, revision=3, cause=("take", "a2"), last={"token2": 7})
BACK = replace(GONE, available=7, committed=3, revision=4, cause=("cancel", "cancel"), last={"token2": -7})

LATER = "2026-11-24T11:00:00.000Z"
PUBLISH = Publish(channel=ChannelId("nordlys"))
FILL = FillSku(sku=Sku("NL-1001"))


def test_every_write_is_a_movement_with_its_cause() -> None:
    run = Run()

    run(change(None, FIRST), change(FIRST, TAKEN))

    first, second = (run.stock.items[key] for key in run.keys("MOV#"))
    assert (first["kind"], first["units"], first["counted"], first["balance"]) == ("feed", 10, 10, 10)
    assert (second["kind"], second["cause"], second["units"], second["committed"]) == ("take", "a1", -3, 3)
    assert (second["balance"], second["last"], second["revision"]) == (7, {"token": 3}, 2)
    assert second["expires_at"] == int(trade.times_now().timestamp()) - 3600 + 13 * 31 * 86400
    assert run.counted == {"MovementRecorded": 2}


def test_redelivery_writes_the_same_keys() -> None:
    run = Run()
    batch = [change(None, FIRST), change(FIRST, TAKEN), change(TAKEN, GONE)]

    run(*batch)
    once = dict(run.stock.items)
    run(*batch, *batch)

    assert run.stock.items == once


@pytest.mark.parametrize(
    ("_case", "before", "after", "marks", "sent"),
    [
        ("new", None, FIRST, ["3#NL-1001"], [PUBLISH]),
        ("falls", FIRST, TAKEN, ["1#NL-1001"], [PUBLISH]),
        ("falls to zero", TAKEN, GONE, ["0#NL-1001"], [PUBLISH]),
        ("rises, and somebody waits", GONE, BACK, ["3#NL-1001"], [PUBLISH, FILL]),
        ("held", FIRST, replace(FIRST, held_since="x", held_until=UNTIL_COUNTED), ["0#NL-1001"], [PUBLISH]),
        ("counted again, unchanged", FIRST, replace(FIRST, revision=2, drev=1), [], []),
    ],
)
def test_what_a_change_sets_going(
    _case: str, before: Level | None, after: Level, marks: list[str], sent: list[Message]
) -> None:
    run = Run(waiting=("BACK#NL-1001",) if before else ())

    run(change(before, after))

    assert [key[1] for key in run.keys("DIRTY#nordlys")] == marks
    assert run.sent == sent


def test_a_rise_that_nobody_waits_for_fills_nothing() -> None:
    run = Run()

    run(change(GONE, BACK))

    assert run.sent == [PUBLISH]


def test_a_new_level_enters_the_catalogue_once() -> None:
    run = Run()

    run(change(None, FIRST), change(None, trade.level("NL-1001", "baltic", 4)), change(FIRST, TAKEN))

    assert run.keys("CAT#") == [("CAT#NL", "NL-1001")]


def test_many_changes_of_a_shop_send_one_message() -> None:
    run = Run()

    run(*(change(None, trade.level(f"NL-10{at}", "alpina", at)) for at in range(10, 40)))

    assert run.sent == [PUBLISH]
    assert len(run.keys("DIRTY#")) == 30


def test_a_shop_whose_rules_hold_a_mapping_is_told_too() -> None:
    run = Run()

    generic = {"platform": "generic", "api_url": "https://nordlys.example", "mapping": MAPPING}
    rules = trade.shop_rules_document("alpina", **generic)
    del rules["channels"]["nordlys"]["location"]
    run.flow.run([change(FIRST, TAKEN)], parse(rules), trade.times_now())

    assert run.sent == [PUBLISH]


def test_a_channel_that_is_not_active_is_told_nothing() -> None:
    run = Run()

    run(change(None, FIRST), active=False)

    assert (run.keys("DIRTY#"), run.sent) == ([], [])


@pytest.mark.parametrize(
    ("_case", "spoil"),
    [
        ("a field is missing", {"available": None}),
        ("a field has another type", {"cause": {"S": "feed"}}),
        ("a set, which no item of ours holds", {"counted": {"SS": ["1"]}}),
        ("a number that is none", {"counted": {"N": "many"}}),
        ("a table where a number was", {"deducted": {"N": "1"}, "cause": {"M": {}}}),
    ],
)
def test_an_image_that_cannot_be_read_stops_nobody(_case: str, spoil: dict[str, Any]) -> None:
    run = Run()
    image = {name: value for name, value in (attributes.image(levels.to_item(TAKEN)) | spoil).items() if value}
    spoiled = Change(key={"PK": image["PK"], "SK": image["SK"]}, old=None, new=image)

    run(spoiled, change(None, FIRST))

    (problem,) = run.problems.opened
    assert (problem.kind, problem.subject) == ("image_unreadable", "SKU:NL-1001/SRC:alpina")
    assert len(run.keys("MOV#")) == 1
    assert run.counted == {"ImageUnreadable": 1, "MovementRecorded": 1}


def test_a_deleted_level_is_an_exception() -> None:
    run = Run()
    known = change(None, FIRST)

    run(Change(key=known.key, old=known.new, new=None))

    assert [problem.kind for problem in run.problems.opened] == ["image_unreadable"]


def test_a_table_that_does_not_answer_has_the_batch_again_and_nothing_sent() -> None:
    run = Run()

    run.stock.failure = Transient("the table did not answer", code="storage")

    with pytest.raises(Transient):
        run(change(None, FIRST))
    assert run.sent == []


# ---- marks, flags


@pytest.mark.parametrize(
    ("_case", "sources", "marks"),
    [("any source", [], 1), ("this one", ["alpina"], 1), ("another", ["baltic"], 0), ("both", ["baltic", "alpina"], 1)],
)
def test_a_shop_is_told_only_of_sources_that_may_ship_for_it(_case: str, sources: list[str], marks: int) -> None:
    run = Run()

    run(change(None, FIRST), sources=sources)

    assert (len(run.keys("DIRTY#")), len(run.sent)) == (marks, marks)


def test_a_mark_names_the_write_of_the_level_that_left_it_and_when_that_was() -> None:
    run = Run()
    counted = trade.level("NL-1001", "baltic", 4, revision=9, changed_at="2026-11-24T07:00:00.000Z")

    run(change(FIRST, TAKEN), change(None, counted))

    marks = [run.stock.items[key] for key in run.keys("DIRTY#")]
    assert [(mark["SK"], mark["cause"], mark["at"]) for mark in marks] == [
        ("1#NL-1001", "alpina#2", TAKEN.changed_at),
        ("3#NL-1001", "baltic#9", counted.changed_at),
    ]


def test_of_two_writes_of_one_rank_the_later_ones_mark_stands() -> None:
    run = Run()
    further = replace(TAKEN, available=5, revision=3)

    run(change(FIRST, TAKEN), change(TAKEN, further))

    (key,) = run.keys("DIRTY#")
    assert run.stock.items[key]["cause"] == "alpina#3"


def test_a_level_that_becomes_low_is_listed_until_it_has_well_more() -> None:
    run = Run()

    run(change(FIRST, TAKEN))
    (key,) = [key for key in run.keys("SKU#") if "FLAG" in key.sk]
    assert key == keys.flag("low", FIRST.key)
    assert (run.stock.items[key]["flag"], run.stock.items[key]["since"]) == ("LOW", TAKEN.changed_at)

    run(change(TAKEN, replace(FIRST, available=30, revision=3)))
    assert [key for key in run.keys("SKU#") if "FLAG" in key.sk] == []


def test_a_hold_with_an_end_is_listed_by_it() -> None:
    run = Run()
    held = replace(FIRST, held_since=trade.T0, held_until=LATER, revision=2)

    run(change(FIRST, held))

    stored = run.stock.items[keys.flag("held", FIRST.key)]
    assert (stored["flag"], stored["since"]) == ("HELD", LATER)


def test_within_a_batch_the_last_flag_has_the_last_word() -> None:
    run = Run()
    held = replace(FIRST, held_since=trade.T0, held_until=LATER, revision=2)

    run(change(FIRST, held), change(held, replace(FIRST, revision=3)))

    assert run.keys("SKU#") == []


def test_a_source_that_the_rules_do_not_have_is_recorded_and_never_low() -> None:
    run = Run()
    stranger = trade.level("NL-1001", "dropped", 9)

    run(change(stranger, replace(stranger, available=0, committed=9, revision=2)))

    assert (len(run.keys("MOV#")), run.keys("SKU#")) == (1, [])
