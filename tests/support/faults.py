"""Clients that fail: at a chosen call, before it is sent or after it was carried out and its answer lost; or as the
service refuses under load, which no engine here does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

REASONS = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
"""Why the service cancels a transaction though no condition failed."""
THROTTLES = ("ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError")
CODES_OF = {
    "TransactWriteItems": (*REASONS, *THROTTLES, "TransactionInProgressException"),
    "UpdateItem": (*THROTTLES, "TransactionConflictException"),
}


class Crash(BaseException):
    """The process is gone: nothing of ours may catch it."""


class Faulty:
    """Wraps a client. `failure` is raised at call number `at` (from 1), `after` the call was carried out or before."""

    def __init__(self, client: Any, at: int, *, failure: BaseException | None = None, after: bool = False) -> None:  # noqa: ANN401
        self._client = client
        self._at = at
        self._failure = failure or Crash()
        self._after = after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)

        def counted(**request: Any) -> Any:  # noqa: ANN401 - whatever the client answers
            self.calls.append(name)
            if len(self.calls) != self._at:
                return call(**request)
            if self._after:
                call(**request)
            raise self._failure

        return counted


class Meanwhile:
    """Wraps a client. Before its first call of a name, or call number `call` (from 1), something else happens."""

    def __init__(self, client: Any, call: str | int, happens: Callable[[], object]) -> None:  # noqa: ANN401
        self._client = client
        self._call = call
        self._happens = [happens]
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)

        def after(**request: Any) -> Any:  # noqa: ANN401 - whatever the client answers
            self.calls += 1
            if self._call in {name, self.calls} and self._happens:
                self._happens.pop()()
            return call(**request)

        return after


def no_answer() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="http://127.0.0.1")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as the service got it: how many actions a transaction had, and what was answered instead."""

    operation: str
    actions: int
    code: str


@dataclass
class Refusing:
    """Refuses calls. `says` is asked before each and names the code, "" to let it pass.

    A code of `REASONS` cancels a transaction, at positions that `chance` draws. Others are the call's own error, as
    the SDK hands it on when its own retries are used up.
    """

    says: Callable[[str], str]
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311
    calls: list[Asked] = field(default_factory=list)

    def watch(self, client: Any) -> Any:  # noqa: ANN401 - a client
        """Have a client's calls pass here."""
        client.meta.events.register("before-call.dynamodb.*", self)
        return client

    def __call__(self, *, model: Any, params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]] | None:  # noqa: ANN401
        actions = len(json.loads(params["body"]).get("TransactItems", ()))
        code = self.says(model.name)
        self.calls.append(Asked(model.name, actions, code))
        if not code:
            return None
        answer: dict[str, Any] = {"Error": {"Code": code, "Message": "refused"}}
        if code in REASONS:
            hit = self.chance.sample(range(actions), self.chance.randint(1, actions))
            answer["Error"]["Code"] = "TransactionCanceledException"
            answer["CancellationReasons"] = [{"Code": code if i in hit else "None"} for i in range(actions)]
        return SimpleNamespace(status_code=400), answer

    def transactions(self) -> list[int]:
        """How many actions each transaction had, in order."""
        return [call.actions for call in self.calls if call.actions]


def under_load(chance: random.Random, share: float) -> Refusing:
    """Refuse a share of calls, each with one of the codes that the service has for it."""

    def says(operation: str) -> str:
        return chance.choice(CODES_OF.get(operation, THROTTLES)) if chance.random() < share else ""

    return Refusing(says, chance)


@dataclass
class AnswerLost:
    """Carries a client's request number `at` (from 1) out and loses its answer: the SDK sends the same once more."""

    at: int
    sent: int = 0

    def watch(self, client: Any) -> Any:  # noqa: ANN401 - a client
        """Have a client's requests pass here."""
        client.meta.events.register("before-send.dynamodb.*", self)
        return client

    def __call__(self, request: Any, **_: object) -> None:  # noqa: ANN401 - a prepared request
        self.sent += 1
        if self.sent == self.at:
            URLLib3Session().send(request)
            raise no_answer()
