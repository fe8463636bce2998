"""What became of a supplier's file, as a document for programs and as a page for people."""

from __future__ import annotations

import json
from dataclasses import asdict

from shared.domain.feeds import FileReport
from shared.domain.photographs import MOST_TOLD, Refusal

SCHEMA = 1


def to_json(report: FileReport) -> bytes:
    """Write a report for programs."""
    return json.dumps({"schema": SCHEMA, **asdict(report)}, indent=1, ensure_ascii=False, default=str).encode()


def to_text(report: FileReport) -> bytes:
    """Write a report for people."""
    told = [
        f"{report.file}",
        f"supplier {report.source}, as of {report.as_of}",
        f"{report.verdict}: {report.reason}" if report.reason else f"{report.verdict}",
        "",
        f"{report.read} rows read, {report.changed} changed, {report.unchanged} unchanged, {report.refused} refused",
    ]
    if report.compared:
        told.append(f"compared with the file before it: {report.compared}")
    told += [f"  {key}: {value}" for key, value in report.details.items()]
    told += [f"unusual: {odd}" for odd in report.odd]
    if report.absent:
        meaning = "they count as 0 now" if report.zeroed else "they are kept as they were"
        told.append(f"{report.absent} SKUs of the file before are not in it: {meaning}")
    if report.refused > MOST_TOLD:
        told.append(f"the first {len(report.refusals)} refused rows:")
    told += [_line(refusal) for refusal in report.refusals]
    told += [f"line {row.line}: {row.sku}: {row.warning}" for row in report.warnings]
    return ("\n".join([*told, "", f"kept as {report.kept}"]) + "\n").encode()


def _line(refusal: Refusal) -> str:
    where = "" if refusal.offset is None else f", byte {refusal.offset}"
    where += f", {refusal.column}" if refusal.column else ""
    # repr, for a cell may hold what moves a terminal's cursor
    return f"line {refusal.line}{where}: {refusal.value!r} refused: {refusal.reason}"
