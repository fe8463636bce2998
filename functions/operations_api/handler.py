"""HTTP API -> every number explained. It only reads: a second call answers again."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.operations_api import answers
from functions.operations_api.models import FailureAnswer, OrderAnswer, StockAnswer
from shared.domain.names import ChannelId, OrderKey, Sku, name
from shared.errors import AppError, Conflict, InvalidInput, Rejected, Transient
from shared.runtime import clients
from shared.runtime.observability import logger, metrics
from shared.runtime.settings import in_lambda, settings
from shared.storage import whole_orders
from shared.storage.availability import Availability
from shared.storage.dynamo import Table

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

STATUS_OF: dict[type[AppError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    Rejected: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    Transient: HTTPStatus.SERVICE_UNAVAILABLE,
}

app = APIGatewayHttpResolver(enable_validation=True)


@cache
def availability() -> Availability:
    """Connect stock."""
    return Availability(Table(clients.dynamodb(), settings().stock_table))


@cache
def orders() -> Table:
    """Connect orders."""
    return Table(clients.dynamodb(), settings().order_table)


@app.get("/v1/stock/<sku>", summary="A SKU at every source, and what every channel was told", tags=["stock"])
def read_stock(sku: Annotated[str, Path()]) -> StockAnswer:
    """Answer counted, committed and available per source, and the number told per channel."""
    named = Sku(name(sku, "sku"))
    levels = availability().levels(named)
    if not levels:
        raise NotFoundError("no such SKU")
    return answers.stock(named, levels, availability().told(named))


@app.get("/v1/orders/<channel>/<order_id>", summary="An order as it is, and why", tags=["orders"])
def read_order(channel: Annotated[str, Path()], order_id: Annotated[str, Path()]) -> OrderAnswer:
    """Answer the order's lines by state, its allocations, its plan with every candidate, its purchase orders."""
    key = OrderKey(ChannelId(name(channel, "channel")), name(order_id, "order id"))
    whole = whole_orders.read(orders(), key)
    if whole is None:
        raise NotFoundError("no such order")
    return answers.order(whole)


@app.exception_handler(list(STATUS_OF))  # type: ignore[untyped-decorator]  # Powertools leaves it untyped
def answer_failure(failure: AppError) -> Response[str]:
    """Answer a failure with its kind's status; the values stay in the log."""
    status = STATUS_OF[type(failure)]
    logger.warning("request failed", code=failure.code, status=status.value)
    body = FailureAnswer(code=failure.code, message=failure.message)
    headers = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(status.value, content_types.APPLICATION_JSON, body.model_dump_json(), headers=headers)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)


if in_lambda():
    availability()
    orders()
