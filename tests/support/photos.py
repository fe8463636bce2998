"""What a file says else than the one before it, from rows in memory instead of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from shared.domain import feeds, guard, photographs
from shared.domain.feeds import Feed, Run
from shared.domain.names import Sku
from shared.domain.photographs import Difference, Photo, Photograph, RowWrite, Tally


def photograph_of(photo: Photo) -> Photograph:
    return Photograph(rows=dict(photo))


def differences(new: Photograph, applied: Photo) -> Iterator[Difference]:
    """Every SKU of either file."""
    for sku in dict.fromkeys([*new.rows, *applied]):
        is_named = sku in new.rows or sku in new.refused_skus
        yield Difference(sku=sku, row=new.rows.get(sku), is_named=is_named, before=applied.get(sku))


def compare(new: Photograph, applied: Photo) -> guard.Compared:
    drift = guard.Drift()
    for differs in differences(new, applied):
        drift.add(differs)
    before = photographs.tally(photograph_of(applied)) if applied else Tally()
    return guard.compare(photographs.tally(new), before, drift)


def rows_to_write(
    new: Photo, applied: Photo | None, waiting: AbstractSet[Sku], open_runs: Sequence[Photo | None]
) -> Iterator[RowWrite]:
    """The rows of a file that need a write; a snapshot or an open run that cannot be read is None."""
    for sku, row in new.items():
        others = [run[sku] for run in open_runs if run is not None and sku in run]
        is_sure = None not in open_runs and all(
            (other.units, other.cost_minor) == (row.units, row.cost_minor) for other in others
        )
        before = (applied or {}).get(sku)
        differs = Difference(sku=sku, row=row, is_named=True, before=before, is_sure=is_sure)
        write = photographs.write_of(differs, waits=sku in waiting, zeroes_absent=False)
        if write:
            yield write


def finish(feed: Feed, me: Run, rows: Photo, snapshot: Photo | None) -> Feed | None:
    """End a run whose file has these rows, and was compared with a snapshot or with nothing."""
    lost = [sku for sku in snapshot or {} if sku not in rows][: feeds.MOST_UNCONFIRMED]
    back = [sku for sku in rows if sku in feed.unconfirmed]
    return feeds.finish(feed, me, lost, back, compared=snapshot is not None)
