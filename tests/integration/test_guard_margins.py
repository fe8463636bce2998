"""A cost that leaves too little: an exception, by policy a shop that is told 0, and both over when it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from functions.publish_to_channels import handler as publish_to_channels
from functions.sweep_due_work import handler as sweep_due_work
from shared.domain import messages, times
from shared.domain.facts import Catalogue, Product
from shared.domain.messages import Message, Refresh, Scope
from shared.domain.names import ChannelId, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.problems import Problem, Standing
from shared.domain.rules import Rules
from shared.flows import guard_margins
from shared.flows.guard_margins import MOST_EACH, Found, GuardMargins
from shared.runtime import clock, rules
from shared.runtime.settings import settings
from shared.storage import levels, offers
from shared.storage.dynamo import Table
from shared.storage.facts import Facts
from shared.storage.problems import Problems
from tests.integration.conftest import LOCATION, Aws, LambdaContext, push_rules
from tests.support import trade

if TYPE_CHECKING:
    from local.shop import Shop

NORDLYS, ALPINA, BALTIC = ChannelId("nordlys"), SourceId("alpina"), SourceId("baltic")
ZERO: dict[str, object] = {"margin_floor_percent": 20, "below_margin": "zero"}
TELL: dict[str, object] = {"margin_floor_percent": 20}
ENOUGH, DEAR = 800, 900
OF_A = "A at alpina"


def listing(sku: str) -> str:
    return f"gid://shopify/InventoryItem/{int.from_bytes(sku.encode())}"


def product(sku: str, price: int | None = 1000, least: int | None = None) -> Product:
    items = {NORDLYS: listing(sku)}
    return Product(sku=Sku(sku), title=sku, inventory_items=items, price_minor=price, map_minor=least, currency="EUR")


@dataclass
class House:
    """The flow on moto's tables, and what it sent to the channel queue."""

    aws: Aws
    rules: Rules = field(default_factory=lambda: trade.shop_rules("alpina", "baltic", **ZERO))
    sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.flow = GuardMargins(self.aws.stock, Problems(self.aws.orders), self.send)

    def send(self, waiting: Iterable[Message]) -> None:
        self.sent += waiting

    def has(self, *products: Product) -> None:
        facts = Facts(self.aws.stock)
        facts.push(facts.difference(Catalogue(products=products)), times.text(clock.now()))

    def costs(self, before: int | None, after: int | None, *skus: str, source: str = "alpina") -> Counter[str]:
        """Have a file change these costs."""
        return self.flow.run(self.written(before, after, *skus, source=source), self.rules, clock.now())

    def written(
        self, before: int | None, after: int | None, *skus: str, source: str = "alpina"
    ) -> list[tuple[Offer | None, Offer]]:
        changed = [(trade.offer(sku, source, before), trade.offer(sku, source, after)) for sku in skus]
        self.aws.stock.write_all([offers.to_item(offer) for _, offer in changed])
        return [(was if before is not None else None, will) for was, will in changed]

    @property
    def open_ones(self) -> dict[str, Problem]:
        return {each.problem.subject: each.problem for each in Problems(self.aws.orders).open_ones()}

    def over(self, subject: str) -> str:
        return self.flow.over(self.open_ones[subject], self.rules)


@pytest.fixture
def house(aws: Aws) -> House:
    return House(aws)


def refresh(*skus: str) -> list[Message]:
    return [Refresh(scope=Scope.SKU, name=sku, channel=NORDLYS) for sku in skus]


# ---- exceptions


def test_a_cost_that_leaves_too_little_is_an_exception_with_its_figures(house: House) -> None:
    house.has(product("A"), product("B"))
    house.costs(ENOUGH, DEAR, "A")
    house.costs(ENOUGH, ENOUGH - 1, "B")

    assert house.open_ones == {
        OF_A: Problem(
            kind="margin",
            subject=OF_A,
            reason="on nordlys costs 9.00 EUR, sells for 10.00 EUR: 10.0 % of it are left, and the floor is 20 %",
            action=f"{guard_margins.ACTION}; until then none of alpina's is told to nordlys",
            details={"sku": "A", "source": "alpina"},
        )
    }
    assert house.sent == refresh("A")


