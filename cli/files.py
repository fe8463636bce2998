"""The merchant's files: `rules.yaml` and `products.csv` of one folder, read and checked."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import yaml

from shared.domain import rules
from shared.domain.names import Sku, name
from shared.domain.products import Product
from shared.domain.rules import Rules
from shared.errors import InvalidInput

PRODUCT_COLUMNS = ["sku", "title", "inventory_item"]


class WrongFile(Exception):
    """A file has a mistake; the message says in which file, where, what, and what is allowed there."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a folder says: the document of the rules as written and as read, and the products."""

    document: object
    rules: Rules
    products: tuple[Product, ...]


def read(folder: Path) -> Configuration:
    """Read and check a folder. Raises WrongFile for the first mistake."""
    file = folder / "rules.yaml"
    try:
        document = yaml.safe_load(_text(file))
        checked = rules.parse(document)
    except yaml.YAMLError as error:
        raise WrongFile(f"{file}: not YAML: {error}") from error
    except InvalidInput as error:
        place, value, allowed = (error.details.get(each) for each in ("at", "value", "allowed"))
        place = place or error.details.get("what")
        remedy = f"; allowed: {allowed}" if allowed else ""
        raise WrongFile(f"{file}: {place}: {error.message}: {value}{remedy}") from error
    return Configuration(document, checked, tuple(_products(folder / "products.csv", checked)))


def _products(file: Path, checked: Rules) -> list[Product]:
    rows = csv.DictReader(_text(file).splitlines())
    if rows.fieldnames != PRODUCT_COLUMNS:
        raise WrongFile(f"{file}: line 1: the columns must be {','.join(PRODUCT_COLUMNS)}, not {rows.fieldnames}")
    channels = [channel.channel for channel in checked.channels.values() if channel.active]
    products: dict[Sku, Product] = {}
    for row in rows:
        where = f"{file}: line {rows.line_num}"
        try:
            sku = Sku(name(row["sku"], "sku"))
        except InvalidInput as error:
            raise WrongFile(f"{where}: {error.message}: {row['sku']!r}") from error
        if sku in products:
            raise WrongFile(f"{where}: SKU {sku} is there twice; keep one line of it")
        listed = dict.fromkeys(channels, row["inventory_item"]) if row["inventory_item"] else {}
        products[sku] = Product(sku=sku, title=row["title"] or "", inventory_items=listed)
    return list(products.values())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise WrongFile(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WrongFile(f"{file}: not UTF-8, byte {error.start}: save it as UTF-8") from error
