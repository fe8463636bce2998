from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import document_moves, orders
from shared.domain.answer_profiles import Policy
from shared.domain.answer_words import Action
from shared.domain.answers import LineAnswer, Says, apply
from shared.domain.document_moves import ALLOWED, WAITS, Asked, Meaning, Step
from shared.domain.documents import (
    Acknowledgement,
    AnsweredLine,
    LineSays,
    Origin,
    ProductId,
    Purpose,
    ShippedLine,
    Spot,
    When,
    Whose,
)
from shared.domain.names import Sku, SourceId
from shared.domain.orders import DeductsAt, LineState
from shared.domain.purchase_orders import PoLine, PoState, PurchaseOrder
from tests.support import trade

ALPINA = SourceId("alpina")
NUMBER = "ALPINA-000001"
SPOT = Spot(4, 120)
USUAL = Policy()


def asked(*units: int, pack: int = 1, costs: dict[Sku, int] | None = None) -> Asked:
    """What alpina was asked for: a line each, of SKUs S1, S2 and so on."""
    lines = [(f"S{i}", count) for i, count in enumerate(units, 1)]
    taken = {(f"l{i}", ALPINA): count for i, (_, count) in enumerate(lines, 1)}
    order = orders.send(orders.take(trade.order("1", *lines), taken, attempt="t"), 1, deducts_at=DeductsAt.SHIP).order
    po_lines = tuple(
        PoLine(line=each.line, sku=each.sku, units=each.ordered, code=f"C-{each.sku}", pack=pack)
        for each in order.lines
    )
    po = PurchaseOrder(
        order=order.key, source=ALPINA, n=1, number=NUMBER, lines=po_lines, state=PoState.SENT, sent_at=trade.T0
    )
    return Asked(order=order, po=po, currency="EUR", costs=costs or {})


def line(*says: tuple[Action, int | None], of: str = "l1", product: str = "", **more: object) -> AnsweredLine:
    said = tuple(LineSays(action=action, units=units, spot=SPOT, **more) for action, units in says)  # type: ignore[arg-type]
    products = (ProductId(Whose.SUPPLIER, product),) if product else ()
    return AnsweredLine(line=of, products=products, says=said, spot=SPOT)


def ack(*lines: AnsweredLine, whole: Action | None = None, currency: str = "") -> Acknowledgement:
    origin = Origin(kind="855", spot=Spot(3, 90), digest="d1")
    return Acknowledgement(
        origin=origin, order=NUMBER, purpose=Purpose.ORIGINAL, lines=lines, whole=whole, currency=currency
    )


def meant(said: Acknowledgement, of: Asked, policy: Policy = USUAL) -> Meaning:
    into = Meaning()
    document_moves.acknowledged(said, of, policy, into)
    return into


def told(meaning: Meaning) -> list[tuple[str, str, int, str]]:
    return [(each.line, each.says.value, each.units, each.why) for each in meaning.steps]


def after(of: Asked, *steps: Step) -> Asked:
    order = of.order
    for each in steps:
        order = apply(order, 1, LineAnswer(line=each.line, says=each.says, units=each.units), DeductsAt.SHIP).order
    return replace(of, order=order)


def test_a_part_leaves_the_rest_out_of_stock() -> None:
    meaning = meant(ack(line((Action.PARTIAL, 6))), asked(10))

    assert told(meaning) == [("l1", "accepted", 6, ""), ("l1", "rejected", 4, "out_of_stock")]


def test_a_part_of_what_has_shipped_leaves_the_same_rest() -> None:
    shipped = after(asked(10), Step(NUMBER, "l1", Says.SHIPPED, 6))

    assert told(meant(ack(line((Action.PARTIAL, 6))), shipped)) == [
        ("l1", "accepted", 6, ""),
        ("l1", "rejected", 4, "out_of_stock"),
    ]


def test_the_word_of_the_whole_is_of_the_lines_that_are_not_listed() -> None:
    meaning = meant(ack(line((Action.REJECT, None)), whole=Action.ACCEPT), asked(10, 3))

    assert told(meaning) == [("l1", "rejected", 10, "other"), ("l2", "accepted", 3, "")]


def test_a_hold_moves_nothing() -> None:
    assert told(meant(ack(line((Action.HOLD, None))), asked(10))) == []


def test_packs_of_the_suppliers_code_are_our_pieces() -> None:
    meaning = meant(ack(line((Action.ACCEPT, 2), of="", product="C-S1")), asked(12, pack=6))

    assert told(meaning) == [("l1", "accepted", 12, "")]


def test_a_backorder_without_a_day_goes_elsewhere() -> None:
    meaning = meant(ack(line((Action.BACKORDER, None))), asked(10), Policy(backorders="wait"))

    assert (told(meaning), meaning.promises) == ([("l1", "rejected", 10, WAITS)], [])


