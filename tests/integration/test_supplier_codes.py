from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import pytest

from shared.domain import identity, rules, times
from shared.domain.facts import Catalogue, Meaning, Product, SupplierCode
from shared.domain.feeds import Run
from shared.domain.identity import Said
from shared.domain.messages import CountCode
from shared.domain.names import LevelKey, Sku, SourceId
from shared.domain.photographs import Row
from shared.domain.rules import Rules
from shared.domain.stock import BY_HAND, Count, First, Level
from shared.errors import Conflict, InvalidInput
from shared.flows.count_codes import CountCodes
from shared.storage import keys
from shared.storage.dynamo import Table
from shared.storage.facts import Facts
from shared.storage.feeds import Feeds
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.supplier_codes import LeftOut, SupplierCodes, UnmappedQueue
from tests.integration.conftest import sample_rules
from tests.support.faults import Crash, Faulty, Meanwhile

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

ALPINA = SourceId("alpina")
A, B, C = Sku("NL-1"), Sku("NL-2"), Sku("NL-3")
T1, T2, T3, T4 = (f"2026-11-2{day}T10:00:00.000Z" for day in (1, 2, 3, 4))
MAPPED_AT = "2026-11-23T12:00:00.000Z"
NOW = times.read("2026-11-25T08:00:00.000Z")


def means(code: str, sku: Sku, pack: int = 1, first: date | None = None, last: date | None = None) -> SupplierCode:
    return SupplierCode(supplier=ALPINA, code=code, meanings=(Meaning(sku=sku, pack=pack, first=first, last=last),))


def said(code: str, units: int, as_of: str, **told: Any) -> Said:  # noqa: ANN401 - any field of a row
    row = Row(line=2, sku=Sku(code), units=units, **told)
    return Said(row=row, as_of=as_of, file=f"in/alpina/stock.csv@{as_of}", reason=identity.NEVER_MAPPED)


@dataclass
class Shop:
    """Codes, levels and a feed of alpina in one table."""

    table: Table
    rules: Rules

    @property
    def codes(self) -> SupplierCodes:
        return SupplierCodes(self.table)

    def map(self, *codes: SupplierCode, at: str = MAPPED_AT) -> None:
        facts = Facts(self.table)
        facts.push(facts.difference(Catalogue(products=(), codes=codes)), at)

    def applied(self, as_of: str) -> None:
        run = Run(as_of=as_of, file=f"in/alpina/stock.csv@{as_of}", snapshot="s", reading="r")
        before = Feeds(self.table).now(ALPINA)
        Feeds(self.table).write(replace(before, applied=run, revision=before.revision + 1))

    def note(self, word: Said, mapping: SupplierCode | None = None, now: str = T4) -> SupplierCode | None:
        return UnmappedQueue(codes=self.codes, supplier=ALPINA, now=now).note(word, mapping)

    def count(self, sku: Sku, units: int, as_of: str, kind: str = "feed") -> None:
        write = First(count=Count(key=LevelKey(sku, ALPINA), units=units, as_of=as_of, count_id="f", kind=kind))
        assert Levels(self.table).count(write, as_of)[0]

    def level(self, sku: Sku) -> Level | None:
        return Levels(self.table).get(LevelKey(sku, ALPINA))

    def says(self, sku: Sku) -> tuple[int, str] | None:
        level = self.level(sku)
        return (level.counted, level.counted_as_of) if level else None

    def run(self, code: str, table: Table | None = None) -> Counter[str]:
        table = table or self.table
        flow = CountCodes(SupplierCodes(table), Feeds(table), Levels(table), Offers(table), pause=lambda _: None)
        return flow.run(CountCode(source=ALPINA, code=code), self.rules, NOW)

    def codes_waiting(self) -> list[str]:
        return self.codes.waiting(ALPINA)

    def unmapped(self) -> list[str]:
        return [each.code for each in self.codes.unmapped(ALPINA)]


@pytest.fixture
def shop(aws: Aws) -> Shop:
    document = sample_rules()
    document["sources"]["alpina"]["codes"] = "mapped"
    return Shop(aws.stock, rules.parse(document))


@pytest.fixture
def fed(shop: Shop) -> Shop:
    shop.applied(T1)
    return shop


# ---- what codes mean


