from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import messages, money, times
from shared.domain.messages import Delivered, FillSku, Message, PlanOrder, Publish, Refresh, Scope
from shared.domain.names import ChannelId, OrderKey, Sku, name, order_key
from shared.errors import InvalidInput

names = st.text(min_size=1, max_size=20).map(str.strip).filter(lambda t: t and "#" not in t and t.isprintable())


@pytest.mark.parametrize("text", ["", "  ", "a#b", "a\nb", "a\x00b", "x" * 129, None, 7])
def test_what_cannot_stand_in_a_key_is_refused(text: object) -> None:
    with pytest.raises(InvalidInput):
        name(text, "sku")


@given(names, names)
def test_an_order_key_comes_back_as_it_was(channel: str, order_id: str) -> None:
    key = OrderKey(ChannelId(channel), order_id)

    assert order_key(str(key)) == key
    assert len(key.token) == 10


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1971, 1, 1)))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_time_comes_back_to_the_millisecond(at: datetime) -> None:
    text = times.text(at)

    assert timedelta(0) <= at - times.read(text) < timedelta(milliseconds=1)
    assert len(text) == 24


def test_times_of_all_zones_sort_as_text() -> None:
    vienna = datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=1)))

    assert times.text(vienna) == "2026-11-24T08:00:00.000Z"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput):
        times.read("2026-11-24T09:00:00")
    with pytest.raises(ValueError, match="zone"):
        times.text(datetime(2026, 11, 24))  # noqa: DTZ001 - that is the case


any_message = st.one_of(
    st.builds(
        Delivered,
        channel=names.map(ChannelId),
        topic=st.text(),
        archive_key=st.text(),
        received_at=st.text(),
        body=st.text(),
    ),
    st.builds(PlanOrder, order=st.builds(OrderKey, names.map(ChannelId), names)),
    st.builds(FillSku, sku=names.map(Sku)),
    st.builds(Publish, channel=names.map(ChannelId)),
    st.builds(Refresh, scope=st.sampled_from(Scope), name=names, channel=st.just("") | names, after=st.text()),
)


@given(any_message)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert messages.read(messages.write(message)) == message


def test_a_large_body_stays_in_the_archive() -> None:
    large = Delivered(channel=ChannelId("a"), topic="t", archive_key="k", received_at="", body="é" * 40_000)

    assert messages.read(messages.write(large)) == Delivered(
        channel=ChannelId("a"), topic="t", archive_key="k", received_at="", body=""
    )


@given(st.text() | st.dictionaries(st.sampled_from(["schema", "kind", "order"]), st.integers() | st.text()).map(str))
def test_any_text_is_a_message_or_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        messages.read(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"schema":2,"kind":"plan"}',
        '{"schema":1,"kind":"plan"}',
        '{"schema":1,"kind":"x"}',
        '{"schema":1,"kind":"fill","sku":"a#b"}',
        '{"schema":1,"kind":"refresh","name":"a","channel":"","after":""}',
        '{"schema":1,"kind":"refresh","scope":[],"name":"a","channel":"","after":""}',
        '{"schema":1,"kind":"refresh","scope":"world","name":"a","channel":"","after":""}',
        '{"schema":1,"kind":"refresh","scope":"sku","name":"a#b","channel":"","after":""}',
        '{"schema":1,"kind":"refresh","scope":"sku","name":"a","after":""}',
    ],
)
def test_messages_of_no_kind_we_know_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        messages.read(text)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.40", "EUR", 1240),
        ("12", "EUR", 1200),
        ("1980", "JPY", 1980),
        ("1.234", "KWD", 1234),
        ("1.50", "JPY", None),
        ("-1", "EUR", None),
    ],
)
def test_money_is_exact_by_its_currency(amount: str, currency: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(InvalidInput):
            money.minor(amount, currency)
    else:
        assert money.minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.3999", "EUR", 1239),
        ("12.4000", "EUR", 1240),
        ("1980.9", "JPY", 1980),
        ("1.2509", "KWD", 1250),
        (7, "EUR", 700),
    ],
)
def test_what_is_computed_more_finely_is_rounded_down(amount: object, currency: str, minor: int) -> None:
    assert money.minor_at_most(amount, currency) == minor
    with pytest.raises(InvalidInput):
        money.minor_at_most("-1.00", currency)
