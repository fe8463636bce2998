"""A file that names suppliers' codes: what each counts for, mapped before the file came or after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest

from shared.domain import messages
from shared.domain.facts import Codes, Meaning, SupplierCode
from shared.domain.identity import KnownCode
from shared.domain.messages import CountCode, Message
from shared.domain.names import Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.rules import Rules
from shared.flows.ingest_counts import Ingested
from shared.runtime.settings import settings
from shared.storage import keys, levels, offers
from shared.storage.feeds import Feeds
from shared.storage.files import Files
from shared.storage.levels import Levels
from shared.storage.offers import Offers
from shared.storage.problems import Problems
from shared.storage.supplier_codes import SupplierCodes
from tests.integration.conftest import Aws
from tests.integration.test_ingest_files import NOW, RULES, T1, T2, T3, drop, feed_of, level_of
from tests.support import trade
from tests.support.ingest import FakeMargins, ingest

ALPINA = SourceId("alpina")


def rules_of(codes: Codes) -> Rules:
    alpina = replace(RULES.sources[ALPINA], codes=codes)
    return replace(RULES, sources={**RULES.sources, ALPINA: alpina})


class Shop:
    """The flow over the real stores, by rules for alpina's codes."""

    def __init__(self, aws: Aws, codes: Codes = Codes.MAPPED) -> None:
        self.aws, self.rules = aws, rules_of(codes)
        self.codes, self.margins = SupplierCodes(aws.stock), FakeMargins()
        self.sent: list[Message] = []
        self.flow = ingest(
            files=Files(aws.s3, settings().files_bucket),
            feeds=Feeds(aws.stock),
            levels=Levels(aws.stock),
            offers=Offers(aws.stock),
            problems=Problems(aws.orders),
            codes=self.codes,
            margins=self.margins,
            send=self.sent.extend,
        )

    def file(self, rows: str, at: str) -> Ingested:
        body = "Item;On hand;Price\n" + "".join(f"{row}\n" for row in rows.split())
        return self.deliver(drop(self.aws, "in/alpina/stock.csv", body.encode(), at=at))

    def deliver(self, message: str) -> Ingested:
        done = self.flow.run({"m1": message}, self.rules, NOW)
        assert done.again == {}
        return done

    def map(self, code: str, sku: str, at: str, pack: int = 1, **days: date) -> None:
        meaning = Meaning(sku=Sku(sku), pack=pack, **days)
        self.codes.map([SupplierCode(supplier=ALPINA, code=code, meanings=(meaning,))], at)

    def count(self, code: str) -> None:
        self.deliver(messages.write(CountCode(source=ALPINA, code=code)))

    def has(self, *skus: str) -> dict[str, tuple[int, str]]:
        found = {sku: level_of(self.aws, sku) for sku in skus}
        return {sku: (level.available, level.counted_as_of) for sku, level in found.items() if level}

    def unmapped(self) -> dict[str, int]:
        return {known.code: known.said.row.units for known in self.codes.unmapped(ALPINA) if known.said}

    def offer(self, sku: str) -> Offer:
        found = self.aws.stock.get(keys.offer(trade.at(sku, "alpina")))
        assert found
        return offers.from_item(found)


def test_rows_count_for_what_their_codes_mean_in_our_units(aws: Aws) -> None:
    shop = Shop(aws)
    shop.map("60-1", "NL-1001", T1, pack=6)

    shop.file("60-1;5;10.00 60-2;7;2.00", T2)

    assert shop.has("NL-1001", "60-1", "60-2") == {"NL-1001": (30, T2)}
    assert shop.offer("NL-1001").cost_minor == 167
    assert shop.unmapped() == {"60-2": 7}


def test_a_changed_row_is_one_write_against_what_the_file_before_said_in_our_units(aws: Aws) -> None:
    shop = Shop(aws)
    shop.map("60-1", "NL-1001", T1, pack=6)
    shop.file("60-1;5;10.00", T2)

    shop.file("60-1;4;12.00", T3)

    assert shop.has("NL-1001") == {"NL-1001": (24, T3)}
    level = level_of(aws, "NL-1001")
    assert level is not None
    assert level.revision == 2
    assert [(before and before.cost_minor, after.cost_minor) for before, after in shop.margins.changed] == [
        (None, 167),
        (167, 200),
    ]


def test_a_code_that_is_mapped_later_counts_without_its_file_sent_again(aws: Aws) -> None:
    shop = Shop(aws)
    shop.file("60-1;5;1.00 60-2;7;2.00", T1)
    shop.file("60-1;6;1.00 60-2;7;2.00", T2)

    shop.map("60-2", "NL-1002", T3, pack=2)
    shop.count("60-2")

    assert shop.has("NL-1002") == {"NL-1002": (14, T2)}  # the newer file still said so
    assert shop.unmapped() == {"60-1": 6}


def test_a_row_that_stays_the_same_counts_for_a_code_that_was_mapped_between_two_files(aws: Aws) -> None:
    shop = Shop(aws)
    shop.file("60-1;5;1.00 60-2;7;2.00", T1)
    shop.map("60-2", "NL-1002", T2)

    shop.file("60-1;6;1.00 60-2;7;2.00", T3)

    assert shop.has("NL-1002") == {"NL-1002": (7, T3)}
    assert shop.codes.waiting(ALPINA) == []


