"""A shop's lease: held by one, at rest while the shop throttles, and since when the shop fails."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain import times
from shared.domain.names import ChannelId
from shared.domain.pace import Left
from shared.storage import keys
from shared.storage.availability import Lease, Leases
from tests.integration.conftest import Aws
from tests.support import trade
from tests.support.publishing import LEFT

NORDLYS = ChannelId("nordlys")
NOW = trade.times_now()
LEASED = timedelta(seconds=40)


@pytest.fixture
def leases(aws: Aws) -> Leases:
    return Leases(aws.stock)


def take(leases: Leases, holder: str, *message_ids: str, after: float = 0) -> bool:
    now = NOW + timedelta(seconds=after)
    return leases.take(NORDLYS, holder, message_ids or [f"m-{holder}"], now, now + LEASED) is not None


def fail(leases: Leases, holder: str, code: str, after: float = 0, rests: float = 0) -> None:
    now = NOW + timedelta(seconds=after)
    leases.fail(NORDLYS, holder, code, now, now + timedelta(seconds=rests), LEFT)


def read(leases: Leases) -> Lease:
    found = leases.read(NORDLYS)
    assert found is not None
    return found


def text(after: float) -> str:
    return times.text(NOW + timedelta(seconds=after))


def test_nobody_has_held_the_lease_of_a_new_shop(leases: Leases) -> None:
    assert leases.read(NORDLYS) is None


def test_a_lease_is_held_by_one_until_it_ends(leases: Leases) -> None:
    assert take(leases, "first")

    assert read(leases) == Lease(leased_until=text(40), rests_until="", failing="", failing_since="")
    assert not take(leases, "second", after=39)
    assert take(leases, "third", after=40)


def test_a_holder_whose_message_comes_again_is_dead(leases: Leases) -> None:
    assert take(leases, "first", "m1", "m2")

    assert not take(leases, "other", "m3")
    assert take(leases, "again", "m4", "m2")


def test_only_the_holder_writes_the_lease(leases: Leases) -> None:
    take(leases, "first", "m1")
    take(leases, "second", "m2", after=60)
    held = read(leases)

    assert leases.release(NORDLYS, "first", 0, LEFT, works=True) is None
    fail(leases, "first", "shop_silent", rests=60)
    leases.drop(NORDLYS, "first", LEFT)

    assert read(leases) == held
    assert not take(leases, "third", "m1", "m3", after=61)


def test_who_is_refused_leaves_word_and_the_holder_goes_round_again(leases: Leases) -> None:
    take(leases, "first")
    take(leases, "second")
    take(leases, "third")

    assert leases.release(NORDLYS, "first", 0, LEFT, works=True) == 2
    assert leases.release(NORDLYS, "first", 2, LEFT, works=True) is None
    assert read(leases).leased_until == ""


def test_a_new_holder_begins_without_words(leases: Leases) -> None:
    take(leases, "first")
    take(leases, "second")
    leases.drop(NORDLYS, "first", LEFT)

    assert take(leases, "third")
    assert leases.release(NORDLYS, "third", 0, LEFT, works=True) is None


def test_who_drops_the_lease_leaves_it_free_in_spite_of_words(leases: Leases) -> None:
    take(leases, "first")
    take(leases, "second")

    leases.drop(NORDLYS, "first", LEFT)

    assert take(leases, "third")


def test_a_resting_shop_is_left_alone_by_everyone_until_it_has_rested(leases: Leases) -> None:
    take(leases, "first", "m1")
    fail(leases, "first", "throttled", rests=30)

    rests = Lease(
        leased_until="", rests_until=text(30), failing="throttled", failing_since=text(0), left=read(leases).left
    )
    assert read(leases) == rests
    assert not take(leases, "second", after=29)
    assert not take(leases, "first again", "m1", after=29.9)
    assert take(leases, "third", after=30)
    assert read(leases).rests_until == ""


def test_who_finds_a_shop_at_rest_leaves_no_word(leases: Leases) -> None:
    take(leases, "first")
    fail(leases, "first", "throttled", rests=30)
    take(leases, "second", after=10)
    take(leases, "third", after=30)

    assert leases.release(NORDLYS, "third", 0, LEFT, works=True) is None


def test_a_shop_that_fails_without_a_rest_is_free_at_once(leases: Leases) -> None:
    take(leases, "first")
    fail(leases, "first", "shop_failed")

    assert take(leases, "second")


def test_since_when_a_shop_fails_is_kept_over_failures_and_who_tries_again(leases: Leases) -> None:
    take(leases, "first")
    fail(leases, "first", "throttled")
    take(leases, "second", after=60)
    assert read(leases).failing_since == text(0)
    fail(leases, "second", "shop_silent", after=70)
    take(leases, "third", after=120)
    leases.drop(NORDLYS, "third", LEFT)

    assert (read(leases).failing, read(leases).failing_since) == ("shop_silent", text(0))


def test_a_shop_that_works_fails_no_longer(leases: Leases) -> None:
    take(leases, "first")
    fail(leases, "first", "shop_silent")
    take(leases, "second", after=60)

    assert leases.release(NORDLYS, "second", 0, LEFT, works=True) is None
    assert (read(leases).failing, read(leases).failing_since) == ("", "")

    take(leases, "third", after=90)
    fail(leases, "third", "shop_failed", after=91)
    assert (read(leases).failing, read(leases).failing_since) == ("shop_failed", text(91))


def test_a_lease_that_is_kept_for_a_word_still_fails(leases: Leases) -> None:
    take(leases, "first")
    fail(leases, "first", "shop_silent")
    take(leases, "second", after=60)
    take(leases, "third", after=61)

    assert leases.release(NORDLYS, "second", 0, LEFT, works=True) == 1
    assert read(leases).failing == "shop_silent"


@pytest.mark.parametrize(("leased_until", "is_taken"), [("", True), (text(-1), True), (text(1), False)])
def test_a_lease_from_before_there_was_rest_is_read_and_taken(
    aws: Aws, leases: Leases, leased_until: str, *, is_taken: bool
) -> None:
    pk, sk = keys.lease(NORDLYS)
    old = {"PK": pk, "SK": sk, "entity": "lease", "schema": 1, "revision": 7, "words": 0}
    aws.stock.put(old | {"holder": "old", "messages": ["m0"], "leased_until": leased_until})

    assert read(leases) == Lease(leased_until=leased_until, rests_until="", failing="", failing_since="")
    assert take(leases, "first") is is_taken
    assert leases.release(NORDLYS, "first" if is_taken else "old", 0, LEFT, works=True) == (None if is_taken else 1)


@pytest.mark.parametrize("ends", ["release", "fail", "drop"])
def test_what_is_left_of_a_shops_limit_goes_to_the_next_holder_and_is_never_more(leases: Leases, ends: str) -> None:
    take(leases, "first")
    left = Left(units=-7.0004, at=NOW + timedelta(seconds=5, microseconds=1700))
    match ends:
        case "release":
            leases.release(NORDLYS, "first", 0, left, works=True)
        case "fail":
            leases.fail(NORDLYS, "first", "throttled", NOW, NOW, left)
        case "drop":
            leases.drop(NORDLYS, "first", left)

    lease = leases.take(NORDLYS, "second", ["m2"], NOW + timedelta(seconds=60), NOW + timedelta(seconds=99))

    assert lease is not None
    assert lease.left == Left(units=-7.001, at=NOW + timedelta(seconds=5, milliseconds=2))


def test_nothing_is_left_noted_before_the_first_holder_has_counted(leases: Leases) -> None:
    lease = leases.take(NORDLYS, "first", ["m1"], NOW, NOW + LEASED)

    assert lease is not None
    assert lease.left is None
