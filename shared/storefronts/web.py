"""One request to a shop over HTTP, with a time limit and errors in our kinds.

A redirect is not followed: what is asked carries the shop's token, which is nobody else's to see.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from math import isfinite

from shared.errors import InvalidInput, Transient

MOST_ANSWER_BYTES = 8 * 1024 * 1024
TOO_MANY_REQUESTS = 429
THROTTLED = "throttled"
"""Code of a failure that a shop says, or that we say for it: it is asked too often."""
SERVER_ERRORS = 500
LEAST_WAIT_SECONDS, MOST_WAIT_SECONDS = 1.0, 3600.0

_MILLISECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent. Its URL is a rule of the merchant, checked when it is pushed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a shop answers to what it did. Header names are in lower case."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Send = Callable[[Request], Response]


class _Refusing(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nowhere."""


_OPENER = urllib.request.build_opener(_Refusing)


def send(request: Request) -> Response:
    """Send a request and return the answer of a shop that did it.

    Raises Transient when the shop throttles, fails or does not answer in time, InvalidInput when it refuses us
    (`status`) or answers more than 8 MB.
    """
    sent = urllib.request.Request(  # noqa: S310 - see `Request`
        request.url, data=request.body, headers=dict(request.headers), method=request.method
    )
    try:
        with _OPENER.open(sent, timeout=request.timeout) as answer:
            body = answer.read(MOST_ANSWER_BYTES + 1)
            headers = _headers(answer.headers)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == TOO_MANY_REQUESTS:
            wait = _seconds(_headers(error.headers))
            raise Transient("the shop throttles", code=THROTTLED, wait=wait) from error
        if error.code >= SERVER_ERRORS:
            raise Transient("the shop failed", code="shop_failed", status=error.code) from error
        raise InvalidInput("the shop refused us", code="shop_refused", status=error.code) from error
    except (OSError, http.client.HTTPException) as error:
        raise Transient("the shop did not answer", code="shop_silent", error=type(error).__name__) from error
    if len(body) > MOST_ANSWER_BYTES:
        raise InvalidInput("the shop's answer is too long", code="shop_answer", size=len(body))
    return Response(body=body, headers=headers)


def bounded(seconds: float) -> float:
    """Believe a shop for an hour at most; `inf` and `nan` are numbers, too."""
    return min(max(seconds, LEAST_WAIT_SECONDS), MOST_WAIT_SECONDS) if isfinite(seconds) else LEAST_WAIT_SECONDS


def number_in(headers: Mapping[str, str], name: str) -> float | None:
    """Read a number that is not below zero; None where there is none."""
    try:
        read = float(headers.get(name) or "nan")
    except ValueError:
        return None
    return read if isfinite(read) and read >= 0 else None


def _headers(told: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in told.items()}


def _seconds(headers: Mapping[str, str]) -> float:
    """Read how long a shop wants to rest; a limit that is used up says when it begins anew, or its calls a second."""
    told = number_in(headers, "retry-after")
    resets = number_in(headers, "x-rate-limit-time-reset-ms")
    a_second = number_in(headers, "x-amzn-ratelimit-limit")
    if told is None and resets is not None:
        told = resets / 1000
    if told is None and a_second:
        told = 1 / a_second
    return bounded(told or LEAST_WAIT_SECONDS)
