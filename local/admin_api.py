"""The stand-in shop's Admin API: Shopify's GraphQL, by its published contract, `shopify.graphql` beside this file.

What is asked is read against that schema and refused in the platform's words. (https://shopify.dev/docs/api/admin-
graphql/latest; the words of refusals are those recorded of a shop at 2026-04.)
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import graphql
from graphql import DocumentNode, GraphQLError, GraphQLResolveInfo, OperationType

from local import admin_fields, admin_orders, faults
from local.admin_fields import Context, Node

SCHEMA = graphql.build_schema(Path(__file__).with_name("shopify.graphql").read_text())
WORDS = {
    graphql.FieldsOnCorrectTypeRule: (
        "undefinedField",
        r"Cannot query field '(\w+)' on type '(\w+)'.*",
        r"Field '\1' doesn't exist on type '\2'",
    ),
    graphql.ProvidedRequiredArgumentsRule: (
        "missingRequiredArguments",
        r"Field '(\w+)' argument '(\w+)' of type .*",
        r"Field '\1' is missing required arguments: \2",
    ),
    graphql.KnownArgumentNamesRule: (
        "argumentNotAccepted",
        r"Unknown argument '(\w+)' on field '\w+\.(\w+)'.*",
        r"Field '\2' doesn't accept argument '\1'",
    ),
    graphql.KnownDirectivesRule: (
        "undefinedDirective",
        r"Unknown directive '(@\w+)'.*",
        r"Directive \1 is not defined",
    ),
    graphql.KnownTypeNamesRule: ("undefinedType", r"Unknown type '(\w+)'.*", r"\1 isn't a defined type"),
    graphql.NoUndefinedVariablesRule: ("variableNotDefined", "", ""),
    graphql.NoUnusedVariablesRule: ("variableNotUsed", "", ""),
    graphql.ScalarLeafsRule: ("selectionMismatch", "", ""),
    graphql.ValuesOfCorrectTypeRule: ("argumentLiteralsIncompatible", "", ""),
    graphql.VariablesInAllowedPositionRule: ("variableMismatch", "", ""),
}
"""Rule of GraphQL -> the platform's code for breaking it, what our reader says of it, and what the platform says."""

