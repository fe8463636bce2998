"""The way to Amazon: its Selling Partner API, by a token that Login with Amazon gives for an hour.

No request is signed: the API has taken the token alone since 2023 (developer-docs.amazon.com/sp-api/docs/
connecting-to-the-selling-partner-api). Every operation has a limit of its own, counted for seller and application.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from shared.domain.pace import Limit
from shared.errors import InvalidInput, Transient
from shared.storefronts import json_calls, web

TIMEOUT_SECONDS = 8
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
ENDS_EARLY = timedelta(minutes=2)
"""A token is not used so shortly before its end."""
NOTIFICATIONS = "sellingpartnerapi::notifications"
AGENT = "Truestock/1 (Language=Python)"


LIMITS: Mapping[str, Limit] = {
    "searchOrders": Limit(per_second=0.0056, burst=20),
    "getOrder": Limit(per_second=0.5, burst=30),
    "confirmShipment": Limit(per_second=2, burst=10),
    "patchListingsItem": Limit(per_second=5, burst=5),
    "getListingsItem": Limit(per_second=5, burst=10),
    "searchListingsItems": Limit(per_second=5, burst=5),
    "getDestinations": Limit(per_second=1, burst=5),
    "createDestination": Limit(per_second=1, burst=5),
    "getSubscription": Limit(per_second=1, burst=5),
    "createSubscription": Limit(per_second=1, burst=5),
}
"""How often an operation may be called, by the usage plan in its model; a seller may have more."""
LIMIT = LIMITS["patchListingsItem"]
"""Calls of a seller's, of whatever operation: what makes most of them takes the most a second."""


@dataclass(slots=True)
class Access:
    """Tokens for an hour, kept until shortly before they end. `now` gives the time."""

    now: Callable[[], datetime]
    send: web.Send = web.send
    _kept: dict[tuple[str, str, str], tuple[str, datetime]] = field(default_factory=dict, repr=False)

    def token(self, auth_url: str, secret: str, scope: str = "") -> str:
        """Return a token of the seller who granted `secret`, or of the application alone for a scope.

        `secret`: `<client id>:<client secret>:<refresh token>`. Raises InvalidInput where it is not, or is refused.
        """
        key = auth_url, secret, scope
        told, ends = self._kept.get(key, ("", self.now()))
        if not told or ends - ENDS_EARLY <= self.now():
            told, ends = self._fetched(auth_url, secret, scope)
            self._kept[key] = told, ends
        return told

    def forget(self, auth_url: str, secret: str, scope: str = "") -> None:
        """Have a token fetched anew: Amazon does not take it any more."""
        self._kept.pop((auth_url, secret, scope), None)

    def _fetched(self, auth_url: str, secret: str, scope: str) -> tuple[str, datetime]:
        parts = secret.split(":", 2)
        if len(parts) != len(("client", "secret", "refresh")) or not all(parts):
            raise InvalidInput("the token is not as Amazon's has to be", code="token")
        grant = (
            {"grant_type": "client_credentials", "scope": scope}
            if scope
            else {"grant_type": "refresh_token", "refresh_token": parts[2]}
        )
        asked = {**grant, "client_id": parts[0], "client_secret": parts[1]}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": AGENT}
        body = urlencode(asked).encode()
        try:
            sent = web.Request(method="POST", url=auth_url, headers=headers, body=body, timeout=TIMEOUT_SECONDS)
            answer = json.loads(self.send(sent).body)
            return str(answer["access_token"]), self.now() + timedelta(seconds=int(answer["expires_in"]))
        except InvalidInput as failure:
            if failure.details.get("status") in {BAD_REQUEST, UNAUTHORIZED}:
                raise InvalidInput("Amazon refuses the token", code="token", status=UNAUTHORIZED) from failure
            raise
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise InvalidInput("the answer is no token", code="shop_answer") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A seller's API in one marketplace. `url`: the endpoint of its region; `secret`: as `Access.token` takes it.

    Every call raises Transient when Amazon is busy or silent, InvalidInput when it refuses us (`shop_refused`) or what
    we ask (`not_understood`, with its `status`), or answers what is not JSON.
    """

    url: str
    auth_url: str
    seller: str
    marketplace: str
    secret: str = field(repr=False)
    access: Access
    send: web.Send = web.send

    def get(self, operation: str, path: str, query: Mapping[str, str] | None = None, scope: str = "") -> Any:  # noqa: ANN401 - the platform's JSON
        """Read something. `operation`: a key of `LIMITS`."""
        return self._ask(operation, "GET", f"{path}?{urlencode(query)}" if query else path, None, scope)

    def post(self, operation: str, path: str, told: Mapping[str, Any], scope: str = "") -> Any:  # noqa: ANN401 - the platform's JSON
        """Create something."""
        return self._ask(operation, "POST", path, told, scope)

    def patch(self, operation: str, path: str, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the platform's JSON
        """Change something."""
        return self._ask(operation, "PATCH", path, told, "")

    def _ask(self, operation: str, method: str, path: str, told: Mapping[str, Any] | None, scope: str) -> Any:  # noqa: ANN401 - the platform's JSON
        """Ask, and once more with a new token when Amazon forbids it: one that has ended is answered like that."""
        try:
            return self._once(operation, method, path, told, scope)
        except InvalidInput as failure:
            if failure.details.get("status") not in {UNAUTHORIZED, FORBIDDEN} or failure.code == "token":
                raise
            self.access.forget(self.auth_url, self.secret, scope)
        return self._once(operation, method, path, told, scope)

    def _once(self, operation: str, method: str, path: str, told: Mapping[str, Any] | None, scope: str) -> Any:  # noqa: ANN401 - the platform's JSON
        headers = {"x-amz-access-token": self.access.token(self.auth_url, self.secret, scope), "User-Agent": AGENT}
        headers |= {"Content-Type": "application/json"} if told is not None else {}
        body = None if told is None else json.dumps(told).encode()
        request = web.Request(
            method=method, url=f"{self.url}{path}", headers=headers, body=body, timeout=TIMEOUT_SECONDS
        )
        try:
            return json_calls.ask(self.send, request)
        except Transient as failure:
            if failure.code != web.THROTTLED:
                raise
            waits = float(str(failure.details["wait"]))
            wait = waits if waits > web.LEAST_WAIT_SECONDS else web.bounded(1 / LIMITS[operation].per_second)
            raise Transient("the shop throttles", code=web.THROTTLED, wait=wait, operation=operation) from failure
