"""An exception whose trouble is over is closed; one whose trouble is not, or that nobody can read, stays open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from shared.domain import orders, times
from shared.domain import rules as written_rules
from shared.domain.conservation import Drift
from shared.domain.feeds import Feed, Run, Verdict
from shared.domain.names import LevelKey, OrderKey, SourceId
from shared.domain.orders import DeductsAt, Order
from shared.domain.problems import Problem, Standing
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from shared.domain.rules import Rules
from shared.flows.compensate import Compensate, Looked
from shared.flows.cure import MOST_A_RUN, Cure
from shared.flows.guard_margins import GuardMargins
from shared.storage import keys
from shared.storage.availability import Availability, Lease, Leases
from shared.storage.feeds import Entry, Feeds
from shared.storage.keys import Key
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems
from tests.support import trade
from tests.support.publishing import NORDLYS, FakeAvailability, FakeLeases

ALPINA = SourceId("alpina")
NOW = trade.times_now()
NUMBER = "ALPINA-000001"


def ago(hours: float) -> str:
    return times.text(NOW - timedelta(hours=hours))


def standing(kind: str, subject: str, **details: str | int) -> Standing:
    problem = Problem(kind=kind, subject=subject, reason="r", action="a", details=details)
    return Standing(problem=problem, opened_at=trade.T0)


@dataclass
class FakeProblems:
    """Open exceptions; `is_overtaken`: someone writes each before it is closed."""

    opened: list[Standing] = field(default_factory=list)
    closed: list[tuple[str, str, str]] = field(default_factory=list)
    is_overtaken: bool = False

    def open_keys(self, owner: str) -> Iterator[tuple[str, str]]:
        mine = [each.problem for each in self.opened if each.problem.owner == owner]
        yield from [(each.kind, each.subject) for each in mine]

    def read(self, kind: str, subject: str) -> Standing | None:
        found = (each for each in self.opened if (each.problem.kind, each.problem.subject) == (kind, subject))
        return next(found, None)

    def close(self, standing: Standing, now: str, *, by: str, because: str) -> bool:
        assert now >= trade.NOW
        if not self.is_overtaken:
            self.opened.remove(standing)
            self.closed.append((standing.problem.kind, by, because))
        return not self.is_overtaken


@dataclass
class House:
    """The flow among what it reads: it is its own order book, order table, feeds and look at levels."""

    rules: Rules = field(default_factory=lambda: with_cadence(6))
    stored: Order | None = None
    made: list[PurchaseOrder] = field(default_factory=list)
    feed: Feed = field(default_factory=lambda: Feed(source=ALPINA))
    availability: FakeAvailability = field(default_factory=FakeAvailability)
    leases: FakeLeases = field(default_factory=FakeLeases)
    problems: FakeProblems = field(default_factory=FakeProblems)
    dead: dict[str, int] = field(default_factory=dict)
    held_at: str = ""
    entries: dict[str, Verdict] = field(default_factory=dict)
    looked: Looked | None = None
    margin_is_over: str = ""

    def over(self, problem: Problem, rules: Rules) -> str:
        assert (problem.subject, rules) == ("A at alpina", self.rules)
        return self.margin_is_over

    def named(self, _key: LevelKey) -> set[OrderKey]:
        return {NEW.key}

    def look(self, key: LevelKey, now: datetime, also: set[OrderKey]) -> Looked | None:
        assert (key, now, also) == (trade.at("A", "alpina"), NOW, {NEW.key})
        return self.looked

    @property
    def orders(self) -> House:
        return self

    def get(self, key: Key) -> Mapping[str, Any] | None:
        known = {keys.reference("po", po.number) for po in self.made}
        return {"channel": "nordlys", "order_id": "1"} if key in known else None

    def order(self, key: OrderKey) -> Order | None:
        return self.stored if self.stored and self.stored.key == key else None

    def purchase_orders(self, _key: OrderKey) -> list[PurchaseOrder]:
        return self.made

    def now(self, source: SourceId) -> Feed:
        return self.feed if source == ALPINA else Feed(source=source)

    def held_after(self, source: SourceId, as_of: str) -> bool:
        return source == ALPINA and self.held_at > as_of

    def entry(self, _source: SourceId, as_of: str) -> Entry | None:
        if as_of not in self.entries:
            return None
        return Entry(as_of=as_of, file="f", kept="k", verdict=self.entries[as_of], reason="r", code="c")

    def __call__(self, *standings: Standing, now: datetime = NOW) -> list[tuple[str, str, str]]:
        """Open these, look, and tell what was closed: kind, by whom, because."""
        self.problems.opened += standings
        flow = Cure(
            book=cast("OrderBook", self),
            feeds=cast("Feeds", self),
            availability=cast("Availability", self.availability),
            leases=cast("Leases", self.leases),
            problems=cast("Problems", self.problems),
            compensate=cast("Compensate", self),
            margins=cast("GuardMargins", self),
            dead_letters=lambda: self.dead,
        )
        before = len(self.problems.closed)
        assert flow.run(self.rules, now) == len(self.problems.closed) - before
        return self.problems.closed[before:]


def with_cadence(hours: int | None, **changes: Any) -> Rules:  # noqa: ANN401 - any field of a source
    rules = trade.shop_rules("alpina")
    cadence = None if hours is None else timedelta(hours=hours)
    return replace(rules, sources={ALPINA: replace(rules.sources[ALPINA], cadence=cadence, **changes)})


NEW = trade.order("1", ("A", 2))
TAKEN = orders.take(NEW, {("l1", ALPINA): 2}, attempt="t")
SENT = orders.send(TAKEN, 1, deducts_at=DeductsAt.SHIP).order
CANCELLED = orders.cancel(NEW, 2).order


def purchase_order(state: PoState, number: str = NUMBER) -> PurchaseOrder:
    line = PoLine(line="l1", sku=NEW.lines[0].sku, units=2)
    return PurchaseOrder(order=NEW.key, source=ALPINA, n=1, number=number, lines=(line,), state=state)


@pytest.mark.parametrize(
    ("_case", "order", "because"),
    [
        ("units are open", NEW, ""),
        ("units wait", orders.backorder(NEW), ""),
        ("some of them", orders.backorder(orders.take(NEW, {("l1", ALPINA): 1}, attempt="t")), ""),
        ("it is held", replace(TAKEN, hold="no source has it"), ""),
        ("its order cannot be found", None, ""),
        ("all units are reserved", TAKEN, "units were found"),
        ("it was sent", SENT, "units were found"),
        ("it was cancelled", CANCELLED, "the order was cancelled"),
    ],
)
def test_an_order_that_nobody_can_fill(_case: str, order: Order | None, because: str) -> None:
    closed = House(stored=order)(standing("unfilled", "nordlys#1"))

    assert closed == ([("unfilled", "truestock", because)] if because else [])


@pytest.mark.parametrize(
    ("_case", "order", "made", "because"),
    [
        ("still reserved, and none was made", TAKEN, [], ""),
        ("it was made", TAKEN, [purchase_order(PoState.READY)], "the purchase order was made"),
        ("nothing is reserved", orders.cancel(TAKEN, 2).order, [], "nothing is reserved for it any more"),
    ],
)
def test_units_without_a_purchase_order(_case: str, order: Order, made: list[PurchaseOrder], because: str) -> None:
    closed = House(stored=order, made=made)(standing("no_purchase_order", "nordlys#1#alpina#1"))

    assert [why for _, _, why in closed] == ([because] if because else [])


def test_a_purchase_order_of_another_number_is_not_the_one_that_lacks() -> None:
    house = House(stored=TAKEN, made=[purchase_order(PoState.SENT)])

    assert house(standing("no_purchase_order", "nordlys#1#alpina#2")) == [
        ("no_purchase_order", "truestock", "nothing is reserved for it any more")
    ]


UNSENT = {PoState.READY, PoState.CLAIMED, PoState.UNKNOWN, PoState.FAILED}
UNANSWERED = {*UNSENT, PoState.SENT, PoState.CANCELLING}


@pytest.mark.parametrize("state", PoState)
@pytest.mark.parametrize(
    ("kind", "stays"),
    [
        ("not_sent", UNSENT),
        ("no_ship_to", UNSENT),
        ("not_whole_packs", UNSENT),
        ("no_supplier_code", UNSENT),
        ("not_looked_up", UNSENT),
        ("send_failed_again", UNSENT),
        ("other_content", UNSENT),
        ("not_acknowledged", UNANSWERED),
    ],
)
def test_trouble_with_a_purchase_order_is_over_when_it_is_past_that(
    kind: str, stays: set[PoState], state: PoState
) -> None:
    closed = House(made=[purchase_order(state)])(standing(kind, NUMBER))

    assert [each for each, _, _ in closed] == ([] if state in stays else [kind])


@pytest.mark.parametrize("kind", ["not_sent", "not_acknowledged"])
def test_a_purchase_order_that_cannot_be_found_stays_a_trouble(kind: str) -> None:
    assert House()(standing(kind, NUMBER)) == []
    assert House(made=[purchase_order(PoState.SHIPPED)])(standing(kind, "ALPINA-000002")) == []


def applied(hours_ago: float) -> Feed:
    run = Run(as_of=ago(hours_ago), file="f", snapshot="s", reading="r")
    return Feed(source=ALPINA, applied=run)


@pytest.mark.parametrize(
    ("_case", "feed", "is_closed"),
    [
        ("nothing was applied", Feed(source=ALPINA), False),
        ("an older file was", applied(3), False),
        ("the file of that moment", applied(2), False),
        ("a newer one", applied(1), True),
    ],
)
def test_a_held_file(_case: str, feed: Feed, *, is_closed: bool) -> None:
    held = standing("file_held", "alpina", file="held/alpina/x.csv", as_of=ago(2))

    assert bool(House(feed=feed)(held)) is is_closed


@pytest.mark.parametrize("verdict", Verdict)
def test_a_held_file_that_a_person_released_or_rejected_is_over(verdict: Verdict) -> None:
    held = standing("file_held", "alpina", file="held/alpina/x.csv", as_of=ago(2))
    house = House(entries={ago(2): verdict})

    assert bool(house(held)) is (verdict is not Verdict.HELD)
    assert House(entries={ago(2): verdict}, held_at=ago(1))(held) == []


def test_a_held_file_of_nobody_or_of_an_unknown_time_stays_open() -> None:
    house = House(feed=applied(1))

    assert house(standing("file_held", "alpina")) == []
    assert house(standing("file_held", "held/nobody/x.csv")) == []


@pytest.mark.parametrize(
    ("_case", "rules", "feed", "because"),
    [
        ("still silent", with_cadence(6), applied(6.1), ""),
        ("never heard of", with_cadence(6), Feed(source=ALPINA), ""),
        ("a file came", with_cadence(6), applied(5.9), "it was heard of again"),
        ("a sign of life", with_cadence(6), Feed(source=ALPINA, heartbeat_at=ago(1)), "it was heard of again"),
        ("nobody waits for it", with_cadence(None), applied(100), "nobody waits for it any more"),
        ("it is not active", with_cadence(6, active=False), applied(100), "nobody waits for it any more"),
        ("it is gone from the rules", trade.shop_rules("baltic"), applied(100), "nobody waits for it any more"),
    ],
)
def test_a_silent_source(_case: str, rules: Rules, feed: Feed, because: str) -> None:
    closed = House(rules=rules, feed=feed)(standing("source_silent", "alpina"))

    assert [why for _, _, why in closed] == ([because] if because else [])


@pytest.mark.parametrize("kind", ["shop_refuses", "shop_failing"])
@pytest.mark.parametrize(("since", "is_closed"), [(ago(1), False), ("", True)])
def test_a_failing_shop(kind: str, since: str, *, is_closed: bool) -> None:
    house = House()
    failing = "shop_failed" if since else ""
    house.leases.stands[NORDLYS] = Lease(leased_until="", rests_until="", failing=failing, failing_since=since)

    assert bool(house(standing(kind, "nordlys"))) is is_closed


def test_a_shop_that_nobody_ever_told_anything_is_not_known_to_work() -> None:
    assert House()(standing("shop_failing", "nordlys")) == []


@pytest.mark.parametrize(("refused", "is_closed"), [("GONE", False), ("", True)])
def test_a_refused_listing(refused: str, *, is_closed: bool) -> None:
    house = House()
    house.availability.was_told("A", 5, refused)

    assert bool(house(standing("listing_refused", "nordlys/A"))) is is_closed


def test_a_listing_that_another_shop_took_or_nobody_was_told_stays_refused() -> None:
    house = House()
    house.availability.was_told("A", 5)

    assert house(standing("listing_refused", "other/A"), standing("listing_refused", "nordlys/B")) == []


def test_dead_letters_are_over_when_none_is_left() -> None:
    house = House(dead={"orders": 1, "files": 0})

    closed = house(standing("dead_letters", "orders"), standing("dead_letters", "files"))

    assert [each.problem.subject for each in house.problems.opened] == ["orders"]
    assert closed == [("dead_letters", "truestock", "no dead letter is left")]


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("drift", "A at alpina"),
        ("image_unreadable", "SKU:A/SRC:alpina"),
        ("order_not_told", "nordlys#1"),
        ("a_kind_to_come", "whatever"),
    ],
)
def test_what_no_reading_can_tell_stays_open(kind: str, subject: str) -> None:
    assert House(stored=TAKEN, made=[purchase_order(PoState.SHIPPED)])(standing(kind, subject)) == []


def test_a_subject_that_cannot_be_read_stays_open_and_stops_nobody() -> None:
    house = House(stored=TAKEN)

    closed = house(standing("unfilled", "nordlys"), standing("unfilled", "#"), standing("unfilled", "nordlys#1"))

    assert (len(closed), len(house.problems.opened)) == (1, 2)


def test_what_someone_wrote_since_is_not_counted_as_closed() -> None:
    house = House(stored=TAKEN, problems=FakeProblems(is_overtaken=True))

    assert house(standing("unfilled", "nordlys#1")) == []


def test_those_that_nobody_can_close_do_not_stand_before_the_rest() -> None:
    house = House(stored=TAKEN)
    stays = [standing("drift", f"S{at}") for at in range(MOST_A_RUN)]

    closed = house(*stays, standing("unfilled", "nordlys#1"))
    closed += house(now=NOW + timedelta(minutes=1))

    assert [kind for kind, _, _ in closed] == ["unfilled"]


@pytest.mark.parametrize("subject", ["nordlys#1", "x", "nordlys#1#alpina#one"])
def test_a_missing_purchase_order_whose_subject_cannot_be_read_stays_open(subject: str) -> None:
    assert House(stored=TAKEN)(standing("no_purchase_order", subject)) == []


def test_a_held_file_is_not_over_while_a_later_one_is_held_too() -> None:
    held = standing("file_held", "alpina", file="held/alpina/x.csv", as_of=ago(3))

    assert House(feed=applied(2), held_at=ago(1))(held) == []
    assert House(feed=applied(1), held_at=ago(3))(held) != []


LEVEL = trade.level("A", "alpina", 2)
OF_LEVEL = standing("drift", "A at alpina", sku="A", source="alpina")


@pytest.mark.parametrize(
    ("_case", "looked", "because"),
    [
        ("it still differs", Looked(level=LEVEL, drift=Drift(reason="r"), is_settled=True), ""),
        ("the stream is behind", Looked(level=LEVEL, drift=None, is_settled=False), ""),
        ("it is gone", None, ""),
        ("it is sound", Looked(level=LEVEL, drift=None, is_settled=True), "level, movements and orders agree"),
    ],
)
def test_a_level_that_drifted(_case: str, looked: Looked | None, because: str) -> None:
    closed = House(looked=looked)(OF_LEVEL)

    assert closed == ([("drift", "truestock", because)] if because else [])


@pytest.mark.parametrize(
    ("_case", "order", "because"),
    [
        ("it still differs", replace(NEW, lines=(replace(NEW.lines[0], cancelled=1),)), ""),
        ("it adds up", NEW, "its lines add up"),
        ("it cannot be found", None, ""),
    ],
)
def test_an_order_that_did_not_add_up(_case: str, order: Order | None, because: str) -> None:
    closed = House(stored=order)(standing("drift", "nordlys#1", order="nordlys#1"))

    assert closed == ([("drift", "truestock", because)] if because else [])


@pytest.mark.parametrize("because", ["", "it is sold below no margin any more"])
def test_what_is_below_its_margin(because: str) -> None:
    closed = House(margin_is_over=because)(standing("margin", "A at alpina"))

    assert [why for _, _, why in closed] == ([because] if because else [])


@pytest.mark.parametrize(
    ("kind", "state", "is_closed"),
    [
        ("late", PoState.ACKNOWLEDGED, False),
        ("late", PoState.SHIPPED, True),
        ("late", PoState.CANCELLED, True),
        ("unknown_too_long", PoState.UNKNOWN, False),
        ("unknown_too_long", PoState.FAILED, True),
        ("unknown_too_long", PoState.SENT, True),
    ],
)
def test_a_clock_that_has_run_out_is_over_when_its_purchase_order_is_past_it(
    kind: str, state: PoState, *, is_closed: bool
) -> None:
    house = House(made=[purchase_order(state)])

    assert bool(house(standing(kind, NUMBER))) is is_closed


@pytest.mark.parametrize(
    ("_case", "stored", "is_closed"),
    [
        ("it still waits", trade.order("1", ("A", 1)), False),
        ("its customer agreed to wait", replace(trade.order("1", ("A", 1)), agreed_until="2026-12-24"), True),
        ("it is cancelled", orders.cancel(trade.order("1", ("A", 1)), 2).order, True),
        ("it is gone", None, True),
    ],
)
def test_a_delay_notice(_case: str, stored: Order | None, *, is_closed: bool) -> None:
    rules = trade.shop_rules("alpina", routing={"promised_days": 0})

    assert bool(House(rules=rules, stored=stored)(standing("delay_notice", "nordlys#1"))) is is_closed


def test_exceptions_of_every_owner_are_looked_at() -> None:
    escalated = replace(standing("late", NUMBER), problem=replace(standing("late", NUMBER).problem, owner="boss"))
    document = trade.shop_rules_document("alpina")
    document["sources"]["alpina"]["clocks"] = {"escalate": {"to": "boss", "after_hours": 1}}

    by = written_rules.parse(document)
    assert House(rules=by, made=[purchase_order(PoState.SHIPPED)])(escalated)


@pytest.mark.parametrize(("order", "is_closed"), [(NEW, False), (orders.backorder(NEW), False), (TAKEN, True)])
def test_nobody_is_asked_for_an_alternative_once_nothing_waits(order: Order, *, is_closed: bool) -> None:
    assert bool(House(stored=order)(standing("substitute_offered", "nordlys#1"))) is is_closed
