"""What the rest of the suite stands on: the whole template is there, roles are enforced, what is dropped is set."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from local.cloud import REGION, Cloud


def test_the_outputs_are_those_of_the_template(cloud: Cloud) -> None:
    buckets = {bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]}
    queues = {url.rpartition("/")[2] for url in cloud.client("sqs").list_queues()["QueueUrls"]}
    tables = set(cloud.client("dynamodb").list_tables()["TableNames"])

    assert tables == {cloud.outputs[name] for name in ("StockTable", "OrderTable")}
    assert queues == {
        url.rpartition("/")[2] for name, url in cloud.outputs.items() if name.endswith("sUrl") or "Queue" in name
    }
    assert buckets > {cloud.outputs[name] for name in ("FilesBucket", "ArchiveBucket", "ConfigBucket")}


@pytest.mark.parametrize("queue", ["OrderQueueUrl", "FileQueueUrl", "ChannelQueueUrl", "ShopEventQueueUrl"])
def test_a_failed_message_comes_again_in_ten_seconds(cloud: Cloud, queue: str) -> None:
    told = cloud.client("sqs").get_queue_attributes(QueueUrl=cloud.outputs[queue], AttributeNames=["VisibilityTimeout"])

    assert told["Attributes"] == {"VisibilityTimeout": "10"}


@pytest.mark.parametrize("table", ["StockTable", "OrderTable"])
def test_items_expire(cloud: Cloud, table: str) -> None:
    told = cloud.client("dynamodb").describe_time_to_live(TableName=cloud.outputs[table])

    assert told["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_role_is_held_to_what_it_names(cloud: Cloud) -> None:
    role = f"arn:aws:iam::000000000000:role/{cloud.resources['ReceiveWebhookRole']}"
    given = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="suite")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    client = boto3.Session(*keys, region_name=REGION).client("dynamodb", endpoint_url=cloud.url)

    with pytest.raises(ClientError, match="AccessDenied"):
        client.scan(TableName=cloud.outputs["StockTable"])


def test_the_operators_api_answers_only_a_signed_request(cloud: Cloud) -> None:
    unsigned = cloud.api("/v1/stock/NL-9999", method="GET")
    signed = cloud.api("/v1/stock/NL-9999", method="GET", is_signed=True)

    assert (unsigned.status, signed.status) == (403, 404)
