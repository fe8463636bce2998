"""What a supplier's document means for one purchase order: steps that move units, or why nobody may take it as it is.

It is judged against the order as a whole before anything moves. What is wrong with it, and what a person has to allow
first, is a finding with its place in the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from shared.domain import answers, gtin, money, times
from shared.domain.answer_profiles import Policy
from shared.domain.answer_words import SHIPS, Action, ChangeOutcome, Reason
from shared.domain.answers import LineAnswer, Says
from shared.domain.documents import (
    Acknowledgement,
    AnsweredLine,
    ChangeAnswer,
    Finding,
    LineSays,
    ProductId,
    ShippedLine,
    Spot,
    Whose,
    product_id,
)
from shared.domain.names import Sku
from shared.domain.orders import Allocation, DeductsAt, Order
from shared.domain.purchase_orders import PoLine, PurchaseOrder
from shared.errors import AppError, InvalidInput

PRICE, DATE, SUBSTITUTE, NOT_ACCEPTED = "price_outside", "date_outside", "substitute", "not_accepted"
ALLOWED = frozenset({PRICE, DATE, SUBSTITUTE, NOT_ACCEPTED})
"""Codes of what a person may allow; the rest has to be mended or put aside."""

WAITS = "backordered"
"""Why a supplier is not asked any more for units that it would have sent later."""


class Step(NamedTuple):
    """So many units of a line of a purchase order, and what becomes of them; `why`: a reason, or `WAITS`."""

    number: str
    line: str
    says: Says
    units: int
    why: str = ""


class Promise(NamedTuple):
    """Units that stay with a supplier until a day; empty where it says none."""

    number: str
    line: str
    units: int
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A purchase order, its order, and what a piece costs at its source, minor units by SKU.

    `gtins`: of its SKUs, of fourteen digits, where one is known.
    """

    order: Order
    po: PurchaseOrder
    currency: str
    costs: Mapping[Sku, int] = field(default_factory=dict)
    gtins: Mapping[Sku, str] = field(default_factory=dict)

    def allocation(self, line: str) -> Allocation | None:
        """Return what the order has of a line under this purchase order."""
        return next((each for each in self.order.allocations if (each.n, each.line) == (self.po.n, line)), None)

    def acceptable(self, line: str) -> int:
        """Count the units of a line that the supplier was asked for and has neither accepted nor rejected."""
        found = self.allocation(line)
        return max(found.units - found.acked - found.rejected, 0) if found else 0

    def free(self, line: str) -> int:
        """Count the units of a line that it may still reject: what is meant for it, and not shipped."""
        found = self.allocation(line)
        return max(found.live - found.shipped, 0) if found else 0

    def unanswered(self) -> Asked:
        """Take the purchase order as if nothing had been said about it: a correction says all of it anew."""
        allocations = tuple(
            replace(each, acked=0, shipped=0, rejected=0) if each.n == self.po.n else each
            for each in self.order.allocations
        )
        return replace(self, order=replace(self.order, allocations=allocations))

    def said(self) -> list[Step]:
        """List what was accepted and rejected before."""
        counted = [(each.line, each.acked, each.rejected) for each in self.order.allocations if each.n == self.po.n]
        steps = [Step(self.po.number, line, Says.ACCEPTED, acked) for line, acked, _ in counted if acked]
        return steps + [Step(self.po.number, line, Says.REJECTED, no) for line, _, no in counted if no]


@dataclass(slots=True)
class Meaning:
    """What a document comes to. Without findings its steps may be taken."""

    steps: list[Step] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def find(self, code: str, text: str, spot: Spot, name: str = "", value: str = "") -> None:
        """Note what is wrong, or has to be allowed."""
        self.findings.append(
            Finding(code=code, segment=spot.segment, element=0, byte=spot.byte, text=text, name=name, value=value[:40])
        )

    def allow(self) -> None:
        """Take as allowed what a person may allow."""
        self.findings = [each for each in self.findings if each.code not in ALLOWED]


