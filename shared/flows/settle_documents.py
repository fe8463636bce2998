"""One document of a supplier -> moves of its orders, parcels, holds; or it is held whole, with why (docs/documents.md).

What it means is judged against the orders first, and kept; then it is taken, step by step, each once by its marker.
A crash leaves a document that is `taken`: the next delivery takes the same steps, and finds those that are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, assert_never

from shared.domain import carriers, document_moves, orders, times
from shared.domain.answer_words import Reason
from shared.domain.answers import Answer, LineAnswer, Says
from shared.domain.document_moves import ALLOWED, WAITS, Asked, Meaning, Promise, Step
from shared.domain.documents import (
    Acknowledgement,
    Advised,
    ApplicationAdvice,
    ChangeAnswer,
    Document,
    Finding,
    FunctionalAck,
    Parcel,
    ProductId,
    Purpose,
    ShipmentNotice,
    ShippedLine,
    Spot,
    Verdict,
    Whose,
)
from shared.domain.names import LevelKey, SourceId
from shared.domain.orders import Order
from shared.domain.packages import Package
from shared.domain.people import By, Wish
from shared.domain.physical import Adjustment
from shared.domain.planned import Needs
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PoEvent, PoLine, PoState, PurchaseOrder, step
from shared.domain.rules import Rules, Source
from shared.errors import Conflict, InvalidInput, Rejected
from shared.flows.answer_orders import AnswerOrders
from shared.formats.document_files import Found, name_of
from shared.storage import order_lists, parcels
from shared.storage.documents import MOST_STEPS, Documents, Entry, State
from shared.storage.facts import Facts
from shared.storage.operations import Operations
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.problems import Problems

if TYPE_CHECKING:
    from shared.flows.cancel_requests import CancelRequests

HELD = "document_held"
MOST_TRIES = 4
MOST_ORDERS = 500
"""Purchase orders that one document may be about."""

LOOK = "truestock documents show; then release what may be allowed, reject it, or mend the cause and retry"
COUNTED_ANEW = frozenset({Reason.OUT_OF_STOCK.value, Reason.DISCONTINUED.value, Reason.MISMATCH.value, WAITS})
"""Reasons by which the level's count is wrong: nobody takes of it before the next one."""
TELLS = {
    Reason.DISCONTINUED.value: ("discontinued", "take the SKU off the supplier's offers, or have its file mended"),
    Reason.MISMATCH.value: ("sku_mismatch", "compare what the supplier calls the SKU: truestock feeds map"),
}
"""Reasons that a person has to act upon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """How a document came: by which file, under which number there, and when; who allowed what is outside the rules."""

    file: str
    name: str
    place: int
    received_at: datetime
    allowed_by: By | None = None


@dataclass(slots=True)
class Judged:
    """What a document means now; `pos`: the purchase orders that it is about, by number."""

    meaning: Meaning = field(default_factory=Meaning)
    asked: dict[str, Asked] = field(default_factory=dict)
    refused: list[PurchaseOrder] = field(default_factory=list)
    names_gtins: bool = False


@dataclass(slots=True)
class SettleDocuments:
    """Settles documents one at a time. `cancels` connects what few documents need."""

    book: OrderBook
    documents: Documents
    answers: AnswerOrders
    operations: Operations
    problems: Problems
    cancels: Callable[[], CancelRequests]

    def run(self, found: Found, source: Source, came: Came, rules: Rules, now: datetime) -> tuple[str, Entry]:
        """Bring a document to its end; say what is counted, and what stands of it. Raises Conflict, Transient."""
        for _ in range(MOST_TRIES):
            done = self._run(found, source, came, rules, now)
            if done:
                return done
        raise Conflict("a document keeps changing", code="document_busy", source=source.source)

    def seen(self, found: Found, source: Source) -> Entry | None:
        """Read what is known of a document's number."""
        return self.documents.read(source.source, found.type, _number(found))

    def judge(self, found: Found, source: Source, came: Came, before: Entry | None) -> Judged:
        """Say what a document means now, and write nothing."""
        judged = Judged()
        document = found.document
        if document is None:
            judged.meaning.findings += found.findings
            return judged
        self._mean(document, source, judged)
        self._correct(document, before, judged)
        if len(judged.meaning.steps) > MOST_STEPS:
            judged.meaning.find("document_too_large", "it moves too many lines at once", document.origin.spot)
        if came.allowed_by:
            judged.meaning.allow()
        if not judged.meaning.findings:
            self._rehearse(document, source, judged, is_first=before is None)
        return judged

    def reject(self, entry: Entry, by: By, now: datetime) -> bool:
        """Put a held document aside for good; answer False when somebody wrote it since."""
        after = replace(entry, state=State.REJECTED, by=by.actor, because=by.reason)
        if self.documents.write(after, entry) is None:
            return False
        self._close(after, now, "it was rejected")
        return True

    def read_again(self, entry: Entry, as_read: Entry, now: datetime) -> None:
        """Note that what could not be read is read now, under a number of its own."""
        if entry.subject != as_read.subject:
            self.documents.write(replace(entry, state=State.READ_AGAIN, because=as_read.subject), entry)
            self._close(entry, now, "it is read now")

    # ---- what it means

    def _mean(self, document: Document, source: Source, judged: Judged) -> None:
        spot = document.origin.spot
        judged.names_gtins = _names_gtins(document)
        match document:
            case Acknowledgement():
                self._judge_purpose(document.purpose, spot, judged)
                if asked := self._asked(document.order, spot, source, judged):
                    asked = asked.unanswered() if document.purpose is Purpose.REPLACE else asked
                    document_moves.acknowledged(document, asked, source.answers.policy, judged.meaning)
            case ShipmentNotice():
                self._judge_purpose(document.purpose, spot, judged)
                self._judge_shipment(document, source, judged)
            case ChangeAnswer():
                asked = self._asked(document.order, spot, source, judged)
                if asked and document_moves.change_answered(document, asked, judged.meaning):
                    judged.refused.append(asked.po)
            case FunctionalAck() | ApplicationAdvice():
                return
            case _:
                assert_never(document)

    @staticmethod
    def _judge_purpose(purpose: Purpose, spot: Spot, judged: Judged) -> None:
        if purpose is Purpose.CANCEL:
            judged.meaning.find("cancels_a_document", "it takes back what an earlier one said", spot)

    def _judge_shipment(self, notice: ShipmentNotice, source: Source, judged: Judged) -> None:
        by_order: dict[str, list[ShippedLine]] = {}
        for parcel in notice.parcels:
            for line in parcel.lines:
                by_order.setdefault(line.order, []).append(line)
        if len(by_order) > MOST_ORDERS:
            judged.meaning.find("document_too_large", "it is about too many purchase orders", notice.origin.spot)
            return
        for number, lines in by_order.items():
            if asked := self._asked(number, lines[0].spot, source, judged):
                document_moves.shipped(lines, asked, source.answers.policy, judged.meaning)

    def _asked(self, number: str, spot: Spot, source: Source, judged: Judged) -> Asked | None:
        """Read a purchase order of this supplier; what is none is a finding."""
        key = order_lists.find(self.book.orders, "po", number) if number == name_of(number) else None
        order = self.book.order(key) if key else None
        pos = [po for po in self.book.purchase_orders(key) if po.number == number] if key else []
        if order is None or not pos:
            judged.meaning.find("unknown_order", "no purchase order has this number", spot, "order", number)
            return None
        (po,) = pos
        if po.source != source.source:
            text = "the purchase order is another supplier's"
            judged.meaning.find("other_supplier", text, spot, "order", number)
            return None
        levels = frozenset(LevelKey(line.sku, po.source) for line in po.lines)
        offers = self.book.read((), Needs(levels=levels), consistent=False).offers
        costs = {
            key.sku: offer.cost_minor
            for key, offer in offers.items()
            if offer.cost_minor is not None and offer.currency == source.currency
        }
        known = Facts(self.book.stock).products({line.sku for line in po.lines}) if judged.names_gtins else {}
        gtins = {product.sku: product.gtin for product in known.values() if product.gtin}
        asked = Asked(order=order, po=po, currency=source.currency, costs=costs, gtins=gtins)
        judged.asked[number] = asked
        return asked

    @staticmethod
    def _correct(document: Document, before: Entry | None, judged: Judged) -> None:
        """Hold a document against what was said before: under its number, or, of no number, of its purchase order."""
        meaning, spot = judged.meaning, document.origin.spot
        is_new = before is None or before.digest == document.origin.digest or before.state is not State.APPLIED
        if getattr(document, "purpose", Purpose.ORIGINAL) is Purpose.REPLACE:
            if before and not is_new:
                document_moves.difference(before.said, meaning.steps, spot, meaning)
            elif isinstance(document, Acknowledgement):
                said = [each for asked in judged.asked.values() for each in asked.said()]
                document_moves.difference(said, meaning.steps, spot, meaning)
        elif not is_new:
            text = "another document came under this number, and it does not say that it corrects that one"
            meaning.find("number_taken", text, spot)

    def _rehearse(self, document: Document, source: Source, judged: Judged, *, is_first: bool) -> None:
        spots = _spots(document)

        def is_moved(each: Step) -> bool:
            po = judged.asked[each.number].po
            marker = document_moves.move_id(po, each, document.origin.digest)
            return not is_first and self.book.has_moved(po.order, marker)

        def spot_of(each: Step) -> Spot:
            return spots.get((each.number, each.line), document.origin.spot)

        for number, asked in judged.asked.items():
            steps = [each for each in judged.meaning.steps if each.number == number]
            document_moves.rehearse(steps, asked, source.deducts_at, is_moved, spot_of, judged.meaning)

    # ---- what becomes of it

    def _run(self, found: Found, source: Source, came: Came, rules: Rules, now: datetime) -> tuple[str, Entry] | None:
        number = _number(found)
        seen = self.seen(found, source)
        digest = found.document.origin.digest if found.document else ""
        if seen and digest and digest in seen.earlier:
            return "DocumentRepeated", seen
        is_same = seen is not None and digest == seen.digest
        if seen and is_same and seen.state in {State.APPLIED, State.REJECTED}:
            return "DocumentRepeated", seen
        if seen and not is_same and seen.state is State.TAKEN:
            raise Conflict("an earlier document of this number is being taken", code="document_busy", number=number)
        entry = _entry(found, source, came, number, digest)
        if seen and is_same and seen.state is State.TAKEN:
            return self._take(found, seen, source, rules, now)
        judged = self.judge(found, source, came, seen)
        about = ", ".join(list(judged.asked)[:5])
        if judged.meaning.findings:
            return self._hold(replace(entry, about=about), judged.meaning.findings, seen, now)
        earlier = (*seen.earlier, seen.digest) if seen and seen.state is State.APPLIED else ()
        said = (*(seen.said if earlier and seen else ()), *judged.meaning.steps)
        taken = replace(entry, about=about, steps=tuple(judged.meaning.steps), said=said, earlier=earlier)
        taken = replace(taken, state=State.TAKEN)
        # Before it is taken: what is taken already is not judged again, and would never be told.
        self._note(judged.meaning.promises, judged, digest, now)
        self._refuse(judged.refused, now)
        written = self.documents.write(taken, seen)
        if written is None:
            return None
        return self._take(found, written, source, rules, now)

    def _hold(
        self, entry: Entry, findings: Sequence[Finding], seen: Entry | None, now: datetime
    ) -> tuple[str, Entry] | None:
        """Keep a document with why nothing of it is applied; of one number what was applied stays written."""
        if seen and seen.state is State.APPLIED:
            entry = replace(entry, number=f"{entry.number}~{entry.digest[:8]}")
            seen = self.documents.read(entry.source, entry.type, entry.number)
        file = entry.file.replace("done/", "held/", 1)
        held = replace(entry, state=State.HELD, file=file, findings=tuple(findings))
        written = seen if seen and replace(held, revision=seen.revision) == seen else self.documents.write(held, seen)
        if written is None:
            return None
        first = findings[0]
        problem = Problem(
            kind=HELD,
            subject=held.subject,
            reason=f"{first.text}: {first.code}",
            action=LOOK,
            details={"findings": len(findings), "file": held.file, "about": held.about},
        )
        self.problems.open(problem, times.text(now))
        return "DocumentHeld", written

    def _take(
        self, found: Found, entry: Entry, source: Source, rules: Rules, now: datetime
    ) -> tuple[str, Entry] | None:
        """Take the steps of a document that is judged, and end it."""
        document = found.document
        if document is None:
            raise AssertionError("what cannot be read has no steps")
        try:
            self._apply(document, entry, source, rules, now)
        except (InvalidInput, Rejected) as failure:  # the order has changed since it was judged
            finding = Finding(code=failure.code, segment=0, element=0, byte=0, text=failure.message)
            return self._hold(replace(entry, steps=(), said=()), [finding], entry, now)
        ended = self.documents.write(replace(entry, state=State.APPLIED, findings=()), entry)
        if ended is None:
            return None
        self._close(ended, now, "it is applied")
        return "DocumentApplied", ended

    def _apply(self, document: Document, entry: Entry, source: Source, rules: Rules, now: datetime) -> None:
        received = times.read(entry.received_at)
        at = None
        match document:
            case ShipmentNotice():
                at = document.shipped_at
                self._keep_parcels(document, source)
            case FunctionalAck():
                if document.group.verdict is Verdict.REJECTED:
                    self._misread(source.source, f"group {document.group.control}", now)
            case ApplicationAdvice():
                for advised in document.advised:
                    self._advised(source.source, advised, now)
            case _:
                pass
        for number in dict.fromkeys(each.number for each in entry.steps):
            key = order_lists.find(self.book.orders, "po", number)
            order = self.book.order(key) if key else None
            if order is None:
                raise InvalidInput("no such order", code="unknown_order", number=number)
            (po,) = [po for po in self.book.purchase_orders(order.key) if po.number == number]
            mine = [each for each in entry.steps if each.number == number]
            for each in mine:
                self._correct_stock(each, order, po, entry, now)
                answer = Answer(
                    order=order.key,
                    number=number,
                    document=document_moves.document_of(each, entry.digest),
                    received_at=received,
                    lines=(LineAnswer(line=each.line, says=each.says, units=each.units),),
                    at=at,
                    why=each.why,
                )
                self.answers.run(answer, rules, now, By(source.source, _told(each, entry)))
            self._ask_to_cancel(mine, po, entry, source, now)

    def _correct_stock(self, each: Step, order: Order, po: PurchaseOrder, entry: Entry, now: datetime) -> None:
        """Let the level say what a rejection tells of it, before its units can be taken again."""
        if each.says is not Says.REJECTED:
            return
        key = LevelKey(order.line(each.line).sku, po.source)
        wish = Wish(f"{entry.digest}-{po.number}-{each.line}-{each.why}", By(po.source, _told(each, entry)), now)
        try:
            if each.why == Reason.DAMAGED:
                self.operations.adjust(key, -each.units, Adjustment.DAMAGED, wish)
            elif each.why in COUNTED_ANEW and self.operations.level(key).counted_as_of < entry.received_at:
                self.operations.hold(key, "", wish)
        except Rejected:
            return  # it was counted since: that one knows
        if each.why in TELLS:
            kind, action = TELLS[each.why]
            reason = f"the supplier rejects it: {each.why}"
            problem = Problem(kind=kind, subject=f"{key.sku} at {key.source}", reason=reason, action=action)
            self.problems.open(problem, times.text(now))

    def _ask_to_cancel(
        self, mine: Sequence[Step], po: PurchaseOrder, entry: Entry, source: Source, now: datetime
    ) -> None:
        """Ask not to ship what another source ships meanwhile: accepted too late, or waiting and not waited for."""
        order = self.book.order(po.order)
        units: Counter[str] = Counter()
        for each in mine:
            found = order and next((a for a in order.allocations if (a.n, a.line) == (po.n, each.line)), None)
            if each.why == WAITS:
                units[each.line] += each.units
            elif each.says is Says.ACCEPTED and found:
                units[each.line] += min(found.late, each.units)
        lines = tuple(_of_line(line, units[line.line]) for line in po.lines if units[line.line])
        if order is None or not lines:
            return
        self.cancels().ask(order, po, lines, (entry.digest[:8], entry.received_at), source, now)

    def _keep_parcels(self, notice: ShipmentNotice, source: Source) -> None:
        judged = Judged(names_gtins=_names_gtins(notice))
        for at, parcel in enumerate(notice.parcels, 1):
            by_order: dict[str, list[ShippedLine]] = {}
            for line in parcel.lines:
                by_order.setdefault(line.order, []).append(line)
            for number, lines in by_order.items():
                asked = judged.asked.get(number) or self._asked(number, lines[0].spot, source, judged)
                units = document_moves.units_of(lines, asked) if asked else {}
                if asked and units:
                    for package in _packages(parcel, units, notice, source.source, at):
                        parcels.keep(self.book.orders, asked.order.key, package)

    def _note(self, promises: Iterable[Promise], judged: Judged, digest: str, now: datetime) -> None:
        """Move an order's promise to the day until which its supplier keeps units waiting, once, with a word of it."""
        for each in promises:
            po = judged.asked[each.number].po
            move_id = f"{WAITS}#{po.source}#{po.n}#{digest}#{each.line}"
            told = f"{each.units} of line {each.line} wait there until {each.day}"
            notes = {"actor": po.source, "reason": told}
            for _ in range(MOST_TRIES):
                before = self.book.order(po.order)
                if before is None or self.book.has_moved(po.order, move_id):
                    break
                after = replace(orders.promise(before, each.line, po.n, each.day), revision=before.revision + 1)
                self._tell_of_promise(before, after, each.line, now)
                if self.book.move((before, after), (), [], move_id=move_id, now=now, notes=notes).is_done:
                    break
            else:
                raise Conflict("the order keeps changing", code="order_busy", order=str(po.order))

    def _tell_of_promise(self, before: Order, after: Order, line: str, now: datetime) -> None:
        """Have a person tell the customer of a later day: before it is written, so that no crash keeps it silent."""
        was, day = before.line(line).promised, after.line(line).promised
        if day > was:
            reason = f"a line is promised for {day} now" + (f", it was for {was}" if was else "")
            action = "tell the customer the new day, or agree on something else"
            details: dict[str, str | int] = {"line": line, "was": was, "promised": day}
            subject = str(after.key)
            problem = Problem(kind="promise_moved", subject=subject, reason=reason, action=action, details=details)
            self.problems.open(problem, times.text(now))

    def _refuse(self, refused: Iterable[PurchaseOrder], now: datetime) -> None:
        """Note that a supplier does not cancel: it ships, and a person tells the customer."""
        for po in refused:
            reason, action = "the supplier does not cancel it", "it ships: agree with the customer on a return"
            problem = Problem(kind="cancel_refused", subject=po.number, reason=reason, action=action)
            self.problems.open(problem, times.text(now))
            if po.state is PoState.CANCELLING:
                Outbox(self.book).change(po, replace(step(po, PoEvent.CANCEL_REFUSED), cancel_wanted=False))

    def _advised(self, source: SourceId, advised: Advised, now: datetime) -> None:
        if advised.verdict is Verdict.REJECTED:
            self._misread(source, f"{advised.qualifier} {advised.reference}".strip(), now)

    def _misread(self, source: SourceId, what: str, now: datetime) -> None:
        reason, action = "the supplier could not use what it was sent", "read its document; send it again when mended"
        problem = Problem(kind="not_understood", subject=f"{source} {what}"[:100], reason=reason, action=action)
        self.problems.open(problem, times.text(now))

    def _close(self, entry: Entry, now: datetime, because: str) -> None:
        standing = self.problems.read(HELD, entry.subject)
        if standing and standing.is_open:
            self.problems.close(standing, times.text(now), by="truestock", because=because)


