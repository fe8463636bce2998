"""Foreign files that are trees, JSON and XML: where in them the rows are, and every path that a row has."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from cli.feed_samples import MOST_COLUMNS, MOST_ROWS, Beside, Cell, Choice, Heading, Sample
from shared.domain.numerals import Number
from shared.domain.profiles import Column
from shared.errors import InvalidInput
from shared.formats import text, xml_stream
from shared.formats.stock_rows import told

MOST_WAYS = 5
MOST_NODES = 50_000
DEEPEST = 64

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_IN_A_PATH = re.compile(r"[^.\[\]]+")
_NAMED = re.compile(r"[^\[\]=/]+")

Values = dict[Column, list[str]]
"""Path in a row -> what stands there, once or several times."""


# ---- JSON


def of_json(head: bytes, *, is_all: bool) -> Iterator[Sample]:
    """Yield every way to read a document: an object a line, or one of the lists in it."""
    file = io.BytesIO(head)
    encoding = text.encoding_of(file, "", in_lines=False)
    with text.decoded(file, encoding or "cp1252") as opened:
        document = opened.read()
    if "\0" in document:
        raise InvalidInput("the text has a zero byte", code="nul_byte")
    lines = [line for line in document.split("\n") if line.strip()]
    if lines and lines[0].lstrip().startswith("{") and lines[0].rstrip().endswith("}"):
        rows = [row for row in (_decoded(line) for line in lines[:MOST_ROWS]) if isinstance(row, dict)]
        if 2 * len(rows) > min(len(lines), MOST_ROWS):
            told_ = f"{len(rows)} lines are an object each"
            yield _of_rows((Choice(setting="format", value="ndjson", why=told_),), map(_of_value, rows), ())
    value = _decoded(document, is_cut=not is_all)
    for way, found, beside in sorted(_lists(value), key=lambda each: -len(each[1]))[:MOST_WAYS]:
        choices = [Choice(setting="format", value="json", why="one JSON document")]
        if way:
            choices.append(Choice(setting="rows", value=way, why=f"a list of {len(found)} objects"))
        yield _of_rows(tuple(choices), map(_of_value, found[:MOST_ROWS]), beside)


def _decoded(document: str, *, is_cut: bool = False) -> Any:  # noqa: ANN401 - what a value of JSON is
    """Read a document, or what is whole of it; None where nothing is."""
    if not is_cut:
        try:
            return json.loads(document, parse_int=Number, parse_float=Number)
        except RecursionError as error:
            raise InvalidInput("values are nested too deep", code="json_too_deep") from error
        except ValueError:
            pass
    try:
        return json.loads(_closed(document), parse_int=Number, parse_float=Number)
    except (ValueError, RecursionError):
        return None


def _closed(document: str) -> str:
    """Close a document that is cut off, behind the last whole element of a list."""
    open_, end, closing = [], 0, ""
    for token in _TOKEN.finditer(document):
        mark = token[0]
        if mark in "[{":
            open_.append("]" if mark == "[" else "}")
            if len(open_) > DEEPEST:
                raise InvalidInput("values are nested too deep", code="json_too_deep", most=DEEPEST)
        elif mark in "]}":
            if not open_ or open_.pop() != mark:
                break
            if open_ and open_[-1] == "]":
                end, closing = token.end(), "".join(reversed(open_))
    return document[:end] + closing


def _lists(value: object) -> Iterator[tuple[str, list[Any], tuple[Beside, ...]]]:
    """Yield the lists of objects, or of lists, that names lead to, with the texts on the way."""
    waiting: list[tuple[str, object, tuple[Beside, ...]]] = [("", value, ())]
    while waiting:
        way, at, beside = waiting.pop()
        if isinstance(at, list):
            rows = [each for each in at if isinstance(each, dict | list)]
            if rows:
                yield way, rows, beside
        elif isinstance(at, dict):
            inner = {f"{way}.{name}" if way else name: each for name, each in at.items() if _IN_A_PATH.fullmatch(name)}
            beside += tuple(Beside(path, each, path) for path, each in inner.items() if isinstance(each, str))
            waiting += [(path, each, beside[:MOST_COLUMNS]) for path, each in inner.items()]


def _of_value(row: object) -> Values:
    found: Values = {}
    if isinstance(row, list):
        for at, each in enumerate(row, 1):
            if not isinstance(each, dict | list):
                found[at] = [_scalar(each)]
    else:
        _walk(row, "", found, is_in_list=False)
    return found


def _walk(value: object, way: str, found: Values, *, is_in_list: bool) -> None:
    if isinstance(value, dict):
        for name, each in value.items():
            if _IN_A_PATH.fullmatch(name):
                _walk(each, f"{way}.{name}" if way else name, found, is_in_list=is_in_list)
    elif isinstance(value, list):
        for each in value if not is_in_list and way else ():
            _walk(each, f"{way}[]", found, is_in_list=True)
    else:
        found.setdefault(way, []).append(_scalar(value))


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""


# ---- XML


@dataclass(slots=True)
class _Node:
    name: str
    attributes: Mapping[str, str]
    texts: list[str] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()

    def by_name(self) -> dict[str, list[_Node]]:
        """Sort the children by name."""
        found: dict[str, list[_Node]] = {}
        for child in self.children:
            found.setdefault(child.name, []).append(child)
        return found


class _Enough(Exception):
    """As much of a document is read as is looked at."""


def of_xml(head: bytes) -> Iterator[Sample]:
    """Yield every way to read a document: the elements of one name below one other."""
    root = _tree(head)
    if root is None:
        raise InvalidInput("the document is not closed", code="document_not_closed")
    for way, nodes, beside in sorted(_repeated(root), key=lambda each: -len(each[1]))[:MOST_WAYS]:
        why = f"{len(nodes)} elements of this name"
        rows_ = Choice(setting="rows", value=way, why=why, is_sure=len(nodes) > 1)
        choices = (Choice(setting="format", value="xml", why="a document of XML"), rows_)
        rows = [_of_node(node) for node in nodes[:MOST_ROWS]]
        several = {path for row in rows for path, values in row.items() if len(values) > 1}
        yield _of_rows(choices, ({_several(path, several): each for path, each in row.items()} for row in rows), beside)


class _Tree:
    """Keeps the beginning of a document."""

    def __init__(self) -> None:
        self.root = _Node("", {})
        self._way = [self.root]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_NODES:
            raise _Enough
        if len(self._way) > DEEPEST:
            raise InvalidInput("elements are nested too deep", code="xml_too_deep", most=DEEPEST)
        node = _Node(xml_stream.local(name), attributes)
        self._way[-1].children.append(node)
        self._way.append(node)

    def end(self, _name: str) -> None:
        self._way.pop()

    def characters(self, data: str) -> None:
        self._way[-1].texts.append(data)

    def break_off(self) -> None:
        """Take away the last row of a document that is not read to its end: it is not whole."""
        for parent, last in pairwise(self._way):
            if sum(child.name == last.name for child in parent.children) > 1:
                parent.children.pop()
                break


def _tree(head: bytes) -> _Node | None:
    tree, nothing = _Tree(), list[object]()
    parser = xml_stream.parser(tree.start, tree.end, tree.characters)
    try:
        list(xml_stream.parsed(io.BytesIO(head), parser, nothing))
    except _Enough:
        tree.break_off()
    except InvalidInput as failure:
        if failure.code != "document_not_closed":
            raise
        tree.break_off()
    return tree.root.children[0] if tree.root.children else None


def _repeated(root: _Node) -> Iterator[tuple[str, list[_Node], tuple[Beside, ...]]]:
    """Yield elements of one name below one that is alone, with the texts of those on the way."""
    waiting: list[tuple[str, _Node, tuple[Beside, ...]]] = [(root.name, root, ())]
    while waiting:
        way, node, beside = waiting.pop()
        beside += tuple(Beside(f"{way}/@{name}", each, name) for name, each in node.attributes.items())
        for name, nodes in node.by_name().items():
            (first, *others), path = nodes, f"{way}/{name}"
            if others or len(first.children) + len(first.attributes) > 1:
                yield path, nodes, beside
            if not others:
                beside += (Beside(path, first.text, name),) if first.text and not first.children else ()
                waiting.append((path, first, beside))


def _of_node(row: _Node) -> Values:
    found: Values = {}
    waiting: list[tuple[str, _Node]] = [("", row)]
    while waiting:
        way, node = waiting.pop(0)
        for name, each in node.attributes.items():
            found.setdefault(f"{way}/@{name}" if way else f"@{name}", []).append(each)
        if not node.children:
            found.setdefault(way or ".", []).append(node.text)
        for name, nodes in node.by_name().items():
            path = f"{way}/{name}" if way else name
            chosen = _chosen(nodes)
            if chosen:
                found.update({f"{path}[name={key}]": [value] for key, value in chosen.items()})
            else:
                waiting += [(path, each) for each in nodes]
    return found


def _chosen(nodes: Sequence[_Node]) -> dict[str, str]:
    """Return the texts of elements that an attribute `name` tells apart; nothing where none does."""
    names = [node.attributes.get("name", "") for node in nodes]
    are_told = len(nodes) > 1 and len(set(names)) == len(names) and all(_NAMED.fullmatch(name) for name in names)
    return {name: node.text for name, node in zip(names, nodes, strict=True)} if are_told else {}


def _several(path: Column, several: set[Column]) -> Column:
    if path not in several:
        return path
    element, slash, attribute = str(path).rpartition("/@")
    return f"{element}[]/@{attribute}" if slash else f"{path}[]"


# ---- both


def _of_rows(choices: tuple[Choice, ...], rows: Iterable[Values], beside: tuple[Beside, ...]) -> Sample:
    read = list(rows)
    paths = list(islice(dict.fromkeys(path for row in read for path in row), MOST_COLUMNS))
    return Sample(
        choices=choices,
        columns=tuple(Heading(path, "" if isinstance(path, int) else path) for path in paths),
        rows=tuple(tuple(_cell(row.get(path, [])) for path in paths) for row in read),
        beside=tuple(Beside(at, told_, label) for at, told_, label in beside if told(told_)),
    )


def _cell(values: list[str]) -> Cell:
    return values[0] if len(values) == 1 else tuple(values)
