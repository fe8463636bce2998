"""`rules.yaml` and `rates.yaml` beside it, which are one document: every mistake in them with its line.

The rules' own reader stops at its first mistake. To see the others, a wrong value of a copy is replaced by one that
the reader accepts, and the copy is read again.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.mistakes import Mistake, WrongFile, read_text
from shared.domain import rules
from shared.domain.names import name
from shared.domain.rules import RATE_MISSING, Rules
from shared.errors import InvalidInput
from shared.storage.config import MOST_BYTES, serialised

ROOT = "rules"
RATES = "rates.yaml"
MOST_MISTAKES = 100
ABSENT = object()
STAND_INS: tuple[object, ...] = (ABSENT, "UTC", 1, 0, True, {}, [])
"""What some rule accepts: `UTC` is a text, a zone, and three letters as a currency has."""

PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}


@dataclass(frozen=True, slots=True)
class RulesFile:
    """What the file says, as plain values and as rules; `rules` is None when there are mistakes."""

    document: Any
    rules: Rules | None
    mistakes: tuple[Mistake, ...]

    def names(self, section: str) -> set[str] | None:
        """Return what a section names, whether its rules are right or not; None when it cannot be read."""
        found = self.document.get(section) if isinstance(self.document, dict) else None
        return {str(name) for name in found} if isinstance(found, dict) else None


def read(file: Path) -> RulesFile:
    """Read the file, and the rates beside it if there are any, with all mistakes."""
    try:
        written = _load(file)
    except WrongFile as wrong:
        return RulesFile(None, None, wrong.mistakes)
    document, found = written.document, list(written.odd)
    rates = None
    if isinstance(document, dict):
        if "rates" in document:
            found.append(Mistake(file, line_of(written.root, f"{ROOT}.rates"), f"rates stand in {RATES} beside it"))
            del document["rates"]
        try:
            rates = _load(file.with_name(RATES)) if file.with_name(RATES).exists() else None
        except WrongFile as wrong:
            found += wrong.mistakes
    if rates:
        document["rates"] = {} if rates.document is None else rates.document
        found += rates.odd
    odd = {(mistake.file, mistake.line) for mistake in found}
    for path, failure in failures(document):
        mistake = _mistake(written, rates, path, failure)
        if (mistake.file, mistake.line) not in odd and not (odd and failure.code == RATE_MISSING):
            found.append(mistake)
    if not found:
        try:
            serialised(document)
        except InvalidInput as failure:
            found.append(Mistake(file, 0, str(failure)))
    found.sort(key=lambda mistake: (mistake.file != file, mistake.line))
    return RulesFile(document, None if found else rules.parse(document), tuple(found))


@dataclass(frozen=True, slots=True)
class _Written:
    """A file as YAML reads it, and what is odd about that."""

    file: Path
    root: yaml.Node | None
    document: Any
    odd: tuple[Mistake, ...]


def _load(file: Path) -> _Written:
    text = read_text(file)
    if len(text) > MOST_BYTES:
        told = f"{len(text)} characters, more than {MOST_BYTES}: facts per SKU go into csv files"
        raise WrongFile([Mistake(file, 0, told)])
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WrongFile([_not_yaml(file, error)]) from error
    return _Written(file, root, document, tuple(Mistake(file, line, told) for line, told in _odd(root)))


def _mistake(written: _Written, rates: _Written | None, path: str, failure: InvalidInput) -> Mistake:
    """Tell a failure by the file in which its place stands."""
    inner = path.removeprefix(f"{ROOT}.rates")
    if rates and inner != path and inner[:1] in {"", "."}:
        return Mistake(rates.file, line_of(rates.root, f"{ROOT}{inner}"), _told(f"rates{inner}", failure))
    return Mistake(written.file, line_of(written.root, path), _told(path, failure))


def failures(document: object) -> list[tuple[str, InvalidInput]]:
    """Return what the rules' reader refuses in a document and where: one failure per mistake.

    Names that are no text are left to who knows how YAML came to them. That a currency has no rate follows from other
    settings, so it is told when those are right.
    """
    probe = copy.deepcopy(document)
    found: list[tuple[str, InvalidInput]] = []
    replaced: list[str] = []
    failure = _failure(probe)
    while failure and len(replaced) < MOST_MISTAKES:
        path = _place(probe, failure)
        if failure.code == RATE_MISSING:
            return found or [(path, failure)]
        if not any(f"{path}.".startswith(f"{each}.") for each in replaced) and failure.code != "name_not_text":
            found.append((path, failure))
        replaced.append(_scope(path))
        failure = _with_stand_in(probe, path, failure)
    return found


def line_of(root: yaml.Node | None, path: str) -> int:
    """Return the line where a path such as `rules.sources.alpina.feed` stands, else the nearest above it."""
    return _line(root, path.removeprefix(ROOT).removeprefix("."), 1)


def _line(node: yaml.Node | None, rest: str, line: int) -> int:
    if not rest:
        return line
    if isinstance(node, yaml.MappingNode):
        for key, value in sorted(node.value, key=lambda pair: -len(str(pair[0].value))):  # a name may have a dot
            if rest == key.value or rest.startswith(f"{key.value}."):
                return _line(value, rest[len(key.value) + 1 :], key.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        at, _, rest = rest.partition(".")
        if at.isdigit() and int(at) < len(node.value):
            return _line(node.value[int(at)], rest, node.value[int(at)].start_mark.line + 1)
    return line


def _failure(document: object) -> InvalidInput | None:
    try:
        rules.parse(document)
    except InvalidInput as failure:
        return failure
    return None


def _with_stand_in(probe: object, path: str, failure: InvalidInput) -> InvalidInput | None:
    """Put something right at a path; return what the reader refuses then. What nothing suits is left out whole."""
    held = _held(probe, path.removeprefix(ROOT).removeprefix("."))
    quoted = re.findall(r"'([^']*)'", str(failure.details.get("allowed", "")))
    while held:
        into, key = held.pop()
        was = into.get(key, ABSENT) if isinstance(into, dict) else into[key]
        for stand_in in (*STAND_INS, *quoted):
            _put(into, key, stand_in.copy() if isinstance(stand_in, dict | list) else stand_in)
            after = _failure(probe)
            if after is None or after.code == RATE_MISSING:
                return after
            place = _place(probe, after)
            if place.startswith(f"{path}.") or not f"{place}.".startswith(f"{_scope(path)}."):
                return after
        _put(into, key, was)
    return None


def _place(document: object, failure: InvalidInput) -> str:
    """Say where a failure stands; of a name that may not be, the reader tells only the table."""
    if "at" in failure.details:
        return str(failure.details["at"])
    path = str(failure.details.get("what", ROOT))
    held = _held(document, path.removeprefix(ROOT).removeprefix("."))
    for key in held[-1][0].get(held[-1][1], ()) if held else ():
        try:
            name(key, path)
        except InvalidInput:
            return f"{path}.{key}"
    return path


def _scope(path: str) -> str:
    """Return the path itself, or the list that it is in: rows of a list are judged by one another."""
    return re.split(r"\.[0-9]+(?:\.|$)", path, maxsplit=1)[0]


def _held(value: object, rest: str) -> list[tuple[Any, Any]]:
    """Follow a path: the tables and lists on it, each with the key or place that leads on."""
    found: list[tuple[Any, Any]] = []
    while rest:
        if isinstance(value, dict):
            names = [key for key in value if f"{rest}.".startswith(f"{key}.")]
            key = max(names, key=lambda each: len(str(each))) if names else rest
            found.append((value, key))
            value, rest = value.get(key), rest[len(str(key)) + 1 :]
        elif isinstance(value, list):
            at, _, rest = rest.partition(".")
            found.append((value, int(at)))
            value = value[int(at)]
        else:
            break
    return found


def _put(into: Any, key: Any, value: object) -> None:  # noqa: ANN401 - a table by names or a list by places
    if value is not ABSENT:
        into[key] = value
    elif isinstance(into, dict):
        into.pop(key, None)


def _odd(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Find what YAML takes silently: a key given twice, and values that are no text, number or truth value."""
    waiting, seen = [root] if root else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.tag not in PLAIN or str(node.value).lower() in {".nan", ".inf", "-.inf", "+.inf"}:
            kind = node.tag.rpartition(":")[2]
            yield node.start_mark.line + 1, f"YAML reads this as a {kind}; put it in quotes if it is a text"
        if isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.value in first:
                    yield line, f"{key.value!r} is there twice, first on line {first[key.value]}; keep one"
                elif not key.tag.endswith((":str", ":merge")):
                    kind = key.tag.rpartition(":")[2]
                    yield line, f"YAML reads the name {key.value!r} as a {kind}; put it in quotes"
                first.setdefault(str(key.value), line)
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _told(path: str, failure: InvalidInput) -> str:
    value, allowed = failure.details.get("value"), failure.details.get("allowed")
    told = f"{path}: {failure.message}" + (f": {value}" if value is not None else "")
    return told + (f"; allowed: {allowed}" if allowed else "")


def _not_yaml(file: Path, error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return Mistake(file, mark.line + 1 if mark else 0, f"not YAML: {problem}")