def can_be_released(entry: Entry) -> bool:
    """Answer whether all that a document is held for is what a person may allow."""
    return entry.state is State.HELD and all(each.code in ALLOWED for each in entry.findings)


def _number(found: Found) -> str:
    """Name a document among those of its type: by its own number, else by what it says."""
    document = found.document
    if document is None:
        return name_of(found.unread)
    return name_of(getattr(document, "number", "") or document.origin.digest)


def _entry(found: Found, source: Source, came: Came, number: str, digest: str) -> Entry:
    return Entry(
        source=source.source,
        type=found.type,
        number=number,
        state=State.HELD,
        digest=digest,
        file=came.file,
        name=came.name,
        place=came.place,
        received_at=times.text(came.received_at),
        by=came.allowed_by.actor if came.allowed_by else "",
        because=came.allowed_by.reason if came.allowed_by else "",
    )


def _spots(document: Document) -> dict[tuple[str, str], Spot]:
    """Say where a document speaks of a line, as far as it names lines."""
    match document:
        case Acknowledgement():
            return {(document.order, each.line): each.spot for each in document.lines}
        case ShipmentNotice():
            lines = [line for parcel in document.parcels for line in parcel.lines]
            return {(each.order, each.line): each.spot for each in lines}
        case _:
            return {}


