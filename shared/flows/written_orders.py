"""A purchase order, or the request to cancel one, as bytes for its supplier, by what the rules say of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.domain import times
from shared.domain.batches import Batch
from shared.domain.orders import Order
from shared.domain.purchase_orders import PoLine, PurchaseOrder
from shared.domain.rules import Source
from shared.domain.sending_rules import X12, By, Mode, Sending, WrittenAs
from shared.formats import purchase_order_csv, purchase_order_json, purchase_order_mail, purchase_order_x12
from shared.formats.purchase_order_csv import Document, Request
from shared.formats.x12_writer import Partnership, Party


def written(document: Document, po: PurchaseOrder, source: Source) -> bytes:
    """Write a document; the same purchase order by the same rules is the same bytes. Raises InvalidInput."""
    sending = source.send_by
    is_test = sending.mode is Mode.TEST
    if sending.written_as is WrittenAs.JSON:
        template = sending.order if document.request is Request.ORDER else _cancel(sending)
        return purchase_order_json.render(document, template, is_test=is_test)
    if sending.x12:
        return _x12(document, po, source, sending.x12)
    if sending.by is By.EMAIL and sending.mail:
        return purchase_order_mail.render(document, sending.mail.sender, sending.mail.to)
    return purchase_order_csv.render(document)


def batched(orders: Sequence[tuple[Document, PurchaseOrder]], batch: Batch, source: Source) -> bytes:
    """Write the orders of a batch; the same batch by the same rules is the same bytes. Raises InvalidInput."""
    sending, documents = source.send_by, [document for document, _ in orders]
    if sending.x12:
        return purchase_order_x12.render_orders(
            [(document, times.read(po.made_at)) for document, po in orders],
            _partnership(source, sending.x12),
            source.zone,
            order_type=sending.x12.type,
            control=batch.control,
            at=times.read(batch.made_at),
        )
    if sending.by is By.EMAIL and sending.mail:
        return purchase_order_mail.render_batch(batch.number, documents, sending.mail.sender, sending.mail.to)
    return purchase_order_csv.render(*documents)


def document(request: Request, order: Order, po: PurchaseOrder) -> Document:
    """Say what is asked, without the address."""
    return Document(
        request=request, number=po.number, order_token=order.key.token, order_name=order.name, lines=po.lines
    )


def part_cancelled(order: Order, po: PurchaseOrder, lines: tuple[PoLine, ...]) -> Document:
    """Say which units are wanted no more; all of the order where nothing of it is."""
    live = {each.line: each.live for each in order.allocations if each.n == po.n and each.live}
    asked = document(Request.CANCEL, order, replace(po, lines=lines))
    return replace(asked, left=live) if live else asked


def _cancel(sending: Sending) -> object:
    """Cancel by the rules' template; a file without one says what every file says first."""
    return sending.cancel or {"request": "$request", "number": "$number"}


def _partnership(source: Source, x12: X12) -> Partnership:
    return Partnership(
        sender=Party(id=x12.sender, qualifier=x12.sender_qualifier),
        receiver=Party(id=x12.receiver, qualifier=x12.receiver_qualifier),
        version=x12.version,
        is_test=source.send_by.mode is Mode.TEST,
    )


def _x12(document: Document, po: PurchaseOrder, source: Source, x12: X12) -> bytes:
    is_order = document.request is Request.ORDER
    return purchase_order_x12.render(
        document,
        _partnership(source, x12),
        source.zone,
        order_type=x12.type,
        control=po.control if is_order else po.cancel_control,
        times=tuple(times.read(each) for each in ((po.made_at,) if is_order else (po.made_at, po.cancel_at))),
    )
