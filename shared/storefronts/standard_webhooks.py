"""What a generic shop sends: events signed by the Standard Webhooks specification, read by the channel's mapping.

Signature: `v1,` and base64 of HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`; a header may have several, and
the time is within five minutes of ours (https://github.com/standard-webhooks/standard-webhooks, spec). Signatures of
public keys, `v1a`, are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.domain import times
from shared.domain.customers import Customer, PeopleAsk, Request
from shared.domain.intake import Ask, Intake
from shared.domain.money import minor
from shared.domain.names import ChannelId, OrderKey, name
from shared.domain.orders import Destination, Line, Order
from shared.domain.platforms import OrderMapping
from shared.errors import InvalidInput
from shared.storefronts import payloads, signatures
from shared.storefronts.contract import Event
from shared.storefronts.payloads import Object, short

TOLERANCE = timedelta(minutes=5)
LONGEST_TOPIC = 100

_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SECONDS = re.compile(r"[0-9]{1,11}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]+(?:[./:][A-Za-z0-9_-]+)*")
_NOTHING = (None, False, "", 0)


def key(secret: str) -> bytes:
    """Return the bytes of a secret such as `whsec_...`; none when it is no base64."""
    return signatures.decoded(secret.removeprefix("whsec_")) or b""


def signed(event_id: str, seconds: str, body: bytes) -> bytes:
    """Return what is signed."""
    return f"{event_id}.{seconds}.".encode() + body


def is_signed(body: bytes, headers: Mapping[str, str], keys: Iterable[bytes], now: datetime) -> bool:
    """Answer whether one of the keys signed the body within five minutes of now. Never raises."""
    event_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _EVENT_ID.fullmatch(event_id) or not _SECONDS.fullmatch(seconds):
        return False
    if abs(now - datetime.fromtimestamp(int(seconds), tz=UTC)) > TOLERANCE:
        return False
    versioned = (each.partition(",") for each in headers.get("webhook-signature", "").split(" "))
    given = [found for version, _, text in versioned if version == "v1" and (found := signatures.decoded(text))]
    return signatures.is_signed(signed(event_id, seconds, body), given, keys)


def delivered(headers: Mapping[str, str]) -> tuple[str, str]:
    """Read a delivery's id, and when it was sent. Raises InvalidInput for a missing or odd header."""
    event_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _EVENT_ID.fullmatch(event_id) or not _SECONDS.fullmatch(seconds):
        raise InvalidInput("a delivery has no id, or no time", code="event_id", value=event_id[:40])
    return event_id, times.text(datetime.fromtimestamp(int(seconds), tz=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """A generic shop's events. `currency`: of an order that names none."""

    mapping: OrderMapping
    currency: str

    def is_ping(self, _body: bytes, _headers: Mapping[str, str]) -> bool:
        """Answer no: every event is signed."""
        return False

    def verify(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> bool:
        """Answer whether one of the secrets signed the body within five minutes of now. Never raises."""
        return is_signed(body, headers, map(key, secrets), now)

    def identify(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Read what a delivery is about; its topic is empty when the body cannot be read or names none.

        Thin is an event of an order that has no lines, not even none.
        """
        event_id, at = delivered(headers)
        try:
            read = payloads.loads(body)
            topic = pick(read, self.mapping.topic)
        except InvalidInput:
            return Event(topic="", event_id=event_id, at=at)
        if not isinstance(topic, str) or len(topic) > LONGEST_TOPIC or not _TOPIC.fullmatch(topic):
            return Event(topic="", event_id=event_id, at=at)
        if topic not in self.mapping.topics:
            return Event(topic=topic, event_id=event_id, at=at)
        try:
            order = payloads.id_text(pick(read, self.mapping.order), "order id")
            if pick(read, self.mapping.lines) is None:
                return Event(topic=topic, event_id=event_id, order=order, at=at, is_thin=True)
            return Event(topic=topic, event_id=event_id, order=order, version=self._version(read), at=at)
        except InvalidInput:  # whoever reads the order says what is wrong with it
            return Event(topic=topic, event_id=event_id, at=at)

    def ask_of(self, topic: str) -> Ask | PeopleAsk | None:
        """Answer what a topic asks about an order, or about a customer, by the mapping."""
        return self.mapping.topics.get(topic) or self.mapping.people.get(topic)

    def read_order(self, channel: ChannelId, topic: str, body: bytes) -> Intake:
        """Read an order by the mapping: as it now is, all units open. Raises InvalidInput for what cannot be read."""
        at = self.mapping
        if topic not in at.topics:
            raise InvalidInput("no order comes with this topic", code="topic_unknown", topic=topic[:60])
        read = payloads.loads(body)
        named = pick(read, at.currency) if at.currency else None
        currency = self.currency if named is None else name(named, "currency")
        items = payloads.rows(pick(read, at.lines), "line")
        lines = [line for item in items if (line := self._line(item, currency))]
        if len({line.line for line in lines}) != len(lines):
            raise InvalidInput("two lines have one id", code="line_twice")
        address = payloads.told({field: pick(read, path) for field, path in at.address.items()})
        order = Order(
            key=OrderKey(channel, payloads.id_text(pick(read, at.order), "order id")),
            name=short(pick(read, at.name)) if at.name else "",
            version=self._version(read),
            placed_at=times.text(times.read(pick(read, at.placed_at), "placed_at")),
            currency=currency,
            lines=tuple(lines),
            destination=Destination(
                country=short(address.get("country_code")),
                region=short(address.get("province")),
                postcode_prefix=short(address.get("zip"))[: payloads.POSTCODE_PREFIX],
            ),
        )
        is_cancelled = bool(at.cancelled) and pick(read, at.cancelled) not in _NOTHING
        return Intake(
            ask=Ask.CANCEL if is_cancelled else at.topics[topic],
            order=order,
            ship_to=address,
            customer=self._customer(read),
        )

    def read_request(self, topic: str, body: bytes) -> Request:
        """Read what is asked about a customer, by the mapping. Raises InvalidInput for one that is not named."""
        if topic not in self.mapping.people:
            raise InvalidInput("nothing is asked about people by this topic", code="topic_unknown", topic=topic[:60])
        customer = self._customer(payloads.loads(body))
        if not customer.email and not customer.platform_id:
            raise InvalidInput("a request names no customer", code="no_customer", topic=topic[:60])
        return Request(ask=self.mapping.people[topic], customer=customer)

    def _customer(self, read: object) -> Customer:
        at = self.mapping
        return payloads.customer(
            pick(read, at.email) if at.email else None, pick(read, at.customer) if at.customer else None
        )

    def _line(self, item: Object, currency: str) -> Line | None:
        told = {field: pick(item.value, path) for field, path in self.mapping.line.items()}
        if told.get("ships") is False:
            return None
        line_id, units = payloads.id_text(told["id"], "line id"), payloads.units(told["units"])
        price = told.get("price")
        return Line(
            line=line_id,
            sku=payloads.sku_of(told["sku"], line_id),
            ordered=units,
            open=units,
            price_minor=minor(price, currency) if price is not None else 0,
        )

    def _version(self, read: object) -> int:
        value = pick(read, self.mapping.version)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
            return value
        return payloads.milliseconds(value, "version")


def pick(value: object, path: str) -> object:
    """Follow a path such as `data.order.id`; None where it leads to nothing."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and step.isascii() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
