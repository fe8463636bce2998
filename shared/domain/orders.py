"""An order, its lines and its allocations: what may happen to their units, and nothing else.

Per line, always: ordered = open + reserved + sent + accepted + shipped + backordered + cancelled. `open`,
`backordered` and `cancelled` are stored; the other four are derived from the allocations, whose document counters
only add up, so that documents in any order end in the same state (docs/protocols.md).

Every change goes through a function of this module and is checked against `TRANSITIONS` before it is returned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from shared.domain.names import LevelKey, OrderKey, Sku, SourceId
from shared.errors import InvalidInput, Rejected


class LineState(StrEnum):
    """Where a unit of a line is."""

    OPEN = "open"
    RESERVED = "reserved"
    SENT = "sent"
    ACCEPTED = "accepted"
    SHIPPED = "shipped"
    BACKORDERED = "backordered"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can happen to units of a line."""

    TAKE = "take"
    BACKORDER = "backorder"
    CANCEL = "cancel"
    SEND = "send"
    ACCEPT = "accept"
    SHIP = "ship"
    REJECT = "reject"
    REROUTE = "reroute"
    CONFIRM_CANCEL = "confirm_cancel"
    EDIT = "edit"
    SUBSTITUTE = "substitute"


HELD = "held"
"""State of an order as a whole that waits for a person, whatever its lines are."""

NO_SOURCE = "no source has it"
UNROUTABLE = "it cannot be routed"
OUR_HOLDS = (NO_SOURCE, UNROUTABLE)
"""How holds begin that no person made: the next plan that finds all units lifts them."""

NO_LIMIT = 1_000_000
MOST_LEVELS_A_MOVE = 60
"""A transaction's hundred actions hold the marker, the order and its purchase orders beside the levels."""

_OPEN, _RESERVED, _SENT, _ACCEPTED, _SHIPPED, _BACK, _CANCELLED = LineState

TRANSITIONS: Mapping[Event, Mapping[LineState, LineState]] = MappingProxyType(
    {
        Event.TAKE: {_OPEN: _RESERVED, _BACK: _RESERVED},
        Event.BACKORDER: {_OPEN: _BACK},
        Event.CANCEL: {_OPEN: _CANCELLED, _BACK: _CANCELLED, _RESERVED: _CANCELLED},
        Event.SEND: {_RESERVED: _SENT},
        Event.ACCEPT: {_SENT: _ACCEPTED},
        Event.SHIP: {_SENT: _SHIPPED, _ACCEPTED: _SHIPPED},
        Event.REJECT: {_SENT: _OPEN, _ACCEPTED: _OPEN},
        Event.REROUTE: {_RESERVED: _OPEN, _SENT: _OPEN, _ACCEPTED: _OPEN},
        Event.CONFIRM_CANCEL: {_SENT: _CANCELLED, _ACCEPTED: _CANCELLED},
        Event.EDIT: {_OPEN: _CANCELLED, _BACK: _CANCELLED, _RESERVED: _CANCELLED},
        Event.SUBSTITUTE: {_OPEN: _CANCELLED, _BACK: _CANCELLED},
    }
)
"""Event -> from which state units may leave -> where they then are. New units of an edit begin as open.
A reject or a reroute while a cancel is wanted ends in cancelled instead of open."""


