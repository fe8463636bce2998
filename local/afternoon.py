"""The afternoon of the day: three shops sell one last unit, and suppliers answer, each in its own way.

Goods and suppliers of its own, so that the morning's figures stay as they are. All it leaves undone is one purchase
order whose supplier never answers, so the next day's afternoon begins where this one began.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local import drawn, market, partners, readback, suppliers
from local.cloud import Cloud, Failure
from local.figures import Line, PurchaseOrder
from local.market import GENERIC, WOO, Market
from local.partners import Asked

Say = Callable[[str], None]
Until = Callable[[str, Callable[[], bool]], None]

LAST, SHORT, REJECTED, SILENT, ALWAYS = (f"NL-200{n}" for n in range(1, 6))
"""What a single unit is left of; of which ten are asked for and six come; which one supplier rejects and another has
later; whose supplier never answers; and what is there in numbers that change from day to day."""
ASKED, COME, WANTED = 10, 6, 2
HELD = {(SHORT, "kvist"), (REJECTED, "heath")}
"""Levels whose supplier has said that it has fewer than it counted: nobody takes of them before the next count."""
A_DAY_AND_MORE = timedelta(hours=25)
UPS, FEDEX = "1Z999AA10123456784", "986578788855"
"""Tracking numbers whose check digits are right: the carriers' own examples."""


@dataclass
class Afternoon:
    """One afternoon: where it is played, its shops, what it found wrong, and the exceptions that it leaves open."""

    cloud: Cloud
    seed: int
    say: Say
    until: Until
    shops: Market
    wrong: list[str] = field(default_factory=list)
    leaves: set[tuple[str, str]] = field(default_factory=set)

    def id(self, number: int) -> int:
        """Give the number that a shop has for an order."""
        return drawn.FIRST_ORDER + self.seed * 100 + 50 + number

    def key(self, number: int, channel: str = drawn.CHANNEL) -> str:
        """Name an order as the tables do."""
        return f"{channel}#{self.id(number)}"

    def lines(self, *orders: str) -> list[Line]:
        """Read where the units of orders are."""
        return [line for line in readback.read(self.cloud).lines if line.order in orders]

    def units(self, order: str, state: str) -> int:
        """Count the units of an order in a state."""
        return sum(getattr(line, state) for line in self.lines(order))

    def is_open(self, kind: str, subject: str) -> bool:
        """Answer whether an exception is open."""
        troubles = readback.read(self.cloud).troubles
        return any((each.kind, each.subject, each.state) == (kind, subject, "open") for each in troubles)

    # ---- shops

    def shown(self, sku: str) -> dict[str, int | None]:
        """Answer what each shop shows of a SKU."""
        shows = self.shops.shows()
        return {channel: shows[channel].get(listing) for channel, listing, each in drawn.listed() if each == sku}

    def buy(self, number: int, sku: str, units: int) -> None:
        """Have a customer of the first shop buy something."""
        self.answered("an order", self.shops.nordlys.send("orders/create", self.payload(number, sku, units)))

    def payload(self, number: int, sku: str, units: int) -> dict[str, Any]:
        """Describe an order as the first shop does; it is placed now, so that nobody waits for it too long."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return drawn.order(self.seed, 50 + number, (sku, units)) | {"created_at": now, "updated_at": now}

    def answered(self, what: str, status: int) -> None:
        """Note a delivery that was not taken."""
        if status != drawn.OK:
            self.wrong.append(f"{what} of the afternoon: answered {status}")

    def fulfilled(self, number: int) -> list[tuple[str, int]]:
        """Answer what the first shop shows as fulfilled of an order: each parcel's tracking number, and its units."""
        made = [each for each in self.shops.nordlys.store.fulfilments() if each.order_id == str(self.id(number))]
        return sorted((str([told["number"] for told in each.tracking]), sum(each.units.values())) for each in made)

    # ---- suppliers

    def send(self, supplier: str, name: str, body: bytes) -> None:
        """Put a supplier's file, and wait until it is read."""
        suppliers.of(self.cloud).send(supplier, name, body)
        self.until(f"{name} of {supplier} is read", lambda: not suppliers.waiting(self.cloud, supplier))

    def asked(self, order: str, supplier: str) -> Asked:
        """Wait for a purchase order, and read its file as the supplier does."""

        def written() -> PurchaseOrder | None:
            pos = readback.read(self.cloud).purchase_orders
            return next((po for po in pos if (po.order, po.source) == (order, supplier) and po.file), None)

        self.until(f"{supplier} finds its purchase order", lambda: written() is not None)
        po = written()
        if po is None:
            raise Failure(f"the purchase order of {order} to {supplier} is gone")
        body = suppliers.of(self.cloud).read(supplier, po.file.rpartition("/")[2])
        return partners.read_850(body) if po.file.endswith(".edi") else partners.read_csv(body)

    def control(self, number: int) -> int:
        """Give the control number of an interchange."""
        return self.seed % 10**6 * 10 + number


