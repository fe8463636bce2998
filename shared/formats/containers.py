"""What a file is wrapped in: gzip, or zip with one member, undone as it is read.

What comes out is bounded, absolutely and against what went in, and counted as it is read: what an archive says of
its sizes is not believed, and no name in it is ever used as a path.
"""

from __future__ import annotations

import gzip
import io
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from shared.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
OLE = b"\xd0\xcf\x11\xe0"

MOST_BYTES = 1 << 30
MOST_RATIO = 200
ALWAYS_ALLOWED = 1 << 20
"""Bytes that may come out of anything: a few repeated lines can shrink a thousandfold."""
MOST_PARTS = 2_000
MOST_DIRECTORY = 1 << 20
KEPT_IN_MEMORY = 8 << 20
CHUNK = 1 << 16

_ENDS = struct.Struct("<4s4H2LH")
_ENDS_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_LONGEST_COMMENT = 65_535
_ENCRYPTED = 1
_IN_64 = 0xFFFFFFFF
"""A size that does not fit, and stands in the larger record before."""
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)


@contextmanager
def unwrapped(file: BinaryIO, *, is_workbook: bool) -> Iterator[BinaryIO]:
    """Open what is in a file: itself, or what gzip or zip hold. A workbook, which is a zip, is left whole.

    Raises InvalidInput, then or on any read after: for what is broken, wrapped twice, or not one member.
    """
    head = _head(file)
    with ExitStack() as stack:
        if head.startswith(GZIP):
            inner = stack.enter_context(_bounded(lambda: _gunzipped(file), _size(file)))
        elif head.startswith((ZIP, EMPTY_ZIP)) and not (is_workbook and _is_workbook(file)):
            inner = stack.enter_context(_only_member(stack.enter_context(archive(file))))
        else:
            _refuse_ole(head)
            yield file
            return
        _check_inner(_head(inner), is_workbook=is_workbook)
        yield stack.enter_context(_copied(inner)) if is_workbook else inner


@contextmanager
def archive(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open a zip, whose directory is bounded before it is read."""
    _check_directory(file)
    try:
        opened = zipfile.ZipFile(file)
    except _BROKEN as error:
        raise InvalidInput("the zip is broken or cut off", code="container_broken") from error
    with opened:
        if len(opened.infolist()) > MOST_PARTS:
            raise InvalidInput("a zip has too many members", code="container_too_many", most=MOST_PARTS)
        yield opened


@contextmanager
def part(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """Open one member, bounded."""
    if info.flag_bits & _ENCRYPTED:
        raise InvalidInput("a member of the zip is encrypted", code="container_encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidInput("a member of the zip is packed in a way that is not read", code="container_method")
    # A directory that claims more than there is, to be allowed more, is found to overlap and refused on opening.
    with _bounded(lambda: cast("BinaryIO", opened.open(info)), info.compress_size) as member:
        yield member


class _Bounded(io.RawIOBase):
    """Bytes that are unpacked as they are read, counted; only going back to the start is possible."""

    def __init__(self, opening: Callable[[], BinaryIO], packed: int) -> None:
        self._opening = opening
        self._most = min(MOST_BYTES, max(ALWAYS_ALLOWED, packed * MOST_RATIO))
        self._start()

    def _start(self) -> None:
        self._count = 0
        with _told():
            self._file = self._opening()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if (offset, whence) == (0, os.SEEK_CUR):
            return self._count
        if (offset, whence) != (0, os.SEEK_SET):
            raise ValueError("only the start can be sought")
        self._file.close()
        self._start()
        return 0

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        with _told():
            data = self._file.read(len(view))
        self._count += len(data)
        if self._count > self._most:
            raise InvalidInput("what was packed is too large", code="container_too_large", most=self._most)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise InvalidInput("what is packed is broken or cut off", code="container_broken") from error


@contextmanager
def _bounded(opening: Callable[[], BinaryIO], packed: int) -> Iterator[BinaryIO]:
    with io.BufferedReader(_Bounded(opening, packed), CHUNK) as reader:
        yield reader


def _gunzipped(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=file))


@contextmanager
def _only_member(opened: zipfile.ZipFile) -> Iterator[BinaryIO]:
    members = opened.infolist()
    if len(members) != 1:
        names = [member.filename[:40] for member in members[:10]]
        raise InvalidInput("a zip must have one member", code="container_members", found=names)
    name = members[0].filename
    if "/" in name or "\\" in name or ":" in name:
        raise InvalidInput("the name in a zip has a path", code="container_path", found=name[:40])
    with part(opened, members[0]) as member:
        yield member


def _is_workbook(file: BinaryIO) -> bool:
    with archive(file) as opened:
        return "[Content_Types].xml" in opened.namelist()


def _check_inner(head: bytes, *, is_workbook: bool) -> None:
    _refuse_ole(head)
    if head.startswith(GZIP) or (head.startswith((ZIP, EMPTY_ZIP)) and not is_workbook):
        raise InvalidInput("what was packed is packed again", code="container_nested")


def _refuse_ole(head: bytes) -> None:
    if head.startswith(OLE):
        told = "an encrypted workbook, or one of the old kind (.xls)"
        raise InvalidInput(told, code="workbook_unreadable")


@contextmanager
def _copied(file: BinaryIO) -> Iterator[BinaryIO]:
    """Unpack for a reader that goes back and forth."""
    with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY) as copy:
        while chunk := file.read(CHUNK):
            copy.write(chunk)
        yield cast("BinaryIO", copy)


def _check_directory(file: BinaryIO) -> None:
    """Refuse a large directory: `zipfile` reads it whole, and believes the size that its end tells."""
    size = _size(file)
    file.seek(max(0, size - _LONGEST_COMMENT - _ENDS.size - _LOCATOR_64.size - _ENDS_64.size))
    tail = file.read()
    at = tail.rfind(EMPTY_ZIP)
    if at < 0 or len(tail) - at < _ENDS.size:
        raise InvalidInput("the zip is broken or cut off", code="container_broken")
    length = _ENDS.unpack_from(tail, at)[5]
    locator = at - _LOCATOR_64.size
    if locator - _ENDS_64.size >= 0 and tail.startswith(b"PK\x06\x07", locator):
        length = max(length if length < _IN_64 else 0, _ENDS_64.unpack_from(tail, locator - _ENDS_64.size)[8])
    if length > MOST_DIRECTORY:
        raise InvalidInput("a zip has too many members", code="container_too_many", most=MOST_PARTS)


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return head