class DeductsAt(StrEnum):
    """When a source takes an order's units off its own count."""

    RECEIPT = "receipt"
    ACCEPT = "accept"
    SHIP = "ship"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an order, units in pieces, price in minor units of the order's currency.

    `promised`: the day for which units that wait are promised. `capped`: those that are backordered count towards the
    cap of its SKU on its channel. `instead_of`: the line of the shop's whose units are these; the shop knows only that.
    """

    line: str
    sku: Sku
    ordered: int
    open: int = 0
    backordered: int = 0
    cancelled: int = 0
    price_minor: int = 0
    promised: str = ""
    capped: bool = False
    instead_of: str = ""

    @property
    def active(self) -> int:
        """Units that are not cancelled."""
        return self.ordered - self.cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Units of one line at one source under purchase order `n`.

    `committed` are the units its level still counts for it; `limited` those that were deducted because their
    shipment was not reported in time, and still is not; `returned` those of the shipped ones that came back;
    `rerouted` those of the given back ones that another source shall ship.
    """

    line: str
    source: SourceId
    n: int
    units: int
    committed: int
    sent: bool = False
    acked: int = 0
    rejected: int = 0
    shipped: int = 0
    given_back: int = 0
    limited: int = 0
    returned: int = 0
    rerouted: int = 0

    @property
    def live(self) -> int:
        """Units still meant for this source."""
        return self.units - self.given_back

    @property
    def late(self) -> int:
        """Units the source answered for after they were given back: a conflict for a person."""
        return max(max(self.acked, self.shipped) - self.live, 0)

    def count(self, state: LineState) -> int:
        """Units of this allocation in one of the four derived states."""
        if not self.sent:
            return self.live if state is _RESERVED else 0
        shipped = min(self.shipped, self.live)
        accepted = min(max(self.acked - self.shipped, 0), self.live - shipped)
        return {_SENT: self.live - shipped - accepted, _ACCEPTED: accepted, _SHIPPED: shipped}.get(state, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """As much of the address as a decision needs: the rest is personal data and lies elsewhere."""

    country: str = ""
    region: str = ""
    postcode_prefix: str = ""
    po_box: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A customer's order. `version` grows with the platform's own changes, `revision` with every write of ours.

    `customer`: the keyed hash of whose it is, empty where nobody told, or after an erasure. `reroute_to`: the only
    source that the next plan may take from, because a person wants it; that plan clears it. `agreed_until`: the day
    until which the customer has agreed to wait.
    """

    key: OrderKey
    name: str
    version: int
    placed_at: str
    currency: str
    lines: tuple[Line, ...]
    allocations: tuple[Allocation, ...] = ()
    destination: Destination = field(default_factory=Destination)
    next_n: int = 1
    attempt: str = ""
    ship_to: str = ""
    customer: str = ""
    hold: str = ""
    cancel_wanted: bool = False
    reroute_to: str = ""
    agreed_until: str = ""
    revision: int = 1
    due_at: str = ""

    def line(self, line_id: str) -> Line:
        """Return the line with that id. Raises InvalidInput when the order has none."""
        for line in self.lines:
            if line.line == line_id:
                return line
        raise InvalidInput("the order has no such line", code="unknown_line", order=str(self.key), line=line_id)

    def counts(self, line: Line) -> dict[LineState, int]:
        """Where the units of a line are: one number per state."""
        mine = [a for a in self.allocations if a.line == line.line]
        return {
            _OPEN: line.open,
            _RESERVED: sum(a.count(_RESERVED) for a in mine),
            _SENT: sum(a.count(_SENT) for a in mine),
            _ACCEPTED: sum(a.count(_ACCEPTED) for a in mine),
            _SHIPPED: sum(a.count(_SHIPPED) for a in mine),
            _BACK: line.backordered,
            _CANCELLED: line.cancelled,
        }

    def excludes(self, level: LevelKey) -> bool:
        """Whether a source would not ship a SKU for this order, or shall not any more: it is not asked again."""
        return any(
            (each.rejected or each.rerouted) and level == LevelKey(self.line(each.line).sku, each.source)
            for each in self.allocations
        )

    def rejections(self, line_id: str) -> int:
        """Count the purchase orders of which a supplier rejected units of a line."""
        return sum(1 for each in self.allocations if each.line == line_id and each.rejected)

    def instead_of(self, line_id: str) -> tuple[Line, ...]:
        """Return the lines whose units go out instead of some of a line's."""
        return tuple(line for line in self.lines if line.instead_of == line_id)

    @property
    def given_up(self) -> int:
        """Units that were cancelled and for which nothing else goes out."""
        return sum(line.cancelled - (line.ordered if line.instead_of else 0) for line in self.lines)

    @property
    def late(self) -> int:
        """Units that suppliers answered for after they were given back: they may come from two sources."""
        return sum(each.late for each in self.allocations)

    def total(self, state: LineState) -> int:
        """Units of the whole order in a state."""
        return sum(self.counts(line)[state] for line in self.lines)

    @property
    def state(self) -> str:
        """One word for lists: the least finished thing about the order."""
        if self.hold:
            return HELD
        for state in (_OPEN, _BACK, _RESERVED, _SENT, _ACCEPTED, _SHIPPED):
            if self.total(state):
                return state.value
        return _CANCELLED.value

    @property
    def waits_for_a_person(self) -> bool:
        """Whether a person holds it: nothing is taken for it before a person releases it."""
        return bool(self.hold) and not self.hold.startswith(OUR_HOLDS)

    @property
    def is_cancelling(self) -> bool:
        """Whether a cancel was begun that has units left to free which no supplier was asked for."""
        return self.cancel_wanted and bool(self.total(_RESERVED))

    @property
    def is_unfinished(self) -> bool:
        """Whether the order flow has something left to do for it: units to find, or a cancel to bring to its end."""
        return self.wants_units or self.is_cancelling

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled as a whole, and nothing of it is on its way any more; a tombstone is nothing."""
        return self.cancel_wanted and bool(self.lines) and self.state == _CANCELLED

    @property
    def is_over(self) -> bool:
        """Whether all units are shipped or cancelled: nobody needs its address any more."""
        return not any(self.total(state) for state in (_OPEN, _BACK, _RESERVED, _SENT, _ACCEPTED))

    @property
    def wants_units(self) -> bool:
        """Whether somebody has yet to find units for it."""
        return not self.cancel_wanted and bool(self.total(_OPEN) + self.total(_BACK))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a move does to a level.

    `give_back` and `deduct` come out of its committed units, `late` units had been given back.
    """

    level: LevelKey
    give_back: int = 0
    deduct: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """An order after a move, and what the same transaction does to levels: at most one effect a level."""

    order: Order
    effects: tuple[Effect, ...] = ()


def take(order: Order, taken: Mapping[tuple[str, SourceId], int], *, attempt: str, backordered: bool = False) -> Order:
    """Reserve units, `(line, source) -> units`, from open ones; from backordered ones too when a fill says so.

    All lines taken from one source in one go share the purchase order number `n`. Raises Rejected when a line has
    not that many.
    """
    numbers = {source: order.next_n + i for i, source in enumerate(sorted({source for _, source in taken}))}
    lines = {line.line: line for line in order.lines}
    allocations = list(order.allocations)
    for (line_id, source), units in sorted(taken.items()):
        line = lines[order.line(line_id).line]
        from_open = min(units, line.open)
        from_back = units - from_open if backordered else 0
        if units <= 0 or from_open + from_back != units or from_back > line.backordered:
            raise Rejected(
                "the line has not that many units to take", code="nothing_to_take", line=line_id, units=units
            )
        lines[line_id] = replace(line, open=line.open - from_open, backordered=line.backordered - from_back)
        allocations.append(Allocation(line=line_id, source=source, n=numbers[source], units=units, committed=units))
    after = replace(
        order,
        lines=tuple(lines.values()),
        allocations=tuple(allocations),
        next_n=order.next_n + len(numbers),
        attempt=attempt,
    )
    return _checked(Event.TAKE, order, after)


def backorder(order: Order, some: Mapping[str, tuple[int, str]] | None = None) -> Order:
    """Let open units wait for stock: all of them, or by line so many, promised for a day.

    Those for which a day is promised count towards the cap of their SKU. Raises Rejected when not so many are open.
    """
    waits = {line.line: (line.open, "") for line in order.lines} if some is None else some
    after = order
    for line_id, (units, day) in waits.items():
        line = order.line(line_id)
        if not 0 <= units <= line.open:
            raise Rejected("the line has not that many open units", code="nothing_open", line=line_id, units=units)
        line = replace(line, open=line.open - units, backordered=line.backordered + units)
        after = _with_line(after, replace(line, promised=max(day, line.promised), capped=True) if day else line)
    return _checked(Event.BACKORDER, order, after)


def capped(order: Order) -> Counter[Sku]:
    """Count the units of an order that stand in the counts of what waits under a cap."""
    found: Counter[Sku] = Counter()
    for line in order.lines:
        if line.capped:
            found[line.sku] += line.backordered
    return found


def give_up(order: Order, line_id: str) -> Order:
    """Cancel the open units of a line that nobody has."""
    line = order.line(line_id)
    after = _with_line(order, replace(line, open=0, cancelled=line.cancelled + line.open))
    return _checked(Event.CANCEL, order, after)


def substitute(order: Order, line_id: str, units: int, sku: Sku) -> Order:
    """Have units of a line that wait be units of another SKU, open on a line of their own; the money stays the line's.

    Raises Rejected when not so many wait, or the order is cancelled.
    """
    line = order.line(line_id)
    from_open = min(units, line.open)
    from_back = units - from_open
    if order.cancel_wanted or units <= 0 or from_back > line.backordered or sku == line.sku:
        raise Rejected(
            "the line has not that many units that wait for it", code="nothing_waits", line=line_id, units=units
        )
    first = line.instead_of or line.line
    taken, n = {each.line for each in order.lines}, 1
    while f"{first}-{n}" in taken:
        n += 1
    given = replace(
        line,
        open=line.open - from_open,
        backordered=line.backordered - from_back,
        cancelled=line.cancelled + units,
    )
    added = Line(
        line=f"{first}-{n}", sku=sku, ordered=units, open=units, price_minor=line.price_minor, instead_of=first
    )
    changed = _with_line(order, given)
    return _checked(Event.SUBSTITUTE, order, replace(changed, lines=(*changed.lines, added)))


def promise(order: Order, line_id: str, n: int, day: str) -> Order:
    """Move a line's promise to the day on which purchase order `n` ships it; the last of several is the line's."""
    line = order.line(line_id)
    others = any(each.live > each.shipped for each in order.allocations if each.line == line_id and each.n != n)
    waits_elsewhere = others or line.open or line.backordered
    return _with_line(order, replace(line, promised=max(day, line.promised) if waits_elsewhere else day))


def described(order: Order, units: Mapping[str, int]) -> dict[str, int]:
    """Say how many units of each line a shop's description (its line -> units) wants; of what it leaves out, none.

    What goes out instead of a line is part of that line to the shop, and the last of it that is given up.
    """
    wanted = {line.line: units.get(line.line, 0) for line in order.lines}
    for line in order.lines:
        if line.instead_of:
            wanted[line.line] = min(line.active, wanted[line.instead_of])
            wanted[line.instead_of] -= wanted[line.line]
    return wanted


def cancel(order: Order, version: int, most: int = NO_LIMIT) -> Move:
    """Cancel all that no supplier was asked for yet; for the rest the supplier's answer decides.

    Units of `most` levels are freed at once; the order is then still cancelling, and the same again frees more. Raises
    Rejected when it is cancelled already.
    """
    if order.cancel_wanted and not order.is_cancelling:
        raise Rejected("the order is cancelled already", code="cancelled_already", order=str(order.key))
    lines = {line.line: replace(line, open=0, backordered=0, cancelled=_idle(line)) for line in order.lines}
    effects = _Effects(order, most)
    allocations = []
    for allocation in order.allocations:
        units = allocation.count(_RESERVED) if effects.has_room(allocation) else 0
        line = lines[allocation.line]
        lines[allocation.line] = replace(line, cancelled=line.cancelled + units)
        allocations.append(effects.give_back(allocation, units))
    after = replace(
        order,
        lines=tuple(lines.values()),
        allocations=tuple(allocations),
        cancel_wanted=True,
        hold="",
        version=max(order.version, version),
    )
    return Move(_checked(Event.CANCEL, order, after), effects.all())


def send(order: Order, n: int, *, deducts_at: DeductsAt) -> Move:
    """Record that purchase order `n` is on its way to the supplier. Raises Rejected when nothing of it is reserved."""
    effects = _Effects(order)
    allocations = []
    for allocation in order.allocations:
        if allocation.n != n or not allocation.count(_RESERVED):
            allocations.append(allocation)
            continue
        sent = replace(allocation, sent=True)
        allocations.append(effects.deduct(sent, sent.live) if deducts_at is DeductsAt.RECEIPT else sent)
    after = replace(order, allocations=tuple(allocations))
    if after == order:
        raise Rejected("nothing is reserved under this number", code="nothing_reserved", order=str(order.key), n=n)
    return Move(_checked(Event.SEND, order, after), effects.all())


def accept(order: Order, n: int, line_id: str, units: int, *, deducts_at: DeductsAt) -> Move:
    """Add `units` the supplier says it will ship. Raises Rejected for more than was ever asked of it."""
    return _document(order, Event.ACCEPT, n, line_id, units, deducts_at)


def ship(order: Order, n: int, line_id: str, units: int, *, deducts_at: DeductsAt) -> Move:
    """Add `units` the supplier says it has shipped. Raises Rejected for more than was ever asked of it."""
    return _document(order, Event.SHIP, n, line_id, units, deducts_at)


def reject(order: Order, n: int, line_id: str, units: int) -> Move:
    """Give back `units` the supplier will not ship; they are open again, or cancelled where a cancel is wanted."""
    return _give_up(order, Event.REJECT, n, line_id, units)


def reroute(order: Order, n: int, line_id: str, units: int) -> Move:
    """Take back `units` that shall go to another source."""
    return _give_up(order, Event.REROUTE, n, line_id, units)


def reroutable(order: Order, away_from: Collection[SourceId]) -> frozenset[int]:
    """Name the purchase orders at these sources of which nothing was accepted or shipped: they can go elsewhere."""
    at_work = {each.n for each in order.allocations if each.count(_ACCEPTED) or each.count(_SHIPPED)}
    return frozenset(each.n for each in order.allocations if each.source in away_from and each.live) - at_work


def reroute_to(order: Order, to: SourceId, numbers: Collection[int], most: int = MOST_LEVELS_A_MOVE) -> Move:
    """Take back all of these purchase orders, so that `to` ships it; the next plan may take from nobody else.

    Units of `most` allocations move at once; the same again moves more. Raises Rejected when nothing is left.
    """
    mine = [each for each in order.allocations if each.n in numbers and each.live]
    if not mine:
        raise Rejected("nothing is left that could go elsewhere", code="reroute_nothing", order=str(order.key))
    given_back: Counter[LevelKey] = Counter()
    after = order
    for each in mine[:most]:
        move = reroute(after, each.n, each.line, each.live)
        after = move.order
        given_back.update({effect.level: effect.give_back for effect in move.effects})
    effects = (Effect(level=level, give_back=units) for level, units in sorted(given_back.items()))
    return Move(replace(after, reroute_to=to), tuple(effects))


def limit(order: Order, n: int) -> Move:
    """Deduct what a supplier was sent so long ago that it must have shipped it, though it never said so.

    The line stays where it is: a document that comes later moves the order only. Raises Rejected when nothing of
    the purchase order is committed any more.
    """
    effects = _Effects(order)
    allocations = []
    for allocation in order.allocations:
        units = allocation.committed if allocation.n == n and allocation.sent else 0
        changed = effects.deduct(allocation, units) if units else allocation
        allocations.append(replace(changed, limited=changed.limited + units))
    after = replace(order, allocations=tuple(allocations))
    if after == order:
        raise Rejected("nothing is committed under this number", code="nothing_committed", order=str(order.key), n=n)
    check(after)
    return Move(after, effects.all())


def confirm_cancel(order: Order, n: int, line_id: str, units: int) -> Move:
    """Cancel `units` the supplier agreed not to ship."""
    return _give_up(order, Event.CONFIRM_CANCEL, n, line_id, units)


def edit(
    order: Order, wanted: Mapping[str, int], version: int, added: Iterable[Line] = (), most: int = NO_LIMIT
) -> Move:
    """Make the active units of each line what the shop now says.

    More are open; fewer come from open, then backordered, then reserved ones. Units of `most` levels are freed at
    once: the order then keeps its version, and the same again goes on.

    Units a supplier was asked for stay: the closing difference is the caller's to settle with the supplier. Raises
    Rejected for a version not newer than the order's, or for a cancelled order.
    """
    if order.cancel_wanted or version <= order.version:
        raise Rejected("an older version undoes nothing", code="older_version", order=str(order.key), version=version)
    effects = _Effects(order, most)
    is_whole = True
    lines = []
    allocations = list(order.allocations)
    for line in order.lines:
        more = wanted.get(line.line, line.active) - line.active
        if more >= 0:
            lines.append(replace(line, ordered=line.ordered + more, open=line.open + more))
            continue
        from_open = min(line.open, -more)
        from_back = min(line.backordered, -more - from_open)
        left = -more - from_open - from_back
        for i, allocation in enumerate(allocations):
            units_back = min(left, allocation.count(_RESERVED)) if allocation.line == line.line else 0
            if units_back and not effects.has_room(allocation):
                is_whole = False
                continue
            allocations[i] = effects.give_back(allocation, units_back)
            left -= units_back
        lines.append(
            replace(
                line,
                open=line.open - from_open,
                backordered=line.backordered - from_back,
                cancelled=line.cancelled - more - left,
            )
        )
    if is_whole:
        lines += [replace(line, open=line.ordered) for line in added]
    after = replace(
        order, lines=tuple(lines), allocations=tuple(allocations), version=version if is_whole else order.version
    )
    return Move(_checked(Event.EDIT, order, after), effects.all())


def put_back(order: Order, line_id: str, units: int) -> Order:
    """Note `units` of a line that the customer sent back: shipped they stay. Raises Rejected for more than went out."""
    order.line(line_id)
    left = units
    allocations = []
    for allocation in order.allocations:
        back = min(left, allocation.shipped - allocation.returned) if allocation.line == line_id else 0
        allocations.append(replace(allocation, returned=allocation.returned + back))
        left -= back
    if units <= 0 or left:
        raise Rejected(
            "more than was shipped", code="return_too_many", order=str(order.key), line=line_id, units=units, over=left
        )
    after = replace(order, allocations=tuple(allocations))
    check(after)
    return after


def check(order: Order) -> None:
    """Raise AssertionError where the equation of a line does not hold: only a bug can make it so."""
    for line in order.lines:
        counts = order.counts(line)
        if sum(counts.values()) != line.ordered or min(counts.values()) < 0:
            raise AssertionError("a line does not add up", str(order.key), line.line, counts)
    for allocation in order.allocations:
        is_whole = 0 <= allocation.committed <= allocation.units and 0 <= allocation.returned <= allocation.shipped
        if not is_whole or allocation.live < 0:
            raise AssertionError("an allocation does not add up", str(order.key), allocation)


def _idle(line: Line) -> int:
    return line.cancelled + line.open + line.backordered


def _find(order: Order, n: int, line_id: str) -> Allocation:
    for allocation in order.allocations:
        if allocation.n == n and allocation.line == line_id:
            return allocation
    raise InvalidInput("no such allocation", code="unknown_allocation", order=str(order.key), n=n, line=line_id)


def _document(order: Order, event: Event, n: int, line_id: str, units: int, deducts_at: DeductsAt) -> Move:
    before = _find(order, n, line_id)
    total = (before.acked if event is Event.ACCEPT else before.shipped) + units
    if units <= 0 or total > before.units or not before.sent:
        raise Rejected(
            "more than was asked for", code=f"{event}_too_many", order=str(order.key), line=line_id, units=units
        )
    after = replace(before, acked=total) if event is Event.ACCEPT else replace(before, shipped=total)
    effects = _Effects(order)
    after = effects.deduct(after, _deductible(after, deducts_at) - _deductible(before, deducts_at))
    return Move(_checked(event, order, _with(order, before, after)), effects.all())


def _deductible(allocation: Allocation, deducts_at: DeductsAt) -> int:
    """Units the source's own documents say it has taken off its count."""
    match deducts_at:
        case DeductsAt.RECEIPT:
            return 0  # all of them, when the order was sent
        case DeductsAt.ACCEPT:
            return max(allocation.acked, allocation.shipped)
        case DeductsAt.SHIP:
            return allocation.shipped
    assert_never(deducts_at)


def _give_up(order: Order, event: Event, n: int, line_id: str, units: int) -> Move:
    before = _find(order, n, line_id)
    free = before.live - min(before.shipped, before.live)
    if event is not Event.REROUTE and not before.sent:
        free = 0
    given = min(units, free)
    if units <= 0 or given == 0:
        raise Rejected(
            "nothing is left to give back", code=f"{event}_nothing", order=str(order.key), line=line_id, units=units
        )
    effects = _Effects(order)
    after = effects.give_back(before, given)
    if event is Event.REJECT:
        after = replace(after, rejected=after.rejected + given)
    if event is Event.REROUTE:
        after = replace(after, rerouted=after.rerouted + given)
    changed = _with(order, before, after)
    line = changed.line(line_id)
    if event is Event.CONFIRM_CANCEL or order.cancel_wanted:
        line = replace(line, cancelled=line.cancelled + given)
    else:
        line = replace(line, open=line.open + given)
    return Move(_checked(event, order, _with_line(changed, line)), effects.all())


def _with(order: Order, before: Allocation, after: Allocation) -> Order:
    return replace(order, allocations=tuple(after if a is before else a for a in order.allocations))


def _with_line(order: Order, line: Line) -> Order:
    return replace(order, lines=tuple(line if old.line == line.line else old for old in order.lines))


class _Effects:
    """Collects one effect a level while a move walks its allocations, of `most` levels."""

    def __init__(self, order: Order, most: int = NO_LIMIT) -> None:
        self._most = most
        self._sku = {line.line: line.sku for line in order.lines}
        self._by_level: dict[LevelKey, Effect] = {}

    def has_room(self, allocation: Allocation) -> bool:
        """Whether the move may touch the allocation's level."""
        key = LevelKey(self._sku[allocation.line], allocation.source)
        return key in self._by_level or len(self._by_level) < self._most

    def give_back(self, allocation: Allocation, units: int) -> Allocation:
        """Units still committed go back to the level; of units already deducted only a later photograph tells."""
        if not units:
            return allocation
        undeducted = min(units, allocation.committed)
        self._add(allocation, give_back=undeducted)
        return replace(
            allocation, given_back=allocation.given_back + units, committed=allocation.committed - undeducted
        )

    def deduct(self, allocation: Allocation, units: int) -> Allocation:
        """Take committed units first, then those deducted at their time limit, which cost the level nothing more.

        The rest had been given back, so the level pays for them a second time.
        """
        committed = min(units, allocation.committed)
        known = min(units - committed, allocation.limited)
        self._add(allocation, deduct=committed, late=units - committed - known)
        return replace(allocation, committed=allocation.committed - committed, limited=allocation.limited - known)

    def all(self) -> tuple[Effect, ...]:
        return tuple(e for _, e in sorted(self._by_level.items()) if e.give_back or e.deduct or e.late)

    def _add(self, allocation: Allocation, give_back: int = 0, deduct: int = 0, late: int = 0) -> None:
        key = LevelKey(self._sku[allocation.line], allocation.source)
        old = self._by_level.get(key, Effect(level=key))
        self._by_level[key] = Effect(
            level=key, give_back=old.give_back + give_back, deduct=old.deduct + deduct, late=old.late + late
        )


def _checked(event: Event, before: Order, after: Order) -> Order:
    """Hold a change against the table of states: units leave and arrive only where the event lets them."""
    check(after)
    allowed = TRANSITIONS[event]
    arrivals = set(allowed.values())
    if event in {Event.REJECT, Event.REROUTE} and before.cancel_wanted:
        arrivals = {_CANCELLED}
    old_lines = {line.line: line for line in before.lines}
    for line in after.lines:
        if line.line not in old_lines or line.ordered != old_lines[line.line].ordered:
            continue  # an edit ordered more of it: new units begin as open
        old, new = before.counts(old_lines[line.line]), after.counts(line)
        left = {state for state in LineState if new[state] < old[state]}
        arrived = {state for state in LineState if new[state] > old[state]}
        if not (left <= set(allowed) and arrived <= arrivals):
            raise AssertionError("not in the table of states", event.value, line.line, sorted(left), sorted(arrived))
    return after
