"""Stock files of every format, written from rows as a supplier would write them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from xml.sax.saxutils import escape, quoteattr

import openpyxl

from shared.domain import money, profiles
from shared.domain.names import Sku
from shared.domain.photographs import Refusal, Row
from shared.domain.places import Place
from shared.domain.profiles import FeedProfile
from shared.formats import stock_files

COLUMNS = {"sku": "Item", "quantity": "On hand", "cost": "Price"}

DELIMITED = FeedProfile(columns=COLUMNS)


def profile(**settings: object) -> FeedProfile:
    """A profile as the rules would have it."""
    return profiles.parse(Place("feed", {"columns": COLUMNS} | settings))


FIXED = profile(format="fixed", columns={"sku": "1-30", "quantity": "31-45", "cost": "46-65"}, width=65)
XLSX = profile(format="xlsx")
JSON = profile(format="json", rows="data.items")
NDJSON = profile(format="ndjson")
XML = profile(format="xml", rows="stock/item", columns={"sku": "@id", "quantity": "qty", "cost": "price/net"})


def read(data: bytes | str, how: FeedProfile = DELIMITED, currency: str = "EUR") -> list[Row | Refusal]:
    file = io.BytesIO(data if isinstance(data, bytes) else data.encode())
    return list(stock_files.read(file, how, currency))


def row(line: int, sku: str, units: int, cost_minor: int | None = None, **more: object) -> Row:
    return Row(line=line, sku=Sku(sku), units=units, cost_minor=cost_minor, **more)  # type: ignore[arg-type]


def delimited(rows: Iterable[Row], how: FeedProfile, currency: str) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=how.delimiter)
    words = [word for word in ("sku", "quantity", "cost") if word in how.columns]
    writer.writerow(how.columns[word] for word in words)
    for each in rows:
        cells = {"sku": _wrapped(each.sku), "quantity": str(each.units), "cost": _cost(each, currency)}
        writer.writerow(cells[word] for word in words)
    return written.getvalue().encode(how.encoding)


def fixed(rows: Iterable[Row], how: FeedProfile, currency: str) -> bytes:
    lines = [f"{_wrapped(each.sku):30}{each.units:>15}{_cost(each, currency):>20}\r\n" for each in rows]
    return "".join(lines).encode(how.encoding)


def xlsx(rows: Iterable[Row], _how: FeedProfile, currency: str) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Item", "On hand", "Price"])
    for each in rows:
        cost = None if each.cost_minor is None else _cost(each, currency)
        sheet.append([None, each.units, None if cost is None else float(cost)])
        cell = sheet.cell(sheet.max_row, 1)
        cell.value = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", _wrapped(each.sku))
        cell.data_type = "s"  # else `=...` is a formula
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def sheet(*rows: Iterable[object], name: str = "Stock") -> bytes:
    """A workbook of one sheet with these cells."""
    book = openpyxl.Workbook()
    book.worksheets[0].title = name
    for each in rows:
        book.worksheets[0].append(list(each))
    return saved(book)


def json_array(rows: Iterable[Row], how: FeedProfile, currency: str) -> bytes:
    items = ",\n".join(_object(each, currency) for each in rows)
    head = '{"ok": true, "errors": [{"a": "]}\\""}], "data": {"next": null, "items": ['
    return f'{head}{items}], "page": 1}}, "x": [1.5e3, -2]}}\n'.encode(how.encoding)


def ndjson(rows: Iterable[Row], how: FeedProfile, currency: str) -> bytes:
    return "".join(_object(each, currency) + "\n" for each in rows).encode(how.encoding)


def xml(rows: Iterable[Row], _how: FeedProfile, currency: str) -> bytes:
    items = [
        f"<item id={quoteattr(_wrapped(each.sku))}><qty>{each.units}</qty>"
        f"<note>5 &lt; 6<qty>9</qty></note><price><net>{escape(_cost(each, currency))}</net></price></item>"
        for each in rows
    ]
    return f'<?xml version="1.0"?><stock>{chr(10).join(items)}\n</stock>'.encode()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as packed:
        for name, data in members:
            packed.writestr(name, data)
    return written.getvalue()


def changed(data: bytes, part: str, by: Callable[[bytes], bytes]) -> bytes:
    """A zip with one member changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        members = [(info.filename, packed.read(info)) for info in packed.infolist()]
    return zipped(*[(name, by(body) if name == part else body) for name, body in members])


def with_shared_texts(data: bytes) -> bytes:
    """A workbook whose texts lie in a part of their own, as Excel writes them."""
    texts: list[str] = []

    def shared(found: re.Match[str]) -> str:
        texts.append(found[2])
        return f'<c r="{found[1]}" t="s"><v>{len(texts) - 1}</v></c>'

    def of_sheet(body: bytes) -> bytes:
        return re.sub(r'<c r="(\w+)" t="inlineStr"><is><t>([^<]*)</t></is></c>', shared, body.decode()).encode()

    relation = b'<Relationship Id="rIdT" Type="http://x/sharedStrings" Target="/xl/texts.xml"/></Relationships>'
    data = changed(data, "xl/worksheets/sheet1.xml", of_sheet)
    data = changed(data, "xl/_rels/workbook.xml.rels", lambda body: body.replace(b"</Relationships>", relation))
    part = f"<sst>{''.join(f'<si><t>{each}</t></si>' for each in texts)}</sst>".encode()
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return zipped(*[(name, packed.read(name)) for name in packed.namelist()], ("xl/texts.xml", part))


Write = Callable[[Iterable[Row], FeedProfile, str], bytes]

FORMATS: dict[str, tuple[FeedProfile, Write, int]] = {  # and the line of the first row
    "delimited": (DELIMITED, delimited, 2),
    "fixed": (FIXED, fixed, 1),
    "xlsx": (XLSX, xlsx, 2),
    "json": (JSON, json_array, 1),
    "ndjson": (NDJSON, ndjson, 1),
    "xml": (XML, xml, 1),
}


def _wrapped(sku: str) -> str:
    # A reader takes one ="..." off, so a SKU that looks so gets one more.
    return f'="{sku}"' if re.fullmatch(r'="(.*)"', sku) else sku


def _cost(row: Row, currency: str) -> str:
    return "" if row.cost_minor is None else money.decimal(row.cost_minor, currency)


def _object(row: Row, currency: str) -> str:
    cost = None if row.cost_minor is None else _cost(row, currency)
    return json.dumps({"Item": _wrapped(row.sku), "On hand": row.units, "Price": cost, "more": {"On hand": [7]}})