def test_a_supplier_without_codes_is_known_by_one_read(shop: Shop) -> None:
    assert not shop.codes.has_any(ALPINA)
    shop.codes.tell_left_out(ALPINA, LeftOut(codes=3, as_of=T1))
    assert not shop.codes.has_any(ALPINA)

    shop.map(means("60-1", A))

    assert shop.codes.has_any(ALPINA)
    assert shop.codes.left_out(ALPINA) == LeftOut(codes=3, as_of=T1)


def test_many_codes_are_read_and_those_that_mean_nothing_are_absent(shop: Shop) -> None:
    wanted = [means(f"60-{i}", Sku(f"NL-{i}")) for i in range(130)]
    shop.map(*wanted)
    shop.note(said("70-1", 5, T1))

    found = shop.codes.meanings(ALPINA, [*(code.code for code in wanted), "70-1", "70-2"])

    assert found == {code.code: code for code in wanted}


def test_a_sku_finds_its_codes_as_long_as_they_are_its_codes(shop: Shop) -> None:
    shop.map(means("60-1", A, last=date(2026, 12, 31)), means("60-2", A, 6, first=date(2027, 1, 1)), means("60-3", B))
    assert [each.code for each in shop.codes.codes_of(ALPINA, A)] == ["60-1", "60-2"]

    shop.map(means("60-1", C))

    assert [each.code for each in shop.codes.codes_of(ALPINA, A)] == ["60-2"]
    assert shop.table.get(keys.code_of(ALPINA, A, "60-1")) is None
    assert [each.code for each in shop.codes.codes_of(ALPINA, C)] == ["60-1"]


def test_codes_that_turn_between_two_days_are_found(shop: Shop) -> None:
    shop.map(means("60-1", A, last=date(2026, 11, 24)), means("60-2", A, first=date(2026, 11, 26)), means("60-3", B))

    turned = {
        (after, until): shop.codes.turned(ALPINA, date(2026, 11, after), date(2026, 11, until))
        for after, until in [(23, 24), (24, 25), (25, 25), (25, 26), (24, 26)]
    }

    assert turned == {
        (23, 24): [],
        (24, 25): ["60-1"],
        (25, 25): [],
        (25, 26): ["60-2"],
        (24, 26): ["60-1", "60-2"],
    }


@pytest.mark.parametrize(
    ("_case", "stored", "pushed", "code"),
    [
        ("the same SKU", means("60-1", A), means("60-2", A, 6), "code_doubled"),
        ("a SKU that is a code", means("NL-1", B), means("60-1", A), "code_leads_on"),
        ("a code that is a SKU of a code", means("60-1", A), means("NL-1", B), "code_leads_on"),
        ("a circle", means("NL-1", B), means("NL-2", A), "code_leads_on"),
    ],
)
def test_what_is_stored_and_not_named_is_not_doubled(
    shop: Shop, _case: str, stored: SupplierCode, pushed: SupplierCode, code: str
) -> None:
    shop.map(stored)

    with pytest.raises(InvalidInput) as refused:
        shop.map(pushed)

    assert (refused.value.code, refused.value.details["stored"]) == (code, stored.code)
    assert shop.codes.known(ALPINA, [pushed.code]) == {}


def test_two_codes_may_exchange_their_skus_in_one_push_and_follow_each_other(shop: Shop) -> None:
    shop.map(means("60-1", A), means("60-2", B))
    shop.map(means("60-1", B), means("60-2", A, last=date(2026, 12, 31)))
    shop.map(means("60-3", A, first=date(2027, 1, 1)))

    assert [each.code for each in shop.codes.codes_of(ALPINA, A)] == ["60-2", "60-3"]


# ---- the queue


def test_what_a_file_says_of_an_unmapped_code_is_kept_and_the_newest_word_stays(shop: Shop) -> None:
    word = said("60-1", 5, T2, cost_minor=740, gtin="04006381333931", told="5+")
    shop.note(word, now=T2)
    before = shop.codes.known(ALPINA, ["60-1"])

    shop.note(word, now=T3)
    shop.note(said("60-1", 9, T1), now=T3)
    assert shop.codes.known(ALPINA, ["60-1"]) == before

    shop.note(said("60-1", 7, T3), now=T3)

    (known,) = shop.codes.unmapped(ALPINA)
    assert before["60-1"].said == word
    assert (known.said, known.since) == (said("60-1", 7, T3), T2)


