"""What a storefront's event asks of us, whatever the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.customers import Customer
from shared.domain.names import OrderKey
from shared.domain.orders import Order


class Ask(StrEnum):
    """What shall become of an order."""

    CREATE = "create"
    EDIT = "edit"
    CANCEL = "cancel"


class Paid(StrEnum):
    """How far an order is paid for."""

    NOT = "not"
    AUTHORISED = "authorised"
    FULLY = "paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One event read: the order as the platform now describes it, all units open, and the address it ships to.

    `ship_to` and `customer` are personal data: the one goes into `SHIPTO`, the other into a hash, and nowhere else.
    `paid`: as far as the platform says; one that brings only orders that are to be shipped says so of all.
    """

    ask: Ask
    order: Order
    ship_to: Mapping[str, str] = field(default_factory=dict, repr=False)
    paid: Paid = Paid.FULLY
    is_test: bool = False
    customer: Customer = field(default_factory=Customer, repr=False)

    @property
    def key(self) -> OrderKey:
        """Return the key of the order it is about."""
        return self.order.key