def test_the_same_file_again_opens_and_counts_the_same(house: House) -> None:
    house.has(product("A"))

    assert house.costs(ENOUGH, DEAR, "A") == house.costs(ENOUGH, DEAR, "A") == {"OfferBelowMargin": 1}

    assert [each.revision for each in Problems(house.aws.orders).open_ones()] == [1]
    assert house.sent == refresh("A", "A")


def test_an_open_exception_has_the_figures_of_now(house: House) -> None:
    house.has(product("A"))
    house.costs(ENOUGH, DEAR, "A")

    house.costs(DEAR, DEAR + 50, "A")

    assert "costs 9.50 EUR" in house.open_ones[OF_A].reason
    assert house.sent == refresh("A")  # it was told none of it before, and is told none of it now


@pytest.mark.parametrize(
    ("_case", "before", "after", "asked"),
    [
        ("it becomes too dear", ENOUGH, DEAR, refresh("A")),
        ("it is enough again", DEAR, ENOUGH, refresh("A")),
        ("it was too dear", DEAR, DEAR + 1, []),
        ("it is still enough", ENOUGH - 1, ENOUGH, []),
        ("its first cost is too dear", None, DEAR, refresh("A")),
        ("its first cost is enough", None, ENOUGH, []),
        ("nobody knows its cost any more", DEAR, None, refresh("A")),
    ],
)
def test_numbers_are_refreshed_where_the_verdict_is_another(
    house: House, _case: str, before: int | None, after: int | None, asked: list[Message]
) -> None:
    house.has(product("A"))

    house.costs(before, after, "A")

    assert house.sent == asked


def test_a_channel_that_is_only_told_of_is_not_refreshed(house: House) -> None:
    house.rules = trade.shop_rules("alpina", **TELL)
    house.has(product("A"))

    house.costs(ENOUGH, DEAR, "A")

    assert house.open_ones[OF_A].action == guard_margins.ACTION
    assert house.sent == []


UNTOUCHABLE = Table(object(), "stock")  # type: ignore[arg-type]
"""A table that cannot be asked for anything."""


@pytest.mark.parametrize(
    ("_case", "ruled"),
    [
        ("no channel has a floor", {}),
        ("the source ships for none that has", {**ZERO, "sources": ["baltic"]}),
        ("the channel is not active", {**ZERO, "active": False}),
    ],
)
def test_nothing_is_read_where_nobody_asks(house: House, _case: str, ruled: dict[str, object]) -> None:
    flow = GuardMargins(UNTOUCHABLE, Problems(house.aws.orders), house.send)
    asked = trade.shop_rules("alpina", "baltic", **ruled)
    found: dict[SourceId, Found] = {}

    assert flow.run([(None, trade.offer("A", "alpina", DEAR))], asked, clock.now()) == Counter()
    flow.look([trade.at("A", "alpina")], asked, found)

    assert (found, house.open_ones, house.sent) == ({}, {}, [])


def test_nothing_is_read_where_the_cost_is_the_same(house: House) -> None:
    flow = GuardMargins(UNTOUCHABLE, Problems(house.aws.orders), house.send)
    offer = trade.offer("A", "alpina", DEAR)

    assert flow.run([(offer, replace(offer, as_of=trade.NOW))], house.rules, clock.now()) == Counter()


def test_what_the_channel_does_not_list_is_not_judged_for_it(house: House) -> None:
    house.has(replace(product("A"), inventory_items={ChannelId("another"): "item-a"}))

    assert house.costs(ENOUGH, DEAR, "A") == Counter()
    assert (house.open_ones, house.sent) == ({}, [])


# ---- many at once

MANY = [f"S{at:02}" for at in range(MOST_EACH + 1)]


def test_as_many_as_a_person_can_look_at_are_told_each(house: House) -> None:
    house.has(*map(product, MANY[1:]))

    assert house.costs(ENOUGH, DEAR, *MANY[1:]) == {"OfferBelowMargin": MOST_EACH}

    assert sorted(house.open_ones) == [f"{sku} at alpina" for sku in MANY[1:]]


