"""What people change on levels by hand, as writes (docs/protocols.md): the steps of `domain/physical.py`.

What moves a count flags the level, so that the next file settles it even where its row says what it said before; and
it raises `drev`, so that a photograph planned from what was there before is planned anew.
"""

from __future__ import annotations

from shared.domain.names import LevelKey
from shared.domain.stock import UNTIL_COUNTED
from shared.storage import keys, levels
from shared.storage.dynamo import Action
from shared.storage.levels import Stamp

_ARRIVE = "available = available + :units, counted = counted + :units, drev = drev + :one, flag = :flag, since = :now"
_THERE = "attribute_exists(PK)"


def adjust(table: str, key: LevelKey, units: int, stamp: Stamp) -> Action:
    """Correct a count, if so many were counted."""
    values = _arriving(key, units) | {":least": max(-units, 0)}
    return levels.change(table, key, _ARRIVE, "counted >= :least", values, stamp)


def expect(table: str, key: LevelKey, units: int, stamp: Stamp) -> Action:
    """Expect so many more; fewer, if so many are expected. A level from before there was `incoming` expects none."""
    sets, values = "incoming = if_not_exists(incoming, :zero) + :units", {":units": units, ":zero": 0}
    if units > 0:
        return levels.change(table, key, sets, _THERE, values, stamp)
    return levels.change(table, key, sets, "incoming >= :least", values | {":least": -units}, stamp)


def receive(table: str, key: LevelKey, units: int, incoming: int, stamp: Stamp) -> Action:
    """Let units arrive on a level that was seen to expect `incoming`: all of them out of that, or all of that."""
    values = _arriving(key, units)
    if units <= incoming:
        sets = f"incoming = incoming - :units, {_ARRIVE}"
        return levels.change(table, key, sets, "incoming >= :units", values, stamp)
    is_as_seen = "incoming = :seen" if incoming else "(attribute_not_exists(incoming) OR incoming = :seen)"
    sets, condition = f"incoming = :zero, {_ARRIVE}", f"{_THERE} AND {is_as_seen}"
    return levels.change(table, key, sets, condition, values | {":zero": 0, ":seen": incoming}, stamp)


def send_off(table: str, key: LevelKey, units: int, stamp: Stamp) -> Action:
    """Let units leave, if so many are available."""
    values = _arriving(key, -units) | {":wanted": units}
    return levels.change(table, key, _ARRIVE, "available >= :wanted", values, stamp)


def put_back(table: str, key: LevelKey, units: int, stamp: Stamp) -> Action:
    """Let units arrive that a customer sent back."""
    return levels.change(table, key, _ARRIVE, _THERE, _arriving(key, units), stamp)


def hold(table: str, key: LevelKey, since: str, until: str, stamp: Stamp) -> Action:
    """Let nobody take; a hold never begins earlier than the one that is there.

    Until the next count: unless one was made at the time of the hold or later; and the level is flagged, so that the
    next file lifts it even where its row says what it said before.
    """
    sets = "held_since = :held_since, held_until = :until, drev = drev + :one"
    condition = f"{_THERE} AND (attribute_not_exists(held_since) OR held_since <= :held_since)"
    values: dict[str, object] = {":held_since": since, ":until": until}
    if until == UNTIL_COUNTED:
        sets += ", flag = :flag, since = :now"
        condition += " AND counted_as_of < :now"
        values |= {":flag": keys.open_flag(key.source)}
    return levels.change(table, key, sets, condition, values, stamp)


def unhold(table: str, key: LevelKey, stamp: Stamp) -> Action:
    """Let orders take again. A flag stays: something else may have set it, and the next file takes it off."""
    return levels.change(
        table, key, "drev = drev + :one", "attribute_exists(held_until)", {}, stamp, removes="held_since, held_until"
    )


def _arriving(key: LevelKey, units: int) -> dict[str, object]:
    return {":units": units, ":flag": keys.open_flag(key.source)}
