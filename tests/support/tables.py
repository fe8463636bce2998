"""The two tables as `template.yaml` declares them, for engines that take API calls instead of templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[2]
TAKEN = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode", "StreamSpecification")


class _Template(yaml.SafeLoader):
    """Reads a template with its short tags as plain values."""


def _plain(loader: _Template, _suffix: str, node: yaml.Node) -> Any:  # noqa: ANN401 - any value can be tagged
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Template.add_multi_constructor("!", _plain)


@cache
def template() -> dict[str, Any]:
    """Read the template."""
    read = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Template)  # noqa: S506 - a safe loader
    assert isinstance(read, dict)
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