def test_of_more_one_exception_tells(house: House) -> None:
    house.has(*map(product, MANY))

    assert house.costs(ENOUGH, DEAR, *reversed(MANY)) == {"OfferBelowMargin": MOST_EACH + 1}

    (problem,) = house.open_ones.values()
    assert problem.subject == "alpina"
    assert problem.reason.startswith(
        "21 of its offers are below their margin, such as S20, which on nordlys costs 9.00"
    )
    assert [line.split()[0] for line in str(problem.details["first"]).splitlines()] == MANY[:0:-1]
    assert (problem.details["offers"], problem.details["from"]) == (21, "S00")


def test_each_source_is_told_of_by_itself(house: House) -> None:
    house.has(*map(product, MANY))
    changed = house.written(ENOUGH, DEAR, *MANY) + house.written(ENOUGH, DEAR, "S00", source="baltic")

    house.flow.run(changed, house.rules, clock.now())

    assert sorted(house.open_ones) == ["S00 at baltic", "alpina"]


def test_a_channel_is_refreshed_as_a_whole_where_too_many_verdicts_differ(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_margins, "MOST_SKUS", 2)
    house.has(*map(product, "ABC"))

    house.costs(ENOUGH, DEAR, "A", "B")
    house.costs(ENOUGH, DEAR, "A", "B", "C")

    assert house.sent == [*refresh("A", "B"), Refresh(scope=Scope.SOURCE, name="alpina", channel=NORDLYS)]


def stocked(house: House, *skus: str) -> None:
    house.aws.stock.write_all([levels.to_item(trade.level(sku, "alpina", 5)) for sku in skus])


def test_one_exception_of_many_stands_until_none_of_the_source_is_below(house: House, context: LambdaContext) -> None:
    push_rules(house.aws, ZERO)
    house.has(*map(product, [*MANY, "T1"]))
    stocked(house, *MANY, "T1")
    house.costs(ENOUGH, DEAR, *MANY)
    house.costs(ENOUGH, DEAR, "T1")
    assert (house.over("alpina"), house.open_ones["alpina"].details["from"]) == ("", "S00")

    house.costs(DEAR, ENOUGH, *MANY[:7])
    assert (house.over("alpina"), house.open_ones["alpina"].details["from"]) == ("", "S07")

    house.costs(DEAR, ENOUGH, *MANY[7:])
    assert (house.over("alpina"), house.open_ones["alpina"].details["from"]) == ("", "T1")

    house.costs(DEAR, ENOUGH, "T1")
    assert sweep_due_work.lambda_handler({}, context)["ExceptionClosed"] == 2
    assert house.open_ones == {}


def test_a_source_is_looked_at_a_piece_a_minute(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_margins, "AT_ONCE", 2)
    monkeypatch.setattr(guard_margins, "MOST_LOOKS", 3)
    house.has(*map(product, MANY))
    stocked(house, *MANY)
    house.costs(ENOUGH, DEAR, *MANY)
    house.costs(DEAR, ENOUGH, *MANY)

    seen = []
    while not (because := house.over("alpina")):
        seen.append(house.open_ones["alpina"].details["from"])

    assert seen == ["S04", "S08", "S12", "S16"]
    assert because == "no offer of it is below its margin any more"


def test_a_file_that_comes_between_begins_where_the_first_of_both_is(house: House) -> None:
    house.has(*map(product, [*MANY, *(f"T{at:02}" for at in range(21))]))
    house.costs(ENOUGH, DEAR, *MANY)

    house.costs(ENOUGH, DEAR, *(f"T{at:02}" for at in range(21)))

    assert (house.open_ones["alpina"].details["from"], house.open_ones["alpina"].reason[:60]) == (
        "S00",
        "21 of its offers are below their margin, such as T00, which ",
    )


# ---- a file, a shop, an operator