def orders(seed: int) -> set[str]:
    """Name the afternoon's orders, as the tables do."""
    first = drawn.FIRST_ORDER + seed * 100 + 50
    here = {f"{drawn.CHANNEL}#{first + number}" for number in range(1, 5)}
    return here | {f"{channel}#{first + 1}" for channel in (WOO, GENERIC)}


def play(cloud: Cloud, seed: int, say: Say, until: Until) -> Afternoon:
    """Play the afternoon; on a cloud that has had it, only look what it left."""
    it = Afternoon(cloud, seed, say, until, market.of(cloud))
    if it.lines(it.key(1)):
        say("the afternoon has been; what it left stays")
    else:
        say("the afternoon: three shops, and four more suppliers")
        _count(it)
        _sell_the_last(it)
        _accept_six_of_ten(it)
        _reject_and_fill(it)
        it.buy(4, SILENT, 1)
    _never_answer(it)
    return it


def _count(it: Afternoon) -> None:
    always = (500 + it.seed % 400, "7.00")
    body = partners.counts_846({SHORT: (ASKED, "3.00"), ALWAYS: always}, it.control(0))
    it.send("kvist", f"846-{it.seed}.x12", body)
    it.send("grove", f"stock-{it.seed}.csv", partners.counts_csv(_of_grove(it, last=1, rejected=0)))
    it.send("heath", f"stock-{it.seed}.csv", partners.counts_csv({REJECTED: (5, "3.00"), ALWAYS: always}))
    it.send("iris", f"stock-{it.seed}.csv", partners.counts_csv({SILENT: (900, "3.00"), ALWAYS: always}))
    it.until("all three shops show the last unit", lambda: set(it.shown(LAST).values()) == {1})


def _of_grove(it: Afternoon, *, last: int, rejected: int) -> dict[str, tuple[int, str]]:
    counts = {LAST: (last, "4.00"), SHORT: (40, "5.00"), REJECTED: (rejected, "6.00")}
    return counts | {ALWAYS: (500 + it.seed % 400 - rejected, "7.00")}


def _sell_the_last(it: Afternoon) -> None:
    """Sell one unit in three shops at once. One gets it; in the others the customers give up."""
    payload = it.payload(1, LAST, 1)
    sales: dict[str, Callable[[], int]] = {
        drawn.CHANNEL: lambda: it.shops.nordlys.send("orders/create", payload),
        WOO: lambda: it.shops.havn.buy(it.id(1), (1, LAST, 1)),
        GENERIC: lambda: it.shops.torg.buy(str(it.id(1)), ("1", LAST, 1)),
    }
    threads = [
        threading.Thread(target=lambda at=at, sale=sale: it.answered(f"the last unit at {at}", sale()))
        for at, sale in sales.items()
    ]
    began = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    orders = {channel: it.key(1, channel) for channel in sales}
    it.until("all three have sold it", lambda: len(it.lines(*orders.values())) == len(orders))
    it.until("one order has it", lambda: sum(it.units(order, "sent") for order in orders.values()) == 1)
    it.until("every shop shows none", lambda: set(it.shown(LAST).values()) == {0})
    took = time.monotonic() - began
    winner = next(channel for channel, order in orders.items() if it.units(order, "sent"))
    it.say(f"{winner} gets the last unit; {took:.1f} s after it was sold three times, every shop shows none")
    cancelled = {**payload, "cancelled_at": payload["updated_at"]}
    gives_up: dict[str, Callable[[], int]] = {
        drawn.CHANNEL: lambda: it.shops.nordlys.send("orders/cancelled", cancelled),
        WOO: lambda: it.shops.havn.change(it.id(1), status="cancelled"),
        GENERIC: lambda: it.shops.torg.change(str(it.id(1)), "order.cancelled", is_cancelled=True),
    }
    for channel in sales.keys() - {winner}:
        it.answered(f"the cancel of {channel}", gives_up[channel]())
    it.until("the two others are cancelled", lambda: sum(it.units(each, "cancelled") for each in orders.values()) == 2)  # noqa: PLR2004 - two of three
    it.until("and every shop still shows none", lambda: set(it.shown(LAST).values()) == {0})
    asked = it.asked(orders[winner], "grove")
    it.send("grove", f"ack-{asked.number}.csv", partners.answers_csv(asked, "yes"))
    it.send("grove", f"ship-{asked.number}.csv", partners.ships_csv(asked, "FedEx", FEDEX))
    it.until("it is shipped", lambda: it.units(orders[winner], "shipped") == 1)