def test_the_queue_is_bounded_and_the_rest_is_counted(shop: Shop) -> None:
    first = UnmappedQueue(codes=shop.codes, supplier=ALPINA, now=T1, most=3)
    for i in range(2):
        first.note(said(f"60-{i}", 1, T1), None)

    later = UnmappedQueue(codes=shop.codes, supplier=ALPINA, now=T2, most=3)
    for i in range(6):
        later.note(said(f"60-{i}", 2, T2), None)

    assert (first.left_out, later.left_out) == (0, 3)
    assert {each.code: each.said.row.units for each in shop.codes.unmapped(ALPINA) if each.said} == {
        "60-0": 2,
        "60-1": 2,
        "60-2": 2,
    }
    watched = Faulty(shop.table.client, 0)
    full = UnmappedQueue(SupplierCodes(Table(cast("Any", watched), shop.table.name)), ALPINA, now=T3, most=3)
    for i in range(6):
        full.note(said(f"60-{i}", 3, T3), None)
    assert (full.left_out, watched.calls) == (3, ["query", *["update_item"] * 3])

    assert shop.codes.tell_left_out(ALPINA, LeftOut(codes=3, as_of=T2))
    assert not shop.codes.tell_left_out(ALPINA, LeftOut(codes=9, as_of=T1))
    assert shop.codes.left_out(ALPINA).codes == 3


def test_a_code_that_a_newer_file_does_not_name_leaves_the_queue(shop: Shop) -> None:
    shop.note(said("60-1", 5, T2))

    assert not shop.codes.drop(ALPINA, "60-1", T2)
    assert not shop.codes.drop(ALPINA, "60-9", T3)
    assert shop.codes.drop(ALPINA, "60-1", T3)

    assert shop.codes.known(ALPINA, ["60-1"]) == {}


def test_a_mapped_code_leaves_the_queue_and_is_not_dropped(fed: Shop) -> None:
    fed.note(said("60-1", 5, T2))
    fed.map(means("60-1", A))

    assert (fed.unmapped(), fed.codes_waiting()) == ([], ["60-1"])
    assert not fed.codes.drop(ALPINA, "60-1", T4)


def test_whoever_notes_a_code_that_was_mapped_meanwhile_is_told_what_it_means(fed: Shop) -> None:
    fed.map(means("60-1", A, 6))

    assert fed.note(said("60-1", 5, T4)) == means("60-1", A, 6)
    assert fed.codes.known(ALPINA, ["60-1"])["60-1"].said is None


def test_a_code_that_is_mapped_on_other_days_is_in_the_queue(fed: Shop) -> None:
    past = means("60-1", A, last=date(2026, 11, 20))
    fed.map(past)

    assert fed.note(said("60-1", 5, T4), past) is None

    assert fed.unmapped() == ["60-1"]


# ---- suggestions


def test_suggested_is_what_has_the_same_gtin_or_is_called_the_same(shop: Shop) -> None:
    tray = Product(sku=Sku("OT-1 S"), title="Tray", gtin="04006381333931", mpn="HX/99")
    mug = Product(sku=Sku("M1"), title="Mug", mpn="OT-1.S")
    facts = Facts(shop.table)
    facts.push(facts.difference(Catalogue(products=(tray, mug))), T1)

    def found(code: str, gtin: str = "") -> dict[str, str]:
        return {each.sku: each.because for each in facts.suggestions(code, gtin)}

    assert found("9", "04006381333931") == {"OT-1 S": "the same GTIN"}
    assert found("hx99") == {"OT-1 S": "its MPN is the same"}
    assert found("ot1s") == {"M1": "its MPN is the same", "OT-1 S": "its SKU is the same"}
    assert found("--") == {}

    facts.push(facts.difference(Catalogue(products=(replace(tray, gtin="", mpn=""), mug))), T2)
    assert (found("9", "04006381333931"), found("hx99")) == ({}, {})


# ---- mapped later


