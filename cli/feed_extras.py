"""What a foreign file may tell besides SKUs and quantities: costs, GTINs, states, packs, its own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.feed_names import points
from cli.feed_samples import Choice, Sample
from cli.feed_seen import LEAST_FOR_A_PATTERN, MOST, SEVERAL, SURE, Seen
from cli.feed_values import time_in
from shared.domain import quantities

MOST_STATES = 8

UNITS = frozenset({"ea", "each", "pc", "pcs", "dz", "doz", "cs", "pk", "bx", "pr", "st", "stk"})
STATES = {
    "active": "a active y yes ok current aktiv normal live",
    "discontinued": "d disc discontinued eol obsolete clearance auslauf closeout phaseout",
    "unsellable": "x blocked recalled deleted inactive suspended gesperrt",
}
FLAGS = {  # in the name of a column of true and false -> what each of them says
    "discontinued": ("discontinued", "active"),
    "allocated": ("unsellable", "active"),
    "active": ("active", "unsellable"),
    "available": ("active", "unsellable"),
}
LATER = ("next", "expir", "until", "due", "valid")
DATED = ("date", "as of", "as at", "stand", "created", "generated", "stock", "time", "export", "updated")


def costs(rest: Sequence[Seen]) -> Iterator[Choice]:
    """Find what a piece costs."""
    money = [each for each in rest if each.numbers >= MOST and each.gtins < MOST]
    named = sorted(
        (each for each in money if points("cost", each.name) > 0),
        key=lambda each: (-points("cost", each.name), each.steps, each.at),
    )
    if named:
        first, *others = named
        is_sure = points("cost", first.name) >= SURE and not others
        why = "named so, all of it numbers"
        if others:
            why = f"is it what you pay? {', '.join(each.said for each in others[:SEVERAL])} may be it too"
        yield Choice(setting="columns.cost", value=first.column, why=why, is_sure=is_sure, samples=first.samples)
        return
    fractions = [each for each in money if each.wholes < MOST and points("cost", each.name) == 0]
    if fractions:
        told = ", ".join(each.said for each in fractions[:SEVERAL])
        why = f"prices may stand in {told}: name what you pay, if it is one"
        yield Choice(setting="columns.cost", value=None, why=why, is_sure=False, samples=fractions[0].samples)


def gtins(rest: Sequence[Seen]) -> Iterator[Choice]:
    """Find GTINs: by their check digits, rather than by a name."""
    for each in sorted(rest, key=lambda each: -points("gtin", each.name)):
        named = points("gtin", each.name) > 0
        if each.gtins >= MOST and (named or len(each.cells) >= LEAST_FOR_A_PATTERN // 4):
            why = f"check digits hold in {100 * each.gtins:.0f} %"
            yield Choice(setting="columns.gtin", value=each.column, why=why, is_sure=named, samples=each.samples)
            return
        if named:
            why = f"{each.said} is named so, but check digits hold in {100 * each.gtins:.0f} % only: it is left out"
            yield Choice(setting="columns.gtin", value=None, why=why, is_sure=False, samples=each.samples)


def states(rest: Sequence[Seen]) -> Iterator[Choice]:
    """Find words that say whether an article is sold on."""
    named = [each for each in rest if points("status", each.name) >= SURE and len(set(each.cells)) <= MOST_STATES]
    named = [each for each in named if not each.numbers]
    for each in sorted(named, key=lambda each: -points("status", each.name))[:1]:
        words = ["true", "false"] if each.is_flag else list(dict.fromkeys(map(quantities.word, each.cells)))
        known = {word: _state(word, each) for word in words}
        why = "its words say whether an article is sold on; a word that is not named below is refused"
        is_sure = not each.is_flag and all(known.values())
        if not any(known.values()):
            why = f"{each.said} may say what is discontinued: {', '.join(words)[:60]}"
            yield Choice(setting="columns.status", value=None, why=why, is_sure=False, samples=each.samples)
            return
        yield Choice(setting="columns.status", value=each.column, why=why, is_sure=is_sure, samples=each.samples)
        for word, state in known.items():
            told = "as such words mean mostly" if state else f"{word!r}: active, discontinued or unsellable?"
            is_told = bool(state) and len(word) > 1  # a letter may mean anything
            yield Choice(setting=f"status.{word}", value=state or None, why=told, is_sure=is_told)


def _state(word: str, column: Seen) -> str:
    if column.is_flag:
        flag = next((each for each in FLAGS if each in column.name.casefold()), "")
        return FLAGS[flag][0 if word == "true" else 1] if flag else ""
    return next((state for state, words in STATES.items() if word in words.split()), "")


def packs(rest: Sequence[Seen]) -> Iterator[Choice]:
    """Ask about what may be packs: a wrong factor multiplies every count."""
    for each in rest:
        if points("pack", each.name) >= SURE or set(map(str.casefold, each.cells)) <= UNITS:
            why = f"if quantities count packs of {each.said}: add columns.pack, and packs for words such as DZ"
            yield Choice(setting="columns.pack", value=None, why=why, is_sure=False, samples=each.samples)
            return


def as_of(sample: Sample) -> Iterator[Choice]:
    """Find the time that a file says it was taken at."""
    for at, text, label in sample.beside:
        hint = f"{label} {at}".casefold()
        time = time_in(text, is_dated=any(word in hint for word in DATED))
        if time is None:
            continue
        if any(word in hint for word in LATER):
            why = f"a time stands at {at!r}, but its name speaks of a later one"
            yield Choice(setting="as_of", value=None, why=why, is_sure=False, samples=(text,))
            continue
        value = {"at": at} | ({"format": time.format} if time.format else {})
        is_told = any(word in hint for word in DATED) and not time.doubt
        why = time.doubt or ("its name says so" if is_told else "is it when the stock was counted?")
        why += "; without a zone it is the source's"
        yield Choice(setting="as_of", value=value, why=why, is_sure=is_told, samples=(text,))
        return
