"""The two tables as `template.yaml` declares them, for engines that take API calls instead of templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[2]
TAKEN = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode", "StreamSpecification")


@cache
def template() -> dict[str, Any]:
    """Read the template."""
    read: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    return read


def create_tables(client: DynamoDBClient, prefix: str = "") -> tuple[str, str]:
    """Create both tables; return their names."""
    names = []
    for logical_id in ("StockTable", "OrderTable"):
        properties = template()["Resources"][logical_id]["Properties"]
        request = {key: properties[key] for key in TAKEN}
        request["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
        client.create_table(TableName=f"{prefix}{logical_id}", **request)
        names.append(f"{prefix}{logical_id}")
    return names[0], names[1]
