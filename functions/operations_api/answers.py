"""From what the tables hold to what the API answers."""

from __future__ import annotations

from collections.abc import Sequence

from functions.operations_api.models import (
    AllocationAnswer,
    CandidateAnswer,
    LevelAnswer,
    LineAnswer,
    OrderAnswer,
    PlanAnswer,
    PurchaseOrderAnswer,
    StockAnswer,
    ToldAnswer,
)
from shared.domain.names import Sku
from shared.domain.stock import Level
from shared.storage.availability import Told
from shared.storage.plans import LastPlan
from shared.storage.whole_orders import WholeOrder


def stock(sku: Sku, levels: Sequence[Level], told: Sequence[Told]) -> StockAnswer:
    """Answer what is known of a SKU."""
    return StockAnswer(
        sku=sku,
        levels=[
            LevelAnswer(
                source=level.key.source,
                counted=level.counted,
                committed=level.committed,
                deducted=sum(level.deducted.values()),
                available=level.available,
                incoming=level.incoming,
                as_of=level.counted_as_of,
                count_id=level.count_id,
                status=level.status,
                held_until=level.held_until,
                revision=level.revision,
            )
            for level in levels
        ],
        told=[ToldAnswer(channel=each.channel, number=each.number, told_at=each.told_at) for each in told],
    )


def order(whole: WholeOrder) -> OrderAnswer:
    """Answer what is known of an order."""
    order = whole.order
    return OrderAnswer(
        channel=order.key.channel,
        order_id=order.key.order_id,
        name=order.name,
        state=order.state,
        placed_at=order.placed_at,
        currency=order.currency,
        cancel_wanted=order.cancel_wanted,
        revision=order.revision,
        lines=[
            LineAnswer(
                line=line.line,
                sku=line.sku,
                ordered=line.ordered,
                **{state.value: units for state, units in order.counts(line).items()},
            )
            for line in order.lines
        ],
        allocations=[
            AllocationAnswer(line=each.line, source=each.source, n=each.n, units=each.units, given_back=each.given_back)
            for each in order.allocations
        ],
        plan=_plan(whole.plan) if whole.plan else None,
        purchase_orders=[
            PurchaseOrderAnswer(
                number=po.number,
                source=po.source,
                n=po.n,
                state=po.state.value,
                made_at=po.made_at,
                sent_at=po.sent_at,
            )
            for po in whole.purchase_orders
        ],
    )


def _plan(plan: LastPlan) -> PlanAnswer:
    return PlanAnswer(
        made_at=plan.made_at,
        rules_version=plan.rules_version,
        short=dict(plan.short),
        weighed=[CandidateAnswer(**candidate) for candidate in plan.weighed],
    )
