"""A purchase order, or the request to cancel one, as CSV in UTF-8 (RFC 4180): a heading, then one row a line.

`sku` and `units` are ours; `supplier_sku` and `supplier_units` say the same by the supplier's own code and in its
packs, and are empty where we know of no code.

Every row carries the number, our order and the address, so that a row stands alone. A machine reads it: values are
written as they are, quoted where the dialect needs it, and never altered; what cannot be carried is refused.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.domain.names import Sku
from shared.domain.purchase_orders import PoLine
from shared.errors import InvalidInput


class Request(StrEnum):
    """What the supplier is asked to do."""

    ORDER = "order"
    CANCEL = "cancel"


ADDRESS = ("name", "company", "address1", "address2", "city", "zip", "province", "country_code", "phone")
_HEAD = ("request", "number", "order_token", "order_name")
_LINE = ("line", "sku", "units", "supplier_sku", "supplier_units")
_SHIP_TO = tuple(f"ship_to_{part}" for part in ADDRESS)
COLUMNS = _HEAD + _LINE + _SHIP_TO

_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that end or break a row, or have no UTF-8: control characters, lone surrogates, separators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one file says. `ship_to`: parts of the address by name, personal data; a cancel needs none.

    `left`, of a cancel of some units: what is still wanted of its lines, by line; None: all of it is cancelled.
    """

    request: Request
    number: str
    order_token: str
    order_name: str
    lines: tuple[PoLine, ...]
    left: Mapping[str, int] | None = None
    ship_to: Mapping[str, str] = field(default_factory=dict, repr=False)


def render(*documents: Document) -> bytes:
    """Write documents; the same ones are the same bytes. Raises InvalidInput for what a row cannot carry."""
    text = io.StringIO(newline="")
    rows = [row for document in documents for row in _rows(document)]
    csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n").writerows([COLUMNS, *rows])
    return text.getvalue().encode()


def _rows(document: Document) -> list[list[str]]:
    if not document.lines:
        raise InvalidInput("a purchase order needs a line", code="po_without_lines", number=document.number)
    if unknown := sorted(document.ship_to.keys() - set(ADDRESS)):
        raise InvalidInput("the address has a part without a column", code="address_part", part=unknown[0])
    head = [document.request.value, document.number, document.order_token, document.order_name]
    address = [document.ship_to.get(part, "") for part in ADDRESS]
    rows = [
        [
            *head,
            line.line,
            line.sku,
            str(line.units),
            line.code,
            str(line.units // line.pack) if line.code else "",
            *address,
        ]
        for line in document.lines
    ]
    for row in rows:
        for column, value in zip(COLUMNS, row, strict=True):
            if any(unicodedata.category(character) in _UNFIT for character in value):
                raise InvalidInput("a value has a control character", code="control_character", column=column)
    return rows


def parse(body: bytes) -> Document:
    """Read a document back. Raises InvalidInput for bytes that `render` did not write."""
    try:
        heading, *rows = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
        read = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        lines = tuple(_line(row) for row in read)
        document = Document(
            request=Request(read[0]["request"]),
            number=read[0]["number"],
            order_token=read[0]["order_token"],
            order_name=read[0]["order_name"],
            lines=lines,
            ship_to={part: read[0][f"ship_to_{part}"] for part in ADDRESS if read[0][f"ship_to_{part}"]},
        )
    except (ValueError, ZeroDivisionError, IndexError, csv.Error) as error:
        raise InvalidInput("a purchase order file cannot be read", code="po_file_unreadable") from error
    if tuple(heading) != COLUMNS or render(document) != body:
        raise InvalidInput("a purchase order file is not as we write them", code="po_file_foreign")
    return document


def _line(row: Mapping[str, str]) -> PoLine:
    line = PoLine(line=row["line"], sku=Sku(row["sku"]), units=int(row["units"]))
    if not row["supplier_sku"]:
        return line
    return replace(line, code=row["supplier_sku"], pack=line.units // int(row["supplier_units"]))
