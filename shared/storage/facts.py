"""Facts as items, written as a difference: what did not change costs no write.

A product's item says all; what else is found by it (its parts' kits, its listings, its place in the catalogue) is
written from it and before it, so that a push that broke off is finished by the next. Readers accept schemas 1 to 3
(1: no parts, no substitutes; 2: no weight, no prices); writers write 3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from shared.domain import identity
from shared.domain.facts import Catalogue, Product, SupplierCode
from shared.domain.identity import Suggestion
from shared.domain.names import ChannelId, Sku, SourceId
from shared.errors import InvalidInput
from shared.storage import attributes, dynamo, keys, ledger
from shared.storage.dynamo import Table
from shared.storage.keys import Key
from shared.storage.supplier_codes import SupplierCodes

T = TypeVar("T")

SCHEMA = 3


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """A fact that is not as wanted; `before` is None for a new one."""

    before: T | None
    after: T


@dataclass(frozen=True, slots=True)
class Difference:
    """What a push would change, and how many facts stay as they are."""

    products: tuple[Change[Product], ...] = ()
    codes: tuple[Change[SupplierCode], ...] = ()
    unchanged_products: int = 0
    unchanged_codes: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether all is as wanted."""
        return not self.products and not self.codes

    @property
    def skus(self) -> tuple[Sku, ...]:
        """Products that would change."""
        return tuple(change.after.sku for change in self.products)


