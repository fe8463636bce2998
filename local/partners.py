"""What suppliers of the afternoon read and write: X12 by one, CSV by the others.

Like a partner's own software it knows the published standard (ASC X12 004010) and docs/documents.md, and nothing of
`shared`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

OURS, THEIRS = "NORDLYS", "KVIST"
"""Whose interchanges these are: the merchant's name, and the X12 supplier's."""


@dataclass(frozen=True)
class Line:
    """A line that is asked for: the merchant's number of it, the SKU, units."""

    line: str
    sku: str
    units: int


@dataclass(frozen=True)
class Asked:
    """A purchase order as it lies in a supplier's folder. `control`: of its group, where it is X12."""

    number: str
    lines: Sequence[Line]
    control: str = ""


def read_csv(body: bytes) -> Asked:
    """Read a purchase order of one file."""
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    lines = [Line(row["line"], row["sku"], int(row["units"])) for row in rows]
    return Asked(rows[0]["number"], lines)


def read_850(body: bytes) -> Asked:
    """Read the one purchase order of an interchange."""
    segments = [each.split("*") for each in body.decode().replace("\n", "").split("~") if each]
    control = next(each[6] for each in segments if each[0] == "GS")
    number = next(each[3] for each in segments if each[0] == "BEG")
    lines = [
        Line(each[1], dict(zip(each[6::2], each[7::2], strict=True))["SK"], int(each[2]))
        for each in segments
        if each[0] == "PO1"
    ]
    return Asked(number, lines, control)


def counts_846(counts: Mapping[str, tuple[int, str]], control: int) -> bytes:
    """Write inventory advice: SKU -> units and cost."""
    now = datetime.now(UTC)
    lines = [
        f"LIN*{n}*VP*{sku}~CTP*WH*WHL*{cost}~QTY*33*{units}*EA"
        for n, (sku, (units, cost)) in enumerate(sorted(counts.items()), 1)
    ]
    head = f"BIA*00*DD*{control}*{now:%Y%m%d}*{now:%H%M}"
    return _interchange("IB", "846", [head, *lines, f"CTT*{len(lines)}"], control)


def reads_997(asked: Asked, control: int) -> bytes:
    """Say that a purchase order could be read."""
    body = [f"AK1*PO*{asked.control}", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]
    return _interchange("FA", "997", body, control)


def accepts_855(asked: Asked, units: int, control: int) -> bytes:
    """Accept so many units of the only line, fewer than were asked for."""
    (line,) = asked.lines
    today = datetime.now(UTC)
    answer = f"PO1*{line.line}*{line.units}*EA***SK*{line.sku}~ACK*IQ*{units}*EA"
    return _interchange("PR", "855", [f"BAK*00*AC*{asked.number}*{today:%Y%m%d}", answer, "CTT*1"], control)


def ships_856(asked: Asked, units: int, tracking: str, control: int) -> bytes:
    """Say that so many units of the only line left in one parcel, by UPS."""
    (line,) = asked.lines
    now = datetime.now(UTC)
    body = [
        f"BSN*00*SHIP-{control}*{now:%Y%m%d}*{now:%H%M}",
        f"HL*1**S~TD5**2*UPSN~DTM*011*{now:%Y%m%d}",
        f"HL*2*1*O~PRF*{asked.number}",
        f"HL*3*2*P~MAN*CP*{tracking}",
        f"HL*4*3*I~LIN*{line.line}*SK*{line.sku}~SN1**{units}*EA",
        "CTT*4",
    ]
    return _interchange("SH", "856", body, control)


def counts_csv(counts: Mapping[str, tuple[int, str]]) -> bytes:
    """Write a stock file: SKU -> units and cost."""
    return _table(["Item", "Stock", "Cost"], [[sku, units, cost] for sku, (units, cost) in sorted(counts.items())])


def answers_csv(asked: Asked, answer: str, why: str = "") -> bytes:
    """Answer `yes` or `no` to every line."""
    rows = [[asked.number, line.sku, answer, line.units, why] for line in asked.lines]
    return _table(["PO", "Item", "Answer", "Units", "Why"], rows)


def ships_csv(asked: Asked, carrier: str, tracking: str) -> bytes:
    """Say that every line left in one parcel."""
    rows = [[asked.number, line.sku, line.units, carrier, tracking, f"S-{asked.number}"] for line in asked.lines]
    return _table(["PO", "Item", "Units", "By", "Tracking", "Note"], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([heads, *rows])
    return text.getvalue().encode()


def _interchange(group: str, kind: str, body: Sequence[str], control: int) -> bytes:
    now = datetime.now(UTC)
    segments = [each for text in body for each in text.split("~")]
    isa = "*".join(
        [
            *("ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{THEIRS:<15}", "ZZ", f"{OURS:<15}", f"{now:%y%m%d}"),
            *(f"{now:%H%M}", "U", "00401", f"{control:09d}", "0", "P", ">"),
        ]
    )
    whole = [
        isa,
        f"GS*{group}*{THEIRS}*{OURS}*{now:%Y%m%d}*{now:%H%M}*{control}*X*004010",
        f"ST*{kind}*0001",
        *segments,
        f"SE*{len(segments) + 2}*0001",
        f"GE*1*{control}",
        f"IEA*1*{control:09d}",
    ]
    return "".join(f"{each}~\n" for each in whole).encode()
