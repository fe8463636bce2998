"""DynamoDB Local, the engine for races and transactions: started once a module, tables of its own for each test.

It grows slow for every table with what all of them have ever written, so no module pays for another.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local import dynamodb_local
from tests.support.books import Books
from tests.support.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Engine:
    """A running engine and the tables of one test."""

    url: str
    stock_table: str
    order_table: str

    def client(self) -> DynamoDBClient:
        """Make a client of one's own: processes and threads share none."""
        return dynamodb_local.client(self.url)


@pytest.fixture(scope="module")
def engine_url() -> Iterator[str]:
    with dynamodb_local.running() as url:
        yield url


@pytest.fixture
def engine(engine_url: str) -> Engine:
    prefix = f"t{uuid.uuid4().hex[:12]}-"
    stock_table, order_table = create_tables(dynamodb_local.client(engine_url), prefix)
    return Engine(engine_url, stock_table, order_table)


@pytest.fixture
def books(engine: Engine) -> Books:
    return Books(engine.client(), engine.stock_table, engine.order_table)