GLOBAL_ID = re.compile(r"gid://shopify/\w+/\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """How much the shop answers: a bucket of points, refilled by so many a second; each request costs the same."""

    most: int = 2000
    restored: int = 100
    cost: int = 10


# ---- one request


def answer(context: Context, points: Points, request: Mapping[str, Any]) -> Node:
    """Answer one request."""
    document, errors = _read(str(request.get("query") or ""))
    asked = graphql.get_operation_ast(document, request.get("operationName")) if document else None
    given = request.get("variables") or {}
    if document and not asked:
        errors = [{"message": "An operation name is required"}]
    if asked and not errors:
        errors = list(_misgiven(asked, given))
    if errors or not document or not asked:
        return {"errors": errors}
    available = available_points(context.store, points, context.now)
    if available < points.cost:
        return throttled(points, available)
    available -= points.cost
    context.store.execute("INSERT OR REPLACE INTO bucket VALUES (1, ?, ?)", (available, context.now.timestamp()))
    admin_orders.finish_cancels(context)
    lies = asked.operation is OperationType.MUTATION and faults.take(context.store, "lie")
    context.store.execute("SAVEPOINT asked")
    done = graphql.execute_sync(SCHEMA, document, ROOT, context, given, operation_name=request.get("operationName"))
    if lies:
        context.store.execute("ROLLBACK TO asked")
    for error in done.errors or ():
        if error.original_error and not isinstance(error.original_error, GraphQLError):
            raise error.original_error
    said = {"errors": [error.formatted for error in done.errors]} if done.errors else {}
    return said | {"data": done.data, "extensions": _cost(points, available, points.cost)}


def available_points(store: sqlite3.Connection, points: Points, now: datetime) -> float:
    """Compute the points that the bucket holds by now."""
    left, at = store.execute("SELECT points, at FROM bucket").fetchone() or (points.most, 0)
    return min(points.most, left + max(0, now.timestamp() - at) * points.restored)


def throttled(points: Points, available: float) -> Node:
    """Refuse a request for want of points."""
    documentation = "https://shopify.dev/api/usage/rate-limits"
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": documentation}}
    return {"errors": [error], "extensions": _cost(points, available, None)}


def _cost(points: Points, available: float, cost: int | None) -> Node:
    status = {
        "maximumAvailable": points.most,
        "currentlyAvailable": int(available),
        "restoreRate": points.restored,
    }
    return {"cost": {"requestedQueryCost": points.cost, "actualQueryCost": cost, "throttleStatus": status}}


@lru_cache(maxsize=64)
def _read(query: str) -> tuple[DocumentNode | None, list[Node]]:
    """Read a query against the schema; answer it, or what is wrong with it."""
    try:
        document = graphql.parse(query)
    except GraphQLError as error:
        return None, [{**error.formatted, "extensions": {"code": "PARSE_ERROR"}}]
    found = []
    for rule in graphql.specified_rules:
        code, pattern, words = WORDS.get(rule, (rule.__name__, "", ""))
        for broken in graphql.validate(SCHEMA, document, [rule]):
            message = re.sub(pattern, words, broken.message, flags=re.DOTALL) if pattern else broken.message
            found.append({**broken.formatted, "message": message, "extensions": {"code": code}})
    return document, found


def _misgiven(asked: graphql.OperationDefinitionNode, given: Mapping[str, Any]) -> Iterator[Node]:
    """Yield an error for each variable whose value is not of its type."""
    for node in asked.variable_definitions:
        name = node.variable.name.value
        if name not in given and node.default_value:
            continue
        problems = list(_problems(given.get(name), graphql.type_from_ast(SCHEMA, node.type), ()))
        if problems:
            told = ", ".join(f"{'.'.join(map(str, path))} ({why})" for path, why in problems if path)
            message = f"Variable ${name} of type {graphql.print_ast(node.type)} was provided invalid value"
            extensions = {
                "code": "INVALID_VARIABLE",
                "value": given.get(name),
                "problems": [{"path": list(path), "explanation": why} for path, why in problems],
            }
            yield {"message": f"{message} for {told}" if told else message, "extensions": extensions}


def _problems(value: Any, kind: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:  # noqa: ANN401, C901, PLR0912 - a walk over all kinds of types
    if graphql.is_non_null_type(kind):
        kind = kind.of_type
        if value is None:
            yield path, "Expected value to not be null"
    if value is None:
        return
    if graphql.is_list_type(kind):
        for at, each in enumerate(value if isinstance(value, list) else [value]):
            yield from _problems(each, kind.of_type, (*path, at))
    elif graphql.is_input_object_type(kind) and isinstance(value, dict):
        for name in sorted(value.keys() - kind.fields.keys()):
            yield (*path, name), f"Field is not defined on {kind.name}"
        for name, field in kind.fields.items():
            if name in value or field.default_value is graphql.Undefined:
                yield from _problems(value.get(name), field.type, (*path, name))
    elif graphql.is_enum_type(kind):
        if value not in list(kind.values):
            yield path, f"Expected {json.dumps(value)} to be one of: {', '.join(kind.values)}"
    elif kind.name == "ID" and not GLOBAL_ID.fullmatch(str(value)):
        yield path, f"Invalid global id '{value}'"
    elif kind.name == "URL" and not urlsplit(str(value)).netloc:
        yield path, f"Invalid url '{value}', missing host"
    elif not _parses(value, kind):
        yield path, f"Could not coerce value {json.dumps(value)} to {kind.name}"


def _parses(value: Any, kind: Any) -> bool:  # noqa: ANN401 - any value and type
    if graphql.is_input_object_type(kind) or isinstance(value, dict | list):
        return False
    try:
        kind.parse_value(value)
    except GraphQLError:
        return False
    return True


# ---- where an answer begins


def _node(context: Context, gid: str) -> Node | None:
    kind, _, number = gid.removeprefix("gid://shopify/").partition("/")
    found = admin_orders.FULFILMENT_ORDER.fullmatch(gid)
    body = admin_orders.body_of(context.store, found[1] if found else number)
    if body and kind == "Order":
        return admin_orders.order(context, body)
    if body and found:
        return admin_orders.fulfilment_order(context, body)
    if gid == context.location:
        return admin_fields.location(context)
    return admin_fields.item(context, gid)


def _of(kind: str) -> Any:  # noqa: ANN401 - a function of any arguments
    """Answer a node by its id, if it is of a kind."""

    def resolve(info: GraphQLResolveInfo, **given: Any) -> Node | None:  # noqa: ANN401 - arguments of any type
        node = _node(info.context, given["id"])
        return node if node and node["__typename"] == kind else None

    return resolve


ROOT = {
    "fulfillmentOrder": _of("FulfillmentOrder"),
    "inventoryItem": _of("InventoryItem"),
    "inventoryItems": admin_fields.items,
    "job": admin_orders.job,
    "location": lambda info, **given: _of("Location")(info, id=given.get("id") or info.context.location),
    "node": lambda info, **given: _node(info.context, given["id"]),
    "nodes": lambda info, **given: [_node(info.context, gid) for gid in admin_fields.bounded(given["ids"])],
    "order": _of("Order"),
    "orders": admin_orders.orders,
    "shop": admin_fields.shop,
    "fulfillmentCreate": admin_orders.fulfil,
    "inventorySetQuantities": admin_fields.set_quantities,
    "orderCancel": admin_orders.cancel,
}
