"""Sends by posting JSON to the supplier's API, and looks there by the number where the API can be asked.

2xx: it has it. 409 (or what the rules say): it has it already, and is asked whether it has where it can be asked. 429,
401, 403 and what never connected: it has it not.
Another 4xx refuses it, for a person. Anything else, 5xx and lost answers: nobody knows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from math import isfinite
from typing import Any
from urllib.parse import quote, urlencode

from shared.domain.names import SourceId
from shared.domain.sending_rules import BODY, NUMBER, TIMESTAMP, Api, SignIn
from shared.errors import Rejected, Transient
from shared.suppliers.contract import NotTaken
from shared.suppliers.exchange import Answered, Asked, ask

LEAST_WAIT_SECONDS, USUAL_WAIT_SECONDS, MOST_WAIT_SECONDS = 1.0, 60.0, 6 * 3600.0
NOT_LET_IN_WAIT_SECONDS = 900.0
RENEWED_BEFORE = timedelta(seconds=60)
USUAL_TOKEN_LIFE_SECONDS = 300.0
LONGEST_REASON = 100
SERVER_ERRORS = 500
NOT_LET_IN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
REQUESTS_OF_A_SEND = 4
"""A token and the order; and both again where the token was no longer good."""


@dataclass(slots=True)
class Token:
    """A token as it was given, until it is to be renewed."""

    text: str = field(repr=False)
    until: datetime


@dataclass(slots=True)
class HttpsJson:
    """Posts to one supplier. `tokens` keeps tokens by where they come from, as long as the process lives."""

    api: Api
    secret: Callable[[], Mapping[str, str]]
    now: Callable[[], datetime]
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)
    lands_within: timedelta = timedelta(seconds=60)

    @property
    def times_out(self) -> timedelta:
        """As long as all its requests; one more second, for what is between them."""
        requests = REQUESTS_OF_A_SEND if self.api.auth.kind is SignIn.OAUTH2 else 1
        return timedelta(seconds=requests * self._timeout + 1)

    @property
    def looks(self) -> bool:
        """Whether the API can be asked for an order."""
        return bool(self.api.look_url)

    @property
    def cancels(self) -> bool:
        """Whether the API takes requests to cancel."""
        return bool(self.api.cancel_url)

    def send(self, source: SourceId, number: str, body: bytes) -> None:
        """Post a purchase order. Raises Rejected, NotTaken, or Transient when nobody knows whether it arrived."""
        self._post(self.api.url, source, number, number, body)

    def send_cancel(self, source: SourceId, number: str, body: bytes, request: str = "") -> None:
        """Post a request to cancel one; fails as `send` does."""
        key = f"{number}-{request}-cancel" if request else f"{number}-cancel"
        self._post(self.api.cancel_url, source, number, key, body)

    def has(self, source: SourceId, number: str, body: bytes) -> bool:  # noqa: ARG002 - an API shows no bytes
        """Answer whether the supplier has that number. Raises Transient when it does not say.

        A 404 counts when the API itself says it, in JSON: that of a proxy or of a wrong URL is no answer.
        """
        answer = self._signed("GET", _at(self.api.look_url, number), source, {}, None)
        try:
            found = answer.json()
        except ValueError as error:
            raise Transient("the supplier does not say", code="not_json", status=answer.status) from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        if answer.status != HTTPStatus.OK:
            raise Transient("the supplier does not say", code="not_told", status=answer.status)
        return not self.api.number_at or str(_within(found, self.api.number_at)) == number

    def _post(self, url: str, source: SourceId, number: str, key: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        if self.api.idempotency_header:
            headers[self.api.idempotency_header] = key
        answer = self._signed("POST", _at(url, number), source, headers, body)
        status = answer.status
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status in self.api.duplicates and (not self.looks or self.has(source, number, body)):
            return
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise NotTaken("the supplier throttles", code="throttled", wait=_seconds(answer.headers.get("retry-after")))
        if status in NOT_LET_IN:
            raise NotTaken("the supplier does not let us in", code="not_let_in", wait=NOT_LET_IN_WAIT_SECONDS)
        if status >= SERVER_ERRORS or status == HTTPStatus.REQUEST_TIMEOUT:
            raise Transient("the supplier failed", code="supplier_failed", status=status)
        raise Rejected("the supplier refused it", code="supplier_refused", status=status, reason=self._reason(answer))

    def _reason(self, answer: Answered) -> str:
        """Read the supplier's words only where the rules say they are: a whole answer may repeat an address."""
        try:
            found = _within(answer.json(), self.api.reason_at) if self.api.reason_at else ""
        except ValueError:
            return ""
        return found[:LONGEST_REASON] if isinstance(found, str) else ""

    # ---- signing in

    def _signed(
        self, method: str, url: str, source: SourceId, headers: Mapping[str, str], body: bytes | None
    ) -> Answered:
        """Ask, signed in; once more with a new token where the old one was refused, for then nothing was taken."""
        asked = Asked(method=method, url=url, headers=headers, body=body, timeout=self._timeout)
        answer = ask(replace(asked, headers={**headers, **self._proof(source, body or b"")}))
        if answer.status == HTTPStatus.UNAUTHORIZED and self._forget_token(source):
            answer = ask(replace(asked, headers={**headers, **self._proof(source, body or b"")}))
        return answer

    def _forget_token(self, source: SourceId) -> bool:
        return self.tokens.pop(self._place(source), None) is not None

    def _proof(self, source: SourceId, body: bytes) -> dict[str, str]:
        auth = self.api.auth
        match auth.kind:
            case SignIn.KEY:
                return {auth.header: auth.prefix + self._secret("key")}
            case SignIn.BASIC:
                return {"Authorization": _basic(self._secret("user"), self._secret("password"))}
            case SignIn.OAUTH2:
                return {"Authorization": f"Bearer {self._token(source)}"}
            case SignIn.SIGNATURE:
                return self._signature(self._secret("secret"), body)
        return {}

    def _secret(self, part: str) -> str:
        """Return a part of the secret. Raises NotTaken: without it nothing is sent."""
        try:
            return self.secret()[part]
        except (KeyError, Transient) as error:
            raise NotTaken(
                "the supplier's secret cannot be read", code="secret", wait=NOT_LET_IN_WAIT_SECONDS, part=part
            ) from error

    def _signature(self, secret: str, body: bytes) -> dict[str, str]:
        auth, at = self.api.auth, str(int(self.now().timestamp()))
        before, _, after = auth.over.replace(TIMESTAMP, at).partition(BODY)
        digest = hmac.digest(secret.encode(), before.encode() + body + after.encode(), hashlib.sha256)
        text = digest.hex() if auth.encoding == "hex" else base64.b64encode(digest).decode()
        return {auth.header: auth.prefix + text} | ({auth.timestamp_header: at} if auth.timestamp_header else {})

    def _token(self, source: SourceId) -> str:
        """Return a token, fetched where none is good for a minute more (RFC 6749, 4.4)."""
        kept = self.tokens.get(self._place(source))
        if kept and self.now() < kept.until:
            return kept.text
        user, password = quote(self._secret("client_id"), safe=""), quote(self._secret("client_secret"), safe="")
        form = {"grant_type": "client_credentials"} | ({"scope": self.api.auth.scope} if self.api.auth.scope else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": _basic(user, password)}
        asked = Asked(
            method="POST",
            url=self.api.auth.token_url,
            headers=headers,
            body=urlencode(form).encode(),
            timeout=self._timeout,
        )
        try:
            answer = ask(asked)
            given = answer.json()
            text, life = given["access_token"], float(given.get("expires_in", USUAL_TOKEN_LIFE_SECONDS))
        except (Transient, ValueError, TypeError, LookupError) as error:
            raise NotTaken("no token is given", code="no_token", wait=USUAL_WAIT_SECONDS) from error
        token = Token(str(text), self.now() + timedelta(seconds=_bounded(life)) - RENEWED_BEFORE)
        self.tokens[self._place(source)] = token
        return token.text

    def _place(self, source: SourceId) -> str:
        return f"{source} {self.api.auth.token_url}"

    @property
    def _timeout(self) -> float:
        """Have each request wait half as long where a token is asked for, too: together they fit one invocation."""
        return self.api.timeout_seconds / (2 if self.api.auth.kind is SignIn.OAUTH2 else 1)


def _at(url: str, number: str) -> str:
    return url.replace(NUMBER, quote(number, safe=""))


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _within(found: Any, path: str) -> Any:  # noqa: ANN401 - the supplier's JSON
    for name in path.split("."):
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def _seconds(told: str | None) -> float:
    """Read Retry-After: seconds; its other form, a date, is believed for the usual wait."""
    try:
        return _bounded(float(told)) if told else USUAL_WAIT_SECONDS
    except ValueError:
        return USUAL_WAIT_SECONDS


def _bounded(seconds: float) -> float:
    return min(max(seconds, LEAST_WAIT_SECONDS), MOST_WAIT_SECONDS) if isfinite(seconds) else USUAL_WAIT_SECONDS
