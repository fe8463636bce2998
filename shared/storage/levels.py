"""Levels as items, and every write on them: take, give back, count (docs/protocols.md).

What people change by hand is in `level_changes.py`.

Every write raises `revision` by one, sets `changed_at`, `cause` and `last`, and is one kind of change, so that the
table's stream is a gapless ledger. Readers accept schema 1; writers write 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.names import LevelKey, Sku, SourceId
from shared.domain.stock import BY_HAND, UNTIL_COUNTED, Blind, CountWrite, Deduction, Exact, First, Level
from shared.storage import attributes, keys
from shared.storage.attributes import Image
from shared.storage.dynamo import Action, Table, check_action, put_new_action, update_action

SCHEMA = 1

_COUNTS = ("available", "committed", "counted", "drev", "buffer", "revision")
_TEXTS = ("counted_as_of", "count_id", "status", "changed_at")
_HOLDS = ("held_since", "held_until")

_LEDGER = "revision = revision + :one, changed_at = :now, cause = :cause, #last = :last"
_DEDUCT = f"committed = committed - :units, drev = drev + :one, {_LEDGER}"
_NAMES = {"#last": "last", "#status": "status"}


def to_item(level: Level, flag: str = "", since: str = "") -> dict[str, Any]:
    """Write a level as an item; `flag` and `since` put it into the index `by_flag`."""
    pk, sk = keys.level(level.key)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "level", "schema": SCHEMA}
    item |= {"sku": level.key.sku, "source": level.key.source, "deducted": dict(level.deducted)}
    item |= {field: getattr(level, field) for field in _COUNTS + _TEXTS}
    item |= {field: getattr(level, field) for field in (*_HOLDS, "incoming") if getattr(level, field)}
    item |= {"cause": list(level.cause), "last": dict(level.last)}
    return item | ({"flag": flag, "since": since} if flag else {})


def from_item(item: Mapping[str, Any]) -> Level:
    """Read a level back."""
    kind, cause = item["cause"]
    return Level(
        key=LevelKey(Sku(item["sku"]), SourceId(item["source"])),
        deducted=item["deducted"],
        cause=(kind, cause),
        last=item["last"],
        incoming=item.get("incoming", 0),
        **{field: item[field] for field in _COUNTS + _TEXTS},
        **{field: item.get(field, "") for field in _HOLDS},
    )


def read_image(image: Image) -> Level:
    """Read a level from an item as the API or a stream carries it."""
    return from_item(attributes.values(image))


def take(table: str, key: LevelKey, shares: Mapping[str, int], attempt: str, now: str) -> Action:
    """Commit units to orders, `order token -> units`, if that many are available and nothing holds the level."""
    units = sum(shares.values())
    return update_action(
        key,
        table,
        keys.level(key),
        {
            "UpdateExpression": f"SET available = available - :units, committed = committed + :units, {_LEDGER}",
            "ConditionExpression": "available >= :units AND #status = :active AND "
            "(attribute_not_exists(held_until) OR held_until <= :now)",
            "ExpressionAttributeNames": _NAMES,
            "ExpressionAttributeValues": attributes.image(
                {":units": units, ":active": "active"} | _ledger(("take", attempt), shares, now)
            ),
        },
        read_image,
    )


def give_back(table: str, key: LevelKey, units: int, token: str, cause: tuple[str, str], now: str) -> Action:
    """Free units of an order that the level still has as committed."""
    return update_action(
        key,
        table,
        keys.level(key),
        {
            "UpdateExpression": f"SET available = available + :units, committed = committed - :units, {_LEDGER}",
            "ConditionExpression": "committed >= :units",
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": attributes.image({":units": units} | _ledger(cause, {token: -units}, now)),
        },
        read_image,
    )


def deduct(table: str, deducted: Deduction, token: str, cause: tuple[str, str], now: str, *, is_shown: bool) -> Action:
    """Record what a source took off its own count, if the level's photograph is on the side that `is_shown` says.

    A refusal returns the level, which tells the side, and the bucket where it holds too many; late units that a
    photograph shows move nothing.
    """
    key, units = deducted.level, deducted.units
    values: dict[str, object] = {":edge": deducted.shown_from}
    if is_shown and not units:
        request: dict[str, Any] = {
            "ConditionExpression": "counted_as_of >= :edge",
            "ExpressionAttributeValues": attributes.image(values),
        }
        return check_action(key, table, keys.level(key), request, read_image)
    values |= {":units": units, **_ledger(cause, {token: -units}, now)}
    names = {"#last": "last"}
    if is_shown:
        change, side, fits = f"SET available = available + :units, {_DEDUCT}", ">=", ""
    else:
        side = "<"
        change = (
            f"SET available = available - :late, deducted.#bucket = if_not_exists(deducted.#bucket, :zero) + :all, "
            f"flag = :flag, since = if_not_exists(since, :now), {_DEDUCT}"
        )
        names["#bucket"] = deducted.bucket
        fits = " AND (attribute_exists(deducted.#bucket) OR size(deducted) < :most)"
        values |= {
            ":most": deducted.most,
            ":late": deducted.late,
            ":all": units + deducted.late,
            ":zero": 0,
            ":flag": keys.open_flag(key.source),
        }
    return update_action(
        key,
        table,
        keys.level(key),
        {
            "UpdateExpression": change,
            "ConditionExpression": f"committed >= :units AND counted_as_of {side} :edge{fits}",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": attributes.image(values),
        },
        read_image,
    )


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a change by hand leaves in the ledger: its cause, when, and the token of an order where it is about one."""

    cause: tuple[str, str]
    at: str
    token: str = ""


