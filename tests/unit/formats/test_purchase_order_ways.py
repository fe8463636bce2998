"""A purchase order as JSON, as a mail and as an interchange of its own."""

from __future__ import annotations

import email
import email.policy
import json
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from shared.domain.names import Sku
from shared.domain.purchase_orders import PoLine
from shared.errors import InvalidInput
from shared.formats import purchase_order_csv, purchase_order_json, purchase_order_mail, purchase_order_x12
from shared.formats.purchase_order_csv import Document, Request
from shared.formats.x12_writer import Partnership, Party

ADDRESS = {"name": "=Ada Buyer", "address1": "Hafnersteig 4/2", "city": "Wien", "zip": "1010", "country_code": "AT"}
DOCUMENT = Document(
    request=Request.ORDER,
    number="ALPINA-000123",
    order_token="abcdefghij",
    order_name="#1001",
    lines=(
        PoLine(line="l1", sku=Sku("NL-1"), units=12, code="60-1", pack=6),
        PoLine(line="l2", sku=Sku("=1+1"), units=1),
    ),
    ship_to=ADDRESS,
)
CANCEL = replace(DOCUMENT, request=Request.CANCEL, ship_to={})
PIECES = replace(DOCUMENT, lines=(PoLine(line="l1", sku=Sku("NL-1"), units=12, code="60-1"),))
PARTNERSHIP = Partnership(sender=Party(id="TRUESTOCK"), receiver=Party(id="ALPINA"))
MADE = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


def test_a_template_is_filled_and_numbers_stay_numbers() -> None:
    line = {"item": "$supplier_sku", "qty": "$supplier_units", "ours": ["$sku", "$units"]}
    template = {"po": "$number", "fixed": "$$5", "test": "$test", "lines": {"$lines": line}, "to": ["$ship_to.city", 7]}

    assert json.loads(purchase_order_json.render(DOCUMENT, template, is_test=True)) == {
        "po": "ALPINA-000123",
        "fixed": "$5",
        "test": True,
        "lines": [
            {"item": "60-1", "qty": 2, "ours": ["NL-1", 12]},
            {"item": "=1+1", "qty": 1, "ours": ["=1+1", 1]},
        ],
        "to": ["Wien", 7],
    }


def mail(document: Document) -> EmailMessage:
    raw = purchase_order_mail.render(document, "orders@shop.example", ("a@alpina.example", "b@alpina.example"))
    assert raw == purchase_order_mail.render(document, "orders@shop.example", ("a@alpina.example", "b@alpina.example"))
    return email.message_from_bytes(raw, policy=email.policy.SMTP)


def test_a_mail_is_read_by_a_person_and_its_table_runs_nothing() -> None:
    read = mail(DOCUMENT)
    text = read.get_body()
    (attached,) = read.iter_attachments()

    assert (read["Subject"], read["To"]) == ("Purchase order ALPINA-000123", "a@alpina.example, b@alpina.example")
    assert text is not None
    assert "  2 x 60-1   line l1, ours NL-1" in text.get_content()
    assert "  Hafnersteig 4/2" in text.get_content()
    assert attached.get_filename() == "PO-ALPINA-000123.csv"
    table = attached.get_content()
    assert ",'=1+1,1,," in table
    assert ",'=Ada Buyer," in table


def test_a_mail_that_cancels_says_so_and_shows_no_address() -> None:
    read = mail(CANCEL)

    assert read["Subject"] == "Please cancel purchase order ALPINA-000123"
    assert b"Hafnersteig" not in read.as_bytes()


def test_what_people_wrote_cannot_become_a_header() -> None:
    text = mail(replace(DOCUMENT, ship_to=ADDRESS | {"city": "Wien\r\nBcc: x@y.example"}))

    assert text["Bcc"] is None


def x12(document: Document, control: int, *times: datetime) -> str:
    return purchase_order_x12.render(
        document, PARTNERSHIP, "Europe/Vienna", order_type="DS", control=control, times=times
    ).decode()


def test_an_order_is_an_850_of_the_suppliers_day_with_the_number_it_was_given() -> None:
    text = x12(PIECES, 42, MADE)

    assert "~BEG*00*DS*ALPINA-000123**20261125~" in text
    assert "~PO1*l1*12*EA***VN*60-1*SK*NL-1~" in text
    assert text.endswith("~GE*1*42~IEA*1*000000042~")
    assert "*261124*2330*U*00401*000000042*0*P*>~" in text


def test_a_cancel_is_an_860_that_deletes_each_line() -> None:
    text = x12(replace(PIECES, request=Request.CANCEL, ship_to={}), 43, MADE, MADE.replace(day=26))

    assert "~BCH*01*DS*ALPINA-000123**1*20261125*****20261127~" in text
    assert "~POC*l1*DI*12*0*EA**" in text


def test_packs_have_no_unit_of_measure_that_we_know() -> None:
    with pytest.raises(InvalidInput):
        x12(DOCUMENT, 42, MADE)


# ---- many in one


SECOND = replace(PIECES, number="ALPINA-000124", order_token="klmnopqrst", order_name="#1002")


def test_many_orders_are_850s_of_one_interchange() -> None:
    written = purchase_order_x12.render_orders(
        [(PIECES, MADE), (SECOND, MADE)], PARTNERSHIP, "Europe/Vienna", order_type="DS", control=7, at=MADE
    ).decode()

    assert (written.count("ISA*"), written.count("ST*850*"), written.count("BEG*")) == (1, 2, 2)
    assert "GE*2*" in written
    assert all(f"*{each}*" in written for each in ("ALPINA-000123", "ALPINA-000124"))


def test_many_orders_are_one_mail_with_one_table() -> None:
    body = purchase_order_mail.render_batch(
        "ALPINA-B000007", [DOCUMENT, SECOND], "a@shop.example", ("b@alpina.example",)
    )

    mail = email.message_from_bytes(body, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    (table,) = mail.iter_attachments()
    rows = str(table.get_content()).removeprefix("\ufeff").splitlines()
    assert (mail["Subject"], table.get_filename()) == ("2 purchase orders: ALPINA-B000007", "PO-ALPINA-B000007.csv")
    assert [row.split(",")[1] for row in rows] == ["number", "ALPINA-000123", "ALPINA-000123", "ALPINA-000124"]


def test_many_orders_are_rows_under_one_heading() -> None:
    one, two = purchase_order_csv.render(DOCUMENT), purchase_order_csv.render(SECOND)

    assert purchase_order_csv.render(DOCUMENT, SECOND) == one + two.partition(b"\r\n")[2]
