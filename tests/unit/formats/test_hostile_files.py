"""Files that are made to hurt: refused with a reason, in bounded time and memory."""

from __future__ import annotations

import io
import os
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest

from shared.domain.profiles import FeedProfile
from shared.errors import InvalidInput
from shared.formats import containers, stock_files
from tests.support import stock_files as files
from tests.support.stock_files import changed, gz, profile, read, row, sheet, with_shared_texts, zipped

MOST_SECONDS = 20
MOST_MEMORY = 48 << 20

LINE = b"NL-1001,5,1.00\n"
HEADING = b"Item,On hand,Price\n"


class Endless(io.RawIOBase):
    """Two gigabytes that are made as they are read."""

    def __init__(self, begins: bytes, goes_on: bytes = b"a", size: int = 2 << 30) -> None:
        self._begins, self._goes_on, self._size, self._at = begins, goes_on, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = max(0, min(len(buffer), self._size - self._at))
        start = self._begins[self._at : self._at + length]
        rest = length - len(start)
        unit = self._goes_on * (rest // len(self._goes_on) + 2)
        shift = max(0, self._at - len(self._begins)) % len(self._goes_on)
        buffer[:length] = start + unit[shift : shift + rest]
        self._at += length
        return length


def code_of(file: io.IOBase | bytes, how: FeedProfile) -> str:
    """How a file is refused; that it is, in time and memory, is asserted here."""
    opened = io.BytesIO(file) if isinstance(file, bytes) else io.BufferedReader(file)  # type: ignore[type-var]
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(InvalidInput) as failure:
            for _ in stock_files.read(opened, how, "EUR"):
                pass
        assert time.process_time() - began < MOST_SECONDS
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    return failure.value.code


XML = profile(format="xml", rows="s/i", columns={"sku": "@no", "quantity": "q"})


@pytest.mark.parametrize(
    ("_case", "file", "how", "code"),
    [
        ("a line of 2 GB", Endless(HEADING), files.DELIMITED, "line_too_long"),
        ("a line of 2 GB, no UTF-8", Endless(HEADING + b"\xff\n"), files.DELIMITED, "line_too_long"),
        ("a line of 2 GB, fixed", Endless(b""), files.FIXED, "line_too_long"),
        ("a line of 2 GB of JSON", Endless(b'{"a": "'), files.NDJSON, "line_too_long"),
        ("2 GB of zero bytes", Endless(HEADING + b"\n" * 5000, b"\0"), files.DELIMITED, "line_too_long"),
        ("a quote over 2 GB", Endless(HEADING + b'A,"', b'x","\n'), files.DELIMITED, "row_too_long"),
        ("an attribute of 2 GB", Endless(b'<s><i no="'), XML, "xml_token_too_long"),
        ("a comment of 2 GB", Endless(b"<s><!--"), XML, "xml_token_too_long"),
        ("a name of 2 GB", Endless(b"<s><i"), XML, "xml_token_too_long"),
        ("a text of 2 GB", Endless(b'<s><i no="A"><q>'), XML, "row_too_long"),
        ("fields without end", Endless(b'<s><i no="A">', b"<q/>"), XML, "row_too_long"),
        ("elements in elements", Endless(b"<s>", b"<a>"), XML, "xml_too_deep"),
        ("texts between elements", Endless(b'<s><i no="A"><q>', b"x<a/>"), XML, "row_too_long"),
        ("doctypes in the beginning", Endless(b"<!DOCTYPE s ", b"<!DOCTYPE s "), XML, "xml_wrong"),
    ],
)
def test_what_never_ends_is_refused(_case: str, file: Endless, how: FeedProfile, code: str) -> None:
    assert code_of(file, how) == code


JSON = profile(format="json", rows="items", columns={"sku": "id", "quantity": "qty"})


@pytest.mark.parametrize(
    ("_case", "begins", "goes_on", "code"),
    [
        ("an element", b'{"items": [{"id": "', b"a", "value_too_long"),
        ("a list in a list", b'{"items": [', b"[", "json_too_deep"),
        ("a list beside", b'{"x": ', b"[", "json_too_deep"),
        ("much beside", b'{"x": [', b"1,", "json_beside"),
        ("a text beside", b'{"x": "', b"a", "json_beside"),
        ("a number beside", b'{"x": ', b"1", "value_too_long"),
        ("objects beside", b'{"x": [', b"{},", "json_beside"),
        ("space", b'{"x": ', b" ", "document_not_closed"),
        ("names", b'{"x": 1', b',"y":1', "json_beside"),
    ],
)
def test_json_that_never_ends_is_refused(_case: str, begins: bytes, goes_on: bytes, code: str) -> None:
    # 64 MB: what is skipped is scanned once for its encoding, and 2 GB of that take their time.
    assert code_of(Endless(begins, goes_on, 64 << 20), JSON) == code


SHEET = "xl/worksheets/sheet1.xml"


MANY_TEXTS = [b"<si><t>%b</t></si>" % os.urandom(15_000).hex().encode() for _ in range(40)]

PACKED: dict[str, tuple[Callable[[], bytes], FeedProfile, str]] = {
    "a gzip bomb": (lambda: gz(HEADING + LINE * 3_000_000), files.DELIMITED, "container_too_large"),
    "a zip bomb": (lambda: zipped(("a", HEADING + LINE * 3_000_000)), files.DELIMITED, "container_too_large"),
    "a workbook bomb": (
        lambda: changed(sheet(), SHEET, lambda _: b"<a>" + b"<!--%b-->" % (b" " * 1_000) * 30_000),
        files.XLSX,
        "container_too_large",
    ),
    "a workbook in a bomb": (
        lambda: gz(zipped(("a", b"0" * 40_000_000), method=zipfile.ZIP_STORED)),
        files.XLSX,
        "container_too_large",
    ),
    "a zip in a zip": (lambda: zipped(("a.zip", zipped(("a", LINE)))), files.DELIMITED, "container_nested"),
    "a gzip in a gzip": (lambda: gz(gz(LINE)), files.DELIMITED, "container_nested"),
    "a zip in a gzip": (lambda: gz(zipped(("a", LINE))), files.DELIMITED, "container_nested"),
    "a gzip of an old workbook": (lambda: gz(containers.OLE + LINE), files.DELIMITED, "workbook_unreadable"),
    "an empty zip": (zipped, files.DELIMITED, "container_members"),
    "two members": (lambda: zipped(("a", LINE), ("b", LINE)), files.DELIMITED, "container_members"),
    "a path": (lambda: zipped(("in/a.csv", LINE)), files.DELIMITED, "container_path"),
    "a path up": (lambda: zipped(("../../etc/passwd", LINE)), files.DELIMITED, "container_path"),
    "a path of Windows": (lambda: zipped(("C:\\x.csv", LINE)), files.DELIMITED, "container_path"),
    "another packing": (lambda: zipped(("a", LINE), method=zipfile.ZIP_LZMA), files.DELIMITED, "container_method"),
    "many members": (
        lambda: zipped(*[(f"{at}", b"") for at in range(3_000)]),
        files.DELIMITED,
        "container_too_many",
    ),
    "many texts": (
        lambda: changed(
            with_shared_texts(sheet(["A"])), "xl/texts.xml", lambda _: b"<sst>" + b"".join(MANY_TEXTS) * 30
        ),
        files.XLSX,
        "workbook_large",
    ),
}


@pytest.mark.parametrize("case", PACKED)
def test_what_is_packed_to_hurt_is_refused(case: str) -> None:
    make, how, code = PACKED[case]

    assert code_of(make(), how) == code


def test_an_encrypted_member_is_told() -> None:
    data = bytearray(zipped(("a", LINE)))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1

    assert code_of(bytes(data), files.DELIMITED) == "container_encrypted"


@pytest.mark.parametrize(
    ("_case", "at", "value", "code"),
    [
        ("packed size", 20, 1 << 31, "container_broken"),
        ("unpacked size", 24, 10, "container_broken"),
    ],
)
def test_what_a_zip_claims_of_its_member_is_not_believed(_case: str, at: int, value: int, code: str) -> None:
    data = bytearray(zipped(("a", HEADING + LINE * 400_000)))
    struct.pack_into("<L", data, data.index(b"PK\x01\x02") + at, value)

    assert code_of(bytes(data), files.DELIMITED) == code


def test_a_zip_whose_checksum_is_wrong_is_refused() -> None:
    data = bytearray(zipped(("a", HEADING + LINE)))
    struct.pack_into("<L", data, data.index(b"PK\x01\x02") + 16, 7)

    assert code_of(bytes(data), files.DELIMITED) == "container_broken"


def test_a_large_directory_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = zipped(*[(f"{at:0200}", b"") for at in range(5_000)])
    monkeypatch.setattr(containers, "zipfile", None)

    assert code_of(data, files.DELIMITED) == "container_too_many"


def test_what_comes_out_has_a_most_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MOST_BYTES", 1_000)

    assert code_of(gz(HEADING + LINE * 80), files.DELIMITED) == "container_too_large"
    assert len(read(gz(HEADING + LINE * 60))) == 60


def test_a_small_file_that_packs_well_is_no_bomb() -> None:
    assert len(read(gz(HEADING + LINE * 60_000))) == 60_000


def test_a_gzip_that_does_not_check_is_refused() -> None:
    whole = gz(HEADING + LINE * 100)

    for spoiled in (whole[:-1] + b"x", whole + b"trailing", whole[:20] + b"\0\0\0" + whole[23:]):
        assert code_of(spoiled, files.DELIMITED) == "container_broken"


def test_gzip_may_have_several_parts() -> None:
    assert read(gz(HEADING) + gz(LINE) + gz(LINE)) == [row(2, "NL-1001", 5, 100), row(3, "NL-1001", 5, 100)]


@pytest.mark.parametrize("size", [1, 3, 70_000])
def test_a_stream_cut_into_any_pieces_is_the_same_file(size: int) -> None:
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress((HEADING + LINE * 9_000)[at : at + size]) for at in range(0, 135_019, size)]

    assert len(read(b"".join([*pieces, packer.flush()]))) == 9_000
