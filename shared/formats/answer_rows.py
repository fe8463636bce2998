"""A supplier's answers as rows, CSV, JSON or XML: acknowledgements, shipments, answers to a cancel.

Rows of one order (of a shipment: of one document number) are one document, in the order of the file. It is refused as
a whole by any row of it that cannot be read; a row that does not even say whose it is refuses the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO, NamedTuple

from shared.domain import quantities
from shared.domain.answer_profiles import AnswerFile, AnswerProfile, Kind
from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.domain.documents import (
    MOST_FINDINGS,
    MOST_LINES,
    Acknowledgement,
    AnsweredLine,
    ChangeAnswer,
    ChangedLine,
    Document,
    DocumentRefused,
    Finding,
    LineSays,
    Mark,
    Origin,
    Parcel,
    ProductId,
    Purpose,
    ShipmentNotice,
    ShippedLine,
    Spot,
    When,
    Whose,
    told,
)
from shared.domain.numerals import Number
from shared.domain.photographs import Refusal
from shared.domain.profiles import Field, Format
from shared.domain.quantities import Wording
from shared.errors import InvalidInput
from shared.formats import containers, delimited, json_rows, x12_acks, xml_rows
from shared.formats.stock_rows import SCIENTIFIC, Cell, Place, text_of

LONGEST_CELL = 200
IDENTIFIERS = frozenset({"order", "line", "sku", "our_sku", "document", "supplier_order", "tracking"})

_READERS = {
    Format.DELIMITED: delimited.rows,
    Format.JSON: json_rows.array,
    Format.NDJSON: json_rows.lines,
    Format.XML: xml_rows.rows,
}
_PRICE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_WHOLE = Wording()


class Cells(NamedTuple):
    """One row: our word -> its text, or what is wrong with it."""

    place: Place
    cells: Mapping[str, str | InvalidInput]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRead:
    """One document of a file: about which order, or under which number; None where `findings` say why it is refused."""

    key: str
    document: Document | None
    findings: tuple[Finding, ...] = ()


def read(file: BinaryIO, profile: AnswerProfile, kind: Kind) -> list[RowsRead]:
    """Read every document of a file. Raises InvalidInput where the file as a whole cannot be read."""
    how = profile.files.get(kind)
    if how is None:
        raise InvalidInput("the source's rules do not say how such a file reads", code="answers_unknown", kind=kind)
    reader = _Reader(how.fields(kind))
    groups: dict[tuple[str, str], list[Cells]] = {}
    with containers.unwrapped(file, is_workbook=False) as inner:
        for at, row in enumerate(_READERS[how.layout.format](inner, how.layout, reader)):
            if at == MOST_LINES:
                raise InvalidInput("a file has too many rows", code="lines_too_many", most=MOST_LINES)
            if isinstance(row, Refusal):
                raise DocumentRefused([_refusal(row)])
            groups.setdefault(_key(row, kind), []).append(row)
    return [_document(key, rows, profile, how, kind) for (_, key), rows in groups.items()]


class _Reader:
    """Takes the texts of cells, whatever they mean."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields

    def read(self, place: Place, cells: Sequence[Cell]) -> Cells | None:
        return Cells(place, {each.word: _text(each.word, cell) for each, cell in zip(self.fields, cells, strict=True)})


def _text(word: str, cell: Cell) -> str | InvalidInput:
    try:
        text = text_of(cell)
    except InvalidInput as failure:
        return failure
    if len(text) > LONGEST_CELL or not text.isprintable():
        return InvalidInput("a cell is too long, or has a control character", code="cell_unreadable")
    if word in IDENTIFIERS and (SCIENTIFIC.fullmatch(text) or (isinstance(text, Number) and not text.isdigit())):
        return InvalidInput("a number or name that a spreadsheet has changed", code="identifier_spoiled")
    return text


def _key(row: Cells, kind: Kind) -> tuple[str, str]:
    """Say by which word and value a row belongs to a document. Raises DocumentRefused where it does not say so."""
    for word in ("document", "order") if kind is Kind.SHIPMENT else ("order",):
        key = row.cells.get(word, "")
        if isinstance(key, InvalidInput):
            raise DocumentRefused([_finding(row, word, key.code, key.message)])
        if key:
            return word, key
    raise DocumentRefused(
        [_finding(row, "order", "element_missing", "which purchase order a row is about is not said")]
    )


def _refusal(row: Refusal) -> Finding:
    return Finding(
        code="row_unreadable",
        segment=row.line,
        element=0,
        byte=row.offset or 0,
        text=row.reason,
        name=row.column,
        value=row.value,
    )


