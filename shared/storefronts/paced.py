"""Calls to one shop, let through as fast as it takes them: waited for a little, refused when it would be long.

What the shop says of its limit is believed: points left beside a GraphQL answer, calls left in BigCommerce's headers
(https://docs.bigcommerce.com/developer/docs/overview/best-practices#api-rate-limits), how long to stay away in a 429.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.pace import LONGEST_WAIT_SECONDS, Bucket, Left, Limit
from shared.errors import Transient
from shared.storefronts import graphql, web

USUAL_COST = 10.0
"""Points that a query is taken to cost until the shop has said it: what a mutation does."""


@dataclass(slots=True)
class Pacer:
    """One shop's calls. `now` is the time, `wait` waits so many seconds.

    Every call raises what the way there does, and Transient (`throttled`, `wait`) when the limit is used up for long.
    """

    bucket: Bucket
    now: Callable[[], datetime]
    wait: Callable[[float], None]
    web_send: web.Send = web.send
    graphql_post: Callable[[str, str, str, Mapping[str, Any], float], dict[str, Any]] = graphql.post
    _costs: dict[str, float] = field(default_factory=dict)

    def go_on_from(self, left: Left | None) -> None:
        """Go on with what another left of the limit."""
        if left:
            units = min(left.units, self.bucket.limit.burst)
            self.bucket = Bucket(limit=self.bucket.limit, left=Left(units=units, at=left.at))

    def send(self, request: web.Request) -> web.Response:
        """Send a request, which costs one."""
        self._let_through(1.0)
        try:
            response = self.web_send(request)
        except Transient as failure:
            self._rest(failure)
            raise
        self._hear_calls(response.headers)
        return response

    def post(self, url: str, token: str, query: str, variables: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Send a GraphQL query, which costs what it did the last time."""
        paid = self._costs.get(query, USUAL_COST)
        self._let_through(paid)
        try:
            answer = self.graphql_post(url, token, query, variables, timeout)
        except Transient as failure:
            self._rest(failure)
            raise
        if told := graphql.throttle(answer):
            self._costs[query] = told.cost
            now = self.now()
            self.bucket = self.bucket.pay(told.cost - paid, now).hear(told.left, told.limit, now)
        return answer

    def _let_through(self, cost: float) -> None:
        now = self.now()
        seconds = self.bucket.wait(cost, now)
        if seconds > LONGEST_WAIT_SECONDS:
            raise Transient("the shop's limit is used up", code=web.THROTTLED, wait=web.bounded(seconds))
        if seconds:
            self.wait(seconds)
        self.bucket = self.bucket.pay(cost, now + timedelta(seconds=seconds))

    def _rest(self, failure: Transient) -> None:
        rests = failure.details.get("wait")
        if isinstance(rests, float):
            self.bucket = self.bucket.rest(rests, self.now())

    def _hear_calls(self, headers: Mapping[str, str]) -> None:
        left = web.number_in(headers, "x-rate-limit-requests-left")
        most = web.number_in(headers, "x-rate-limit-requests-quota")
        window = web.number_in(headers, "x-rate-limit-time-window-ms")
        resets = web.number_in(headers, "x-rate-limit-time-reset-ms")
        if left is None or not most or not window or resets is None:
            return
        now = self.now()
        self.bucket = self.bucket.hear(left, Limit(per_second=most * 1000 / window, burst=most), now)
        if left < 1:  # nothing comes back before the window ends
            self.bucket = self.bucket.rest(resets / 1000, now)
