"""A purchase order, or the request to cancel one, as an X12 interchange of its own: an 850, or an 860.

Everything in it, its control number and its time too, comes from what is kept with the purchase order, so that a
second try is the same to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.domain.documents import ChangeRequest, OrderedLine, OrderRequest, Wish, WishedLine
from shared.domain.purchase_orders import PoLine
from shared.errors import InvalidInput
from shared.formats import x12_850, x12_860, x12_writer
from shared.formats.purchase_order_csv import Document, Request
from shared.formats.x12_850 import Habits
from shared.formats.x12_writer import Partnership

WHOLE = 1
"""We ask to cancel all of an order once, by this number; what is asked again is the same request."""


def render(
    document: Document,
    partnership: Partnership,
    zone: str,
    *,
    order_type: str,
    control: int,
    times: tuple[datetime, ...],
) -> bytes:
    """Write a document. `times`: when the order was made, and of a cancel, when it was first to go out."""
    made_at, at = times[0], times[-1]
    if document.request is Request.ORDER:
        return render_orders([(document, made_at)], partnership, zone, order_type=order_type, control=control, at=at)
    habits = Habits(type=order_type)
    dated, today = (each.astimezone(ZoneInfo(zone)).date() for each in (made_at, at))
    lines = tuple(_line(line) for line in document.lines)
    change = ChangeRequest(
        number=document.number,
        ordered=dated,
        request=WHOLE if document.left is None else WHOLE + 1 + control % (x12_860.MOST_REQUESTS - 1),
        dated=today,
        is_cancel=document.left is None,
        lines=tuple(_wished(line, (document.left or {}).get(line.line, 0)) for line in lines),
    )
    sets = [(x12_860.NUMBER, x12_860.body(change, habits).body)]
    return x12_writer.interchange(partnership, x12_860.FUNCTIONAL_ID, sets, control=control, at=at)


def render_orders(
    orders: Sequence[tuple[Document, datetime]],
    partnership: Partnership,
    zone: str,
    *,
    order_type: str,
    control: int,
    at: datetime,
) -> bytes:
    """Write orders, each with when it was made, as 850s of one interchange."""
    sets = []
    for document, made_at in orders:
        order = OrderRequest(
            number=document.number,
            dated=made_at.astimezone(ZoneInfo(zone)).date(),
            lines=tuple(_line(line) for line in document.lines),
            order_name=document.order_name,
            order_token=document.order_token,
            ship_to=document.ship_to,
        )
        sets.append((x12_850.NUMBER, x12_850.body(order, habits=Habits(type=order_type)).body))
    return x12_writer.interchange(partnership, x12_850.FUNCTIONAL_ID, sets, control=control, at=at)


def _wished(line: OrderedLine, left: int) -> WishedLine:
    return (
        WishedLine(line=replace(line, units=left), wish=Wish.FEWER) if left else WishedLine(line=line, wish=Wish.DELETE)
    )


def _line(line: PoLine) -> OrderedLine:
    """Say a line in pieces: packs have a unit of measure of each supplier's own, which nobody told us."""
    if line.pack != 1:
        raise InvalidInput("an X12 order has pieces only, and this code is a pack", code="x12_packs", sku=line.sku)
    return OrderedLine(line=line.line, sku=line.sku, units=line.units, supplier_sku=line.code)
