"""The environment, read once. A missing variable stops the cold start, visibly."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import cache


@dataclass(frozen=True, slots=True)
class Settings:
    """One field per variable of the template; the variable is the field in capitals."""

    stock_table: str
    order_table: str
    files_bucket: str
    archive_bucket: str
    config_bucket: str
    order_queue_url: str
    channel_queue_url: str
    file_queue_url: str
    shop_event_queue_url: str
    order_dead_letters_url: str
    file_dead_letters_url: str
    channel_dead_letters_url: str
    shop_event_dead_letters_url: str
    secret_prefix: str
    shopify_event_source: str


@cache
def settings() -> Settings:
    """Read the settings of this process. Raises KeyError naming the variable that is missing."""
    return Settings(**{field.name: os.environ[field.name.upper()] for field in fields(Settings)})


def in_lambda() -> bool:
    """Whether this process is a Lambda function, which connects while it starts."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
