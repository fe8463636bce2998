"""A call whose answer is JSON: what a shop did not understand is told from a refusal of whoever asks."""

from __future__ import annotations

import json
from typing import Any

from shared.errors import InvalidInput
from shared.storefronts import web
from shared.storefronts.contract import NOT_UNDERSTOOD

UNAUTHORIZED = (401, 403)
NOT_FOUND = 404


def ask(send: web.Send, request: web.Request) -> Any:  # noqa: ANN401 - the platform's JSON
    """Send a request and read what is answered, None where that is nothing.

    Raises what `send` does; InvalidInput with `not_understood` for what is refused of the request, whoever asks, and
    `shop_answer` for what is not JSON.
    """
    try:
        answer = send(request).body
    except InvalidInput as failure:
        status = failure.details.get("status")
        if failure.code != "shop_refused" or status in UNAUTHORIZED:
            raise
        raise InvalidInput("the shop did not understand", code=NOT_UNDERSTOOD, status=status) from failure
    try:
        return json.loads(answer) if answer else None
    except ValueError as error:
        raise InvalidInput("the shop's answer is not JSON", code="shop_answer") from error


def strange(what: str) -> InvalidInput:
    """Say that an answer has another shape than the API's."""
    return InvalidInput("the shop's answer has another shape", code="shop_answer", asked=what)
