"""What a command says: lines and tables for a person, or one JSON document for a program."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_AMOUNT = re.compile(r"-?[0-9]+\.[0-9]+|")
WIDE = 200
"""Columns of output that no terminal takes: a table in a file is not folded."""


@dataclass(kw_only=True)
class Screen:
    """Talks to a person on stdout; with `is_json` only `answer` writes there, and every remark goes to stderr."""

    is_json: bool = False

    @property
    def console(self) -> Console:
        """Open what people read."""
        stream = sys.stderr if self.is_json else sys.stdout
        return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False)

    def tell(self, text: str) -> None:
        """Say one thing, as it is."""
        self.console.print(text, markup=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Show rows; numbers stand to the right. With `is_json` nothing: `answer` says the same to programs."""
        if self.is_json:
            return
        shown = list(rows)
        table = Table(box=None, pad_edge=False)
        for at, column in enumerate(columns):
            is_number = bool(shown) and all(_is_number(row[at]) for row in shown)
            table.add_column(
                escape(column), justify="right" if is_number else "left", header_style="dim", overflow="fold"
            )
        for row in shown:
            table.add_row(*("" if value is None else escape(str(value)) for value in row))
        self.console.print(title, style="bold", markup=False, soft_wrap=True)
        self.console.print(table)

    def answer(self, document: object) -> None:
        """Write the one document of `--json`; without it nothing."""
        if self.is_json:
            print(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def _is_number(value: object) -> bool:
    """Whether it is a whole number, or an amount as `money.decimal` writes it."""
    return isinstance(value, int) or (isinstance(value, str) and bool(_AMOUNT.fullmatch(value)))
