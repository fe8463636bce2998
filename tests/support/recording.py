"""What handlers call while the suites run: what the roles in the template must cover."""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from shared.runtime.settings import settings
from tests.template import roles

RECORDED: set[roles.Call] = set()


def record(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's model of the call
    function = _calling_function()
    if function:
        RECORDED.update(roles.calls_of(function, model.service_model.service_name, model.name, params, _names()))


def _names() -> dict[str, str]:
    """Name tables, buckets and queues as the template does."""
    names = settings()
    return {
        names.stock_table: "StockTable",
        names.order_table: "OrderTable",
        names.files_bucket: "FilesBucket",
        names.archive_bucket: "ArchiveBucket",
        names.config_bucket: "ConfigBucket",
        names.order_queue_url: "OrderQueue",
        names.channel_queue_url: "ChannelQueue",
        names.file_queue_url: "FileQueue",
        names.shop_event_queue_url: "ShopEventQueue",
        names.order_dead_letters_url: "OrderDeadLetters",
        names.file_dead_letters_url: "FileDeadLetters",
        names.channel_dead_letters_url: "ChannelDeadLetters",
        names.shop_event_dead_letters_url: "ShopEventDeadLetters",
    }


def _calling_function() -> str | None:
    """Name the handler below this call. A flow's threads are its function's too, so the main one is asked."""
    main = sys._current_frames()[threading.main_thread().ident or 0]  # noqa: SLF001 - the only way to see it
    for frame in traceback.extract_stack(main):
        path = Path(frame.filename)
        if path.name == "handler.py" and path.parents[1].name == "functions":
            return path.parent.name
    return None
