from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.facts import Meaning
from shared.domain.identity import Former, KnownCode, Said
from shared.domain.names import Sku, SourceId
from shared.domain.photographs import Row
from shared.storage import attributes, code_items

names = st.text("abcXYZ019-_ ./", min_size=1, max_size=12)
times = st.just("2026-11-25T08:00:00.000Z")
units = st.integers(0, 10**9)
days = st.none() | st.dates()
meanings = st.builds(Meaning, sku=names.map(Sku), pack=st.integers(1, 10**6), first=days, last=days)


@st.composite
def codes(draw: st.DrawFn) -> KnownCode:
    code, means = draw(names), draw(st.lists(meanings, max_size=3).map(tuple))
    rows = st.builds(
        Row,
        line=units,
        sku=st.just(Sku(code)),
        units=units,
        cost_minor=st.none() | units,
        gtin=st.sampled_from(["", "04006381333931"]),
        told=st.sampled_from(["", "99+"]),
        warehouse=names | st.just(""),
        is_discontinued=st.booleans(),
    )
    said = draw(st.none() | st.builds(Said, row=rows, as_of=times, file=names, reason=names))
    is_waiting = bool(means) and draw(st.booleans())
    return KnownCode(
        supplier=SourceId(draw(names)),
        code=code,
        meanings=means,
        mapped_at=draw(times) if means else "",
        said=said,
        former=tuple(draw(st.lists(st.builds(Former, sku=names.map(Sku), until=times), max_size=2))),
        is_waiting=is_waiting,
        since=draw(times) if is_waiting or said else "",
        revision=draw(st.integers(1, 9)),
    )


@given(codes())
def test_a_code_is_read_back_as_it_was_written(code: KnownCode) -> None:
    stored = attributes.values(attributes.image(code_items.to_item(code)))

    assert code_items.from_item(stored) == code


def test_a_code_of_schema_1_is_read() -> None:
    item = {"PK": "IDN#alpina", "SK": "60-1", "schema": 1, "revision": 1}
    item |= {"meanings": [{"sku": "A", "pack": 6, "first": "", "last": ""}]}

    read = code_items.from_item(item)

    assert (read.meanings, read.said, read.is_waiting) == ((Meaning(sku=Sku("A"), pack=6),), None, False)
