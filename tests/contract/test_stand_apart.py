"""What judges the service, and what stands opposite to it, share no code with it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JUDGED = {"functions", "shared", "cli"}


def imported(module: Path) -> set[str]:
    """Every module a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(name)):
                names |= {name, *(f"{name}.{alias.name}" for alias in node.names)}
            case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module")):
                names.add("functions")  # what is imported by a text cannot be judged: it is not allowed here
    return names


def reached(name: str) -> set[str]:
    """Every module that a module of `local` imports, through other modules of `local` too."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        file = ROOT / f"{at.replace('.', '/')}.py"
        if at in seen or not file.exists():
            continue
        seen.add(at)
        found = imported(file)
        seen |= {each for each in found if not each.startswith("local")}
        waiting += [each for each in found if each.startswith("local.")]
    return seen


@pytest.mark.parametrize(
    "name",
    [
        "local.readback",
        "local.shop",
        "local.woo_shop",
        "local.bigcommerce_shop",
        "local.generic_shop",
        "local.drawn",
        "local.day",
    ],
)
def test_it_imports_nothing_of_what_it_judges(name: str) -> None:
    modules = reached(name)

    assert name in modules
    assert {each for each in modules if each.partition(".")[0] in JUDGED} == set()


def test_an_import_of_what_is_judged_is_found(tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.py"
    spoiled.write_text("def read():\n    from shared.storage import keys\n    return keys\n")

    assert "shared.storage" in imported(spoiled)
