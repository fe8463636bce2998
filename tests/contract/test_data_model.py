"""Every key that code makes has a row in docs/data-model.md."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.domain.names import ChannelId, LevelKey, OrderKey, Sku, SourceId
from shared.storage import keys

DOCUMENT = (Path(__file__).parents[2] / "docs/data-model.md").read_text()
ROWS = {match[1]: match[0] for match in re.finditer(r"^\| ([SO]\d+) \|.*$", DOCUMENT, re.MULTILINE)}

A_TIME = "2026-11-23T10:00:00.000Z"
PLACEHOLDERS: dict[str, object] = {
    "key": OrderKey(ChannelId("<channel>"), "<id>"),
    "sku": "<sku>",
    "source": "<source>",
    "channel": "<channel>",
    "rank": "<rank>",
    "name": "<feed>",
    "as_of": "<as_of>",
    "changed_at": A_TIME,
    "placed_at": A_TIME,
    "at": A_TIME,
    "opened_at": "<opened_at>",
    "revision": 7,
    "attempt": "<attempt>",
    "n": "<n>",
    "move": "<move>",
    "state": "<state>",
    "number": "<number>",
    "kind": "<kind>",
    "value": "<value>",
    "subject": "<subject>",
    "owner": "<owner>",
    "line": "<line>",
    "supplier": "<supplier>",
    "code": "<code>",
    "part": "<part>",
    "kit": "<kit>",
    "listing": "<listing>",
    "scope": "<scope>",
    "day": "<day>",
    "op_id": "<op_id>",
    "plain": "<plain>",
    "customer": "<hmac>",
    "erasure_id": "<id>",
}
AS_WRITTEN = {
    "<channel>#<id>": "<order>",
    "2026-11-23T10:00:00.000Z#<source>#0000000007": "<changed_at>#<source>#<revision>",
    "2026-11-23T10:00:00.000Z#<order>": "<placed_at>#<order>",
    "2026-11-23T10:00:00.000Z#<number>": "<at>#<number>",
    "#2026-11-23": "#<yyyy-mm-dd>",
    "#2026-11": "#<yyyy-mm>",
    "CAT#<s": "CAT#<first two characters>",
}


def key_functions() -> list[Callable[..., object]]:
    """Find what makes a key, or the partition of one; what reads one back does not."""
    functions = [f for _, f in inspect.getmembers(keys, inspect.isfunction) if f.__module__ == keys.__name__]
    makers = [f for f in functions if inspect.signature(f).return_annotation in {"Key", "str"}]
    return [function for function in makers if not function.__name__.startswith("_")]


def parts(function: Callable[..., object]) -> tuple[str, ...]:
    arguments: list[object] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.annotation == "LevelKey":
            arguments.append(LevelKey(Sku("<sku>"), SourceId("<source>")))
        else:
            arguments.append(PLACEHOLDERS[name])
    made = function(*arguments)
    if isinstance(made, str) and made.startswith("DUE#"):
        return ("DUE#0..7",)
    texts = (made,) if isinstance(made, str) else tuple(made)  # type: ignore[arg-type]
    return tuple(as_written(text) for text in texts)


def as_written(text: str) -> str:
    for made, written in AS_WRITTEN.items():
        text = text.replace(made, written)
    return text


def without_row(function: Callable[..., object]) -> list[str]:
    named = re.match(r"([SO]\d+(, [SO]\d+)*): ", inspect.getdoc(function) or "")
    if not named:
        return [f"the docstring of {function.__name__} does not begin with its rows"]
    rows = " ".join(ROWS[row] for row in named[1].split(", "))
    return [part for part in parts(function) if f"`{part}`" not in rows]


@pytest.mark.parametrize("function", key_functions(), ids=lambda f: f.__name__)
def test_every_key_has_its_row(function: Callable[..., object]) -> None:
    assert without_row(function) == []


def test_a_key_that_the_table_lacks_is_found() -> None:
    def stray(sku: Sku) -> keys.Key:
        """S1: made without a row."""
        return keys.Key(f"SKU#{sku}", "STRAY")

    assert without_row(stray) == ["STRAY"]
