"""Search the protocols, or take one condition away and tell how they break: `python -m tests.model --without X`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.model import worlds
from tests.model.conditions import RULES, names
from tests.model.search import Searched, search


def main(arguments: list[str], say: Callable[[str], object] = print) -> int:
    """List what can be taken away and search everything, or show the shortest interleaving without one."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--without", metavar="CONDITION", help="a condition, or words that only one of them has")
    wanted = parser.parse_args(arguments).without
    if not wanted:
        return _search_all(say)
    found = [name for name in names() if name == wanted] or [name for name in names() if wanted in name]
    if len(found) != 1:
        say("which one?" if found else "no condition is called so; there are:")
        for name in found or names():
            say(f"  {name}")
        return 2
    _show(found[0], say)
    return 0


def _search_all(say: Callable[[str], object]) -> int:
    say("what can be taken away (make model WITHOUT='...'):")
    for name in names():
        say(f"  {name}{f' - without it {RULES[name]}' if name in RULES else ''}")
    say("")
    states = 0
    for world in worlds.WORLDS:
        searched = search(worlds.model(world))
        states += searched.states
        say(f"{searched.states:>8} states  {world}{f': {searched.wrong}' if searched.wrong else ''}")
        if searched.wrong:
            _tell(searched, say)
            return 1
    say(f"{states:>8} states, and nothing breaks")
    return 0


def _show(name: str, say: Callable[[str], object]) -> None:
    if name in worlds.IDLE:
        why, world = worlds.IDLE[name]
        searched = search(worlds.model(world, name))
        say(f"{world}, without '{name}': {searched.states} states, and nothing breaks, for {why}")
        return
    first, world = worlds.BEHIND.get(name, ("", worlds.NEEDED.get(name, "")))
    beside = f" and without '{first}', behind which it stands" if first else ""
    searched = search(worlds.model(world, name, *([first] if first else [])))
    say(f"{world}, without '{name}'{beside}:")
    _tell(searched, say)


def _tell(searched: Searched, say: Callable[[str], object]) -> None:
    for number, step in enumerate(searched.trace, 1):
        say(f"  {number:>2}. {step}")
    say(f"  =>  {searched.wrong}  ({searched.states} states seen)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
