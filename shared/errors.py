"""The kinds of failure: the kind decides what everyone does about it.

`InvalidInput` is quarantined, `Rejected` is an answer, `Conflict` is tried again from a fresh read, `Transient`
goes back to the queue; anything else is a bug and raises. Messages are constant phrases; values go into `details`,
and never personal data.
"""

from __future__ import annotations


class AppError(Exception):
    """Carry a stable code and the values that tell one case from another."""

    def __init__(self, message: str, *, code: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details

    def __str__(self) -> str:
        """Say the phrase, then its details."""
        told = ", ".join(f"{name}={value!r}" for name, value in self.details.items())
        return f"{self.message} ({told})" if told else self.message


class InvalidInput(AppError):
    """The input can never be understood: do not retry, keep it aside with the reason."""


class Rejected(AppError):
    """The input is understood and the rules say no: record the answer."""


class Conflict(AppError):
    """Someone else changed it first: read again and retry."""


class Transient(AppError):
    """It may work later: raise, so that the message comes again."""


CONFLICT_CODES = frozenset(
    {"ConditionalCheckFailedException", "TransactionConflictException", "TransactionConflict", "ConditionalCheckFailed"}
)
INVALID_CODES = frozenset({"ValidationException", "ValidationError", "InvalidParameterValue", "EntityTooLarge"})


def kind_of(code: str) -> type[AppError]:
    """Answer which kind a service's error code is; unknown codes may work later."""
    if code in CONFLICT_CODES:
        return Conflict
    if code in INVALID_CODES:
        return InvalidInput
    return Transient