def _finding(row: Cells, word: str, code: str, text: str) -> Finding:
    value = row.cells.get(word, "")
    shown = told(value) if isinstance(value, str) else ""
    line, offset = row.place
    return Finding(code=code, segment=line, element=0, byte=offset or 0, text=text, name=word, value=shown)


def _document(key: str, cells: Sequence[Cells], profile: AnswerProfile, how: AnswerFile, kind: Kind) -> RowsRead:
    rows = _Rows(cells, profile, how, kind)
    document: Document | None = None
    with suppress(DocumentRefused):  # there are too many findings to go on
        document = _MAKE[kind](rows)
    if rows.findings:
        return RowsRead(key=key, document=None, findings=tuple(rows.findings))
    return RowsRead(key=key, document=document)


@dataclass(slots=True)
class _Rows:
    """The rows of one document while they are read."""

    rows: Sequence[Cells]
    profile: AnswerProfile
    how: AnswerFile
    kind: Kind
    findings: list[Finding] = field(default_factory=list)

    def find(self, row: Cells, word: str, code: str, text: str) -> None:
        self.findings.append(_finding(row, word, code, text))
        if len(self.findings) == MOST_FINDINGS:
            raise DocumentRefused(self.findings)

    def text(self, row: Cells, word: str) -> str:
        value = row.cells.get(word, "")
        if isinstance(value, InvalidInput):
            self.find(row, word, value.code, value.message)
            return ""
        return value

    def same(self, word: str) -> str:
        """Return what every row says; rows that say two things are a finding."""
        found: dict[str, Cells] = {}
        for row in self.rows:
            if text := self.text(row, word):
                found.setdefault(text, row)
        if len(found) > 1:
            self.find(list(found.values())[1], word, "rows_disagree", "rows of one document say two things")
        return next(iter(found), "")

    def units(self, row: Cells, word: str) -> int | None:
        text = self.text(row, word)
        if not text:
            return None
        try:
            read = quantities.read(text, _WHOLE, self.how.layout.marks).units
        except InvalidInput as failure:
            self.find(row, word, "units_unreadable", failure.message)
            return None
        if read < 0:
            self.find(row, word, "units_unreadable", "a number of units below zero")
            return None
        return read

    def day(self, row: Cells, word: str) -> date | None:
        text = self.text(row, word)
        if not text:
            return None
        try:
            return datetime.strptime(text, self.how.day).date()  # noqa: DTZ007 - a day at the supplier
        except ValueError:
            self.find(row, word, "date_unreadable", f"a date such as {self.how.day} was expected")
            return None

    def price(self, row: Cells) -> Decimal | None:
        text = self.text(row, "price")
        if not text:
            return None
        try:
            plain = self.how.layout.marks.plain(text, decimals=2)
        except InvalidInput as failure:
            self.find(row, "price", "price_unreadable", failure.message)
            return None
        if not _PRICE.fullmatch(plain):
            self.find(row, "price", "price_unreadable", "a price was expected")
            return None
        return Decimal(plain)

    def products(self, row: Cells) -> tuple[ProductId, ...]:
        named = (("sku", Whose.SUPPLIER), ("our_sku", Whose.OURS))
        found = tuple(ProductId(whose, text, word) for word, whose in named if (text := self.text(row, word)))
        if not found and not self.text(row, "line") and self.kind is not Kind.CANCEL:
            self.find(row, "line", "line_unnamed", "neither a line nor a product stands here")
        return found

    def action(self, row: Cells) -> Action | ChangeOutcome | None:
        text = self.text(row, "action")
        found = self.how.actions.get(quantities.word(text))
        if found is None:
            self.find(row, "action", "ack_code_unknown", "what this word means for the line is not known")
        return found

    def origin(self) -> Origin:
        """Name what the rows say: the same rows again are the same document, in whatever file."""
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(repr(sorted((word, str(text)) for word, text in row.cells.items())).encode())
        return Origin(kind=self.kind, spot=_spot(self.rows[0]), digest=digest.hexdigest()[:16])


def _spot(row: Cells) -> Spot:
    return Spot(row.place.line, row.place.offset or 0)