def test_what_the_file_said_counts_once_the_code_is_mapped(fed: Shop) -> None:
    fed.note(said("60-1", 5, T2, cost_minor=1_000))
    fed.map(means("60-1", A, 6))

    assert fed.run("60-1") == {"CodeCounted": 1}

    assert (fed.says(A), fed.level(Sku("60-1"))) == ((30, T2), None)
    offer = fed.table.get(keys.offer(LevelKey(A, ALPINA)))
    assert offer is not None
    assert (offer["cost_minor"], offer["as_of"]) == (167, T2)
    assert (fed.codes_waiting(), fed.unmapped()) == ([], [])
    assert fed.codes.known(ALPINA, ["60-1"])["60-1"].said is None


def test_a_row_that_later_files_left_as_it_was_counts_as_of_the_last_of_them(fed: Shop) -> None:
    fed.note(said("60-1", 5, T1))
    fed.applied(T3)
    fed.map(means("60-1", A))

    fed.run("60-1")

    assert fed.says(A) == (5, T3)


def test_a_count_that_is_older_than_the_levels_changes_nothing_and_the_next_file_counts(fed: Shop) -> None:
    fed.count(A, 4, T3, BY_HAND)
    fed.note(said("60-1", 5, T2))
    fed.map(means("60-1", A))

    assert fed.run("60-1") == {"CodeOlder": 1}

    assert fed.says(A) == (4, T3)
    assert fed.codes_waiting() == ["60-1"]
    assert not fed.codes.settle(means("60-1", A), T3)
    assert fed.codes.settle(means("60-1", A), T4)
    assert fed.codes_waiting() == []


def test_a_second_delivery_changes_nothing(fed: Shop) -> None:
    fed.note(said("60-1", 5, T2, cost_minor=10))
    fed.map(means("60-1", A))
    fed.run("60-1")
    before = fed.table.client.scan(TableName=fed.table.name)["Items"]

    assert fed.run("60-1") == {"CodeWaits": 1}

    assert fed.table.client.scan(TableName=fed.table.name)["Items"] == before


def test_a_code_that_is_mapped_from_another_day_on_stays_with_what_it_said(fed: Shop) -> None:
    fed.note(said("60-1", 5, T2))
    fed.map(means("60-1", A, first=date(2026, 12, 1)))

    fed.run("60-1")

    assert fed.says(A) is None
    assert fed.codes.known(ALPINA, ["60-1"])["60-1"].said == said("60-1", 5, T2)
    assert fed.codes_waiting() == ["60-1"]


def test_codes_of_a_supplier_that_never_sent_a_file_wait_for_nothing(shop: Shop) -> None:
    shop.map(means("60-1", A))

    assert (shop.codes_waiting(), shop.run("60-1")) == ([], {"CodeWaits": 1})


def test_a_first_file_that_comes_while_codes_are_pushed_makes_them_wait(shop: Shop) -> None:
    between = 4  # calls before: what is known of the codes, what leads to them, whether there is a file
    late = Meanwhile(shop.table.client, between, lambda: shop.applied(T1))

    SupplierCodes(Table(cast("Any", late), shop.table.name)).map([means("60-1", A)], MAPPED_AT)

    assert shop.codes_waiting() == ["60-1"]


def test_messages_of_unknown_suppliers_and_unmapped_codes_are_left_alone(shop: Shop) -> None:
    shop.note(said("60-1", 5, T2))

    assert shop.run("60-1") == {"CodeIgnored": 1}
    assert shop.run("60-9") == {"CodeIgnored": 1}
    assert shop.unmapped() == ["60-1"]


# ---- mapped to something else


def test_what_a_code_means_no_more_is_counted_nothing_and_the_next_file_counts_what_it_means(fed: Shop) -> None:
    fed.map(means("60-1", A), at=T1)
    fed.count(A, 12, T2)
    fed.map(means("60-1", B))

    assert fed.run("60-1") == {"FormerCounted": 1}

    assert (fed.says(A), fed.says(B)) == ((0, MAPPED_AT), None)
    assert fed.codes_waiting() == ["60-1"]
    assert fed.codes.known(ALPINA, ["60-1"])["60-1"].former == ()


def test_packs_of_another_size_count_nothing_until_the_next_file(fed: Shop) -> None:
    fed.map(means("60-1", A, 6), at=T1)
    fed.codes.settle(means("60-1", A, 6), T2)
    fed.count(A, 60, T2)
    fed.map(means("60-1", A))

    fed.run("60-1")

    assert (fed.says(A), fed.codes_waiting()) == ((0, MAPPED_AT), ["60-1"])


