"""A purchase order, or the request to cancel one, as JSON by a template: each supplier's API has a shape of its own.

`$name` stands for a value, a table with `$lines` alone for one table a line. Numbers stay numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.domain.purchase_orders import PoLine
from shared.formats.purchase_order_csv import ADDRESS, Document

LINES = "$lines"


def render(document: Document, template: object, *, is_test: bool = False) -> bytes:
    """Write a document; the same document is the same bytes. The template has passed `sending_rules`."""
    values: dict[str, Any] = {
        "$request": document.request.value,
        "$number": document.number,
        "$order_token": document.order_token,
        "$order_name": document.order_name,
        "$test": is_test,
    }
    values |= {f"$ship_to.{part}": document.ship_to.get(part, "") for part in ADDRESS}
    return json.dumps(_filled(template, values, document.lines), ensure_ascii=False, separators=(",", ":")).encode()


def _filled(template: object, values: Mapping[str, Any], lines: tuple[PoLine, ...]) -> object:
    match template:
        case str() if template.startswith("$$"):
            return template[1:]
        case str() if template.startswith("$"):
            return values[template]
        case Mapping() if LINES in template:
            return [_filled(template[LINES], {**values, **_of_line(line)}, ()) for line in lines]
        case Mapping():
            return {name: _filled(each, values, lines) for name, each in template.items()}
        case list():
            return [_filled(each, values, lines) for each in template]
    return template


def _of_line(line: PoLine) -> dict[str, Any]:
    """Say a line by our SKU, and by the supplier's code where there is one, by ours where it calls it as we do."""
    return {
        "$line": line.line,
        "$sku": line.sku,
        "$units": line.units,
        "$supplier_sku": line.code or line.sku,
        "$supplier_units": line.units // line.pack,
    }
