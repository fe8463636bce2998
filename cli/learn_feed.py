"""`truestock feeds learn`: a profile drafted from a file, for a person to confirm. What is not sure is said so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
import yaml

from cli import feed_columns, feed_tables, feed_trees
from cli.feed_samples import LONGEST_SAMPLE, MOST_BYTES, Choice, Sample
from cli.session import Session, reads
from cli.try_file import MOST_SHOWN, show_refusals, show_rows, taken_of
from shared.domain import money, profiles
from shared.domain.names import SourceId, name
from shared.domain.places import Place
from shared.domain.profiles import FeedProfile
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.flows import read_files
from shared.formats import containers
from shared.runtime import clock

ZIP = b"PK"
PACKED_TWICE = frozenset({"container_nested", "container_members", "container_path"})
"""How a workbook fails that is opened as a zip with a file in it."""


@reads
def learn_file(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    *,
    supplier: Annotated[str, typer.Option("--supplier", metavar="S", help="Whose file it is.")] = "",
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", exists=True, file_okay=False, help="Write DIR/learned-S.yaml, once."),
    ] = None,
    currency: Annotated[str, typer.Option("--currency", help="Of its costs.")] = "EUR",
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many rows of each kind.")] = MOST_SHOWN,
) -> None:
    """Draft from a file how it reads, and try the draft on it. Look at each CONFIRM, then put it into rules.yaml.

    Fails when the file would be held by what was drafted. The rules are never changed.
    """
    money.exponent(currency)
    into = _new_file(write, supplier) if write else None
    with file.open("rb") as opened:
        choices = learn(opened)
        drafted = draft(choices)
        source = Source(
            source=SourceId(supplier or "learned"),
            name=supplier or "learned",
            currency=currency,
            zone="UTC",
            feed=profile_of(drafted),
        )
        session.tell(drafted)
        session.table("why", ["setting", "value", "sure", "because", "seen"], [_row(each) for each in choices])
        taken, failure = taken_of(opened, source, clock.now())
        session.tell(f"tried on the file: {taken}")
        show_rows(session, opened, source, most)
        with read_files.reading(opened, source) as found:
            failure = failure or found.failure
            session.tell(f"{found.tally.read} rows, {found.tally.refused} refused")
            show_refusals(session, found, most)
    if failure:
        session.tell(f"would be held: {failure.message}: {failure.details}")
    if into:
        with into.open("x", encoding="utf-8") as written:
            written.write(drafted)
        session.tell(f"written to {into}; rules.yaml is as it was")
    session.answer(
        {
            "file": str(file),
            "draft": drafted,
            "choices": [asdict(each) for each in choices],
            "read": found.tally.read,
            "refused": found.tally.refused,
            "refusals": [asdict(each) for each in found.refusals],
            "failure": str(failure) if failure else None,
            "written": str(into) if into else None,
        }
    )
    if failure:
        raise typer.Exit(1)


def learn(file: BinaryIO) -> tuple[Choice, ...]:
    """Find how a file reads, from its first rows. Raises InvalidInput when nothing in it looks like counts."""
    best: tuple[float, tuple[Choice, ...]] | None = None
    failures: list[InvalidInput] = []
    for sample in _samples(file):
        if isinstance(sample, InvalidInput):
            failures.append(sample)
            continue
        learned = feed_columns.learn(sample)
        if learned and (best is None or learned.score > best[0]):
            best = learned.score, (*sample.choices, *learned.choices)
    if best:
        first, *others = best[1]
        return replace(first, why=first.why + _wrapping(file, first)), *others
    if failures:
        raise failures[-1]
    raise InvalidInput("no SKUs with quantities are seen in it", code="nothing_learned")


def _wrapping(file: BinaryIO, format_: Choice) -> str:
    file.seek(0)
    head = file.read(len(containers.ZIP))
    if head.startswith(containers.GZIP):
        return ", inside of gzip, which needs no setting"
    if head.startswith(ZIP) and format_.value != "xlsx":
        return ", inside of a zip, which needs no setting"
    return ""


def _samples(file: BinaryIO) -> Iterator[Sample | InvalidInput]:
    """Yield every way to read the beginning of a file."""
    try:
        with containers.unwrapped(file, is_workbook=False) as inner:
            head = inner.read(MOST_BYTES + 1)
    except InvalidInput as failure:
        if failure.code not in PACKED_TWICE:
            raise
        with containers.unwrapped(file, is_workbook=True) as inner:
            is_zip = inner.read(len(ZIP)) == ZIP
            if not is_zip:
                raise
            yield from feed_tables.of_workbook(inner)
        return
    is_all = len(head) <= MOST_BYTES
    marks = head[:64].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if marks.startswith(b"<"):
        yield from feed_trees.of_xml(head)
    elif marks.startswith((b"{", b"[")):
        yield from feed_trees.of_json(head, is_all=is_all)
    else:
        end = len(head) if is_all else head.rfind(b"\n") + 1 or len(head)
        yield from feed_tables.of_text(head[:end], is_all=is_all)


# ---- the draft


def draft(choices: Sequence[Choice]) -> str:
    """Write the block `feed:`; whatever a person has to look at has a line `# CONFIRM:` above it."""
    lines = ["feed:"]
    tables: dict[str, list[Choice]] = {}
    for each in choices:
        tables.setdefault(each.setting.partition(".")[0], []).append(each)
    for setting, found in tables.items():
        nested = [each for each in found if "." in each.setting]
        lines += [line for each in found if "." not in each.setting for line in _lines(setting, each, "  ")]
        if any(each.value is not None for each in nested):
            lines.append(f"  {setting}:")
        for each in nested:
            lines += _lines(each.setting.partition(".")[2], each, "    ")
    return "\n".join(lines) + "\n"


def profile_of(drafted: str) -> FeedProfile:
    """Read a draft as the rules would."""
    return profiles.parse(Place("feed", yaml.safe_load(drafted)["feed"]))


def _lines(setting: str, choice: Choice, indent: str) -> list[str]:
    why = _shown(choice.why)
    seen = f" (seen: {', '.join(map(_quoted, choice.samples))})" if choice.samples else ""
    if choice.value is None:
        return [f"{indent}# CONFIRM: {setting}: {why}{seen}"]
    line = f"{indent}{_yaml(setting)}: {_yaml(choice.value)}"
    return [f"{line} # {why}{seen}"] if choice.is_sure else [f"{indent}# CONFIRM: {why}{seen}", line]


def _yaml(value: object) -> str:
    """Write a value so that it stands on one line."""
    for style in (None, '"'):  # what a plain style would break into lines is escaped
        told = yaml.safe_dump(
            value, default_style=style, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
        )
        told = told.removesuffix("\n").removesuffix("\n...")
        if told.isprintable():
            break
    return told


def _quoted(text: str) -> str:
    return _shown(json.dumps(text[:LONGEST_SAMPLE], ensure_ascii=False))


def _shown(text: str) -> str:
    """Keep a remark on its line: nothing of a foreign file may end it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _row(choice: Choice) -> tuple[object, ...]:
    value = "" if choice.value is None else _yaml(choice.value)
    samples = ", ".join(_quoted(each) for each in choice.samples)
    return choice.setting, value, "yes" if choice.is_sure else "CONFIRM", choice.why, samples


def _new_file(folder: Path, supplier: str) -> Path:
    if not supplier:
        raise typer.BadParameter("say whose file it is", param_hint="--supplier")
    called = f"learned-{name(supplier, 'supplier')}.yaml"
    path = folder / called
    if Path(called).name != called:
        raise InvalidInput("a supplier's name with a path", code="name_characters", what="supplier", value=supplier)
    if path.exists():
        raise InvalidInput("it is there already: move it away first", code="draft_exists", file=str(path))
    return path
