"""Foreign files that are tables: delimited text, workbooks, lines of fixed width; where their rows begin and end."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from statistics import median
from typing import BinaryIO

from cli.feed_names import points
from cli.feed_samples import MOST_COLUMNS, MOST_ROWS, Beside, Choice, Heading, Sample
from cli.feed_values import is_bound, is_number, is_whole
from shared.domain.profiles import Column
from shared.errors import InvalidInput
from shared.formats import delimited, text, xlsx
from shared.formats.tables import Record

DELIMITERS = (";", "\t", "|", ",")
HEADING_WITHIN = 30
NEARLY_FULL = 0.8
MOST_SHEETS = 5
LEAST_LINES = 3
MOST_HEADER_LINES = 3
LONGEST_FIXED = 1_000

_CLOSES = re.compile(r"(?i)(total|totals|trl|trailer|eof|end|summe|gesamt|sum|suma|count|records|footer)(?![a-z])")
_REMARK = re.compile(r"([#*=/]+|--+)")
_LEADS = re.compile(r"[^\W\d_]+")
_TIME_IN_LINE = re.compile(r"(?<![0-9])20[0-9]{12}(?![0-9])|(?<![0-9])20[0-9]{6}(?![0-9])")


# ---- text


def of_text(head: bytes, *, is_all: bool) -> Iterator[Sample | InvalidInput]:
    """Yield every way to read text as a table; InvalidInput for a way that fails."""
    file = io.BytesIO(head)
    encoding, told = _encoding(file)
    for delimiter in DELIMITERS:
        try:
            with text.decoded(file, encoding) as opened:
                records = list(islice(delimited.records(opened, delimiter, 1), MOST_ROWS))
        except InvalidInput as failure:
            yield failure
            continue
        wide = [cells for _, cells in records if len(cells) > 1]
        if 2 * len(wide) >= len(records) > 0:
            why = f"{len(wide)} of {len(records)} lines have cells between them"
            format_ = (
                Choice(setting="format", value="delimited", why="a mark stands between the cells"),
                Choice(setting="delimiter", value=delimiter, why=why),
                *told,
            )
            yield from _of_records(records, format_, is_all=is_all)
    try:
        with text.decoded(file, encoding) as opened:
            lines = list(islice(text.lines(opened), MOST_ROWS))
    except InvalidInput as failure:
        yield failure
        return
    yield from _fixed([(number, line.rstrip("\r\n\x1a")) for number, line in lines], told, is_all=is_all)


def _encoding(file: BinaryIO) -> tuple[str, tuple[Choice, ...]]:
    """Find the encoding; what a mark, zero bytes or UTF-8 say needs no setting."""
    found = text.encoding_of(file, "")
    if found:
        return found, ()
    for encoding in ("cp1252", "iso-8859-1"):
        try:
            file.seek(0)
            file.read().decode(encoding)
        except UnicodeDecodeError:
            continue
        why = "it is not UTF-8; if letters come out wrong, name another one"
        return encoding, (Choice(setting="encoding", value=encoding, why=why, is_sure=False),)
    raise AssertionError("every byte is a letter of iso-8859-1")


# ---- workbooks


def of_workbook(file: BinaryIO) -> Iterator[Sample | InvalidInput]:
    """Yield every sheet as a table."""
    names = xlsx.sheets(file)
    for at, name in list(enumerate(names, 1))[:MOST_SHEETS]:
        try:
            records = list(islice(xlsx.records(file, at), MOST_ROWS + 1))
        except InvalidInput as failure:
            yield failure
            continue
        why = "the only sheet" if len(names) == 1 else f"of {len(names)} sheets the one with counts"
        is_named = bool(name.strip()) and names.count(name) == 1
        sheet = Choice(setting="sheet", value=name if is_named else at, why=why, is_sure=is_named)
        format_ = (Choice(setting="format", value="xlsx", why="a workbook"), sheet)
        yield from _of_records(records[:MOST_ROWS], format_, is_all=len(records) <= MOST_ROWS)


# ---- records


def _of_records(
    records: Sequence[Record], format_: tuple[Choice, ...], *, is_all: bool
) -> Iterator[Sample | InvalidInput]:
    if not records:
        return
    records = [(line, [cell.strip() if type(cell) is str else cell for cell in cells]) for line, cells in records]
    width = int(median(_filled(cells) for _, cells in records))
    at, heading = _heading(records, width)
    body = list(records[at + 1 if heading.value else 0 :])
    body, closing = _without_footer(body, width) if is_all else (body, [])
    body, skipped = _without_remarks(body, width)
    if not body:
        return
    names = records[at][1] if heading.value else []
    columns = _columns(names, max(len(cells) for _, cells in body))
    beside = [
        Beside(f"{_letters(column)}{line}", cell, " ".join(cells[: column - 1]))
        for line, cells in records[: at if heading.value else 0]
        for column, cell in enumerate(cells, 1)
        if cell
    ]
    yield Sample(
        choices=(*format_, heading, *skipped, *closing),
        columns=columns,
        rows=tuple(tuple(cells[:MOST_COLUMNS]) for _, cells in body),
        beside=tuple(beside),
    )


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell) for cell in cells)


def _heading(records: Sequence[Record], width: int) -> tuple[int, Choice]:
    """Find where the headings stand: the line that names a SKU and a quantity, else the words above the numbers."""
    for at, (line, cells) in enumerate(records[:HEADING_WITHIN]):
        if _names(cells):
            told = tuple(cell for cell in cells if cell)[:3]
            return at, Choice(setting="heading_line", value=line, why="it names what stands below", samples=told)
    for at, (line, cells) in enumerate(records[:HEADING_WITHIN]):
        numbers = any(is_number(cell) or is_bound(cell) for cell in cells)
        if numbers and _filled(cells) >= NEARLY_FULL * width:
            break
        told = tuple(cell for cell in cells if cell)
        if not numbers and len(told) == len(set(told)) >= max(2, NEARLY_FULL * width):
            is_sure = any(points("sku", cell) > 0 for cell in told)
            why = "words above numbers" if is_sure else "words above numbers, though none is known to mean a SKU"
            return at, Choice(setting="heading_line", value=line, why=why, is_sure=is_sure, samples=told[:3])
    return 0, Choice(setting="heading_line", value=0, why="no line of headings was seen: columns go by their places")


def _names(cells: Sequence[str]) -> bool:
    """Whether a line names a SKU and a quantity, and nothing in it is a number."""
    if any(is_number(cell) for cell in cells):
        return False
    named = [{word for word in ("sku", "quantity") if points(word, cell) > 0} for cell in cells]
    of_sku, of_quantity = (sum(word in each for each in named) for word in ("sku", "quantity"))
    return bool(of_sku and of_quantity) and sum(bool(each) for each in named) > 1


def _columns(names: Sequence[str], width: int) -> tuple[Heading, ...]:
    found = []
    for at in range(min(max(width, len(names)), MOST_COLUMNS)):
        name = names[at] if at < len(names) else ""
        column: Column = name if name and list(names).count(name) == 1 else at + 1
        found.append(Heading(column, str(name)))
    return tuple(found)


def _without_footer(body: list[Record], width: int) -> tuple[list[Record], list[Choice]]:
    """Take off what closes a file: a total, a trailer."""
    if len(body) < LEAST_LINES:
        return body, []
    line, cells = body[-1]
    first = next(cell for cell in cells if cell)
    leads = _LEADS.match(first)
    is_word = bool(_CLOSES.match(first))
    is_short = _filled(cells) * 2 < width
    rest = body[:-1]
    if not leads or not (is_word or is_short) or any(next(filter(None, each)).startswith(leads[0]) for _, each in rest):
        return body, []
    counts = [at for at, cell in enumerate(cells, 1) if is_whole(cell) and cell.partition(".")[0] == str(len(rest))]
    value: dict[str, object] = {"starts_with": [leads[0]]} | ({"count": counts[0]} if counts else {})
    why = "the last row is none: with a footer a file without it is cut off"
    why += ", and its number is held against the rows" if counts else ""
    sure = is_word and bool(counts)
    return rest, [Choice(setting="footer", value=value, why=why, is_sure=sure, samples=(f"line {line}", first))]


def _without_remarks(body: list[Record], width: int) -> tuple[list[Record], list[Choice]]:
    """Take out rows that are none, and say how they begin."""
    marks: dict[str, str] = {}
    rows, odd = [], []
    for line, cells in body:
        first = next(cell for cell in cells if cell)
        remark = _REMARK.match(first) if _filled(cells) * 2 < width else None
        if remark:
            marks.setdefault(remark[0], first)
        elif _filled(cells) == 1 and width >= LEAST_LINES:
            odd.append(first)
        else:
            rows.append((line, cells))
    found = []
    if marks:
        why = "rows that begin so are remarks"
        found.append(Choice(setting="skips", value=sorted(marks), why=why, is_sure=False, samples=_shown(marks)))
    if odd:
        why = f"{len(odd)} rows have one cell only and are refused; if they are titles, say how they begin"
        found.append(Choice(setting="skips", value=None, why=why, is_sure=False, samples=tuple(odd[:2])))
    return rows, found


def _shown(marks: dict[str, str]) -> tuple[str, ...]:
    return tuple(marks.values())[:2]


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


# ---- fixed width


def _fixed(lines: list[tuple[int, str]], told: tuple[Choice, ...], *, is_all: bool) -> Iterator[Sample]:
    """Read lines whose cells stand at fixed places: between them is a column of blanks on every line."""
    lines = [(number, line) for number, line in lines if line.strip()]
    if len(lines) < LEAST_LINES or any(len(line) > LONGEST_FIXED for _, line in lines):
        return
    inner = [lines, lines[1:], lines[:-1], lines[1:-1]]  # a header, a trailer may be among them
    spans, counted = next(filter(None, map(_cells, inner)), ([], []))
    if not spans:
        return
    header = 0
    while header < MOST_HEADER_LINES and not _counts(lines[header][1], spans, counted):
        header += 1
    body = lines[header:]
    closing: list[Choice] = []
    if is_all and body and not _counts(body[-1][1], spans, counted):
        closing = _trailer(body[-1][1], len(body) - 1)
        body = body[:-1]
    above = lines[header - 1][1] if header else ""
    why = "no mark stands between the cells, but blanks at the same places of every line"
    format_ = (
        Choice(setting="format", value="fixed", why=why, is_sure=False),
        *told,
        Choice(setting="heading_line", value=lines[header - 1][0] if header else 0, why="rows come after it"),
    )
    yield Sample(
        choices=(*format_, *closing),
        columns=tuple(Heading(f"{each.start + 1}-{each.stop}", above[each].strip()) for each in spans),
        rows=tuple(tuple(line[each].strip() for each in spans) for _, line in body),
        beside=tuple(
            Beside(f"{number}:{found.start() + 1}-{found.end()}", found[0], line[: found.start()])
            for number, line in lines[:header]
            for found in _TIME_IN_LINE.finditer(line)
        ),
        doubt=3,
    )


def _cells(lines: Sequence[tuple[int, str]]) -> tuple[list[slice], list[int]] | None:
    """Find the cells of lines, and which of them are numbers throughout; None where they are not rows of counts."""
    if not lines:
        return None
    spans = _spans([line for _, line in lines])
    counted = [at for at, span in enumerate(spans) if all(is_whole(line[span].strip()) for _, line in lines)]
    return (spans, counted) if len(spans) > 1 and counted else None


def _counts(line: str, spans: Sequence[slice], counted: Sequence[int]) -> bool:
    return any(is_whole(line[spans[at]].strip()) for at in counted) and bool(line[spans[0]].strip())


def _spans(lines: Sequence[str]) -> list[slice]:
    """Find the cells: runs of places that are not blank on every line, each with the blanks that belong to it."""
    width = max(len(line) for line in lines)
    blank = [all(at >= len(line) or line[at] == " " for line in lines) for at in range(width)]
    runs: list[tuple[int, int]] = []
    for at in range(width):
        if not blank[at]:
            if runs and runs[-1][1] == at:
                runs[-1] = (runs[-1][0], at + 1)
            else:
                runs.append((at, at + 1))
    runs = [piece for run in runs for piece in (_parted(lines, run) if run != runs[0] else [run])]
    spans = []
    for at, (begins, ends) in enumerate(runs):
        # a number stands to the right of its place, a text to the left
        begin = runs[at - 1][1] if at and _is_right(lines, begins, ends) and _is_left(lines, *runs[at - 1]) else begins
        following = runs[at + 1] if at + 1 < len(runs) else None
        takes = following and _is_left(lines, begins, ends) and not _is_right(lines, *following)
        spans.append(slice(begin, following[0] if following and takes else ends))
    return [slice(0, each.stop) if at == 0 else each for at, each in enumerate(spans)]


def _parted(lines: Sequence[str], run: tuple[int, int]) -> list[tuple[int, int]]:
    """Part a run where on every line digits end and letters begin: a count and its unit."""
    begins, ends = run
    for at in range(begins + 1, ends):
        if all(line[begins:at].strip().isdigit() and line[at : at + 1].isalpha() for line in lines):
            return [(begins, at), (at, ends)]
    return [run]


def _is_right(lines: Sequence[str], begins: int, ends: int) -> bool:
    return all(is_number(line[begins:ends].strip()) and line[ends - 1 : ends].strip() for line in lines)


def _is_left(lines: Sequence[str], begins: int, _ends: int) -> bool:
    return all(line[begins : begins + 1].strip() for line in lines)


def _trailer(line: str, rows: int) -> list[Choice]:
    leads = _LEADS.match(line)
    if leads is None:
        why = "the last line is no row, and how it begins is not plain: it is refused"
        return [Choice(setting="footer", value=None, why=why, is_sure=False, samples=(line.strip(),))]
    value: dict[str, object] = {"starts_with": [leads[0]]}
    counted = re.search(r"[0-9]+", line)
    if counted and int(counted[0]) == rows:
        value["count"] = f"{counted.start() + 1}-{counted.end()}"
    why = "the last line closes the file: without it a file is cut off"
    return [Choice(setting="footer", value=value, why=why, is_sure="count" in value, samples=(line.strip(),))]
