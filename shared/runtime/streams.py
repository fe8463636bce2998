"""Records of a table's stream, as flows read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.flows.changes import Change


def changes(event: Mapping[str, Any], is_wanted: Callable[[str], bool]) -> list[Change]:
    """Read the changes of a batch whose items' sort keys are wanted, in order."""
    images = (record["dynamodb"] for record in event["Records"])
    return [
        Change(key=image["Keys"], old=image.get("OldImage"), new=image.get("NewImage"))
        for image in images
        if is_wanted(image["Keys"]["SK"]["S"])
    ]
