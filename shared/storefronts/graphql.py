"""One POST of a GraphQL query to a shop, with a time limit and errors in our kinds."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from math import isfinite
from typing import Any

from shared.errors import InvalidInput, Transient

MOST_ANSWER_BYTES = 8 * 1024 * 1024
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500
LEAST_WAIT_SECONDS, MOST_WAIT_SECONDS = 1.0, 3600.0


def post(url: str, token: str, query: str, variables: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Send a query and return the whole decoded answer: data, errors, extensions.

    Raises Transient when the shop throttles, fails or does not answer within `timeout` seconds, InvalidInput when
    it refuses us or answers what is not GraphQL.
    """
    request = urllib.request.Request(  # noqa: S310 - the URL is a rule of the merchant, checked when it is pushed
        url,
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json", "X-Shopify-Access-Token": token},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - as above
            body = answer.read(MOST_ANSWER_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == TOO_MANY_REQUESTS:
            wait = _seconds(error.headers.get("Retry-After"))
            raise Transient("the shop throttles", code="throttled", wait=wait) from error
        if error.code >= SERVER_ERRORS:
            raise Transient("the shop failed", code="shop_failed", status=error.code) from error
        raise InvalidInput("the shop refused us", code="shop_refused", status=error.code) from error
    except (OSError, http.client.HTTPException) as error:
        raise Transient("the shop did not answer", code="shop_silent", error=type(error).__name__) from error
    try:
        read = json.loads(body) if len(body) <= MOST_ANSWER_BYTES else None
    except ValueError as error:
        raise InvalidInput("the shop's answer is not JSON", code="shop_answer") from error
    if not isinstance(read, dict):
        raise InvalidInput("the shop's answer is not GraphQL", code="shop_answer", size=len(body))
    return read


REFUSALS = frozenset({"ACCESS_DENIED", "SHOP_INACTIVE"})
"""Codes of errors that are about who asks. (https://shopify.dev/docs/api/admin-graphql#status_and_error_codes)"""
NOT_UNDERSTOOD = "not_understood"
"""Code of a failure that is about what was asked: other than a refusal of whoever asks, it may be one item's."""


def data(answer: Mapping[str, Any], name: str, *, may_lack: bool = False) -> Any:  # noqa: ANN401 - the platform's JSON
    """Return what was asked for by its name; None, if that may be, where the shop has no such thing.

    Raises Transient when the shop throttles (`wait`: seconds), InvalidInput when it did not understand.
    """
    codes = sorted({_code(error) for error in answer.get("errors") or ()})
    if "THROTTLED" in codes:
        raise Transient("the shop throttles", code="throttled", wait=_wait(answer))
    if refusals := sorted(REFUSALS.intersection(codes)):
        raise InvalidInput("the shop refused us", code="shop_refused", asked=name, codes=refusals)
    told = answer.get("data") or {}
    found = told.get(name)
    if codes or (found is None and not (may_lack and name in told)):
        raise InvalidInput("the shop did not understand", code=NOT_UNDERSTOOD, asked=name, codes=codes)
    return found


def _wait(answer: Mapping[str, Any]) -> float:
    """Compute how many seconds the shop needs until it has the points for what was asked."""
    try:
        cost = answer["extensions"]["cost"]
        status = cost["throttleStatus"]
        lacks = cost["requestedQueryCost"] - status["currentlyAvailable"]
        return _bounded(float(lacks) / float(status["restoreRate"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return LEAST_WAIT_SECONDS


def _seconds(told: str | None) -> float:
    try:
        return _bounded(float(told or LEAST_WAIT_SECONDS))
    except ValueError:
        return LEAST_WAIT_SECONDS


def _bounded(seconds: float) -> float:
    """Believe a shop for an hour at most; `inf` and `nan` are numbers, too."""
    return min(max(seconds, LEAST_WAIT_SECONDS), MOST_WAIT_SECONDS) if isfinite(seconds) else LEAST_WAIT_SECONDS


def _code(error: object) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return str(extensions.get("code")) if isinstance(extensions, dict) else ""
