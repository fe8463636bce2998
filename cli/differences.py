"""What a push would change, in words for a person and as values for a program."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

from shared.domain.facts import Product, SupplierCode
from shared.storage.facts import Change, Difference

MOST_LISTED = 20
NOTHING = "(none)"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One setting by its path, before and after, as JSON writes them; `(none)` where it is not said."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        """Say it as one line."""
        return f"{self.path}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Changed:
    """Whose numbers a push may have moved."""

    channels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anyone."""
        return bool(self.channels or self.sources or self.skus)


def of_rules(before: object, after: object) -> list[RuleChange]:
    """Compare two documents of rules, path by path."""
    was, will = dict(_settings(before)), dict(_settings(after))
    return [
        RuleChange(".".join(path), was.get(path, NOTHING), will.get(path, NOTHING))
        for path in sorted(was.keys() | will.keys())
        if was.get(path) != will.get(path)
    ]


def changed(before: object, after: object, facts: Difference) -> Changed:
    """Say whose rules differ; what stands outside of channels and sources is everybody's, save what moves no number."""
    of_section = {section: _differing(before, after, section) for section in ("channels", "sources")}
    rest = _without(before) != _without(after)
    all_channels = tuple(sorted(_names(before, "channels") | _names(after, "channels")))
    return Changed(
        channels=all_channels if rest else of_section["channels"], sources=of_section["sources"], skus=facts.skus
    )


def described(difference: Difference) -> list[str]:
    """Say what facts would change: counts, and the first of each kind."""
    products, codes = difference.products, difference.codes
    told = [_counts("products", products, difference.unchanged_products), *listed(map(_product, products))]
    if codes or difference.unchanged_codes:
        told += [_counts("supplier SKUs", codes, difference.unchanged_codes), *listed(map(_code, codes))]
    return told


def _settings(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every setting of a document; a list of plain values is one setting."""
    inner: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        inner = enumerate(value)
    is_leaf = True
    for key, each in inner:
        is_leaf = False
        yield from _settings(each, (*path, str(key)))
    if is_leaf:
        yield path, json.dumps(value, ensure_ascii=False)


def _section(document: object, name: str) -> Mapping[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _names(document: object, section: str) -> set[str]:
    return set(_section(document, section))


def _differing(before: object, after: object, section: str) -> tuple[str, ...]:
    was, will = _section(before, section), _section(after, section)
    return tuple(sorted(name for name in {*was, *will} if was.get(name) != will.get(name)))


def _without(document: object) -> dict[str, Any]:
    spared = {"schema", "version", "channels", "sources", "holidays", "rates"}
    return {key: each for key, each in document.items() if key not in spared} if isinstance(document, dict) else {}


def _counts(what: str, changes: Collection[Change[Any]], unchanged: int) -> str:
    new = sum(change.before is None for change in changes)
    return f"{what}: {new} new, {len(changes) - new} changed, {unchanged} unchanged"


def listed(lines: Iterable[str]) -> list[str]:
    """Show the first lines, and how many more there are."""
    waiting = iter(lines)
    shown = [f"  {line}" for line in islice(waiting, MOST_LISTED)]
    more = sum(1 for _ in waiting)
    return [*shown, f"  and {more} more"] if more else shown


def _product(change: Change[Product]) -> str:
    if change.before is None:
        return f"{change.after.sku}: new, {change.after.title!r}"
    parts = [
        f"{each.name} {_shown(before)} -> {_shown(after)}"
        for each in fields(Product)
        if (before := getattr(change.before, each.name)) != (after := getattr(change.after, each.name))
    ]
    return f"{change.after.sku}: {'; '.join(parts)}"


def _code(change: Change[SupplierCode]) -> str:
    before = _meanings(change.before) if change.before else "new,"
    arrow = "-> " if change.before else ""
    return f"{change.after.supplier} {change.after.code}: {before} {arrow}{_meanings(change.after)}"


def _meanings(code: SupplierCode) -> str:
    told = []
    for each in code.meanings:
        days = f" from {each.first}" if each.first else ""
        days += f" until {each.last}" if each.last else ""
        told.append(f"{each.pack} x {each.sku}{days}")
    return ", ".join(told)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items()) or NOTHING
    if isinstance(value, tuple):
        return ", ".join(value) or NOTHING
    return repr(value)