@pytest.mark.parametrize(
    ("_case", "found", "code"),
    [
        ("no such line", line((Action.ACCEPT, 1), of="l9"), "unknown_line"),
        ("no such product", line((Action.ACCEPT, 1), of="", product="X"), "unknown_line"),
        ("line and product disagree", line((Action.ACCEPT, 1), of="l1", product="C-S2"), "line_other_product"),
        ("more than was asked for is rejected", line((Action.REJECT, 11)), "reject_too_many"),
    ],
)
def test_a_line_that_cannot_be_is_a_finding_with_its_place(_case: str, found: AnsweredLine, code: str) -> None:
    meaning = meant(ack(found), asked(10, 3))

    assert [(each.code, each.segment, each.byte) for each in meaning.findings] == [(code, *SPOT)]


def test_a_line_answered_twice_is_a_finding() -> None:
    said = ack(line((Action.ACCEPT, 1)), line((Action.ACCEPT, 1)))

    assert [each.code for each in meant(said, asked(10)).findings] == ["line_twice"]


@pytest.mark.parametrize(("price", "is_outside"), [("4.20", False), ("4.2001", True), ("0.01", False)])
def test_a_price_is_held_against_what_a_piece_costs(price: str, is_outside: bool) -> None:  # noqa: FBT001
    known = asked(10, costs={Sku("S1"): 400})

    meaning = meant(ack(line((Action.PRICE, 10), price=Decimal(price))), known, Policy(price_percent=5))

    assert [each.code for each in meaning.findings] == (["price_outside"] if is_outside else [])


@pytest.mark.parametrize(("day", "is_outside"), [("2026-12-01", False), ("2026-12-02", True)])
def test_a_day_is_held_against_the_day_it_was_sent(day: str, is_outside: bool) -> None:  # noqa: FBT001
    when = When(date.fromisoformat(day))

    meaning = meant(ack(line((Action.DATE, 10), on=when)), asked(10), Policy(late_days=7))

    assert [each.code for each in meaning.findings] == (["date_outside"] if is_outside else [])


def test_a_new_price_of_what_has_no_known_cost_waits_for_a_word() -> None:
    meaning = meant(ack(line((Action.PRICE, 10), price=Decimal(1))), asked(10), Policy(price_percent=100))

    assert {each.code for each in meaning.findings} <= ALLOWED
    meaning.allow()
    assert meaning.findings == []


def test_reroute_leaves_nothing_to_reject_and_an_accept_is_late() -> None:
    moved = asked(10)
    moved = replace(moved, order=orders.reroute(moved.order, 1, "l1", 10).order)

    assert told(meant(ack(line((Action.REJECT, 10))), moved)) == []
    late = after(moved, *meant(ack(line((Action.ACCEPT, None))), moved).steps)
    assert late.order.late == 10


def corrected(before: list[Step], now: list[Step]) -> Meaning:
    into = Meaning()
    document_moves.difference(before, now, SPOT, into)
    return into


def step(says: Says, units: int, why: str = "") -> Step:
    return Step(NUMBER, "l1", says, units, why)


@pytest.mark.parametrize(
    ("_case", "before", "now", "steps", "codes"),
    [
        ("more", [step(Says.ACCEPTED, 4)], [step(Says.ACCEPTED, 6)], [("l1", "accepted", 2, "")], []),
        ("fewer", [step(Says.ACCEPTED, 6)], [step(Says.ACCEPTED, 4)], [("l1", "rejected", 2, "out_of_stock")], []),
        (
            "fewer, and why",
            [step(Says.ACCEPTED, 10)],
            [step(Says.ACCEPTED, 7), step(Says.REJECTED, 3, "damaged")],
            [("l1", "rejected", 3, "damaged")],
            [],
        ),
        ("not shipped", [step(Says.SHIPPED, 6)], [step(Says.SHIPPED, 5)], [], ["not_taken_back"]),
        (
            "not rejected",
            [step(Says.REJECTED, 6)],
            [step(Says.ACCEPTED, 10)],
            [("l1", "accepted", 10, "")],
            ["not_taken_back"],
        ),
        ("the same", [step(Says.ACCEPTED, 6)], [step(Says.ACCEPTED, 6)], [], []),
    ],
)
def test_a_correction_is_the_difference(
    _case: str, before: list[Step], now: list[Step], steps: list[object], codes: list[str]
) -> None:
    meaning = corrected(before, now)

    assert (sorted(told(meaning)), [each.code for each in meaning.findings]) == (steps, codes)


# ---- any documents, in any order

actions = st.sampled_from([Action.ACCEPT, Action.PARTIAL, Action.REJECT, Action.BACKORDER, Action.CHANGE])
said_units = st.one_of(st.none(), st.integers(1, 12))
documents = st.lists(
    st.tuples(st.sampled_from(["l1", "l2"]), st.one_of(actions, st.just("ship")), said_units), max_size=8
)


