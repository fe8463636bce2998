"""Suppliers' codes, and what leads to them, as items. Readers accept schemas 1 and 2; writers write 2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from shared.domain import identity
from shared.domain.facts import Meaning
from shared.domain.identity import Former, KnownCode, Said
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Row
from shared.storage import keys
from shared.storage.keys import Key

SCHEMA = 2

_NUMBERS, _TEXTS = ("line", "units"), ("told", "gtin", "warehouse", "warning")


def to_item(known: KnownCode) -> dict[str, Any]:
    """Write a code as an item."""
    pk, sk = keys.supplier_code(known.supplier, known.code)
    item: dict[str, Any] = {"PK": pk, "SK": sk, "entity": "supplier_code", "schema": SCHEMA, "revision": known.revision}
    if known.meanings:
        item |= {"meanings": meanings(known.meanings), "mapped_at": known.mapped_at}
    if known.said:
        item["said"] = said_values(known.said)
    if known.former:
        item["former"] = former_values(known.former)
    if known.is_waiting:
        item |= {"flag": keys.mapped_flag(known.supplier), "since": known.since}
    elif known.said:
        item |= {"flag": keys.unmapped_flag(known.supplier), "since": known.since}
    return item


def from_item(item: Mapping[str, Any]) -> KnownCode:
    """Read a code back."""
    supplier, code = SourceId(item["PK"].removeprefix("IDN#")), item["SK"]
    return KnownCode(
        supplier=supplier,
        code=code,
        meanings=tuple(
            Meaning(
                sku=Sku(each["sku"]),
                pack=each["pack"],
                first=date.fromisoformat(each["first"]) if each["first"] else None,
                last=date.fromisoformat(each["last"]) if each["last"] else None,
            )
            for each in item.get("meanings", ())
        ),
        mapped_at=item.get("mapped_at", ""),
        said=_read_said(code, item["said"]) if "said" in item else None,
        former=tuple(Former(sku=Sku(each["sku"]), until=each["until"]) for each in item.get("former", ())),
        is_waiting=item.get("flag") == keys.mapped_flag(supplier),
        since=item.get("since", ""),
        revision=item["revision"],
    )


def meanings(of_code: Iterable[Meaning]) -> list[dict[str, Any]]:
    """Write meanings; a day without end is an empty text."""
    return [
        {
            "sku": meaning.sku,
            "pack": meaning.pack,
            "first": meaning.first.isoformat() if meaning.first else "",
            "last": meaning.last.isoformat() if meaning.last else "",
        }
        for meaning in of_code
    ]


def said_values(said: Said) -> dict[str, Any]:
    """Write what a file said of a code."""
    row = said.row
    told: dict[str, Any] = {"as_of": said.as_of, "file": said.file, "reason": said.reason}
    told |= {name: getattr(row, name) for name in _NUMBERS} | {"is_discontinued": row.is_discontinued}
    told |= {name: getattr(row, name) for name in _TEXTS if getattr(row, name)}
    return told if row.cost_minor is None else told | {"cost_minor": row.cost_minor}


def _read_said(code: str, item: Mapping[str, Any]) -> Said:
    row = Row(
        sku=Sku(code),
        cost_minor=item.get("cost_minor"),
        is_discontinued=item["is_discontinued"],
        **{name: item[name] for name in _NUMBERS},
        **{name: item.get(name, "") for name in _TEXTS},
    )
    return Said(row=row, as_of=item["as_of"], file=item["file"], reason=item["reason"])


def former_values(former: Iterable[Former]) -> list[dict[str, Any]]:
    """Write SKUs that a code does not mean any more."""
    return [{"sku": each.sku, "until": each.until} for each in former]


def leads(supplier: SourceId, code: str, meanings: tuple[Meaning, ...]) -> Iterator[dict[str, Any]]:
    """Write what leads to a code: its SKUs, and the days on which it turns."""
    for sku in dict.fromkeys(each.sku for each in meanings):
        yield _head(keys.code_of(supplier, sku, code), "code_of_sku")
    for day in sorted(identity.turns(meanings)):
        yield _head(keys.code_turn(supplier, day.isoformat(), code), "code_turn")


def _head(key: Key, entity: str) -> dict[str, Any]:
    return {"PK": key.pk, "SK": key.sk, "entity": entity, "schema": SCHEMA, "revision": 1}
