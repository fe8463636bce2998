"""XML from untrusted hands, read as it streams: no entities, no DTD, bounded depth and bounded tokens.

expat before 2.6 scans an unfinished token anew with every chunk, so that one of 50 MB takes a minute: a token that
stays unfinished for long is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, NoReturn, TypeVar
from xml.parsers import expat

from shared.domain.profiles import ENCODINGS
from shared.errors import InvalidInput

T = TypeVar("T")

CHUNK = 1 << 16
DEEPEST = 64
LONGEST_TOKEN = 1 << 20

_KNOWN_ENCODINGS = frozenset(ENCODINGS) | {f"windows-125{page}" for page in range(9)} | {"us-ascii", "ascii", "latin1"}
_CUT_OFF = frozenset(
    {
        expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
        expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    }
)

_DOCTYPES = [("<!DOCTYPE".encode(encoding), " ".encode(encoding)) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]

Start = Callable[[str, dict[str, str]], None]


def parser(
    start: Start, end: Callable[[str], None], characters: Callable[[str], None], encoding: str | None = None
) -> expat.XMLParserType:
    """Make a parser that calls back, and refuses any document type. `encoding` overrides what the file declares."""
    made = expat.ParserCreate(encoding)
    made.buffer_text = True
    made.StartElementHandler = start
    made.EndElementHandler = end
    made.CharacterDataHandler = characters
    made.StartDoctypeDeclHandler = _refuse_doctype
    made.XmlDeclHandler = _check_encoding
    return made


def parsed(file: BinaryIO, using: expat.XMLParserType, found: list[T]) -> Iterator[T]:
    """Feed a file to a parser; yield what its handlers find, as they find it."""
    fed = 0
    for chunk in _chunks(file):
        _feed(using, chunk, is_last=False)
        fed += len(chunk)
        if fed - using.CurrentByteIndex > LONGEST_TOKEN:
            raise InvalidInput("a tag or comment is too long", code="xml_token_too_long", most=LONGEST_TOKEN)
        yield from found
        found.clear()
    _feed(using, b"", is_last=True)
    yield from found


def local(name: str) -> str:
    """Take the prefix off a name: which one a document uses is its own affair."""
    return name.rpartition(":")[2]


def _feed(using: expat.XMLParserType, data: bytes, *, is_last: bool) -> None:
    try:
        using.Parse(data, is_last)
    except expat.ExpatError as error:
        where = {"line": error.lineno, "column": error.offset + 1}
        if is_last and error.code in _CUT_OFF:
            raise InvalidInput("the document is not closed", code="document_not_closed", **where) from error
        problem = expat.ErrorString(error.code)
        raise InvalidInput("this is no XML", code="xml_wrong", problem=problem, **where) from error


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file, with a document type that only names a DTD blanked out.

    Many feeds name one. It is never loaded; and without it a reference to an entity, which expat else drops from
    attributes without a word, is an error.
    """
    file.seek(0)
    head = file.read(CHUNK)
    yield _without_doctype(head)
    while chunk := file.read(CHUNK):
        yield chunk


class _FirstTag(Exception):
    """The document type, if there is one, lies behind."""


def _without_doctype(head: bytes) -> bytes:
    ends: list[int] = []

    def doctype(_name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if has_subset:
            _refuse_doctype()

    def first_tag(_name: str, _attributes: dict[str, str]) -> NoReturn:
        raise _FirstTag

    prolog = expat.ParserCreate()
    prolog.XmlDeclHandler = _check_encoding
    prolog.StartDoctypeDeclHandler = doctype
    prolog.EndDoctypeDeclHandler = lambda: ends.append(prolog.CurrentByteIndex)
    prolog.StartElementHandler = first_tag
    # what is wrong is told by the parser that reads on
    with suppress(_FirstTag, expat.ExpatError):
        prolog.Parse(head, False)  # noqa: FBT003 - expat takes it by place
    for end in ends:
        for mark, space in _DOCTYPES:
            begins = head.rfind(mark, 0, end)
            if begins >= 0:
                length = (end - begins) // len(space) + 1
                return head[:begins] + space * length + head[begins + length * len(space) :]
    return head


def _refuse_doctype(*_: object) -> NoReturn:
    raise InvalidInput("a document that defines its own entities is not read", code="xml_doctype")


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding and encoding.lower() not in _KNOWN_ENCODINGS:
        raise InvalidInput("an encoding that is not read", code="encoding_unknown", encoding=encoding[:40])