@dataclass
class Trade:
    """A shop that lists A, the queue between, and the functions that serve both."""

    house: House
    shop: Shop
    context: LambdaContext
    told: list[Message] = field(default_factory=list)

    def changes(self, before: int | None, after: int) -> None:
        """Have alpina's file change what A costs."""
        self.house.rules = rules.current(clock.now())
        self.house.costs(before, after, "A")
        self.send(self.house.sent)
        self.house.sent = []

    def send(self, waiting: Iterable[Message]) -> None:
        for message in waiting:
            self.house.aws.sqs.send_message(QueueUrl=settings().channel_queue_url, MessageBody=messages.write(message))

    def publish(self) -> int:
        """Work off the channel queue; answer what the shop then shows."""
        while waiting := self.house.aws.messages(settings().channel_queue_url):
            for at, text in enumerate(waiting):
                self.told.append(messages.read(text))
                event = {"Records": [{"messageId": f"m{at}", "body": text}]}
                context = replace(self.context, aws_request_id=f"r{len(self.told)}")
                assert publish_to_channels.lambda_handler(event, context) == {"batchItemFailures": []}
        return self.shop.store.quantities().get(listing("A"), -1)

    def sweep(self) -> int:
        counted: dict[str, int] = sweep_due_work.lambda_handler({}, self.context)
        return counted["ExceptionClosed"]


@pytest.fixture
def trading(house: House, shop: Shop, url: str, context: LambdaContext) -> Trade:
    """20 of A at alpina for 8.00, 7 at baltic for nobody knows what, sold for 10.00."""
    push_rules(house.aws, {"api_url": url, "location": LOCATION, **ZERO})
    house.has(product("A"))
    for source, units in (("alpina", 20), ("baltic", 7)):
        house.aws.stock.put(levels.to_item(trade.level("A", source, units)))
    house.written(None, ENOUGH, "A")
    trading = Trade(house, shop, context)
    trading.send([Refresh(scope=Scope.SKU, name="A")])
    assert trading.publish() == 27
    return trading


def standing(aws: Aws) -> Standing:
    found = Problems(aws.orders).read("margin", OF_A)
    assert found is not None
    return found


def test_a_dear_source_counts_no_more_until_its_cost_is_mended(trading: Trade, aws: Aws) -> None:
    trading.changes(ENOUGH, DEAR)

    assert trading.publish() == 7
    assert standing(aws).is_open
    assert trading.sweep() == 0

    trading.changes(DEAR, ENOUGH)

    assert trading.publish() == 27
    assert trading.sweep() == 1
    assert (standing(aws).closed_by, standing(aws).closed_because) == (
        "truestock",
        "it is sold below no margin any more",
    )
    assert trading.sweep() == 0


@pytest.mark.parametrize(
    ("_case", "pushed", "shows", "reason"),
    [
        ("a price that leaves too little", product("A", 999), 7, "on nordlys costs 8.00 EUR, sells for 9.99 EUR"),
        ("a MAP above the price", product("A", 1000, 1200), 0, "on nordlys sells for 10.00 EUR, and may not be"),
    ],
)
def test_a_pushed_price_is_an_exception_and_told_until_another_is_pushed(
    trading: Trade, aws: Aws, _case: str, pushed: Product, shows: int, reason: str
) -> None:
    trading.house.has(pushed)
    trading.send([Refresh(scope=Scope.SKU, name="A")])  # as the command does for every product that differs

    assert trading.publish() == shows
    assert trading.house.open_ones[OF_A].reason.startswith(reason)

    trading.house.has(product("A"))
    trading.send([Refresh(scope=Scope.SKU, name="A")])

    assert trading.publish() == 27
    assert trading.sweep() == len({"alpina", "baltic"} if shows == 0 else {"alpina"})
    assert not standing(aws).is_open


def test_a_pushed_floor_is_an_exception_and_told(trading: Trade, url: str, aws: Aws) -> None:
    push_rules(aws, {"api_url": url, "location": LOCATION, "margin_floor_percent": 21, "below_margin": "zero"})
    trading.send([Refresh(scope=Scope.CHANNEL, name="nordlys")])  # as the command does for a channel that differs

    assert trading.publish() == 7
    assert list(trading.house.open_ones) == [OF_A]

    push_rules(aws, {"api_url": url, "location": LOCATION})
    trading.send([Refresh(scope=Scope.CHANNEL, name="nordlys")])

    assert trading.publish() == 27
    assert trading.sweep() == 1


def test_what_is_found_below_is_told_of_once(house: House) -> None:
    house.has(product("A"))
    house.written(None, DEAR, "A")
    found: dict[SourceId, Found] = {}

    house.flow.look([trade.at("A", "alpina")], house.rules, found)
    house.flow.tell(found, clock.now())
    house.flow.tell(found, clock.now())

    assert [each.revision for each in Problems(house.aws.orders).open_ones()] == [1]
