"""The order of steps, and what each answer of a table or the files leads to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.domain import messages, times
from shared.domain.as_of import AsOf
from shared.domain.feeds import Feed, FileReport, Run, Verdict
from shared.domain.messages import ReleaseFile
from shared.domain.names import LevelKey, Sku, SourceId
from shared.domain.offers import Offer
from shared.domain.photographs import Tally
from shared.domain.problems import Problem
from shared.domain.rules import Rules
from shared.domain.stock import Blind, CountWrite, Exact, First, Level
from shared.errors import AppError, Conflict, Transient
from shared.flows.ingest_counts import Ingested
from shared.formats import stock_files
from shared.storage.feeds import Entry, Pieces
from tests.support import trade
from tests.support.ingest import ingest
from tests.support.shelf import Shelf, notification

RULES = trade.shop_rules("alpina")
ALPINA = SourceId("alpina")
PROFILE = RULES.sources[ALPINA].feed
READING = stock_files.fingerprint(PROFILE, "EUR")
NOW = trade.times_now()
T0, T1, T2 = "2026-11-24T08:00:00.000Z", "2026-11-24T08:10:00.000Z", "2026-11-24T08:20:00.000Z"

Answer = tuple[bool, Level | None] | AppError


@dataclass
class FakeFeeds:
    """Gives `feed`; `answers` are the next answers to writes, then all are taken."""

    steps: list[str]
    feed: Feed = field(default_factory=lambda: Feed(source=ALPINA))
    answers: list[bool] = field(default_factory=list)
    known: str = ""
    held: Entry | None = None
    cut_into: Pieces | None = None
    recorded: list[FileReport] = field(default_factory=list)

    def now(self, _source: SourceId) -> Feed:
        return self.feed

    def write(self, feed: Feed) -> bool:
        is_taken = self.answers.pop(0) if self.answers else True
        if is_taken:
            self.feed = feed
            self.steps.append(f"feed {feed.revision}")
        return is_taken

    def file_at(self, _source: SourceId, _as_of: str) -> str:
        return self.known

    def entry(self, _source: SourceId, _as_of: str) -> Entry | None:
        return self.held

    def cut(self, _source: SourceId, run: Run, count: int, _expires_at: int) -> None:
        self.cut_into = Pieces(file=run.file, count=count, done=frozenset())
        self.steps.append(f"cut {count}")

    def pieces(self, _source: SourceId, _as_of: str) -> Pieces | None:
        return self.cut_into

    def piece_done(self, _source: SourceId, _as_of: str, number: int) -> Pieces:
        assert self.cut_into
        self.cut_into = replace(self.cut_into, done=self.cut_into.done | {number})
        self.steps.append(f"done {number}")
        return self.cut_into

    def record_released(self, report: FileReport) -> None:
        self.recorded.append(report)
        self.steps.append(f"record released {report.verdict}")

    def record(self, report: FileReport) -> None:
        self.recorded.append(report)
        self.steps.append(f"record {report.verdict}")


@dataclass
class FakeLevels:
    """`answers` are the next answers to counts, then all are done."""

    steps: list[str]
    answers: list[Answer] = field(default_factory=list)
    asked: list[CountWrite] = field(default_factory=list)
    waiting: list[LevelKey] = field(default_factory=list)

    def open(self, _source: SourceId) -> list[LevelKey]:
        return self.waiting

    def count(self, write: CountWrite, _now: str) -> tuple[bool, Level | None]:
        self.asked.append(write)
        answer = self.answers.pop(0) if self.answers else (True, None)
        if isinstance(answer, AppError):
            raise answer
        self.steps.append(f"count {write.count.key.sku} {write.count.units}")
        return answer


@dataclass
class FakeOffers:
    steps: list[str]
    written: list[Offer] = field(default_factory=list)

    def write(self, offer: Offer) -> bool:
        self.written.append(offer)
        self.steps.append(f"offer {offer.key.sku}")
        return True


@dataclass
class FakeProblems:
    steps: list[str]
    opened: list[Problem] = field(default_factory=list)

    def open(self, problem: Problem, _now: str) -> bool:
        self.opened.append(problem)
        self.steps.append(f"problem {problem.kind}")
        return True


class House:
    """The flow among fakes."""

    def __init__(self, *, writers: int = 1, **feed: Any) -> None:  # noqa: ANN401 - fields of the feed
        self.steps: list[str] = []
        self.files = Shelf(self.steps)
        self.feeds = FakeFeeds(self.steps, Feed(source=ALPINA, **feed))
        self.levels, self.offers = FakeLevels(self.steps), FakeOffers(self.steps)
        self.problems = FakeProblems(self.steps)
        self.pauses: list[int] = []
        self.flow = ingest(
            files=self.files,
            feeds=self.feeds,
            levels=self.levels,
            offers=self.offers,
            problems=self.problems,
            pause=self.pauses.append,
            writers=writers,
        )

    def drop(self, body: str, at: str = T2, key: str = "in/alpina/stock.csv", rules: Rules = RULES) -> Ingested:
        return self.flow.run({"m1": self.files.drop(key, body, at)}, rules, NOW)

    def report(self) -> dict[str, Any]:
        (key,) = [key for key in self.files.objects if key.endswith(".json")]
        read: dict[str, Any] = json.loads(self.files.objects[key])
        return read


def run_of(at: str, file: str = "in/alpina/before.csv@v1", reading: str = READING) -> Run:
    return Run(as_of=at, file=file, snapshot=f"done/{at}", reading=reading)


def digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:12]


GOOD = "sku,qty,cost\nA,5,1.00\n"
OTHER_COLUMNS = "sku,count\nA,5\n"


# ---- the order of steps


def test_a_file_is_kept_reported_and_recorded_before_its_run_is_finished_and_leaves_last() -> None:
    house = House()

    done = house.drop(GOOD)

    name = f"{T2}-{digest(GOOD)}-stock.csv"
    assert house.steps == [
        "feed 1",
        "count A 5",
        "offer A",
        f"keep done/alpina/{name}",
        f"put out/alpina/reports/{name}.json",
        f"put out/alpina/reports/{name}.txt",
        "record applied",
        "feed 2",
        "remove in/alpina/stock.csv",
    ]
    assert house.feeds.feed.applied == Run(
        as_of=T2,
        file="in/alpina/stock.csv@v1",
        snapshot=f"done/alpina/{name}",
        reading=READING,
        digest=hashlib.sha256(GOOD.encode()).hexdigest(),
        stored_at=T2,
        tally=Tally(skus=1, stocked=1, costed=1, units=5),
        rises=True,
    )
    assert house.feeds.feed.open == ()
    assert (done.again, dict(done.counted)) == ({}, {"FileApplied": 1, "RowRefused": 0})


def test_the_photograph_is_as_old_as_its_source_usually_needs() -> None:
    alpina = RULES.sources[ALPINA]
    late = replace(alpina, feed=replace(alpina.feed, lag=times.read(T2) - times.read(T1)))
    house = House()

    house.drop(GOOD, rules=replace(RULES, sources={ALPINA: late}))

    assert house.levels.asked[0].count.as_of == T1
    assert house.offers.written[0].as_of == T1


TIMED = replace(PROFILE, heading_line=2, as_of=AsOf(at="B1", zone="Europe/Vienna"))
TIMED_RULES = replace(RULES, sources={ALPINA: replace(RULES.sources[ALPINA], feed=TIMED)})


def test_a_file_that_says_when_it_was_taken_is_as_old_as_it_says() -> None:
    house = House()
    body = "as of,2026-11-24T09:05:00\nsku,qty,cost\nA,5,1.00\n"

    house.drop(body, rules=TIMED_RULES)

    assert house.levels.asked[0].count.as_of == "2026-11-24T08:05:00.000Z"
    house.feeds.known = "in/alpina/stock.csv@v1"
    assert house.drop(body, rules=TIMED_RULES).counted == {"FileRepeated": 1}


def test_a_file_whose_zone_is_wrong_by_an_hour_is_held_and_says_so() -> None:
    house = House()

    house.drop("as of,2026-11-24T10:20:00\nsku,qty,cost\nA,5,1.00\n", rules=TIMED_RULES)

    assert house.levels.asked == []
    assert house.report()["details"] == {"minutes": 60, "hint": "its zone may be wrong by whole hours"}


def test_a_file_that_does_not_say_its_time_though_it_should_is_held() -> None:
    house = House()

    house.drop("as of,yesterday\nsku,qty,cost\nA,5,1.00\n", rules=TIMED_RULES)

    assert house.report()["code"] == "as_of_unreadable"


def test_a_file_without_the_needed_columns_is_held_and_changes_nothing() -> None:
    house = House()

    done = house.drop(OTHER_COLUMNS)

    name = f"{T2}-{digest(OTHER_COLUMNS)}-stock.csv"
    assert house.steps == [
        f"keep held/alpina/{name}",
        f"put out/alpina/reports/{name}.json",
        f"put out/alpina/reports/{name}.txt",
        "problem file_held",
        "record held",
        "remove in/alpina/stock.csv",
    ]
    assert house.report()["reason"] == "a needed column is missing"
    assert house.report()["details"] == {"wanted": ["sku", "qty"], "found": ["sku", "count"]}
    problem = house.problems.opened[0]
    assert (problem.subject, problem.details) == ("alpina", {"file": f"held/alpina/{name}", "as_of": T2})
    assert (done.again, done.counted["FileHeld"]) == ({}, 1)


@pytest.mark.parametrize(
    ("body", "at", "reason"),
    [
        ("sku,qty\n", T2, "not one row can be used"),
        ("sku,qty\nA,x\n", T2, "not one row can be used"),
        ("sku,qty\n" + "".join(f"S{i},{'x' if i < 5 else 1}\n" for i in range(24)), T2, "too many rows are refused"),
        (GOOD, "2026-11-24T09:05:00.001Z", "its time lies ahead of ours"),
        (GOOD + '"', T2, "the cells cannot be told apart"),
    ],
)
def test_files_that_are_held(body: str, at: str, reason: str) -> None:
    house = House()

    house.drop(body, at)

    assert house.report()["verdict"] == "held"
    assert house.report()["reason"] == reason
    assert house.levels.asked == []
    assert house.feeds.feed.revision == 0


def test_a_file_of_an_unknown_supplier_is_held_without_a_report() -> None:
    house = House()

    house.drop(GOOD, key="in/no#body/stock.csv")

    kept = f"held/no-body/{T2}-{digest('in/no#body/stock.csv@v1')}-stock.csv"
    assert house.steps == [f"keep {kept}", "problem file_held", "remove in/no#body/stock.csv"]
    assert house.problems.opened[0].subject == kept


def test_a_file_without_a_supplier_is_held() -> None:
    house = House()

    house.drop(GOOD, key="in/stock.csv")

    assert house.steps[0].startswith("keep held/unknown/")


@pytest.mark.parametrize("key", ["in/alpina/stock.csv.part", "in/alpina/.stock.csv", "in/alpina/", "in/nobody/x.tmp"])
def test_an_upload_on_its_way_is_left_alone(key: str) -> None:
    house = House()

    done = house.drop(GOOD, key=key)

    assert (house.steps, dict(done.counted)) == ([], {"FileIgnored": 1})


def test_an_empty_file_is_a_sign_of_life() -> None:
    house = House(applied=run_of(T1), revision=4)

    house.drop("")

    assert house.feeds.feed == Feed(source=ALPINA, applied=run_of(T1), heartbeat_at=T2, revision=5)
    assert house.steps == ["feed 5", "remove in/alpina/stock.csv"]


def test_an_older_file_is_kept_with_a_report_and_writes_nothing() -> None:
    house = House(applied=run_of(T2), revision=4)

    done = house.drop(GOOD, T1)

    assert house.levels.asked == []
    assert house.feeds.feed.revision == 4
    assert house.report()["verdict"] == "older"
    assert house.steps[0].startswith("keep done/alpina/")
    assert house.steps[-2:] == ["record older", "remove in/alpina/stock.csv"]
    assert done.counted["FileOlder"] == 1


# ---- the guard

MANY = "sku,qty,cost\n" + "".join(f"S{i:02},{i + 1},1.00\n" for i in range(40))
CUT = "".join(f"{line}\n" for line in MANY.splitlines()[:12])


def house_with_many(**feed: Any) -> House:  # noqa: ANN401 - fields of the feed
    house = House(applied=run_of(T1), revision=4, **feed)
    house.files.objects[f"done/{T1}"] = MANY.encode()
    return house


def test_a_file_that_is_cut_off_is_held_with_the_reason_and_changes_nothing() -> None:
    house = house_with_many()

    done = house.drop(CUT)

    assert (house.levels.asked, house.feeds.feed.revision, done.counted["FileHeld"]) == ([], 4, 1)
    report = house.report()
    assert (report["verdict"], report["code"]) == ("held", "file_implausible")
    assert report["details"]["because"][0] == "it has 11 rows, the file before it 40: it may be cut off"
    assert "truestock feeds release" in house.problems.opened[0].action


def test_what_is_odd_and_possible_counts_and_is_told() -> None:
    house = house_with_many()

    house.drop("".join(f"{line}\n" for line in MANY.splitlines()[:30]))

    report = house.report()
    assert (report["verdict"], report["absent"], report["zeroed"]) == ("applied", 11, True)
    assert report["odd"] == [
        "it has 29 rows, the file before it 40: it may be cut off",
        "of 40 SKUs of the file before it has 29: it may be of another range, or misread",
    ]


def test_a_run_that_began_to_count_goes_on_whatever_the_guard_says_now() -> None:
    house = house_with_many(open=(run_of(T2, "in/alpina/stock.csv@v1"),))

    assert house.drop(CUT).counted["FileApplied"] == 1


def test_an_older_file_is_older_and_not_implausible() -> None:
    assert house_with_many().drop(CUT, T0).counted["FileOlder"] == 1


def test_a_file_that_was_judged_by_a_snapshot_which_is_no_more_is_judged_again() -> None:
    house = house_with_many()
    house.feeds.answers = [False]
    moved = replace(house.feeds.feed, applied=run_of(T1, "in/alpina/between.csv@v1"), revision=5)
    house.flow.pause = lambda _: setattr(house.feeds, "feed", moved)

    house.files.objects[f"done/{T1}"] = MANY.replace("S", "OTHER").encode()

    done = house.drop(MANY)

    assert (done.again, done.counted["FileHeld"], house.levels.asked) == ({}, 1, [])


def release(house: House, verdict: Verdict = Verdict.HELD, code: str = "file_implausible") -> Ingested:
    kept = f"held/alpina/{T2}-{digest(CUT)}-stock.csv"
    house.files.objects[kept] = house.files.objects[f"{kept}@"] = CUT.encode()
    house.feeds.held = Entry(as_of=T2, file="in/alpina/x@v1", kept=kept, verdict=verdict, reason="r", code=code)
    wish = ReleaseFile(source=ALPINA, as_of=T2, by="ann", reason="the range was cut")
    return house.flow.run({"m1": messages.write(wish)}, RULES, NOW)


def test_a_released_file_counts_as_the_photograph_that_it_is() -> None:
    house = house_with_many()

    done = release(house)

    assert done.counted["FileApplied"] == 1
    assert {write.count.as_of for write in house.levels.asked} == {T2}
    assert {write.count.units for write in house.levels.asked} == {0}  # the rows it has are as they were
    assert len(house.levels.asked) == 29
    assert "record released applied" in house.steps
    assert house.report()["details"] == {"released_by": "ann", "because": "the range was cut"}
    assert house.feeds.feed.applied is not None
    assert house.feeds.feed.applied.snapshot == f"done/alpina/{T2}-{digest(CUT)}-stock.csv"


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.REJECTED, "file_implausible"), (Verdict.APPLIED, ""), (Verdict.HELD, "no_rows")],
)
def test_only_what_the_guard_holds_can_be_released(verdict: Verdict, code: str) -> None:
    house = house_with_many()

    assert release(house, verdict, code).counted == {"ReleaseRefused": 1}
    assert house.levels.asked == []


def test_a_file_released_after_a_newer_one_was_applied_is_older() -> None:
    house = house_with_many()
    house.feeds.feed = replace(house.feeds.feed, applied=run_of("2026-11-24T08:30:00.000Z"))

    assert release(house).counted["FileOlder"] == 1
    assert "record released older" in house.steps


def test_a_message_for_another_queue_is_an_exception() -> None:
    house = House()

    done = house.flow.run({"m1": messages.write(messages.FillSku(sku=Sku("A")))}, RULES, NOW)

    assert (done.counted["NotificationRefused"], house.problems.opened[0].kind) == (1, "notification_unreadable")


# ---- a second delivery


@pytest.mark.parametrize("verdict", Verdict)
def test_a_file_with_an_entry_in_the_history_only_leaves(verdict: Verdict) -> None:
    applied = "in/alpina/stock.csv@v1" if verdict is Verdict.APPLIED else "in/alpina/before.csv@v1"
    house = House(applied=run_of(T2, applied), revision=4)
    house.feeds.known = "in/alpina/stock.csv@v1"

    done = house.drop(GOOD)

    assert house.steps == ["remove in/alpina/stock.csv"]
    assert done.counted["FileRepeated"] == 1


def test_a_recorded_run_that_was_not_finished_goes_on() -> None:
    house = House(open=(run_of(T2, "in/alpina/stock.csv@v1"),), revision=1)
    house.feeds.known = "in/alpina/stock.csv@v1"

    house.drop(GOOD)

    applied = house.feeds.feed.applied
    assert applied
    assert replace(applied, tally=None, rises=False) == run_of(T2, "in/alpina/stock.csv@v1")
    assert house.feeds.feed.open == ()


def test_the_snapshot_delivered_again_only_leaves() -> None:
    house = House(applied=run_of(T1, "in/alpina/stock.csv@v1"), revision=4)

    house.drop(GOOD)

    assert house.steps == ["remove in/alpina/stock.csv"]


def test_a_run_that_goes_on_keeps_the_time_it_was_opened_with() -> None:
    house = House(open=(run_of(T1, "in/alpina/stock.csv@v1"),), revision=1)

    house.drop(GOOD, T2)

    assert house.levels.asked[0].count.as_of == T1
    assert house.report()["as_of"] == T1


def test_a_run_that_goes_on_under_other_rules_is_no_snapshot_to_compare_with() -> None:
    house = House(open=(run_of(T2, "in/alpina/stock.csv@v1", reading="other"),), revision=1)

    house.drop(GOOD)

    assert house.feeds.feed.applied is not None
    assert house.feeds.feed.applied.reading == ""


def test_a_file_whose_version_is_gone_is_counted_only() -> None:
    house = House()

    done = house.flow.run({"m1": notification(("in/alpina/stock.csv", T2, 9))}, RULES, NOW)

    assert (house.steps, dict(done.counted)) == ([], {"FileGone": 1})


# ---- rows


def test_only_changed_rows_are_written_blind_against_the_snapshot() -> None:
    house = House(applied=run_of(T1), revision=4)
    house.files.objects[f"done/{T1}"] = b"sku,qty,cost\nA,7,1.00\nB,2,1.00\nC,1,1.00\nD,1,1.00\n"

    house.drop("sku,qty,cost\nA,5,1.00\nB,2,1.00\nC,1,1.10\n")

    fallen, gone = house.levels.asked
    assert isinstance(fallen, Blind)
    assert isinstance(gone, Blind)
    assert (fallen.old, fallen.count.units, fallen.count.key) == (7, 5, trade.at("A", "alpina"))
    assert (gone.old, gone.count.units, gone.count.key) == (1, 0, trade.at("D", "alpina"))
    assert [offer.key.sku for offer in house.offers.written] == ["C"]
    report = house.report()
    assert (report["read"], report["changed"], report["unchanged"], report["absent"]) == (3, 3, 1, 1)


@pytest.mark.parametrize("row_that_names_nobody", [False, True])
def test_what_a_delta_or_a_file_with_a_nameless_row_leaves_out_is_kept(*, row_that_names_nobody: bool) -> None:
    delta = replace(RULES.sources[ALPINA], feed=replace(PROFILE, full=False))
    rules = RULES if row_that_names_nobody else replace(RULES, sources={ALPINA: delta})
    house = House(applied=run_of(T1), revision=4)
    house.files.objects[f"done/{T1}"] = b"sku,qty,cost\nA,7,1.00\nD,1,1.00\n"

    house.drop("sku,qty,cost\nA,5,1.00\n" + (",3,1.00\n" if row_that_names_nobody else ""), rules=rules)

    assert [write.count.key.sku for write in house.levels.asked] == ["A"]
    assert (house.report()["absent"], house.report()["zeroed"]) == (1, False)


@pytest.mark.parametrize("applied", [run_of(T1, reading="other"), run_of(T0)])
def test_a_snapshot_that_was_read_otherwise_or_is_gone_is_no_snapshot(applied: Run) -> None:
    house = House(applied=applied, revision=4)
    house.files.objects[f"done/{T1}"] = GOOD.encode()

    house.drop(GOOD)

    assert [type(write) for write in house.levels.asked] == [First]


def test_an_unchanged_row_is_written_if_it_waits_or_an_open_run_says_otherwise() -> None:
    house = House(applied=run_of(T0), open=(run_of(T1, "in/alpina/open.csv@v1"),), revision=4)
    house.files.objects[f"done/{T0}"] = b"sku,qty\nA,1\nB,1\nC,1\n"
    house.files.objects["in/alpina/open.csv@v1"] = b"sku,qty\nA,1\nB,2\nC,1\n"
    house.levels.waiting = [trade.at("C", "alpina")]

    house.drop("sku,qty\nA,1\nB,1\nC,1\n")

    assert [write.count.key.sku for write in house.levels.asked] == ["B", "C"]
    assert house.feeds.feed.open == ()


def test_a_count_goes_on_from_the_level_it_met() -> None:
    house = House(applied=run_of(T1), revision=4)
    house.files.objects[f"done/{T1}"] = b"sku,qty\nA,7\n"
    met = trade.level("A", "alpina", 9, counted_as_of=T0)
    house.levels.answers = [(False, met), (False, replace(met, drev=1)), Conflict("met another", code="x")]

    house.drop("sku,qty\nA,5\n")

    blind, exact, again, at_last = house.levels.asked
    assert isinstance(blind, Blind)
    assert [each.seen.drev for each in (exact, again, at_last) if isinstance(each, Exact)] == [0, 1, 1]
    assert house.feeds.feed.applied is not None


def test_a_level_that_is_gone_is_counted_first() -> None:
    house = House(applied=run_of(T1), revision=4)
    house.files.objects[f"done/{T1}"] = b"sku,qty\nA,7\n"
    house.levels.answers = [(False, None)]

    house.drop("sku,qty\nA,5\n")

    assert [type(write) for write in house.levels.asked] == [Blind, First]


def test_a_level_with_a_newer_count_is_done() -> None:
    house = House()
    house.levels.answers = [(False, trade.level("A", "alpina", 9, counted_as_of=T2))]

    done = house.drop(GOOD)

    assert len(house.levels.asked) == 1
    assert done.counted["FileApplied"] == 1


def test_a_level_that_keeps_changing_leaves_the_message_and_the_run_open() -> None:
    house = House()
    house.levels.answers = [Conflict("met another", code="storage")] * 8

    done = house.drop(GOOD)

    assert done.again == {"m1": "level_busy"}
    assert house.pauses == list(range(1, 9))
    assert len(house.feeds.feed.open) == 1
    assert house.feeds.feed.applied is None
    assert house.steps == ["feed 1"]


def test_many_writers_write_every_row_once() -> None:
    house = House(writers=4)
    rows = [f"S{i},{i}" for i in range(1, 1201)]

    house.drop("sku,qty\n" + "\n".join(rows))

    assert sorted(write.count.units for write in house.levels.asked) == list(range(1, 1201))


def test_a_failure_of_one_writer_leaves_the_message() -> None:
    house = House(writers=4)
    fine: list[Answer] = [(True, None)] * 700
    house.levels.answers = [*fine, Transient("no answer", code="storage")]

    done = house.drop("sku,qty\n" + "\n".join(f"S{i},{i}" for i in range(1, 1201)))

    assert done.again == {"m1": "storage"}
    assert len(house.levels.asked) <= 1000
    assert house.feeds.feed.applied is None


# ---- the feed and the queue


def test_a_feed_that_was_changed_meanwhile_is_asked_again() -> None:
    house = House()
    house.feeds.answers = [False, False, True]

    done = house.drop(GOOD)

    assert house.pauses == [1, 2]
    assert done.counted["FileApplied"] == 1


def test_a_feed_that_keeps_changing_leaves_the_message() -> None:
    house = House()
    house.feeds.answers = [False] * 8

    assert house.drop(GOOD).again == {"m1": "feed_moved"}


def test_a_message_that_fails_does_not_stop_the_others() -> None:
    house = House()
    house.files.failure = Transient("no answer", code="files")

    done = house.flow.run(
        {"m1": notification(("in/alpina/stock.csv", T2, 9)), "m2": notification(("in/alpina/a.part", T2, 9))},
        RULES,
        NOW,
    )

    assert done.again == {"m1": "files"}
    assert done.counted["FileIgnored"] == 1


def test_what_is_no_notification_becomes_an_exception() -> None:
    house = House()

    done = house.flow.run({"m1": "{}"}, RULES, NOW)

    assert [problem.kind for problem in house.problems.opened] == ["notification_unreadable"]
    assert (done.again, dict(done.counted)) == ({}, {"NotificationRefused": 1})


# ---- the report


def test_a_report_tells_refused_rows_and_warnings_to_people_and_programs() -> None:
    house = House()

    house.drop("sku,qty,cost\nA,5,1.00\nB,lots\x1b[2J,1.00\nC,-2,1.00\n")

    report = house.report()
    assert (report["schema"], report["verdict"], report["read"], report["refused"]) == (1, "applied", 3, 1)
    told = {"line": 3, "column": "qty", "value": "lots\x1b[2J", "reason": "a whole number of units was expected"}
    assert report["refusals"] == [told | {"sku": "B", "offset": None}]
    (key,) = [key for key in house.files.objects if key.endswith(".txt")]
    text = house.files.objects[key].decode()
    assert "3 rows read, 2 changed, 0 unchanged, 1 refused" in text
    assert r"line 3, qty: 'lots\x1b[2J' refused: a whole number of units was expected" in text
    assert "line 4: C: -2 is below zero, counted as 0" in text


def test_a_long_list_of_refused_rows_is_cut() -> None:
    house = House()

    house.drop("sku,qty\n" + "".join(f"S{i},{'x' if i < 150 else 1}\n" for i in range(1000)))

    report = house.report()
    assert (report["refused"], len(report["refusals"])) == (150, 100)
    (key,) = [key for key in house.files.objects if key.endswith(".txt")]
    assert "the first 100 refused rows:" in house.files.objects[key].decode()


def test_a_name_that_somebody_chose_is_made_fit_for_a_key() -> None:
    house = House()

    house.drop(GOOD, key="in/alpina/week 7/" + "x" * 300 + " #\n.csv")

    assert house.steps[3].endswith("x" * 10 + "-.csv")
    assert len(house.steps[3]) < 200
