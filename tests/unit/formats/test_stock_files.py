"""What holds for a stock file in every format."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from shared.domain.feeds import FileReport, Verdict
from shared.domain.names import name
from shared.domain.photographs import Refusal, Row
from shared.domain.profiles import FeedProfile
from shared.domain.quantities import MOST_UNITS
from shared.errors import InvalidInput
from shared.formats import file_reports, stock_files, text
from tests.support import stock_files as files
from tests.support.stock_files import FORMATS, changed, gz, profile, read, row, zipped


def is_a_sku(sku: str) -> bool:
    try:
        (found,) = read(files.delimited([row(2, sku, 0)], files.DELIMITED, "EUR"))
        return name(sku, "sku") == sku and isinstance(found, Row)
    except InvalidInput:
        return False


skus = (st.text(min_size=1, max_size=12) | st.from_regex(r'="?[0-9A-Z",;|\t]{1,8}"?', fullmatch=True)).filter(is_a_sku)
costs = st.none() | st.integers(0, 10**9)
values = st.lists(st.tuples(skus, st.integers(0, MOST_UNITS), costs), max_size=8)


@pytest.mark.parametrize("kind", FORMATS)
@given(values, st.sampled_from(["EUR", "JPY", "KWD"]))
def test_what_is_written_is_read_back(kind: str, rows: list[tuple[str, int, int | None]], currency: str) -> None:
    how, write, first = FORMATS[kind]
    written = [row(line, *each) for line, each in enumerate(rows, first)]

    assert read(write(written, how, currency), how, currency) == written


@given(
    values,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "cp1252", "utf-16"]),
)
def test_text_comes_back_in_every_dialect(
    rows: list[tuple[str, int, int | None]], delimiter: str, encoding: str
) -> None:
    how = replace(files.DELIMITED, delimiter=delimiter, encoding=encoding)
    written = [row(line, *each) for line, each in enumerate(rows, 2)]
    try:
        data = files.delimited(written, how, "EUR")
    except UnicodeEncodeError:
        reject()
    # Letters of cp1252 that together are UTF-8 are read as that: the one order of detection there is.
    assume(encoding != "cp1252" or text.encoding_of(io.BytesIO(data), encoding) == "cp1252" or data.isascii())

    assert read(data, how) == written


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("wrap", [gz, lambda data: zipped(("stock", data))])
def test_gzip_and_zip_may_be_around_any(kind: str, wrap: Callable[[bytes], bytes]) -> None:
    how, write, first = FORMATS[kind]
    written = [row(line, f"NL-{line}", line, 100) for line in range(first, first + 2000)]

    assert read(wrap(write(written, how, "EUR")), how) == written


GOOD = [row(2, "NL-1001", 5, 1240), row(3, "NL-1002", 0), row(4, "ÆØ-3", 7, 99)]
REPORT = FileReport(source="alpina", file="x", as_of="", verdict=Verdict.APPLIED, kept="")
JUNK = st.sampled_from([b"\0", b"\xff", b'"', b"<", b"&", b"]]>", b"{", b"[" * 40, b"\n", b"=", b"9" * 40, b"E+9"])


WHOLE = {kind: write(GOOD, how, "EUR") for kind, (how, write, _) in FORMATS.items()}


def spoiled(good: bytes, data: st.DataObject) -> bytes:
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(bad)))
        bad[at : at + data.draw(st.integers(0, 6))] = data.draw(JUNK | st.binary(max_size=4))
    return bytes(bad)


def only_invalid_input(data: bytes, how: FeedProfile) -> None:
    with suppress(InvalidInput):
        for each in read(data, how):
            assert isinstance(each, Row | Refusal)
            file_reports.to_text(replace(REPORT, refusals=[each] if isinstance(each, Refusal) else []))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("wrap", [bytes, gz, lambda data: zipped(("stock", data))])
@given(st.data())
def test_a_good_file_that_was_spoiled_gives_rows_or_invalid_input(
    kind: str, wrap: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    only_invalid_input(spoiled(wrap(WHOLE[kind]), data), FORMATS[kind][0])


SHARED = files.with_shared_texts(WHOLE["xlsx"])
PARTS = ("xl/worksheets/sheet1.xml", "xl/texts.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels")


@pytest.mark.parametrize("part", PARTS)
@given(st.data())
def test_a_workbook_that_was_spoiled_inside_gives_rows_or_invalid_input(part: str, data: st.DataObject) -> None:
    only_invalid_input(changed(SHARED, part, lambda body: spoiled(body, data)), files.XLSX)


HEADS = (
    b"",
    b"Item,On hand,Price\n",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"<stock>",
    b"[",
)


@pytest.mark.parametrize("kind", FORMATS)
@given(
    st.sampled_from(HEADS), st.binary(max_size=200) | st.text('A1,;"\n\r\0=E+.-é<>/&[]{}:', max_size=80).map(str.encode)
)
def test_any_bytes_give_rows_or_invalid_input(kind: str, head: bytes, body: bytes) -> None:
    only_invalid_input(head + body, FORMATS[kind][0])


@pytest.mark.parametrize("kind", ["xlsx", "json", "xml"])
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_document_that_is_cut_off_is_refused(kind: str, tenths: int) -> None:
    how, write, _ = FORMATS[kind]
    whole = write([row(0, f"NL-{each}", each, 100) for each in range(300)], how, "EUR")

    with pytest.raises(InvalidInput) as failure:
        read(whole[: len(whole) * tenths // 10], how)

    assert failure.value.code in {"document_not_closed", "container_broken"}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_wrapping_that_is_cut_off_is_refused(kind: str, tenths: int) -> None:
    how, write, _ = FORMATS[kind]
    whole = write([row(0, f"NL-{each}", each, 100) for each in range(300)], how, "EUR")

    for wrapped in (gz(whole), zipped(("stock", whole))):
        with pytest.raises(InvalidInput) as failure:
            read(wrapped[: len(wrapped) * tenths // 10], how)
        assert failure.value.code in {"container_broken", "document_not_closed"}


# ---- the way a file is read


def test_files_compare_only_if_they_are_read_the_same_way() -> None:
    ways = [
        files.DELIMITED,
        replace(files.DELIMITED, delimiter=";"),
        replace(files.DELIMITED, encoding="cp1252"),
        replace(files.DELIMITED, columns={"sku": "Item", "quantity": "Free"}),
        replace(files.DELIMITED, negative="refuse"),
        profile(words={"Call": "unknown"}),
        profile(words={"Call": 0}),
        profile(bounds="lowest"),
        profile(status={"D": "discontinued"}),
        *(how for how, _, _ in FORMATS.values() if how is not files.DELIMITED),
    ]

    fingerprints = [stock_files.fingerprint(how, "EUR") for how in ways] + [stock_files.fingerprint(ways[0], "SEK")]

    assert len(set(fingerprints)) == len(fingerprints)


def test_what_has_no_part_in_reading_does_not_part_files() -> None:
    same = [
        replace(files.DELIMITED, columns=dict(reversed(list(files.DELIMITED.columns.items())))),
        replace(files.DELIMITED, lag=timedelta(hours=1), slack=timedelta(minutes=1), full=False),
        profile(guard={}, volatile=["Text"]),
    ]

    assert {stock_files.fingerprint(how, "EUR") for how in same} == {stock_files.fingerprint(files.DELIMITED, "EUR")}


# ---- the time that a file says

TEN_IN_VIENNA = datetime(2026, 11, 23, 9, tzinfo=UTC)


def taken_at(data: bytes, how: FeedProfile) -> datetime | None:
    return stock_files.taken_at(io.BytesIO(data), how, "Europe/Vienna")


TREE = {"columns": {"sku": "a", "quantity": "b"}}
LINE = {"format": "fixed", "columns": {"sku": "1-4", "quantity": "5-5"}, "heading_line": 1}
IN_CELLS = files.sheet(["as of", datetime(2026, 11, 23, 10)])  # noqa: DTZ001 - as cells are
OF_1904 = changed(IN_CELLS, "xl/workbook.xml", lambda body: body.replace(b"<workbookPr ", b'<workbookPr date1904="1" '))
OF_1904 = changed(OF_1904, "xl/worksheets/sheet1.xml", lambda body: body.replace(b">46349.", b">44887."))


@pytest.mark.parametrize(
    ("data", "settings", "as_of"),
    [
        (
            b"Stock of;23.11.2026 10:00\nItem;On hand;Price\nA;1;1\n",
            {"delimiter": ";", "heading_line": 2},
            {"at": "B1", "format": "%d.%m.%Y %H:%M"},
        ),
        (b"as of 2026-11-23T09:00Z\nItem,On hand\n", {}, {"at": "A1", "format": "as of %Y-%m-%dT%H:%M%z"}),
        (b"Item,On hand,Price,At\nA,1,1,2026-11-23 10:00\n", {}, {"at": "D2"}),
        (b"HDR20261123090000\nA   5\n", LINE, {"at": "1:4-17", "format": "%Y%m%d%H%M%S", "zone": "UTC"}),
        (b'{"d": {"at": "2026-11-23T09:00:00Z", "items": []}}', {"format": "json", "rows": "d.items"}, {"at": "d.at"}),
        (b'{"items": [{}], "at": "2026-11-23T04:00:00.1234567-05:00"}', {"format": "json"}, {"at": "at"}),
        (b'<y date="2026-11-23 10:00"><shop>', TREE | {"format": "xml", "rows": "y/shop"}, {"at": "y/@date"}),
        (
            b"<a><b><at> 2026-11-23T10:00 </at><at>2020-01-01</at></b>",
            TREE | {"format": "xml", "rows": "a/b"},
            {"at": "a/b/at"},
        ),
        (IN_CELLS, {"format": "xlsx"}, {"at": "B1"}),
        (OF_1904, {"format": "xlsx"}, {"at": "B1"}),
        (OF_1904, {"format": "xlsx"}, {"at": "B1", "format": "excel"}),
        (gz(b"2026-11-23T10:00\n"), {}, {"at": "A1"}),
    ],
)
def test_a_file_says_when_it_was_taken(data: bytes, settings: dict[str, object], as_of: dict[str, str]) -> None:
    said = taken_at(data, profile(as_of=as_of, **settings))

    assert said is not None
    assert abs(said - TEN_IN_VIENNA) < timedelta(seconds=1)


def test_a_file_that_says_no_time_is_as_old_as_its_object() -> None:
    assert taken_at(b"Item\n", files.DELIMITED) is None


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (b"Item,On hand\n", {"as_of": {"at": "C1"}}),
        (b"yesterday\n", {"as_of": {"at": "A1"}}),
        (b"2026-11-23\n", {"as_of": {"at": "A7"}}),
        (b'{"at": null}', {"format": "json", "as_of": {"at": "at"}}),
        (b'{"on": 1}', {"format": "json", "as_of": {"at": "at"}}),
        (b"<a/>", {"format": "xml", "rows": "a", "columns": {"sku": "a", "quantity": "b"}, "as_of": {"at": "a/@b"}}),
        (files.sheet(["as of", 3]), {"format": "xlsx", "as_of": {"at": "B1"}}),
    ],
)
def test_a_time_that_should_be_there_and_is_not_is_no_guess(data: bytes, settings: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as failure:
        taken_at(data, profile(**settings))

    assert failure.value.code == "as_of_unreadable"