def takes(of: Asked, line_id: str, action: object, units: int | None) -> Asked:
    """Judge one document and take its steps, all or none."""
    into = Meaning()
    if isinstance(action, Action):
        needed = 1 if action is Action.PARTIAL and units is None else units
        document_moves.acknowledged(ack(line((action, needed), of=line_id)), of, USUAL, into)
    else:
        item = ShippedLine(order=NUMBER, line=line_id, products=(), units=units or 1, spot=SPOT)
        document_moves.shipped([item], of, USUAL, into)
    if not into.findings:
        document_moves.rehearse(into.steps, of, DeductsAt.SHIP, lambda _: False, lambda _: SPOT, into)
    return of if into.findings else after(of, *into.steps)


@given(documents, st.lists(st.tuples(st.sampled_from(["l1", "l2"]), st.integers(1, 10)), max_size=2))
def test_quantities_conserve_over_any_documents_in_any_order(
    said: list[tuple[str, object, int | None]], rerouted: list[tuple[str, int]]
) -> None:
    found = asked(10, 4)
    for i, each in enumerate(said):
        found = takes(found, *each)
        if i < len(rerouted):
            line_id, units = rerouted[i]
            if found.free(line_id):
                found = replace(found, order=orders.reroute(found.order, 1, line_id, units).order)

        orders.check(found.order)
        for allocation in found.order.allocations:
            assert max(allocation.acked, allocation.shipped) <= allocation.units
            assert allocation.committed >= 0


@given(st.integers(0, 10), st.integers(0, 10))
def test_a_part_and_its_shipment_end_the_same_in_any_order(accepted: int, shipped: int) -> None:
    said = [("l1", Action.PARTIAL, accepted)] + [("l1", "ship", shipped)] * bool(min(shipped, accepted))
    ended: set[tuple[tuple[LineState, int], ...]] = set()
    for order in permutations(said):
        found = asked(10)
        for line_id, action, units in order:
            found = takes(found, line_id, action, min(units, accepted))
        ended.add(tuple(found.order.counts(found.order.line("l1")).items()))

    assert len(ended) == 1


# ---- known by its GTIN


EAN, UPC, UPC_AS_GTIN = "4006381333931", "036000291452", "00036000291452"


def named(number: str, of: str = "") -> AnsweredLine:
    said = LineSays(action=Action.ACCEPT, units=3, spot=SPOT)
    return AnsweredLine(line=of, products=(ProductId(Whose.GTIN, number, "UP"),), says=(said,), spot=SPOT)


def with_gtins(*units: int, pack: int = 1) -> Asked:
    return replace(asked(*units, pack=pack), gtins={Sku("S1"): f"0{EAN}", Sku("S2"): UPC_AS_GTIN})


@pytest.mark.parametrize("number", [UPC, f"0{UPC}", UPC_AS_GTIN])
def test_a_line_is_known_by_its_gtin_in_any_length(number: str) -> None:
    assert told(meant(ack(named(number)), with_gtins(10, 10))) == [("l2", "accepted", 3, "")]


@pytest.mark.parametrize(
    ("_case", "line", "of", "code"),
    [
        ("nobody knows it", named(UPC), asked(10, 10), "unknown_line"),
        ("of a product that was not asked for", named(UPC), with_gtins(10), "unknown_line"),
        ("its check digit does not fit", named("036000291453"), with_gtins(10, 10), "gtin_check_digit"),
        ("our number is of another line", named(UPC, of="l1"), with_gtins(10, 10), "line_other_product"),
        ("our number is of a line with another", named("5901234123457", "l1"), with_gtins(10), "line_other_product"),
        ("packs or pieces", named(UPC), with_gtins(10, 10, pack=5), "pack_unclear"),
    ],
)
def test_a_gtin_that_leaves_it_open_is_a_finding(_case: str, line: AnsweredLine, of: Asked, code: str) -> None:
    meaning = meant(ack(line), of)

    assert (told(meaning), [each.code for each in meaning.findings]) == ([], [code])


@pytest.mark.parametrize(("number", "of"), [(UPC, "l2"), ("036000291453", "l1"), ("junk", "l2")])
def test_our_number_of_the_line_is_enough_where_the_gtin_does_not_contradict_it(number: str, of: str) -> None:
    assert told(meant(ack(named(number, of)), with_gtins(10, 10))) == [(of, "accepted", 3, "")]


def test_a_gtin_says_nothing_beside_the_suppliers_own_code() -> None:
    line_ = named(UPC)
    both = replace(line_, products=(*line_.products, ProductId(Whose.SUPPLIER, "C-S1")))

    assert told(meant(ack(both), with_gtins(10, 10))) == [("l1", "accepted", 3, "")]
