"""What suppliers call their columns: how far a name speaks for one of our words, or against it."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[0-9]+")

_SPEAK: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    "sku": (
        (5, "sku"),
        (4, "itemno itemnumber itemcode partno partnumber artikelnr artikelnummer stockcode productcode artno"),
        (3, "item part article artikel ref referencia reference catalog"),
        (2, "art code product style artnr"),
        (1, "id no nr number key model"),
    ),
    "quantity": (
        (5, "qty quantity onhand bestand menge cantidad existencias qtyavail qtyavailable stockqty"),
        (4, "available avail instock disponible"),
        (3, "stock free lager inventory units availability soh atp"),
        (1, "hand balance"),
    ),
    "cost": (
        (5, "cost einkaufspreis ek"),
        (3, "price preis precio prix net netto nett itemprice unitprice"),
        (2, "trade dealer wholesale"),
        (1, "current buy unit"),
    ),
    "gtin": ((5, "ean upc gtin barcode barcod isbn ean13 upca"),),
    "status": ((5, "status discontinued lifecycle"), (4, "state active allocated zustand"), (3, "available")),
    "warehouse": ((5, "warehouse whse whs almacén almacen depot location site branch whseno whsno lagerort"),),
    "pack": ((5, "pack uom casepack vpe packsize"), (2, "unit case")),
    "variant": ((5, "color colour size variant option farbe groesse größe talla taille"),),
}
_SPEAK_AGAINST: Final[dict[str, str]] = {
    "sku": "vend vendor supplier mfg mfr manufacturer brand group category name title desc description color colour "
    "upc ean gtin barcode barcod qty quantity price preis date whse whs warehouse location depot store",
    "quantity": "min minimum max maximum order ordered pack case weight price cost due date code id incoming status "
    "item no number ref expected reserved",
    "cost": "retail rrp msrp map list sale old uvp vat shipping weight date qty quantity",
    "gtin": "",
    "status": "",
    "warehouse": "name",
    "pack": "price weight",
    "variant": "name",
}
AGAINST = -6


def _words(name: str) -> set[str]:
    """Split a name, or a path, into small words; the last step of a path also whole."""
    step = re.split(r"[./]", name.replace("[]", ""))[-1]
    parts = {part.casefold() for part in _PARTS.findall(name[:200])}
    return parts | {"".join(_PARTS.findall(step[:200])).casefold()}


_POINTS = {
    (word, part): points for word, groups in _SPEAK.items() for points, parts in groups for part in parts.split()
}


@cache
def points(word: str, name: str) -> int:
    """Say how far a column's name speaks for one of our words: 6 at most, 0 for nothing, less against it."""
    words = _words(name)
    spoken = sorted((_POINTS.get((word, part), 0) for part in words), reverse=True)
    found = min(sum(spoken[:2]), 6) if spoken else 0
    return found + AGAINST if words & set(_SPEAK_AGAINST[word].split()) else found