def _accept_six_of_ten(it: Afternoon) -> None:
    """Have the X12 supplier accept six of ten; the rest goes to another, and the shop sees two parcels."""
    it.buy(2, SHORT, ASKED)
    order = it.key(2)
    asked = it.asked(order, "kvist")
    it.send("kvist", f"997-{it.seed}.x12", partners.reads_997(asked, it.control(1)))
    it.send("kvist", f"855-{it.seed}.x12", partners.accepts_855(asked, COME, it.control(2)))
    it.say(f"kvist accepts {COME} of {ASKED}")
    rest = it.asked(order, "grove")
    if [line.units for line in rest.lines] != [ASKED - COME]:
        it.wrong.append(f"grove is asked for {rest.lines} instead of the {ASKED - COME} that are missing")
    it.say(f"grove is asked for {ASKED - COME}")
    it.send("kvist", f"856-{it.seed}.x12", partners.ships_856(asked, COME, UPS, it.control(3)))
    it.send("grove", f"ack-{rest.number}.csv", partners.answers_csv(rest, "yes"))
    it.send("grove", f"ship-{rest.number}.csv", partners.ships_csv(rest, "FedEx", FEDEX))
    it.until("all ten are shipped", lambda: it.units(order, "shipped") == ASKED)
    parcels = sorted([(str([UPS]), COME), (str([FEDEX]), ASKED - COME)])
    it.until("the shop shows both parcels", lambda: it.fulfilled(2) == parcels)


def _reject_and_fill(it: Afternoon) -> None:
    """Have one supplier reject; the order waits, and another supplier's next file fills it."""
    it.buy(3, REJECTED, WANTED)
    order = it.key(3)
    asked = it.asked(order, "heath")
    it.send("heath", f"ack-{asked.number}.csv", partners.answers_csv(asked, "no", "none left"))
    it.until("heath rejects, and the order waits", lambda: it.units(order, "backordered") == WANTED)
    it.until("no shop sells what heath has not", lambda: set(it.shown(REJECTED).values()) == {0})
    it.send("grove", f"stock-{it.seed}-later.csv", partners.counts_csv(_of_grove(it, last=0, rejected=WANTED)))
    filled = it.asked(order, "grove")
    it.say(f"grove's next file fills it: purchase order {filled.number}")
    it.send("grove", f"ack-{filled.number}.csv", partners.answers_csv(filled, "yes"))
    it.send("grove", f"ship-{filled.number}.csv", partners.ships_csv(filled, "UPS", UPS))
    it.until("and it is shipped", lambda: it.units(order, "shipped") == WANTED)


def _never_answer(it: Afternoon) -> None:
    """Have a supplier that never answers; its clock says so, a day later.

    Nobody can turn the cloud's clock: what was sent is made a day older instead.
    """
    asked = it.asked(it.key(4), "iris")
    it.leaves.add(("not_acknowledged", asked.number))
    if it.is_open("not_acknowledged", asked.number):
        return
    table, items = it.cloud.outputs["OrderTable"], it.cloud.client("dynamodb")
    found = items.query(
        TableName=table,
        KeyConditionExpression="PK = :pk AND begins_with(SK, :sk)",
        ExpressionAttributeValues={":pk": {"S": f"ORD#{it.key(4)}"}, ":sk": {"S": "PO#iris#"}},
    )["Items"][0]
    older = {
        f":{field}": {"S": _earlier(found[field]["S"], A_DAY_AND_MORE)} for field in ("made_at", "sent_at", "due_at")
    }
    items.update_item(
        TableName=table,
        Key={"PK": found["PK"], "SK": found["SK"]},
        UpdateExpression="SET made_at = :made_at, sent_at = :sent_at, due_at = :due_at",
        ExpressionAttributeValues=older,
    )
    it.cloud.invoke("SweepDueWork")
    it.until(
        "a day later iris is silent, and an exception says so", lambda: it.is_open("not_acknowledged", asked.number)
    )


def _earlier(text: str, by: timedelta) -> str:
    at, mark, name = text.partition("#")
    earlier = (datetime.fromisoformat(at) - by).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{earlier}{mark}{name}"
