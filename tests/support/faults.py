"""A client that fails at a chosen call: before it is sent, or after it was carried out and its answer lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ReadTimeoutError


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
    """Wraps a client. Before its first call of a name something else happens: another write, or a failure."""

    def __init__(self, client: Any, call: str, happens: Callable[[], object]) -> None:  # noqa: ANN401
        self._client = client
        self._call = call
        self._happens = [happens]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)

        def after(**request: Any) -> Any:  # noqa: ANN401 - whatever the client answers
            if name == self._call and self._happens:
                self._happens.pop()()
            return call(**request)

        return after


def no_answer() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="http://127.0.0.1")
