"""One request to a supplier over HTTPS, its answer whatever its status, and whether it can have arrived.

A redirect is not followed: what is sent carries a buyer's address and our secrets, which are nobody else's to see.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.errors import Transient
from shared.suppliers.contract import NotTaken

MOST_ANSWER_BYTES = 1024 * 1024
PIECE_BYTES = 64 * 1024
UNREACHED_WAIT_SECONDS = 300.0
NEVER_CONNECTED = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
"""Failures before a byte of the request was sent. Any other may have come after all of it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - the supplier's JSON
        """Read the answer. Raises ValueError when it is none."""
        return json.loads(self.body)


class _Refusing(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nowhere."""


_OPENER = urllib.request.build_opener(_Refusing)


def ask(asked: Asked) -> Answered:
    """Send a request once and return its answer, of any status, before its time is over.

    Raises NotTaken when the supplier was not reached at all, Transient when it may have got the request.
    """
    until = time.monotonic() + asked.timeout
    sent = urllib.request.Request(  # noqa: S310 - the rules' URL is https
        asked.url, data=asked.body, headers=dict(asked.headers), method=asked.method
    )
    try:
        try:
            answer = _OPENER.open(sent, timeout=asked.timeout)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answered(status=answer.status, headers=headers, body=_read(answer, until))
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, NEVER_CONNECTED):
            raise NotTaken(
                "the supplier was not reached",
                code="unreached",
                wait=UNREACHED_WAIT_SECONDS,
                error=type(cause).__name__,
            ) from error
        raise Transient("the supplier did not answer", code="no_answer", error=type(cause).__name__) from error


def _read(answer: Any, until: float) -> bytes:  # noqa: ANN401 - an answer, or the error that is one
    """Read as much as is worth reading; a supplier that sends a byte a second is one that does not answer."""
    pieces: list[bytes] = []
    while piece := answer.read1(PIECE_BYTES):
        pieces.append(piece)
        if time.monotonic() > until:
            raise TimeoutError("an answer takes too long")
        if sum(map(len, pieces)) > MOST_ANSWER_BYTES:
            raise http.client.HTTPException("an answer is too long")
    return b"".join(pieces)
