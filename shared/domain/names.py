"""The words of the trade as types, and what may be a name.

A name becomes part of a table key, where `#` separates: text from outside passes `name()` first.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple, NewType

from shared.errors import InvalidInput

Sku = NewType("Sku", str)
SourceId = NewType("SourceId", str)
ChannelId = NewType("ChannelId", str)

LONGEST_NAME = 128


class OrderKey(NamedTuple):
    """An order of a channel, by the platform's own id."""

    channel: ChannelId
    order_id: str

    def __str__(self) -> str:
        """Write it as messages do: `<channel>#<id>`."""
        return f"{self.channel}#{self.order_id}"

    @property
    def token(self) -> str:
        """Ten characters that stand for the order where space is short; the same for every delivery."""
        digest = hashlib.sha256(str(self).encode()).digest()
        return base64.b32encode(digest[:7]).decode()[:10].lower()


class LevelKey(NamedTuple):
    """A level: one SKU at one source."""

    sku: Sku
    source: SourceId


class CapKey(NamedTuple):
    """What waits for a SKU on a channel, counted because a cap is on it."""

    channel: ChannelId
    sku: Sku


def name(text: object, what: str) -> str:
    """Return `text` stripped, fit for a key.

    Raises InvalidInput for what is empty, too long, or has `#` or a control character.
    """
    if not isinstance(text, str):
        raise InvalidInput("a name must be text", code="name_not_text", what=what, value=repr(text)[:40])
    cleaned = text.strip()
    if not cleaned:
        raise InvalidInput("a name must not be empty", code="name_empty", what=what)
    if len(cleaned) > LONGEST_NAME:
        raise InvalidInput(
            "a name is too long", code="name_too_long", what=what, length=len(cleaned), most=LONGEST_NAME
        )
    if "#" in cleaned or not cleaned.isprintable():
        raise InvalidInput(
            "a name has a character it must not have", code="name_characters", what=what, value=cleaned[:40]
        )
    return cleaned


def order_key(text: str) -> OrderKey:
    """Read `<channel>#<id>` back."""
    channel, _, order_id = text.partition("#")
    return OrderKey(ChannelId(name(channel, "channel")), name(order_id, "order id"))
