"""The way to a WooCommerce shop: its REST API, v3, by a key and its secret over HTTPS.

(https://woocommerce.github.io/woocommerce-rest-api-docs: authentication over HTTPS, batch updates, webhooks.) The core
has no limit of its own; the host in front of it may throttle, and says no more than 429 and when to come again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from shared.domain.pace import Limit
from shared.storefronts import json_calls, web

TIMEOUT_SECONDS = 8
LIMIT = Limit(per_second=10.0, burst=20.0)
"""Calls that a usual host takes; a small one's is set lower in the rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A shop's API. `url` ends in `/wp-json/wc/v3`; `token`: `<consumer key>:<consumer secret>`.

    Every call raises Transient when the shop is busy or silent, InvalidInput when it refuses us (`shop_refused`) or
    what we ask (`not_understood`, with its `status`), or answers what is not JSON.
    """

    url: str
    token: str = field(repr=False)
    send: web.Send = web.send

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - the platform's JSON
        """Read an object or a list of them."""
        return self._ask("GET", f"{path}?{urlencode(sorted(query.items()))}" if query else path, None)

    def post(self, path: str, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the platform's JSON
        """Create something, or do a batch."""
        return self._ask("POST", path, told)

    def put(self, path: str, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the platform's JSON
        """Change something."""
        return self._ask("PUT", path, told)

    def _ask(self, method: str, path: str, told: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - the platform's JSON
        headers = {"Authorization": f"Basic {base64.b64encode(self.token.encode()).decode()}"}
        headers |= {"Content-Type": "application/json"} if told is not None else {}
        body = None if told is None else json.dumps(told).encode()
        request = web.Request(
            method=method, url=f"{self.url}/{path}", headers=headers, body=body, timeout=TIMEOUT_SECONDS
        )
        return json_calls.ask(self.send, request)
