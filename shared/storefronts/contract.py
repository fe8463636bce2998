"""What every storefront can do, whatever the platform: hear events, read them, and be told.

A platform is entered in `inbound` and in `outbound`, once each. What it cannot do is said in its module, never
guessed: a platform without compare-and-set reads back, one without fulfilments keeps what it was told on the order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.customers import PeopleAsk, Request
from shared.domain.intake import Ask, Intake
from shared.domain.names import ChannelId, Sku

NOT_UNDERSTOOD = "not_understood"
"""Code of a failure that is about what was asked: other than a refusal of whoever asks, it may be one item's."""


# ---- what a shop says


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a delivery is about, as far as it says. `event_id` is the same for every try of the same delivery.

    `topic`: empty when the body that should name it cannot be read. `order`, `version`, `at`: empty, 0 and empty
    where only the body says so and nobody has read it yet. `is_thin`: it says that an order changed and not how: the
    order is fetched.
    """

    topic: str
    event_id: str
    order: str = ""
    version: int = 0
    at: str = ""
    is_thin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundedLine:
    """Units of a line that were refunded. `restocked`: whether the shop counts them again; None: it does not say."""

    line: str
    units: int
    restocked: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund; one of an amount alone has no lines."""

    refund_id: str
    at: str
    lines: tuple[RefundedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a shop calls a SKU where it is told quantities. `is_counted`: whether it keeps a quantity of it at all."""

    sku: Sku
    listing: str
    title: str
    is_counted: bool


class Inbound(Protocol):
    """A platform as far as what it sends is concerned. Header names are in lower case."""

    def is_ping(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Answer whether this only asks whether somebody is there, unsigned and about nothing."""
        ...

    def verify(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> bool:
        """Answer whether one of the secrets signed the body, lately where a time is signed. Never raises."""
        ...

    def identify(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Read what a verified delivery is about. Raises InvalidInput for a missing or odd header."""
        ...

    def ask_of(self, topic: str) -> Ask | PeopleAsk | None:
        """Answer what a topic asks about an order, or about people; None: it is about neither."""
        ...

    def read_order(self, channel: ChannelId, topic: str, body: bytes) -> Intake:
        """Read an order. Raises InvalidInput for what cannot be read, Rejected for what is no order of ours to ship."""
        ...

    def read_request(self, topic: str, body: bytes) -> Request:
        """Read what is asked about people. Raises InvalidInput for what cannot be read, and for any other topic."""
        ...


class Details(Protocol):
    """A platform that tells of refunds and products by events of their own."""

    def is_product(self, topic: str) -> bool:
        """Answer whether a topic tells what a product lists."""
        ...

    def read_refund(self, body: bytes) -> Refund:
        """Read a refund. Raises InvalidInput."""
        ...

    def read_product(self, body: bytes) -> tuple[Listing, ...]:
        """Read what a product lists; what has no SKU that can be one of ours is left out. Raises InvalidInput."""
        ...


# ---- what a shop is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number for one listing, over the one the shop should have; None: whatever it has.

    `told_before`: how often the shop was told one for it, so that the same write wanted later is another write.
    """

    item: str
    units: int
    change_from: int | None
    told_before: int


def write_key(wanted: Sequence[Quantity]) -> str:
    """Name the write intended, the same for every try of it, for platforms that keep idempotency keys."""
    written = sorted([each.item, each.units, each.change_from, each.told_before] for each in wanted)
    return hashlib.sha256(json.dumps(written).encode()).hexdigest()[:40]


NOT_TAKEN = "not_taken"
"""Code of an item whose number the shop answers as set, and does not show."""


def is_taken(wanted: Quantity, shown: int | None) -> bool:
    """Answer whether what a shop shows after it was told a number says that it took it.

    Fewer are the shop's own sales since then, unless it is the number that was there before.
    """
    if shown is None or wanted.change_from is None:
        return shown == wanted.units
    return shown == wanted.units or (shown < wanted.units and shown != wanted.change_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a batch: items that are not where we thought, items refused with the code, and all others.

    With one of either, the others may be set or not: they are said again, and that is harmless. `later`: items that
    were not said yet, for the platform takes few at once; they are neither.
    """

    stale: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    later: frozenset[str] = frozenset()

    @property
    def is_done(self) -> bool:
        """Whether all that was said was set."""
        return not self.stale and not self.refused


class Numbers(Protocol):
    """A shop as far as its quantities are concerned.

    Every call raises Transient when the shop is busy or silent (`wait`: for how many seconds), InvalidInput when it
    does not understand us.
    """

    def say_quantity(self, wanted: Sequence[Quantity]) -> Answer:
        """Set absolute quantities, up to 100."""
        ...

    def list_levels(self, items: Iterable[str]) -> dict[str, int]:
        """Read the shop's own quantities of up to 100 items; what it does not count is absent."""
        ...


class Products(Protocol):
    """A shop as far as what it lists is concerned. Calls raise what those of `Numbers` do."""

    def list_products(self) -> Iterator[Listing]:
        """Yield all that the shop can be told quantities of and has a SKU for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Units of one line that the shop fulfils from one place; `left` of its `units` can still be fulfilled.

    `fulfilment_order`: what the platform fulfils, where it has no such thing the order. `item`: what it calls the line
    there.
    """

    line: str
    fulfilment_order: str
    location: str
    item: str
    units: int
    left: int
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """How a customer finds a parcel. `carrier`: one of `carriers.Carrier`, else as its supplier wrote it, or empty."""

    number: str
    carrier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An order as the shop has it now. `tracking`: numbers of parcels that it has, where it tells them."""

    is_cancelled: bool
    parts: tuple[Part, ...]
    tracking: frozenset[str] = frozenset()

    def fulfilled(self, line: str) -> int:
        """Count units of a line that the shop has as fulfilled."""
        return sum(part.units - part.left for part in self.parts if part.line == line)


class Desk(Protocol):
    """A shop as far as the state of its orders is concerned. Calls raise what those of `Numbers` do."""

    def order(self, order_id: str) -> Seen:
        """Read an order by the platform's id. Raises Rejected when the shop has it no more."""
        ...

    def say_fulfilment(self, parts: Sequence[tuple[Part, int]], parcel: Parcel | None = None) -> None:
        """Fulfil units of parts of one location, in a parcel where one is known.

        Raises Rejected when the shop says no: read the order again.
        """
        ...

    def say_cancel(self, order_id: str, *, refunds: bool) -> str:
        """Cancel an order; return the job to ask after, empty when it is done. Raises Rejected when the shop says no.

        `refunds`: give the money back, too.
        """
        ...

    def is_done(self, job: str) -> bool:
        """Answer whether a job has ended, well or not: the order tells which."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An order as a webhook would tell it, and the topic it would come with."""

    order_id: str
    topic: str
    body: bytes


class Orders(Protocol):
    """A shop as far as finding its orders is concerned. Calls raise what those of `Numbers` do."""

    def list_orders_since(self, since: datetime) -> Iterator[Found]:
        """Yield orders changed at or after a time, oldest change first."""
        ...

    def fetch_order(self, order_id: str) -> Found:
        """Read one order as an event of it would tell it. Raises Rejected when the shop has it no more."""
        ...