def test_a_sku_that_another_code_means_keeps_its_count(fed: Shop) -> None:
    fed.map(means("60-1", A, last=date(2026, 11, 22)), means("60-2", A, first=date(2026, 11, 23)), at=T1)
    fed.codes.settle(means("60-2", A, first=date(2026, 11, 23)), T4)
    fed.count(A, 12, T4)
    fed.map(means("60-1", B))

    fed.run("60-1")

    assert fed.says(A) == (12, T4)


def test_skus_that_codes_exchange_are_both_counted_nothing_until_the_next_file(fed: Shop) -> None:
    fed.map(means("60-1", A), means("60-2", B), at=T1)
    fed.count(A, 12, T2)
    fed.count(B, 7, T2)
    fed.map(means("60-1", B), means("60-2", A))

    fed.run("60-1")
    fed.run("60-2")

    assert (fed.says(A), fed.says(B)) == ((0, MAPPED_AT), (0, MAPPED_AT))
    assert fed.codes_waiting() == ["60-1", "60-2"]


def test_a_code_that_was_our_sku_by_itself_is_that_no_more(fed: Shop) -> None:
    fed.count(Sku("60-1"), 12, T2)
    fed.map(means("60-1", A))

    fed.run("60-1")

    assert (fed.says(Sku("60-1")), fed.says(A)) == ((0, MAPPED_AT), None)


def test_a_meaning_that_ended_is_counted_nothing_from_its_midnight_on(fed: Shop) -> None:
    both = (Meaning(sku=A, last=date(2026, 11, 23)), Meaning(sku=B, first=date(2026, 11, 24)))
    fed.map(SupplierCode(supplier=ALPINA, code="60-1", meanings=both), at=T1)
    fed.count(A, 12, T3)

    fed.run("60-1")

    zone = fed.rules.sources[ALPINA].zone
    assert zone == "Europe/Vienna"
    assert fed.says(A) == (0, "2026-11-23T23:00:00.000Z")


def test_what_was_promised_of_a_former_sku_stays_promised(fed: Shop) -> None:
    fed.map(means("60-1", A), at=T1)
    fed.count(A, 12, T2)
    fed.table.update(
        keys.level(LevelKey(A, ALPINA)),
        {
            "UpdateExpression": "SET available = available - :two, committed = :two",
            "ExpressionAttributeValues": {":two": {"N": "2"}},
        },
    )
    fed.map(means("60-1", B))

    fed.run("60-1")

    level = fed.level(A)
    assert level is not None
    assert (level.available, level.committed, level.counted) == (-2, 2, 0)


def test_a_code_that_changes_while_it_is_counted_comes_again(fed: Shop) -> None:
    def again() -> None:
        fed.note(said("60-1", 9, T4), means("60-1", A))

    fed.note(said("60-1", 5, T2))
    fed.map(means("60-1", A))

    with pytest.raises(Conflict):
        fed.run("60-1", Table(cast("Any", Meanwhile(fed.table.client, "put_item", again)), fed.table.name))
    fed.run("60-1")

    assert fed.says(A) == (9, T4)


def test_a_crash_at_any_call_is_finished_by_redelivery(fed: Shop) -> None:
    def crash(n: int, *, after: bool) -> int:
        a, b, code = Sku(f"A{n}"), Sku(f"B{n}"), f"60-{n}"
        past = means(code, a, last=date(2026, 11, 21))
        fed.map(past, at=T1)
        fed.count(a, 12, T1)
        fed.note(said(code, 5, T2, cost_minor=10), past)
        fed.map(means(code, b))
        faulty = Faulty(fed.table.client, n % 100, after=after)
        with suppress(Crash):
            fed.run(code, Table(cast("Any", faulty), fed.table.name))
        fed.run(code)
        known = fed.codes.known(ALPINA, [code])[code]
        assert (fed.says(a), fed.says(b)) == ((0, MAPPED_AT), (5, T2))
        assert (known.said, known.former, known.is_waiting) == (None, (), False)
        return len(faulty.calls)

    calls = crash(99, after=False)

    assert calls >= 8
    for at in range(1, calls + 1):
        assert crash(at, after=False) == at
        assert crash(100 + at, after=True) == at
