"""Suppliers' codes as items: what each means from day to day, and what a file said of those that nobody has mapped.

A code has one item, mapped or not, so that a mapping and what the file said of the code until then never pass each
other: whoever writes one sees the other. It is in the index `by_flag` while a person has to map it (UNMAPPED#), or
while it is mapped and no file has counted for that yet (MAPPED#). What else is found by it (the codes of a SKU, the
days on which a meaning turns) is written before it, so that a push that broke off is finished by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Any

from shared.domain import identity
from shared.domain.facts import SupplierCode
from shared.domain.identity import MOST_UNMAPPED, KnownCode, Said
from shared.domain.names import Sku, SourceId
from shared.storage import attributes, code_items, dynamo, keys
from shared.storage.dynamo import Table
from shared.storage.feeds import Feeds
from shared.storage.keys import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """How many unmapped codes of a file found no room in the queue."""

    codes: int = 0
    as_of: str = ""


@dataclass(slots=True)
class SupplierCodes:
    """Reads and writes suppliers' codes. Reads are strong: a mapping that is not seen would be counted against."""

    table: Table

    def has_any(self, supplier: SourceId) -> bool:
        """Answer whether a supplier has any mapping: one read, so that those without pay for no other."""
        found = self.table.get(keys.codes_of_supplier(supplier))
        return bool(found and "has_codes" in found)

    def meanings(self, supplier: SourceId, codes: Iterable[str]) -> dict[str, SupplierCode]:
        """Read what codes mean, a hundred a call; those that nobody has mapped are absent. Ask by the chunk."""
        found = self.known(supplier, codes)
        return {code: known.mapping for code, known in found.items() if known.mapping}

    def known(self, supplier: SourceId, codes: Iterable[str]) -> dict[str, KnownCode]:
        """Read all that is kept of codes."""
        read = self._read(keys.supplier_code(supplier, code) for code in codes)
        return {item["SK"]: code_items.from_item(item) for item in read}

    def codes_of(self, supplier: SourceId, sku: Sku) -> list[KnownCode]:
        """List what a supplier calls a SKU, on any day, in order of code."""
        pk, _ = keys.code_of(supplier, sku, "")
        leads = self.table.query("PK = :pk", {":pk": pk}, consistent=True)
        found = self.known(supplier, [item["SK"] for item in leads])
        return [known for _, known in sorted(found.items()) if any(each.sku == sku for each in known.meanings)]

    def called(self, supplier: SourceId, skus: Iterable[Sku], day: date) -> dict[Sku, tuple[str, int]]:
        """Answer what a supplier calls SKUs on a day, and how many of our units one of its own is; absent: as we do."""
        if not self.has_any(supplier):
            return {}
        return {
            sku: (known.code, meaning.pack)
            for sku in set(skus)
            for known in self.codes_of(supplier, sku)
            if known.mapping and (meaning := known.mapping.on(day)) and meaning.sku == sku
        }

    def waiting(self, supplier: SourceId) -> list[str]:
        """List codes that were mapped and that no file has counted for yet: their rows count though they are equal."""
        return [item["SK"] for item in self._flagged(keys.mapped_flag(supplier))]

    def turned(self, supplier: SourceId, after: date, until: date) -> list[str]:
        """List codes that mean something else on a day than on an earlier one: their rows count though equal."""
        since, last = keys.code_turn(supplier, f"{after.isoformat()}~", ""), keys.code_turn(supplier, f"{until}~", "")
        names = {":pk": since.pk, ":since": since.sk, ":last": last.sk}
        found = self.table.query("PK = :pk AND SK BETWEEN :since AND :last", names, consistent=True)
        return sorted({item["SK"].partition("#")[2] for item in found})

    # ---- mappings

    def map(self, codes: Sequence[SupplierCode], at: str) -> None:
        """Write what codes mean. What a file said of them stays until it is counted for the SKU that they now mean.

        Before a supplier's first file nothing can be counted already: its codes then wait for nothing.
        """
        known = {
            (each.supplier, each.code): each
            for supplier in {code.supplier for code in codes}
            for each in self.known(supplier, (code.code for code in codes if code.supplier == supplier)).values()
        }
        leads = [item for code in codes for item in code_items.leads(code.supplier, code.code, code.meanings)]
        self.table.write_all(leads)
        fed = {supplier for supplier in {code.supplier for code in codes} if self._is_fed(supplier)}
        unfed = [code for code in codes if code.supplier not in fed and (code.supplier, code.code) not in known]
        self.table.write_all([code_items.to_item(_known(code, mapped_at=at)) for code in unfed])
        late = {supplier for supplier in {code.supplier for code in unfed} if self._is_fed(supplier)}
        for code in codes:
            if code not in unfed or code.supplier in late:
                before = known.get((code.supplier, code.code), KnownCode(supplier=code.supplier, code=code.code))
                self._map(code, before, at)
        led = {Key(item["PK"], item["SK"]) for item in leads}
        for old in known.values():
            for item in code_items.leads(old.supplier, old.code, old.meanings):
                if (key := Key(item["PK"], item["SK"])) not in led:
                    self.table.delete(key)
        for supplier in {code.supplier for code in codes}:
            request = {"UpdateExpression": "SET has_codes = :yes, entity = :entity, #schema = :schema, revision = :one"}
            self._update_state(supplier, request, {":yes": True, ":one": 1})

    def settle(self, code: SupplierCode, as_of: str) -> bool:
        """Note that a file of this time has counted for a code, as it is mapped here; it waits for nothing more.

        For a code that the file names, or that a full file leaves out; a delta tells nothing of what it leaves out.
        Answer False where it has been mapped anew, or was mapped after this photograph was made: the next file counts
        for it once more, for this one may be older than what else was counted because of the mapping.
        """
        done, _ = self.table.update(
            keys.supplier_code(code.supplier, code.code),
            {
                "UpdateExpression": "SET revision = revision + :one REMOVE flag, since, said",
                "ConditionExpression": "meanings = :meanings AND mapped_at < :as_of",
                "ExpressionAttributeValues": attributes.image(
                    {":meanings": code_items.meanings(code.meanings), ":as_of": as_of, ":one": 1}
                ),
            },
        )
        return done

    def write(self, known: KnownCode) -> bool:
        """Write a code over the revision before; answer False when someone else wrote it since."""
        return self.table.put_seen(code_items.to_item(known), known.revision - 1)

    # ---- the queue of unmapped codes

    def unmapped(self, supplier: SourceId, most: int = MOST_UNMAPPED) -> list[KnownCode]:
        """List unmapped codes of a supplier with what its file said of them, oldest first."""
        waiting = [item["SK"] for item in self._flagged(keys.unmapped_flag(supplier), most)]
        found = self.known(supplier, waiting)
        return [found[code] for code in waiting if code in found and found[code].said and not found[code].is_waiting]

    def unmapped_codes(self, supplier: SourceId) -> list[str]:
        """List unmapped codes of a supplier by name alone."""
        return [item["SK"] for item in self._flagged(keys.unmapped_flag(supplier))]

    def left_out(self, supplier: SourceId) -> LeftOut:
        """Answer how many codes of the last file that had any found no room."""
        found = self.table.get(keys.codes_of_supplier(supplier)) or {}
        return LeftOut(codes=found.get("left_out", 0), as_of=found.get("left_out_as_of", ""))

    def tell_left_out(self, supplier: SourceId, left: LeftOut) -> bool:
        """Note how many codes of a file found no room; answer False where a newer file has said so."""
        request = {
            "UpdateExpression": "SET left_out = :codes, left_out_as_of = :as_of, entity = :entity, #schema = :schema, "
            "revision = :one",
            "ConditionExpression": "attribute_not_exists(left_out_as_of) OR left_out_as_of < :as_of",
        }
        return self._update_state(supplier, request, {":codes": left.codes, ":as_of": left.as_of, ":one": 1})

    def note(self, supplier: SourceId, said: Said, mapping: SupplierCode | None, now: str, *, may_enter: bool) -> Noted:
        """Write what a file says of an unmapped code, over what an older file said.

        `mapping`: what the code was seen to mean, on other days. `may_enter`: whether there is room for a code that is
        not in the queue yet.
        """
        code = said.row.sku
        seen = "meanings = :meanings" if mapping else "attribute_not_exists(meanings)"
        room = "" if may_enter else " AND attribute_exists(flag)"
        values: dict[str, object] = {
            ":said": code_items.said_values(said),
            ":as_of": said.as_of,
            ":now": now,
            ":flag": keys.unmapped_flag(supplier),
        }
        values |= {":entity": "supplier_code", ":schema": code_items.SCHEMA, ":none": 0, ":one": 1}
        values |= {":meanings": code_items.meanings(mapping.meanings)} if mapping else {}
        done, met = self.table.update(
            keys.supplier_code(supplier, code),
            {
                "UpdateExpression": "SET said = :said, flag = :flag, since = if_not_exists(since, :now), "
                "entity = :entity, #schema = :schema, revision = if_not_exists(revision, :none) + :one",
                "ConditionExpression": f"{seen} AND (attribute_not_exists(said) OR said.as_of < :as_of){room}",
                "ExpressionAttributeNames": {"#schema": "schema"},
                "ExpressionAttributeValues": attributes.image(values),
            },
        )
        if done:
            return Noted(is_kept=True)
        known = code_items.from_item(met) if met else None
        if known and known.mapping != mapping:
            return Noted(is_kept=False, mapped=known.mapping)
        is_older = known is not None and known.said is not None and known.said.as_of >= said.as_of
        return Noted(is_kept=is_older)

    def drop(self, supplier: SourceId, code: str, as_of: str) -> bool:
        """Take a code out of the queue that a file of this time does not name any more; one that means nothing goes."""
        return self.table.delete(
            keys.supplier_code(supplier, code),
            {
                "ConditionExpression": "attribute_not_exists(meanings) AND said.as_of < :as_of",
                "ExpressionAttributeValues": attributes.image({":as_of": as_of}),
            },
        )

    # ----

    def _map(self, code: SupplierCode, before: KnownCode, at: str) -> None:
        former = code_items.former_values(identity.replaced(before, code.meanings, at))
        values: dict[str, object] = {
            ":meanings": code_items.meanings(code.meanings),
            ":at": at,
            ":former": former,
        }
        values |= {":flag": keys.mapped_flag(code.supplier), ":entity": "supplier_code", ":schema": code_items.SCHEMA}
        self.table.update(
            keys.supplier_code(code.supplier, code.code),
            {
                "UpdateExpression": "SET meanings = :meanings, mapped_at = :at, flag = :flag, since = :at, "
                "former = list_append(if_not_exists(former, :nobody), :former), entity = :entity, #schema = :schema, "
                "revision = if_not_exists(revision, :none) + :one",
                "ExpressionAttributeNames": {"#schema": "schema"},
                "ExpressionAttributeValues": attributes.image(values | {":nobody": [], ":none": 0, ":one": 1}),
            },
        )

    def _is_fed(self, supplier: SourceId) -> bool:
        """Answer whether a file of a supplier counts, or is about to."""
        feed = Feeds(self.table).now(supplier)
        return feed.applied is not None or bool(feed.open)

    def _update_state(self, supplier: SourceId, request: Mapping[str, Any], values: Mapping[str, object]) -> bool:
        told = attributes.image({":entity": "supplier_codes", ":schema": code_items.SCHEMA, **values})
        names = {"#schema": "schema"}
        done, _ = self.table.update(
            keys.codes_of_supplier(supplier),
            {**request, "ExpressionAttributeNames": names, "ExpressionAttributeValues": told},
        )
        return done

    def _flagged(self, flag: str, most: int = 0) -> Iterator[dict[str, Any]]:
        return self.table.query("flag = :flag", {":flag": flag}, index="by_flag", limit=most)

    def _read(self, wanted: Iterable[Key]) -> list[dict[str, Any]]:
        found = dynamo.read_all(self.table.client, [(self.table.name, key) for key in wanted], consistent=True)
        return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What became of the note of an unmapped code.

    `is_kept`: it, or a newer word, is in the queue; else there was no room, unless it was `mapped` in the meantime: its
    row then has to be counted as that.
    """

    is_kept: bool
    mapped: SupplierCode | None = None


@dataclass(slots=True)
class UnmappedQueue:
    """The unmapped codes of one file on their way into the queue: at most `most` of a supplier, the rest is counted.

    Who is there is looked up once, by an index that may lag: a few more may come in. What finds a full queue costs no
    write; where it was not full to begin with, the write itself says whether the code was there.
    """

    codes: SupplierCodes
    supplier: SourceId
    now: str
    most: int = MOST_UNMAPPED
    left_out: int = 0
    _there: set[str] = field(default_factory=set)
    _was_full: bool | None = None
    _lock: Lock = field(default_factory=Lock)

    def note(self, said: Said, mapping: SupplierCode | None) -> SupplierCode | None:
        """Enter a code; answer what it means where someone has mapped it since `mapping` was read."""
        code = said.row.sku
        with self._lock:
            if self._was_full is None:
                self._there.update(self.codes.unmapped_codes(self.supplier))
                self._was_full = len(self._there) >= self.most
            may_enter = code in self._there or len(self._there) < self.most
            if self._was_full and not may_enter:
                self.left_out += 1
                return None
        noted = self.codes.note(self.supplier, said, mapping, self.now, may_enter=may_enter)
        with self._lock:
            if noted.is_kept:
                self._there.add(code)
            elif noted.mapped is None:
                self.left_out += 1
        return noted.mapped


def _known(code: SupplierCode, mapped_at: str) -> KnownCode:
    return KnownCode(supplier=code.supplier, code=code.code, meanings=code.meanings, mapped_at=mapped_at, revision=1)
