"""Quantities over all that suppliers can say, in any order: a machine over the pure domain.

Alpina is asked for two lines. Its documents come as they like, again too; what it does not ship is asked of celtic.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain import answers, document_moves, orders
from shared.domain.answer_profiles import Policy
from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.domain.answers import LineAnswer, Says
from shared.domain.document_moves import Asked, Meaning, Step
from shared.domain.documents import (
    Acknowledgement,
    AnsweredLine,
    ChangeAnswer,
    LineSays,
    Origin,
    Purpose,
    ShippedLine,
    Spot,
)
from shared.domain.names import SourceId
from shared.domain.orders import DeductsAt, LineState
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from tests.support import trade

ALPINA, CELTIC = SourceId("alpina"), SourceId("celtic")
NUMBER = "ALPINA-000001"
SPOT = Spot(4, 120)
ORDERED = {"l1": 10, "l2": 4}
LINES, UNITS = st.sampled_from(sorted(ORDERED)), st.integers(1, 12)
ACTIONS = st.sampled_from([each for each in Action if each is not Action.CHANGE])
POLICIES = st.sampled_from([Policy(substitutes="accept"), Policy(substitutes="accept", unaccepted="hold")])


class AnyAnswer(RuleBasedStateMachine):
    """Takes a document as the flow does: judged, tried on paper, moved whole, or held whole."""

    def __init__(self) -> None:
        super().__init__()
        order = trade.order("1", ("S1", 10), ("S2", 4))
        order = orders.take(order, {("l1", ALPINA): 10, ("l2", ALPINA): 4}, attempt="t")
        self.order = orders.send(order, 1, deducts_at=DeductsAt.ACCEPT).order
        lines = tuple(PoLine(line=each.line, sku=each.sku, units=each.ordered) for each in order.lines)
        self.po = PurchaseOrder(
            order=order.key, source=ALPINA, n=1, number=NUMBER, lines=lines, state=PoState.SENT, sent_at=trade.T0
        )
        self.taken: list[tuple[Meaning, str]] = []
        self.moved: set[str] = set()
        self.said: Counter[tuple[str, Says]] = Counter()

    @property
    def asked(self) -> Asked:
        return Asked(order=self.order, po=self.po, currency="EUR")

    def settle(self, meaning: Meaning, digest: str) -> bool:
        """Move all of a document, each step once, or nothing; answer whether it was applied."""
        before = self.order

        def is_moved(step: Step) -> bool:
            return document_moves.move_id(self.po, step, digest) in self.moved

        if not meaning.findings:
            document_moves.rehearse(meaning.steps, self.asked, DeductsAt.ACCEPT, is_moved, lambda _: SPOT, meaning)
        if meaning.findings:
            assert self.order == before
            return False
        for step in meaning.steps:
            if is_moved(step):
                continue
            answer = LineAnswer(line=step.line, says=step.says, units=step.units)
            was = self.order.line(step.line)
            self.order = answers.apply(self.order, 1, answer, DeductsAt.ACCEPT).order
            now = self.order.line(step.line)
            fell_away = now.open + now.cancelled - was.open - was.cancelled  # of what has shipped, nothing
            assert 0 <= fell_away <= (0 if step.says in {Says.ACCEPTED, Says.SHIPPED} else step.units)
            self.said[step.line, step.says] += step.units if step.says is Says.SHIPPED else fell_away
            self.moved.add(document_moves.move_id(self.po, step, digest))
        self.taken.append((meaning, digest))
        return True

    def digest(self) -> str:
        return f"d{len(self.moved)}-{len(self.taken)}"

    def ack(self, line: str, says: list[tuple[Action, int | None]], purpose: Purpose) -> Acknowledgement:
        said = tuple(
            LineSays(action=action, units=units, spot=SPOT, reason=Reason.OUT_OF_STOCK) for action, units in says
        )
        return Acknowledgement(
            origin=Origin(kind="855", spot=SPOT, digest=self.digest()),
            order=NUMBER,
            purpose=purpose,
            lines=(AnsweredLine(line=line, products=(), says=said, spot=SPOT),),
        )

    @rule(line=LINES, says=st.lists(st.tuples(ACTIONS, st.none() | UNITS), min_size=1, max_size=2), policy=POLICIES)
    def it_answers(self, line: str, says: list[tuple[Action, int | None]], policy: Policy) -> None:
        meaning = Meaning()
        document_moves.acknowledged(self.ack(line, says, Purpose.ORIGINAL), self.asked, policy, meaning)
        self.settle(meaning, self.digest())

    @rule(line=LINES, says=st.lists(st.tuples(ACTIONS, UNITS), min_size=1, max_size=2))
    def it_corrects_all_that_it_said(self, line: str, says: list[tuple[Action, int | None]]) -> None:
        meaning = Meaning()
        said = self.asked.said()
        document_moves.acknowledged(self.ack(line, says, Purpose.REPLACE), self.asked.unanswered(), Policy(), meaning)
        document_moves.difference(said, meaning.steps, SPOT, meaning)
        self.settle(meaning, self.digest())

    @rule(line=LINES, units=UNITS, policy=POLICIES)
    def it_ships(self, line: str, units: int, policy: Policy) -> None:
        meaning = Meaning()
        parcel = ShippedLine(order=NUMBER, line=line, products=(), units=units, spot=SPOT)
        document_moves.shipped([parcel], self.asked, policy, meaning)
        shipped = self.order.total(LineState.SHIPPED)
        if self.settle(meaning, self.digest()):
            assert self.order.total(LineState.SHIPPED) <= shipped + units

    @rule(outcome=st.sampled_from([ChangeOutcome.DONE, ChangeOutcome.REFUSED]))
    def it_answers_a_cancel(self, outcome: ChangeOutcome) -> None:
        said = ChangeAnswer(
            origin=Origin(kind="865", spot=SPOT, digest="c"),
            order=NUMBER,
            purpose=Purpose.ORIGINAL,
            lines=(),
            whole=outcome,
        )
        meaning = Meaning()
        document_moves.change_answered(said, self.asked, meaning)
        self.settle(meaning, self.digest())

    @rule()
    def somebody_wants_it_cancelled(self) -> None:
        self.po = replace(self.po, cancel_wanted=True)

    @precondition(lambda self: self.taken)
    @rule(at=st.integers(0, 30))
    def a_document_comes_again(self, at: int) -> None:
        meaning, digest = self.taken[at % len(self.taken)]
        before = self.order

        self.settle(replace(meaning), digest)

        assert self.order == before

    @precondition(lambda self: self.order.total(LineState.OPEN))
    @rule()
    def what_is_open_is_asked_of_another(self) -> None:
        taken = {(line.line, CELTIC): line.open for line in self.order.lines if line.open}
        self.order = orders.take(self.order, taken, attempt="u")
        numbers = {
            each.n for each in self.order.allocations if each.source == CELTIC and each.count(LineState.RESERVED)
        }
        for n in numbers:
            self.order = orders.send(self.order, n, deducts_at=DeductsAt.SHIP).order

    @invariant()
    def all_units_are_somewhere(self) -> None:
        orders.check(self.order)
        for line in self.order.lines:
            counts = self.order.counts(line)
            assert sum(counts.values()) == ORDERED[line.line]
            assert min(counts.values()) >= 0

    @invariant()
    def what_it_said_is_counted_once(self) -> None:
        for each in self.order.allocations:
            if each.n == 1:
                assert each.shipped == self.said[each.line, Says.SHIPPED] <= ORDERED[each.line]
                assert each.rejected == self.said[each.line, Says.REJECTED] <= ORDERED[each.line]

    @invariant()
    def nothing_is_with_two_suppliers(self) -> None:
        for line in self.order.lines:
            mine = [each for each in self.order.allocations if each.line == line.line]
            assert sum(each.live for each in mine) + line.open + line.backordered + line.cancelled <= ORDERED[line.line]


AnyAnswer.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
TestAnyAnswer = AnyAnswer.TestCase
