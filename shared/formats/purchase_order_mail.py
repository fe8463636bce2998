"""A purchase order, or the request to cancel one, as a mail: an order that a person reads, and the same as CSV.

The table is for a spreadsheet, so what could run there is marked (`people_csv`); machines get files.
"""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from shared.domain.purchase_orders import PoLine
from shared.errors import InvalidInput
from shared.formats import people_csv
from shared.formats.purchase_order_csv import ADDRESS, COLUMNS, Document, Request

TITLES = {Request.ORDER: "Purchase order", Request.CANCEL: "Please cancel purchase order"}


def render(document: Document, sender: str, to: tuple[str, ...]) -> bytes:
    """Write a mail; the same document is the same bytes. Raises InvalidInput for an order without a line."""
    if not document.lines:
        raise InvalidInput("a purchase order needs a line", code="po_without_lines", number=document.number)
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Subject"] = f"{TITLES[document.request]} {document.number}"
    mail["X-Truestock-Number"] = document.number
    mail.set_content(_text(document), cte="quoted-printable")
    name = f"PO-{document.number}{'-cancel' if document.request is Request.CANCEL else ''}.csv"
    mail.add_attachment(_table(document), maintype="text", subtype="csv", filename=name)
    mail.set_boundary(f"=_{document.request}_{document.order_token}")
    return mail.as_bytes()


def _text(document: Document) -> str:
    lines = [f"{TITLES[document.request]} {document.number} (our order {document.order_name})", ""]
    lines += [
        f"  {_packs(each)} x {each.code or each.sku}   line {each.line}, ours {each.sku}" for each in document.lines
    ]
    address = [document.ship_to[part] for part in ADDRESS if document.ship_to.get(part)]
    lines += ["", "Ship to:", *(f"  {' '.join(part.split())}" for part in address)] if address else []
    return "\n".join([*lines, "", f"Please name {document.number} in your answer. The attachment says the same.", ""])


def _table(document: Document) -> bytes:
    head = [document.request.value, document.number, document.order_token, document.order_name]
    address = [document.ship_to.get(part, "") for part in ADDRESS]
    rows = [
        [*head, line.line, line.sku, line.units, line.code, _packs(line) if line.code else "", *address]
        for line in document.lines
    ]
    return people_csv.render(COLUMNS, rows)


def _packs(line: PoLine) -> int:
    return line.units // line.pack
