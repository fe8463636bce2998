"""Customers as far as we know them: by a keyed hash, and only to find again what is kept of one.

An e-mail address or a platform's id of a customer goes into `name_of` and nowhere else. Without the stack's own key
the name says nothing, and cannot be made.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.names import ChannelId, OrderKey

NAME_BYTES = 16
_ADDRESS = re.compile(r"[^\s\"'<>(),:;\\\[\]]+@[^\s\"'<>(),:;\\\[\]]+")


class PeopleAsk(StrEnum):
    """What a shop asks about people."""

    EXPORT = "export"
    ERASE = "erase"
    ERASE_SHOP = "erase_shop"


@dataclass(frozen=True, slots=True)
class Customer:
    """Who ordered, as a platform tells it: personal data."""

    email: str = field(default="", repr=False)
    platform_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked about whom; `order_ids`: orders of the channel that the shop names itself."""

    ask: PeopleAsk
    customer: Customer = field(default_factory=Customer, repr=False)
    order_ids: tuple[str, ...] = ()


def of_email(key: bytes, email: str) -> str:
    """Name the customer with an e-mail address, on whatever channel."""
    return _name(key, "email", email.strip().lower())


def of_id(key: bytes, channel: ChannelId, platform_id: str) -> str:
    """Name the customer that a channel knows by an id."""
    return _name(key, "id", f"{channel}#{platform_id.strip()}")


def names_of(key: bytes, channel: ChannelId, customer: Customer) -> tuple[str, ...]:
    """Name a customer in every way that an order of a channel may: the first one is what we call it by."""
    by_email = (of_email(key, customer.email),) if customer.email.strip() else ()
    by_id = (of_id(key, channel, customer.platform_id),) if customer.platform_id.strip() else ()
    return by_email + by_id


def addresses_in(text: str) -> Iterator[str]:
    """Yield whatever looks like an e-mail address."""
    return (found[0] for found in _ADDRESS.finditer(text))


class State(StrEnum):
    """Where an erasure is: `waits` for orders that are not shipped yet."""

    ASKED = "asked"
    WAITS = "waits"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An erasure and how far it is, without personal data: hashes, ids and counts.

    `channel`: empty for every channel. `names`: of the customer. Of a shop, everybody's orders are looked for by the
    day they were placed, back from `day`, until that is empty. `left` are orders to erase next, `waiting` those that
    are not shipped yet. `archive_key`: the event that asked for it. When it is done only times and counts are left.
    """

    erasure: str
    channel: str
    asked_at: str
    is_of_shop: bool = False
    names: tuple[str, ...] = ()
    left: tuple[OrderKey, ...] = ()
    waiting: tuple[OrderKey, ...] = ()
    day: str = ""
    archive_key: str = ""
    state: State = State.ASKED
    done_at: str = ""
    due_at: str = ""
    orders: int = 0
    objects: int = 0
    rows: int = 0
    revision: int = 1


def _name(key: bytes, kind: str, value: str) -> str:
    return hmac.digest(key, f"{kind}\0{value}".encode(), hashlib.sha256)[:NAME_BYTES].hex()
