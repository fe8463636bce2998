"""What the API answers: shapes of its own, apart from what the tables hold."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Nothing but what is declared leaves the API."""

    model_config = ConfigDict(extra="forbid", strict=True)


class LevelAnswer(Answer):
    """One source's units of a SKU, in pieces."""

    source: str
    counted: int
    committed: int
    deducted: int
    available: int
    incoming: int
    as_of: str
    count_id: str
    status: str
    held_until: str
    revision: int


class ToldAnswer(Answer):
    """The number a channel was told last."""

    channel: str
    number: int
    told_at: str


class StockAnswer(Answer):
    """A SKU at every source, and what every channel was told."""

    sku: str
    levels: list[LevelAnswer]
    told: list[ToldAnswer]


class LineAnswer(Answer):
    """One line: how many of its units are in which state."""

    line: str
    sku: str
    ordered: int
    open: int
    reserved: int
    sent: int
    accepted: int
    shipped: int
    backordered: int
    cancelled: int


class AllocationAnswer(Answer):
    """Units of a line at a source, under purchase order `n` of the order."""

    line: str
    source: str
    n: int
    units: int
    given_back: int


class CandidateAnswer(Answer):
    """A source that the plan weighed for a line, and its verdict."""

    line: str
    source: str
    available: int
    cost_minor: int | None
    currency: str
    taken: int
    verdict: str


class PlanAnswer(Answer):
    """The order's last plan. `short`: line -> units that nobody had."""

    made_at: str
    rules_version: str
    short: dict[str, int]
    weighed: list[CandidateAnswer]


class PurchaseOrderAnswer(Answer):
    """One purchase order of the order."""

    number: str
    source: str
    n: int
    state: str
    made_at: str
    sent_at: str


class OrderAnswer(Answer):
    """An order as it is, and why. `plan` is null when it never had one or it has expired."""

    channel: str
    order_id: str
    name: str
    state: str
    placed_at: str
    currency: str
    cancel_wanted: bool
    revision: int
    lines: list[LineAnswer]
    allocations: list[AllocationAnswer]
    plan: PlanAnswer | None
    purchase_orders: list[PurchaseOrderAnswer]


class FailureAnswer(Answer):
    """Why there is no answer: a stable code and a phrase."""

    code: str
    message: str
