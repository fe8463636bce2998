"""Every key of both tables, and nothing else makes one.

The row of `docs/data-model.md` that a key belongs to stands first in its docstring; a contract test holds the two
together. Arguments are names that passed `shared.domain.names.name`, and times of one width.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId

DUE_SHARDS = 8
CATALOGUE_LETTERS = 2


class Key(NamedTuple):
    """Partition and sort key of an item."""

    pk: str
    sk: str


def level(key: LevelKey) -> Key:
    """S1, S2: the level of a SKU at a source."""
    return Key(f"SKU#{key.sku}", f"SRC#{key.source}")


def offer(key: LevelKey) -> Key:
    """S3: what seldom changes about a SKU at a source: cost, currency."""
    return Key(f"SKU#{key.sku}", f"OFFER#{key.source}")


def item(sku: Sku) -> Key:
    """S3: the product."""
    return Key(f"SKU#{sku}", "ITEM")


def catalogue(sku: Sku) -> Key:
    """S5: a SKU among all that begin with the same two characters."""
    return Key(f"CAT#{sku[:CATALOGUE_LETTERS]}", sku)


def listing(channel: ChannelId, listing: str) -> Key:
    """S10: what a channel calls its listing of a SKU."""
    return Key(f"LST#{channel}", listing)


def supplier_code(supplier: SourceId, code: str) -> Key:
    """S11: what a supplier calls a SKU."""
    return Key(f"IDN#{supplier}", code)


def codes_of_supplier(supplier: SourceId) -> Key:
    """S11: that a supplier has codes, and how many of its last file found no room among the unmapped."""
    return Key(f"IDN#{supplier}", "#")


def unmapped_flag(supplier: SourceId) -> str:
    """S11: flag of codes that nobody has mapped."""
    return f"UNMAPPED#{supplier}"


def mapped_flag(supplier: SourceId) -> str:
    """S11: flag of codes that were mapped since the last file."""
    return f"MAPPED#{supplier}"


def code_of(supplier: SourceId, sku: Sku, code: str) -> Key:
    """S16: a code by which a supplier calls a SKU, on some day."""
    return Key(f"REV#{supplier}#{sku}", code)


def code_turn(supplier: SourceId, day: str, code: str) -> Key:
    """S17: a day from which on a code means something else."""
    return Key(f"TURN#{supplier}", f"{day}#{code}")


def gtin(number: str, sku: Sku) -> Key:
    """S18: a SKU by its GTIN."""
    return Key(f"GTIN#{number}", sku)


def mpn(plain: str, sku: Sku) -> Key:
    """S18: a SKU by what it or its maker calls it, letters and digits alone."""
    return Key(f"MPN#{plain}", sku)


def kit_of(part: Sku, kit: Sku) -> Key:
    """S14: a kit that a SKU is part of."""
    return Key(f"SKU#{part}", f"KIT#{kit}")


def open_flag(source: SourceId) -> str:
    """S6: flag of levels that wait for the next count of a source."""
    return f"OPEN#{source}"


def flag(kind: str, key: LevelKey) -> Key:
    """S7: a level that is listed for something."""
    return Key(f"SKU#{key.sku}", f"FLAG#{kind}#{key.source}")


def told(sku: Sku, channel: ChannelId) -> Key:
    """S8: the number of a SKU on a channel and what the shop was told."""
    return Key(f"ATS#{sku}", channel)


def waiting(channel: ChannelId, sku: Sku) -> Key:
    """S19: how many units of a SKU wait on a channel that caps them."""
    return Key(f"SKU#{sku}", f"WAIT#{channel}")


def dirty(channel: ChannelId, rank: int, subject: str) -> Key:
    """S9: a SKU whose number a channel has to be told, or an order, by its id, that it has to be told of."""
    return Key(f"DIRTY#{channel}", f"{rank}#{subject}")


def lease(channel: ChannelId) -> Key:
    """S15: who publishes to a shop now."""
    return Key(f"SHOP#{channel}", "LEASE")


def pause(scope: str) -> Key:
    """S15: that nothing is sent to a supplier, told to a shop, or either."""
    return Key(f"PAUSE#{scope}", "PAUSE")


def poll(channel: ChannelId) -> Key:
    """S15: how far a shop's orders were polled."""
    return Key(f"SHOP#{channel}", "POLL")


def feed(name: str) -> Key:
    """S12: a feed's state now."""
    return Key(f"FEED#{name}", "NOW")


def feed_freshness(name: str) -> Key:
    """S12: how fresh a feed was when that was last looked at."""
    return Key(f"FEED#{name}", "FRESHNESS")