def change(
    table: str,
    key: LevelKey,
    sets: str,
    condition: str,
    values: Mapping[str, object],
    stamp: Stamp,
    *,
    removes: str = "",
) -> Action:
    """Update a level under a condition; what every write owes the ledger is added.

    An order's committed units are not moved by it: `last` names the order a change is about, with 0 units.
    """
    last = {stamp.token: 0} if stamp.token else {}
    return update_action(
        key,
        table,
        keys.level(key),
        {
            "UpdateExpression": f"SET {sets}, {_LEDGER}" + (f" REMOVE {removes}" if removes else ""),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": attributes.image({**values, **_ledger(stamp.cause, last, stamp.at)}),
        },
        read_image,
    )


def count(table: str, write: First | Exact, now: str) -> Action:
    """Write one row of a photograph, as `Levels.count` does, in one piece with something else."""
    key = write.count.key
    if isinstance(write, First):
        return put_new_action(key, table, _first(write, now), read_image)
    return update_action(key, table, keys.level(key), _exact(write, now), read_image)


@dataclass(slots=True)
class Levels:
    """Reads levels and writes counts to them, one conditional update each."""

    table: Table

    def get(self, key: LevelKey) -> Level | None:
        """Read a level, strongly."""
        found = self.table.get(keys.level(key))
        return from_item(found) if found else None

    def open(self, source: SourceId) -> list[LevelKey]:
        """List levels of a source that wait for its next count: open deductions, or a hold until then."""
        condition = "flag = :flag"
        found = self.table.query(condition, {":flag": keys.open_flag(source)}, index="by_flag")
        return [LevelKey(Sku(item["PK"].removeprefix("SKU#")), source) for item in found]

    def count(self, write: CountWrite, now: str) -> tuple[bool, Level | None]:
        """Write one row of a photograph: (True, level after), or (False, the level it met, None if there is none)."""
        if isinstance(write, First):
            item = _first(write, now)
            if self.table.put_new(item):
                return True, from_item(item)
            return False, self.get(write.count.key)
        request = _blind(write, now) if isinstance(write, Blind) else _exact(write, now)
        done, values = self.table.update(keys.level(write.count.key), request)
        return done, from_item(values) if values else None


def _first(write: First, now: str) -> dict[str, Any]:
    counted = write.count
    level = Level(
        key=counted.key,
        available=counted.units,
        committed=0,
        counted=counted.units,
        counted_as_of=counted.as_of,
        count_id=counted.count_id,
        changed_at=now,
        cause=(counted.kind, counted.count_id),
    )
    if counted.kind == BY_HAND:
        return to_item(level, keys.open_flag(counted.key.source), now)
    return to_item(level)


_COUNT = "counted = :counted, counted_as_of = :as_of, count_id = :count_id, drev = drev + :one"


def _blind(write: Blind, now: str) -> dict[str, Any]:
    rise = write.count.units - write.old
    return {
        "UpdateExpression": f"SET available = available + :rise, {_COUNT}, {_LEDGER} REMOVE flag, since",
        "ConditionExpression": "counted = :old AND counted_as_of < :as_of AND size(deducted) = :zero "
        "AND attribute_not_exists(held_until)",
        "ExpressionAttributeNames": {"#last": "last"},
        "ExpressionAttributeValues": attributes.image(
            {":rise": rise, ":old": write.old, ":zero": 0} | _counted(write, now)
        ),
    }


def _exact(write: Exact, now: str) -> dict[str, Any]:
    """Write a count over the level as it was seen.

    One by hand leaves the level flagged, as every change by hand does: the next file settles it even where its row
    says what it said before.
    """
    names = {"#last": "last"} | {f"#gone{i}": bucket for i, bucket in enumerate(write.gone)}
    removed = [f"deducted.#gone{i}" for i in range(len(write.gone))]
    if write.lifts_hold:
        removed += ["held_until", "held_since"]
    waits_for_count = write.seen.held_until == UNTIL_COUNTED and not write.lifts_hold
    flagged: dict[str, object] = {}
    if write.count.kind == BY_HAND:
        flagged = {":flag": keys.open_flag(write.count.key.source)}
    elif len(write.gone) == len(write.seen.deducted) and not waits_for_count:
        removed += ["flag", "since"]
    return {
        "UpdateExpression": f"SET available = available + :rise, {_COUNT}, {_LEDGER}"
        + (", flag = :flag, since = :now" if flagged else "")
        + (f" REMOVE {', '.join(removed)}" if removed else ""),
        "ConditionExpression": "counted = :seen AND counted_as_of = :seen_as_of AND drev = :seen_drev",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": attributes.image(
            {
                ":rise": write.rise,
                ":seen": write.seen.counted,
                ":seen_as_of": write.seen.counted_as_of,
                ":seen_drev": write.seen.drev,
            }
            | flagged
            | _counted(write, now)
        ),
    }


def _counted(write: Blind | Exact, now: str) -> dict[str, Any]:
    counted = write.count
    return {
        ":counted": counted.units,
        ":as_of": counted.as_of,
        ":count_id": counted.count_id,
        **_ledger((counted.kind, counted.count_id), {}, now),
    }


def _ledger(cause: tuple[str, str], last: Mapping[str, int], now: str) -> dict[str, Any]:
    return {":one": 1, ":now": now, ":cause": list(cause), ":last": dict(last)}
