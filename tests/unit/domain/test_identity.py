from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import identity, messages
from shared.domain.facts import Codes, Meaning, SupplierCode
from shared.domain.feeds import Feed, Run
from shared.domain.identity import Former, KnownCode, Said, Suggestion, Unmapped
from shared.domain.messages import CountCode
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Refusal, Row
from shared.domain.quantities import MOST_UNITS

ALPINA = SourceId("alpina")
A, B, C = Sku("A"), Sku("B"), Sku("C")
ROW = Row(line=7, sku=Sku("60-1"), units=10, cost_minor=1_000, gtin="04006381333931")
DAY = date(2026, 11, 25)
T1, T2, T3 = (f"2026-11-{day}T10:00:00.000Z" for day in (23, 24, 25))


def mapping(*meanings: Meaning, code: str = "60-1") -> SupplierCode:
    return SupplierCode(supplier=ALPINA, code=code, meanings=meanings)


@given(units=st.integers(0, 10**6), pack=st.integers(1, 1_000), cost=st.integers(0, 10**9))
def test_packs_keep_the_units_and_never_understate_the_cost(units: int, pack: int, cost: int) -> None:
    row = replace(ROW, units=units, cost_minor=cost)

    found = identity.ours(row, mapping(Meaning(sku=A, pack=pack)), DAY, Codes.MAPPED)

    assert isinstance(found, Row)
    assert found.cost_minor is not None
    assert (found.sku, found.units // pack, found.units % pack) == (A, units, 0)
    assert found.cost_minor * pack >= cost > (found.cost_minor - 1) * pack
    assert replace(found, sku=row.sku, units=units, cost_minor=cost) == row


@pytest.mark.parametrize(("codes", "found"), [(Codes.SAME, ROW), (Codes.MAPPED, identity.NEVER_MAPPED)])
def test_a_code_that_nobody_has_mapped_is_our_sku_or_nothing(codes: Codes, found: object) -> None:
    got = identity.ours(ROW, None, DAY, codes)

    assert (got.reason if isinstance(got, Unmapped) else got) == found


@pytest.mark.parametrize("codes", Codes)
def test_a_mapped_code_is_never_our_sku_of_that_name_on_another_day(codes: Codes) -> None:
    known = mapping(Meaning(sku=A, last=DAY - timedelta(days=1)))

    assert identity.ours(ROW, known, DAY, codes) == Unmapped(row=ROW, reason=identity.NOT_ON_THIS_DAY)


def test_a_row_without_a_cost_has_none_in_our_units() -> None:
    found = identity.ours(replace(ROW, cost_minor=None), mapping(Meaning(sku=A, pack=6)), DAY, Codes.SAME)

    assert isinstance(found, Row)
    assert (found.units, found.cost_minor) == (60, None)


@pytest.mark.parametrize(("units", "is_refused"), [(MOST_UNITS // 6, False), (MOST_UNITS // 6 + 1, True)])
def test_packs_that_are_too_much_to_be_true_are_refused(units: int, *, is_refused: bool) -> None:
    found = identity.ours(replace(ROW, units=units), mapping(Meaning(sku=A, pack=6)), DAY, Codes.SAME)

    assert isinstance(found, Refusal) is is_refused
    if isinstance(found, Refusal):
        assert (found.line, found.sku, found.value) == (7, ROW.sku, f"{units} x 6")


def test_the_day_of_a_file_is_that_of_its_source() -> None:
    late = "2026-12-31T23:30:00.000Z"

    assert identity.day_of(late, "Europe/Berlin") == date(2027, 1, 1)
    assert identity.day_of(late, "America/New_York") == date(2026, 12, 31)


def run(as_of: str) -> Run:
    return Run(as_of=as_of, file="f", snapshot="s", reading="r")


@pytest.mark.parametrize(
    ("_case", "feed", "as_of"),
    [
        ("no file has counted yet", Feed(source=ALPINA), T2),
        ("the newest file had the same row", Feed(source=ALPINA, applied=run(T3)), T3),
        ("it is newer than what counts", Feed(source=ALPINA, applied=run(T1)), T2),
        ("left out since", Feed(source=ALPINA, applied=run(T3), unconfirmed={ROW.sku: T2}), T2),
        ("the newest file was compared with nothing", Feed(source=ALPINA, applied=run(T3), confirms_since=T3), T2),
    ],
)
def test_an_equal_row_of_a_later_file_confirms_what_was_said(_case: str, feed: Feed, as_of: str) -> None:
    assert identity.confirmed_at(Said(row=ROW, as_of=T2, file="f", reason=""), feed) == as_of


def known(*meanings: Meaning, mapped_at: str = T1) -> KnownCode:
    return KnownCode(supplier=ALPINA, code="60-1", meanings=meanings, mapped_at=mapped_at)


@pytest.mark.parametrize(
    ("_case", "before", "after", "lost"),
    [
        ("to another SKU", [Meaning(sku=A)], [Meaning(sku=B)], ["A"]),
        ("in other packs", [Meaning(sku=A)], [Meaning(sku=A, pack=6)], ["A"]),
        ("other days alone", [Meaning(sku=A)], [Meaning(sku=A, last=DAY)], []),
        ("for the first time", [], [Meaning(sku=A)], ["60-1"]),
        ("for the first time, to itself", [], [Meaning(sku=Sku("60-1"))], []),
        ("to itself in packs", [], [Meaning(sku=Sku("60-1"), pack=6)], ["60-1"]),
        ("one of two", [Meaning(sku=A, last=DAY), Meaning(sku=B)], [Meaning(sku=B)], ["A"]),
    ],
)
def test_a_new_mapping_makes_counts_of_what_it_was_worthless(
    _case: str, before: list[Meaning], after: list[Meaning], lost: list[str]
) -> None:
    found = identity.replaced(known(*before), tuple(after), T3)

    assert found == tuple(Former(sku=Sku(sku), until=T3) for sku in lost)


def test_a_meaning_ends_at_its_sources_midnight() -> None:
    code = known(Meaning(sku=A, last=date(2026, 11, 24)), Meaning(sku=B, first=date(2026, 11, 25)))

    assert identity.ended(code, date(2026, 11, 24), "Europe/Berlin") == ()
    assert identity.ended(code, date(2026, 11, 25), "Europe/Berlin") == (
        Former(sku=A, until="2026-11-24T23:00:00.000Z"),
    )


def test_an_end_that_was_set_afterwards_counts_from_then_and_packs_alone_end_nothing() -> None:
    ended = Meaning(sku=A, last=date(2026, 11, 20))

    assert identity.ended(known(ended, mapped_at=T3), DAY, "UTC") == (Former(sku=A, until=T3),)
    assert identity.ended(known(ended, Meaning(sku=A, pack=6, first=DAY)), DAY, "UTC") == ()


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6, unique=True))
def test_a_code_means_the_same_between_two_turns(days: list[int]) -> None:
    starts = [date(2026, 1, 1) + timedelta(days=day) for day in sorted(days)]
    meanings = tuple(
        Meaning(sku=Sku(str(first)), first=first, last=until - timedelta(days=1)) for first, until in pairwise(starts)
    )
    code = mapping(*meanings)

    turns = identity.turns(meanings)

    for at in range(-1, 42):
        day = date(2026, 1, 1) + timedelta(days=at)
        assert (code.on(day) != code.on(day - timedelta(days=1))) == (day in turns)


def test_doubles_and_codes_of_codes_are_those_of_the_same_day() -> None:
    one, six = mapping(Meaning(sku=A), code="1"), mapping(Meaning(sku=A, pack=6, first=DAY), code="6")
    later = mapping(Meaning(sku=A, last=DAY - timedelta(days=1)), code="5")
    chained = mapping(Meaning(sku=B), code="A")

    assert (identity.doubled(one, six), identity.doubled(six, later), identity.doubled(one, chained)) == (A, None, None)
    assert identity.leads_on(one, chained)
    assert not identity.leads_on(chained, one)
    assert not identity.leads_on(one, mapping(Meaning(sku=A), code="A"))


def test_names_are_alike_but_for_case_and_marks_and_a_suggestion_is_certain_when_it_is_one_sku() -> None:
    assert identity.plain("AB-12 / c") == identity.plain("ab12.C") == "ab12c"
    same = (Suggestion(sku=A, because="x"), Suggestion(sku=A, because="y"))
    assert identity.unambiguous(same) == A
    assert identity.unambiguous((*same, Suggestion(sku=B, because="x"))) is None
    assert identity.unambiguous(()) is None


def test_a_wish_to_count_a_code_is_read_back() -> None:
    wish = CountCode(source=ALPINA, code="60-1")

    assert messages.read(messages.write(wish)) == wish