def acknowledged(said: Acknowledgement, asked: Asked, policy: Policy, into: Meaning) -> None:
    """Read an answer to a purchase order."""
    if said.currency and said.currency != asked.currency:
        text = "it is in another currency than the source's"
        into.find("other_currency", text, said.origin.spot, "currency", said.currency)
    seen: set[str] = set()
    for each in said.lines:
        line = _line(asked, each.line, each.products, each.spot, into)
        if line and line.line in seen:
            into.find("line_twice", "a line is answered twice", each.spot, "line", line.line)
        elif line:
            seen.add(line.line)
            _answered(each, line, asked, policy, into)
    for line in asked.po.lines:
        if line.line in seen:
            continue
        if said.whole is Action.ACCEPT:
            into.steps.append(Step(asked.po.number, line.line, Says.ACCEPTED, asked.acceptable(line.line)))
        elif said.whole in {Action.REJECT, Action.DELETE}:
            into.steps.append(
                Step(asked.po.number, line.line, Says.REJECTED, asked.free(line.line), Reason.OTHER.value)
            )
    into.steps[:] = [each for each in into.steps if each.units]


def _answered(answer: AnsweredLine, line: PoLine, asked: Asked, policy: Policy, into: Meaning) -> None:
    number, found = asked.po.number, asked.allocation(line.line)
    if found is None:
        into.find("unknown_line", "nothing of the line was asked for", answer.spot, "line", line.line)
        return
    accepted = others = 0
    for said in answer.says:
        units = None if said.units is None else said.units * line.pack
        match said.action:
            case Action.HOLD:
                continue
            case Action.REJECT | Action.DELETE:
                why = said.reason or Reason.OTHER
                refused = _refused(units, found, said, asked, into)
                into.steps.append(Step(number, line.line, Says.REJECTED, refused, why.value))
                others += refused
            case Action.BACKORDER:
                waits = _refused(units, found, said, asked, into)
                _backordered(said, line, waits, asked, policy, into)
                others += waits
            case _:
                _judge(said, line, asked, policy, into)
                taken = asked.acceptable(line.line) if units is None else units
                into.steps.append(Step(number, line.line, Says.ACCEPTED, taken))
                accepted += taken
    if any(said.action is Action.PARTIAL for said in answer.says):
        short = found.units - found.rejected - others - max(found.acked + accepted, found.shipped)
        into.steps.append(Step(number, line.line, Says.REJECTED, max(short, 0), Reason.OUT_OF_STOCK.value))


def _refused(units: int | None, found: Allocation, said: LineSays, asked: Asked, into: Meaning) -> int:
    """Count the units that a supplier will not ship now; of those that were taken back from it meanwhile, none."""
    free = asked.free(found.line)
    if units is not None and units > found.units:
        into.find("reject_too_many", "more than was asked for", said.spot, found.line, str(units))
    return free if units is None else min(units, free)


def _backordered(said: LineSays, line: PoLine, units: int, asked: Asked, policy: Policy, into: Meaning) -> None:
    """Let units wait at the supplier where the rules say so and it is not too long; else they go elsewhere."""
    day = said.on.day if said.on else None
    if policy.backorders == "wait" and day and day <= _latest(asked.po, policy):
        into.promises.append(Promise(asked.po.number, line.line, units, day.isoformat()))
    else:
        into.steps.append(Step(asked.po.number, line.line, Says.REJECTED, units, WAITS))


def _judge(said: LineSays, line: PoLine, asked: Asked, policy: Policy, into: Meaning) -> None:
    """Find what of units that will ship needs a person's word."""
    if said.action not in SHIPS:
        return
    if said.price is not None and _is_dearer(said.price, line, asked, said.action, policy):
        into.find(PRICE, "it is dearer than the rules allow", said.spot, line.line, str(said.price))
    if said.on and said.on.day > _latest(asked.po, policy):
        into.find(DATE, "it ships later than the rules allow", said.spot, line.line, said.on.day.isoformat())
    if said.action is Action.SUBSTITUTE and policy.substitutes == "hold":
        ids = ", ".join(each.id for each in said.substitute)
        into.find(SUBSTITUTE, "another product ships instead", said.spot, line.line, ids)