@dataclass(slots=True)
class Facts:
    """Reads and writes facts in the stock table."""

    table: Table

    def difference(self, wanted: Catalogue) -> Difference:
        """Compare with what is there. What is not named stays: facts are never deleted by absence.

        Raises InvalidInput for a listing that is of another product, which is not named.
        """
        known = self.products(product.sku for product in wanted.products)
        named = {listing for product in wanted.products for listing in product.inventory_items.items()}
        products = [
            Change(known.get(product.sku), _kept(product, known.get(product.sku), wanted.silent_on, named))
            for product in wanted.products
        ]
        codes = self._codes(wanted.codes)
        meant = [Change(codes.get((code.supplier, code.code)), code) for code in wanted.codes]
        difference = Difference(
            products=tuple(change for change in products if change.before != change.after),
            codes=tuple(change for change in meant if change.before != change.after),
            unchanged_products=sum(change.before == change.after for change in products),
            unchanged_codes=sum(change.before == change.after for change in meant),
        )
        self._refuse_foreign_listings(difference, {product.sku for product in wanted.products})
        self._refuse_doubles(difference, {(code.supplier, code.code) for code in wanted.codes})
        return difference

    def push(self, difference: Difference, at: str) -> None:
        """Write a difference; `at`: when, which is when its mappings begin to count."""
        leads = [item for change in difference.products for item in _leads(change.after)]
        new = [ledger.catalogue_item(change.after.sku) for change in difference.products if change.before is None]
        self.table.write_all(leads + new)
        led = {Key(item["PK"], item["SK"]) for item in leads}
        for change in difference.products:
            for item in _leads(change.before) if change.before else ():
                if (key := Key(item["PK"], item["SK"])) not in led:
                    self.table.delete(key)
        self.table.write_all([to_item(change.after) for change in difference.products])
        self.codes.map([change.after for change in difference.codes], at)

    def products(self, skus: Iterable[Sku]) -> dict[Sku, Product]:
        """Read products, strongly."""
        found = self._read(keys.item(sku) for sku in skus)
        return {product.sku: product for product in map(from_item, found.values())}

    def suggestions(self, code: str, gtin: str) -> tuple[Suggestion, ...]:
        """List SKUs that a supplier's code may mean: of the same GTIN, or called the same but for case and marks."""
        found = {Sku(item["SK"]): "the same GTIN" for item in self._led_by(keys.gtin(gtin, Sku("")))} if gtin else {}
        if plain := identity.plain(code):
            for item in self._led_by(keys.mpn(plain, Sku(""))):
                found.setdefault(Sku(item["SK"]), f"its {item['of']} is the same")
        return tuple(Suggestion(sku=sku, because=because) for sku, because in sorted(found.items()))

    def listed(self, channel: ChannelId, listing: str) -> Sku | None:
        """Answer what a channel's listing is of."""
        found = self.table.get(keys.listing(channel, listing))
        return Sku(found["sku"]) if found else None

    def listings(self, channel: ChannelId) -> dict[str, Sku]:
        """Read all that a channel lists of ours, listing -> SKU, strongly."""
        found = self.table.query("PK = :pk", {":pk": keys.listing(channel, "").pk}, consistent=True)
        return {item["SK"]: Sku(item["sku"]) for item in found}

    def learn(self, channel: ChannelId, sku: Sku, listing: str, before: str = "") -> bool:
        """Note what a shop calls a SKU of ours; answer False where that is not as it was seen.

        `before`: the listing that it had, empty for none. Raises Transient.
        """
        lead = {**_head(keys.listing(channel, listing), "listing"), "sku": sku}
        is_led_anew = self.table.put_new(lead)
        if not is_led_anew and self.listed(channel, listing) != sku:
            return False
        seen = "inventory_items.#channel = :before" if before else "attribute_not_exists(inventory_items.#channel)"
        is_learned, _ = self.table.update(
            keys.item(sku),
            {
                "UpdateExpression": "SET inventory_items.#channel = :listing, revision = revision + :one, "
                "learned = list_append(if_not_exists(learned, :none), :channels)",
                "ConditionExpression": f"attribute_exists(PK) AND ({seen} OR inventory_items.#channel = :listing)",
                "ExpressionAttributeNames": {"#channel": channel},
                "ExpressionAttributeValues": attributes.image(
                    {":listing": listing, ":one": 1, ":none": [], ":channels": [channel]}
                    | ({":before": before} if before else {})
                ),
            },
        )
        if not is_learned and is_led_anew:
            self.table.delete(keys.listing(channel, listing))
        if is_learned and before:
            self.table.delete(keys.listing(channel, before))
        return is_learned

    def kits_of(self, part: Sku) -> dict[Sku, int]:
        """Read which kits a SKU is part of, and how many units of it each takes."""
        prefix = keys.kit_of(part, Sku(""))
        found = self.table.query("PK = :pk AND begins_with(SK, :kit)", {":pk": prefix.pk, ":kit": prefix.sk})
        return {Sku(item["SK"].removeprefix(prefix.sk)): item["units"] for item in found}

    @property
    def codes(self) -> SupplierCodes:
        """The codes in the same table."""
        return SupplierCodes(self.table)

    def _codes(self, wanted: Iterable[SupplierCode]) -> dict[tuple[SourceId, str], SupplierCode]:
        asked: dict[SourceId, list[str]] = {}
        for each in wanted:
            asked.setdefault(each.supplier, []).append(each.code)
        return {
            (supplier, code): known
            for supplier, codes in asked.items()
            for code, known in self.codes.meanings(supplier, codes).items()
        }

    def _led_by(self, to: Key) -> Iterator[dict[str, Any]]:
        return self.table.query("PK = :pk", {":pk": to.pk})

    def _refuse_doubles(self, difference: Difference, named: set[tuple[SourceId, str]]) -> None:
        """Hold new meanings against what is stored and not named: the files are checked among themselves.

        Raises InvalidInput for a SKU that another code means on the same day, and for a code that means a SKU which is
        itself a code of that supplier for another one.
        """
        with_codes = {
            supplier: self.codes.has_any(supplier) for supplier in {each.after.supplier for each in difference.codes}
        }
        for code in (each.after for each in difference.codes if with_codes[each.after.supplier]):
            skus = {meaning.sku for meaning in code.meanings}
            of_skus = [other for sku in sorted(skus) for other in self.codes.codes_of(code.supplier, sku)]
            by_name = [
                *self.codes.known(code.supplier, skus).values(),
                *self.codes.codes_of(code.supplier, Sku(code.code)),
            ]
            for other in (each.mapping for each in (*of_skus, *by_name) if (code.supplier, each.code) not in named):
                if other is None:
                    continue
                if sku := identity.doubled(code, other):
                    told, do = (
                        "two codes of a supplier mean the same SKU on the same day",
                        "end one before the other begins",
                    )
                    raise InvalidInput(
                        told,
                        code="code_doubled",
                        supplier=code.supplier,
                        wanted=code.code,
                        stored=other.code,
                        sku=sku,
                        do=do,
                    )
                if identity.leads_on(code, other) or identity.leads_on(other, code):
                    told, do = (
                        "a code means a SKU that is itself a code of the supplier",
                        "map both to the SKU that is meant",
                    )
                    raise InvalidInput(
                        told, code="code_leads_on", supplier=code.supplier, wanted=code.code, stored=other.code, do=do
                    )

    def _refuse_foreign_listings(self, difference: Difference, named: set[Sku]) -> None:
        new = {
            keys.listing(channel, listing): (change.after.sku, channel)
            for change in difference.products
            for channel, listing in change.after.inventory_items.items()
            if change.before is None or change.before.inventory_items.get(channel) != listing
        }
        for key, item in self._read(new).items():
            sku, channel = new[key]
            if item["sku"] != sku and item["sku"] not in named:
                raise InvalidInput(
                    "a listing is of another product, which this configuration does not name",
                    code="listing_taken",
                    channel=channel,
                    listing=key.sk,
                    of=item["sku"],
                    wanted_for=sku,
                    do="name that product too, without the listing",
                )

    def _read(self, wanted: Iterable[Key]) -> dict[Key, dict[str, Any]]:
        found = dynamo.read_all(self.table.client, [(self.table.name, key) for key in wanted], consistent=True)
        return {key: item for (_, key), item in found.items()}