def _products(document: Document) -> Iterable[ProductId]:
    """List all products that a document names."""
    match document:
        case Acknowledgement():
            return chain.from_iterable(each.products for each in document.lines)
        case ShipmentNotice():
            return chain.from_iterable(each.products for parcel in document.parcels for each in parcel.lines)
        case ChangeAnswer():
            return chain.from_iterable(each.answer.products for each in document.lines)
        case _:
            return ()


def _told(each: Step, entry: Entry) -> str:
    return f"{entry.type} {entry.number}" + (f": {each.why}" if each.why else "")


def _of_line(line: PoLine, units: int) -> PoLine:
    """Speak of some units of a line, by the supplier's code where they are whole packs."""
    return replace(line, units=units) if not units % line.pack else replace(line, units=units, code="", pack=1)


def _names_gtins(document: Document) -> bool:
    return any(each.whose is Whose.GTIN for each in _products(document))


def _packages(
    parcel: Parcel, units: Mapping[str, int], notice: ShipmentNotice, source: SourceId, at: int
) -> list[Package]:
    said = carriers.carrier(parcel.carrier, parcel.service)
    read = [carriers.read(mark.number, said) for mark in parcel.tracking]
    shipped_at = times.text(notice.shipped_at) if notice.shipped_at else str(notice.shipped_on or "")
    document = name_of(notice.number or notice.origin.digest)
    found = [(each.number, each.carrier, each.validity.value) for each in read] or [(parcel.sscc, said, "")]
    return [
        Package(
            number=name_of(number or f"{document}-{at}"),
            source=source,
            carrier=carrier or parcel.carrier,
            service=parcel.service,
            validity=validity,
            shipped_at=shipped_at,
            document=document,
            lines=units,
        )
        for number, carrier, validity in found
    ]
