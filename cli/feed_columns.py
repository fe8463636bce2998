"""Which column of a foreign file is what: by its name, and by what stands in it. What is not sure is said so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cli import feed_extras
from cli.feed_names import points
from cli.feed_samples import Choice, Sample
from cli.feed_seen import FEW_ROWS, LEAST_FOR_A_PATTERN, MOST, MOST_WORDS, SEVERAL, SURE, Seen
from cli.feed_values import is_bound, is_number, marks, mask, time_in
from shared.domain import quantities
from shared.domain.numerals import Number

LONG = 40

NONE_LEFT = frozenset(
    {"out", "out of stock", "sold out", "none", "nil", "no", "no stock", "oos", "agotado", "ausverkauft", "unavailable"}
    | {"nicht lieferbar", "not available", "discontinued", "rupture", "épuisé", "esaurito"}
)
NOT_KNOWN = frozenset({"call", "tba", "tbc", "?", "n/a", "na", "unknown", "on request", "auf anfrage", "ask", "-"})


@dataclass(frozen=True, slots=True)
class Learned:
    """What was found of the columns, and how good it is: the best of several ways to read a file is kept."""

    choices: tuple[Choice, ...]
    score: float


def learn(sample: Sample) -> Learned | None:
    """Find the columns; None where nothing can be a SKU, or nothing a quantity."""
    rows = len(sample.rows)
    columns = [
        Seen(at, each.column, each.name, sample.cells(at), rows, sample.repeats(at))
        for at, each in enumerate(sample.columns)
    ]
    counted = [each for each in columns if each.cells]
    columns = [each for each in counted if not each.repeats]
    sku = _best([(_sku_score(each), each) for each in columns])
    quantity = _best([(_quantity_score(each), each) for each in counted if each is not sku and each.is_counted])
    if sku is None or quantity is None:
        return None
    rest = [each for each in columns if each is not sku]
    parts, warehouse, choices = _identity(sample, sku, rest)
    taken = {each.at for each in (*parts, quantity)} | ({warehouse.at} if warehouse else set())
    together = _together(quantity, rest, taken)
    taken |= {each.at for each in together}
    rest = [each for each in columns if each.at not in taken]
    found = [*choices, *_quantities(quantity, together, rest), *feed_extras.costs(rest)]
    found += [*feed_extras.gtins(rest), *feed_extras.states(rest), *feed_extras.packs(rest)]
    costs = [each.value for each in found if each.setting == "columns.cost"]
    found += _numbers([*together, *(each for each in columns if each.column in costs)])
    found += _words(together)
    found += feed_extras.as_of(sample)
    score = points("sku", sku.name) + points("quantity", quantity.name) + 2 * len(found) / 10
    score += 2 * (sku.distinct == 1) + 2 * quantity.filled + 2 * quantity.wholes - sample.doubt
    return Learned(tuple(found), score + min(len(sample.rows), FEW_ROWS) / FEW_ROWS)


def _best(scored: Sequence[tuple[float, Seen]]) -> Seen | None:
    return max(scored, key=lambda each: each[0], default=(0.0, None))[1]


# ---- SKU and warehouse


def _sku_score(column: Seen) -> float:
    texts = [cell for cell in column.cells if not is_number(cell)]
    score = float(points("sku", column.name)) - column.steps / 2
    score += 4 if column.distinct == 1 else 2 if column.distinct > 0.95 else -4 if column.distinct < 0.5 else 0  # noqa: PLR2004
    score += 1 if texts else 0
    score -= 6 if column.numbers > column.wholes + 0.2 else 0
    score -= 3 if column.gtins > MOST else 0
    score -= 6 if any(time_in(cell) for cell in texts[:FEW_ROWS]) else 0
    score -= 3 if sum(map(len, column.cells)) > LONG * len(column.cells) else 0
    score -= 50 if column.filled < 0.9 or column.is_flag else 0  # noqa: PLR2004 - a row without a SKU is refused
    return score


def _identity(sample: Sample, sku: Seen, rest: Sequence[Seen]) -> tuple[list[Seen], Seen | None, list[Choice]]:
    """Find what tells rows apart: the SKU, else with a warehouse, else with its variants."""
    where = max(rest, key=lambda each: points("warehouse", each.name), default=None)
    if where is None or points("warehouse", where.name) < SURE:
        where = None
    variants = [each for each in rest if points("variant", each.name) > 0 and each.filled > MOST]
    variants = [each for each in variants if _varies(sample, sku, each)]
    for parts, warehouse in (([sku], None), ([sku, *variants], None), ([sku, *variants], where)):
        if _are_apart(sample, [*parts, *([warehouse] if warehouse else [])]):
            return parts, warehouse, [*_sku_choices(sku, parts, rest), *_warehouse(warehouse, where)]
    rows = len(sample.rows) - len({row[sku.at] for row in sample.rows if sku.at < len(row)})
    why = f"{rows} rows have a SKU that another row has: all of them are refused unless something else tells them apart"
    return [sku], None, [*_sku_choices(sku, [sku], rest), Choice(setting="columns", value=None, why=why, is_sure=False)]


def _varies(sample: Sample, sku: Seen, other: Seen) -> bool:
    """Whether rows of one SKU differ in another column."""
    pairs = {(row[sku.at], row[other.at]) for row in sample.rows if max(sku.at, other.at) < len(row)}
    return len(pairs) > len({first for first, _ in pairs})


def _are_apart(sample: Sample, by: Sequence[Seen]) -> bool:
    keys = [tuple(row[each.at] if each.at < len(row) else "" for each in by) for row in sample.rows]
    return len(set(keys)) == len(keys)


def _sku_choices(sku: Seen, parts: Sequence[Seen], rest: Sequence[Seen]) -> Iterator[Choice]:
    value: object = sku.column if len(parts) == 1 else [each.column for each in parts]
    named, others = (
        points("sku", sku.name),
        [each for each in rest if each.distinct == 1 and not each.is_counted and points("sku", each.name) >= 0],
    )
    near = max((points("sku", each.name) for each in others), default=0)
    is_sure = named >= SURE and near < named and len(parts) == 1 and sku.distinct == 1
    why = "named so" if named >= SURE else "its name does not say so, but it has texts or codes"
    if sku.distinct == 1:
        why += ", and each comes once"
    if len(parts) > 1:
        why += f"; only with {', '.join(each.said for each in parts[1:])} is each one its own"
    elif not is_sure and others:
        why += f"; it might also be {', '.join(each.said for each in others[:SEVERAL])}"
    yield Choice(setting="columns.sku", value=value, why=why, is_sure=is_sure, samples=sku.samples)
    if any(isinstance(cell, Number) for cell in sku.cells):
        why = "SKUs come as a machine's numbers: zeros that they began with are lost"
        yield Choice(setting="numeric_skus", value=True, why=why, is_sure=False, samples=sku.samples)
    pattern = mask(sku.cells) if len(parts) == 1 and len(sku.cells) >= LEAST_FOR_A_PATTERN else ""
    if len(pattern) > 1 and set(pattern) - {"9"}:
        why = f"all {len(sku.cells)} look so; what does not is refused, so that a shifted row is seen"
        yield Choice(setting="sku_masks", value=[pattern], why=why, is_sure=False, samples=sku.samples)


def _warehouse(warehouse: Seen | None, near: Seen | None) -> Iterator[Choice]:
    if warehouse:
        names = ", ".join(dict.fromkeys(warehouse.cells))
        why = f"a SKU has a row in each of them ({names[:60]}), added up; with `warehouses` only some count"
        yield Choice(setting="columns.warehouse", value=warehouse.column, why=why, samples=warehouse.samples)
    elif near:
        why = f"{near.said} names a warehouse, but no SKU is in two: it is left out"
        yield Choice(setting="columns.warehouse", value=None, why=why, is_sure=False, samples=near.samples)


# ---- quantities


def _quantity_score(column: Seen) -> float:
    named = points("quantity", column.name)
    score = float(named) - column.steps / 2 + 4 * column.wholes + 2 * column.filled
    score -= 3 if column.filled < 0.5 else 0  # noqa: PLR2004 - half of it
    is_constant = column.rows >= FEW_ROWS and len(set(column.cells)) == 1
    return score - (2 if is_constant else 0) - (3 if named <= 0 and column.distinct == 1 else 0)


def _together(quantity: Seen, rest: Sequence[Seen], taken: set[int]) -> list[Seen]:
    """Find quantities that are named alike, as those of several warehouses are."""
    named = points("quantity", quantity.name)
    stem = quantity.name[: len(quantity.name) // 2].casefold()
    alike = [
        each
        for each in rest
        if each.at not in taken and each.is_counted and named >= SURE <= points("quantity", each.name) == named
    ]
    alike = [each for each in alike if stem and each.name.casefold().startswith(stem) and each.steps == quantity.steps]
    return sorted([quantity, *alike], key=lambda each: each.at)


def _quantities(quantity: Seen, together: Sequence[Seen], rest: Sequence[Seen]) -> Iterator[Choice]:
    named = points("quantity", quantity.name)
    if len(together) > 1:
        why = f"{len(together)} columns are named alike: they are added up"
        value: object = [each.column for each in together]
        yield Choice(setting="columns.quantity", value=value, why=why, is_sure=False, samples=quantity.samples)
        return
    others = [each for each in rest if each.is_counted]
    near = max((points("quantity", each.name) for each in others), default=0)
    is_sure = named >= SURE and near < named and quantity.wholes >= MOST
    share = f"{100 * quantity.wholes:.0f} % whole numbers"
    why = f"named so, {share}" if named >= SURE else share
    if not is_sure and others:
        told = ", ".join(each.said for each in others[:SEVERAL])
        why += f"; numbers of units stand in {told} too: name the right one, or a list, which is added up"
    if quantity.filled < 1:
        why += f"; {100 - 100 * quantity.filled:.0f} % are empty, and refused"
    yield Choice(setting="columns.quantity", value=quantity.column, why=why, is_sure=is_sure, samples=quantity.samples)


def _words(columns: Sequence[Seen]) -> Iterator[Choice]:
    """Say what words and bounds stand for quantities; what a word means in units nobody but the supplier knows."""
    seen = list(dict.fromkeys(word for each in columns for word in each.words))
    bounds = [word for word in seen if is_bound(word)]
    if bounds:
        why = "of 99+ there are at least 99; of <10 perhaps none, so none is counted"
        yield Choice(setting="bounds", value="lowest", why=why, samples=tuple(bounds[:2]))
    for cell in [word for word in seen if word not in bounds][:MOST_WORDS]:
        known = quantities.word(cell)
        value, why, is_sure = "unknown", "it says no number: the old count stays", known in NOT_KNOWN
        if known in NONE_LEFT:
            value, why, is_sure = 0, "none is there", True  # type: ignore[assignment]
        elif not is_sure:
            why = "how many may be sold then? a number of units; unknown: the row is refused, the old count stays"
        yield Choice(setting=f"words.{known}", value=value, why=why, is_sure=is_sure, samples=(cell,))


def _numbers(columns: Sequence[Seen]) -> Iterator[Choice]:
    cells = [cell for each in columns for cell in each.cells]
    decimal, thousands, doubt = marks(cells)
    shown = tuple(cell for cell in cells if not isinstance(cell, Number) and set(cell) & set(",.' "))[:2]
    if decimal:
        yield Choice(setting="decimal", value=decimal, why="numbers have it before their last digits", samples=shown)
    if thousands:
        yield Choice(setting="thousands", value=thousands, why="it groups digits by three", samples=shown)
    if doubt:
        yield Choice(setting="decimal", value=None, why=doubt, is_sure=False, samples=shown)