def test_a_mapped_code_that_a_full_file_leaves_out_waits_for_nothing(aws: Aws) -> None:
    shop = Shop(aws)
    rows = " ".join(f"60-{i};5;1.00" for i in range(9))
    shop.file(rows, T1)
    shop.map("60-8", "NL-1002", T2)

    shop.file(rows.replace(" 60-8;5;1.00", ""), T3)

    assert shop.codes.waiting(ALPINA) == []
    assert "60-8" not in shop.unmapped()


def test_an_unmapped_code_that_a_full_file_leaves_out_leaves_the_queue(aws: Aws) -> None:
    shop = Shop(aws)
    shop.file("60-1;5;1.00 60-2;7;2.00", T1)

    shop.file("60-1;5;1.00", T2)

    assert shop.unmapped() == {"60-1": 5}


def test_without_a_mapping_a_code_is_our_sku_unless_the_rules_say_otherwise(aws: Aws) -> None:
    shop = Shop(aws, Codes.SAME)
    shop.map("60-1", "NL-1001", T1)

    shop.file("60-1;5;1.00 NL-1002;7;2.00", T2)

    assert shop.has("NL-1001", "NL-1002", "60-1") == {"NL-1001": (5, T2), "NL-1002": (7, T2)}


def test_a_level_that_waits_for_a_count_gets_it_by_its_code(aws: Aws) -> None:
    shop = Shop(aws)
    shop.map("60-1", "NL-1001", T1, pack=6)
    shop.file("60-1;5;1.00 60-2;1;1.00", T1)
    level = level_of(aws, "NL-1001")
    assert level is not None
    deducted = replace(level, available=24, deducted={"2025-06-02T06:15:00.000Z": 6}, drev=1, revision=2)
    aws.stock.put(levels.to_item(deducted, "OPEN#alpina", T1))

    shop.file("60-1;5;1.00 60-2;2;1.00", T3)

    assert shop.has("NL-1001") == {"NL-1001": (30, T3)}
    assert Levels(aws.stock).open(ALPINA) == []


def test_a_code_that_turns_between_two_files_is_asked_for_and_counts_for_its_new_meaning(aws: Aws) -> None:
    shop = Shop(aws)
    old = Meaning(sku=Sku("NL-1001"), last=date(2025, 6, 1))
    new = Meaning(sku=Sku("NL-1002"), first=date(2025, 6, 2))
    shop.codes.map([SupplierCode(supplier=ALPINA, code="60-1", meanings=(old, new))], "2025-05-01T00:00:00.000Z")
    shop.file("60-1;5;1.00 60-2;1;1.00", "2025-06-01T06:00:00.000Z")
    assert shop.has("NL-1001", "NL-1002") == {"NL-1001": (5, "2025-06-01T06:00:00.000Z")}

    shop.file("60-1;5;1.00 60-2;2;1.00", T2)

    assert shop.sent == [CountCode(source=ALPINA, code="60-1")]
    assert shop.has("NL-1002") == {"NL-1002": (5, T2)}
    for message in shop.sent:
        shop.deliver(messages.write(message))
    assert shop.has("NL-1001")["NL-1001"][0] == 0


@pytest.mark.parametrize("after", [Codes.SAME, Codes.MAPPED])
def test_what_codes_are_is_part_of_how_a_file_is_read(aws: Aws, after: Codes) -> None:
    shop = Shop(aws, Codes.SAME)
    shop.file("NL-1001;5;1.00", T1)
    shop.rules = rules_of(after)

    shop.file("NL-1001;5;1.00", T2)

    feed = feed_of(aws)
    assert feed.applied
    assert (feed.confirms_since == T2) == (after is Codes.MAPPED)


def test_a_mapped_code_that_no_file_names_waits_for_nothing_either(aws: Aws) -> None:
    shop = Shop(aws)
    shop.file("60-1;5;1.00 60-2;7;2.00", T1)
    shop.map("60-9", "NL-1009", T2)
    assert shop.codes.waiting(ALPINA) == ["60-9"]

    shop.file("60-1;6;1.00 60-2;7;2.00", T3)

    assert shop.codes.waiting(ALPINA) == []


def test_a_mapped_code_whose_row_cannot_be_read_goes_on_waiting(aws: Aws) -> None:
    shop = Shop(aws)
    shop.file("60-1;5;1.00 60-2;7;2.00", T1)
    shop.map("60-2", "NL-1002", T2)

    shop.file("60-1;5;1.00 60-2;many;2.00", T3)

    assert shop.codes.waiting(ALPINA) == ["60-2"]


class MappedMeanwhile(SupplierCodes):
    """Somebody maps a code just after it was looked up."""

    def known(self, supplier: SourceId, codes: Iterable[str]) -> dict[str, KnownCode]:
        found = SupplierCodes(self.table).known(supplier, codes)
        meaning = Meaning(sku=Sku("NL-1001"), pack=2)
        SupplierCodes(self.table).map([SupplierCode(supplier=supplier, code="60-1", meanings=(meaning,))], T1)
        return found


def test_a_code_that_is_mapped_while_its_row_is_on_the_way_counts(aws: Aws) -> None:
    shop = Shop(aws)
    shop.flow.runs.rows.codes = MappedMeanwhile(aws.stock)

    shop.file("60-1;5;1.00", T2)

    assert shop.has("NL-1001") == {"NL-1001": (10, T2)}
    assert shop.unmapped() == {}
