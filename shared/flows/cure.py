"""Every minute -> open exceptions whose trouble is over are closed.

Nobody who does the work has to remember what was complained of: each open exception's subject is read again and
asked whether it is still so. What no reading can tell stays open for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain import clocks, conservation, times
from shared.domain.clock_rules import Clock
from shared.domain.feeds import Verdict
from shared.domain.names import ChannelId, OrderKey, Sku, SourceId, order_key
from shared.domain.orders import LineState, Order
from shared.domain.problems import Problem
from shared.domain.purchase_orders import PoState, PurchaseOrder
from shared.domain.rules import Rules
from shared.flows import compensate, guard_margins, watch_clocks
from shared.flows.changes import UNREADABLE
from shared.flows.compensate import Compensate
from shared.flows.guard_margins import GuardMargins
from shared.storage import order_lists, parcels
from shared.storage.availability import Availability, Leases
from shared.storage.feeds import Feeds
from shared.storage.order_book import OrderBook
from shared.storage.problems import Problems

MOST_A_RUN = 200
SECONDS_A_TURN = 60
BY = "truestock"

SENT = frozenset(PoState) - {PoState.READY, PoState.CLAIMED, PoState.UNKNOWN, PoState.FAILED}
SHIPPED = SENT - {PoState.SENT, PoState.ACKNOWLEDGED}
ANSWERED = SENT - {PoState.SENT, PoState.CANCELLING}
UNFIT = frozenset({"no_ship_to", "no_supplier_code", "not_whole_packs"})
"""Troubles of purchase orders that cannot go out as they are."""


@dataclass(slots=True)
class Cure:
    """Closes. `dead_letters` answers how many messages each queue of dead letters holds."""

    book: OrderBook
    feeds: Feeds
    availability: Availability
    leases: Leases
    problems: Problems
    compensate: Compensate
    margins: GuardMargins
    dead_letters: Callable[[], Mapping[str, int]]

    def run(self, rules: Rules, now: datetime) -> int:
        """Look at open exceptions, at all of them in turn; answer how many were closed."""
        closed = 0
        for kind, subject in self._turn(rules, now):
            standing = self.problems.read(kind, subject)
            if standing is None or not standing.is_open:
                continue
            try:
                because = self._over(standing.problem, rules, now)
            except UNREADABLE:
                continue  # its subject cannot be read: a person has to
            if because:
                closed += self.problems.close(standing, times.text(now), by=BY, because=because)
        return closed

    def _turn(self, rules: Rules, now: datetime) -> list[tuple[str, str]]:
        """Choose this minute's share of the open exceptions: those nobody can close must not stand before the rest."""
        found = [each for owner in rules.owners for each in self.problems.open_keys(owner)]
        turns = -(-len(found) // MOST_A_RUN) or 1
        begin = int(now.timestamp() // SECONDS_A_TURN) % turns * MOST_A_RUN
        return found[begin : begin + MOST_A_RUN]

    def _over(self, problem: Problem, rules: Rules, now: datetime) -> str:
        """Say why a trouble is over; empty when it is not, or when nobody can tell."""
        because = ""
        match problem.kind:
            case "unfilled" | "substitute_offered":
                because = _filled(self.book.order(order_key(problem.subject)))
            case "no_purchase_order":
                because = self._has_purchase_order(problem.subject)
            case "not_acknowledged":
                because = self._is_past(problem.subject, ANSWERED, "the supplier has answered")
            case "not_sent" | "not_looked_up" | "send_failed_again" | "other_content" | "way_changed":
                because = self._is_past(problem.subject, SENT, "the purchase order is past that")
            case kind if kind in UNFIT:
                because = self._is_past(problem.subject, SENT, "the purchase order is past that")
            case "file_held":
                because = self._is_decided(problem)
            case "source_silent":
                because = self._is_heard(SourceId(problem.subject), rules, now)
            case "shop_refuses" | "shop_failing":
                lease = self.leases.read(ChannelId(problem.subject))
                because = "the shop works again" if lease and not lease.failing_since else ""
            case "listing_refused":
                because = self._is_listed(problem.subject)
            case _:
                because = self._is_well(problem, rules, now)
        return because

    def _is_well(self, problem: Problem, rules: Rules, now: datetime) -> str:
        match problem.kind:
            case Clock.LATE | Clock.UNKNOWN_TOO_LONG | Clock.NO_TRACKING | watch_clocks.DELAY_NOTICE:
                return self._is_in_time(problem, rules, now)
            case "dead_letters" if not self.dead_letters().get(problem.subject, 0):
                return "no dead letter is left"
            case compensate.DRIFT:
                return self._adds_up(problem, now)
            case guard_margins.MARGIN:
                return self.margins.over(problem, rules)
        return ""

    def _is_in_time(self, problem: Problem, rules: Rules, now: datetime) -> str:
        match problem.kind:
            case Clock.LATE:
                return self._is_past(problem.subject, SHIPPED, "it is shipped, or nobody waits for it")
            case Clock.UNKNOWN_TOO_LONG:
                return self._is_past(problem.subject, SENT | {PoState.FAILED}, "it is known what became of it")
            case Clock.NO_TRACKING:
                return self._is_tracked(problem.subject)
        order = self.book.order(order_key(problem.subject))
        channel = rules.channels.get(order.key.channel) if order else None
        is_late = order and channel and clocks.notice(order, channel, now)
        return "" if is_late else "it is shipped or cancelled, or the customer agreed to wait"

    def _is_tracked(self, number: str) -> str:
        po = self._purchase_order(number)
        is_tracked = po and parcels.tracked(self.book.orders, po.order, po.source)
        return "a tracking number came" if is_tracked else ""

    def _adds_up(self, problem: Problem, now: datetime) -> str:
        if "order" in problem.details:
            order = self.book.order(order_key(problem.subject))
            return "its lines add up" if order and conservation.adds_up(order) else ""
        key = compensate.level_of(problem)
        looked = self.compensate.look(key, now, self.compensate.named(key))
        return "level, movements and orders agree" if looked and looked.is_sound else ""

    def _has_purchase_order(self, subject: str) -> str:
        key, source, n = _allocation(subject)
        order = self.book.order(key)
        waits = order and any(each.n == n and each.count(LineState.RESERVED) for each in order.allocations)
        made = any((po.source, po.n) == (source, n) for po in self.book.purchase_orders(key))
        if made:
            return "the purchase order was made"
        return "" if waits else "nothing is reserved for it any more"

    def _is_past(self, number: str, states: frozenset[PoState], because: str) -> str:
        po = self._purchase_order(number)
        return because if po and po.state in states else ""

    def _purchase_order(self, number: str) -> PurchaseOrder | None:
        key = order_lists.find(self.book.orders, "po", number)
        found = self.book.purchase_orders(key) if key else []
        return next((po for po in found if po.number == number), None)

    def _is_decided(self, problem: Problem) -> str:
        source, since = SourceId(problem.subject), str(problem.details.get("as_of", "~"))
        applied, entry = self.feeds.now(source).applied, self.feeds.entry(source, since)
        because = ""
        if applied and applied.as_of > since:
            since, because = applied.as_of, "a newer file was applied"
        elif entry and entry.verdict is not Verdict.HELD:
            because = "a person has decided what it is worth"
        return "" if because and self.feeds.held_after(source, since) else because

    def _is_heard(self, source_id: SourceId, rules: Rules, now: datetime) -> str:
        source = rules.sources.get(source_id)
        if source is None or not source.active or source.cadence is None:
            return "nobody waits for it any more"
        heard = self.feeds.now(source_id).heard_at
        return "it was heard of again" if heard >= times.text(now - source.cadence) else ""

    def _is_listed(self, subject: str) -> str:
        channel, _, sku = subject.partition("/")
        told = [each for each in self.availability.told(Sku(sku)) if each.channel == channel]
        return "the shop took its number" if told and not told[0].refused else ""


def _filled(order: Order | None) -> str:
    if order is None or order.hold or order.total(LineState.OPEN) + order.total(LineState.BACKORDERED):
        return ""
    return "the order was cancelled" if order.cancel_wanted else "units were found"


def _allocation(subject: str) -> tuple[OrderKey, SourceId, int]:
    key, source, n = subject.rsplit("#", 2)
    return order_key(key), SourceId(source), int(n)
