"""Going through what changed in a shop, page by page, while it goes on changing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.errors import InvalidInput

MOST_PAGES = 1000
A_SECOND = timedelta(seconds=1)

Row = Mapping[str, Any]


def since(
    begin: datetime, page_size: int, ask: Callable[[datetime, int], Sequence[Row]], at: Callable[[Row], datetime]
) -> Iterator[Row]:
    """Yield what changed at or after a time, oldest change first, each change of it once.

    `ask` gives a page, counted from 1, of what changed since a time, `at` when a row says that it changed, in whole
    seconds. The next page begins where the last one ended in time: a row that changes meanwhile would shift what is
    paged by number, and one would be left out.
    """
    after, page, seen = begin - A_SECOND, 1, set[tuple[str, datetime]]()
    for _ in range(MOST_PAGES):
        listed = ask(after, page)
        for row in listed:
            told = str(row.get("id")), at(row)
            if told not in seen:
                seen.add(told)
                yield row
        if len(listed) < page_size:
            return
        last = at(listed[-1]) - A_SECOND
        after, page = (last, 1) if last > after else (after, page + 1)
    raise InvalidInput("what changed in the shop has no end", code="shop_answer", pages=MOST_PAGES)