def _acknowledgement(rows: _Rows) -> Acknowledgement:
    by_line: dict[tuple[str, tuple[ProductId, ...]], AnsweredLine] = {}
    for row in rows.rows:
        line, products, ordered = rows.text(row, "line"), rows.products(row), rows.units(row, "ordered")
        price = rows.price(row)
        said = _says(rows, row, ordered, price)
        before = by_line.get((line, products))
        if before and before.ordered != ordered:
            rows.find(row, "ordered", "rows_disagree", "rows of one line say two things")
        if before and len(before.says) == x12_acks.MOST_ACKS:
            rows.find(row, "line", "acks_too_many", "a line has too many answers")
            continue
        by_line[line, products] = AnsweredLine(
            line=line,
            products=products,
            says=(*(before.says if before else ()), *([said] if said else [])),
            spot=before.spot if before else _spot(row),
            ordered=ordered,
            price=price,
        )
    return Acknowledgement(
        origin=rows.origin(),
        order=rows.same("order"),
        purpose=Purpose.ORIGINAL,
        lines=tuple(by_line.values()),
        number=rows.same("document"),
        supplier_order=rows.same("supplier_order"),
    )


def _says(rows: _Rows, row: Cells, ordered: int | None, price: Decimal | None) -> LineSays | None:
    units = rows.units(row, "units")
    if "action" in rows.how.columns:
        action = rows.action(row)
    elif units is None:
        rows.find(row, "units", "units_missing", "how many units is not said")
        return None
    else:
        action = Action.PARTIAL if units == 0 or (ordered is not None and units < ordered) else Action.ACCEPT
        if ordered is not None and units > ordered:
            action = Action.CHANGE
    if not isinstance(action, Action):
        return None
    if not units and action in x12_acks.AS_ALL:
        units = None
    day, word = rows.day(row, "on"), rows.text(row, "reason")
    if action is Action.PRICE and price is None:
        rows.find(row, "price", "price_missing", "the price is changed, but to what is not said")
    if action is Action.SUBSTITUTE:
        rows.find(row, "action", "substitute_unnamed", "another product ships, but no column says which")
    if (units is None and action is Action.PARTIAL) or (units == 0 and action is not Action.PARTIAL):
        rows.find(row, "units", "units_missing", "how many units is not said")
    return LineSays(
        action=action,
        units=units,
        spot=_spot(row),
        on=When(day) if day else None,
        price=price,
        reason=rows.profile.reasons.get(quantities.word(word), Reason.OTHER) if action is Action.REJECT else None,
        text=word,
    )


def _shipment(rows: _Rows) -> ShipmentNotice:
    parcels: dict[tuple[str, str, str], list[ShippedLine]] = {}
    days: set[date] = set()
    for row in rows.rows:
        way = (rows.text(row, "tracking"), rows.text(row, "carrier"), rows.text(row, "service"))
        if day := rows.day(row, "shipped"):
            days.add(day)
        units = rows.units(row, "units")
        if units is None:
            rows.find(row, "units", "units_missing", "how many units are shipped is not said")
        parcels.setdefault(way, []).append(
            ShippedLine(
                order=rows.text(row, "order"),
                line=rows.text(row, "line"),
                products=rows.products(row),
                units=units or 0,
                spot=_spot(row),
            )
        )
        if not rows.text(row, "order"):
            rows.find(row, "order", "order_missing", "which purchase order it belongs to is not said")
    if len(days) > 1:
        rows.find(rows.rows[0], "shipped", "shipped_twice", "it was shipped on two days")
    return ShipmentNotice(
        origin=rows.origin(),
        number=rows.same("document"),
        purpose=Purpose.ORIGINAL,
        parcels=tuple(
            Parcel(lines=tuple(lines), carrier=carrier, service=service, tracking=_marks(tracking))
            for (tracking, carrier, service), lines in parcels.items()
        ),
        shipped_on=min(days, default=None),
    )


def _marks(tracking: str) -> tuple[Mark, ...]:
    return (Mark("", tracking),) if tracking else ()


def _cancel(rows: _Rows) -> ChangeAnswer:
    lines: list[ChangedLine] = []
    whole: ChangeOutcome | None = None
    for row in rows.rows:
        line, products, outcome = rows.text(row, "line"), rows.products(row), rows.action(row)
        if not isinstance(outcome, ChangeOutcome):
            continue
        if not line and not products:
            if len(rows.rows) > 1:
                rows.find(row, "line", "line_unnamed", "of several rows each must say of which line it is")
            whole = outcome
            continue
        answer = AnsweredLine(line=line, products=products, says=(), spot=_spot(row), ordered=rows.units(row, "units"))
        lines.append(ChangedLine(answer=answer, outcome=outcome))
    return ChangeAnswer(
        origin=rows.origin(),
        order=rows.same("order"),
        purpose=Purpose.ORIGINAL,
        lines=tuple(lines),
        whole=whole,
        number=rows.same("document"),
    )


_MAKE: Mapping[Kind, Callable[[_Rows], Document]] = {
    Kind.ACKNOWLEDGEMENT: _acknowledgement,
    Kind.SHIPMENT: _shipment,
    Kind.CANCEL: _cancel,
}