def to_item(product: Product) -> dict[str, Any]:
    """Write a product as an item; an amount that nobody said is not in it."""
    amounts = {"price_minor": product.price_minor, "map_minor": product.map_minor}
    return {
        **_head(keys.item(product.sku), "product"),
        "title": product.title,
        "inventory_items": dict(product.inventory_items),
        "parts": dict(product.parts),
        "substitutes": list(product.substitutes),
        "grams": product.grams,
        "hazmat": product.hazmat,
        "currency": product.currency,
        **{name: amount for name, amount in amounts.items() if amount is not None},
        **{name: value for name in ("gtin", "mpn", "learned") if (value := getattr(product, name))},
    }


def from_item(item: Mapping[str, Any]) -> Product:
    """Read a product back."""
    return Product(
        sku=Sku(item["PK"].removeprefix("SKU#")),
        title=item["title"],
        inventory_items={ChannelId(channel): listing for channel, listing in item["inventory_items"].items()},
        parts={Sku(part): units for part, units in item.get("parts", {}).items()},
        substitutes=tuple(Sku(sku) for sku in item.get("substitutes", ())),
        grams=item.get("grams", 0),
        hazmat=item.get("hazmat", False),
        price_minor=item.get("price_minor"),
        map_minor=item.get("map_minor"),
        currency=item.get("currency", ""),
        gtin=item.get("gtin", ""),
        mpn=item.get("mpn", ""),
        learned=tuple(sorted({ChannelId(channel) for channel in item.get("learned", ())})),
    )


def _leads(product: Product) -> Iterator[dict[str, Any]]:
    """Write what leads to a product: from its listings, from its parts when it is a kit, from what it may be called."""
    for channel, listing in product.inventory_items.items():
        yield {**_head(keys.listing(channel, listing), "listing"), "sku": product.sku}
    for part, units in product.parts.items():
        yield {**_head(keys.kit_of(part, product.sku), "kit_part"), "units": units}
    if product.gtin:
        yield _head(keys.gtin(product.gtin, product.sku), "gtin")
    called = {identity.plain(product.mpn): "MPN"} | {identity.plain(product.sku): "SKU"}
    for plain, of in called.items():
        if plain:
            yield {**_head(keys.mpn(plain, product.sku), "mpn"), "of": of}


def _head(key: Key, entity: str) -> dict[str, Any]:
    return {"PK": key.pk, "SK": key.sk, "entity": entity, "schema": SCHEMA, "revision": 1}


def _kept(
    product: Product, before: Product | None, silent_on: Iterable[str], named: Collection[tuple[ChannelId, str]]
) -> Product:
    """Keep what the configuration says nothing about: fields, and listings that a shop told and nobody else has."""
    if before is None:
        return product
    told = {channel: before.inventory_items.get(channel, "") for channel in before.learned}
    learned = {
        channel: listing
        for channel, listing in told.items()
        if listing and channel not in product.inventory_items and (channel, listing) not in named
    }
    return replace(
        product,
        inventory_items={**product.inventory_items, **learned},
        learned=tuple(sorted(learned)),
        **{field: getattr(before, field) for field in silent_on},
    )
