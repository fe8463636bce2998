"""`truestock config`: rules and facts, from a folder of files to the cloud.

Rules are one object that keeps its versions; facts (products, kits, substitutes, listings, suppliers' SKUs) are items,
of which only what differs is written.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli import differences, files
from cli.differences import Changed, RuleChange
from cli.mistakes import WrongFile
from cli.screen import Screen
from cli.session import JsonOption, Session, reads, writes
from cli.supplier_codes import count_mapped
from shared.domain import times
from shared.domain.messages import Refresh, Scope
from shared.domain.rules import parse
from shared.runtime import clock
from shared.storage.facts import Difference, Facts

app = typer.Typer(help="Rules and facts: find mistakes, see what differs, make it current, go back.")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where rules.yaml and the csv files are.")]

MOST_VERSIONS = 50
SEEN_WITHIN_SECONDS = 35
"""A little longer than a function goes by the rules it has."""


@app.command()
def check(folder: Folder = Path("config"), *, is_json: JsonOption = False) -> None:
    """Find all mistakes in a folder."""
    screen = Screen(is_json=is_json)
    try:
        read = files.read(folder)
    except WrongFile as wrong:
        mistakes = [asdict(mistake) for mistake in wrong.mistakes]
        screen.answer({"folder": folder, "is_right": False, "mistakes": mistakes})
        raise
    counts = {
        "channels": len(read.rules.channels),
        "sources": len(read.rules.sources),
        "products": len(read.facts.products),
        "supplier_skus": len(read.facts.codes),
    }
    screen.answer({"folder": folder, "is_right": True, "version": read.rules.version, **counts})
    told = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items())
    screen.tell(f"{folder} is right: rules version {read.rules.version}, {told}")


@app.command()
@reads
def diff(session: Session, folder: Folder = Path("config")) -> None:
    """Say what differs between a folder and what is current."""
    read = files.read(folder)
    before = session.target.config().document()
    rules = differences.of_rules(before, read.document)
    facts = Facts(session.target.stock()).difference(read.facts)
    for line in _described(rules, facts, is_first=before is None):
        session.tell(line)
    session.answer(_document(rules, facts))


@app.command()
@writes
def push(session: Session, folder: Folder = Path("config")) -> None:
    """Check a folder and make it current: rules as a new version, facts as a difference."""
    read = files.read(folder)
    config, facts = session.target.config(), Facts(session.target.stock())
    before = config.document()
    rules, difference = differences.of_rules(before, read.document), facts.difference(read.facts)
    document = _document(rules, difference)
    for line in _described(rules, difference, is_first=before is None):
        session.tell(line)
    if not rules and difference.is_empty:
        session.answer(document | {"is_written": False})
        session.tell("nothing differs from what is current: nothing was written")
        if not session.dry_run:
            count_mapped(session, read.rules.sources)  # in case an earlier push broke off before it asked
        return
    is_written = session.agree([])
    if is_written:
        config.push(read.document, actor=session.actor, reason=session.reason)
        facts.push(difference, times.text(clock.now()))
        session.tell("pushed; functions see it within half a minute")
        announce(session, differences.changed(before, read.document, difference))
        count_mapped(session, read.rules.sources, [change.after for change in difference.codes])
    session.answer(document | {"is_written": is_written})


@app.command()
@writes
def rollback(
    session: Session, version: Annotated[str, typer.Argument(metavar="[VERSION]", help="The id of a version.")] = ""
) -> None:
    """Make kept rules current again; without VERSION list what is kept.

    Facts (products, kits, substitutes, listings, suppliers' SKUs) are not rolled back: push the files as they were.
    """
    config = session.target.config()
    if not version:
        kept = config.versions(MOST_VERSIONS)
        marks = ["now" if each.is_current else "" for each in kept]
        rows = [
            (each.id, times.text(each.pushed_at), mark, each.version, each.actor, each.reason)
            for each, mark in zip(kept, marks, strict=True)
        ]
        session.table("kept rules, newest first", ["id", "pushed at", "current", "version", "who", "why"], rows)
        session.answer([asdict(each) for each in kept])
        return
    found = config.ids(version)
    if len(found) != 1:
        told = f"{len(found)} versions begin with it" if found else "no kept version has this id"
        raise typer.BadParameter(f"{version}: {told}; see `truestock config rollback`", param_hint="VERSION")
    before, wanted = config.document(), config.document(found[0])
    parse(wanted)
    rules = differences.of_rules(before, wanted)
    is_written = bool(rules) and session.agree([f"rules of version {found[0]} become current:", *_lines(rules)])
    if is_written:
        reason = f"rollback to {found[0]}" + (f": {session.reason}" if session.reason else "")
        config.push(wanted, actor=session.actor, reason=reason)
        session.tell("these rules are current again; facts (products, kits, listings, ...) stay as they are")
        announce(session, differences.changed(before, wanted, Difference()))
    elif not rules:
        session.tell("these rules are current already: nothing was written")
    session.answer({"id": found[0], "rules": [asdict(change) for change in rules], "is_written": is_written})


def announce(session: Session, changed: Changed) -> None:
    """Let the shops be told what a push changed, once the functions have seen it."""
    if changed:
        named = [(Scope.CHANNEL, changed.channels), (Scope.SOURCE, changed.sources), (Scope.SKU, changed.skus)]
        session.target.send(
            "ChannelQueueUrl",
            (Refresh(scope=scope, name=name) for scope, names in named for name in names),
            delay_seconds=SEEN_WITHIN_SECONDS,
        )
        told = [f"{scope}s {', '.join(names)}" for scope, names in named[:2] if names]
        told += [f"{len(changed.skus)} SKUs"] if changed.skus else []
        session.tell(f"shops are told what differs: {'; '.join(told)}")


def _described(rules: list[RuleChange], facts: Difference, *, is_first: bool) -> list[str]:
    told = ["rules: the first ones"] if is_first else ["rules: as they are", *_lines(rules)]
    if rules and not is_first:
        told[0] = f"rules, settings that differ: {len(rules)}"
    return told + differences.described(facts)


def _lines(rules: list[RuleChange]) -> list[str]:
    return [f"  {change}" for change in rules]


def _document(rules: list[RuleChange], facts: Difference) -> dict[str, object]:
    return {
        "rules": [asdict(change) for change in rules],
        "products": {"changed": facts.skus, "unchanged": facts.unchanged_products},
        "supplier_skus": {
            "changed": [f"{each.after.supplier} {each.after.code}" for each in facts.codes],
            "unchanged": facts.unchanged_codes,
        },
    }
