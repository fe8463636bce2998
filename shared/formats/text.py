"""Bytes -> text and lines: which encoding they have, decoded strictly, every line bounded."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from shared.errors import InvalidInput

LONGEST_LINE = 65_536
HEAD = 4096
CHUNK = LONGEST_LINE
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def encoding_of(file: BinaryIO, declared: str, *, in_lines: bool = True) -> str:
    """Say how a file's text is encoded: byte-order mark, else zero bytes, else UTF-8 throughout, else as declared.

    UTF-8 is checked over the whole file: one letter in the last row otherwise breaks a half-read feed. With
    `in_lines` a file that is one endless line is refused on the way.
    """
    file.seek(0)
    head = file.read(HEAD)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    half = len(head) // 2
    if head[1::2].count(0) * 2 > half:
        return "utf-16-le"
    if head[0::2].count(0) * 2 > half:
        return "utf-16-be"
    if _is_utf8(file, in_lines=in_lines):
        return "utf-8"
    return {"utf-8": "cp1252", "utf-16": "utf-16-le"}.get(declared, declared)


@contextmanager
def decoded(file: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Open a file as text from its first byte, line ends as they are; it stays open after."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield text
    except UnicodeDecodeError as error:
        raise InvalidInput("the text cannot be decoded", code="encoding_wrong", encoding=encoding) from error
    finally:
        text.detach()


def lines(text: io.TextIOWrapper) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers and their ends. Raises InvalidInput for a long one and for a zero byte."""
    number = 0
    while line := text.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise InvalidInput("a line is too long", code="line_too_long", line=number, most=LONGEST_LINE)
        if "\0" in line:
            raise InvalidInput("the text has a zero byte", code="nul_byte", line=number)
        yield number, line


def _is_utf8(file: BinaryIO, *, in_lines: bool) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK):
            if in_lines and len(chunk) == CHUNK and b"\n" not in chunk:
                line = _lines_before(file, file.tell() - CHUNK) + 1
                raise InvalidInput("a line is too long", code="line_too_long", line=line, most=LONGEST_LINE)
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines_before(file: BinaryIO, end: int) -> int:
    file.seek(0)
    return sum(file.read(min(CHUNK, end - at)).count(b"\n") for at in range(0, end, CHUNK))
