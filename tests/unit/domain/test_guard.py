from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

import pytest

from shared.domain import guard, photographs
from shared.domain.guard import Ruling, Verdict
from shared.domain.names import Sku
from shared.domain.photographs import Photo, Photograph, Row
from tests.support import photos

RANGE = 400


def shelf(seed: int = 7) -> list[Row]:
    """A plausible catalogue: a third of it sold out, most of it with few pieces, a few with many."""
    chance = random.Random(seed)  # noqa: S311
    return [row(i, _stock(chance), chance.randint(200, 9_000)) for i in range(RANGE)]


def row(number: int, units: int, cost_minor: int | None = None) -> Row:
    return Row(line=number + 2, sku=Sku(f"SKU-{number:05}"), units=units, cost_minor=cost_minor)


def photograph(rows: Iterable[Row]) -> Photograph:
    return photographs.gather(rows)


def before() -> Photo:
    return photograph(shelf()).rows


def judged(rows: Iterable[Row]) -> Verdict:
    return guard.judge(photos.compare(photograph(rows), before()))


def holds(verdict: Verdict) -> set[str]:
    return {finding.what for finding in verdict.findings if finding.holds}


def change(rows: Iterable[Row], to: Callable[[Row], tuple[int, int | None]]) -> list[Row]:
    changed = []
    for each in rows:
        units, cost = to(each)
        changed.append(Row(line=each.line, sku=each.sku, units=units, cost_minor=cost))
    return changed


def test_the_same_file_again_is_accepted_without_a_word() -> None:
    assert judged(shelf()) == Verdict(ruling=Ruling.ACCEPT, findings=())


def test_a_file_cut_off_at_forty_percent_is_held_and_says_so() -> None:
    verdict = judged(shelf()[: RANGE * 40 // 100])

    assert verdict.ruling is Ruling.HOLD
    assert {"rows", "overlap"} <= holds(verdict)
    assert "it has 160 rows, the file before it 400: it may be cut off" in verdict.reasons


def test_a_column_of_zeros_is_held() -> None:
    assert "nonzero" in holds(judged(change(shelf(), lambda each: (0, each.cost_minor))))


def test_quantity_and_cost_in_each_others_column_are_held() -> None:
    assert {"cost_jumps"} <= holds(judged(change(shelf(), lambda each: (each.cost_minor or 0, each.units))))


def test_a_doubled_file_is_held() -> None:
    assert "rows" in holds(judged([*shelf(), *shelf()]))


def test_costs_times_a_hundred_are_held() -> None:
    verdict = judged(change(shelf(), lambda each: (each.units, (each.cost_minor or 0) * 100)))

    assert holds(verdict) == {"cost_jumps"}


def test_quantities_times_a_hundred_are_held() -> None:
    assert "units" in holds(judged(change(shelf(), lambda each: (each.units * 100, each.cost_minor))))


def test_quantities_that_all_shrink_to_a_hundredth_are_held() -> None:
    many = [row(i, 500 + i) for i in range(RANGE)]
    few = photograph(change(many, lambda each: (each.units // 100, each.cost_minor)))

    assert "units" in holds(guard.judge(photos.compare(few, photograph(many).rows)))


def test_a_file_of_another_range_is_held() -> None:
    assert "overlap" in holds(judged(row(RANGE + i, each.units) for i, each in enumerate(shelf())))


def test_a_change_of_a_third_of_the_range_is_a_warning() -> None:
    gone = RANGE * 30 // 100
    verdict = judged([*shelf()[gone:], *(row(RANGE + i, 5) for i in range(gone))])

    assert verdict.ruling is Ruling.WARN
    assert [finding.what for finding in verdict.findings] == ["overlap"]


def test_every_price_eight_percent_up_is_trade() -> None:
    verdict = judged(change(shelf(), lambda each: (each.units, (each.cost_minor or 0) * 108 // 100)))

    assert verdict.ruling is Ruling.ACCEPT


def test_of_a_handful_of_rows_no_share_says_anything() -> None:
    few = photograph(shelf()[: guard.TINY - 1]).rows

    assert guard.judge(photos.compare(photograph(shelf()[:1]), few)).ruling is Ruling.ACCEPT


def test_a_small_range_that_is_cut_off_is_held_while_its_stock_may_go_up_and_down() -> None:
    small = photograph([row(i, 30) for i in range(guard.FEW - 1)]).rows
    sold_out = photograph([row(i, 0) for i in range(guard.FEW - 1)])

    assert "rows" in holds(guard.judge(photos.compare(photograph([row(0, 30)]), small)))
    assert guard.judge(photos.compare(sold_out, small)).ruling is Ruling.ACCEPT


def test_a_delta_may_be_short_but_not_of_another_scale() -> None:
    rows = shelf()[:40]

    short = photos.compare(photograph(rows), before())
    dear = photos.compare(photograph(change(rows, lambda each: (each.units, (each.cost_minor or 1) * 50))), before())

    assert guard.judge(short, is_full=False).ruling is Ruling.ACCEPT
    assert holds(guard.judge(dear, is_full=False)) == {"cost_jumps"}


@pytest.mark.parametrize("seed", range(3))
def test_of_a_years_plausible_files_at_most_two_are_held(seed: int) -> None:
    known = photograph(shelf(seed)).rows
    held = 0
    for file in year(seed):
        verdict = guard.judge(photos.compare(photograph(file), known))
        if verdict.ruling is Ruling.HOLD:
            held += 1
        else:
            known = photograph(file).rows

    assert held <= 2


def year(seed: int) -> Iterator[list[Row]]:
    """365 days: trade, restocks, containers, price rounds, and a new season in which three in ten SKUs change."""
    chance = random.Random(seed)  # noqa: S311
    rows = shelf(seed)
    for day in range(365):
        rows = change(rows, lambda each: (_traded(chance, each.units), each.cost_minor))
        if day % 91 == 50:
            rows = change(rows, lambda each: (each.units + 60 * (chance.random() < 0.25), each.cost_minor))
        if day % 120 == 60:
            rows = change(rows, lambda each: (each.units, (each.cost_minor or 0) * 112 // 100))
        if day == 200:
            gone = RANGE * 30 // 100
            rows = [*rows[gone:], *(row(RANGE + i, _stock(chance), chance.randint(200, 9_000)) for i in range(gone))]
        yield rows


def _traded(chance: random.Random, units: int) -> int:
    left = max(units - (chance.random() < 0.3) * chance.randint(1, 4), 0)
    return _stock(chance) if left == 0 and chance.random() < 0.06 else left


def _stock(chance: random.Random) -> int:
    return 0 if chance.random() < 0.33 else int(chance.paretovariate(0.9) * 3) % 500
