"""A purchase order, or the request to cancel one, as a mail: an order that a person reads, and the same as CSV.

The table is for a spreadsheet, so what could run there is marked (`people_csv`); machines get files.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP

from shared.domain.purchase_orders import PoLine
from shared.errors import InvalidInput
from shared.formats import people_csv
from shared.formats.people_csv import Cell
from shared.formats.purchase_order_csv import ADDRESS, COLUMNS, Document, Request

TITLES = {Request.ORDER: "Purchase order", Request.CANCEL: "Please cancel purchase order"}
A_PART = "Please cancel a part of purchase order"


def render(document: Document, sender: str, to: tuple[str, ...]) -> bytes:
    """Write a mail; the same document is the same bytes. Raises InvalidInput for an order without a line."""
    if not document.lines:
        raise InvalidInput("a purchase order needs a line", code="po_without_lines", number=document.number)
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Subject"] = f"{_title(document)} {document.number}"
    mail["X-Truestock-Number"] = document.number
    mail.set_content(_text(document), cte="quoted-printable")
    name = f"PO-{document.number}{'-cancel' if document.request is Request.CANCEL else ''}.csv"
    mail.add_attachment(people_csv.render(COLUMNS, _rows(document)), maintype="text", subtype="csv", filename=name)
    mail.set_boundary(f"=_{document.request}_{document.order_token}")
    return mail.as_bytes()


def render_batch(number: str, documents: Sequence[Document], sender: str, to: tuple[str, ...]) -> bytes:
    """Write a mail of many orders; the same ones are the same bytes."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Subject"] = f"{len(documents)} purchase orders: {number}"
    mail["X-Truestock-Number"] = number
    mail.set_content("\n".join(_text(each) for each in documents), cte="quoted-printable")
    rows = [row for each in documents for row in _rows(each)]
    mail.add_attachment(people_csv.render(COLUMNS, rows), maintype="text", subtype="csv", filename=f"PO-{number}.csv")
    mail.set_boundary(f"=_{number}")
    return mail.as_bytes()


def _text(document: Document) -> str:
    lines = [f"{_title(document)} {document.number} (our order {document.order_name})", ""]
    lines += [
        f"  {_packs(each)} x {each.code or each.sku}   line {each.line}, ours {each.sku}" for each in document.lines
    ]
    address = [document.ship_to[part] for part in ADDRESS if document.ship_to.get(part)]
    lines += ["", "Ship to:", *(f"  {' '.join(part.split())}" for part in address)] if address else []
    return "\n".join([*lines, "", f"Please name {document.number} in your answer. The attachment says the same.", ""])


def _title(document: Document) -> str:
    return A_PART if document.left is not None else TITLES[document.request]


def _rows(document: Document) -> list[list[Cell]]:
    head = [document.request.value, document.number, document.order_token, document.order_name]
    address = [document.ship_to.get(part, "") for part in ADDRESS]
    return [
        [*head, line.line, line.sku, line.units, line.code, _packs(line) if line.code else "", *address]
        for line in document.lines
    ]


def _packs(line: PoLine) -> int:
    return line.units // line.pack