def _is_dearer(price: Decimal, line: PoLine, asked: Asked, action: Action, policy: Policy) -> bool:
    """Compare with what a piece costs; a price that is said to be new, of what has no known cost, is outside."""
    cost = asked.costs.get(line.sku)
    if cost is None:
        return action is Action.PRICE
    most = Decimal(cost) * (100 + policy.price_percent) / 100
    return price / line.pack * Decimal(10) ** money.exponent(asked.currency) > most


def _latest(po: PurchaseOrder, policy: Policy) -> date:
    since = times.read(po.sent_at or po.claimed_until or po.made_at).date()
    return since + timedelta(days=policy.late_days)


def shipped(lines: Iterable[ShippedLine], asked: Asked, policy: Policy, into: Meaning) -> None:
    """Read what was shipped of one purchase order."""
    for line_id, (count, spot) in _shipped(lines, asked, into).items():
        found = asked.allocation(line_id)
        if policy.unaccepted == "hold" and found and found.shipped + count > found.acked:
            into.find(NOT_ACCEPTED, "more is shipped than was accepted", spot, line_id, str(count))
        into.steps.append(Step(asked.po.number, line_id, Says.SHIPPED, count))


def units_of(lines: Iterable[ShippedLine], asked: Asked) -> dict[str, int]:
    """Count the units of each line of an order that a parcel holds."""
    return {line_id: count for line_id, (count, _) in _shipped(lines, asked, Meaning()).items()}


def _shipped(lines: Iterable[ShippedLine], asked: Asked, into: Meaning) -> dict[str, tuple[int, Spot]]:
    """Count the units of lines, each with where it is first spoken of."""
    units: dict[str, tuple[int, Spot]] = {}
    for each in lines:
        line = _line(asked, each.line, each.products, each.spot, into)
        if line and each.units:
            count, spot = units.get(line.line, (0, each.spot))
            units[line.line] = (count + each.units * line.pack, spot)
    return units


def change_answered(said: ChangeAnswer, asked: Asked, into: Meaning) -> bool:
    """Read an answer to a cancel; answer whether the supplier refuses it.

    Of a purchase order that nobody wants cancelled any more nothing is cancelled.
    """
    lines = [
        (each.outcome, _line(asked, each.answer.line, each.answer.products, each.answer.spot, into), each)
        for each in said.lines
    ]
    outcomes = {outcome for outcome, _, _ in lines} | ({said.whole} if said.whole else set())
    if ChangeOutcome.UNCLEAR in outcomes:
        into.find("outcome_unclear", "whether it is cancelled is not said", said.origin.spot)
    if not asked.po.cancel_wanted:
        return False
    done = {line.line for outcome, line, _ in lines if line and outcome is ChangeOutcome.DONE}
    if said.whole is ChangeOutcome.DONE:
        done |= {line.line for line in asked.po.lines}
    for line_id in sorted(done):
        found = asked.allocation(line_id)
        units = found.live - min(found.shipped, found.live) if found else 0
        if units:
            into.steps.append(Step(asked.po.number, line_id, Says.CANCELLED, units))
    return ChangeOutcome.REFUSED in outcomes