def feed_file(name: str, as_of: str) -> Key:
    """S12: one file in a feed's history."""
    return Key(f"FEED#{name}", f"FILE#{as_of}")


def feed_pieces(name: str, as_of: str) -> Key:
    """S12: which pieces of a file are written."""
    return Key(f"FEED#{name}", f"PIECES#{as_of}")


def movement(key: LevelKey, changed_at: str, revision: int) -> Key:
    """S13: one movement of a level; the same stream record twice is the same key."""
    return Key(f"MOV#{key.sku}#{changed_at[:7]}", f"{changed_at}#{key.source}#{revision:010d}")


def order(key: OrderKey) -> Key:
    """O1: an order."""
    return Key(f"ORD#{key}", "ORD")


def order_of(pk: str) -> OrderKey:
    """O1: the order that an item of this partition belongs to."""
    channel, _, order_id = pk.removeprefix("ORD#").partition("#")
    return OrderKey(ChannelId(channel), order_id)


def plan(key: OrderKey, attempt: str) -> Key:
    """O1: the plan of one attempt, with its inputs."""
    return Key(f"ORD#{key}", f"PLAN#{attempt}")


def ship_to(key: OrderKey, attempt: str) -> Key:
    """O1: the address, written by one attempt."""
    return Key(f"ORD#{key}", f"SHIPTO#{attempt}")


def purchase_order(key: OrderKey, source: SourceId, n: int) -> Key:
    """O1: a purchase order of an order."""
    return Key(f"ORD#{key}", f"PO#{source}#{n}")


def event(key: OrderKey, move: str) -> Key:
    """O1: the marker of a move: the same document twice is one move."""
    return Key(f"ORD#{key}", f"EVT#{move}")


def parcel(key: OrderKey, source: str, number: str) -> Key:
    """O1: a parcel of a source, by its tracking number, else by its document."""
    return Key(f"ORD#{key}", f"PARCEL#{source}#{number}")


def document(source: SourceId, kind: str, number: str) -> Key:
    """O10: a document of a supplier, by its type and number."""
    return Key(f"DOC#{source}", f"{kind}#{number}")


def due_shard(key: OrderKey | str) -> str:
    """O2: the shard of the index `due` that an order and its purchase orders, or an erasure by its id, are in."""
    return f"DUE#{zlib.crc32(str(key).encode()) % DUE_SHARDS}"


def listed(state: str, placed_at: str, key: OrderKey) -> Key:
    """O3: an order among those of a state and a day."""
    return Key(f"LST#{state}#{placed_at[:10]}", f"{placed_at}#{key}")


def supplier_list(source: SourceId, at: str, number: str) -> Key:
    """O4: a purchase order among those of a supplier and a month."""
    return Key(f"SUP#{source}#{at[:7]}", f"{at}#{number}")


def reference(kind: str, value: str) -> Key:
    """O5: an order by another of its names."""
    return Key(f"REF#{kind}#{value}", "REF")


def operation(op_id: str) -> Key:
    """O11: that a person's change was made: the same one twice is one."""
    return Key(f"SEEN#op#{op_id}", "SEEN")


def counter(source: SourceId, kind: str) -> Key:
    """O14: the last number a supplier was given."""
    return Key(f"CNT#{source}", kind)


def batch(source: SourceId, number: str) -> Key:
    """O9: purchase orders that go out in one file."""
    return Key(f"OUT#{source}", number)


def gate(source: SourceId) -> Key:
    """O14: who sends to a supplier now, how often, and how long it is left alone."""
    return Key(f"CNT#{source}", "GATE")


def of_customer(customer: str, key: OrderKey) -> Key:
    """O6: an order of a customer, who is a keyed hash."""
    return Key(f"CUST#{customer}", str(key))


def erasure(erasure_id: str) -> Key:
    """O15: an erasure, by its id."""
    return Key(f"ERASE#{erasure_id}", "ERASE")


def problem(kind: str, subject: str) -> Key:
    """O7: an exception; one per subject."""
    return Key(f"EXC#{kind}#{subject}", "EXC")


def open_problem(owner: str, opened_at: str, kind: str, subject: str) -> Key:
    """O7: an open exception among its owner's, oldest first."""
    return Key(f"EXCOPEN#{owner}", f"{opened_at}#{kind}#{subject}")


def backorder(sku: Sku, placed_at: str, key: OrderKey, line: str) -> Key:
    """O8: a line that waits for a SKU, oldest first."""
    return Key(f"BACK#{sku}", f"{placed_at}#{key}#{line}")
