"""One POST of a GraphQL query to a shop, with a time limit and errors in our kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from shared.domain.pace import Limit
from shared.errors import InvalidInput, Transient
from shared.storefronts import web
from shared.storefronts.contract import NOT_UNDERSTOOD


def post(url: str, token: str, query: str, variables: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Send a query and return the whole decoded answer: data, errors, extensions.

    Raises Transient when the shop throttles, fails or does not answer within `timeout` seconds, InvalidInput when
    it refuses us or answers what is not GraphQL.
    """
    request = web.Request(
        method="POST",
        url=url,
        headers={"Content-Type": "application/json", "X-Shopify-Access-Token": token},
        body=json.dumps({"query": query, "variables": variables}).encode(),
        timeout=timeout,
    )
    body = web.send(request).body
    try:
        read = json.loads(body)
    except ValueError as error:
        raise InvalidInput("the shop's answer is not JSON", code="shop_answer") from error
    if not isinstance(read, dict):
        raise InvalidInput("the shop's answer is not GraphQL", code="shop_answer", size=len(body))
    return read


REFUSALS = frozenset({"ACCESS_DENIED", "SHOP_INACTIVE"})
"""Codes of errors that are about who asks. (https://shopify.dev/docs/api/admin-graphql#status_and_error_codes)"""


def data(answer: Mapping[str, Any], name: str, *, may_lack: bool = False) -> Any:  # noqa: ANN401 - the platform's JSON
    """Return what was asked for by its name; None, if that may be, where the shop has no such thing.

    Raises Transient when the shop throttles (`wait`: seconds), InvalidInput when it did not understand.
    """
    codes = sorted({_code(error) for error in answer.get("errors") or ()})
    if "THROTTLED" in codes:
        raise Transient("the shop throttles", code=web.THROTTLED, wait=_wait(answer))
    if refusals := sorted(REFUSALS.intersection(codes)):
        raise InvalidInput("the shop refused us", code="shop_refused", asked=name, codes=refusals)
    told = answer.get("data") or {}
    found = told.get(name)
    if codes or (found is None and not (may_lack and name in told)):
        raise InvalidInput("the shop did not understand", code=NOT_UNDERSTOOD, asked=name, codes=codes)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """What a query may cost, and what the shop then has left of its limit, in points."""

    cost: float
    left: float
    limit: Limit


def throttle(answer: Mapping[str, Any]) -> Throttle | None:
    """Read what a shop says of its limit beside an answer; None where it says nothing that is one.

    (https://shopify.dev/docs/api/usage/limits#graphql-admin-api-rate-limits)
    """
    try:
        cost = answer["extensions"]["cost"]
        status = cost["throttleStatus"]
        read = [
            float(each)
            for each in (
                cost["requestedQueryCost"],
                status["currentlyAvailable"],
                status["restoreRate"],
                status["maximumAvailable"],
            )
        ]
    except (KeyError, TypeError, ValueError):
        return None
    asked, left, rate, most = read
    if not all(map(isfinite, read)) or rate <= 0 or most <= 0:
        return None
    return Throttle(cost=max(asked, 0.0), left=left, limit=Limit(per_second=rate, burst=most))


def _wait(answer: Mapping[str, Any]) -> float:
    """Compute how many seconds the shop needs until it has the points for what was asked."""
    told = throttle(answer)
    return web.bounded((told.cost - told.left) / told.limit.per_second) if told else web.LEAST_WAIT_SECONDS


def _code(error: object) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return str(extensions.get("code")) if isinstance(extensions, dict) else ""