def _line(asked: Asked, line_id: str, products: Sequence[ProductId], spot: Spot, into: Meaning) -> PoLine | None:
    """Find which line it is, by our number of it, else by the product; both have to agree where both are said.

    A product is known by our SKU and the supplier's code; by its GTIN only where it has neither.
    """
    by_line = [each for each in asked.po.lines if each.line == line_id]
    try:
        ours, theirs = product_id(products, Whose.OURS), product_id(products, Whose.SUPPLIER)
        number = "" if ours or theirs else _gtin(products, is_needed=not by_line)
    except InvalidInput as failure:
        into.find(failure.code, failure.message, spot, "line", line_id)
        return None
    known = [each for each in asked.po.lines if number and asked.gtins.get(each.sku) == number]
    by_product = known or [
        each
        for each in asked.po.lines
        if (not ours or each.sku == ours) and (not theirs or theirs in {each.code or each.sku, each.sku})
    ]
    is_named = bool(ours or theirs or known)
    is_other = bool(by_line and number) and asked.gtins.get(by_line[0].sku, number) != number
    if by_line and (is_other or (is_named and by_line[0] not in by_product)):
        into.find("line_other_product", "the line is of another product", spot, "line", line_id)
        return None
    if by_line:
        return by_line[0]
    if is_named and len(by_product) == 1:
        if known and known[0].pack != 1:
            into.find("pack_unclear", "whether pieces or packs are counted is not said", spot, "line", number)
            return None
        return by_product[0]
    code = "line_ambiguous" if is_named and by_product else "unknown_line"
    value = line_id or ours or theirs or number
    into.find(code, "the purchase order has no such line, or several", spot, "line", value)
    return None


def _gtin(products: Sequence[ProductId], *, is_needed: bool) -> str:
    """Return the GTIN of a line; empty where there is none, or no sound one and the line is known otherwise.

    Raises InvalidInput for one that cannot be read, and for two.
    """
    try:
        found = {gtin.read(each.id) for each in products if each.whose is Whose.GTIN}
    except InvalidInput:
        if is_needed:
            raise
        return ""
    return product_id([ProductId(Whose.GTIN, each) for each in found], Whose.GTIN)


def difference(before: Sequence[Step], now: Sequence[Step], spot: Spot, into: Meaning) -> None:
    """Turn a correction into what it adds to what was said before.

    Fewer accepted are rejected. Nobody can take back that units were shipped, rejected or cancelled: that is for a
    person.
    """
    was, told = (_sums(steps) for steps in (before, now))
    whys = {each[:3]: each.why for each in now}
    into.steps = []
    for key in dict.fromkeys([*was, *told]):
        number, line, says = key
        more = told[key] - was[key]
        if more > 0:
            into.steps.append(Step(number, line, says, more, whys.get(key, "")))
        elif more < 0 and says is Says.ACCEPTED:
            if told[number, line, Says.REJECTED] - was[number, line, Says.REJECTED] < -more:
                short = -more - max(told[number, line, Says.REJECTED] - was[number, line, Says.REJECTED], 0)
                into.steps.append(Step(number, line, Says.REJECTED, short, Reason.OUT_OF_STOCK.value))
        elif more < 0:
            into.find("not_taken_back", f"fewer {says} than the document said before", spot, "line", line)


def _sums(steps: Iterable[Step]) -> Counter[tuple[str, str, Says]]:
    found: Counter[tuple[str, str, Says]] = Counter()
    for each in steps:
        found[each.number, each.line, each.says] += each.units
    return found


def move_id(po: PurchaseOrder, step: Step, document: str) -> str:
    """Name the document as the marker of a step's move does: two reasons of one line are two moves."""
    return answers.move_id(
        po, LineAnswer(line=step.line, says=step.says, units=step.units), document_of(step, document)
    )


def document_of(step: Step, document: str) -> str:
    """Name a document as far as one step of it goes."""
    return f"{document}.{step.why}" if step.why else document


def rehearse(
    steps: Iterable[Step],
    asked: Asked,
    deducts_at: DeductsAt,
    is_moved: Callable[[Step], bool],
    spot_of: Callable[[Step], Spot],
    into: Meaning,
) -> None:
    """Take all steps on paper: what the order would refuse is found before anything of the document is done."""
    order = asked.order
    for step in steps:
        if is_moved(step):
            continue
        try:
            answer = LineAnswer(line=step.line, says=step.says, units=step.units)
            order = answers.apply(order, asked.po.n, answer, deducts_at).order
        except AppError as failure:
            into.find(failure.code, failure.message, spot_of(step), step.line, str(step.units))
