"""Feeds as items, and notifications of files as arrivals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.feeds import Feed, Run
from shared.domain.names import Sku, SourceId
from shared.errors import InvalidInput
from shared.storage import attributes, feeds
from shared.storage.files import arrivals

EVENTS = Path(__file__).parents[3] / "events/s3"
VERSION = "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH"

texts = st.text(max_size=10)
runs = st.builds(Run, as_of=texts, file=texts, snapshot=texts, reading=texts)
all_feeds = st.builds(
    Feed,
    source=st.sampled_from(["alpina", "baltic"]).map(SourceId),
    applied=st.none() | runs,
    open=st.lists(runs, max_size=3).map(tuple),
    heartbeat_at=texts,
    confirms_since=texts,
    unconfirmed=st.dictionaries(texts.map(Sku), texts, max_size=3),
    revision=st.integers(0, 10**6),
)

READ_AS = {
    "put": [f"in/alpina/stock.csv@{VERSION}"],
    "two_files": [f"in/alpina/stock.csv@{VERSION}", f"in/celtic/stock.txt@{VERSION}"],
    "encoded_key": [f"in/baltic/stock of monday & tüesday.csv@{VERSION}"],
    "rename": [f"in/alpina/stock.csv.part@{VERSION}", f"in/alpina/stock.csv@{VERSION}"],
    "empty_file": [f"in/baltic/empty.csv@{VERSION}"],
    "unknown_supplier": [f"in/nobody/stock.csv@{VERSION}"],
    "removed": [],
    "test_event": [],
}


@given(all_feeds)
def test_a_feed_comes_back_as_it_was(feed: Feed) -> None:
    assert feeds.from_item(attributes.values(attributes.image(feeds.to_item(feed)))) == feed


def test_a_feed_is_in_no_index_of_levels() -> None:
    assert not {"source", "sku", "flag", "since"} & feeds.to_item(Feed(source=SourceId("alpina"))).keys()


@pytest.mark.parametrize("name", READ_AS)
def test_notifications(name: str) -> None:
    assert [arrival.file for arrival in arrivals((EVENTS / f"{name}.json").read_text())] == READ_AS[name]


def test_every_golden_notification_is_read() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {*READ_AS, "no_version"}


def test_an_arrival_has_its_time_to_the_millisecond() -> None:
    (_, second) = arrivals((EVENTS / "two_files.json").read_text())

    assert second.stored_at.isoformat(timespec="milliseconds") == "2025-06-02T06:00:01.250+00:00"
    assert (second.size, second.etag) == (1024, "d41d8cd98f00b204e9800998ecf8427e")


@pytest.mark.parametrize(
    "body",
    [
        (EVENTS / "no_version.json").read_text(),
        "",
        "[]",
        "{}",
        "not JSON",
        '{"Records": [{}]}',
        '{"Records": [null]}',
        (EVENTS / "put.json").read_text().replace("2025-06-02T06:00:00.000Z", "yesterday"),
        (EVENTS / "put.json").read_text().replace("1024", '"many"'),
        json.dumps({"Records": [{"eventName": 5}]}),
    ],
)
def test_what_is_no_notification_is_refused(body: str) -> None:
    with pytest.raises(InvalidInput):
        arrivals(body)
