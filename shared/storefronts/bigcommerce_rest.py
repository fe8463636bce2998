"""The way to a BigCommerce store: its REST Management API, V2 and V3, by an API account's token.

(https://developer.bigcommerce.com/docs/start/authentication, .../start/about/status-codes; github.com/bigcommerce/docs,
`reference/`.) A quota of calls is refilled every 30 seconds and shared by all apps of the store; a 429 says in
`X-Rate-Limit-Time-Reset-Ms` when. A V2 list with nothing in it is a 204 without a body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from shared.domain.pace import Limit
from shared.storefronts import json_calls, web

TIMEOUT_SECONDS = 8
LIMIT = Limit(per_second=5.0, burst=150.0)
"""Calls: 150 every 30 seconds of the smallest plan, until the store has told its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A store's API. `url` ends in `/stores/<hash>`, `token` is an access token; paths begin with the version.

    Every call raises Transient when the store is busy or silent, InvalidInput when it refuses us (`shop_refused`) or
    what we ask (`not_understood`, with its `status`), or answers what is not JSON. An answer without a body is None.
    """

    url: str
    token: str = field(repr=False)
    send: web.Send = web.send

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - the platform's JSON
        """Read an object or a list of them."""
        return self.ask(path, query)

    def ask(self, path: str, query: Mapping[str, str | int]) -> Any:  # noqa: ANN401 - the platform's JSON
        """Read what a query finds whose names, such as `product_id:in`, are none of Python's."""
        return self._send("GET", f"{path}?{urlencode(sorted(query.items()))}" if query else path, None)

    def post(self, path: str, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the platform's JSON
        """Create something."""
        return self._send("POST", path, told)

    def put(self, path: str, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the platform's JSON
        """Change something."""
        return self._send("PUT", path, told)

    def _send(self, method: str, path: str, told: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - the platform's JSON
        headers = {"X-Auth-Token": self.token, "Accept": "application/json"}
        headers |= {"Content-Type": "application/json"} if told is not None else {}
        body = None if told is None else json.dumps(told).encode()
        request = web.Request(
            method=method, url=f"{self.url}/{path}", headers=headers, body=body, timeout=TIMEOUT_SECONDS
        )
        return json_calls.ask(self.send, request)


def rows(listed: object, what: str) -> list[dict[str, Any]]:
    """Return the objects of a V2 list, none where there is no answer. Raises InvalidInput."""
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise json_calls.strange(what)
    return listed


def data(answer: object, what: str) -> list[dict[str, Any]]:
    """Return the objects of a V3 list, which stand in `data`. Raises InvalidInput."""
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise json_calls.strange(what)
    return rows(answer["data"], what)
