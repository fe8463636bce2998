"""A supplier's stock file from its rows, in that supplier's own format: the same rows, the same bytes.

A file is written by what the profile says of it, so that both stand in one place. Nothing of the service is used.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Rows = Mapping[str, tuple[int, int]]
"""SKU -> units, and cost in minor units."""

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name=%s sheetId="1" r:id="rId1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def written(supplier: str, profile: Mapping[str, Any], rows: Rows) -> bytes:
    """Write a file as this profile reads it: delimited, a workbook, or a catalogue of offers in XML."""
    match profile.get("format", "delimited"):
        case "xlsx":
            return _workbook(supplier, profile, rows)
        case "xml":
            return _catalogue(supplier, rows)
        case _:
            return _delimited(profile, rows)


def _delimited(profile: Mapping[str, Any], rows: Rows) -> bytes:
    columns = profile["columns"]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=profile.get("delimiter", ","), lineterminator="\r\n")
    writer.writerow([columns["sku"], columns["quantity"], columns["cost"]])
    writer.writerows([sku, units, _money(cost, ".")] for sku, (units, cost) in sorted(rows.items()))
    return text.getvalue().encode(profile.get("encoding", "utf-8"))


def _workbook(supplier: str, profile: Mapping[str, Any], rows: Rows) -> bytes:
    """Write what the shop of such a supplier exports: a title, headings below it, two warehouses, and a total."""
    columns = profile["columns"]
    lines: list[Sequence[object]] = [[f"{supplier.title()}, stock for the trade"]]
    lines += [[]] * (profile["heading_line"] - 1 - len(lines))
    lines.append([columns["sku"], *columns["quantity"], columns["cost"], columns["status"]])
    for sku, (units, cost) in sorted(rows.items()):
        here = units // 3
        lines.append([sku, here, units - here, cost / 100, ""])
    lines.append([profile["footer"]["starts_with"][0], len(rows)])
    cells = "".join(f'<row r="{at}">{_cells(at, line)}</row>' for at, line in enumerate(lines, 1))
    parts = _PARTS | {
        "xl/workbook.xml": _PARTS["xl/workbook.xml"] % quoteattr(profile["sheet"]),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData></worksheet>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in parts.items():
            packed.writestr(zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{body}')  # no time of today
    return file.getvalue()


def _cells(at: int, line: Iterable[object]) -> str:
    written = []
    for column, value in zip("ABCDEFGH", line, strict=False):
        if isinstance(value, str):
            written.append(f'<c r="{column}{at}" t="inlineStr"><is><t>{escape(value)}</t></is></c>' if value else "")
        else:
            written.append(f'<c r="{column}{at}"><v>{value}</v></c>')
    return "".join(written)


def _catalogue(supplier: str, rows: Rows) -> bytes:
    """Write a catalogue as YML has it: an offer per SKU, and how much lies in each of two outlets."""
    offers = [
        f'<offer id={quoteattr(sku)} available="true"><price>{_money(cost, ",")}</price><outlets>'
        f'<outlet id="1" instock="{units - units // 4}"/><outlet id="2" instock="{units // 4}"/></outlets></offer>'
        for sku, (units, cost) in sorted(rows.items())
    ]
    told = "\n".join(offers)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<yml_catalog><shop><name>{escape(supplier.title())}</name><offers>\n{told}\n</offers></shop></yml_catalog>\n"
    ).encode()


def _money(minor: int, mark: str) -> str:
    return f"{minor // 100}{mark}{minor % 100:02d}"
