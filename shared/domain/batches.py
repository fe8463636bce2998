"""A batch: purchase orders of many orders that go out to one supplier in one file, under one claim.

`open -> sending -> sent | unknown | failed` (docs/protocols.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.domain.names import OrderKey, SourceId


class BatchState(StrEnum):
    """Where a batch is; `failed`: it surely is not there, and its purchase orders go out by another."""

    OPEN = "open"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"


class Member(NamedTuple):
    """A purchase order, by its order and its count there."""

    order: OrderKey
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One file. `candidates` may be in it, `members` are, once it is closed.

    `claimed_by` sends it, until `claimed_until`; `sent_by`, `control` and `made_at` are kept so that a second try is
    the same to the byte; `retry_at`: when purchase orders of a failed one are sent again, empty: when a person says so.
    """

    source: SourceId
    number: str
    candidates: tuple[Member, ...]
    claimed_by: str
    claimed_until: str
    sent_by: str
    made_at: str
    control: int = 0
    members: tuple[Member, ...] = ()
    state: BatchState = BatchState.OPEN
    retry_at: str = ""
    revision: int = 1
