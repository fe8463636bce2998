"""What every way of sending can be asked, and how it says what became of a send.

Of a send there are four ends: it is there; the supplier refuses it (Rejected, for a person); it surely is not there
and may be sent later (NotTaken); nobody knows (any other Transient), and nobody sends it again before it was looked up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from shared.domain.names import SourceId
from shared.errors import Transient


class NotTaken(Transient):
    """The supplier surely did not take what was sent: it may be sent again in `wait` seconds."""

    def __init__(self, message: str, *, code: str, wait: float, **details: object) -> None:
        """Say why, and in how many seconds it may be tried again."""
        super().__init__(message, code=code, **details)
        self.wait = wait


class UnderWay(Transient):
    """What was sent is on its way, and no failure: what becomes of it is looked up."""


class Folder(Protocol):
    """A place where files for a source are put."""

    def send_answer(self, source: SourceId, name: str, body: bytes) -> None:
        """Put our answer to a file of theirs; the same again is the same. Fails as a send does."""
        ...


class Way(Protocol):
    """A way of sending to one source.

    `times_out` is the longest a send can take, `lands_within` the longest a request may still arrive after whoever
    sent it is gone. `looks`: whether `has` can be asked at all; `cancels`: whether `send_cancel` can.
    """

    @property
    def times_out(self) -> timedelta:
        """How long a send takes at most."""
        ...

    @property
    def lands_within(self) -> timedelta:
        """How long a request may be on its way."""
        ...

    @property
    def looks(self) -> bool:
        """Whether the supplier can be asked for a purchase order."""
        ...

    @property
    def cancels(self) -> bool:
        """Whether the supplier can be asked to cancel one."""
        ...

    def send(self, source: SourceId, number: str, body: bytes) -> None:
        """Send a purchase order. Raises Rejected, NotTaken, or Transient when nobody knows whether it arrived."""
        ...

    def send_cancel(self, source: SourceId, number: str, body: bytes, request: str = "") -> None:
        """Send a request to cancel one, or part of it; fails as `send` does. `request`: which, where there are more."""
        ...

    def has(self, source: SourceId, number: str, body: bytes) -> bool:
        """Answer whether the supplier has a purchase order. Raises Transient when it does not say."""
        ...
