"""Levels that are listed because something stands out about them: an item a level and kind, by the index `by_flag`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.domain.flags import Flag, FlagKind
from shared.domain.names import LevelKey, Sku, SourceId
from shared.storage import keys
from shared.storage.dynamo import Table

SCHEMA = 1


@dataclass(slots=True)
class Flags:
    """Writes and lists flags."""

    table: Table

    def write(self, crossings: Mapping[Flag, bool]) -> None:
        """Set (True) and clear (False) flags; again is the same."""
        for flag, is_set in crossings.items():
            pk, sk = key = keys.flag(flag.kind, flag.level)
            if is_set:
                item = {"PK": pk, "SK": sk, "entity": "flag", "schema": SCHEMA, "revision": 1}
                item |= {"flag": flag.kind.upper(), "since": flag.since}
                if flag.kind is FlagKind.LOW:
                    self.table.put_new(item)  # it is as old as when it became low
                else:
                    self.table.put(item)
            else:
                self.table.delete(key)

    def listed(self, kind: FlagKind, until: str = "~") -> Iterator[Flag]:
        """Yield flags of a kind, oldest first, whose time is not after `until`."""
        names = {":flag": kind.upper(), ":until": until}
        found = self.table.query("flag = :flag AND since <= :until", names, index="by_flag")
        for item in found:
            sku, source = item["PK"].removeprefix("SKU#"), item["SK"].rpartition("#")[2]
            yield Flag(kind=kind, level=LevelKey(Sku(sku), SourceId(source)), since=item["since"])
