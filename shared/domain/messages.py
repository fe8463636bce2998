"""What the queues carry beside what AWS and shops put there.

Readers accept schema 1; writers write 1.

A message is a hint, never the truth: whoever gets one reads the tables. It carries the archive key and at most 64
KB of body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from shared.domain.names import ChannelId, OrderKey, Sku, SourceId, name, order_key
from shared.errors import InvalidInput

SCHEMA = 1
MOST_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A verified event of a storefront; `body` is empty when only the archive holds it."""

    channel: ChannelId
    topic: str
    archive_key: str
    received_at: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOrder:
    """An order of a shop changed, and nobody told how: ask the shop."""

    channel: ChannelId
    order: str
    received_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """Find units for what is open of an order."""

    order: OrderKey


@dataclass(frozen=True, slots=True, kw_only=True)
class FillSku:
    """Units of a SKU may be there for those who wait."""

    sku: Sku


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A channel has something to be told; the message carries no number, so two cannot overtake each other."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A shop lists these of a product, each a SKU and its listing."""

    channel: ChannelId
    listings: tuple[tuple[Sku, str], ...]


class Scope(StrEnum):
    """What a refresh is about."""

    SOURCE = "source"
    CHANNEL = "channel"
    SKU = "sku"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Numbers may differ although no level was written: compare what was told with what is so, and mark it.

    `channel`: only this shop, all when empty. `after`: go on behind this SKU.
    """

    scope: Scope
    name: str
    channel: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """A person has looked at a held file and wants it to count, as the photograph that it is."""

    source: SourceId
    as_of: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePiece:
    """Rows of a file that is applied in pieces: one piece of the run of that time."""

    source: SourceId
    as_of: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCode:
    """A supplier's code was mapped: what its file says of it counts for the SKU that it now means."""

    source: SourceId
    code: str


Message = (
    Delivered | FetchOrder | PlanOrder | FillSku | Publish | Listed | Refresh | ReleaseFile | WritePiece | CountCode
)


_AS_IT_IS: Mapping[type, str] = {
    FetchOrder: "fetch_order",
    Refresh: "refresh",
    ReleaseFile: "release_file",
    WritePiece: "write_piece",
    CountCode: "count_code",
}
"""Kinds of messages that are written field by field."""


def write(message: Message) -> str:
    """Write a message as JSON text."""
    values: dict[str, Any]
    match message:
        case Delivered():
            values = {
                "kind": "delivered",
                "channel": message.channel,
                "topic": message.topic,
                "archive_key": message.archive_key,
                "received_at": message.received_at,
                "body": message.body if len(message.body.encode()) <= MOST_BODY_BYTES else "",
            }
        case PlanOrder():
            values = {"kind": "plan", "order": str(message.order)}
        case FillSku():
            values = {"kind": "fill", "sku": message.sku}
        case Publish():
            values = {"kind": "publish", "channel": message.channel}
        case Listed():
            values = {"kind": "listed", "channel": message.channel, "listings": [*map(list, message.listings)]}
        case FetchOrder() | Refresh() | ReleaseFile() | WritePiece() | CountCode():
            values = {"kind": _AS_IT_IS[type(message)], **asdict(message)}
    return json.dumps({"schema": SCHEMA, **values}, separators=(",", ":"), ensure_ascii=False)


def read(text: str) -> Message:
    """Read a message. Raises InvalidInput for what no writer of ours wrote."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("a message is not JSON", code="message_unreadable") from error
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise InvalidInput("a message has no schema we know", code="message_schema")
    try:
        found = _of_orders(values) or _of_shops(values) or _of_files(values)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("a message lacks a field", code="message_field", field=str(error)) from error
    if found is None:
        raise InvalidInput("a message is of no kind we know", code="message_kind", kind=str(values.get("kind"))[:40])
    return found


def _of_orders(values: Mapping[str, Any]) -> Message | None:
    """Read what the queue of orders carries."""
    match values.get("kind"):
        case "delivered":
            return Delivered(
                channel=ChannelId(name(values["channel"], "channel")),
                topic=str(values["topic"]),
                archive_key=str(values["archive_key"]),
                received_at=str(values["received_at"]),
                body=str(values["body"]),
            )
        case "plan":
            return PlanOrder(order=order_key(str(values["order"])))
        case "fill":
            return FillSku(sku=Sku(name(values["sku"], "sku")))
    return None


def _of_shops(values: Mapping[str, Any]) -> Message | None:
    """Read what the queues of channels and shop events carry."""
    match values.get("kind"):
        case "fetch_order":
            return FetchOrder(
                channel=ChannelId(name(values["channel"], "channel")),
                order=name(values["order"], "order id"),
                received_at=str(values["received_at"]),
            )
        case "publish":
            return Publish(channel=ChannelId(name(values["channel"], "channel")))
        case "listed":
            return Listed(
                channel=ChannelId(name(values["channel"], "channel")),
                listings=tuple(
                    (Sku(name(sku, "sku")), name(listing, "listing")) for sku, listing in values["listings"]
                ),
            )
        case "refresh" if str(values["scope"]) in set(Scope):
            return Refresh(
                scope=Scope(values["scope"]),
                name=name(values["name"], "name"),
                channel=str(values["channel"]),
                after=str(values["after"]),
            )
    return None


def _of_files(values: Mapping[str, Any]) -> Message | None:
    """Read what the queue of files carries beside the bucket's notifications."""
    match values.get("kind"):
        case "release_file":
            return ReleaseFile(
                source=SourceId(name(values["source"], "source")),
                as_of=str(values["as_of"]),
                by=str(values["by"]),
                reason=str(values["reason"]),
            )
        case "write_piece":
            return WritePiece(
                source=SourceId(name(values["source"], "source")),
                as_of=str(values["as_of"]),
                number=int(values["number"]),
            )
        case "count_code":
            return CountCode(source=SourceId(name(values["source"], "source")), code=name(values["code"], "code"))
    return None
