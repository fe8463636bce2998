"""Exceptions: one entry a subject, a list of the open ones, and whoever writes second finds out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.domain.problems import Problem, Standing
from shared.errors import Transient
from shared.storage import keys
from shared.storage.dynamo import Table
from shared.storage.problems import Problems, from_item, to_item
from tests.integration.conftest import Aws
from tests.support import trade
from tests.support.faults import Meanwhile

T1, T2, T3 = (f"2026-11-24T{hour:02}:00:00.000Z" for hour in (8, 9, 10))


def problem(subject: str = "nordlys#1", **changes: Any) -> Problem:  # noqa: ANN401 - any field of a problem
    fields: dict[str, Any] = {"kind": "unfilled", "subject": subject, "reason": "units wait", "action": "find stock"}
    return Problem(**fields | {"details": {"units": 3, "line l1": "A"}} | changes)


def problems(aws: Aws) -> Problems:
    return Problems(aws.orders)


def stands(aws: Aws, subject: str = "nordlys#1") -> Standing:
    found = problems(aws).read("unfilled", subject)
    assert found is not None
    return found


def entries(aws: Aws, owner: str = "operations") -> list[str]:
    pk = keys.open_problem(owner, "", "", "").pk
    return [item["SK"] for item in aws.orders.query("PK = :pk", {":pk": pk})]


def meanwhile(aws: Aws, happens: Callable[[], object]) -> Problems:
    return Problems(Table(Meanwhile(aws.dynamodb, "transact_write_items", happens), aws.orders.name))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "standing",
    [
        Standing(problem=problem(), opened_at=T1),
        Standing(problem=problem(owner="buyers", details={}), opened_at=T1, taken_by="ada", revision=2),
        Standing(problem=problem(), opened_at=T1, closed_at=T2, closed_by="ada", closed_because="mended", revision=3),
    ],
)
def test_an_exception_comes_back_as_it_was(standing: Standing) -> None:
    assert from_item(to_item(standing)) == standing


def test_what_was_opened_is_listed_with_all_that_was_said(aws: Aws) -> None:
    assert problems(aws).open(problem(), T1)

    assert list(problems(aws).open_ones()) == [Standing(problem=problem(), opened_at=T1)]
    assert stands(aws).is_open


def test_the_same_trouble_twice_is_one_entry(aws: Aws) -> None:
    problems(aws).open(problem(), T1)

    assert not problems(aws).open(problem(reason="units still wait"), T2)

    assert list(problems(aws).open_ones()) == [Standing(problem=problem(), opened_at=T1)]


def test_open_ones_are_listed_by_owner_the_oldest_first(aws: Aws) -> None:
    for subject, at, owner in (
        ("b", T2, "operations"),
        ("a", T3, "operations"),
        ("c", T1, "operations"),
        ("d", T1, "x"),
    ):
        problems(aws).open(problem(subject, owner=owner), at)

    assert [each.problem.subject for each in problems(aws).open_ones()] == ["c", "b", "a"]
    assert [each.problem.subject for each in problems(aws).open_ones("x")] == ["d"]


def test_who_takes_it_is_noted_and_it_stays_open(aws: Aws) -> None:
    problems(aws).open(problem(), T1)

    assert problems(aws).take(stands(aws), "ada")

    assert list(problems(aws).open_ones()) == [Standing(problem=problem(), opened_at=T1, taken_by="ada", revision=2)]
    assert not problems(aws).open(problem(), T2)


def test_what_is_closed_leaves_the_list_and_says_how_it_ended(aws: Aws) -> None:
    problems(aws).open(problem(), T1)
    problems(aws).take(stands(aws), "ada")

    assert problems(aws).close(stands(aws), T2, by="ada", because="units came")

    assert (list(problems(aws).open_ones()), entries(aws)) == ([], [])
    expected = Standing(problem=problem(), opened_at=T1, taken_by="ada", revision=3)
    assert stands(aws) == replace(expected, closed_at=T2, closed_by="ada", closed_because="units came")


def test_what_comes_back_is_opened_anew(aws: Aws) -> None:
    problems(aws).open(problem(), T1)
    problems(aws).take(stands(aws), "ada")
    problems(aws).close(stands(aws), T2, by="ada", because="units came")

    assert problems(aws).open(problem(reason="again"), T3)

    assert list(problems(aws).open_ones()) == [Standing(problem=problem(reason="again"), opened_at=T3, revision=4)]
    assert len(entries(aws)) == 1


@pytest.mark.parametrize("was_open_before", [False, True])
def test_of_two_who_open_at_once_one_opens(aws: Aws, *, was_open_before: bool) -> None:
    if was_open_before:
        problems(aws).open(problem(), T1)
        problems(aws).close(stands(aws), T1, by="ada", because="units came")
    other = problem(reason="the other's")

    assert not meanwhile(aws, lambda: problems(aws).open(other, T2)).open(problem(), T3)

    assert [(each.problem, each.opened_at) for each in problems(aws).open_ones()] == [(other, T2)]
    assert len(entries(aws)) == 1


def test_a_close_that_meets_another_write_closes_nothing(aws: Aws) -> None:
    problems(aws).open(problem(), T1)
    seen = stands(aws)
    problems(aws).take(seen, "ada")

    assert not problems(aws).close(seen, T2, by="truestock", because="units came")

    assert [each.taken_by for each in problems(aws).open_ones()] == ["ada"]


def test_of_two_who_close_at_once_the_first_is_named(aws: Aws) -> None:
    problems(aws).open(problem(), T1)
    seen = stands(aws)

    assert problems(aws).close(seen, T2, by="ada", because="by hand")
    assert not problems(aws).close(seen, T3, by="truestock", because="units came")

    assert (stands(aws).closed_by, stands(aws).closed_at) == ("ada", T2)


def test_a_close_of_what_was_opened_again_since_closes_nothing(aws: Aws) -> None:
    problems(aws).open(problem(), T1)
    seen = stands(aws)
    problems(aws).close(seen, T2, by="ada", because="units came")
    problems(aws).open(problem(), T3)

    assert not problems(aws).close(seen, T3, by="truestock", because="units came")
    assert not problems(aws).take(seen, "bob")

    assert [each.opened_at for each in problems(aws).open_ones()] == [T3]


def test_who_meets_another_write_tries_later(aws: Aws) -> None:
    reasons: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
    }

    def collides() -> None:
        raise ClientError(reasons, "TransactWriteItems")

    with pytest.raises(Transient):
        meanwhile(aws, collides).open(problem(), T1)
    assert problems(aws).open(problem(), T1)


def test_an_exception_that_was_never_opened_is_none(aws: Aws) -> None:
    assert problems(aws).read("unfilled", "nobody") is None
    assert problems(aws).read("unfilled", trade.T0) is None


def test_an_exception_that_becomes_anothers_leaves_the_list_of_its_owner(aws: Aws) -> None:
    problems(aws).open(problem(), T1)

    assert problems(aws).renew(replace(problem(), owner="boss"))

    assert list(problems(aws).open_ones()) == []
    (standing,) = problems(aws).open_ones("boss")
    assert (standing.opened_at, standing.revision) == (T1, 2)
    assert problems(aws).close(standing, T1, by="ada", because="done")
    assert entries(aws) == []
